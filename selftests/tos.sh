#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What marks packets, the type of service and the priority, has to be on every
# subflow, of both families, those that join later included; the target answers
# with the host's type of service. And so has the congestion control to be.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

# marked host|target MARK...: each of its connections has all of these, as ss
# shows them
marked()
{
	local side=$1 end=sport mark other
	shift

	[ "$side" = target ] || end=dport
	"in_$side" ss -Htn --tos state established "$end = :$PORT" >"$TMP/ss"
	[ -s "$TMP/ss" ] || fail "ss shows no connection"
	cat "$TMP/ss"
	for mark in "$@"; do
		other=$(grep -vE "\\b$mark( |\$)" "$TMP/ss" || :)
		expect "connections of the $side without $mark" "" "$other"
	done
}

usable()
{
	local disk

	disk=$(disk "$1")
	read_some "$disk"
}

tos()
{
	usable "$(attach --tos=32)"
	marked host tos:0x20
	marked target tos:0x20
}

ipv6()
{
	local ctrl

	ADDR=fd01::2
	PORT=4426
	ctrl=$(attach --nr-io-queues=1 --tos=32)
	[ "$HOST_TR/$PORT_TR" != mptcp/mptcp ] ||
		wait_for 10 "2 queues have $LINKS subflows each" connections $((2 * LINKS))
	usable "$ctrl"
	marked host tclass:0x20
	[ "$PORT_TR" != mptcp ] || marked target tclass:0x20
	capture "$TMP/pcap" read_some "$(disk "$ctrl")"
	tcpdump -nvr "$TMP/pcap" ip6 and src "$ADDR" and greater 1000 2>/dev/null |
		grep -o '(.*hlim' >"$TMP/packets" || fail "no data on the wire"
	[ "$PORT_TR" != mptcp ] ||
		expect "packets with data of another class" "" \
			"$(grep -v 'class 0x20' "$TMP/packets" || :)"
}

# The sockets of a port on the wildcard of IPv6, and of a host that speaks IPv4
mapped()
{
	PORT=4426
	usable "$(attach --nr-io-queues=1 --tos=32)"
	marked host tos:0x20
	marked target tos:0x20
}

# The target announces an IPv4 address to a host that has come by IPv6.
other_family()
{
	ADDR=fd01::2
	PORT=4426
	in_host ip mptcp endpoint flush
	in_target ip mptcp endpoint add 10.1.3.2 dev t3 signal
	usable "$(attach --nr-io-queues=1 --tos=32)"
	wait_for 10 "2 queues have 2 subflows each" connections 4
	expect "subflows of IPv4" 2 \
		"$(in_host ss -4Htn state established "dport = :$PORT" | wc -l)"
	marked host tos:0x20
	marked target tos:0x20
}

# A subflow that an endpoint adds while the controller is in use
later()
{
	ADDR=$1
	PORT=4426
	in_host ip mptcp endpoint flush
	usable "$(attach --nr-io-queues=1 --tos=32)"
	expect "connections" 2 "$(established)"
	in_host ip mptcp endpoint add "$2" dev h3 subflow
	wait_for 10 "2 queues have 2 subflows each" connections 4
	marked host "$3"
	marked target "$3"
}

# priorities HOST TARGET: for new connections
priorities()
{
	echo "$1" >"/sys/module/nvme_$HOST_TR/parameters/so_priority"
	echo "$2" >"/sys/module/nvmet_$PORT_TR/parameters/so_priority"
}

# congestion_is NAME: for connections that are made from now on
congestion_is()
{
	local file

	for file in /sys/module/nvme*_mptcp/parameters/congestion; do
		echo "$1" >"$file"
	done
}

undo()
{
	priorities 0 0
	in_target ip mptcp endpoint flush
	congestion_is ""
}

# controlled SIDE END NAME: all connections of it are, and there are some
controlled()
{
	"in_$1" ss -Htni state established "$2 = :$PORT" >"$TMP/ss"
	[ -s "$TMP/ss" ] || fail "ss shows no connection"
	expect "connections of the $1 with another congestion control than $3" "" \
		"$(grep -E '^[[:space:]]' "$TMP/ss" | grep -vw "$3" || :)"
}

# As ss shows it, of the subflows that join, too; what the kernel does not have
# leaves the usual one.
congestion()
{
	congestion_is bbr
	usable "$(attach)"
	[ "$HOST_TR/$PORT_TR" != mptcp/mptcp ] ||
		wait_for 10 "all queues have $LINKS subflows" \
			connections $((LINKS * $(attr "$(controllers)" queue_count)))
	controlled host dport bbr
	[ "$PORT_TR" != mptcp ] || controlled target sport bbr
	host_clear
	log_mark
	congestion_is nosuch
	usable "$(attach)"
	controlled host dport cubic
	log_since_mark |
		matches 'nvme nvme[0-9]*: congestion=nosuch: the kernel does not use it (-2)' ||
		fail "the log does not say so"
}

# so_priority [OPTION,...]: without a class of its own, ss shows the priority of a
# socket for that
so_priority()
{
	local ctrl

	in_host ip mptcp endpoint flush
	ctrl=$(attach --nr-io-queues=1)
	usable "$ctrl"
	priorities 5 3
	marked host class_id:0
	detach "$ctrl"
	usable "$(attach_raw "nr_io_queues=1${1:+,$1}")"
	marked host class_id:0x5
	# The C driver sets the priority first, and the type of service changes it.
	[ "$PORT_TR" = mptcp ] || return 0
	marked target class_id:0x3
	in_host ip mptcp endpoint add 10.1.3.1 dev h3 subflow
	wait_for 10 "2 queues have 2 subflows each" connections 4
	marked host class_id:0x5
	marked target class_id:0x3
}

target_extra()
{
	port 2 :: 4426 && publish 2 "$NQN"
}

setup
t "tos" tos
t "tos on IPv6" ipv6
t "tos on IPv4, of a port on IPv6" mapped
t "congestion" congestion
t "so_priority" so_priority
t "so_priority and tos" so_priority tos=32
# More than one subflow needs MPTCP at both ends.
if [ "$HOST_TR/$PORT_TR" = mptcp/mptcp ]; then
	t "tos of a subflow of the other family" other_family
	t "tos of a path that comes later" later 10.1.1.2 10.1.3.1 tos:0x20
	t "tos of a path that comes later, on IPv6" later fd01::2 fd03::1 tclass:0x20
fi
finish
