# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Subtests, their results as TAP, and waiting for something; sourced by lib.sh.

TMP=$(mktemp -d /run/nvme-mptcp.XXXXXX)
TESTS=0
FAILED=0
SKIPPED=0
# what puts the rig right after a failed subtest
RESTORE=
# set by a script whose controllers outlive its subtests
KEEP=

# A kernel with sanitizers is slow, and nothing that waits may be tight there.
SLOW=1
[ ! -e /sys/kernel/debug/kmemleak ] || SLOW=4

tap_header()
{
	[ "$TESTS" = 0 ] || return 0
	echo "TAP version 13"
	echo "# $THEME: $HOST_TR host, $PORT_TR target"
}

# note TEXT: for whoever reads the TAP; in a subtest shown below its result
note()
{
	printf '# %s\n' "$*" >&3
}

# fail TEXT: end the subtest; say what was expected and what was got
fail()
{
	printf 'FAIL: %s\n' "$*" >&2
	exit 1
}

# skip REASON: end the subtest, or before the first one the whole script
skip()
{
	if [ "$BASH_SUBSHELL" = 0 ]; then
		tap_header
		echo "1..0 # SKIP $*"
		exit 4
	fi
	echo "$*" >"$TMP/skip"
	exit 4
}

# bail REASON: the rig itself cannot be set up, so nothing can be tested.
bail()
{
	t "set-up" fail "$*"
	finish
}

# expect WHAT WANTED GOT
expect()
{
	[ "$2" = "$3" ] || fail "$1: expected '$2', got '$3'"
}

# expect_between WHAT LOW HIGH GOT: numbers
expect_between()
{
	[ "$4" -ge "$2" ] && [ "$4" -le "$3" ] ||
		fail "$1: expected $2 to $3, got $4"
}

# expect_failure WHAT COMMAND...: the command must fail, and must not hang.
# What it said is printed.
expect_failure()
{
	local what=$1 out rc=0
	shift

	out=$(limit 60 "$@" 2>&1) || rc=$?
	[ "$rc" != 0 ] || fail "$what: expected an error, and it succeeded: $out"
	[ "$rc" != 124 ] || fail "$what: expected an error, and it hung"
	echo "$out"
}

# limit SECONDS COMMAND...: a function or a program, 124 if it takes too long
limit()
{
	local seconds=$(($1 * SLOW)) pid rc=0
	shift

	if [ "$(type -t "$1")" != function ]; then
		timeout "$seconds" "$@"
		return
	fi
	"$@" &
	pid=$!
	wait_until "$seconds" gone "$pid" || {
		kill_tree "$pid"
		return 124
	}
	wait "$pid" || rc=$?
	return "$rc"
}

gone()
{
	! kill -0 "$1" 2>/dev/null
}

now_ms()
{
	local t=${EPOCHREALTIME/./}

	echo $((t / 1000))
}

# wait_until SECONDS COMMAND...: true as soon as the command is
wait_until()
{
	local end=$(($(now_ms) + $1 * 1000))
	shift

	until "$@"; do
		[ "$(now_ms)" -lt "$end" ] || return 1
		sleep 0.1
	done
}

# wait_for SECONDS WHAT COMMAND...: the same, and a failure of the subtest
wait_for()
{
	local seconds=$(($1 * SLOW)) what=$2
	shift 2

	wait_until "$seconds" "$@" ||
		fail "waited $seconds s for this, in vain: $what"
}

# kill_tree PID: what it has started, and then itself
kill_tree()
{
	local child

	for child in $(pgrep -P "$1"); do
		kill_tree "$child"
	done
	kill -KILL "$1" 2>/dev/null || :
}

kill_jobs()
{
	local pid

	for pid in $(jobs -p); do
		kill_tree "$pid"
	done
	wait 2>/dev/null || :
}

# undo: what a script must undo after each subtest, however that has ended
undo()
{
	:
}

# t NAME COMMAND...: one subtest. It runs in a shell of its own under set -e,
# and leaves no controller behind.
t()
{
	local name="$THEME $HOST_TR/$PORT_TR: $1" start rc
	shift

	! grep -qxF "$name" "$TMP/names" 2>/dev/null || fail "two subtests are called '$name'"
	tap_header
	echo "$name" >>"$TMP/names"
	TESTS=$((TESTS + 1))
	: >"$TMP/notes"
	rm -f "$TMP/skip"
	echo "selftest: $name" >/dev/kmsg
	start=$(now_ms)
	(
		set -e
		trap 'kill_jobs; undo' EXIT
		"$@"
	) >"$TMP/out" 2>&1 3>"$TMP/notes" </dev/null
	rc=$?
	report "$rc" "$name" "time=$(($(now_ms) - start))ms"
	[ -n "$KEEP" ] || host_clear
	[ "$rc" = 0 ] || [ "$rc" = 4 ] || [ -z "$RESTORE" ] || "$RESTORE" 2>&1 | sed 's/^/# /'
}

report()
{
	local rc=$1 name=$2 time=$3

	if [ "$rc" = 4 ] && [ -e "$TMP/skip" ]; then
		SKIPPED=$((SKIPPED + 1))
		echo "ok $TESTS - $name # SKIP $(cat "$TMP/skip")"
	elif [ "$rc" = 0 ]; then
		echo "ok $TESTS - $name # $time"
	else
		FAILED=$((FAILED + 1))
		echo "not ok $TESTS - $name # $time"
		[ "$rc" = 1 ] || echo "# exit status $rc"
		tail -n 25 "$TMP/out" | sed 's/^/# /'
		echo "# last messages of the kernel:"
		dmesg | tac | sed '/selftest: /q' | tac | tail -n 25 | sed 's/^/# | /'
	fi
	cat "$TMP/notes"
}

finish()
{
	echo "1..$TESTS"
	[ "$FAILED" = 0 ] || exit 1
	[ "$TESTS" != "$SKIPPED" ] || exit 4
	exit 0
}
