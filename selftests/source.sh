#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Where connections come from: what host_traddr and host_iface choose, and what is
# left to the path manager of MPTCP.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

# sources: the host's addresses, each with the device that it is bound to, if it
# is, and how many connections come from there
sources()
{
	in_host ss -Htn state established "dport = :$PORT" |
		awk '{ sub(/:[0-9]*$/, "", $3); n[$3]++ } END { for (i in n) print i, n[i] }' |
		sort | xargs
}

comes_from()
{
	[ "$(sources)" = "$1" ]
}

# come_from SOURCES: as soon as all subflows are there
come_from()
{
	wait_until $((10 * SLOW)) comes_from "$1" || expect "where connections come from" "$1" \
		"$(sources)"
}

# reads CONTROLLER
reads()
{
	local disk

	disk=$(disk "$1")
	read_some "$disk"
}

host_traddr()
{
	local ctrl

	PORT=4430
	endpoints
	ctrl=$(attach_to "$NQN" -a 10.1.3.2 -s 4430 --nr-io-queues=1 --host-traddr=10.1.2.1)
	reads "$ctrl"
	expect "where connections come from" "10.1.2.1 2" "$(sources)"
	attr "$ctrl" address | matches host_traddr=10.1.2.1 ||
		fail "expected host_traddr=10.1.2.1 in the address, got $(attr "$ctrl" address)"
}

host_iface()
{
	local ctrl before after

	PORT=4430
	endpoints
	before=$(link_bytes 2)
	ctrl=$(attach_to "$NQN" -a 10.1.3.2 -s 4430 --nr-io-queues=1 --host-iface=h2)
	reads "$ctrl"
	after=$(link_bytes 2)
	[ "$((after - before))" -gt 4096 ] ||
		fail "expected traffic on h2, got $((after - before)) bytes"
	expect "where connections come from" "10.1.2.1%h2 2" "$(sources)"
}

# The option is for the first subflow, and an endpoint for one more.
with_endpoints()
{
	local ctrl

	endpoints 3 4
	ctrl=$(attach --nr-io-queues=1 "$1")
	come_from "$2 2 10.1.3.1%h3 2 10.1.4.1%h4 2"
	reads "$ctrl"
	limit 30 nvme reset "/dev/$ctrl"
	await_state "$ctrl" live
	come_from "$2 2 10.1.3.1%h3 2 10.1.4.1%h4 2"
}

# An endpoint that has the first subflow's address makes no other.
same_endpoint()
{
	endpoints 2 3
	attach --nr-io-queues=1 --host-traddr=10.1.2.1
	come_from "10.1.2.1 2 10.1.3.1%h3 2"
}

target_extra()
{
	port 3 10.1.3.2 4430 && publish 3 "$NQN"
}

setup
t "host_iface" host_iface
t "host_traddr" host_traddr
if [ "$HOST_TR/$PORT_TR" = mptcp/mptcp ]; then
	t "host_iface, and the path manager's choice" with_endpoints --host-iface=h2 "10.1.2.1%h2"
	t "host_traddr, and the path manager's choice" with_endpoints --host-traddr=10.1.2.1 \
		10.1.2.1
	t "host_traddr that is an endpoint" same_endpoint
fi
finish
