#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What an administrator does with a controller that is connected.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

look()
{
	local ctrl disk

	ctrl=$(attach)
	disk=$(disk "$ctrl")
	nvme list -o json | matches "${disk#/dev/}" ||
		fail "$disk is not in nvme list: $(nvme list)"
	nvme list-subsys -o json | matches "\"Transport\":\"$HOST_TR\"" ||
		fail "no transport $HOST_TR in nvme list-subsys: $(nvme list-subsys -o json)"
	expect "subsystem of id-ctrl" "$NQN" "$(nvme id-ctrl "/dev/$ctrl" -o json | jq -r .subnqn)"
	expect "blocks of id-ns" 524288 "$(nvme id-ns "$disk" -o json | jq .nsze)"
	[ "$(nvme smart-log "/dev/$ctrl" -o json | jq .temperature)" != null ] ||
		fail "no temperature in smart-log"
}

# Lengths that are not those of any block or page
log_pages()
{
	local ctrl length

	ctrl=$(fabrics "traddr=$ADDR,trsvcid=$PORT,nqn=$DISCOVERY_NQN,discovery")
	nvme get-log "/dev/$ctrl" --log-id=0x70 --log-len=3072 --raw-binary >"$TMP/whole"
	for length in 4 20 508 512 516 1028 2044; do
		nvme get-log "/dev/$ctrl" --log-id=0x70 --log-len="$length" \
			--raw-binary >"$TMP/log" ||
			fail "get-log of $length bytes"
		expect "bytes of the log page" "$length" "$(stat -c %s "$TMP/log")"
		cmp -n "$length" "$TMP/log" "$TMP/whole" ||
			fail "$length bytes differ from the same of 3072"
	done
}

# Errors come back as what they are, and the controller stays.
command_errors()
{
	local ctrl disk error

	ctrl=$(attach)
	disk=$(disk "$ctrl")
	error=$(expect_failure "a read behind the end" \
		nvme read "$disk" -s 99999999 -c 0 -z 512 -d /dev/null)
	[[ $error == *"NVMe status"* ]] || fail "expected an NVMe status, got: $error"
	error=$(expect_failure "an unknown command" nvme admin-passthru "/dev/$ctrl" -O 0xc5)
	[[ $error == *"Invalid Command Opcode"* ]] ||
		fail "expected Invalid Command Opcode, got: $error"
	expect_failure "an unknown log page" nvme get-log "/dev/$ctrl" --log-id=0x60 \
		--log-len=512 >/dev/null
	expect "state" live "$(attr "$ctrl" state)"
	read_some "$disk"
}

# A medium error is one of the request: the rest of the disk is as before.
medium_error()
{
	local ctrl disk

	echo "+4096-4103" >"$NULLB/mem/badblocks"
	ctrl=$(attach)
	disk=$(disk "$ctrl")
	expect_failure "a read of bad blocks" dd if="$disk" of=/dev/null bs=4k skip=512 count=1 \
		iflag=direct
	expect_failure "a write to bad blocks" dd if=/dev/zero of="$disk" conv=nocreat bs=64k \
		seek=32 count=1 oflag=direct
	echo "-4096-4103" >"$NULLB/mem/badblocks"
	expect "state" live "$(attr "$ctrl" state)"
	fio_verify "$disk" --bs=64k --iodepth=8 --size=16m --io_size=2m
}

reset()
{
	local ctrl disk i

	ctrl=$(attach)
	disk=$(disk "$ctrl")
	for i in 1 2 3; do
		limit 30 nvme reset "/dev/$ctrl" || fail "nvme reset, round $i"
		await_state "$ctrl" live
		read_some "$disk"
	done
	expect "queues" $(($(nproc) + 1)) "$(attr "$ctrl" queue_count)"
}

# Idle for more than twice the keep-alive timeout. Were no keep-alive sent, the
# target would drop the controller after one.
keep_alive()
{
	local ctrl

	ctrl=$(attach --keep-alive-tmo=2)
	stays_live "$ctrl" 5000
	! log_since_mark | grep -E 'keep.?alive|error recovery|[Rr]econnect' ||
		fail "the idle controller was not left in peace"
}

# A command that is refused is a sign of life as well: the host takes it for one, and
# sends no keep-alive meanwhile.
refused_commands()
{
	local ctrl end

	ctrl=$(attach --keep-alive-tmo=3)
	end=$(($(now_ms) + 8000))
	while [ "$(now_ms)" -lt "$end" ]; do
		expect_failure "a command that there is not" \
			nvme admin-passthru "/dev/$ctrl" -O 0xc0 >/dev/null
	done
	expect "state" live "$(attr "$ctrl" state)"
	! log_since_mark | grep -E 'keep.?alive|error recovery|[Rr]econnect' ||
		fail "the target took the host for dead"
}

# The target forgets nothing either: a host that falls silent is dropped.
keep_alive_expires()
{
	local ctrl i

	ctrl=$(attach --keep-alive-tmo=1 --reconnect-delay=1 --ctrl-loss-tmo=60)
	for ((i = 1; i <= LINKS; i++)); do
		in_target ip link set "t$i" down
	done
	wait_for 20 "the host sees the loss" not_live "$ctrl"
	wait_for 20 "the target drops the silent host" fatal_error
	for ((i = 1; i <= LINKS; i++)); do
		in_target ip link set "t$i" up
	done
	await_state "$ctrl" live 60
	read_some "$(disk "$ctrl")"
}

fatal_error()
{
	log_since_mark | matches 'nvmet: .*keep-alive timer .* expired'
}

has_disk()
{
	disk_name "$1" "$2" >/dev/null
}

has_no_disk()
{
	! has_disk "$@"
}

has_size()
{
	[ "$(blockdev --getsize64 "$1")" = "$2" ]
}

# Namespaces come, go and grow: an asynchronous event makes the host look.
namespaces()
{
	local ctrl disk

	truncate -s 16M "$TMP/backing"
	ctrl=$(attach)
	disk "$ctrl" >/dev/null
	namespace "$NQN" 2 "$TMP/backing"
	grown "$ctrl" "$NQN" 2
	disk=$(disk_name "$ctrl" 2)
	expect "size" $((16 << 20)) "$(blockdev --getsize64 "$disk")"
	truncate -s 24M "$TMP/backing"
	echo 1 >"$NVMET/subsystems/$NQN/namespaces/2/revalidate_size"
	wait_for 15 "namespace 2 grows" has_size "$disk" $((24 << 20))
	namespace_remove "$NQN" 2
	wait_for 15 "namespace 2 disappears" has_no_disk "$ctrl" 2
	read_some "$(disk "$ctrl")"
}

# The same for the disk of the namespace itself. That its size is told while its
# queue is frozen was a deadlock, which lockdep sees.
without_multipath()
{
	target_clear
	backends_clear
	unload_modules
	modprobe nvme_core multipath=N
	need_modules
	target_up
	expect "multipath" N "$(cat /sys/module/nvme_core/parameters/multipath)"
	namespaces
}

rescan()
{
	local ctrl

	ctrl=$(attach)
	disk "$ctrl" >/dev/null
	limit 20 nvme ns-rescan "/dev/$ctrl" || fail "nvme ns-rescan"
	limit 20 nvme list-ns "/dev/$ctrl" | matches '0x1$' ||
		fail "nvme list-ns: $(nvme list-ns "/dev/$ctrl")"
}

# More commands at a time than there are tags would be for one by one
parallel()
{
	local ctrl i pids=()

	ctrl=$(attach)
	for i in {1..12}; do
		nvme id-ctrl "/dev/$ctrl" -o json >"$TMP/id.$i" &
		pids+=($!)
	done
	for i in "${pids[@]}"; do
		wait "$i" || fail "one of 12 id-ctrl at a time failed"
	done
	expect "different answers" 1 "$(sha256sum "$TMP"/id.* | cut -d' ' -f1 | sort -u | wc -l)"
}

setup
t "list, id-ctrl, id-ns, smart-log" look
t "get-log of odd lengths" log_pages
t "failing commands" command_errors
t "medium errors" medium_error
t "reset" reset
t "commands in parallel" parallel
t "namespaces are added, resized and removed" namespaces
t "ns-rescan, list-ns" rescan
t "keep-alive while idle" keep_alive
t "keep-alive beside commands that are refused" refused_commands
t "keep-alive expires when all links are silent" keep_alive_expires
# The last one: the modules stay as it has loaded them.
t "namespaces are added, resized and removed without multipathing" without_multipath
finish
