#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# One of four links goes and returns while fio writes and verifies: no I/O may
# fail. How long the longest I/O took is told, and not judged yet.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

[ "$HOST_TR/$PORT_TR" = mptcp/mptcp ] || skip "surviving a link needs mptcp at both ends"

# at_least COUNT: connections; one that is on its way out may still be there
at_least()
{
	[ "$(established)" -ge "$1" ]
}

# failure WHAT DOWN UP: the two are functions
failure()
{
	local ctrl disk

	ctrl=$(attach --nr-io-queues=1)
	disk=$(disk "$ctrl")
	wait_for 10 "$((2 * LINKS)) subflows" at_least $((2 * LINKS))
	verify_begin "$disk" --bs=64k --runtime="$RUNTIME"
	"$2"
	progress "$disk" "$LOAD" "when the link is gone"
	"$3"
	progress "$disk" "$LOAD" "when the link is back"
	verify_end
	expect "state" live "$(attr "$ctrl" state)"
	note "$1: longest I/O $(longest) ms"
}

# progress DISK PID WHEN: I/O is done three times over
progress()
{
	local i

	for i in 1 2 3; do
		goes_on "$@"
	done
}

link_down()
{
	in_host ip link set "h$LINK" down
}

link_returns()
{
	in_host ip link set "h$LINK" up
	# The routes went with the link, and its IPv6 address.
	in_host ip route replace 10.1.1.2/32 via "10.1.$LINK.2" dev "h$LINK" metric "${LINK}000"
}

first_link_returns()
{
	in_host ip link set h1 up
	in_host ip route replace 10.1.1.2/32 dev h1 metric 1
}

# Packets vanish and nobody is told.
silence()
{
	shape "$LINK" rate "$RATE" loss 100%
}

silence_ends()
{
	shape "$LINK" rate "$RATE"
}

# Seconds: enough for all that is waited for while fio runs. With sanitizers, on
# a machine that does other things as well, 48 were not.
RUNTIME=12
[ "$SLOW" = 1 ] || RUNTIME=120
RATE=$((100 / SLOW))mbit
setup
shape_links rate "$RATE"
LINK=3
t "a link goes down and up" failure "link down" link_down link_returns
LINK=1
t "the first link goes down and up" failure "first link down" link_down first_link_returns
LINK=2
t "a link is silent for a while" failure "silent link" silence silence_ends
finish
