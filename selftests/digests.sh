#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Bytes that change on the way with TCP's checksum put right, as a faulty
# switch or NIC does it: the digests find them, what is damaged is sent again,
# and in the end no byte is wrong.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

[ "$HOST_TR/$PORT_TR" = mptcp/mptcp ] || skip "the offsets are those of MPTCP's packets, the messages ours"

# IP, TCP with its time stamp, and an MPTCP option with a mapping
HEADERS=80

# damage host|target MIN MAX OFFSET: from now on turn over the byte at OFFSET
# of the payload in one of 60 packets from there whose payload is of MIN to MAX
# bytes
damage()
{
	local i

	"in_$1" iptables -t mangle -A OUTPUT -p tcp -m length --length "$((HEADERS + $2)):$((HEADERS + $3))" \
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

# found PATTERN host|target MIN MAX OFFSET BS: write and compare, while damage
# is done; the kernel has to say that it found some.
found()
{
	local ctrl disk times

	ctrl=$(attach_raw hdr_digest,data_digest,reconnect_delay=1,nr_io_queues=1)
	disk=$(disk "$ctrl")
	damage "${@:2:4}"
	fio_verify "$disk" --bs="$6" --iodepth=8 --size=32m --io_size=8m
	undo
	await_state "$ctrl" live
	times=$(log_since_mark | grep -cE "$1") || fail "nothing was found damaged"
	note "found $times times"
}

setup
t "data for the host" found 'data digest is 0x' target 1000 65000 700 64k
t "data for the target, asked for by R2Ts" found 'data digest 0x.* must be' host 1000 65000 700 64k
t "data for the target, in capsules" found 'data digest 0x.* must be' host 1000 65000 700 4k
t "headers for the host" found 'header digest 0x' target 28 60 12 16k
t "headers for the target" found 'header digest 0x' host 76 140 30 16k
finish
