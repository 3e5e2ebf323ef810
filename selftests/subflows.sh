#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# One controller, one connection per queue, four links: each carries its part.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

[ "$HOST_TR/$PORT_TR" = mptcp/mptcp ] || skip "more than one subflow needs mptcp at both ends"

# Each queue has a subflow per link; none of them fell back to TCP.
four_each()
{
	local ctrl queues

	ctrl=$(attach)
	queues=$(attr "$ctrl" queue_count)
	expect "controllers" "$ctrl" "$(controllers | xargs)"
	wait_for 10 "$queues queues have $LINKS subflows each" connections $((queues * LINKS))
	expect "connections of MPTCP" "$queues" \
		"$(in_host ss -HMn state established "dport = :$PORT" | wc -l)"
	expect "fallbacks" 0 "$(mib host MPTcpExtMPCapableFallbackSYNACK)"
	expect "accepted joins" "$((queues * (LINKS - 1)))" "$(mib target MPTcpExtMPJoinAckRx)"
}

# Memory may be freed by writing to the disk: what the host's sockets get for
# that, their subflows must get as well, the first and those that join.
memory_reserves()
{
	local queues

	queues=$(attr "$(attach)" queue_count)
	wait_for 10 "$queues queues have $LINKS subflows each" connections $((queues * LINKS))
	test_module subflow_sk
	expect "subflows, with SOCK_MEMALLOC, that don't wait" \
		"$((queues * LINKS)) $((queues * LINKS)) $((queues * LINKS))" \
		"$(in_host cat /sys/module/subflow_sk/parameters/memalloc)"
}

# rescuer WORKQUEUE: the kernel thread that does its works if there is no memory
# for another one. What it did last may follow the name.
rescuer()
{
	grep -qE "^kworker/R-$1([-+]|\$)" /proc/[0-9]*/comm 2>/dev/null
}

# MPTCP's worker, which opens subflows and retransmits, has to go on if there is
# no memory until what the sockets carry is written.
worker_rescued()
{
	local queued=/sys/kernel/tracing/events/workqueue/workqueue_queue_work

	rescuer mptcp || fail "no workqueue 'mptcp' with a rescuer"
	echo 0 >"$queued/filter"
	echo >/sys/kernel/tracing/trace
	echo 1 >"$queued/enable"
	attach >/dev/null
	wait_for 10 "the worker to be queued" \
		grep -q function=mptcp_worker /sys/kernel/tracing/trace
	echo 0 >"$queued/enable"
	grep -o 'function=mptcp_worker workqueue=[^ ]*' /sys/kernel/tracing/trace |
		sort -u >"$TMP/queued"
	expect "where the worker is queued" "function=mptcp_worker workqueue=mptcp" \
		"$(cat "$TMP/queued")"
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

# limits SUBFLOWS ACCEPTED: of the host
limits()
{
	in_host ip mptcp limits set subflows "$1" add_addr_accepted "$2"
}

undo()
{
	heal
	in_target nft delete table inet box 2>/dev/null || :
	limits 8 8
	in_target ip mptcp endpoint flush
}

# told TEXT...: each line that the kernel's log has of paths that there are not
told()
{
	log_since_mark | grep -E 'nvme nvme[0-9]+: (MPTCP may|fell back to TCP)' |
		sed 's/.*nvme nvme[0-9]*: //' >"$TMP/told" || :
	expect "what was told of paths" "$*" "$(<"$TMP/told")"
}

# told_of_addresses USED ANNOUNCED
told_of_addresses()
{
	told "MPTCP may use $1 of $2 addresses that the controller has announced" \
		"(ip mptcp limits set add_addr_accepted)"
}

announce()
{
	local i

	for i in "$@"; do
		in_target ip mptcp endpoint add "10.1.$i.2" dev "t$i" signal
	done
}

# connect_twice [OPTION...]: it is told once for a controller, not again at a reset
connect_twice()
{
	local ctrl

	log_mark
	ctrl=$(attach_to "$NQN" -a "$ADDR" -s 4421 --nr-io-queues=1 "$@")
	limit 30 nvme reset "/dev/$ctrl"
	await_state "$ctrl" live
	read_some "$(disk "$ctrl")"
}

# Whoever wants one path, or has what he wants, is not told of limits.
nothing_told()
{
	endpoints
	limits 2 0
	connect_twice
	told ""
	endpoints 2 3
	connect_twice --duplicate-connect
	told ""
	limits 8 8
	endpoints 2 3 4
	announce 2 3 4
	connect_twice --duplicate-connect
	told ""
}

# One for each link, the first one included: nothing is opened from that.
own_endpoint()
{
	limits 3 0
	endpoints 1 2 3 4
	connect_twice
	told ""
}

few_subflows()
{
	endpoints 2 3 4
	limits 2 0
	connect_twice
	told "MPTCP may open 2 more subflows, for 3 endpoints and 0 announced addresses" \
		"(ip mptcp limits set subflows)"
	limits 2 8
	endpoints
	announce 2 3 4
	connect_twice --duplicate-connect
	told "MPTCP may open 2 more subflows, for 0 endpoints and 3 announced addresses" \
		"(ip mptcp limits set subflows)"
}

few_announced()
{
	endpoints
	announce 2 3 4
	limits 2 0
	connect_twice
	told_of_addresses 0 3
	limits 8 2
	connect_twice --duplicate-connect
	told_of_addresses 2 3
}

# The first answer to an ADD_ADDR is lost, so that each address is announced twice.
announced_again()
{
	shape_links delay 60ms
	in_target nft add table inet box
	in_target nft add chain inet box in '{ type filter hook input priority -300; }'
	in_target nft add rule inet box in tcp dport 4421 tcp option mptcp subtype 3 \
		numgen inc mod 2 0 drop
	endpoints
	announce 2 3 4
	limits 2 0
	connect_twice
	told_of_addresses 0 3
}

fallback()
{
	local ctrl

	modprobe nvmet-tcp
	PORT_TR=tcp port 3 "$ADDR" 4423
	publish 3 "$NQN"
	log_mark
	ctrl=$(attach_to "$NQN" -a "$ADDR" -s 4423 --nr-io-queues=1)
	read_some "$(disk "$ctrl")"
	told "fell back to TCP: the controller, or something on the way, does not speak MPTCP"
	port_remove 3
}

# Something on the way takes the options of MPTCP from packets with data: the host
# has come by MPTCP, and is refused when it sends Connect.
fallback_refused()
{
	PORT=4428
	port 7 "$ADDR" "$PORT" param_no_fallback=1
	publish 7 "$NQN"
	read_some "$(disk "$(attach --nr-io-queues=1)")"
	host_clear
	in_target nft add table inet box
	in_target nft add chain inet box in '{ type filter hook input priority -300; }'
	in_target nft add rule inet box in \
		tcp dport "$PORT" meta length '>' 120 reset tcp option mptcp
	log_mark
	expect_failure "connecting through a box that takes options away" attach
	log_since_mark |
		matches -E 'port 7: refused the host .*: its connection fell back to TCP' ||
		fail "the log does not say who was refused, and why: $(log_since_mark)"
	port_remove 7
}

target_extra()
{
	port 2 0.0.0.0 4421 && publish 2 "$NQN"
}

setup
t "a subflow per link and queue" four_each
t "subflows may use the memory reserves" memory_reserves
t "the worker of MPTCP has a rescuer" worker_rescued
t "integrity over four links" integrity
t "addresses announced by the target" announced
t "a path that comes later" late_endpoint
t "nothing is told of paths if there are enough" nothing_told
t "an endpoint that connections come from does not count" own_endpoint
t "too low a limit of subflows is told" few_subflows
t "too low a limit of announced addresses is told" few_announced
t "addresses that are announced again count once" announced_again
t "a fallback to TCP is told" fallback
t "a port that serves no MPTCP that fell back" fallback_refused
finish
