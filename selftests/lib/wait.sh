# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Waiting for something, limits in time, and the end of what runs too long;
# sourced by lib.sh.

# A kernel with sanitizers is slow: nothing that waits may be tight there, and
# links must be slow, too, for the CPU not to be the limit.
SLOW=1
[ ! -e /sys/kernel/debug/kmemleak ] || SLOW=4

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

# What nobody ever writes to
exec {NEVER}<> <(:)

# pause SECONDS: sleep without a process of its own. With sanitizers one costs a
# tenth of a second, and half of what the tests take is the start of processes.
pause()
{
	read -rt "$1" -u "$NEVER" || :
}

# wait_until SECONDS COMMAND...: true as soon as the command is
wait_until()
{
	local end=$((${EPOCHREALTIME/./} + $1 * 1000000))
	shift

	until "$@"; do
		[ "${EPOCHREALTIME/./}" -lt "$end" ] || return 1
		pause 0.1
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
