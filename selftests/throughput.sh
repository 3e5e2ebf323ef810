#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Four links carry what one cannot. Measures: wants a VM of scripts/vm --steady,
# whose CPU is not shared.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

[ "$HOST_TR/$PORT_TR" = mptcp/mptcp ] || skip "more than one subflow needs mptcp at both ends"
[ "$SLOW" = 1 ] || skip "with sanitizers the CPU is slower than the links"

# throughput DISK READ_OR_WRITE SIZE DEPTH: bytes per second
throughput()
{
	run_fio --name=load --filename="$1" --direct=1 --ioengine=libaio --rw="rand$2" --bs="$3" \
		--iodepth="$4" \
		--time_based --ramp_time=1 --runtime=5 --output-format=json |
		jq ".jobs[0].$2.bw_bytes"
}

# aggregation TENTHS SHARE READ_OR_WRITE SIZE DEPTH: all links together carry
# at least TENTHS/10 of what one does, and each of them SHARE per cent of that
aggregation()
{
	local work=("${@:3}") ctrl disk one all before share parts

	in_host ip mptcp limits set subflows 0
	ctrl=$(attach --nr-io-queues=1)
	disk=$(disk "$ctrl" 2)
	one=$(throughput "$disk" "${work[@]}")
	detach "$ctrl"
	in_host ip mptcp limits set subflows 8
	ctrl=$(attach --nr-io-queues=1)
	disk=$(disk "$ctrl" 2)
	wait_for 10 "$((2 * LINKS)) subflows" connections $((2 * LINKS))
	before=$(links_bytes)
	all=$(throughput "$disk" "${work[@]}")
	parts=$(shares "$before" "$(links_bytes)")
	note "${work[*]}: one link $((one / 1000)) kB/s," \
		"$LINKS links $((all / 1000)) kB/s, shares $parts%"
	[ $((all * 10)) -ge $((one * $1)) ] ||
		fail "expected $1/10 of the $one bytes/s of one link, got $all"
	for share in $parts; do
		[ "$share" -ge "$2" ] ||
			fail "expected $2 % of the bytes or more on each link, got $parts"
	done
}

target_extra()
{
	# a disk that costs no CPU
	backend fast 4096 && namespace "$NQN" 2 /dev/fast
}

setup
for ((i = 1; i <= LINKS; i++)); do
	shape "$i" rate 100mbit
done
t "reads add up" aggregation 37 20 read 128k 64
t "writes add up" aggregation 36 20 write 128k 64
# What no multipath policy can do: one request uses all links. MPTCP deals it out
# in 16 bursts of 64 KiB: 4 for each link take 24 ms, and 5, 4, 4 and 3 take 29.
# A connection keeps its habit, and reads at 3.3 or at 3.6 times one link's speed.
t "a single large read is spread" aggregation 31 20 read 1m 1
t "a single large write is spread" aggregation 30 15 write 1m 1
finish
