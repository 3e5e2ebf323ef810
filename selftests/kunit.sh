#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The KUnit suites of the wire layer, the host and the target, run by loading
# their module; each test of a suite is a subtest here.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

module=nvme_mptcp_kunit
RESULTS=/sys/kernel/debug/kunit

# what the names of suites begin with: the layers
LAYERS=(nvme_tcp_wire nvme_mptcp_host nvme_mptcp_target)

suites()
{
	local dir

	for dir in "$RESULTS"/*/; do
		[ ! -e "$dir/results" ] || basename "$dir"
	done
}

load()
{
	local layer

	modprobe "$module" || fail "modprobe $module failed"
	# What is built in has run at boot.
	[ "$(modinfo -F filename "$module")" != "(builtin)" ] || : >"$TMP/before"
	suites >"$TMP/after"
	comm -13 <(sort "$TMP/before") <(sort "$TMP/after") | grep '^nvme_' >"$TMP/suites"
	for layer in "${LAYERS[@]}"; do
		grep -q "^${layer}_" "$TMP/suites" || fail "$module has brought no suite of $layer"
	done
}

# suite NAME: its tests, as KUnit has judged them; a failure if it has none
suite()
{
	local verdict test results=$RESULTS/$1/results

	sed -nE 's/^ +(not ok|ok) [0-9]+ ([^ ]+).*/\1 \2/p' "$results" >"$TMP/verdicts"
	[ -s "$TMP/verdicts" ] || t "$1 has tests" fail "there is no test in it: $(cat "$results")"
	while read -r verdict test; do
		[ "$verdict" != not ] || test=${test#ok }
		begin "$1.$test"
		[ "$verdict" = ok ] || cp "$results" "$TMP/out"
		report "$([ "$verdict" = ok ]; echo $?)" "as KUnit has judged"
	done <"$TMP/verdicts"
}

suites >"$TMP/before"
t "load the module of the suites" load
while read -r name; do
	suite "$name"
done <"$TMP/suites"
finish
