#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Four links carry what one cannot. Measures: wants a VM of scripts/vm --steady,
# whose CPU is not shared.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

[ "$HOST_TR/$PORT_TR" = mptcp/mptcp ] || skip "more than one subflow needs mptcp at both ends"
[ "$SLOW" = 1 ] || skip "with sanitizers the CPU is slower than the links"

# A connection keeps its habits (which subflow gets how much): the median counts.
CONNECTIONS=5

# throughput SECONDS DISK READ_OR_WRITE SIZE DEPTH: bytes per second
throughput()
{
	run_fio --name=load --filename="$2" --direct=1 --ioengine=libaio --rw="rand$3" --bs="$4" \
		--iodepth="$5" \
		--time_based --ramp_time=0.5 --runtime="$1" --output-format=json |
		jq ".jobs[0].$3.bw_bytes"
}

# one_link READ_OR_WRITE SIZE DEPTH: bytes per second
one_link()
{
	local ctrl

	in_host ip mptcp limits set subflows 0
	ctrl=$(attach --nr-io-queues=1)
	throughput 4 "$(disk "$ctrl" 2)" "$@"
	detach "$ctrl"
	in_host ip mptcp limits set subflows 8
}

# all_links READ_OR_WRITE SIZE DEPTH: the same of a new connection, and the smallest
# part in per cent that a link had in it, each one line more in a file
all_links()
{
	local ctrl disk before parts

	ctrl=$(attach --nr-io-queues=1)
	disk=$(disk "$ctrl" 2)
	wait_for 10 "$((2 * LINKS)) subflows" connections $((2 * LINKS))
	before=$(links_bytes)
	throughput 2 "$disk" "$@" >>"$TMP/rates"
	parts=$(shares "$before" "$(links_bytes)")
	detach "$ctrl"
	note "$(tail -n1 "$TMP/rates") bytes/s, shares $parts%"
	xargs -n1 <<<"$parts" | sort -n | sed -n 1p >>"$TMP/parts"
}

# aggregation TENTHS SHARE READ_OR_WRITE SIZE DEPTH: all links together carry
# at least TENTHS/10 of what one does, and each of them SHARE per cent of that
aggregation()
{
	local one n

	one=$(one_link "${@:3}")
	rm -f "$TMP"/{rates,parts}
	for ((n = 0; n < CONNECTIONS; n++)); do
		all_links "${@:3}"
	done
	note "${*:3}: one link $one bytes/s, $LINKS links $(median "$TMP/rates")"
	[ $(($(median "$TMP/rates") * 10)) -ge $((one * $1)) ] ||
		fail "expected $1/10 of the $one bytes/s of one link, got $(median "$TMP/rates")"
	[ "$(median "$TMP/parts")" -ge "$2" ] ||
		fail "expected $2 % of the bytes or more on each link, got $(median "$TMP/parts")"
}

target_extra()
{
	# a disk that costs no CPU
	backend fast 4096 && namespace "$NQN" 2 /dev/fast
}

setup
shape_links rate 100mbit
t "reads add up" aggregation 37 20 read 128k 64
t "writes add up" aggregation 36 20 write 128k 64
# What no multipath policy can do: one request uses all links. MPTCP deals it out
# in 16 bursts of 64 KiB: 4 for each link take 24 ms, and 5, 4, 4 and 3 take 29.
# Those that deal it out as 6, 4, 3 and 3 (2.5 times one link's speed) are few.
t "a single large read is spread" aggregation 31 20 read 1m 1
t "a single large write is spread" aggregation 30 15 write 1m 1
finish
