# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# What every selftest begins with; sourced, never run:
#
#	. "$(dirname "$0")/lib.sh"
#	setup ...			# the rig: links, modules, a target
#	t "what must hold" function	# one subtest each
#	finish
#
# The same script tests any pair of drivers. "mptcp" is ours, "tcp" is the C
# driver of the kernel, which is the oracle: what holds for tcp/tcp and not for
# another pair is our bug.
#	HOST_TR		transport that the host connects with
#	PORT_TR		transport of the target's port
#	TLS		"tls" if every queue is encrypted, or nothing
# Without them the script runs itself once for each pair that the plan names.
#
# It is a kselftest: the kernel's folder of these, where its helpers are, is
# three levels up, or else $KSELFTESTS.

set -uo pipefail
export LC_ALL=C

SELFTESTS=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
KSELFTESTS=${KSELFTESTS:-$(realpath "$SELFTESTS/../../..")}
THEME=$(basename "$0" .sh)
export KSELFTESTS SELFTESTS THEME

# nvme_modules: what of NVMe is loaded
nvme_modules()
{
	lsmod | awk '$1 ~ /^nvme/ { print $1 }' | xargs
}

# shellcheck source=/dev/null
. "$KSELFTESTS/kselftest/ktap_helpers.sh" || exit
# shellcheck source-path=SCRIPTDIR source=lib/wait.sh
. "$SELFTESTS/lib/wait.sh"
if [ -z "${HOST_TR:-}${PORT_TR:-}" ]; then
	# shellcheck source-path=SCRIPTDIR source=lib/pairs.sh
	. "$SELFTESTS/lib/pairs.sh"
	run_pairs
fi
export HOST_TR=${HOST_TR:-mptcp} PORT_TR=${PORT_TR:-mptcp} TLS=${TLS:-}

# shellcheck source-path=SCRIPTDIR source=lib/tap.sh
. "$SELFTESTS/lib/tap.sh"
# shellcheck source-path=SCRIPTDIR source=lib/net.sh
. "$SELFTESTS/lib/net.sh"
# shellcheck source-path=SCRIPTDIR source=lib/target.sh
. "$SELFTESTS/lib/target.sh"
# shellcheck source-path=SCRIPTDIR source=lib/host.sh
. "$SELFTESTS/lib/host.sh"
# shellcheck source-path=SCRIPTDIR source=lib/tlshd.sh
. "$SELFTESTS/lib/tlshd.sh"
# shellcheck source-path=SCRIPTDIR source=lib/io.sh
. "$SELFTESTS/lib/io.sh"

# Modules in an order in which they can be removed.
PATIENCE=/run/modprobe.d/nvme-mptcp-selftest.conf
ALL_MODULES=(subflow_sk tls_hello nvme_mptcp_kunit nvmet_mptcp nvmet_tcp nvme_loop nvmet nvme_mptcp
	nvme_tcp nvme_fabrics nvme nvme_core nvme_auth nvme_keyring null_blk brd)

unload_modules()
{
	local m

	for m in "${ALL_MODULES[@]}"; do
		[ ! -d "/sys/module/$m/holders" ] || rmmod "$m" || :
	done
}

# Leave nothing behind, whatever has happened: the next script finds a machine
# as after boot.
cleanup()
{
	trap '' INT TERM
	kill_jobs
	host_clear
	target_clear
	backends_clear
	links_clear
	unload_modules
	rm -rf "$TMP" "$PATIENCE"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# need_modules: load both drivers. That there are none is a failure, never a
# skip: they are what is tested.
need_modules()
{
	local m

	[ "$SLOW" = 1 ] || patience
	for m in nvme-fabrics "nvme-$HOST_TR" "nvmet-$PORT_TR"; do
		modprobe "$m" || bail "modprobe $m failed: $(dmesg | tail -n 3)"
	done
	modprobe null_blk nr_devices=0 || bail "modprobe null_blk failed"
}

# patience: a handshake of TLS is the work of several processes in user space
patience()
{
	local module

	mkdir -p "$(dirname "$PATIENCE")"
	for module in nvme_mptcp nvmet_mptcp nvme_tcp nvmet_tcp; do
		echo "options $module tls_handshake_timeout=$((10 * SLOW))"
	done >"$PATIENCE"
}

# test_module NAME: one of modules/, installed or where kselftest has put it
test_module()
{
	modprobe "$1" 2>/dev/null || insmod "$SELFTESTS/modules/$1.ko"
}

# setup: four links without a rate limit, both drivers, and target_up; with TLS
# also what it takes at both ends. A tlshd from before would keep its links.
setup()
{
	tlshd_stop
	links_up
	need_modules
	[ -z "$TLS" ] || tlshd_up
	RESTORE=target_up
	target_up || bail "cannot set up an $PORT_TR target on $ADDR:$PORT"
}

# target_up: a target whose one subsystem ($NQN) has one namespace of 256 MiB
# of memory, at $ADDR:$PORT, and what the script adds to that. Done once more
# after a subtest that has failed, and may have left the target half changed.
target_up()
{
	target_clear
	backends_clear
	backend mem 256 memory_backed=1 discard=1 &&
		subsystem "$NQN" /dev/mem &&
		port 1 "$ADDR" "$PORT" &&
		publish 1 "$NQN" &&
		target_extra
}

target_extra()
{
	:
}
