#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The modules themselves: they load, unload, and are found by their aliases.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

host_module=nvme_$HOST_TR
target_module=nvmet_$PORT_TR
trtype=4
[ "$PORT_TR" = mptcp ] || trtype=3

loaded()
{
	[ -d "/sys/module/$1/holders" ]
}

# information MODULE ALIAS
information()
{
	local field

	expect "licence of $1" GPL "$(modinfo -F license "$1" | cut -c1-3)"
	for field in description alias; do
		[ -n "$(modinfo -F "$field" "$1")" ] || fail "$1 has no $field"
	done
	modinfo -F alias "$1" | matches -x "$2" ||
		fail "expected alias $2 of $1, got: $(modinfo -F alias "$1" | xargs)"
}

load_unload()
{
	local i

	for i in 1 2 3 4 5; do
		modprobe "$host_module" || fail "modprobe $host_module, round $i"
		modprobe "$target_module" || fail "modprobe $target_module, round $i"
		loaded "$host_module" && loaded "$target_module" || fail "not in lsmod, round $i"
		rmmod "$target_module" || fail "rmmod $target_module, round $i"
		rmmod "$host_module" || fail "rmmod $host_module, round $i"
	done
	unload_modules
	expect "modules of NVMe left" "" "$(nvme_modules)"
}

host_autoload()
{
	modprobe nvme-fabrics
	! loaded "$host_module" || fail "$host_module is loaded already"
	expect_failure "connecting to a port that nobody listens on" attach
	loaded "$host_module" || fail "connecting did not load $host_module"
}

target_autoload()
{
	modprobe nvmet
	! loaded "$target_module" || fail "$target_module is loaded already"
	subsystem "$NQN"
	port 1 "$ADDR" "$PORT"
	publish 1 "$NQN"
	loaded "$target_module" || fail "enabling a port did not load $target_module"
}

# A port pins its transport.
in_use()
{
	loaded "$target_module" || fail "$target_module is not loaded"
	expect_failure "rmmod $target_module with an enabled port" rmmod "$target_module"
	port_remove 1
	rmmod "$target_module" || fail "rmmod $target_module after the port is gone"
}

# serve [PARAMETER...]: a target whose module has these, and a controller;
# $DISK is its disk
serve()
{
	modprobe "$target_module" "$@"
	need_modules
	target_up
	DISK=$(disk "$(attach)")
}

unserve()
{
	host_clear
	target_clear
	backends_clear
	unload_modules
}

# parameter MODULE [NAME]: the file
parameter()
{
	echo "/sys/module/$1/parameters/${2:-}"
}

# has_parameters MODULE NAME:TYPE...: these and no others; each is described, can
# be read by all, and written by root
has_parameters()
{
	local module=$1
	shift

	modinfo -F parm "$module" | sed -E 's/^([^:]*):[^ ].*\((.*)\)$/\1:\2/' | sort >"$TMP/parm"
	expect "parameters of $module that modinfo tells" "$*" "$(xargs <"$TMP/parm")"
	expect "modes of the parameters of $module" 644 \
		"$(stat -c %a "$(parameter "$module")"* | sort -u | xargs)"
}

# takes MODULE NAME VALUE...: each is taken, and read back
takes()
{
	local file value

	file=$(parameter "$1" "$2")
	for value in "${@:3}"; do
		echo "$value" >"$file" || fail "$file does not take $value"
		expect "$file" "$value" "$(<"$file")"
	done
}

# refuses MODULE NAME VALUE...: each is refused, and changes nothing
refuses()
{
	local file value before

	file=$(parameter "$1" "$2")
	before=$(<"$file")
	for value in "${@:3}"; do
		! echo "$value" 2>/dev/null >"$file" || fail "$file takes $value"
		expect "$file" "$before" "$(<"$file")"
	done
}

# Those of the C drivers, with their types and ranges
parameters()
{
	local module

	[ "$HOST_TR/$PORT_TR" = mptcp/mptcp ] || skip "the C drivers do not tell all types"
	modprobe "$host_module"
	modprobe "$target_module"
	has_parameters "$host_module" \
		congestion:string peer_timeout:uint so_priority:int tls_handshake_timeout:uint \
		wq_unbound:bool
	has_parameters "$target_module" \
		congestion:string idle_poll_period_usecs:int peer_timeout:uint so_priority:int \
		tls_handshake_timeout:uint
	for module in "$host_module" "$target_module"; do
		refuses "$module" tls_handshake_timeout -1 4294968 x
		takes "$module" tls_handshake_timeout 0 4294967 10
		refuses "$module" peer_timeout -1 4294968 x
		takes "$module" peer_timeout 0 4294967 120
		refuses "$module" congestion a-name-too-long-
		takes "$module" congestion a-name-as-long- bbr ""
		refuses "$module" so_priority 2147483648 x
		takes "$module" so_priority 2147483647 6 0
	done
	takes "$host_module" so_priority -1
	takes "$host_module" wq_unbound Y N
	refuses "$host_module" wq_unbound x
	takes "$target_module" idle_poll_period_usecs 2147483647 0
	refuses "$target_module" idle_poll_period_usecs -1 2147483648
	refuses "$target_module" so_priority -1
	rmmod "$target_module"
	expect_failure "loading $target_module with so_priority=-1" \
		modprobe "$target_module" so_priority=-1
	unload_modules
}

wq_unbound()
{
	local per_cpu=/sys/bus/workqueue/devices/${host_module}_wq/per_cpu

	modprobe "$host_module"
	expect "workers per CPU" 1 "$(cat "$per_cpu")"
	rmmod "$host_module"
	modprobe "$host_module" wq_unbound=Y
	expect "workers per CPU with wq_unbound" 0 "$(cat "$per_cpu")"
	serve
	fio_verify "$DISK" --bsrange=512-128k --iodepth=32 --size=32m --io_size=4m
	unserve
}

# asked_cpus: the CPUs that the host's queues ask to work on when they read; what
# is none is any
asked_cpus()
{
	local events=/sys/kernel/tracing/events/workqueue/workqueue_queue_work

	echo "workqueue == \"${host_module}_wq\"" >"$events/filter"
	echo >/sys/kernel/tracing/trace
	echo 1 >"$events/enable"
	dd if="$DISK" of=/dev/null bs=4k count=64 iflag=direct status=none
	echo 0 >"$events/enable"
	echo 0 >"$events/filter"
	sed -n 's/.* req_cpu=\([0-9]*\) .*/\1/p' /sys/kernel/tracing/trace | sort -nu
}

# Written while there is a controller, it counts for those that come later.
wq_unbound_later()
{
	serve
	echo Y >"$(parameter "$host_module" wq_unbound)"
	asked_cpus | matches -x "[0-$(($(nproc) - 1))]" || fail "no work on a CPU of its own"
	host_clear
	DISK=$(disk "$(attach --nr-io-queues=1)")
	expect "CPUs that the queue asks for" "" \
		"$(asked_cpus | awk -v cpus="$(nproc)" '$1 < cpus')"
	unserve
}

# How often the target's workqueue is given work by a read, and within a second
# after it
queued_by_read()
{
	local events=/sys/kernel/tracing/events/workqueue/workqueue_queue_work

	echo "workqueue == \"${target_module}_wq\"" >"$events/filter"
	echo >/sys/kernel/tracing/trace
	echo 1 >"$events/enable"
	read_some "$DISK"
	sleep 1
	echo 0 >"$events/enable"
	echo 0 >"$events/filter"
	grep -c workqueue_queue_work /sys/kernel/tracing/trace || :
}

idle_poll()
{
	local alone polling period

	period=$(parameter "$target_module" idle_poll_period_usecs)
	serve
	alone=$(queued_by_read)
	# At once, for the connections that there are
	echo 10000 >"$period"
	polling=$(queued_by_read)
	[ "$polling" -gt $((20 + 2 * alone)) ] || fail "what was written does not count"
	echo 0 >"$period"
	expect_between "work queued, the period being 0 again" 0 $((10 + 2 * alone)) \
		"$(queued_by_read)"
	unserve
	serve idle_poll_period_usecs=10000
	polling=$(queued_by_read)
	fio_verify "$DISK" --bsrange=512-128k --iodepth=32 --size=32m --io_size=4m
	unserve
	note "work queued by a read: $polling times, and $alone times without polling"
	[ "$polling" -gt $((20 + 2 * alone)) ] || fail "the work did not go on after the read"
}

links_up
t "information of the host module" information "$host_module" "nvme-$HOST_TR"
t "information of the target module" information "$target_module" "nvmet-transport-$trtype"
t "load and unload five times" load_unload
t "connect loads the host module" host_autoload
t "enabling a port loads the target module" target_autoload
t "an enabled port keeps the target module" in_use
t "parameters that can be written" parameters
t "wq_unbound" wq_unbound
t "wq_unbound written later" wq_unbound_later
t "idle_poll_period_usecs" idle_poll
finish
