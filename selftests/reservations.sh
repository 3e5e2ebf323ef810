#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Persistent reservations: two hosts at one namespace, of which one keeps the
# other out, takes it away from it, and is told when that happens to itself.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

KEYS=(0xa1 0xb2)
# Types of reservations
WRITE_EXCLUSIVE=1
EXCLUSIVE_ACCESS=2
EXCLUSIVE_ACCESS_REGISTRANTS=4
# What is in the log of notifications
REGISTRATION_PREEMPTED=1
RESERVATION_RELEASED=2
RESERVATION_PREEMPTED=3

# reservable 0|1: the namespace; nobody is registered then
reservable()
{
	local dir=$NVMET/subsystems/$NQN/namespaces/1

	namespace_remove "$NQN" 1
	mkdir "$dir"
	echo /dev/mem >"$dir/device_path"
	echo "$1" >"$dir/resv_enable"
	echo 1 >"$dir/enable"
}

# two_hosts: sets $HOSTS, their controllers, and $DISKS
two_hosts()
{
	reservable 1
	HOSTS=("$(attach --reconnect-delay=1)")
	HOSTS[1]=$(HOSTNQN=$NQN.host HOSTID=${HOSTID/7c2d/0f3b} attach --reconnect-delay=1)
	DISKS=("$(disk "${HOSTS[0]}")" "$(disk "${HOSTS[1]}")")
}

# register HOST: with its key
register()
{
	nvme resv-register "${DISKS[$1]}" -n 1 --nrkey="${KEYS[$1]}" --rrega=0 >/dev/null
}

# acquire HOST TYPE [OPTION...]
acquire()
{
	limit 40 nvme resv-acquire "${DISKS[$1]}" -n 1 --crkey="${KEYS[$1]}" --rtype="$2" \
		--racqa=0 "${@:3}" >/dev/null
}

# take HOST TYPE ACTION: away from the other one; 1 preempts, 2 aborts as well
take()
{
	acquire "$1" "$2" --prkey="${KEYS[1 - $1]}" --racqa="$3"
}

# release HOST TYPE
release()
{
	nvme resv-release "${DISKS[$1]}" -n 1 --crkey="${KEYS[$1]}" --rtype="$2" \
		--rrela=0 >/dev/null
}

# reservation HOST: what that host is told of it
reservation()
{
	nvme resv-report "${DISKS[$1]}" -n 1 --eds --numd=64 --raw-binary >"$TMP/report"
	"$SELFTESTS/lib/reservation.py" "$TMP/report"
}

writes()
{
	dd if=/dev/zero of="${DISKS[$1]}" conv=nocreat bs=4k count=1 oflag=direct status=none
}

reads()
{
	read_some "${DISKS[$1]}"
}

# conflict WHAT COMMAND...: must be one
conflict()
{
	local error

	error=$(expect_failure "$@")
	[[ $error == *[Rr]eservation\ [Cc]onflict* || $error == *"Invalid exchange"* ]] ||
		fail "$1: expected a conflict, got: $error"
}

not_enabled()
{
	reservable 0
	HOSTS=("$(attach)")
	DISKS=("$(disk "${HOSTS[0]}")")
	expect "capabilities" 0 "$(nvme id-ns "${DISKS[0]}" -o json | jq .rescap)"
	expect_failure "to register" register 0 >/dev/null
	reads 0
}

write_exclusive()
{
	two_hosts
	conflict "to acquire without a registration" acquire 0 "$WRITE_EXCLUSIVE"
	register 0
	acquire 0 "$WRITE_EXCLUSIVE"
	expect "report" "1 0xa1*" "$(reservation 1)"
	writes 0
	reads 1
	conflict "a write of the other host" writes 1
	register 1
	conflict "a write of the other host, registered" writes 1
	conflict "to acquire what is taken" acquire 1 "$WRITE_EXCLUSIVE"
	conflict "to release another type" release 0 "$EXCLUSIVE_ACCESS"
	release 0 "$WRITE_EXCLUSIVE"
	expect "report" "0 0xa1 0xb2" "$(reservation 1)"
	writes 1
}

exclusive_access()
{
	two_hosts
	register 0
	acquire 0 "$EXCLUSIVE_ACCESS"
	conflict "a read of the other host" reads 1
	fio_verify "${DISKS[0]}" --bsrange=512-64k --iodepth=16 --size=16m --io_size=1m
	release 0 "$EXCLUSIVE_ACCESS"
	reads 1
}

# told HOST WHAT COMMAND...: the command makes the target notify that host: there
# is an event, and WHAT is in its log
told()
{
	local host=$1 what=$2
	shift 2

	udevadm monitor --kernel --property >"$TMP/events" 2>&1 &
	wait_for 10 "udevadm monitor listens" grep -q 'KERNEL - ' "$TMP/events"
	"$@"
	wait_for 10 "the event of $*" grep -q NVME_AEN=0x800006 "$TMP/events"
	nvme get-log "/dev/${HOSTS[$host]}" --log-id=0x80 --log-len=64 --raw-binary >"$TMP/log"
	expect "notification of $*" "$what" "$(od -An -tu1 -j8 -N1 "$TMP/log" | xargs)"
	expect "its namespace" 1 "$(od -An -tu4 -j12 -N4 "$TMP/log" | xargs)"
}

# Whoever is registered has access, and is told when there is no reservation.
registrants_only()
{
	two_hosts
	register 0
	acquire 0 "$EXCLUSIVE_ACCESS_REGISTRANTS"
	conflict "a read of the other host" reads 1
	register 1
	reads 1
	writes 1
	told 1 "$RESERVATION_RELEASED" release 0 "$EXCLUSIVE_ACCESS_REGISTRANTS"
}

preempted()
{
	two_hosts
	register 0
	register 1
	acquire 0 "$WRITE_EXCLUSIVE"
	told 0 "$REGISTRATION_PREEMPTED" take 1 "$WRITE_EXCLUSIVE" 1
	expect "report" "1 0xb2*" "$(reservation 0)"
	conflict "a write of who had it" writes 0
	writes 1
}

cleared()
{
	two_hosts
	register 0
	register 1
	acquire 0 "$WRITE_EXCLUSIVE"
	told 1 "$RESERVATION_PREEMPTED" \
		nvme resv-release "${DISKS[0]}" -n 1 --crkey="${KEYS[0]}" --rrela=1
	expect "report" 0 "$(reservation 1)"
}

# The target waits for what is under way, and then nothing more is let in.
aborted_under_load()
{
	two_hosts
	register 0
	register 1
	acquire 0 "$EXCLUSIVE_ACCESS"
	fio_load "${DISKS[0]}"
	take 1 "$EXCLUSIVE_ACCESS" 2 || fail "preempt and abort under load"
	load_ends 40
	writes 1
	conflict "a read of who had it" reads 0
	expect "state" live "$(attr "${HOSTS[0]}" state)"
}

# It is the host's, not the controller's.
kept()
{
	two_hosts
	register 0
	acquire 0 "$WRITE_EXCLUSIVE"
	limit 30 nvme reset "/dev/${HOSTS[0]}" || fail "nvme reset"
	await_state "${HOSTS[0]}" live
	conflict "a write of the other host after a reset" writes 1
	writes 0
	port_remove 1
	await_state "${HOSTS[1]}" connecting
	port 1 "$ADDR" "$PORT"
	publish 1 "$NQN"
	await_state "${HOSTS[0]}" live 30
	await_state "${HOSTS[1]}" live 30
	conflict "a write of the other host after the port has returned" writes 1
	detach "${HOSTS[0]}"
	conflict "a write of the other host when the holder is gone" writes 1
}

# As cluster managers do it
block_layer()
{
	two_hosts
	blkpr -c register -k 0xa1 "${DISKS[0]}"
	blkpr -c register -k 0xb2 "${DISKS[1]}"
	blkpr -c reserve -k 0xa1 -t exclusive-access-reg-only "${DISKS[0]}"
	expect "report" "4 0xa1* 0xb2" "$(reservation 1)"
	expect_failure "to reserve what is taken" blkpr -c reserve -k 0xb2 -t write-exclusive \
		"${DISKS[1]}" >/dev/null
	blkpr -c read-keys "${DISKS[1]}" | matches b2 || fail "there is no key 0xb2"
	# Its own key is the old one, and the other's the new one.
	blkpr -c preempt -K 0xb2 -k 0xa1 -t write-exclusive "${DISKS[1]}"
	conflict "a write of who had it" writes 0
	blkpr -c clear -k 0xb2 "${DISKS[1]}"
	expect "report" 0 "$(reservation 0)"
	writes 0
}

# With multipathing both hosts would share one disk: they are one machine.
unload_modules
modprobe nvme_core multipath=N
setup
t "not enabled" not_enabled
t "write exclusive" write_exclusive
t "exclusive access" exclusive_access
t "registrants only, and the holder releases it" registrants_only
t "preempted, and told so" preempted
t "cleared, and told so" cleared
t "preempt and abort under load" aborted_under_load
t "kept over resets, reconnects and the end of its controller" kept
t "through the block layer" block_layer
finish
