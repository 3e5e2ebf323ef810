#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The kernel's own tests of kTLS, net/tls.c, over TCP and over MPTCP sockets.
# Six of them move 36 MB between up to 16 processes, which takes minutes with
# a cipher that is slow: they run for AES-GCM alone, or with LONG for all.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

[ "$HOST_TR/$PORT_TR" = mptcp/mptcp ] || skip "this is about sockets, not about a pair of drivers"
[ -x "${KSELFTESTS:-}/net/tls" ] ||
	bail "the kernel's selftests are not built: scripts/kernel/selftests"

# their name as it is spelt there
LARGE=(mutliproc_{,sendpage_}{even,readers,writers})

# all_pass PROGRAM SECONDS [OPTION...]: of the tests that the options select
all_pass()
{
	local out=$TMP/$1.out rc=0

	limit "$2" in_host "$KSELFTESTS/net/$1" "${@:3}" >"$out" 2>&1 || rc=$?
	note "$1: $(grep -cE '^ok .*# SKIP' "$out") skipped," \
		"$(grep '^ok ' "$out" | grep -vc '# SKIP') passed," \
		"$(grep -c '^not ok ' "$out") failed"
	[ "$rc" = 0 ] || fail "exit status $rc: $(grep -vE '^ok|^# +(RUN|OK) ' "$out")"
	grep '^ok ' "$out" >>"$TMP/$1.passed"
}

# What has passed over TCP has passed over MPTCP, too.
same_tests()
{
	diff "$TMP/tls.passed" "$TMP/tls_mptcp.passed" || fail "expected the same list of tests"
	note "$(wc -l <"$TMP/tls.passed") tests"
}

links_up
for program in tls tls_mptcp; do
	t "$program: all but the large ones" all_pass "$program" 300 "${LARGE[@]/#/-T}"
	if [ -n "${LONG:-}" ]; then
		t "$program: the large ones" all_pass "$program" 3600 "${LARGE[@]/#/-t}"
	else
		t "$program: the large ones, AES-GCM" all_pass "$program" 300 \
			"${LARGE[@]/#/-rtls.13_aes_gcm.}"
	fi
done
t "the same tests over both" same_tests
finish
