#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Ours with the kernel's C drivers, in both directions: our host with a stock
# port, a stock host with our port. Both speak plain TCP then, or TLS over it.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

discovery()
{
	local trtype=4

	[ "$PORT_TR" = mptcp ] || trtype=3
	in_host nvme discover -t "$HOST_TR" -a "$ADDR" -s "$PORT" --hostnqn "$HOSTNQN" \
		--hostid "$HOSTID" ${TLS:+--tls} --raw "$TMP/log" >&2
	expect "transport type and address" "[$trtype,\"$ADDR\"]" \
		"$("$SELFTESTS/lib/discovery_log.py" "$TMP/log" |
		jq -c --arg nqn "$NQN" '.entries[] | select(.subnqn == $nqn) | [.trtype, .traddr]')"
}

# One TCP connection per queue, and no subflow besides.
plain_tcp()
{
	local ctrl

	ctrl=$(attach)
	read_some "$(disk "$ctrl")"
	expect "connections" "$(attr "$ctrl" queue_count)" "$(established)"
	expect "joins that the target has seen" 0 "$(mib target MPTcpExtMPJoinSynRx)"
	expect "transport" "$HOST_TR" "$(attr "$ctrl" transport)"
}

mix()
{
	fio_mix "$(disk "$(attach_raw "$1")")"
}

# Nobody may be able to make the host ask for more than the target takes, which
# is 4 MiB, even if it does not say so.
largest()
{
	local ctrl disk queue

	ctrl=$(attach)
	disk=$(disk "$ctrl")
	for queue in "$SYS/$ctrl"/nvme*n*/queue "/sys/block/${disk#/dev/}/queue"; do
		cat "$queue/max_hw_sectors_kb" >"$queue/max_sectors_kb"
	done
	dd if=/dev/zero of="$disk" conv=nocreat bs=16M count=2 oflag=direct status=none ||
		fail "large writes"
	dd if="$disk" of=/dev/null bs=16M count=2 iflag=direct status=none || fail "large reads"
}

kinds_of_queues()
{
	local ctrl

	ctrl=$(attach --nr-io-queues=1 --nr-write-queues=1 --queue-size=32)
	expect "queues" 3 "$(attr "$ctrl" queue_count)"
	fio_verify "$(disk "$ctrl")" --bsrange=512-64k --iodepth=64 --size=64m --io_size=4m
}

recovery()
{
	local ctrl disk

	ctrl=$(attach --reconnect-delay=1)
	disk=$(disk "$ctrl")
	limit 30 nvme reset "/dev/$ctrl" || fail "nvme reset"
	await_state "$ctrl" live
	port_remove 1
	await_state "$ctrl" connecting
	port 1 "$ADDR" "$PORT"
	publish 1 "$NQN"
	await_state "$ctrl" live 30
	fio_verify "$disk" --bsrange=512-64k --iodepth=16 --size=64m --io_size=2m
}

keep_alive()
{
	local ctrl

	ctrl=$(attach --keep-alive-tmo=1)
	stays_live "$ctrl" 3000
}

namespace_event()
{
	local ctrl

	ctrl=$(attach)
	namespace "$NQN" 2 /dev/mem
	grown "$ctrl" "$NQN" 2
	namespace_remove "$NQN" 2
}

# A port that is told to serves no plain TCP; MPTCP it does. It says so ten times
# in five seconds, and how often more.
no_fallback()
{
	local attribute=$NVMET/ports/7/param_no_fallback i

	PORT=4427
	port 7 "$ADDR" "$PORT"
	expect "param_no_fallback" 0 "$(cat "$attribute")"
	publish 7 "$NQN"
	read_some "$(disk "$(attach)")"
	host_clear
	expect_failure "changing an enabled port" tee "$attribute" <<<1
	withdraw 7 "$NQN"
	expect_failure "an attribute that is none" tee "$attribute" <<<maybe
	echo 1 >"$attribute"
	expect "param_no_fallback" 1 "$(cat "$attribute")"
	publish 7 "$NQN"

	log_mark
	expect_failure "connecting with TCP" attach
	log_since_mark |
		matches -E 'port 7: refused the host 10\.1\.1\.1:[0-9]+: it does not speak MPTCP' ||
		fail "the log does not say who was refused, and why: $(log_since_mark)"
	for ((i = 0; i < 40; i++)); do
		# refused: some find out while they connect, others do not
		socat -u OPEN:/dev/null "TCP:$ADDR:$PORT" 2>/dev/null || :
	done
	wait_for 10 "no connection is left" none_left
	expect_between "messages" 2 30 "$(log_since_mark | grep -c 'refused the host')"

	modprobe nvme-mptcp
	read_some "$(disk "$(HOST_TR=mptcp attach)")"
	host_clear
	port_remove 7
}

none_left()
{
	[ -z "$(in_target ss -Htn state established "sport = :$PORT")" ]
}

rounds()
{
	local i ctrl

	for ((i = 1; i <= 8; i++)); do
		ctrl=$(attach_raw) || fail "connect, round $i"
		limit 20 detach "$ctrl" || fail "disconnect, round $i"
	done
}

# pair HOST_TR PORT_TR
pair()
{
	HOST_TR=$1 PORT_TR=$2 HOST_NS=host
	[ "$HOST_TR" = mptcp ] || HOST_NS=
	target_clear
	setup
	t "discovery" discovery
	t "one TCP connection per queue" plain_tcp
	t "I/O without digests" mix ""
	t "I/O with hdr_digest" mix hdr_digest
	t "I/O with data_digest" mix data_digest
	t "I/O with both digests" mix hdr_digest,data_digest
	t "I/O with disable_sqflow" mix disable_sqflow
	[ "$HOST_TR" != mptcp ] || t "I/O as large as the host lets it be" largest
	t "queue counts and depth" kinds_of_queues
	t "reset and reconnect" recovery
	t "keep-alive while idle" keep_alive
	t "event when a namespace appears" namespace_event
	t "connect and disconnect 8 times" rounds
	[ "$PORT_TR" != mptcp ] || t "a port that serves no plain TCP" no_fallback
}

if [ "$HOST_TR/$PORT_TR" = mptcp/mptcp ]; then
	pair mptcp tcp
	pair tcp mptcp
else
	pair "$HOST_TR" "$PORT_TR"
fi
finish
