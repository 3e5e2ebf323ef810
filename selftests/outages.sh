#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What can happen to links, while fio writes and verifies: no byte is wrong, no I/O
# fails, and it goes on by itself. How long the longest stall is, is another matter.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

[ "$HOST_TR/$PORT_TR" = mptcp/mptcp ] || skip "surviving a link needs mptcp at both ends"

RATE=$((100 / SLOW))mbit

# load_begin: sets $CTRL and $DISK
load_begin()
{
	CTRL=$(attach --nr-io-queues=1 --reconnect-delay=1 --keep-alive-tmo=5)
	DISK=$(disk "$CTRL")
	wait_for 10 "all links are used" all_links
	verify_begin "$DISK" --bs=64k --runtime=600
}

# load_end: it has gone on for a while, and nothing was wrong
load_end()
{
	goes_on "$DISK" "$LOAD" "afterwards"
	goes_on "$DISK" "$LOAD" "for longer"
	verify_stop
	await_state "$CTRL" live
}

# outage BEGIN END: two commands. One link works all the time, so the controller
# has no reason to reconnect.
outage()
{
	load_begin
	$1
	goes_on "$DISK" "$LOAD" "while it lasts"
	$2
	load_end
	! log_since_mark | grep -E 'error recovery|Reconnecting' ||
		fail "the controller was not left in peace"
}

# blackout SECONDS BEGIN END: nothing works that long
blackout()
{
	load_begin
	$2
	sleep "$1"
	$3
	load_end
}

all_links()
{
	[ "$(established)" -ge $((2 * LINKS)) ]
}

# silence both|out|in LINK...: their packets vanish, and nobody is told
silence()
{
	local i

	for i in "${@:2}"; do
		[ "$1" = in ] || in_host tc qdisc replace dev "h$i" root netem loss 100%
		[ "$1" = out ] || in_target tc qdisc replace dev "t$i" root netem loss 100%
	done
}

# shape_all [NETEM...]
shape_all()
{
	shape_links rate "$RATE" "$@"
}

# A link of the host or the target goes and comes each second.
flapping()
{
	local i

	for i in 1 2 3 4; do
		"in_$1" ip link set "$2" down
		pause 0.5
		"in_$1" ip link set "$2" up
		[ "$1" = target ] || route_back
		pause 0.5
	done
}

# The routes of the host went with the link.
route_back()
{
	in_host ip route replace 10.1.1.2/32 via 10.1.3.2 dev h3 metric 3000
}

address_goes()
{
	in_host ip address del 10.1.3.1/24 dev h3
}

address_returns()
{
	in_host ip address add 10.1.3.1/24 dev h3
	route_back
}

# endpoint_of LINK: its number
endpoint_of()
{
	in_host ip -j mptcp endpoint show | jq ".[] | select(.address == \"10.1.$1.1\") | .id"
}

endpoint_goes()
{
	in_host ip mptcp endpoint delete id "$(endpoint_of 3)"
}

endpoint_returns()
{
	in_host ip mptcp endpoint add 10.1.3.1 dev h3 subflow
}

# Packets that are full do not arrive, and nobody is told; all others do.
small_packets_only()
{
	firewall target 'iifname "t3" ip length > 600 drop'
	firewall host 'iifname "h3" ip length > 600 drop'
}

# firewall host|target RULE
firewall()
{
	"in_$1" nft add table inet outage
	"in_$1" nft add chain inet outage in '{ type filter hook input priority -300; }'
	"in_$1" nft add rule "inet outage in $2"
}

no_firewall()
{
	in_host nft delete table inet outage 2>/dev/null || :
	in_target nft delete table inet outage 2>/dev/null || :
}

# A box on the way that lets no more subflows pass, or takes the options of MPTCP
# away: one link is used, and it works.
box()
{
	local ctrl disk

	firewall target "$1"
	ctrl=$(attach --nr-io-queues=1)
	disk=$(disk "$ctrl")
	fio_verify "$disk" --bs=64k --iodepth=16 --size=64m --io_size=8m
	connections 2 || fail "expected one link to be used, got $(established) connections"
	limit 30 nvme reset "/dev/$ctrl" || fail "reset"
	await_state "$ctrl" live
	fio_verify "$disk" --bs=64k --iodepth=16 --size=64m --io_size=1m
}

# The target is gone without a word, and is back, and knows of nobody.
target_dies()
{
	in_target iptables -A OUTPUT -p tcp --sport "$PORT" -j DROP
	port_remove 1
}

target_returns()
{
	in_target iptables -F
	port 1 "$ADDR" "$PORT" && publish 1 "$NQN"
}

undo()
{
	no_firewall
	endpoint_of 3 | grep -q . || endpoint_returns
	in_host ip address replace 10.1.3.1/24 dev h3
	route_back
	shape_all
}

setup
shape_all
t "a link is silent towards the target" outage "silence out 3" shape_all
t "a link is silent towards the host" outage "silence in 3" shape_all
t "three links are silent" outage "silence both 2 3 4" shape_all
t "the first link and two others are silent" outage "silence both 1 2 3" shape_all
t "a link flaps at the host" outage "flapping host h3" :
t "a link flaps at the target" outage "flapping target t3" :
t "an address goes and returns" outage address_goes address_returns
t "an endpoint goes and returns" outage endpoint_goes endpoint_returns
t "loss on all links" outage "shape_all loss 2%" shape_all
t "packets out of order" outage "shape_all delay 4ms reorder 25% 50%" shape_all
t "packets twice" outage "shape_all duplicate 5%" shape_all
t "packets are damaged" outage "shape_all corrupt 1%" shape_all
t "a link with much delay" outage "shape 3 delay 100ms rate $RATE" shape_all
t "a link that drops large packets" outage small_packets_only no_firewall
t "all links are silent for 2 seconds" blackout 2 "silence both 1 2 3 4" shape_all
t "all links are silent for 20 seconds" blackout 20 "silence both 1 2 3 4" shape_all
[ -z "${LONG:-}" ] ||
	t "all links are silent for 2 minutes" blackout 120 "silence both 1 2 3 4" shape_all
t "the target dies and returns" blackout 3 target_dies target_returns
t "a box that refuses more subflows" box "tcp option mptcp subtype mp-join drop"
t "a box that takes MPTCP's options away" box "reset tcp option mptcp"
finish
