#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# CPUs that never came online, and CPUs that come and go. For a VM with more
# CPUs than are online: scripts/vm --cpus 4 --kopts maxcpus=2
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

CPUS=/sys/devices/system/cpu
# two that are offline at first
OFFLINE=(2 3)

# cpu NUMBER 0|1: take it offline or online
cpu()
{
	echo "$2" >"$CPUS/cpu$1/online"
}

all_online()
{
	local nr

	for nr in "${OFFLINE[@]}"; do
		cpu "$nr" 1
	done
}

online()
{
	cat "$CPUS/online"
}

# read_on_each DISK: every CPU that is online can read
read_on_each()
{
	local nr

	for nr in "$CPUS"/cpu[0-9]*; do
		[ "$(cat "$nr/online" 2>/dev/null || echo 1)" = 1 ] || continue
		limit 20 taskset -c "${nr##*/cpu}" dd if="$1" of=/dev/null bs=4k count=1 \
			iflag=direct status=none ||
			fail "CPU ${nr##*/cpu} cannot read $1"
	done
}

# The queues are chosen by their load: the third goes to an idle CPU, or to one
# that never was there.
one_queue_each()
{
	local i ctrl

	expect "CPUs that are online" 0-1 "$(online)"
	for i in 1 2 3 4; do
		ctrl=$(limit 20 attach_raw "nr_io_queues=1,duplicate_connect") ||
			fail "connect, controller $i"
		read_on_each "$(disk "$ctrl")"
	done
}

default_queues()
{
	local ctrl

	expect "CPUs that are online" 0-1 "$(online)"
	ctrl=$(limit 20 attach) || fail "connect"
	expect "queues" 3 "$(attr "$ctrl" queue_count)"
	read_on_each "$(disk "$ctrl")"
	limit 20 nvme reset "/dev/$ctrl" || fail "reset"
	await_state "$ctrl" live
	read_on_each "$(disk "$ctrl")"
}

kinds_of_queues()
{
	local ctrl

	ctrl=$(limit 20 attach_raw nr_write_queues=4,nr_poll_queues=4) || fail "connect"
	read_on_each "$(disk "$ctrl")"
	fio_verify "$(disk "$ctrl")" --bs=4k --iodepth=8 --size=16m --io_size=1m
}

# CPUs that were not there when the queues were dealt out
come_online()
{
	local ctrl

	ctrl=$(attach)
	all_online
	expect "CPUs that are online" 0-3 "$(online)"
	read_on_each "$(disk "$ctrl")"
}

# one_offline NUMBER: connect, reset and reconnect without one of the CPUs
one_offline()
{
	local ctrl

	all_online
	ctrl=$(attach --reconnect-delay=1)
	cpu "$1" 0
	read_on_each "$(disk "$ctrl")"
	limit 20 nvme reset "/dev/$ctrl" || fail "reset"
	await_state "$ctrl" live
	expect "queues after the reset" 4 "$(attr "$ctrl" queue_count)"
	read_on_each "$(disk "$ctrl")"
	port_remove 1
	await_state "$ctrl" connecting
	port 1 "$ADDR" "$PORT"
	publish 1 "$NQN"
	await_state "$ctrl" live 30
	read_on_each "$(disk "$ctrl")"
	cpu "$1" 1
	read_on_each "$(disk "$ctrl")"
	limit 20 nvme reset "/dev/$ctrl" || fail "reset with all CPUs"
	await_state "$ctrl" live
	expect "queues after the second reset" 5 "$(attr "$ctrl" queue_count)"
	read_on_each "$(disk "$ctrl")"
	detach "$ctrl"
	cpu "$1" 0
	ctrl=$(limit 20 attach) || fail "connect"
	read_on_each "$(disk "$ctrl")"
}

# come_and_go PID: until the process with that id has ended
come_and_go()
{
	local nr

	while ! gone "$1"; do
		for nr in 1 2 3; do
			cpu "$nr" 0
		done
		for nr in 1 2 3; do
			cpu "$nr" 1
		done
	done
}

hotplug_under_load()
{
	local ctrl disk pid

	all_online
	ctrl=$(attach --reconnect-delay=1)
	disk=$(disk "$ctrl")
	fio_verify "$disk" --bsrange=512-64k --iodepth=16 --numjobs=1 --size=64m --io_size=600m \
		--time_based --runtime=$((10 * SLOW)) &
	pid=$!
	wait_for 20 "fio does I/O" busy "$disk"
	come_and_go "$pid"
	wait "$pid" || fail "fio failed"
	read_on_each "$disk"
}

resets_with_hotplug()
{
	local ctrl disk pid i

	all_online
	ctrl=$(attach --reconnect-delay=1)
	disk=$(disk "$ctrl")
	(for i in 1 2 3 4 5 6; do
		limit 60 nvme reset "/dev/$ctrl" || :
		await_state "$ctrl" live 60
	done) &
	pid=$!
	come_and_go "$pid"
	wait "$pid" || fail "a reset failed"
	read_on_each "$disk"
	fio_verify "$disk" --bs=4k --iodepth=8 --size=16m --io_size=1m
}

# whatever a subtest did, the next one finds them online, but for the first
undo()
{
	local nr

	[ "$(online)" = 0-1 ] || for nr in 1 2 3; do
		cpu "$nr" 1
	done
}

[ "$(online)" = 0-1 ] && [ -e "$CPUS/cpu3" ] ||
	skip "4 CPUs of which 2 are online are needed (scripts/vm --cpus 4 --kopts maxcpus=2)"
setup
t "one queue a controller, while some CPUs never were online" one_queue_each
t "default queues, while some CPUs never were online" default_queues
t "all kinds of queues, while some CPUs never were online" kinds_of_queues
t "CPUs come online" come_online
t "CPU 1 offline" one_offline 1
t "CPU 3 offline" one_offline 3
t "CPUs come and go under load" hotplug_under_load
t "CPUs come and go at resets" resets_with_hotplug
finish
