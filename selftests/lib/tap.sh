# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Subtests, and their results as KTAP, with the helpers of kselftest; sourced by
# lib.sh.

TMP=$(mktemp -d /run/nvme-mptcp.XXXXXX)
declare -A NAMES
# what puts the rig right after a failed subtest
RESTORE=
# set by a script whose controllers outlive its subtests
KEEP=

tap_header()
{
	[ "$KTAP_TESTNO" = 1 ] || return 0
	ktap_print_header
	ktap_print_msg "$THEME: $HOST_TR host, $PORT_TR target${TLS:+, with TLS}"
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
		ktap_skip_all "$*"
		exit "$KSFT_SKIP"
	fi
	echo "$*" >"$TMP/skip"
	exit "$KSFT_SKIP"
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

# undo: what a script must undo after each subtest, however that has ended
undo()
{
	:
}

# begin NAME: of a subtest; no two may have the same
begin()
{
	tap_header
	NAME="$THEME $HOST_TR/$PORT_TR${TLS:+ tls}: $1"
	[ -z "${NAMES[$NAME]:-}" ] || ktap_exit_fail_msg "Two subtests are called '$NAME'"
	NAMES[$NAME]=1
	: >"$TMP/notes"
	: >"$TMP/out"
	rm -f "$TMP/skip"
}

# t NAME COMMAND...: one subtest. It runs in a shell of its own under set -e,
# and leaves no controller behind.
t()
{
	local start rc

	begin "$1"
	shift
	log_mark "$NAME"
	start=$(now_ms)
	(
		set -e
		trap 'kill_jobs; undo' EXIT
		"$@"
	) >"$TMP/out" 2>&1 3>"$TMP/notes" </dev/null
	rc=$?
	report "$rc" "time=$(($(now_ms) - start))ms"
	[ -n "$KEEP" ] || host_clear
	[ "$rc" = 0 ] || [ "$rc" = "$KSFT_SKIP" ] || [ -z "$RESTORE" ] || "$RESTORE" 2>&1 |
		sed 's/^/# /'
}

# matches ARG...: grep -q for the end of a pipe. It reads all of its input:
# with pipefail, what writes into a pipe that grep has left early is a failure.
matches()
{
	grep "$@" >/dev/null
}

# log_mark [NAME]: begin a new part of the kernel's log. It is never cleared by
# a subtest: what the kernel reported must still be there at the end.
log_mark()
{
	echo "selftest: ${1:-}" >/dev/kmsg
}

# It reads all of the log: with pipefail, dmesg must not be left early.
log_since_mark()
{
	dmesg | awk '/selftest: / { n = 0; next }
		{ line[n++] = $0 }
		END { for (i = 0; i < n; i++) print line[i] }'
}

# report STATUS REMARK: of the subtest $NAME, whose output is in $TMP/out
report()
{
	local rc=$1 remark=$2

	if [ "$rc" = "$KSFT_SKIP" ] && [ -e "$TMP/skip" ]; then
		ktap_test_skip "$NAME"
		ktap_print_msg "skipped: $(cat "$TMP/skip")"
	elif [ "$rc" = 0 ]; then
		ktap_test_pass "$NAME # $remark"
	else
		ktap_test_fail "$NAME # $remark"
		[ "$rc" = 1 ] || ktap_print_msg "exit status $rc"
		tail -n 25 "$TMP/out" | sed 's/^/# /'
		ktap_print_msg "last messages of the kernel:"
		log_since_mark | tail -n 25 | sed 's/^/# | /'
		[ -z "$TLS" ] || tlshd_log | sed 's/^/# | /'
	fi
	cat "$TMP/notes"
}

finish()
{
	ktap_set_plan $((KTAP_TESTNO - 1))
	[ "$KTAP_CNT_SKIP" != "$KSFT_NUM_TESTS" ] || exit "$KSFT_SKIP"
	ktap_finished
}
