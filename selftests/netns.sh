#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Network namespaces that are deleted while something in them is connected, and
# hosts in several: containers. nvme-tcp forgets the namespace of the connect and
# would go on in the initial one: with it nothing is reset or reconnects here.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

HOST_NS=host
CONTAINERS=(c1 c2 c3)

# remembers: does the host's driver know its namespace?
remembers()
{
	[ "$HOST_TR" = mptcp ]
}

# anew: links, namespaces and the target, as in the beginning
anew()
{
	target_clear
	links_up
	target_up
}

# no_link NAMESPACE LINK
no_link()
{
	! nsenter --net="/run/netns/$1" ip link show "$2" >/dev/null 2>&1
}

# freed OTHER_NAMESPACE LINK: a namespace whose name was deleted is really gone
# when the other ends of its links are.
freed()
{
	wait_for 30 "nothing holds the namespace any more" no_link "$@"
}

# reconnects WHEN: after a reset, and after the port was away
reconnects()
{
	limit 30 nvme reset "/dev/$CTRL" || fail "nvme reset $1"
	await_state "$CTRL" live
	goes_on "$DISK" "$LOAD" "after a reset $1"
	port_remove 1
	await_state "$CTRL" connecting
	port 1 "$ADDR" "$PORT"
	publish 1 "$NQN"
	await_state "$CTRL" live 30
	goes_on "$DISK" "$LOAD" "after a reconnect $1"
}

# connected_load: sets $CTRL and $DISK, with fio that writes and verifies
connected_load()
{
	CTRL=$(attach --reconnect-delay=1 "$@")
	DISK=$(disk "$CTRL")
	verify_begin "$DISK" --bs=16k --runtime=600
}

# The controller keeps it, and with that all it needs to reconnect.
host_deleted()
{
	anew
	connected_load --ctrl-loss-tmo=60
	ip netns delete host
	goes_on "$DISK" "$LOAD" "without the name of the namespace"
	! remembers || reconnects "without the name of the namespace"
	verify_stop
	limit 30 detach "$CTRL"
	freed target t1
}

# deleted_and_lost HOST_OR_TARGET OTHER LINK: and the port with it, under load
deleted_and_lost()
{
	anew
	CTRL=$(attach --reconnect-delay=1 --ctrl-loss-tmo=3)
	DISK=$(disk "$CTRL")
	fio_load "$DISK"
	ip netns delete "$1"
	port_remove 1
	load_ends 60
	wait_for 30 "the controller goes" no_controllers
	freed "$2" "$3"
}

# The port listens on, and its connections stay.
target_deleted()
{
	local other

	anew
	connected_load
	ip netns delete target
	goes_on "$DISK" "$LOAD" "without the name of the namespace"
	other=$(attach_raw duplicate_connect)
	limit 30 detach "$other"
	verify_stop
	limit 30 detach "$CTRL"
	port_remove 1
	freed host h1
}

# containers: each with a link of its own to the target, whose port 2 serves them
# all, and a subsystem
containers()
{
	local i ns

	port 2 0.0.0.0 4421
	for i in "${!CONTAINERS[@]}"; do
		ns=${CONTAINERS[i]}
		ip netns add "$ns"
		ip link add eth0 netns "$ns" type veth peer "$ns" netns "$TARGET_NS"
		nsenter --net="/run/netns/$ns" ip address add "10.2.$i.1/24" dev eth0
		nsenter --net="/run/netns/$ns" ip link set eth0 up
		in_target ip address add "10.2.$i.2/24" dev "$ns"
		in_target ip link set "$ns" up
		backend "$ns" 32 memory_backed=1
		subsystem "$NQN.$ns" "/dev/$ns"
		publish 2 "$NQN.$ns"
	done
}

# contained CONTAINER: connect in it, from mounts and processes that end with
# the command; prints the controller
contained()
{
	local i=$((${1#c} - 1))

	HOST_NS=$1 FABRICS_AS="unshare --mount --pid --fork --mount-proc" \
		HOST_OPTIONS=hostnqn=nqn.2026-11.test:host-$1,hostid=0000000$i-$HOSTID_TAIL \
		fabrics "traddr=10.2.$i.2,trsvcid=4421,nqn=$NQN.$1,reconnect_delay=1"
}

# all_verify: fio on all disks at the same time
all_verify()
{
	local disk pids=() pid

	for disk in "${DISKS[@]}"; do
		fio_verify "$disk" --bsrange=512-64k --iodepth=16 --size=16m --io_size=512k &
		pids+=($!)
	done
	for pid in "${pids[@]}"; do
		wait "$pid" || fail "fio failed $1"
	done
}

# connected_in CONTAINER CONTROLLER: with one connection for each queue or more
connected_in()
{
	[ "$(HOST_NS=$1 established 4421)" -ge "$(attr "$2" queue_count)" ] ||
		fail "$2 is not connected in $1"
}

in_containers()
{
	local i ns ctrls=()

	anew
	containers
	DISKS=()
	for ns in "${CONTAINERS[@]}"; do
		ctrls+=("$(contained "$ns")")
		DISKS+=("$(disk "${ctrls[-1]}")")
	done
	all_verify "in containers"
	for i in "${!CONTAINERS[@]}"; do
		remembers || continue
		limit 30 nvme reset "/dev/${ctrls[i]}" || fail "reset of ${ctrls[i]}"
		await_state "${ctrls[i]}" live
	done
	for i in "${!CONTAINERS[@]}"; do
		connected_in "${CONTAINERS[i]}" "${ctrls[i]}"
	done
	# One container ends; its disk does not.
	ip netns delete c2
	all_verify "when the namespace of one was deleted"
	limit 30 detach "${ctrls[1]}"
	freed target c2
	DISKS=("${DISKS[0]}" "${DISKS[2]}")
	all_verify "when one has disconnected"
}

# The same address in two namespaces: a port listens in that of its making.
ports_in_namespaces()
{
	local here there

	anew
	containers
	nsenter --net=/run/netns/c1 ip link set lo up
	nsenter --net=/run/netns/c1 ip address add "$ADDR/32" dev lo
	port 3 "$ADDR" "$PORT"
	TARGET_NS=c1 publish 3 "$NQN.c1"
	here=$(attach)
	there=$(HOST_NS=c1 attach_to "$NQN.c1" -a "$ADDR" -s "$PORT")
	DISKS=("$(disk "$here")" "$(disk "$there")")
	all_verify "on ports of two namespaces"
	HOST_NS=c1 expect_failure "a subsystem of the other namespace" \
		attach_raw duplicate_connect >/dev/null
	ip netns delete c1
	all_verify "when the namespace of one was deleted"
	limit 30 detach "$there"
	port_remove 3
	freed target c1
}

undo()
{
	local ns

	host_clear
	for ns in "${CONTAINERS[@]}"; do
		[ ! -e "/run/netns/$ns" ] || ip netns delete "$ns"
	done
}

HOSTID_TAIL=${HOSTID#*-}
setup
RESTORE=anew
t "the host's is deleted" host_deleted
t "the host's is deleted and the controller lost" deleted_and_lost host target t1
t "the target's is deleted" target_deleted
t "the target's is deleted and the port removed under load" deleted_and_lost target host h1
t "hosts in containers" in_containers
t "ports in several namespaces" ports_in_namespaces
finish
