#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Peers that break the rules: each is told so, or is cut off, and nobody else
# notices.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

# The reasons (FES) that the specification has for it; the C target closes
# without one.
declare -A REASON=(
	[unknown-type]=1 [wrong-hlen]=1 [short-plen]=1 [huge-plen]=1 [second-icreq]=2 [no-icreq]=2
	[header-digest]=3 [data-without-r2t]=1 [response-from-host]=1
)

# bad_host CASE
bad_host()
{
	local verdict

	verdict=$(in_host "$SELFTESTS/lib/peer.py" host "$1" "$ADDR" "$PORT")
	case $verdict in
	closed)
		[ "$PORT_TR" != mptcp ] || [ -z "${REASON[$1]:-}" ] ||
			fail "expected a C2HTermReq with FES ${REASON[$1]}, and there was none"
		;;
	termreq*)
		[ -z "${REASON[$1]:-}" ] || expect "reason" "termreq ${REASON[$1]}" "$verdict"
		;;
	silence)
		# The C target ignores some, and waits for what they announce.
		[ "$PORT_TR" = tcp ] ||
			fail "expected a C2HTermReq or the end of the connection, and got nothing"
		;;
	*) fail "expected a C2HTermReq or the end of the connection, got: $verdict" ;;
	esac
	read_some "$(disk "$GOOD")"
}

# bad_target CASE: the host gives up at once, not when a command has run out of
# time, and leaves nothing behind.
bad_target()
{
	local start

	nsenter --net="/run/netns/$TARGET_NS" "$SELFTESTS/lib/peer.py" target "$1" "$ADDR" \
		4499 >"$TMP/peer" 2>&1 &
	wait_for 10 "the peer listens" grep -q listening "$TMP/peer"
	start=$(now_ms)
	expect_failure "connecting to a bad target" fabrics \
		"traddr=$ADDR,trsvcid=4499,nqn=$NQN${2:-,hdr_digest}"
	[ "$HOST_TR" != mptcp ] ||
		expect_between "ms until the host gave up" 0 $((8000 * SLOW)) $(($(now_ms) - start))
	expect "controllers" "$GOOD" "$(controllers | xargs)"
	read_some "$(disk "$GOOD")"
}

# bad_pdu CASE FES FEI: the target, which sends a PDU about a command that there
# is not, is told so. nvme-tcp only closes.
bad_pdu()
{
	bad_target "$1 at Connect" ",queue_size=32"
	[ "$HOST_TR" = mptcp ] || return 0
	expect "what the target was told" "termreq $2 $3" "$(grep termreq "$TMP/peer" | sort -u)"
}

# $GOOD is a controller that stays connected throughout: others' faults are
# not its.
setup
KEEP=1 RESTORE=
GOOD=$(attach)
[ -n "$GOOD" ] || bail "cannot connect"
for case in unknown-type wrong-hlen short-plen huge-plen second-icreq no-icreq wrong-pfv \
	wrong-ic-plen \
	header-digest digest-not-agreed data-without-r2t response-from-host garbage cut-off; do
	t "host: $case" bad_host "$case"
done
for case in closes garbage wrong-pfv wrong-type wrong-plen digest-not-asked tiny-maxdata termreq \
	response-to-nothing event-for-nobody data-for-nobody r2t-for-nobody; do
	t "target: $case" bad_target "$case"
done
for case in closes garbage termreq; do
	t "target: $case at Connect" bad_target "$case at Connect" ",queue_size=32"
done
t "target: response-to-nothing at Connect" bad_pdu response-to-nothing 1 20
t "target: event-for-nobody at Connect" bad_pdu event-for-nobody 1 20
t "target: data-for-nobody at Connect" bad_pdu data-for-nobody 1 8
t "target: r2t-for-nobody at Connect" bad_pdu r2t-for-nobody 1 8
finish
