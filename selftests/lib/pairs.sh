# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# A theme for each pair of drivers that the plan names, as one test with
# subtests; sourced by lib.sh.

# planned: of $THEME, its seconds and its pairs. With LONG the last entry counts.
planned()
{
	awk -v theme="$THEME" -v long="${LONG:-}" '
		$1 == theme && (long || !found) { $1 = $2 = ""; found = $0 }
		END { print found }' "$SELFTESTS/plan"
}

# run_pairs: this script again, for $PAIRS or those of the plan
run_pairs()
{
	local seconds pairs pair

	read -r seconds pairs <<<"$(planned)"
	read -ra pairs <<<"${PAIRS:-$pairs}"
	OUT=$(mktemp)
	trap 'rm -f "$OUT" "$OUT".*' EXIT
	ktap_print_header
	ktap_set_plan ${#pairs[@]}
	for pair in "${pairs[@]}"; do
		run_pair "$pair" $((seconds * SLOW))
	done
	[ "$KTAP_CNT_SKIP" != "$KSFT_NUM_TESTS" ] || exit "$KSFT_SKIP"
	ktap_finished
}

# run_pair HOST:TARGET[:tls] SECONDS
run_pair()
{
	local name host target tls start=$SECONDS rc wrong

	IFS=: read -r host target tls <<<"$1"
	name="$THEME $host/$target${tls:+ tls}"
	dmesg --clear
	HOST_TR=$host PORT_TR=$target TLS=$tls timeout -k 60 "$2" "$0" >"$OUT" 2>&1 &
	# Not a pipe: something that hangs could keep that open for ever.
	tail -s 0.2 -n +1 -f --pid=$! "$OUT" | sed -u 's/^/  /'
	wait $!
	rc=$?
	wrong=$(what_is_wrong "$rc" "$2"; kernel_is_well)
	ktap_print_msg "$name took $((SECONDS - start)) s${wrong:+: $wrong}"
	if [ -n "$wrong" ]; then
		ktap_test_fail "$name"
	elif [ "$rc" = "$KSFT_SKIP" ]; then
		ktap_test_skip "$name"
	else
		ktap_test_pass "$name"
	fi
}

# what_is_wrong STATUS SECONDS: says how the script has ended, if not in order
what_is_wrong()
{
	case $1 in
	124 | 137) echo "it took more than $2 s" ;;
	"$KSFT_PASS" | "$KSFT_SKIP") grep -qE '^1\.\.' "$OUT" || echo "it ended before its plan" ;;
	*) echo "exit status $1" ;;
	esac
}

# kernel_is_well: or else it says what the kernel reported, or did not let go, and
# what would be in the way of the next one
kernel_is_well()
{
	local left

	dmesg >"$OUT.dmesg"
	"$SELFTESTS/lib/splats.sh" "$OUT.dmesg" 2>"$OUT.splat" || {
		sed 's/^/# /' "$OUT.splat" >&2
		echo "the kernel reported a bug"
	}
	left=$(nvme_modules)
	[ -z "$left" ] || echo "modules are left: $left"
	# Whoever writes to a disk that is gone must not make a file in its place:
	# none of that name could come afterwards.
	left=$(find /dev -maxdepth 1 -name 'nvme*' -type f -printf '%f ' -delete)
	[ -z "$left" ] || echo "files are in the place of disks: $left"
}
