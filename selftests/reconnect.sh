#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Connections end and come back: disconnect, reset, a target that goes away.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

# With TLS each takes three handshakes more.
ROUNDS=${ROUNDS:-$([ -n "$TLS" ] && echo 15 || echo 50)}

many_times()
{
	local i ctrl

	for ((i = 1; i <= ROUNDS; i++)); do
		ctrl=$(attach_raw) || fail "connect, round $i"
		[ "$((i % 5))" != 0 ] || read_some "$(disk "$ctrl")" || fail "read, round $i"
		limit 20 detach "$ctrl" || fail "disconnect, round $i"
	done
	expect "controllers left" "" "$(controllers)"
	wait_for 20 "no connection is left" connections 0
}

# Requests wait for the controller and are sent again: no error, right data.
reset_under_load()
{
	local ctrl disk pid i

	ctrl=$(attach)
	disk=$(disk "$ctrl")
	fio_verify "$disk" --bsrange=512-64k --iodepth=32 --size=64m --io_size=600m --time_based \
		--runtime=$((12 * SLOW)) &
	pid=$!
	wait_for 20 "fio does I/O" busy "$disk"
	for i in 1 2 3; do
		limit 30 nvme reset "/dev/$ctrl" || fail "reset $i"
		await_state "$ctrl" live
		goes_on "$disk" "$pid" "after reset $i"
	done
	wait "$pid" || fail "fio failed"
}

# The port goes and comes back: I/O waits, and no request fails.
port_returns()
{
	local ctrl disk pid

	ctrl=$(attach --reconnect-delay=1 --ctrl-loss-tmo=120)
	disk=$(disk "$ctrl")
	fio_verify "$disk" --bsrange=512-64k --iodepth=16 --size=64m --io_size=600m --time_based \
		--runtime=$((10 * SLOW)) &
	pid=$!
	wait_for 20 "fio does I/O" busy "$disk"
	port_remove 1
	await_state "$ctrl" connecting
	log_since_mark | matches "nvme $ctrl: starting error recovery" ||
		fail "the log does not say that recovery starts"
	port 1 "$ADDR" "$PORT"
	publish 1 "$NQN"
	await_state "$ctrl" live 30
	wait "$pid" || fail "fio failed"
}

target_restarts()
{
	local ctrl disk

	ctrl=$(attach --reconnect-delay=1 --ctrl-loss-tmo=120)
	disk=$(disk "$ctrl")
	port_remove 1
	limit 30 rmmod "nvmet_$PORT_TR" || fail "rmmod nvmet_$PORT_TR after the port was removed"
	await_state "$ctrl" connecting
	modprobe "nvmet-$PORT_TR"
	port 1 "$ADDR" "$PORT"
	publish 1 "$NQN"
	await_state "$ctrl" live 30
	fio_verify "$disk" --bsrange=512-64k --iodepth=16 --size=64m --io_size=2m
}

# After ctrl_loss_tmo the host gives up: I/O that waits fails, and the
# controller goes.
loss_timeout()
{
	local ctrl disk start

	ctrl=$(attach --reconnect-delay=1 --ctrl-loss-tmo=3)
	disk=$(disk "$ctrl")
	port_remove 1
	await_state "$ctrl" connecting
	start=$(now_ms)
	expect_failure "a read from a target that does not return" \
		dd if="$disk" of=/dev/null bs=4k count=1 iflag=direct
	wait_for 20 "the controller goes" no_controllers
	expect_between "ms until the I/O failed" 500 $((15000 * SLOW)) $(($(now_ms) - start))
	port 1 "$ADDR" "$PORT"
	publish 1 "$NQN"
}

# fast_io_fail_tmo: I/O fails early, and the controller still comes back.
fast_fail()
{
	local ctrl disk

	ctrl=$(attach --reconnect-delay=1 --ctrl-loss-tmo=120 --fast_io_fail_tmo=1)
	disk=$(disk "$ctrl")
	port_remove 1
	await_state "$ctrl" connecting
	expect_failure "a read after fast_io_fail_tmo" dd if="$disk" of=/dev/null bs=4k count=1 \
		iflag=direct
	port 1 "$ADDR" "$PORT"
	publish 1 "$NQN"
	await_state "$ctrl" live 30
	read_some "$disk"
}

# What waits when the controller is lost fails in time, and the host still tries.
waiting_io_fails()
{
	local ctrl disk start

	ctrl=$(attach --reconnect-delay=1 --ctrl-loss-tmo=120 --fast_io_fail_tmo=5)
	disk=$(disk "$ctrl")
	fio_load "$disk"
	port_remove 1
	start=$(now_ms)
	await_state "$ctrl" connecting
	load_ends 30
	expect_between "ms until the waiting I/O failed" 4000 $((15000 * SLOW)) \
		$(($(now_ms) - start))
	grep -q 'Input/output error' "$TMP/load" || fail "fio has seen no error: $(cat "$TMP/load")"
	log_since_mark | matches "nvme $ctrl: failfast expired" ||
		fail "the log does not say that the time is over"
	expect "state" connecting "$(attr "$ctrl" state)"
	port 1 "$ADDR" "$PORT"
	publish 1 "$NQN"
	await_state "$ctrl" live 30
	fio_verify "$disk" --bs=16k --iodepth=8 --size=16m --io_size=1m
}

# Without it I/O waits for as long as the host tries.
waiting_io_waits()
{
	local ctrl disk

	ctrl=$(attach --reconnect-delay=1 --ctrl-loss-tmo=120)
	disk=$(disk "$ctrl")
	verify_begin "$disk" --bs=16k --runtime=600
	port_remove 1
	await_state "$ctrl" connecting
	! wait_until 7 gone "$LOAD" || fail "the waiting I/O has failed: $(cat "$TMP/fio.json")"
	port 1 "$ADDR" "$PORT"
	publish 1 "$NQN"
	await_state "$ctrl" live 30
	goes_on "$disk" "$LOAD" "when the port is back"
	verify_stop
}

# The links stay up, and nothing comes any more: the request runs out of time,
# the host tries to reconnect, and the request is done when that works.
silent_links()
{
	local ctrl disk pid

	ctrl=$(attach --reconnect-delay=1 --ctrl-loss-tmo=120 --keep-alive-tmo=60)
	disk=$(disk "$ctrl")
	echo $((2000 * SLOW)) | tee "$SYS/$ctrl"/nvme*n*/queue/io_timeout
	in_target iptables -A OUTPUT -p tcp --sport "$PORT" -j DROP
	read_some "$disk" &
	pid=$!
	await_state "$ctrl" connecting
	log_since_mark | matches -E \
		'I/O tag [0-9]+ \([0-9a-f]{4}\) type 4 opcode 0x2 \(.*\) QID [1-9][0-9]* timeout' ||
		fail "the log does not say which command it was: $(log_since_mark)"
	! gone "$pid" || fail "the request did not wait"
	undo
	await_state "$ctrl" live 30
	wait "$pid" || fail "the request failed"
}

# What the host sends is answered with a reset, on whatever subflow it comes.
# MPTCP waits a minute for new ones, and the request half a minute for a response.
all_subflows_reset()
{
	local ctrl disk pid start

	ctrl=$(attach --nr-io-queues=1 --reconnect-delay=1 --ctrl-loss-tmo=120 --keep-alive-tmo=60)
	disk=$(disk "$ctrl")
	in_target iptables -A INPUT -p tcp --dport "$PORT" -j REJECT --reject-with tcp-reset
	start=$(now_ms)
	read_some "$disk" &
	pid=$!
	await_state "$ctrl" connecting
	expect_between "ms until the host knew" 0 15000 $(($(now_ms) - start))
	undo
	await_state "$ctrl" live 30
	wait "$pid" || fail "the request failed"
}

undo()
{
	in_target iptables -F
}

# through_proxy [OPTION,...]: with a queue for writing and one for reading
through_proxy()
{
	local queues=nr_io_queues=1,nr_write_queues=1

	fabrics "traddr=$ADDR,trsvcid=4497,nqn=$NQN,$queues,reconnect_delay=1"
}

# both_queues CONTROLLER: a write and a read are done, and do not wait long
both_queues()
{
	local disk

	disk=$(disk "$1")
	limit 10 dd if=/dev/zero of="$disk" conv=nocreat bs=4k count=1 oflag=direct status=none ||
		fail "cannot write"
	limit 10 dd if="$disk" of=/dev/null bs=4k count=1 iflag=direct status=none ||
		fail "cannot read"
}

# The first I/O queue breaks while the second one connects: the controller must
# not serve with it. Either the attempt fails, or recovery begins at once.
queue_lost_at_set_up()
{
	local ctrl

	nsenter --net="/run/netns/$TARGET_NS" "$SELFTESTS/lib/proxy.py" "$ADDR" 4497 "$PORT" \
		"$TMP/lose" >"$TMP/proxy" 2>&1 &
	wait_for 10 "the proxy listens" grep -q listening "$TMP/proxy"

	touch "$TMP/lose"
	if ctrl=$(limit 20 through_proxy); then
		await_state "$ctrl" live
		both_queues "$ctrl"
		detach "$ctrl"
	fi
	wait_for 10 "the proxy has ended queue 1" test ! -e "$TMP/lose"

	ctrl=$(limit 20 through_proxy) || fail "connect"
	both_queues "$ctrl"
	touch "$TMP/lose"
	nvme reset "/dev/$ctrl" || :
	wait_for 20 "the proxy ends queue 1" test ! -e "$TMP/lose"
	await_state "$ctrl" live
	both_queues "$ctrl"
}

# Disconnecting while the host tries to reconnect must not wait for it.
disconnect_while_connecting()
{
	local ctrl

	ctrl=$(attach --reconnect-delay=1 --ctrl-loss-tmo=120)
	port_remove 1
	await_state "$ctrl" connecting
	limit 20 detach "$ctrl" || fail "disconnect while reconnecting"
	wait_for 20 "the controller goes" no_controllers
	port 1 "$ADDR" "$PORT"
	publish 1 "$NQN"
}

# A reconnect happens in the namespace of the connect, not in the initial one.
namespace_kept()
{
	local ctrl

	[ -n "$HOST_NS" ] || skip "nvme-tcp reconnects in the initial namespace"
	ctrl=$(attach)
	limit 30 nvme reset "/dev/$ctrl"
	await_state "$ctrl" live
	[ "$(established)" -ge "$(attr "$ctrl" queue_count)" ] ||
		fail "no connection in the host's namespace"
	expect "connections in the initial namespace" "" "$(ss -Htn "dport = :$PORT")"
}

setup
t "connect and disconnect $ROUNDS times" many_times
t "reset under load" reset_under_load
t "the port goes and returns under load" port_returns
t "the target's module is loaded anew" target_restarts
t "ctrl_loss_tmo" loss_timeout
t "fast_io_fail_tmo" fast_fail
t "fast_io_fail_tmo with I/O waiting" waiting_io_fails
t "without fast_io_fail_tmo I/O waits" waiting_io_waits
t "a request runs out of time" silent_links
# The proxy has to understand what it passes on.
[ "$HOST_TR${TLS:+ tls}" != mptcp ] || t "a queue breaks while others connect" queue_lost_at_set_up
t "all subflows are reset" all_subflows_reset
t "disconnect while reconnecting" disconnect_while_connecting
t "reset stays in its network namespace" namespace_kept
finish
