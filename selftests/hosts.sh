#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# 64 hosts at one port: all connect at once, all do I/O, all go; and no connection
# and no controller is left of them, nor their memory.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

HOSTS=64
ROUNDS=2
# KiB that a host that has gone may leave behind: the requests of one queue are more
MAX_LEFT=64

# name NUMBER: what connect is told of a host
name()
{
	printf 'hostnqn=nqn.2026-11.test:host-%d,hostid=%08d-%s' "$1" "$1" "${HOSTID#*-}"
}

# connect_all: each with one I/O queue
connect_all()
{
	local i pid pids=()

	for ((i = 1; i <= HOSTS; i++)); do
		HOST_OPTIONS=$(name "$i") attach_raw nr_io_queues=1,reconnect_delay=1 \
			>/dev/null 2>>"$TMP/connect" &
		pids+=($!)
	done
	for pid in "${pids[@]}"; do
		wait "$pid" || fail "a host did not connect: $(cat "$TMP/connect")"
	done
	expect "controllers" "$HOSTS" "$(controllers | wc -l)"
}

delete_all()
{
	host_clear
	expect "controllers left" "" "$(controllers)"
	wait_for 60 "no connection is left" connections 0
	wait_for 60 "the target has released all" released
}

# all_are STATE: the controllers
all_are()
{
	[ "$(cat "$SYS"/nvme*/state | sort | uniq -c | xargs)" = "$HOSTS $1" ]
}

# io_on_all: each host has a part of the disk for itself, and compares
io_on_all()
{
	local ctrl n=0

	cat >"$TMP/job" <<-END
		[global]
		thread=1
		direct=1
		ioengine=libaio
		rw=randwrite
		bsrange=512-64k
		iodepth=4
		size=3m
		io_size=$(amount 64k)
		verify=crc32c
		verify_fatal=1
	END
	for ctrl in $(controllers); do
		printf '[%s]\nfilename=%s\noffset=%dm\n' "$ctrl" "$(disk "$ctrl")" $((3 * n))
		n=$((n + 1))
	done >>"$TMP/job"
	run_fio "$TMP/job" --output-format=json --output="$TMP/fio.json" >/dev/null
	expect "hosts that have written" "$HOSTS" \
		"$(jq '[.jobs[] | select(.write.total_ios > 0 and .error == 0)] | length' \
			"$TMP/fio.json")"
}

# kib FIELD: of /proc/meminfo
kib()
{
	awk -v field="$1:" '$1 == field { print $2 }' /proc/meminfo
}

# in_use: KiB that neither files nor anything that can be had back take
in_use()
{
	echo 3 >/proc/sys/vm/drop_caches
	echo $(($(kib MemTotal) - $(kib MemAvailable)))
}

# settled: the same, when it does not become less any more
settled()
{
	local last now

	now=$(in_use)
	until last=$now now=$(in_use) && [ "$now" -ge "$last" ]; do
		:
	done
	echo "$last"
}

come_and_go()
{
	local before round left

	# What the first ones leave behind is what the kernel keeps for the next.
	connect_all
	io_on_all
	delete_all
	before=$(settled)
	for ((round = 1; round <= ROUNDS; round++)); do
		connect_all
		delete_all
	done
	left=$(($(settled) - before))
	note "$ROUNDS times $HOSTS hosts leave $left KiB"
	[ "$left" -le $((ROUNDS * HOSTS * MAX_LEFT)) ] || fail "some memory does not come back"
}

# The port goes and returns: they come back all at once, and by themselves.
return_at_once()
{
	connect_all
	port_remove 1
	wait_for 60 "all hosts see it" all_are connecting
	port 1 "$ADDR" "$PORT"
	publish 1 "$NQN"
	wait_for 60 "all hosts are back" all_are live
	io_on_all
	delete_all
}

# With multipathing all hosts would share one disk: they are one machine.
unload_modules
modprobe nvme_core multipath=N
setup
t "$HOSTS hosts come and go" come_and_go
t "$HOSTS hosts lose the port, and return" return_at_once
finish
