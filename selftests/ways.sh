#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Connecting when the first way leads nowhere: by other links, to other addresses
# of the target, and with plain TCP; and as at first when that is possible again.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

# How long it may take until a controller is live by another way, or that is given
# up: there are 4.5 s for all of them here, and the VM has its time for the rest.
BOUND_MS=$((15000 * SLOW))

silent()
{
	local link

	for link in "$@"; do
		shape "$link" loss 100%
	done
}

mptcp()
{
	in_host bash -c "echo $1 >/proc/sys/net/mptcp/enabled"
}

# What looks like MPTCP is dropped on its way, when a connection begins.
middlebox()
{
	in_target iptables "$1" INPUT -p tcp --syn --tcp-option 30 -j DROP
}

undo()
{
	heal
	mptcp 1
	middlebox -D 2>/dev/null || :
	in_host iptables -F
	in_target ip mptcp endpoint flush
	in_host ip mptcp endpoint flush
	endpoints 2 3 4
}

# ways: what the log says of them, in the order of time
ways()
{
	log_since_mark | sed -nE 's/.*queue [0-9]+: connected with ([^,]*).*/\1/p' | paste -sd '|'
}

# sources: the addresses that first subflows may come from, without repetition
sources()
{
	in_host ss -Htn state established "dport = :$PORT" |
		awk '{ sub(/[:%].*/, "", $3); print $3 }' | sort -u | xargs
}

# mptcp_queues CONTROLLER: all of them are connections of MPTCP
mptcp_queues()
{
	[ "$PORT_TR" = mptcp ] || return 0
	expect "MPTCP connections" "$(attr "$1" queue_count)" \
		"$(in_host ss -HMn state established "dport = :$PORT" | wc -l)"
}

# lives CONTROLLER SINCE_MS: again, in time, and I/O is done
lives()
{
	await_state "$1" live 30
	expect_between "ms until it was live" 0 "$BOUND_MS" $(($(now_ms) - $2))
	read_some "$(disk "$1")"
}

reset()
{
	local start

	start=$(now_ms)
	limit 60 nvme reset "/dev/$1" || fail "nvme reset"
	lives "$1" "$start"
}

# The other queues begin where the first one has ended.
connect_first_silent()
{
	local ctrl start syns

	silent 1
	in_host iptables -A OUTPUT -o h1 -p tcp --syn --dport "$PORT"
	start=$(now_ms)
	ctrl=$(attach)
	lives "$ctrl" "$start"
	expect "ways" "MPTCP from 10.1.2.1" "$(ways)"
	syns=$(in_host iptables -nvxL OUTPUT | awk '/ h1 / { print $1 }')
	expect_between "SYNs on the silent link" 1 2 "$syns"
}

reset_first_silent()
{
	local ctrl

	[ "$PORT_TR" = mptcp ] || skip "a connection without a second subflow is dead"
	ctrl=$(attach)
	wait_for 10 "all subflows are there" connections $((4 * $(attr "$ctrl" queue_count)))
	silent 1
	reset "$ctrl"
	expect "ways" "MPTCP from 10.1.2.1" "$(ways)"
	mptcp_queues "$ctrl"
	heal
	reset "$ctrl"
	expect "ways" "MPTCP from 10.1.2.1|MPTCP again" "$(ways)"
	mptcp_queues "$ctrl"
}

# gone_and_back: the target closes all connections, and listens again
gone_and_back()
{
	port_remove 1
	await_state "$1" connecting
	"${@:2}"
	port 1 "$ADDR" "$PORT"
	publish 1 "$NQN"
}

reconnect_first_silent()
{
	local ctrl

	ctrl=$(attach --reconnect-delay=1 --ctrl-loss-tmo=120)
	verify_begin "$(disk "$ctrl")" --bs=16k --runtime=600
	gone_and_back "$ctrl" silent 1
	lives "$ctrl" "$(now_ms)"
	goes_on "$(disk "$ctrl")" "$LOAD" "by another link"
	verify_stop
	expect "ways" "MPTCP from 10.1.2.1" "$(ways)"
}

# Nothing but the announced addresses shows the other links.
other_addresses()
{
	local ctrl link

	[ "$PORT_TR" = mptcp ] || skip "nothing is announced"
	PORT=4430
	in_host ip mptcp endpoint flush
	for link in 2 3 4; do
		in_target ip mptcp endpoint add "10.1.$link.2" signal
	done
	ctrl=$(attach)
	wait_for 10 "all subflows are there" connections $((4 * $(attr "$ctrl" queue_count)))
	silent 1
	reset "$ctrl"
	ways | matches -E '^MPTCP to 10\.1\.[234]\.2:4430$' || fail "ways: $(ways)"
	mptcp_queues "$ctrl"
}

told_of_fallback()
{
	log_since_mark | matches "fell back"
}

mptcp_off()
{
	local ctrl

	ctrl=$(attach)
	# A target without MPTCP was told of by now.
	log_mark
	mptcp 0
	reset "$ctrl"
	expect "ways" "plain TCP" "$(ways)"
	expect "connections" "$(attr "$ctrl" queue_count)" "$(established)"
	# Nor later, by who looks at the queues once a second.
	wait_until 4 told_of_fallback && fail "what was known is told twice"
	fio_verify "$(disk "$ctrl")" --bsrange=512-64k --iodepth=16 --size=64m --io_size=512k
	mptcp 1
	reset "$ctrl"
	expect "ways" "plain TCP|MPTCP again" "$(ways)"
	mptcp_queues "$ctrl"
}

connect_without_mptcp()
{
	mptcp 0
	read_some "$(disk "$(attach)")"
	expect "ways" "plain TCP" "$(ways)"
}

# With the first link silent besides: plain TCP, too, is tried on all ways.
mptcp_off_first_silent()
{
	local ctrl start

	mptcp 0
	silent 1
	start=$(now_ms)
	ctrl=$(attach)
	lives "$ctrl" "$start"
	expect "ways" "plain TCP from 10.1.2.1" "$(ways)"
}

syns_dropped()
{
	local ctrl start blackholes

	blackholes=$(mib host MPTcpExtBlackhole)
	middlebox -A
	start=$(now_ms)
	ctrl=$(attach)
	lives "$ctrl" "$start"
	expect "ways" "plain TCP" "$(ways)"
	expect "connections" "$(attr "$ctrl" queue_count)" "$(established)"
	reset "$ctrl"
	middlebox -D
	reset "$ctrl"
	expect "ways" "plain TCP|plain TCP|MPTCP again" "$(ways)"
	mptcp_queues "$ctrl"
	expect "times that the kernel has switched MPTCP off" "$blackholes" \
		"$(mib host MPTcpExtBlackhole)"
}

attempts()
{
	[ "$(log_since_mark | grep -c 'Failed reconnect attempt')" -ge "$1" ]
}

# Whenever the links come back, while MPTCP or while plain TCP is tried.
all_silent()
{
	local ctrl blackholes round

	blackholes=$(mib host MPTcpExtBlackhole)
	ctrl=$(attach --reconnect-delay=1 --ctrl-loss-tmo=120)
	for round in 1 2; do
		log_mark
		gone_and_back "$ctrl" silent 1 2 3 4
		wait_for 30 "$round attempts have failed" attempts "$round"
		heal
		lives "$ctrl" "$(now_ms)"
		mptcp_queues "$ctrl"
		ways | matches "plain TCP" && fail "ways: $(ways)"
	done
	expect "times that the kernel has switched MPTCP off" "$blackholes" \
		"$(mib host MPTcpExtBlackhole)"
}

# Rather no connection than one from elsewhere.
as_the_user_chose()
{
	local option start ctrl

	silent 1
	for option in --host-traddr=10.1.1.1 --host-iface=h1; do
		start=$(now_ms)
		expect_failure "connecting over a silent link" attach "$option"
		expect_between "ms until it failed" 0 "$BOUND_MS" $(($(now_ms) - start))
	done
	heal
	silent 2
	ctrl=$(attach --host-iface=h1 --reconnect-delay=1)
	gone_and_back "$ctrl" mptcp 0
	lives "$ctrl" "$(now_ms)"
	expect "where connections come from" 10.1.1.1 "$(sources)"
	expect "ways" "plain TCP" "$(ways)"
}

# Somebody who waits for a controller that cannot be reached does not wait long.
deleted_meanwhile()
{
	local ctrl start

	ctrl=$(attach --reconnect-delay=1 --ctrl-loss-tmo=120)
	gone_and_back "$ctrl" silent 1 2 3 4
	wait_for 30 "an attempt has failed" attempts 1
	start=$(now_ms)
	limit 30 detach "$ctrl"
	expect_between "ms until it was deleted" 0 $((3000 * SLOW)) $(($(now_ms) - start))
}

target_extra()
{
	port 5 0.0.0.0 4430 && publish 5 "$NQN"
}

setup
t "connect, the first link is silent" connect_first_silent
t "reset, the first link is silent" reset_first_silent
t "reconnect, the first link is silent" reconnect_first_silent
t "the target's other addresses" other_addresses
t "MPTCP is switched off, and on" mptcp_off
t "connect without MPTCP" connect_without_mptcp
t "MPTCP is off and the first link is silent" mptcp_off_first_silent
t "SYNs of MPTCP are dropped" syns_dropped
t "all links are silent for a time" all_silent
t "host_traddr and host_iface" as_the_user_chose
t "deleted while no link works" deleted_meanwhile
finish
