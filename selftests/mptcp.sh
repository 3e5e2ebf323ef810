#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The kernel's own tests of MPTCP, net/mptcp/: nothing may fail that does not
# fail without our patches as well. mptcp.known lists what does, on this
# workbench. It takes long; for a part of it:
#	MPTCP_TESTS="mptcp_sockopt simult_flows" selftests/run mptcp
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

[ "$HOST_TR/$PORT_TR" = mptcp/mptcp ] || skip "this is about sockets, not about a pair of drivers"
[ -x "${KSELFTESTS:-}/net/mptcp/mptcp_connect" ] ||
	bail "the kernel's selftests are not built: scripts/kernel/selftests"

# What the kernel lacks is a failure.
export SELFTESTS_MPTCP_LIB_EXPECT_ALL_FEATURES=1
export KSFT_MACHINE_SLOW=yes

# named OK_OR_NOT_OK FILE: the tests with that result, without their times
named()
{
	sed -n "s/^$1 [0-9]* - \(.*[^ ]\) *# time=.*/\1/p" "$2"
}

# nothing_new PROGRAM SECONDS
nothing_new()
{
	local out=$TMP/$1.out rc=0 new

	(cd "$KSELFTESTS/net/mptcp" && limit "$2" "./$1.sh") >"$out" 2>&1 || rc=$?
	note "$1: $(named ok "$out" | wc -l) passed, $(named 'not ok' "$out" | wc -l) failed," \
		"$(grep -c '# SKIP' "$out") skipped, exit status $rc"
	named 'not ok' "$out" | sed 's/^/failed: /' >&3
	grep -q '^1\.\.' "$out" || fail "it ended before its plan: $(tail -n 20 "$out")"
	new=$(named 'not ok' "$out" | grep -vxFf "$SELFTESTS/mptcp.known") || return 0
	fail "new: $new; $(grep -A 5 'FAIL' "$out")"
}

for program in ${MPTCP_TESTS:-mptcp_sockopt simult_flows mptcp_connect mptcp_join}; do
	t "$program" nothing_new "$program" 7200
done
finish
