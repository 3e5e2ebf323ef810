#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Peers that do not answer: whatever is waited for, a controller can be removed
# in bounded time, and a connection that stops in the middle of a PDU ends. The
# cases are in lib/silent_target.py: with LONG all of them, otherwise not every
# command that a reset sends.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

# The first port of the silent targets
FIRST=4600
SILENT_NQN=nqn.2026-11.test:bad
# As docs/limits.md says. nvme-tcp takes 10.4 s if ICReq is not answered; 61 s for
# Connect and what scans; 64 s for Property Set, in a reset and in a shutdown; and
# 30 s for I/O. So did this driver.
AT_ONCE=2
PATIENCE=9

# is_silent NAME: what the targets do is in $TMP/silent
is_silent()
{
	grep -qxF "$1 silent" "$TMP/silent"
}

# connect_silent PORT
connect_silent()
{
	local wanted=queue_size=32,nr_io_queues=1,reconnect_delay=1,ctrl_loss_tmo=600

	fabrics "traddr=$ADDR,trsvcid=$1,nqn=$SILENT_NQN,$wanted,keep_alive_tmo=5"
}

# io_to CONTROLLER DD-OPERAND...: one command, whatever becomes of it
io_to()
{
	disk "$1" >/dev/null
	dd bs=4k count=1 status=none "${@:2}" || :
}

# until_silent WHAT CONTROLLER: does it, in the background
until_silent()
{
	case $1 in
	nothing) ;;
	reset) echo 1 >"$SYS/$2/reset_controller" & ;;
	write) io_to "$2" if=/dev/zero of="$(disk "$2")" conv=nocreat oflag=direct & ;;
	esac
}

# removed SECONDS WHAT PORT NAME: so quickly, while the target is silent
removed()
{
	local most=$1 what=$2 name=$4 ctrl start

	ctrl=$(connect_silent "$3")
	[ "$what" = nothing ] || disk "$ctrl" >/dev/null
	until_silent "$what" "$ctrl"
	# To a shutdown there is nothing to be silent before it.
	[[ $name == *shutdown ]] || wait_for 20 "the target is silent" is_silent "$name"
	start=$(now_ms)
	limit 150 detach "$ctrl" || fail "the controller is not removed in 150 s"
	note "removed in $(($(now_ms) - start)) ms"
	expect_between "ms until it is removed" 0 $((most * 1000 * SLOW)) $(($(now_ms) - start))
	wait_for 20 "the target is silent" is_silent "$name"
}

# links_silent SECONDS RESET: a controller under load is removed so quickly when
# nothing passes the links any more; RESET says if it is being reset then
links_silent()
{
	local ctrl start

	ctrl=$(attach --reconnect-delay=1 --ctrl-loss-tmo=600)
	fio_load "$(disk "$ctrl")"
	shape_links loss 100%
	until_silent "$2" "$ctrl"
	[ "$2" = nothing ] || wait_for 10 "the reset begins" not_live "$ctrl"
	start=$(now_ms)
	limit 150 detach "$ctrl" || fail "the controller is not removed in 150 s"
	note "removed in $(($(now_ms) - start)) ms"
	expect_between "ms until it is removed" 0 $(($1 * 1000 * SLOW)) $(($(now_ms) - start))
	load_ends 20
}

# The time that the block layer gives a command ends the connection: the keep
# alive of its controller is answered.
rest_of_pdu()
{
	local ctrl disk

	ctrl=$(connect_silent "$1")
	disk=$(idle_disk "$ctrl")
	echo $((2000 * SLOW)) >"$(echo "$SYS/$ctrl"/nvme*n*)/queue/io_timeout"
	dd if=/dev/zero of="$disk" conv=nocreat bs=4k count=1 oflag=direct status=none
	limit 20 read_some "$disk" || fail "the read has failed"
	log_since_mark | matches 'QID 1 timeout' || fail "all of the PDU has come"
	detach "$ctrl"
}

# peer_timeout SECONDS: of the drivers that have it
peer_timeout()
{
	local file

	for file in /sys/module/nvme*_mptcp/parameters/peer_timeout; do
		echo "$1" >"$file"
	done
}

undo()
{
	peer_timeout 120
	heal
}

# The C target keeps a connection that stops as long as its controller lives.
host_stops()
{
	local ms

	peer_timeout "$SECONDS_GIVEN"
	ms=$(in_host "$SELFTESTS/lib/greedy.py" stops "$ADDR" "$PORT" "$NQN")
	note "ended after $ms ms"
	expect_between "ms until the connection is ended" $((SECONDS_GIVEN * 1000)) \
		$((SECONDS_GIVEN * 2500 * SLOW)) "$ms"
}

# none_gives_up: who has nothing to say is not taken for somebody who is gone
none_gives_up()
{
	wait_until $((SECONDS_GIVEN * 2)) told_silent || return 0
	fail "somebody who is there was given up"
}

told_silent()
{
	log_since_mark | matches 'no sign of life'
}

# Without keep alive a target finds out for itself that a host is gone ...
host_gone()
{
	local peer

	peer_timeout "$SECONDS_GIVEN"
	mkfifo "$TMP/end"
	in_host "$SELFTESTS/lib/greedy.py" idle "$ADDR" "$PORT" "$NQN" \
		>"$TMP/idle" 2>&1 <"$TMP/end" &
	peer=$!
	exec 7>"$TMP/end"
	wait_for 20 "the host is connected" grep -q held "$TMP/idle"
	none_gives_up
	shape_links loss 100%
	wait_for $((SECONDS_GIVEN * 3)) "the target has no connection" none_at_target
	exec 7>&-
	wait_for 20 "the host ends" gone "$peer"
}

# ... and a host that a target is. The end of its connection at the target is the
# business of the core, which gives discovery controllers two minutes.
target_gone()
{
	local ctrl

	peer_timeout "$SECONDS_GIVEN"
	ctrl=$(fabrics "traddr=$ADDR,trsvcid=$PORT,nqn=$DISCOVERY_NQN,discovery,$1")
	expect "keep alive timeout" 0 "$(attr "$ctrl" kato)"
	none_gives_up
	shape_links loss 100%
	wait_for $((SECONDS_GIVEN * 3)) "the host recovers" not_live "$ctrl"
	told_silent || fail "the host does not say why"
	undo
	await_state "$ctrl" live 30
}

setup
SECONDS_GIVEN=$((4 * SLOW))
if [ "$HOST_TR:$PORT_TR:$TLS" = mptcp:mptcp: ]; then
	t "a host stops in the middle of a PDU" host_stops
	t "a host without keep alive is gone" host_gone
	t "a target without keep alive is gone" target_gone \
		keep_alive_tmo=0,reconnect_delay=1,ctrl_loss_tmo=600
fi
t "removal: all links are silent" links_silent "$PATIENCE" nothing
t "removal: all links are silent in a reset" links_silent "$AT_ONCE" reset
# The silent targets do not speak TLS.
[ -z "$TLS" ] || finish
scripted_targets silent_target.py "$FIRST" "$TMP/silent"
disown -a
while IFS='|' read -r what at name; do
	[ -n "${LONG:-}" ] || ! matches "Property .et in a\|of an I/O" <<<"$name" || continue
	port=$((FIRST + at))
	case $what in
	read) t "the target stops in the middle of a PDU" rest_of_pdu "$port" ;;
	nothing) t "removal: silence to $name" removed "$PATIENCE" "$what" "$port" "$name" ;;
	*)
		most=$AT_ONCE
		[ "$name" != everything ] || most=$PATIENCE
		t "removal: silence to $name" removed "$most" "$what" "$port" "$name"
		;;
	esac
done < <("$SELFTESTS/lib/silent_target.py" list)
kill "$TARGETS"
finish
