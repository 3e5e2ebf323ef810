#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Look for bug reports in a kernel log: splats.sh FILE
# Shows the first one and its surroundings on stderr, and exits with 1.

set -euo pipefail

patterns=(
	'BUG: '
	'WARNING: '
	'Oops[: ]'
	'Kernel panic'
	'kernel BUG at'
	'cut here'
	'Call Trace:'
	'general protection fault'
	'UBSAN: '
	'ODEBUG: '
	'refcount_t: '
	'list_(add|del) corruption'
	'rust_kernel: panicked'
	'INFO: (task|rcu|possible|suspicious|trying to register)'
	'possible (circular|recursive|irq|unsafe)'
	'inconsistent lock state'
	'(soft|hard) (lockup|LOCKUP)'
	'rcu: .*(stall|detected)'
	'unregister_netdevice: waiting'
	'kmemleak: [1-9][0-9]* new suspected'
	'kmemleak: unreferenced object'
	'Out of memory'
)
pattern=$(IFS='|' && echo "${patterns[*]}")

# Only what the kernel itself starts a line with, not what a test logs.
line=$(grep -anE -m1 "^(\[[^]]*\] )*($pattern)|^\[[^]]*\] .*(cut here|Call Trace:)" "$1" |
	cut -d: -f1) || :
[ -n "$line" ] || exit 0
{
	echo "--- the kernel reported a bug:"
	sed -n "$((line > 3 ? line - 3 : 1)),$((line + 60))p" "$1"
	echo "---"
} >&2
exit 1
