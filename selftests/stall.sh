#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# How long the longest I/O takes if one of four links dies while fio writes and
# verifies, and how soon the link is used again when it is back. Measures: wants
# a VM of scripts/vm --steady.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

[ "$HOST_TR/$PORT_TR" = mptcp/mptcp ] || skip "surviving a link needs mptcp at both ends"
[ "$SLOW" = 1 ] || skip "with sanitizers the CPU is slower than the links"

ANNOUNCED_PORT=4421
RUNS=${RUNS:-$([ -n "${LONG:-}" ] && echo 10 || echo 2)}
# ms: no I/O may take longer
BOUND=200
# ms: a link that is back must be used again within that time
BACK=2000

# subflows COUNT: of all connections of the host
subflows()
{
	[ "$(in_host ss -Htn state established '( dport = 4420 or dport = 4421 )' | wc -l)" = "$1" ]
}

# carries BYTES: the link has carried more than that since $BEFORE
carries()
{
	[ "$(link_bytes "$LINK")" -gt $((BEFORE + $1)) ]
}

# run SVCID SUBFLOWS SECONDS: one fault that lasts that long, with a connection of its own
run()
{
	local ctrl disk start back

	ctrl=$(attach_to "$NQN" -a "$ADDR" -s "$1" --nr-io-queues=1)
	wait_for 10 "$2 subflows for each of two queues" subflows $((2 * $2))
	disk=$(disk "$ctrl")
	verify_begin "$disk" --bs=64k --runtime=60
	BEFORE=$(link_bytes "$LINK")
	wait_for 10 "link $LINK is used" carries 2000000
	"${FAULT}_begins"
	sleep "$3"
	"${FAULT}_ends"
	start=$(now_ms)
	BEFORE=$(link_bytes "$LINK")
	wait_for 20 "link $LINK is used again" carries 1000000
	back=$(($(now_ms) - start))
	verify_stop
	detach "$ctrl"
	echo "$(longest) $back" >>"$TMP/runs"
}

# stalls RUNS SVCID SUBFLOWS FAULT SECONDS
stalls()
{
	local n

	FAULT=$4
	rm -f "$TMP/runs"
	for ((n = 0; n < $1; n++)); do
		LINK=$((2 + n % 3))
		run "$2" "$3" "$5"
	done
	note "$4, $3 subflows: longest I/O $(cut -d' ' -f1 "$TMP/runs" | xargs) ms," \
		"used again after $(cut -d' ' -f2 "$TMP/runs" | xargs) ms"
	[ "$(cut -d' ' -f1 "$TMP/runs" | sort -n | tail -n1)" -le "$BOUND" ] ||
		fail "an I/O took longer than $BOUND ms"
	[ "$(cut -d' ' -f2 "$TMP/runs" | sort -n | tail -n1)" -le "$BACK" ] ||
		fail "a link that was back was not used for more than $BACK ms"
}

down_begins()
{
	in_host ip link set "h$LINK" down
}

down_ends()
{
	in_host ip link set "h$LINK" up
	# The routes went with the link.
	in_host ip route replace 10.1.1.2/32 via "10.1.$LINK.2" dev "h$LINK" metric "${LINK}000"
}

# Packets vanish and nobody is told.
silence_begins()
{
	shape "$LINK" rate 100mbit loss 100%
}

silence_ends()
{
	shape "$LINK" rate 100mbit
}

target_extra()
{
	port 2 0.0.0.0 "$ANNOUNCED_PORT" && publish 2 "$NQN"
}

setup
shape_links rate 100mbit
t "a link goes down, four subflows" stalls "$RUNS" "$PORT" "$LINKS" down 1
t "a link is silent, four subflows" stalls "$RUNS" "$PORT" "$LINKS" silence 1
# With its usual timeouts TCP would have a pause of 6 s to go by then.
t "a link is silent for long" stalls 1 "$PORT" "$LINKS" silence 7
if [ -n "${LONG:-}" ]; then
	# TCP would have closed a socket that probes as often by then.
	t "a link is down for very long" stalls 1 "$PORT" "$LINKS" down 20
	t "a link is silent for very long" stalls 1 "$PORT" "$LINKS" silence 20
fi
for ((i = 2; i <= LINKS; i++)); do
	in_target ip mptcp endpoint add "10.1.$i.2" dev "t$i" signal
done
t "a link goes down, seven subflows" stalls "$RUNS" "$ANNOUNCED_PORT" $((2 * LINKS - 1)) down 1
t "a link is silent, seven subflows" stalls "$RUNS" "$ANNOUNCED_PORT" $((2 * LINKS - 1)) silence 1
finish
