#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# IPv6 addresses: of a host, wildcard, link-local.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
ADDR=fd01::2

discovery()
{
	local entry

	in_host nvme discover -t "$HOST_TR" -a "$1" -s "$2" --hostnqn "$HOSTNQN" \
		--hostid "$HOSTID" \
		--raw "$TMP/log" >&2
	entry=$("$SELFTESTS/lib/discovery_log.py" "$TMP/log" |
		jq -c --arg nqn "$NQN" \
		'.entries[] | select(.subnqn == $nqn) | [.adrfam, .traddr, .trsvcid]')
	expect "family, address and service" "[2,\"$1\",\"$2\"]" "$entry"
}

io()
{
	local ctrl

	ctrl=$(attach)
	fio_verify "$(disk "$ctrl")" --bsrange=512-256k --iodepth=16 --size=64m --io_size=8m
	limit 30 nvme reset "/dev/$ctrl"
	await_state "$ctrl" live
	fio_verify "$(disk "$ctrl")" --bsrange=512-256k --iodepth=16 --size=64m --io_size=2m
}

subflows()
{
	local ctrl

	[ "$HOST_TR/$PORT_TR" = mptcp/mptcp ] ||
		skip "more than one subflow needs mptcp at both ends"
	ctrl=$(attach --nr-io-queues=1)
	wait_for 10 "2 queues have $LINKS subflows each" connections $((2 * LINKS))
	fio_verify "$(disk "$ctrl")" --bs=64k --iodepth=8 --size=64m --io_size=8m
}

# A port on the wildcard of IPv6 serves IPv4, too.
ipv4_on_wildcard()
{
	read_some "$(disk "$(attach_to "$NQN" -a 10.1.2.2 -s 4421)")"
}

host_traddr()
{
	local ctrl

	in_host ip mptcp endpoint flush
	ctrl=$(attach --host-traddr=fd01::1)
	read_some "$(disk "$ctrl")"
	attr "$ctrl" address | matches 'host_traddr=fd01::1' ||
		fail "got the address $(attr "$ctrl" address)"
}

link_local()
{
	local address ctrl

	address=$(in_target ip -j -6 address show dev t1 scope link |
		jq -r '.[].addr_info[]?.local // empty')
	ctrl=$(attach_to "$NQN" -a "$address%h1" -s 4421)
	read_some "$(disk "$ctrl")"
}

ready()
{
	! in_target ip -6 address show tentative | matches inet6 &&
		! in_host ip -6 address show tentative | matches inet6
}

wrong()
{
	expect_failure "a port that nobody listens on" attach_to "$NQN" -a "$ADDR" -s 4499
	expect_failure "an address that is none" attach_to "$NQN" -a fd01::2::3 -s "$PORT"
	expect "controllers left behind" "" "$(controllers)"
}

target_extra()
{
	port 2 :: 4421 && publish 2 "$NQN"
}

setup
t "link-local addresses are there" wait_for 20 "no address is tentative" ready
t "discovery" discovery fd01::2 "$PORT"
t "discovery on a wildcard port" discovery fd02::2 4421
t "I/O and reset" io
t "four subflows" subflows
t "IPv4 on the wildcard of IPv6" ipv4_on_wildcard
t "link-local address" link_local
t "wrong addresses are refused" wrong
t "host_traddr" host_traddr
finish
