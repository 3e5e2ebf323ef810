#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Completions get lost and allocations fail, because the kernel is told to let
# them (Documentation/fault-injection). I/O errors are expected; a splat, a
# hang or something left over is not. And what the core says of all that at its
# most talkative is said without harm.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

# shellcheck source-path=SCRIPTDIR source=lib/faults.sh
. "$SELFTESTS/lib/faults.sh"

# disk_faults 0: none of the target's disk
disk_faults()
{
	echo "$1" >/sys/block/mem/io-timeout-fail
	echo "$1" >/sys/block/mem/make-it-fail
}

undo()
{
	delay_links
	inject_no_more
	talk -p
	[ ! -e /sys/block/mem ] || disk_faults 0
}

# delay_links [TIME]: in both directions; without it they are as fast as they were
delay_links()
{
	if [ $# = 1 ]; then
		shape_links delay "$1"
	else
		heal
	fi
}

# talk +p|-p: what the modules say for debugging
talk()
{
	local module

	for module in nvme_core nvme_fabrics nvmet; do
		echo "module $module $1" >"$DEBUG/dynamic_debug/control"
	done
}

# path CONTROLLER: the disk of the path, in which faults are injected
path()
{
	echo "$SYS/$1"/nvme*n*
}

# still_works: no harm is left
still_works()
{
	local ctrl

	inject_no_more
	host_clear
	ctrl=$(attach)
	fio_verify "$(disk "$ctrl")" --bsrange=512-64k --iodepth=16 --size=16m --io_size=1m
	limit 30 detach "$ctrl" || fail "disconnect afterwards"
}

talkative_reset()
{
	local ctrl disk i

	talk +p
	ctrl=$(attach)
	disk=$(disk "$ctrl")
	# Quiescing takes some milliseconds: only slow requests are still under way
	# when they are cancelled.
	delay_links 50ms
	fio_load "$disk"
	for i in 1 2 3; do
		limit 30 nvme reset "/dev/$ctrl" || fail "reset $i"
		await_state "$ctrl" live
		goes_on "$disk" "$LOAD" "after reset $i"
	done
	limit 40 detach "$ctrl" || fail "disconnect under load"
	load_ends 40
	log_since_mark | matches 'Cancelling I/O' ||
		fail "no command was in flight, so nothing is seen of this"
}

# lost_path CONTROLLER SECONDS: completions of its disk may get lost, and time
# runs out after so many
lost_path()
{
	local path

	path=$(path "$1")
	echo $(($2 * 1000)) >"$path/queue/io_timeout"
	echo 1 >"$path/io-timeout-fail"
}

# Each loss is a timeout, a recovery, and a command that is sent again.
completions_lost()
{
	local ctrl disk pid

	ctrl=$(attach --reconnect-delay=1 --ctrl-loss-tmo=120)
	disk=$(disk "$ctrl")
	lost_path "$ctrl" $((1 * SLOW))
	inject fail_io_timeout interval=50 times=2 probability=100
	fio_verify "$disk" --bsrange=512-64k --iodepth=16 --size=32m --io_size=4m
	log_since_mark | matches 'QID [0-9]* timeout' || fail "no completion was lost"
	expect "state" live "$(attr "$ctrl" state)"
}

# lose read|write: one command stays in $CTRL's disk for good; $IO is its process
lose()
{
	local io=(if="$DISK" of=/dev/null iflag=direct)

	[ "$1" = read ] || io=(if=/dev/zero of="$DISK" conv=nocreat oflag=direct)
	inject fail_io_timeout probability=100 times=1
	dd "${io[@]}" bs=4k count=1 status=none &
	IO=$!
	wait_for 10 "a completion is lost" lost
	! gone "$IO" || fail "the command is not lost"
}

lost()
{
	[ "$(cat "$DEBUG/fail_io_timeout/times")" = 0 ]
}

# A reset ends what is lost.
reset_with_lost()
{
	CTRL=$(attach)
	DISK=$(idle_disk "$CTRL")
	lost_path "$CTRL" 600
	lose "$1"
	limit 30 nvme reset "/dev/$CTRL" || fail "reset with a lost $1"
	await_state "$CTRL" live
	wait_for 20 "the $1 is done after all" gone "$IO"
	wait "$IO" || fail "the $1 failed"
}

# A removal waits until its time is up: nothing recovers any more by then.
removed_with_lost()
{
	CTRL=$(attach)
	DISK=$(idle_disk "$CTRL")
	lost_path "$CTRL" $((2 * SLOW))
	lose "$1"
	limit 30 detach "$CTRL" || fail "disconnect with a lost $1"
	wait_for 20 "the $1 ends" gone "$IO"
}

# In the target's disk: the host gets an answer late, and an error.
target_loses()
{
	local ctrl disk

	ctrl=$(attach)
	disk=$(disk "$ctrl")
	echo $((1000 * SLOW)) >/sys/block/mem/queue/io_timeout
	echo 1 >/sys/block/mem/io-timeout-fail
	inject fail_io_timeout probability=100 interval=20 times=4
	fio_load "$disk"
	wait_for 20 "completions are lost" lost
	load_stop
	still_works
}

# A command that there is no memory to send is sent when there is, even if
# nothing else happens on its connection.
unsent_command()
{
	local ctrl disk pid

	need_fault failslab
	ctrl=$(attach)
	disk=$(disk "$ctrl")
	spare_udev
	inject failslab ignore-gfp-wait=Y task-filter=Y probability=100 times="$MANY"
	mark_workers 1
	(
		echo 1 >/proc/self/make-it-fail
		exec dd if="$disk" of=/dev/null bs=4k count=1 iflag=direct status=none
	) &
	pid=$!
	wait_for 10 "an allocation fails" failed_some
	pause 0.5
	inject_no_more
	wait_for 5 "the read is done" gone "$pid"
	wait "$pid" || fail "the read failed"
}

failed_some()
{
	[ "$(cat "$DEBUG/${1:-failslab}/times")" -lt "$MANY" ]
}

# Allocations that cannot wait: in the network's softirqs, and while sending
atomic_allocations()
{
	local ctrl

	need_fault "$1"
	ctrl=$(attach --reconnect-delay=1 --ctrl-loss-tmo=120)
	fio_load "$(disk "$ctrl")"
	spare_udev
	inject "$1" ignore-gfp-wait=Y probability=100 interval=20 "${@:2}"
	log_mark "$NAME"
	sleep 3
	limit 60 nvme reset "/dev/$ctrl" || note "reset: $?"
	sleep 1
	limit 60 detach "$ctrl" || fail "disconnect while allocations fail"
	load_ends 60
	still_works
}

# Allocations of the workers that recover, reset and reconnect
worker_allocations()
{
	local ctrl i

	need_fault "$1"
	ctrl=$(attach --reconnect-delay=1 --ctrl-loss-tmo=120)
	fio_load "$(disk "$ctrl")"
	inject "$1" ignore-gfp-wait=N task-filter=Y probability=100 interval=40 "${@:2}"
	for i in 1 2 3 4; do
		mark_workers 1
		limit 60 nvme reset "/dev/$ctrl" || note "reset $i failed"
	done
	mark_workers 1
	limit 60 detach "$ctrl" || note "the controller had been given up"
	inject_no_more
	load_ends 60
	still_works
}

# Other ways than the first are tried, which is silent.
other_ways()
{
	shape 1 loss 100%
	worker_allocations "$@"
}

# Those of the target's connections that are no queues yet. No program is started
# meanwhile: the VM has its files from workers, too, and does not get over it if
# they have no memory.
crowd_allocations()
{
	local peer

	need_fault "$1"
	mkfifo "$TMP/go"
	in_host "$SELFTESTS/lib/greedy.py" crowd "$ADDR" "$PORT" "$NQN" \
		>"$TMP/crowd" <"$TMP/go" &
	peer=$!
	exec 7>"$TMP/go"
	wait_for 20 "the hosts are ready" grep -q ready "$TMP/crowd"
	inject "$1" ignore-gfp-wait=N task-filter=Y probability=100 times="$MANY" "${@:2}"
	mark_workers 1
	echo >&7
	wait "$peer"
	exec 7>&-
	inject_no_more
	rm "$TMP/go"
	note "$((MANY - $(cat "$DEBUG/$1/times"))) faults," \
		"$(tail -n1 "$TMP/crowd") of 75 ICReqs were answered"
	failed_some "$1" || fail "nothing has failed"
	wait_for 60 "no connection is left at the target" none_at_target
	still_works
}

# Each allocation that it takes to look at a controller, or a connection of the
# target, fails once.
looking()
{
	local ctrl files=()

	need_fault failslab
	ctrl=$(attach)
	fio_load "$(disk "$ctrl")"
	[ "$HOST_TR" != mptcp ] ||
		files+=("$DEBUG/nvme_mptcp/$ctrl"/queue* "$SYS/$ctrl"/mptcp/*)
	[ "$PORT_TR" != mptcp ] || files+=("$DEBUG"/nvmet_mptcp/queue*)
	inject failslab ignore-gfp-wait=N
	note "$("$SELFTESTS/lib/fail_read.py" "${files[@]}")"
	load_stop
	still_works
}

# Reads and writes fail at the target's disk: the host is told, and no more.
requests_fail()
{
	local ctrl

	need_fault fail_make_request
	ctrl=$(attach)
	fio_load "$(disk "$ctrl")" --continue_on_error=all
	echo 1 >/sys/block/mem/make-it-fail
	inject fail_make_request probability=100 interval=10 times="$MANY"
	wait_for 20 "a request fails" failed_some fail_make_request
	limit 60 nvme reset "/dev/$ctrl" || fail "reset while requests fail"
	await_state "$ctrl" live
	limit 60 detach "$ctrl" || fail "disconnect while requests fail"
	load_ends 60
	still_works
}

setup
t "resets under load, with all messages" talkative_reset
t "completions get lost on the host" completions_lost
t "reset with a lost read" reset_with_lost read
t "reset with a lost write" reset_with_lost write
t "removal with a lost read" removed_with_lost read
t "removal with a lost write" removed_with_lost write
t "completions get lost on the target" target_loses
t "a command without memory" unsent_command
t "slab allocations that cannot wait fail" atomic_allocations failslab
t "page allocations that cannot wait fail" atomic_allocations fail_page_alloc min-order=0
t "slab allocations of workers fail" worker_allocations failslab
t "page allocations of workers fail" worker_allocations fail_page_alloc min-order=0
t "allocations of workers fail while other ways are tried" other_ways failslab
if [ "$PORT_TR" = mptcp ]; then
	t "slab allocations for a crowd fail" crowd_allocations failslab interval=50
	t "page allocations for a crowd fail" crowd_allocations fail_page_alloc interval=5 \
		min-order=0
fi
t "allocations of those who look fail" looking
t "requests fail on the target" requests_fail
finish
