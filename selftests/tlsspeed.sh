#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What encryption costs of the speed of four links. Measures: wants a VM of
# scripts/vm --steady, whose CPU is not shared.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=lib/nvmetls.sh
. "$SELFTESTS/lib/nvmetls.sh"

[ "$HOST_TR/$PORT_TR" = mptcp/mptcp ] || skip "more than one subflow needs mptcp at both ends"
[ "$SLOW" = 1 ] || skip "with sanitizers the CPU is slower than the links"

# A connection keeps its habits (which subflow gets how much): the median counts.
CONNECTIONS=5

# connection SVCID OPTION READ_OR_WRITE: bytes per second of a new one
connection()
{
	local ctrl disk

	ctrl=$(ON=$1 attach_at "nr_io_queues=1${2:+,$2}")
	disk=$(disk "$ctrl" 2)
	wait_for 10 "$((2 * LINKS)) subflows" connections $((2 * LINKS)) "$1"
	run_fio --name=load --filename="$disk" --direct=1 --ioengine=libaio --rw="rand$3" \
		--bs=128k --iodepth=64 --time_based --ramp_time=0.5 --runtime=2 \
		--output-format=json | jq ".jobs[0].$3.bw_bytes"
	detach "$ctrl"
}

# cost READ_OR_WRITE: by turns, one of each kind
cost()
{
	local n encrypted plain

	rm -f "$TMP"/{encrypted,plain}
	for ((n = 0; n < CONNECTIONS; n++)); do
		connection "$PORT" tls "$1" >>"$TMP/encrypted"
		connection 4422 "" "$1" >>"$TMP/plain"
	done
	encrypted=$(median "$TMP/encrypted") plain=$(median "$TMP/plain")
	note "$1: $encrypted bytes/s with TLS, $plain without: $((encrypted * 100 / plain)) %"
	[ $((encrypted * 100)) -ge $((plain * 95)) ] ||
		fail "expected 95 % of $plain bytes/s with TLS, got $encrypted"
}

target_extra()
{
	# a disk that costs no CPU
	backend fast 4096 && namespace "$NQN" 2 /dev/fast && port 3 "$ADDR" 4422 && publish 3 "$NQN"
}

tls_up
tlshd_start_for host
tlshd_start_for target
shape_links rate 100mbit
t "reads are as fast as without" cost read
t "writes are as fast as without" cost write
finish
