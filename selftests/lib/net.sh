# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Two machines and four links between them; sourced by lib.sh.
#
#	      host                               target
#	10.1.1.1  fd01::1  h1 ------------- t1  10.1.1.2  fd01::2
#	10.1.2.1  fd02::1  h2 ------------- t2  10.1.2.2  fd02::2
#	10.1.3.1  fd03::1  h3 ------------- t3  10.1.3.2  fd03::2
#	10.1.4.1  fd04::1  h4 ------------- t4  10.1.4.2  fd04::2

LINKS=${LINKS:-4}
TARGET_NS=target
# nvme-tcp forgets the namespace of the connect: a reset or reconnect happens
# in the initial one. So that is where the host must be for it. Ours is tested
# where it shows: in a namespace of its own.
HOST_NS=host
[ "$HOST_TR" = mptcp ] || HOST_NS=

# `ip netns exec` would mount another /sys and hide configfs; this does not.
in_host()
{
	if [ -n "$HOST_NS" ]; then
		nsenter --net="/run/netns/$HOST_NS" "$@"
	else
		"$@"
	fi
}

in_target()
{
	nsenter --net="/run/netns/$TARGET_NS" "$@"
}

# links_up [NETEM]: NETEM is for each direction of each link, for instance
# "rate 100mbit delay 1ms"; without it the links are as fast as the CPU.
links_up()
{
	links_clear
	ip netns add "$TARGET_NS"
	[ -z "$HOST_NS" ] || ip netns add "$HOST_NS"
	links_batch | ip -batch -
	side_batch h 1 | in_host ip -batch -
	side_batch t 2 | in_target ip -batch -
	mptcp_paths
	# shellcheck disable=SC2086 # a list of words
	[ -z "${1:-}" ] || shape_links $1
}

links_batch()
{
	local i

	for ((i = 1; i <= LINKS; i++)); do
		echo "link add h$i ${HOST_NS:+netns $HOST_NS} type veth peer t$i netns $TARGET_NS"
	done
}

# side_batch DEVICE ADDRESS: what their names end and begin with, at one end
side_batch()
{
	local i

	echo "link set lo up"
	for ((i = 1; i <= LINKS; i++)); do
		echo "address add 10.1.$i.$2/24 dev $1$i"
		echo "address add fd0$i::$2/64 dev $1$i nodad"
		echo "link set $1$i up"
	done
}

# shape LINK NETEM...: replaces what was set before
shape()
{
	local i=$1
	shift

	in_host tc qdisc replace dev "h$i" root netem "$@"
	in_target tc qdisc replace dev "t$i" root netem "$@"
}

# shape_links NETEM...: all of them
shape_links()
{
	qdiscs h replace "$*" | in_host tc -batch -
	qdiscs t replace "$*" | in_target tc -batch -
}

# qdiscs DEVICE replace|delete [NETEM]
qdiscs()
{
	local i

	for ((i = 1; i <= LINKS; i++)); do
		echo "qdisc $2 dev $1$i root ${3:+netem $3}"
	done
}

# heal: the links are as fast as the CPU, and nothing is lost
heal()
{
	qdiscs h delete | in_host tc -force -batch - || :
	qdiscs t delete | in_target tc -force -batch - || :
} 2>/dev/null

# Let every connection of the host use every link. The host announces nothing;
# it opens one more subflow from each of its other addresses to the address it
# was told to connect to, so the target's port may be bound to that address.
# An endpoint binds its subflow to its device, and needs a route there.
# The limits are for both: the target counts the subflows that it accepts.
mptcp_paths()
{
	in_host ip mptcp limits set subflows 8 add_addr_accepted 8
	in_target ip mptcp limits set subflows 8 add_addr_accepted 8
	paths_batch | in_host ip -batch -
}

paths_batch()
{
	local i

	for ((i = 2; i <= LINKS; i++)); do
		echo "route add 10.1.1.2/32 via 10.1.$i.2 dev h$i metric ${i}000"
		echo "route add fd01::2/128 via fd0$i::2 dev h$i metric ${i}000"
		echo "mptcp endpoint add 10.1.$i.1 dev h$i subflow"
		echo "mptcp endpoint add fd0$i::1 dev h$i subflow"
	done
	# A host route is more specific than link 1's own: that one goes first.
	echo "route add 10.1.1.2/32 dev h1 metric 1"
	echo "route add fd01::2/128 dev h1 metric 1"
}

# links_clear: the links go with the target's namespace
links_clear()
{
	local ns

	for ns in host target; do
		[ ! -e "/run/netns/$ns" ] || ip netns delete "$ns"
	done
	ip mptcp endpoint flush
	wait_until 10 no_links || echo "# links are left: $(ip -br link)"
}

no_links()
{
	! ip -br link | matches -E '^[ht][1-9]@'
}

# link_bytes LINK: what the host has sent and received over it
link_bytes()
{
	in_host ip -j -s link show "h$1" |
		jq '.[0].stats64 | .rx.bytes + .tx.bytes'
}

# links_bytes: the same of all links, in one line
links_bytes()
{
	local i

	for ((i = 1; i <= LINKS; i++)); do
		link_bytes "$i"
	done | xargs
}

# shares BEFORE AFTER: of each link, in per cent
shares()
{
	paste <(xargs -n1 <<<"$1") <(xargs -n1 <<<"$2") |
		awk '{ part[NR] = $2 - $1; sum += part[NR] }
			END {
				for (i = 1; i <= NR; i++)
					printf "%d ", 100 * part[i] / (sum ? sum : 1)
			}'
}

# established [SVCID]: TCP connections (subflows included) of the host to it
established()
{
	in_host ss -Htn state established "dport = :${1:-$PORT}" | wc -l
}

# connections COUNT [SVCID]: are there that many now?
connections()
{
	[ "$(established "${2:-$PORT}")" = "$1" ]
}

# listening [SVCID]: does the target accept connections there?
listening()
{
	in_target ss -Htln "sport = :${1:-$PORT}" | matches .
}

# mib host|target COUNTER: of TcpExt and MPTcpExt
mib()
{
	"in_$1" nstat -asz -j "$2" | jq ".kernel.$2 // 0"
}

# endpoints LINK...: the host's path manager may use these, and no others
endpoints()
{
	local i

	in_host ip mptcp endpoint flush
	for i in "$@"; do
		in_host ip mptcp endpoint add "10.1.$i.1" dev "h$i" subflow
	done
}
