# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Helpers that the scripts of this folder share; sourced, never run.
#
# Everything that takes long to make lives in one cache outside the clone,
# so that a second clone on the same machine starts where the first ended:
#   root-KEY/            Debian root folder with every tool (scripts/root/make)
#   linux-source-7.3/    the kernel source, patched (scripts/kernel/source)
#   build, build-debug/  its object trees (scripts/kernel/build)
#   libnvme-KEY/         libnvme with our patches (scripts/libnvme/build)
#   kselftests/          some of the kernel's own selftests (scripts/kernel/selftests)
#   work/CLONE/          what one clone built (scripts/modules/build)
#   cargo, cargo-target/ the wire tests' crates and objects
#   log/, run/           logs of long steps; one folder per running VM

set -euo pipefail

NAME=nvme-mptcp
TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
CACHE=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/$NAME

say()
{
	printf '%s\n' "$*" >&2
}

# die WHAT_IS_WRONG [WHAT_TO_DO]
die()
{
	say "error: $1"
	[ $# -lt 2 ] || say "       $2"
	exit 1
}

mkdir -p "$CACHE/log" "$CACHE/run" 2>/dev/null ||
	die "$CACHE cannot be made" "run as root, or put the cache elsewhere: XDG_CACHE_HOME=/some/where make ..."
CACHE=$(cd "$CACHE" && pwd -P)
LINUX=$CACHE/linux-source-7.3
# Two clones may hold different patches and sources at the same time.
WORK=$CACHE/work/$(printf '%s' "$TOP" | sha256sum | cut -c1-12)
export NAME TOP CACHE LINUX WORK

need_root()
{
	[ "$(id -u)" = 0 ] || die "this must run as root: it makes a root folder, mounts and boots a VM" \
		"run it as root, e.g. with sudo"
}

# inside_root "$0" "$@": a script that begins with it runs in the root folder.
inside_root()
{
	[ -n "${INSIDE_ROOT:-}" ] && return
	need_root
	"$TOP/scripts/root/make"
	"$TOP/scripts/kernel/source"
	exec "$TOP/scripts/in-root" "$(realpath "$1")" "${@:2}"
}

# need_space GIB WHAT: checked before a big step, not found out in its middle.
need_space()
{
	local free
	free=$(df --output=avail -k "$CACHE" | tail -n1)
	[ "$free" -ge $(($1 * 1024 * 1024)) ] ||
		die "$2 needs $1 GiB in $CACHE and only $((free / 1024 / 1024)) GiB are free" \
			"free some space, or put the cache elsewhere: XDG_CACHE_HOME=/some/where make ..."
}

# key FILE...: a name for the contents of the files and of standard input.
key()
{
	{ cat "$@"; [ -t 0 ] || cat; } | sha256sum | cut -c1-12
}

# is_patched SOURCE: this kernel source has what the drivers need of patches/linux
is_patched()
{
	grep -q NVMF_TRTYPE_MPTCP "$1/include/linux/nvme.h" &&
		grep -q no_fallback "$1/drivers/nvme/target/nvmet.h" &&
		grep -q add_addr_received "$1/include/uapi/linux/mptcp.h" &&
		grep -q mptcp_read_sock_nowait "$1/include/net/mptcp.h" &&
		grep -q mptcp_get_subflows "$1/include/net/mptcp.h"
}

# variant_suffix [debug]: what the names of a kernel variant end with
variant_suffix()
{
	[ "${1:-}" != debug ] || printf -- '-debug'
}

# The root folder is named by what goes into it.
root_dir()
{
	printf '%s/root-%s' "$CACHE" "$(key "$TOP/scripts/root/packages" "$TOP/scripts/root/make" </dev/null)"
}

# What nvme-cli runs with in the VM, named by what it is built from
libnvme_dir()
{
	printf '%s/libnvme-%s' "$CACHE" "$(root_dir | key "$TOP"/patches/libnvme/*.patch \
		"$TOP/userspace/libnvme/build" "$TOP/scripts/libnvme/build")"
}

# lock NAME [shared]: held until the script ends. A set-up that two terminals
# start at once is made once; the other waits and then finds it done.
lock()
{
	local fd mode=${2:+--shared}
	: "${mode:=--exclusive}"
	exec {fd}>>"$CACHE/$1.lock"
	flock -n "$mode" "$fd" && return
	say "==> waiting for another run that holds $CACHE/$1.lock"
	flock "$mode" "$fd"
}

elapsed()
{
	if [ "$1" -lt 60 ]; then
		printf '%d s' "$1"
	else
		printf '%d min %02d s' $(($1 / 60)) $(($1 % 60))
	fi
}

# advice LOG: what to do about the failure that a log tells of
advice()
{
	if grep -q 'No space left on device' "$1"; then
		say "       the disk is full: free some space, or put the cache elsewhere (XDG_CACHE_HOME)"
	elif grep -qE 'Failed to fetch|Could not (resolve|connect)' "$1"; then
		say "       a download failed: see to the network (http_proxy, if you need one) and run the same again"
	fi
}

# step TEXT LOG COMMAND...: run a long command with its output in a log, and
# say what is done, that it still goes on, and how long it took. STEP_LINES,
# if set, is about how many lines the log will have at the end.
step()
{
	local text=$1 log=$CACHE/log/$2.log start=$SECONDS pid told=0 now rc=0 part
	shift 2
	say "==> $text ..."
	"$@" >"$log" 2>&1 </dev/null &
	pid=$!
	while kill -0 "$pid" 2>/dev/null; do
		sleep 0.3
		now=$((SECONDS - start))
		if [ $((now - told)) -ge 15 ]; then
			told=$now
			part=
			[ -z "${STEP_LINES:-}" ] ||
				part=", $(wc -l <"$log") of about $STEP_LINES steps"
			say "    ... $(elapsed "$now")$part"
		fi
	done
	wait "$pid" || rc=$?
	if [ "$rc" != 0 ]; then
		say "--- the last lines of $log:"
		grep -v '^make' "$log" | tail -n20 >&2 || :
		say "error: failed: $text (exit status $rc)"
		advice "$log"
		say "       the full log is $log"
		exit 1
	fi
	say "    done in $(elapsed $((SECONDS - start)))"
}
