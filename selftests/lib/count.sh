#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Count the subtests in what themes print: count.sh <KTAP
# A pair of drivers that has failed without a failed subtest (it took too long,
# the kernel reported a bug ...) is a failure, and one that is skipped is a skip.
exec awk '
	/^  ok .*# SKIP/ || /^  1\.\.0 # SKIP/ { skipped++; next }
	/^  ok / { passed++ }
	/^  not ok / { failed++; told = 1 }
	/^not ok / && !told { failed++ }
	/^(not )?ok / { told = 0 }
	END { printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped }'
