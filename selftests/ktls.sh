#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# kTLS on an MPTCP socket whose stream is spread over four links: nothing is
# lost or changed, every link carries its part, and it costs little speed.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

[ "$HOST_TR/$PORT_TR" = mptcp/mptcp ] || skip "this is about sockets, not about a pair of drivers"

# tls_stat host|target COUNTER
tls_stat()
{
	"in_$1" sed -n "s/^$2[[:space:]]*//p" /proc/net/tls_stat
}

# stream PROTO MIB: begin to send from the host to the target
stream()
{
	local peer=("$SELFTESTS/lib/stream.py" receive "$1" "$ADDR" "$PORT" "$2")

	LENGTH=$(($2 << 20))
	in_target python3 "${peer[@]}" >"$TMP/received" &
	RECEIVER=$!
	wait_for 20 "the receiver listens" listening
	BEFORE=$(links_bytes)
	peer[1]=send
	in_host python3 "${peer[@]}" >"$TMP/sent" &
	SENDER=$!
}

# spread PROTO: is the stream what it should be, on four subflows?
spread()
{
	wait_for 20 "$LINKS subflows" connections "$LINKS"
	expect "connections of MPTCP" 1 \
		"$(in_host ss -HMn state established "dport = :$PORT" | wc -l)"
	[ "$1" != mptcp+tls ] || {
		expect "sockets that send TLS records" 1 "$(tls_stat host TlsCurrTxSw)"
		expect "sockets that receive TLS records" 1 "$(tls_stat target TlsCurrRxSw)"
	}
}

# carried MIB: over all links, since the stream has begun
carried()
{
	[ "$(paste <(xargs -n1 <<<"$BEFORE") <(links_bytes | xargs -n1) |
		awk '{ sum += $2 - $1 } END { print int(sum / 1048576) }')" -ge "$1" ]
}

# complete: wait for the end, and see that all of it came; $KBPS is its speed
complete()
{
	local length ms checksum

	wait_for 300 "the stream ends" gone "$RECEIVER"
	wait "$RECEIVER" || fail "the receiver's exit status is $?"
	wait "$SENDER" || fail "the sender's exit status is $?"
	read -r length ms checksum <"$TMP/received"
	expect "bytes received" "$LENGTH" "$length"
	expect "checksum" "$(cat "$TMP/sent")" "$checksum"
	KBPS=$((length / ms))
}

# transfer PROTO MIB
transfer()
{
	local parts share

	stream "$@"
	spread "$1"
	complete
	parts=$(shares "$BEFORE" "$(links_bytes)")
	note "$1: $2 MiB, $KBPS kB/s, shares $parts%"
	for share in $parts; do
		[ "$share" -ge 10 ] ||
			fail "expected 10 % of the bytes or more on each link, got $parts"
	done
}

nothing_refused()
{
	expect "fallbacks" 0 "$(mib host MPTcpExtMPCapableFallbackSYNACK)"
	expect "records that did not decrypt" 0 "$(tls_stat target TlsDecryptError)"
}

speed()
{
	local plain

	transfer mptcp "$SIZE"
	plain=$KBPS
	transfer mptcp+tls "$SIZE"
	note "with TLS $((100 * KBPS / plain)) % of the speed without"
	nothing_refused
	# With sanitizers the CPU is the limit as soon as it has anything else to do.
	[ "$SLOW" = 1 ] || return 0
	[ $((100 * KBPS)) -ge $((85 * plain)) ] || fail "expected 85 % of $plain kB/s, got $KBPS"
}

flap()
{
	local back

	stream mptcp+tls "$SIZE"
	spread mptcp+tls
	wait_for 60 "a quarter is through" carried $((SIZE / 4))
	in_host ip link set h3 down
	wait_for 60 "more comes through on three links" carried $((SIZE * 3 / 8))
	in_host ip link set h3 up
	# The route went with the link.
	in_host ip route replace 10.1.1.2/32 via 10.1.3.2 dev h3 metric 3000
	back=$(link_bytes 3)
	complete
	back=$(($(link_bytes 3) - back))
	note "$KBPS kB/s, $((back / 1000)) kB over the link since it is back"
	[ "$back" -ge 1000000 ] ||
		fail "expected 1 MB or more over the link that came back, got $back bytes"
	nothing_refused
}

# The checksum of each mapping covers what TLS has encrypted.
checksums()
{
	in_host sysctl -q net.mptcp.checksum_enabled=1
	transfer mptcp+tls $((SIZE / 2))
	expect "wrong checksums" 0 "$(mib target MPTcpExtDataCsumErr)"
	nothing_refused
}

# MiB, and Mbit/s: so little that the CPU is not the limit, which with sanitizers
# is reached at 600 kB/s. A link's subflow tries again when it has been away for
# up to twice as long as the link was, and has to find something to send then.
SIZE=256 RATE=50
[ "$SLOW" = 1 ] || SIZE=32 RATE=1
links_up "rate ${RATE}mbit"
# What stream.py loads, in memory: while a steady VM waits for its disk, its
# clock runs from timer to timer, and no time that a subtest waits is enough.
python3 -c 'import hashlib, random, socket, struct, time'
t "85 % of the speed without TLS" speed
t "a link goes and returns" flap
t "with MPTCP's checksums" checksums
finish
