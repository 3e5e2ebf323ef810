#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# I/O of middle size keeps all links busy, as four paths of nvme-tcp do with the
# best policy. Measures: wants a VM of scripts/vm --steady.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

[ "$HOST_TR/$PORT_TR" = mptcp/mptcp ] || skip "more than one subflow needs mptcp at both ends"
[ "$SLOW" = 1 ] || skip "with sanitizers the CPU is slower than the links"

PATHS_NQN=$NQN-paths	# the same disk, for nvme-tcp
PATHS_PORT=4430
ANNOUNCED_PORT=4421
# A connection keeps its habits (which subflow gets how much): the median counts.
# Of 24 in three boots three were below 55 MB/s with mixed I/O, the others 55 to 60.
CONNECTIONS=7

# rate DISK READ_AND_WRITE: kB/s of both together, of 64 KiB requests, 8 at a time
rate()
{
	run_fio --name=load --filename="$1" --direct=1 --ioengine=libaio --rw="$2" --bs=64k \
		--iodepth=8 \
		--time_based --ramp_time=0.5 --runtime=2 --output-format=json |
		jq '.jobs[0] | (.read.bw + .write.bw) * 1.024 | round'
}

# rates NAME DISK: of mixed I/O and of writes, one line more in a file for each
rates()
{
	rate "$2" randrw >>"$TMP/$1.mixed"
	rate "$2" randwrite >>"$TMP/$1.writes"
}

# best_policy CONTROLLER: for all paths of its subsystem
best_policy()
{
	local dir

	for dir in /sys/class/nvme-subsystem/*; do
		[ ! -e "$dir/$1" ] || echo queue-depth >"$dir/iopolicy"
	done
}

# nvme-tcp, one controller for each link: what ours is compared with
four_paths()
{
	local ctrl i n

	for ((n = 0; n < CONNECTIONS; n++)); do
		for ((i = 1; i <= LINKS; i++)); do
			ctrl=$(HOST_TR=tcp attach_to "$PATHS_NQN" -a "10.1.$i.2" -s "$PATHS_PORT" \
				--nr-io-queues=1)
		done
		best_policy "$ctrl"
		rates paths "$(disk "$ctrl")"
		nvme disconnect -n "$PATHS_NQN" >&2
	done
	note "four paths of nvme-tcp, queue-depth:" \
		"mixed $(median "$TMP/paths.mixed"), writes $(median "$TMP/paths.writes") kB/s"
}

# ours NAME SVCID SUBFLOWS MIXED WRITES: of each connection; and how many per cent
# of what four paths do they must reach
ours()
{
	local ctrl n

	for ((n = 0; n < CONNECTIONS; n++)); do
		ctrl=$(attach_to "$NQN" -a "$ADDR" -s "$2" --nr-io-queues=1)
		wait_for 10 "$3 subflows for each of two queues" subflows $((2 * $3))
		rates "$1" "$(disk "$ctrl" 2)"
		detach "$ctrl"
	done
	note "$1: mixed $(median "$TMP/$1.mixed"), writes $(median "$TMP/$1.writes") kB/s"
	at_least "$4" "$1.mixed" paths.mixed
	at_least "$5" "$1.writes" paths.writes
}

# subflows COUNT: of all connections of the host
subflows()
{
	[ "$(in_host ss -Htn state established '( dport = 4420 or dport = 4421 )' | wc -l)" = "$1" ]
}

# at_least PER_CENT OURS THEIRS
at_least()
{
	local got want

	got=$(median "$TMP/$2")
	want=$(($(median "$TMP/$3") * $1 / 100))
	[ "$got" -ge "$want" ] || fail "$2: $got kB/s, expected $want: $1 % of $3"
}

# What MPTCP makes of the announced way, more subflows than links, is not as good
# yet; before the size of a send followed what is in flight it was half of this.
announced()
{
	local i

	for ((i = 2; i <= LINKS; i++)); do
		in_target ip mptcp endpoint add "10.1.$i.2" dev "t$i" signal
	done
	ours announced "$ANNOUNCED_PORT" $((2 * LINKS - 1)) 95 75
}

target_extra()
{
	local i

	backend fast 4096 &&
		namespace "$NQN" 2 /dev/fast &&
		port 2 0.0.0.0 "$ANNOUNCED_PORT" && publish 2 "$NQN" &&
		subsystem "$PATHS_NQN" /dev/fast || return
	for ((i = 1; i <= LINKS; i++)); do
		PORT_TR=tcp port $((10 + i)) "10.1.$i.2" "$PATHS_PORT" &&
			publish $((10 + i)) "$PATHS_NQN" || return
	done
}

modprobe -a nvme-tcp nvmet-tcp
setup
shape_links rate 100mbit
t "what four paths of nvme-tcp do" four_paths
t "four subflows" ours subflow "$PORT" "$LINKS" 115 88
t "seven subflows, announced by the target" announced
finish
