#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The KUnit suites of the wire layer, run by loading their module; each test
# of a suite is a subtest here.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

module=nvme_mptcp_kunit
results=/sys/kernel/debug/kunit

suites()
{
	local dir

	for dir in "$results"/*/; do
		[ ! -e "$dir/results" ] || basename "$dir"
	done
}

load()
{
	modprobe "$module" || fail "modprobe $module failed"
	suites >"$TMP/after"
	comm -13 <(sort "$TMP/before") <(sort "$TMP/after") >"$TMP/suites"
	[ -s "$TMP/suites" ] || fail "$module has brought no suite"
}

# verdict SUITE TEST: the line that KUnit wrote for the test must say ok
verdict()
{
	grep -qE "^ +ok [0-9]+ $2( |\$)" "$results/$1/results" && return
	cat "$results/$1/results" >&2
	fail "KUnit's verdict on $1.$2 is not ok"
}

# suite NAME: its tests, or a failure if it has none
suite()
{
	local test tests

	tests=$(sed -nE 's/^ +(not )?ok [0-9]+ ([^ ]+).*/\2/p' "$results/$1/results")
	[ -n "$tests" ] || t "$1 has tests" fail "no test in suite $1: $(cat "$results/$1/results")"
	for test in $tests; do
		t "$1.$test" verdict "$1" "$test"
	done
}

suites >"$TMP/before"
t "load the module of the suites" load
while read -r name; do
	suite "$name"
done <"$TMP/suites"
finish
