# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# The files that show a queue and its subflows, for themes about what there is to
# see; sourced by them after lib.sh.

DEBUG=/sys/kernel/debug

# subflows each queue has in this pair
EACH=1
[ "$HOST_TR/$PORT_TR" != mptcp/mptcp ] || EACH=$LINKS

# needs_host, needs_target: of ours
needs_host()
{
	[ "$HOST_TR" = mptcp ] || skip "the host is nvme-tcp"
}

needs_target()
{
	[ "$PORT_TR" = mptcp ] || skip "the target is nvmet-tcp"
}

needs_links()
{
	[ "$EACH" = "$LINKS" ] || skip "more than one subflow needs mptcp at both ends"
}

# value FILE NAME: what follows the name in its line
value()
{
	sed -n "s/^$2 //p" "$1"
}

# is FILE NAME PATTERN
is()
{
	value "$1" "$2" | matches -xE -e "$3"
}

# shows FILE NAME=PATTERN...
shows()
{
	local file=$1 want
	shift

	for want; do
		is "$file" "${want%%=*}" "${want#*=}" ||
			fail "$file: ${want%%=*} should be '${want#*=}': $(cat "$file")"
	done
}

# all_connected CONTROLLER QUEUES: with their subflows
all_connected()
{
	local qid

	for ((qid = 0; qid < $2; qid++)); do
		is "$DEBUG/nvme_mptcp/$1/queue$qid" subflows "$EACH" || return
	done
}

# attach_all: with two I/O queues, and all subflows that there will be
attach_all()
{
	local ctrl

	ctrl=$(attach --nr-io-queues=2)
	[ "$HOST_TR" != mptcp ] || wait_for 10 "3 queues of $EACH subflows" all_connected "$ctrl" 3
	echo "$ctrl"
}

# links_as_before: nothing is lost or late, and the host's endpoints are those of setup
links_as_before()
{
	heal
	in_target ip mptcp endpoint flush
	endpoints 2 3 4
}
