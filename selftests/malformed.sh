#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Peers that break the rules: each is told so, or is cut off, and nobody else
# notices. The cases are in lib/bad_host.py and lib/bad_target.py; with LONG all
# of them, otherwise some of those that take a connect of their own.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

# The first port of the bad targets
FIRST=4500
BAD_NQN=nqn.2026-11.test:bad
# A controller that answers, if only nonsense, is deleted in so many seconds.
PATIENCE=30

# bad_host GROUP: cases of a host, and a good one beside them
bad_host()
{
	local wrong

	wrong=$(in_host "$SELFTESTS/lib/bad_host.py" "$1" "$ADDR" "$PORT" "$NQN")
	[ -z "$wrong" ] || fail "$wrong"
	goes_on "$DISK" "$LOAD" "beside the bad host"
	is_state "$GOOD" live || fail "the good host's controller is $(attr "$GOOD" state)"
}

# quiet: there is a bound to what hosts can make the log say, ten lines in 5 s
quiet()
{
	local start lines seconds

	start=$(now_ms)
	bad_host "before ICReq"
	bad_host "before Connect"
	seconds=$((($(now_ms) - start) / 1000))
	lines=$(log_since_mark | grep -c 'nvmet_mptcp: queue' || :)
	expect_between "lines about bad hosts in $seconds s" 1 $((10 * (seconds / 5 + 2))) "$lines"
}

# connect_bad PORT
connect_bad()
{
	local wanted=queue_size=32,nr_io_queues=1,reconnect_delay=1,ctrl_loss_tmo=600

	fabrics "traddr=$ADDR,trsvcid=$1,nqn=$BAD_NQN,$wanted"
}

# was_told LINE: what the targets are told is in $TMP/told
was_told()
{
	grep -qxF "$1" "$TMP/told"
}

# delete_bad CONTROLLER: in bounded time
delete_bad()
{
	[ -e "$SYS/$1" ] || return 0
	limit "$PATIENCE" detach "$1" || fail "the controller is not deleted in $PATIENCE s"
}

# bad_target KIND OUTCOME TOLD NAME PORT: one case
bad_target()
{
	local kind=$1 outcome=$2 told=$3 name=$4 port=$5 ctrl start

	start=$(now_ms)
	if ctrl=$(connect_bad "$port" 2>&1); then
		[ "$outcome" != fails ] || fail "$name: connected"
	else
		[ "$outcome" != works ] || fail "$name: cannot connect: $ctrl"
		ctrl=
	fi
	# At once, not when a command has run out of time.
	expect_between "$name: ms until the host knew" 0 $((8000 * SLOW)) $(($(now_ms) - start))
	case $kind in
	read | write)
		"see_$kind" "$ctrl"
		;;
	reset)
		# Whether that succeeds is the host's choice.
		limit 20 reset_bad "$ctrl" || [ $? != 124 ] || fail "$name: the reset hangs"
		;;
	stuck)
		reset_bad "$ctrl" &
		wait_for 10 "$name: the reset begins" not_live "$ctrl"
		;;
	scans)
		for _ in {2..30}; do
			wait_for 10 "$name: the host notices" not_live "$ctrl"
			delete_bad "$ctrl"
			ctrl=$(connect_bad "$port")
		done
		;;
	esac
	[ "$told" = - ] ||
		wait_until $((5 * SLOW)) was_told "$name termreq $told" ||
		fail "$name: expected termreq $told, got: $(grep -F "$name " "$TMP/told" || :)"
	[ -z "$ctrl" ] || delete_bad "$ctrl"
}

# A read has all of its data in the end, over another connection.
see_read()
{
	limit 60 read_some "$(disk "$1")" || fail "$name: the read failed"
}

# A write is one when the target has asked for its data, and has had them.
see_write()
{
	limit 60 dd if=/dev/zero of="$(idle_disk "$1")" conv=nocreat bs=4k count=1 \
		oflag=direct status=none ||
		fail "$name: the write failed"
	was_told "$name written 4096" || fail "$name: success without data counts as a write"
}

reset_bad()
{
	echo 1 >"$SYS/$1/reset_controller"
}

# bad_targets_of KIND [STEP]: its cases, every STEP-th
bad_targets_of()
{
	local kind at outcome told name n=0 step=${2:-1}

	[ -z "${LONG:-}" ] || step=1
	while IFS='|' read -r kind at outcome told name; do
		[ "$kind" = "$1" ] && [ $((n++ % step)) = 0 ] || continue
		bad_target "$kind" "$outcome" "$told" "$name" $((FIRST + at))
	done < <("$SELFTESTS/lib/bad_target.py" list)
	[ "$n" -gt 0 ] || fail "there are no such cases"
	expect "controllers" "$GOOD" "$(controllers | xargs)"
	goes_on "$DISK" "$LOAD" "beside bad targets"
	note "$(((n + step - 1) / step)) cases"
}

# $GOOD is a controller that stays connected throughout, and fio verifies what
# it does there: others' faults are not its.
setup
KEEP=1 RESTORE=
GOOD=$(attach)
[ -n "$GOOD" ] || bail "cannot connect"
DISK=$(disk "$GOOD")
verify_begin "$DISK" --bs=4k --rate_iops=50 --runtime=3600
scripted_targets bad_target.py "$FIRST" "$TMP/told"
# No job of a subtest.
disown -a

# What takes time goes on while others are tested.
in_host "$SELFTESTS/lib/bad_host.py" silence "$ADDR" "$PORT" "$NQN" >"$TMP/silence" 2>&1 &
SILENCE=$!
disown "$SILENCE"
silence()
{
	wait_for 60 "those who are silent are dropped" gone "$SILENCE"
	[ ! -s "$TMP/silence" ] || fail "$(cat "$TMP/silence")"
}

t "host: Connect and more in one segment" bad_host "Connect and more in one segment"
t "host: one byte a segment" bad_host "one byte a segment"
if [ "$PORT_TR" = mptcp ]; then
	t "host: the log keeps quiet" quiet
	while read -r group; do
		case $group in
		before* | Connect* | one*) continue ;;
		silence) t "host: silence" silence ;;
		*) t "host: $group" bad_host "$group" ;;
		esac
	done < <("$SELFTESTS/lib/bad_host.py" list)
fi
if [ "$HOST_TR" = mptcp ]; then
	t "target: connect" bad_targets_of connect 4
	t "target: read" bad_targets_of read 2
	t "target: write" bad_targets_of write 2
	t "target: reset" bad_targets_of reset 2
	t "target: stuck in a reset" bad_targets_of stuck
	t "target: namespaces without end" bad_targets_of scan
	t "target: gone in a scan" bad_targets_of scans
fi
t "the good host's data are what they were" verify_stop
kill "$TARGETS"
finish
