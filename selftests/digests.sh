#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Bytes that change on the way with TCP's checksum put right, as a faulty
# switch or NIC does it: the digests find them, what is damaged is sent again,
# and in the end no byte is wrong. And bytes that change before they are on
# their way, which is nobody's fault.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

[ "$HOST_TR" = mptcp ] || skip "the offsets are those of MPTCP's packets, the messages ours"

# IP, TCP with its time stamp, and an MPTCP option with a mapping
HEADERS=80

# damage host|target MIN MAX OFFSET: from now on turn over the byte at OFFSET
# of the payload in one of 60 packets from there whose payload is of MIN to MAX
# bytes
damage()
{
	local i

	"in_$1" iptables -t mangle -A OUTPUT -p tcp -m length \
		--length "$((HEADERS + $2)):$((HEADERS + $3))" \
		-m statistic --mode nth --every 60 --packet 9 -j MARK --set-mark 42
	for ((i = 1; i <= LINKS; i++)); do
		# with the filter of before, if there was one
		"in_$1" tc qdisc delete dev "${1:0:1}$i" clsact 2>/dev/null || :
		"in_$1" tc qdisc add dev "${1:0:1}$i" clsact
		"in_$1" tc filter add dev "${1:0:1}$i" egress protocol ip prio 1 handle 42 fw \
			action pedit munge offset $((HEADERS + $4)) u8 invert pipe csum tcp
	done
}

undo()
{
	in_host iptables -t mangle -F
	in_target iptables -t mangle -F
}

# of decryption, before a subtest does damage
ERRORS=0

# damages PATTERN: how often some was found, in this subtest. With TLS it is there
# that it is found, whatever the digests are, and the queue has to begin anew.
damages()
{
	if [ -n "$TLS" ]; then
		echo $(($(decrypt_errors host) + $(decrypt_errors target) - ERRORS))
	else
		log_since_mark | grep -cE "$1" || :
	fi
}

# decrypt_errors host|target
decrypt_errors()
{
	"in_$1" sed -n 's/^TlsDecryptError[ \t]*//p' /proc/net/tls_stat
}

# found PATTERN host|target MIN MAX OFFSET BS: write and compare, while damage
# is done; the kernel has to say that it found some.
found()
{
	local ctrl disk times amount=8m

	[ "$PORT_TR" = mptcp ] || skip "the offsets are those of MPTCP's packets, the messages ours"
	[ -z "$TLS" ] || amount=2m
	ERRORS=$(damages "$1")
	ctrl=$(attach_raw hdr_digest,data_digest,reconnect_delay=1,nr_io_queues=1)
	disk=$(disk "$ctrl")
	damage "${@:2:4}"
	fio_verify "$disk" --bs="$6" --iodepth=8 --size=32m --io_size=$amount
	undo
	await_state "$ctrl" live
	times=$(damages "$1")
	[ "$times" -gt 0 ] || fail "nothing was found damaged"
	note "found $times times"
}

# scribble BYTES: write from a buffer that is written to meanwhile. The digest
# is of what was sent, whatever that was: the target has nothing to refuse.
scribble()
{
	local ctrl

	ctrl=$(attach_raw data_digest,reconnect_delay=1,nr_io_queues=1)
	limit 60 python3 "$SELFTESTS/lib/scribble.py" "$(disk "$ctrl")" "$1" $((100 / SLOW)) ||
		fail "a write failed"
	! log_since_mark | matches -i 'digest.* 0x' || fail "the target refused data"
	expect "state" live "$(attr "$ctrl" state)"
}

# Nothing comes through for a second, and then everything does. The core's six
# tries of a command must not be over by then.
damaged_for_a_second()
{
	local ctrl disk pid

	[ "$PORT_TR" = mptcp ] || skip "the C target ends the connection"
	ctrl=$(attach_raw data_digest,reconnect_delay=1,nr_io_queues=1)
	disk=$(disk "$ctrl")
	ERRORS=$(damages "")
	damage host 1000 65000 700
	undo
	in_host iptables -t mangle -A OUTPUT -p tcp -m length --length $((HEADERS + 1000)):65535 \
		-j MARK --set-mark 42
	dd if=/dev/zero of="$disk" conv=nocreat bs=16k count=1 oflag=direct status=none &
	pid=$!
	wait_for 10 "damage is found" damage_found
	sleep 1
	! gone "$pid" || fail "the command was given up within a second"
	undo
	wait_for 20 "the write ends" gone "$pid"
	wait "$pid" || fail "the write failed"
}

damage_found()
{
	[ "$(damages 'data digest 0x.* must be')" -gt 0 ]
}

# All sizes of PDUs, of which the socket takes a part at a time: a send buffer
# of the smallest size, as a host without the capability for more has it.
small_sends()
{
	local ctrl link wmem

	wmem=$(in_host sysctl -n net.ipv4.tcp_wmem)
	in_host sysctl -q net.ipv4.tcp_wmem="4096 8192 8192"
	for ((link = 1; link <= LINKS; link++)); do
		shape "$link" rate 50mbit delay 1ms
	done
	ctrl=$(FABRICS_AS="setpriv --bounding-set=-net_admin --inh-caps=-net_admin" attach_raw "$1")
	in_host sysctl -q net.ipv4.tcp_wmem="$wmem"
	fio_mix "$(disk "$ctrl")"
	expect "state" live "$(attr "$ctrl" state)"
}

setup
t "a buffer that changes, R2Ts" scribble 262144
t "a buffer that changes, in capsules" scribble 4096
t "data for the host" found 'data digest is 0x' target 1000 65000 700 64k
t "data for the target, asked for by R2Ts" found 'data digest 0x.* must be' host 1000 65000 700 64k
t "data for the target, in capsules" found 'data digest 0x.* must be' host 1000 65000 700 4k
t "headers for the host" found 'header digest 0x' target 28 252 12 16k
t "damage that lasts for a second" damaged_for_a_second
t "headers for the target" found 'header digest 0x' host 76 140 30 16k
t "small sends with digests" small_sends hdr_digest,data_digest,nr_io_queues=1
finish
