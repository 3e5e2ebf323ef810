#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Things are taken away while fio uses them. I/O errors are expected; a splat,
# a hang or something left over is not.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

# connected_load: $CTRL and $DISK, under load
connected_load()
{
	modprobe -a "nvme-$HOST_TR" "nvmet-$PORT_TR"
	CTRL=$(attach --reconnect-delay=1 --ctrl-loss-tmo="${1:-2}")
	DISK=$(disk "$CTRL")
	fio_load "$DISK"
}

disconnect_now()
{
	local i

	for i in 1 2 3; do
		connected_load
		limit 40 detach "$CTRL" || fail "disconnect under load, round $i"
		load_ends 40
	done
	expect "controllers left" "" "$(controllers)"
}

port_removed()
{
	connected_load
	port_remove 1
	load_ends 60
	wait_for 30 "the controller goes" no_controllers
	wait_for 20 "no connection is left" connections 0
	port 1 "$ADDR" "$PORT"
	publish 1 "$NQN"
}

namespace_removed()
{
	connected_load
	namespace_remove "$NQN" 1
	load_ends 60
	expect "state" live "$(attr "$CTRL" state)"
	namespace "$NQN" 1 /dev/mem
	grown "$CTRL" "$NQN" 1
}

namespace_disabled()
{
	local enable=$NVMET/subsystems/$NQN/namespaces/1/enable

	connected_load
	echo 0 >"$enable"
	load_ends 60
	echo 1 >"$enable"
	grown "$CTRL" "$NQN" 1
	read_some "$(disk "$CTRL")"
}

# Taking the subsystem off the port ends its controllers, not the port.
subsystem_withdrawn()
{
	connected_load
	publish 1 "$NQN.other"
	withdraw 1 "$NQN"
	load_ends 60
	wait_for 30 "the controller goes" no_controllers
	publish 1 "$NQN"
	withdraw 1 "$NQN.other"
	read_some "$(disk "$(attach)")"
}

# A port pins its module, so the port goes first and the module right after it.
target_module_removed()
{
	connected_load
	port_remove 1
	limit 60 rmmod "nvmet_$PORT_TR" || fail "rmmod nvmet_$PORT_TR under load"
	load_ends 60
	wait_for 30 "the controller goes" no_controllers
	modprobe "nvmet-$PORT_TR"
	port 1 "$ADDR" "$PORT"
	publish 1 "$NQN"
	read_some "$(disk "$(attach)")"
}

# users_of MODULE: why it cannot be removed. Whoever has opened a controller's
# character device, for one, holds the module of its transport.
users_of()
{
	echo "$(cat "/sys/module/$1/refcnt") references," \
		"by modules $(ls "/sys/module/$1/holders")," \
		"open: $(find /proc/[0-9]*/fd -lname '/dev/n[vg]*' -printf '%p %l, ' 2>/dev/null)"
}

# remove_host_module WHEN. With lockdep a socket holds the module whose lock
# classes it has (sk_owner_set(), nvme-tcp's as well) until the sock is gone,
# which is a moment after its close.
remove_host_module()
{
	[ ! -e /proc/lockdep_chains ] ||
		wait_for 30 "no socket holds nvme_$HOST_TR" unused "nvme_$HOST_TR"
	limit 60 rmmod "nvme_$HOST_TR" || fail "rmmod nvme_$HOST_TR $1: $(users_of "nvme_$HOST_TR")"
}

# unused MODULE
unused()
{
	[ "$(cat "/sys/module/$1/refcnt")" = 0 ]
}

host_module_removed()
{
	connected_load 120
	if [ -e /proc/lockdep_chains ]; then
		expect_failure "rmmod while sockets hold nvme_$HOST_TR" rmmod "nvme_$HOST_TR" |
			matches "in use"
		limit 40 detach "$CTRL" || fail "disconnect under load"
	fi
	remove_host_module "under load"
	load_ends 60
	expect "controllers left" "" "$(controllers)"
	modprobe "nvme-$HOST_TR"
	read_some "$(disk "$(attach)")"
}

# While the host waits to reconnect, with I/O waiting in it
host_module_removed_connecting()
{
	connected_load 120
	port_remove 1
	await_state "$CTRL" connecting
	remove_host_module "while reconnecting"
	load_ends 60
	expect "controllers left" "" "$(controllers)"
	modprobe "nvme-$HOST_TR"
	port 1 "$ADDR" "$PORT"
	publish 1 "$NQN"
	read_some "$(disk "$(attach)")"
}

# While another task removes the controller, which takes some round trips
host_module_removed_deleting()
{
	local i pid

	modprobe -a "nvme-$HOST_TR" "nvmet-$PORT_TR"
	CTRL=$(attach)
	disk "$CTRL" >/dev/null
	shape_links delay 300ms
	echo 1 >"$SYS/$CTRL/delete_controller" &
	pid=$!
	wait_for 20 "controller $CTRL is being removed" grep -q deleting "$SYS/$CTRL/state"
	remove_host_module "while a controller is being deleted"
	expect "controllers left" "" "$(controllers)"
	wait "$pid" || fail "the controller was not deleted"
	undo
	modprobe "nvme-$HOST_TR"
	read_some "$(disk "$(attach)")"
}

# Whoever has made a controller has a reference to it until he closes the file:
# until then the module must stay, whether rmmod waits or is refused.
host_module_removed_with_file_open()
{
	local holder pid

	modprobe -a "nvme-$HOST_TR" "nvmet-$PORT_TR"
	mkfifo "$TMP/hold"
	# shellcheck disable=SC2016 # for the inner shell
	in_host bash -c \
		'exec 3<>/dev/nvme-fabrics && echo "$1" >&3 && touch "$2.made" && read -r <"$2"' - \
		"transport=$HOST_TR,$HOST_OPTIONS,traddr=$ADDR,trsvcid=$PORT,nqn=$NQN" \
		"$TMP/hold" &
	holder=$!
	wait_for 20 "a controller is made" test -e "$TMP/hold.made"
	disk "$(controllers)" >/dev/null
	limit 40 detach "$(controllers)"
	[ ! -e /proc/lockdep_chains ] ||
		wait_for 30 "no socket holds nvme_$HOST_TR" unused "nvme_$HOST_TR"
	rmmod "nvme_$HOST_TR" &
	pid=$!
	wait_for 20 "rmmod waits or has ended" waits_or_gone "$pid"
	[ -d "/sys/module/nvme_$HOST_TR/holders" ] ||
		fail "nvme_$HOST_TR is gone, and its controller's file is open"
	echo >"$TMP/hold"
	wait "$holder" || fail "the file's holder failed"
	wait "$pid" || rmmod "nvme_$HOST_TR" || fail "rmmod after the file was closed"
	modprobe "nvme-$HOST_TR"
	read_some "$(disk "$(attach)")"
}

# waits_or_gone PID: of rmmod
waits_or_gone()
{
	gone "$1" || [ "$(cat "/sys/module/nvme_$HOST_TR/initstate")" = going ]
}

# Each allocation that a connect makes fails once (some of them, unless there is
# time): nothing must be left that keeps the module, or keeps it from being
# loaded again. Another controller stays, and with it the subsystem: if the core
# cannot link the first controller to its subsystem, it waits for itself.
connect_without_memory()
{
	local out step=$((5 * SLOW))
	local wanted=transport=$HOST_TR,$HOST_OPTIONS,traddr=$ADDR,trsvcid=$PORT,nqn=$NQN

	[ -z "${LONG:-}" ] || step=1
	modprobe -a "nvme-$HOST_TR" "nvmet-$PORT_TR"
	CTRL=$(attach)
	echo N >/sys/kernel/debug/failslab/ignore-gfp-wait
	echo 0 >/sys/kernel/debug/failslab/verbose
	out=$(in_host "$SELFTESTS/lib/fail_nth.py" $((1 + RANDOM % step)) "$step" \
		"$wanted,nr_io_queues=1,duplicate_connect" 2>&1) ||
		fail "$out"
	note "$out"
	detach "$CTRL"
	expect "controllers left" "" "$(controllers)"
	wait_for 20 "no connection is left" connections 0
	remove_host_module "after connects that failed"
	modprobe "nvme-$HOST_TR" || fail "the module cannot be loaded again"
	read_some "$(disk "$(attach)")"
}

# The links are as fast as they were.
undo()
{
	heal
}

# Directly after a disconnect the target still tears down its queues.
module_removed_after_disconnect()
{
	local i

	for i in 1 2 3; do
		modprobe "nvmet-$PORT_TR"
		attach >/dev/null
		nvme disconnect-all
		port_remove 1
		limit 30 rmmod "nvmet_$PORT_TR" || fail "rmmod nvmet_$PORT_TR, round $i"
		remove_host_module "in round $i"
		port 1 "$ADDR" "$PORT"
		publish 1 "$NQN"
	done
}

# slow_load: $CTRL, with commands that stay in the target's device for 2 s
slow_load()
{
	modprobe -a "nvme-$HOST_TR" "nvmet-$PORT_TR"
	backend slow 64 irqmode=2 completion_nsec=2000000000
	namespace "$NQN" 2 /dev/slow
	CTRL=$(attach --reconnect-delay=1 --ctrl-loss-tmo=2)
	grown "$CTRL" "$NQN" 2
	(exec fio --name=slow --filename="$(disk_name "$CTRL" 2)" --direct=1 --ioengine=libaio \
		--rw=randrw \
		--bs=16k --iodepth=64 --time_based --runtime=600 >"$TMP/load" 2>&1) &
	LOAD=$!
	wait_for 20 "commands are in the device" in_flight "$(disk_name "$CTRL" 2)"
}

# in_flight DISK
in_flight()
{
	[ "$(awk '{ print $1 + $2 }' "/sys/block/${1#/dev/}/inflight")" -ge 32 ]
}

slow_gone()
{
	namespace_remove "$NQN" 2
	rmdir "$NULLB/slow"
}

# A command that is in the device cannot be called back: the target must wait
# for it, and then have nobody to answer.
slow_disconnect()
{
	slow_load
	limit 60 detach "$CTRL" || fail "disconnect with commands in the device"
	load_ends 60
	slow_gone
}

slow_module_removed()
{
	slow_load
	port_remove 1
	limit 60 rmmod "nvmet_$PORT_TR" || fail "rmmod nvmet_$PORT_TR with commands in the device"
	load_ends 60
	wait_for 30 "the controller goes" no_controllers
	slow_gone
	modprobe "nvmet-$PORT_TR"
	port 1 "$ADDR" "$PORT"
	publish 1 "$NQN"
	read_some "$(disk "$(attach)")"
}

namespace_of_the_network_deleted()
{
	local pid

	[ -n "$HOST_NS" ] || skip "the host is in the initial namespace"
	connected_load 2
	# They would keep their namespaces.
	for pid in "${TLSHD[@]}"; do
		kill -TERM "$pid"
		wait_for 10 "tlshd ends" gone "$pid"
	done
	ip netns delete "$TARGET_NS"
	ip netns delete "$HOST_NS"
	nvme disconnect-all
	load_ends 60
	wait_for 60 "the controller goes" no_controllers
}

target_extra()
{
	subsystem "$NQN.other"
}

setup
t "disconnect under load" disconnect_now
t "port removed under load" port_removed
t "namespace removed under load" namespace_removed
t "namespace disabled and enabled under load" namespace_disabled
t "subsystem withdrawn under load" subsystem_withdrawn
t "target module removed under load" target_module_removed
t "host module removed under load" host_module_removed
t "host module removed while reconnecting" host_module_removed_connecting
t "host module removed while its controller is deleted" host_module_removed_deleting
t "host module removed while its controller's file is open" host_module_removed_with_file_open
[ "$HOST_TR" != mptcp ] || t "memory runs out at a connect" connect_without_memory
t "modules removed directly after disconnect" module_removed_after_disconnect
t "disconnect with commands in a slow device" slow_disconnect
t "target module removed with commands in a slow device" slow_module_removed
t "network namespaces deleted under load" namespace_of_the_network_deleted
finish
