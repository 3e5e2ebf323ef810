# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Ours and nvme-tcp beside each other in one VM, each in the ways to use several
# links that it has; sourced by those who compare them.
#
# The host is in the initial namespace: nvme-tcp reconnects from there. All sysctls
# and parameters are the kernel's and the modules' own.
HOST_TR=tcp PORT_TR=tcp
# shellcheck source-path=SCRIPTDIR source=../../selftests/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../selftests/lib.sh"

ANNOUNCED_PORT=4430

# rig_up MIB [ATTRIBUTE=VALUE...]: links, and a target with such a disk: a port of ours
# for each way to set paths up, and one of stock for each link
rig_up()
{
	local i

	links_up
	modprobe -a nvme-fabrics nvme-mptcp nvme-tcp nvmet-mptcp nvmet-tcp
	modprobe null_blk nr_devices=0
	backend compared "$@"
	subsystem "$NQN" /dev/compared
	PORT_TR=mptcp port 20 "$ADDR" 4420
	PORT_TR=mptcp port 30 0.0.0.0 "$ANNOUNCED_PORT"
	publish 20 "$NQN"
	publish 30 "$NQN"
	for ((i = 1; i <= LINKS; i++)); do
		port "$i" "10.1.$i.2" $((4420 + i))
		publish "$i" "$NQN"
	done
}

# ours SVCID SUBFLOWS [OPTION...]: a controller with one I/O queue
ours()
{
	HOST_TR=mptcp attach_to "$NQN" -a "$ADDR" -s "$1" --nr-io-queues=1 "${@:3}"
	wait_for 10 "$2 subflows for each queue" connections $((2 * $2)) "$1"
}

# paths COUNT POLICY: nvme-tcp, a controller for each of so many links
paths()
{
	local i

	for ((i = 1; i <= $1; i++)); do
		attach_to "$NQN" -a "10.1.$i.2" -s $((4420 + i)) --nr-io-queues=1
	done
	iopolicy "$2"
}

iopolicy()
{
	echo "$1" | tee /sys/class/nvme-subsystem/nvme-subsys*/iopolicy >/dev/null
}

# connect ARRANGEMENT: prints its controllers
connect()
{
	local i

	case $1 in
	tcp) paths 1 numa ;;
	numa | round-robin | queue-depth) paths "$LINKS" "$1" ;;
	one)
		in_host ip mptcp limits set subflows 0
		ours 4420 1
		;;
	two)
		in_host ip mptcp limits set subflows 1
		ours 4420 2
		;;
	four) ours 4420 "$LINKS" ;;
	# Native multipath on top, over two controllers that use all links
	four-*)
		ours 4420 "$LINKS"
		ours 4420 $((2 * LINKS)) --duplicate-connect
		iopolicy "${1#four-}"
		;;
	# In the announced way: the target signals its other addresses.
	seven)
		for ((i = 2; i <= LINKS; i++)); do
			in_target ip mptcp endpoint add "10.1.$i.2" dev "t$i" signal
		done
		ours "$ANNOUNCED_PORT" $((2 * LINKS - 1))
		;;
	# With that congestion control at both ends
	bbr-*)
		congestion bbr
		connect "${1#bbr-}"
		;;
	*) bail "there is no arrangement '$1'" ;;
	esac
}

congestion()
{
	echo "$1" | tee /sys/module/nvme{,t}_mptcp/parameters/congestion >/dev/null
}

# disconnect: and nothing is left of how it was connected
disconnect()
{
	host_clear
	in_target ip mptcp endpoint flush
	in_host ip mptcp limits set subflows 8
	congestion ""
}
