#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What a host may ask for, and how much of the target it can get: limits are
# announced, and nobody can take more than docs/limits.md says.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

TRACING=/sys/kernel/tracing

# greedy CASE [ARGUMENT...]
greedy()
{
	in_host "$SELFTESTS/lib/greedy.py" "$1" "$ADDR" "$PORT" "$NQN" "${@:2}"
}

# ours: what the C target does not do
ours()
{
	[ "$PORT_TR" = mptcp ] || skip "the C target does it differently"
}

# No kernel memory in what a command leaves of its data.
leftovers()
{
	local dir=$NVMET/subsystems/$NQN/namespaces/1

	ours
	echo 0 >"$dir/enable"
	echo 1 >"$dir/resv_enable"
	echo 1 >"$dir/enable"
	expect "bytes that the report did not write and are not 0" 0 "$(greedy leftovers)"
}

largest_transfer()
{
	local ctrl disk queue

	ours
	ctrl=$(attach)
	disk=$(disk "$ctrl")
	queue=/sys/block/${disk#/dev/}/queue
	expect "MDTS" 10 "$(nvme id-ctrl "/dev/$ctrl" -o json | jq .mdts)"
	expect_between "max_hw_sectors_kb" 4 4096 "$(cat "$queue/max_hw_sectors_kb")"
	cat "$queue/max_hw_sectors_kb" >"$queue/max_sectors_kb"
	dd if="$disk" of=/dev/null bs=8M count=4 iflag=direct status=none
}

# inline_size BYTES EXPECTED: what an I/O queue's capsule may hold is the
# administrator's choice, and no host is kept out by it.
inline_size()
{
	local ctrl disk

	port_remove 1
	port 1 "$ADDR" "$PORT" "param_inline_data_size=$1"
	publish 1 "$NQN"
	expect "the size that is used" "$2" "$(cat "$NVMET/ports/1/param_inline_data_size")"
	ctrl=$(attach)
	disk=$(disk "$ctrl")
	expect "IOCCSZ" $(((64 + $2) / 16)) "$(nvme id-ctrl "/dev/$ctrl" -o json | jq .ioccsz)"
	fio_verify "$disk" --bs=4k --size=256k
	detach "$ctrl"
	expect "8192 bytes for an admin command" command "$(greedy in-capsule 8192)"
	expect "more than that" "$3" "$(greedy in-capsule 12288)"
}

inline_default()
{
	target_up
}

deep_admin_queue()
{
	ours
	expect "4096 entries" 0x0 "$(greedy deep 4095)"
	expect "4097 entries" 0x182 "$(greedy deep 4096)"
}

# Nothing that is refused leaves half a controller behind.
refused_connect()
{
	ours
	expect "a Connect that is refused, and the next one" "0x182 0x0" "$(greedy refused-connect)"
	wait_for 20 "the controller is released" released
	limit 20 port_remove 1 ||
		fail "the port is not removed: $(grep -l '^State:.*D' /proc/[0-9]*/status | xargs)"
	target_up
}

large_connect()
{
	ours
	expect "4 MiB for Connect" refused "$(greedy large-connect)"
}

available_kb()
{
	awk '/^MemAvailable/ { print $2 }' /proc/meminfo
}

# hoard OPCODE: eight connections ask for 100 MiB each, and take nothing. They
# get no more than a share of the memory and one command each, and another host
# does not notice.
hoard()
{
	local ctrl disk before total allowed peer low took

	ours
	ctrl=$(attach)
	disk=$(disk "$ctrl")
	total=$(awk '/^MemTotal/ { print $2 }' /proc/meminfo)
	# An eighth of what there is, a command and the buffer of a socket for
	# each connection, and some for the rest of the machine.
	allowed=$((total / 8 + 8 * (4096 + 4096) + 65536))
	before=$(available_kb)
	rm -f "$TMP/end"
	mkfifo "$TMP/end"
	greedy hoard "$1" 8 25 >"$TMP/hoard" 2>&1 <"$TMP/end" &
	peer=$!
	exec 7>"$TMP/end"
	wait_for 60 "the hoard is complete" grep -q held "$TMP/hoard"

	fio_load "$disk" --rw=randread --bs=128k
	goes_on "$disk" "$LOAD" "beside the hoard"
	load_stop
	low=$(available_kb)
	took=$((before - low))
	note "took $((took / 1024)) MiB of $((total / 1024)), allowed $((allowed / 1024))"
	[ "$took" -le "$allowed" ] || fail "expected at most $allowed kB to be taken, got $took kB"
	exec 7>&-
	wait_for 60 "the hoard ends" gone "$peer"
	wait "$peer" || fail "$(cat "$TMP/hoard")"
	# Of 4 MiB each: one for each connection, and what fits into the eighth.
	[ "$1" != 1 ] || expect_between "writes that were asked for" 8 $((8 + total / 8 / 4096)) \
		"$(tail -n 1 "$TMP/hoard")"
	detach "$ctrl"
	wait_for 20 "the hoard is released" released
}

# slow_namespace SECONDS: the namespace is on a disk that takes that long
slow_namespace()
{
	backend slow 1 irqmode=2 completion_nsec=$(($1 * 1000000000)) hw_queue_depth=256
	namespace_remove "$NQN" 1
	namespace "$NQN" 1 /dev/slow
}

# Hosts that come and go leave connections behind faster than a slow disk lets
# go of them: at some point they have to wait.
abandon()
{
	local first seconds

	ours
	slow_namespace $((6 * SLOW))
	read -r first seconds <<<"$(greedy abandon 2 70)"
	expect "the status of a Connect meanwhile" 0x181 "$first"
	expect_between "seconds until one succeeds" 1 $((30 * SLOW)) "$seconds"
	wait_for 20 "all is released" released
	target_up
}

# rps CPU: packets for the target are handled there
rps()
{
	mkdir -p "$TMP/sys"
	# shellcheck disable=SC2016 # for the inner shell
	in_target unshare --mount bash -ec 'mount -t sysfs none "$1"
		for queue in "$1"/class/net/t*/queues/rx-0/rps_cpus; do echo "$2" >"$queue"; done' \
		- "$TMP/sys" "$((1 << $1))"
}

# work_cpus: of the target's connections, each once
work_cpus()
{
	sed -n 's/.*workqueue=nvmet_mptcp_wq .* cpu=\([0-9]*\)$/\1/p' "$TRACING/trace" | sort |
		uniq -c
}

# The work of a connection follows its packets to another CPU.
follows_packets()
{
	local ctrl disk cpu

	ours
	[ "$(nproc)" -gt 1 ] || skip "there is one CPU"
	rps 0
	ctrl=$(attach --nr-io-queues=1)
	disk=$(disk "$ctrl")
	echo 1 >"$TRACING/events/workqueue/workqueue_queue_work/enable"
	for cpu in 0 1; do
		rps "$cpu"
		run_fio --name=move --filename="$disk" --direct=1 --rw=randread --bs=4k \
			--number_ios=300 >/dev/null
		echo >"$TRACING/trace"
		run_fio --name=move --filename="$disk" --direct=1 --rw=randread --bs=4k \
			--number_ios=300 >/dev/null
		work_cpus >"$TMP/cpus"
		note "packets on CPU $cpu, works on:" \
			"$(awk '{ printf "%s: %s  ", $2, $1 }' "$TMP/cpus")"
		expect "the CPU that works most" "$cpu" \
			"$(sort -rn "$TMP/cpus" | awk 'NR == 1 { print $2 }')"
	done
}

# An answer that there is no memory for is sent when there is, even if nothing
# else happens on its connection.
starved_answer()
{
	local peer

	ours
	slow_namespace 2
	greedy patient >"$TMP/patient" 2>&1 &
	peer=$!
	wait_for 20 "the read is under way" grep -q held "$TMP/patient"
	echo "1 1 1" >/proc/sys/net/ipv4/tcp_mem
	# The disk is done after 2 s; nothing shows that.
	wait_until 4 grep -q answered "$TMP/patient" || :
	note "without memory: $(tail -n 1 "$TMP/patient")"
	echo "$TCP_MEM" >/proc/sys/net/ipv4/tcp_mem
	wait_for 5 "the answer" gone "$peer"
	wait "$peer" || fail "$(cat "$TMP/patient")"
	target_up
}

# Memory for sockets is gone for a while. When it is back, so is the I/O.
no_socket_memory()
{
	local ctrl disk

	ctrl=$(attach --reconnect-delay=1 --ctrl-loss-tmo=60)
	disk=$(disk "$ctrl")
	fio_load "$disk" --numjobs=2
	echo "8 16 24" >/proc/sys/net/ipv4/tcp_mem
	wait_until 3 false || :
	echo "$TCP_MEM" >/proc/sys/net/ipv4/tcp_mem
	goes_on "$disk" "$LOAD" "when the memory is back"
	# Of all queues: fio waits for what is under way.
	kill -TERM "$LOAD"
	load_ends 10
	note "reconnects: $(log_since_mark | grep -c 'Reconnecting\|error recovery' || :)"
}

undo()
{
	echo "$TCP_MEM" >/proc/sys/net/ipv4/tcp_mem
	echo 0 >"$TRACING/events/workqueue/workqueue_queue_work/enable"
}

TCP_MEM=$(cat /proc/sys/net/ipv4/tcp_mem)
setup
t "what a command leaves of its data is zeroed" leftovers
t "the largest transfer is announced" largest_transfer
for bytes in 0 512 16384; do
	t "inline data: $bytes" inline_size "$bytes" "$bytes" \
		"$([ "$bytes" -gt 8192 ] && echo command || echo capsule)"
done
t "inline data: more than can be" inline_size 2147483647 4194304 command
inline_default
t "admin queues of 4096" deep_admin_queue
t "a Connect that is refused" refused_connect
t "data before Connect" large_connect
t "reads that nobody takes" hoard 2
t "writes that nobody sends" hoard 1
t "connections that wait to be released" abandon
t "the work follows the packets" follows_packets
t "an answer without memory" starved_answer
t "no memory for sockets" no_socket_memory
finish
