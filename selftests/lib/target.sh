# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# The target's side: block devices, subsystems and ports; sourced by lib.sh.

NVMET=/sys/kernel/config/nvmet
NULLB=/sys/kernel/config/nullb
export NQN=nqn.2026-11.test:one
export DISCOVERY_NQN=nqn.2014-08.org.nvmexpress.discovery
export ADDR=10.1.1.2
export PORT=4420

# backend NAME MIB [ATTRIBUTE=VALUE...]: a null_blk device /dev/NAME
backend()
{
	local dir=$NULLB/$1 attr
	mkdir "$dir" || return
	echo "$2" >"$dir/size"
	shift 2
	for attr in blocksize=512 irqmode=0 submit_queues="$(nproc)" "$@"; do
		echo "${attr#*=}" >"$dir/${attr%%=*}" || return
	done
	echo 1 >"$dir/power"
}

backends_clear()
{
	local dir

	for dir in "$NULLB"/*/; do
		[ ! -e "$dir/power" ] || rmdir "$dir"
	done
}

# subsystem NQN [DEVICE...]: open to any host, with a namespace per device
subsystem()
{
	local dir=$NVMET/subsystems/$1 nsid=0 device
	shift

	mkdir "$dir" || return
	echo 1 >"$dir/attr_allow_any_host"
	for device in "$@"; do
		nsid=$((nsid + 1))
		namespace "${dir##*/}" "$nsid" "$device" || return
	done
}

# only_host: nobody but $HOSTNQN may use $NQN, which $PEER_DIR is for
only_host()
{
	mkdir "$PEER_DIR" &&
		echo 0 >"$NVMET/subsystems/$NQN/attr_allow_any_host" &&
		ln -s "$PEER_DIR" "$NVMET/subsystems/$NQN/allowed_hosts/"
}

# namespace NQN NSID DEVICE_OR_FILE
namespace()
{
	local dir=$NVMET/subsystems/$1/namespaces/$2

	mkdir "$dir" || return
	echo "$3" >"$dir/device_path"
	echo 1 >"$dir/enable"
}

namespace_remove()
{
	rmdir "$NVMET/subsystems/$1/namespaces/$2"
}

# port ID ADDRESS SVCID [ATTRIBUTE=VALUE...]: with TLS, for hosts that use it
port()
{
	local dir=$NVMET/ports/$1 family=ipv4 attr

	[[ $2 != *:* ]] || family=ipv6
	mkdir "$dir" || return
	for attr in "addr_trtype=$PORT_TR" "addr_adrfam=$family" "addr_traddr=$2" \
		"addr_trsvcid=$3" ${TLS:+addr_tsas=tls1.3} "${@:4}"; do
		echo "${attr#*=}" >"$dir/${attr%%=*}" || return
	done
}

# publish PORT NQN: the first one makes the port listen, in the network
# namespace of whoever makes the link.
publish()
{
	in_target ln -s "$NVMET/subsystems/$2" "$NVMET/ports/$1/subsystems/$2"
}

# withdraw PORT NQN: the last one makes the port stop
withdraw()
{
	rm "$NVMET/ports/$1/subsystems/$2"
}

port_remove()
{
	local dir=$NVMET/ports/$1 entry

	for entry in "$dir"/subsystems/*; do
		[ ! -L "$entry" ] || rm "$entry"
	done
	for entry in "$dir"/referrals/*/; do
		[ ! -d "$entry" ] || rmdir "$entry"
	done
	rmdir "$dir"
}

subsystem_remove()
{
	local dir=$NVMET/subsystems/$1 entry

	for entry in "$dir"/namespaces/*/; do
		[ ! -d "$entry" ] || rmdir "$entry"
	done
	for entry in "$dir"/allowed_hosts/*; do
		[ ! -L "$entry" ] || rm "$entry"
	done
	rmdir "$dir"
}

# released: no controller is left at the target
released()
{
	! ls -d /sys/kernel/debug/nvmet/*/ctrl* >/dev/null 2>&1
}

target_clear()
{
	local dir

	for dir in "$NVMET"/ports/*; do
		[ ! -d "$dir" ] || port_remove "${dir##*/}"
	done
	for dir in "$NVMET"/subsystems/*; do
		[ ! -d "$dir" ] || subsystem_remove "${dir##*/}"
	done
	for dir in "$NVMET"/hosts/*/; do
		[ ! -d "$dir" ] || rmdir "$dir"
	done
}

# Not in_target: the process itself is wanted, to end it.
in_target_exec()
{
	exec nsenter --net="/run/netns/$TARGET_NS" "$@"
}

# scripted_targets SCRIPT FIRST FILE: those of a script of lib/ listen, from the port
# FIRST on, until $TARGETS is ended; what they say is in FILE
scripted_targets()
{
	in_target_exec "$SELFTESTS/lib/$1" "$ADDR" "$2" >"$3" 2>&1 &
	# shellcheck disable=SC2034 # for who ends it
	TARGETS=$!
	wait_until $((60 * SLOW)) grep -q listening "$3" ||
		bail "$1 does not listen: $(cat "$3")"
}

# none_at_target: no connection to its port
none_at_target()
{
	! in_target ss -Htn state established "sport = :$PORT" | matches .
}
