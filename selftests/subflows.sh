#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# One controller, one connection per queue, four links: each carries its part.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

[ "$HOST_TR/$PORT_TR" = mptcp/mptcp ] || skip "more than one subflow needs mptcp at both ends"

connections()
{
	[ "$(established "${2:-$PORT}")" = "$1" ]
}

# Each queue has a subflow per link; none of them fell back to TCP.
four_each()
{
	local ctrl queues

	ctrl=$(attach)
	queues=$(attr "$ctrl" queue_count)
	expect "controllers" "$ctrl" "$(controllers | xargs)"
	wait_for 10 "$queues queues have $LINKS subflows each" connections $((queues * LINKS))
	expect "connections of MPTCP" "$queues" "$(in_host ss -HMn state established "dport = :$PORT" | wc -l)"
	expect "fallbacks" 0 "$(mib host MPTcpExtMPCapableFallbackSYNACK)"
	expect "accepted joins" "$((queues * (LINKS - 1)))" "$(mib target MPTcpExtMPJoinAckRx)"
}

# throughput DISK READ_OR_WRITE: bytes per second
throughput()
{
	run_fio --name=load --filename="$1" --direct=1 --ioengine=libaio --rw="rand$2" --bs=128k --iodepth=32 \
		--time_based --ramp_time=2 --runtime=6 --output-format=json | jq ".jobs[0].$2.bw_bytes"
}

# shares BEFORE AFTER: of each link, in per cent
shares()
{
	paste <(xargs -n1 <<<"$1") <(xargs -n1 <<<"$2") |
		awk '{ part[NR] = $2 - $1; sum += part[NR] }
			END { for (i = 1; i <= NR; i++) printf "%d ", 100 * part[i] / (sum ? sum : 1) }'
}

# aggregation READ_OR_WRITE: against the same with one link
aggregation()
{
	local ctrl disk one all before share parts

	in_host ip mptcp limits set subflows 0
	ctrl=$(attach)
	disk=$(disk "$ctrl" 2)
	one=$(throughput "$disk" "$1")
	detach "$ctrl"
	in_host ip mptcp limits set subflows 8
	ctrl=$(attach)
	disk=$(disk "$ctrl" 2)
	before=$(links_bytes)
	all=$(throughput "$disk" "$1")
	parts=$(shares "$before" "$(links_bytes)")
	note "$1: one link $((one / 1000)) kB/s, $LINKS links $((all / 1000)) kB/s, shares $parts%"
	# On an emulated CPU that is shared; the demo has one of its own and asks for more.
	[ $((all * 10)) -ge $((one * 18)) ] ||
		fail "expected 1.8 times the $one bytes/s of one link, got $all"
	for share in $parts; do
		[ "$share" -ge 10 ] || fail "expected 10 % of the bytes or more on each link, got $parts"
	done
}

# A single large request is spread, which no multipath policy can do.
one_request()
{
	local ctrl disk before share parts

	ctrl=$(attach --nr-io-queues=1)
	disk=$(disk "$ctrl" 2)
	wait_for 10 "$((2 * LINKS)) subflows" connections $((2 * LINKS))
	before=$(links_bytes)
	run_fio --name=one --filename="$disk" --direct=1 --ioengine=libaio --rw=randwrite --bs=1m --iodepth=1 \
		--time_based --runtime=4 --output-format=terse >/dev/null
	parts=$(shares "$before" "$(links_bytes)")
	note "1 MiB, depth 1: shares $parts%"
	for share in $parts; do
		[ "$share" -ge 5 ] || fail "expected 5 % of the bytes or more on each link, got $parts"
	done
}

integrity()
{
	fio_mix "$(disk "$(attach)")"
}

# The other way to configure paths: the target announces its addresses.
announced()
{
	local ctrl i

	in_host ip mptcp endpoint flush
	for i in 2 3 4; do
		in_target ip mptcp endpoint add "10.1.$i.2" dev "t$i" signal
	done
	ctrl=$(attach_to "$NQN" -a "$ADDR" -s 4421 --nr-io-queues=1)
	wait_for 10 "2 queues have 4 subflows each" connections 8 4421
	fio_verify "$(disk "$ctrl")" --bs=64k --iodepth=8 --size=64m --io_size=16m
}

# A subflow that an endpoint adds while the controller is in use
late_endpoint()
{
	local ctrl

	in_host ip mptcp endpoint flush
	in_target ip mptcp endpoint flush
	ctrl=$(attach --nr-io-queues=1)
	expect "connections" 2 "$(established)"
	in_host ip mptcp endpoint add 10.1.3.1 dev h3 subflow
	wait_for 10 "2 queues have 2 subflows each" connections 4
	fio_verify "$(disk "$ctrl")" --bs=64k --iodepth=8 --size=64m --io_size=8m
}

target_extra()
{
	# a disk that costs no CPU, for the throughput
	backend fast 4096 && namespace "$NQN" 2 /dev/fast &&
		port 2 0.0.0.0 4421 && publish 2 "$NQN"
}

# so slow that four of them are not limited by an emulated CPU
RATE=$((40 / SLOW))mbit
setup
for ((i = 1; i <= LINKS; i++)); do
	shape "$i" rate "$RATE"
done
t "a subflow per link and queue" four_each
t "read throughput adds up" aggregation read
t "write throughput adds up" aggregation write
t "one large request uses all links" one_request
t "integrity over four links" integrity
t "addresses announced by the target" announced
t "a path that comes later" late_endpoint
finish
