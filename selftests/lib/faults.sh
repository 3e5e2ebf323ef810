# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Letting the kernel inject faults (Documentation/fault-injection); sourced by
# scripts that do.

DEBUG=/sys/kernel/debug
INJECTED=()
# more faults than there can be in a subtest
export MANY=1000000

# need_fault FAULT
need_fault()
{
	[ -d "$DEBUG/$1" ] || skip "the kernel has no $1"
}

# inject FAULT ATTRIBUTE=VALUE...: of $DEBUG/FAULT
inject()
{
	local dir=$DEBUG/$1 attribute
	shift

	INJECTED+=("$dir")
	for attribute in verbose=0 interval=1 times=-1 "$@"; do
		echo "${attribute#*=}" >"$dir/${attribute%%=*}"
	done
}

# inject_no_more: what is allocated, and completed, from here on is so
inject_no_more()
{
	local dir

	for dir in "${INJECTED[@]}"; do
		echo 0 >"$dir/probability"
		[ ! -e "$dir/task-filter" ] || echo N >"$dir/task-filter"
	done
	INJECTED=()
	mark_workers 0
	udevadm control --start-exec-queue
}

# spare_udev: until no more is injected. A worker of udevd's that is hit sleeps
# for ever, with a disk open.
spare_udev()
{
	limit 30 udevadm settle
	udevadm control --stop-exec-queue
}

# mark_workers 0|1: the faults with a task filter are for the kernel's workers
mark_workers()
{
	local pid

	for pid in $(pgrep '^kworker/'); do
		echo "$1" >"/proc/$pid/make-it-fail" || :
	done 2>/dev/null
}
