#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Several controllers to one subsystem, under the native multipathing of the core:
# ours alone, and beside stock nvme-tcp.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

[ -e /sys/module/nvme_core/parameters/multipath ] || modprobe nvme-core
[ "$(cat /sys/module/nvme_core/parameters/multipath)" = Y ] ||
	skip "the core was loaded without multipathing"

# path PORT [TRANSPORT]: connect to a port of target_extra; prints the controller
path()
{
	HOST_TR=${2:-$HOST_TR} attach_to "$NQN" -a "10.1.$1.2" -s "$PORT" --nr-io-queues=1 \
		--reconnect-delay=1
}

# two_paths [TRANSPORT]: sets $PATHS, and $DISK
two_paths()
{
	PATHS=("$(path 1)" "$(path 2 "${1:-}")")
	DISK=$(disk "${PATHS[0]}")
	wait_for 10 "the disk has two paths" paths_are 2
}

# paths_of: the disks of single paths, hidden from users
paths_of()
{
	local ctrl dir

	for ctrl in $(controllers); do
		for dir in "$SYS/$ctrl"/nvme*c*n1; do
			[ ! -e "$dir" ] || echo "$dir"
		done
	done
}

paths_are()
{
	[ "$(paths_of | wc -l)" = "$1" ]
}

# done_by CONTROLLER: requests that its path has completed
done_by()
{
	awk '{ print $1 + $5 }' "$SYS/$1"/nvme*c*n1/stat
}

policy()
{
	local dir

	for dir in /sys/class/nvme-subsystem/*; do
		[ "$(cat "$dir/subsysnqn")" != "$NQN" ] || echo "$1" >"$dir/iopolicy"
	done
}

# write_and_verify: prints how many requests each path has done of it
write_and_verify()
{
	local before=() i

	for i in 0 1; do
		before[i]=$(done_by "${PATHS[i]}")
	done
	fio_verify "$DISK" --bsrange=4k-64k --iodepth=16 --size=64m --io_size=8m
	for i in 0 1; do
		echo $(($(done_by "${PATHS[i]}") - before[i]))
	done
}

# both_used POLICY: each path does a quarter of the work or more
both_used()
{
	local first second

	two_paths "${2:-}"
	policy "$1"
	{ read -r first && read -r second; } < <(write_and_verify | xargs -n1)
	note "$1: $first and $second requests"
	[ $((first * 3)) -ge "$second" ] && [ $((second * 3)) -ge "$first" ] ||
		fail "$1: $first and $second requests on two paths that are alike"
}

numa()
{
	local first second

	two_paths
	policy numa
	{ read -r first && read -r second; } < <(write_and_verify | xargs -n1)
	[ "$first" = 0 ] || [ "$second" = 0 ] ||
		fail "numa: $first and $second requests, and no node has two paths"
}

# ana PORT STATE
ana()
{
	echo "$2" >"$NVMET/ports/$1/ana_groups/1/ana_state"
}

# ana_is CONTROLLER STATE
ana_is()
{
	[ "$(cat "$SYS/$1"/nvme*c*n1/ana_state)" = "$2" ]
}

# more_than COUNT CONTROLLER: requests has its path completed
more_than()
{
	[ "$(done_by "$2")" -gt "$1" ]
}

# left_alone CONTROLLER: while the other path works
left_alone()
{
	local count

	# Those that it has at the moment come to their end.
	goes_on "$DISK" "$LOAD" "on the other path"
	count=$(done_by "$1")
	goes_on "$DISK" "$LOAD" "on the other path"
	expect "requests on the path that is not to be used" "$count" "$(done_by "$1")"
}

# A path that the target declares unusable is left alone, and used again later.
ana_changes()
{
	two_paths
	policy round-robin
	load_begin
	ana 1 inaccessible
	wait_for 10 "the host knows the state" ana_is "${PATHS[0]}" inaccessible
	left_alone "${PATHS[0]}"
	ana 1 non-optimized
	wait_for 10 "the host knows the state" ana_is "${PATHS[0]}" non-optimized
	left_alone "${PATHS[0]}"
	ana 1 optimized
	wait_for 10 "the host knows the state" ana_is "${PATHS[0]}" optimized
	wait_for 10 "the first path is used again" \
		more_than "$(done_by "${PATHS[0]}")" "${PATHS[0]}"
	verify_end
}

# load_begin: fio writes and verifies on $DISK until verify_end
load_begin()
{
	verify_begin "$DISK" --bs=16k --runtime=$((25 * SLOW))
}

# port_returns NUMBER: while I/O goes on
port_returns()
{
	local ctrl=${PATHS[$1 - 1]}

	withdraw "$1" "$NQN"
	await_state "$ctrl" connecting
	goes_on "$DISK" "$LOAD" "when path $1 is gone"
	publish "$1" "$NQN"
	await_state "$ctrl" live
	goes_on "$DISK" "$LOAD" "when path $1 is back"
}

failover()
{
	two_paths
	policy round-robin
	load_begin
	port_returns 1
	port_returns 2
	verify_end
}

# nvme-tcp is disconnected in the end: it reconnects in the first network
# namespace, whatever namespace it was connected in.
failover_beside_tcp()
{
	two_paths tcp
	policy round-robin
	load_begin
	port_returns 1
	detach "${PATHS[1]}"
	goes_on "$DISK" "$LOAD" "without nvme-tcp"
	verify_end
}

# A path that is taken away for good leaves the disk to the other.
disconnected()
{
	two_paths
	policy queue-depth
	load_begin
	detach "${PATHS[0]}"
	goes_on "$DISK" "$LOAD" "on the path that is left"
	PATHS[0]=$(path 1)
	wait_for 10 "the disk has two paths" paths_are 2
	detach "${PATHS[1]}"
	goes_on "$DISK" "$LOAD" "on the path that is new"
	verify_end
}

# Ports 1 and 2 are of the transport that is tested; nvme-tcp connects to them, too.
target_extra()
{
	port 2 10.1.2.2 "$PORT" && publish 2 "$NQN"
}

# links_of MBIT
links_of()
{
	shape_links rate "$1mbit"
}

setup
# As long as all is done at once, a path with a shorter queue is the first one: links
# must be much slower than the CPU.
links_of $((100 / SLOW / SLOW))
t "round-robin" both_used round-robin
t "queue-depth" both_used queue-depth
t "numa" numa
links_of $((100 / SLOW))
t "states of a path change" ana_changes
t "a port goes and returns" failover
t "a controller is disconnected, another connected" disconnected
if [ "$HOST_TR/$PORT_TR" = mptcp/mptcp ]; then
	modprobe nvme-tcp
	t "beside nvme-tcp: round-robin" both_used round-robin tcp
	t "beside nvme-tcp: a port goes and returns" failover_beside_tcp
fi
finish
