#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The files in which an administrator sees queues and their subflows, at both ends.
# And that looking harms nobody, whenever it is done.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

[ "$HOST_TR$PORT_TR" != tcptcp ] || skip "there is nothing of ours to look at"

# shellcheck source=lib/observe.sh
. "$SELFTESTS/lib/observe.sh"

host_file()
{
	local connection=mptcp ctrl dir qid

	needs_host
	[ "$PORT_TR" = mptcp ] || connection='tcp, fell back: no MPTCP in the handshake'
	ctrl=$(attach_all)
	dir=$DEBUG/nvme_mptcp/$ctrl
	expect "files" "queue0 queue1 queue2" "$(cd "$dir" && echo *)"
	for qid in 0 1 2; do
		shows "$dir/queue$qid" state=live 'cpu=([0-9]+|any)' "connection=$connection" \
			"subflows=$EACH" requests='[0-9]+' pdus_sent='[1-9][0-9]*' \
			pdus_received='[1-9][0-9]*' longest_ms='[0-9]+' reconnects=0 \
			last_error=none
	done
	# Each from an address of its own, all to the one that the port listens on.
	awk '$1 == "subflow" { sub(/:[0-9]+$/, "", $3); print $3, $4 }' "$dir/queue1" |
		sort >"$TMP/addresses"
	for ((qid = 1; qid <= EACH; qid++)); do
		echo "10.1.$qid.1 $ADDR:$PORT"
	done >"$TMP/wanted"
	[ "$EACH" = 1 ] || expect "addresses" "$(<"$TMP/wanted")" "$(<"$TMP/addresses")"
	detach "$ctrl"
	[ ! -e "$dir" ] || fail "$dir is still there"
}

attributes()
{
	local ctrl

	needs_host
	ctrl=$(attach_all)
	expect "subflows of the queue that has the fewest" "$EACH" "$(attr "$ctrl" mptcp/subflows)"
	expect "queues that fell back" "$([ "$PORT_TR" = mptcp ] && echo 0 || echo 3)" \
		"$(attr "$ctrl" mptcp/fallback)"
}

no_files()
{
	! ls "$DEBUG"/nvmet_mptcp/queue* >/dev/null 2>&1
}

target_file()
{
	local connection=mptcp ctrl file files qids=

	needs_target
	[ "$HOST_TR" = mptcp ] || connection='tcp, which the peer asked for'
	ctrl=$(attach_all)
	files=("$DEBUG"/nvmet_mptcp/queue*)
	expect "files" 3 "${#files[@]}"
	for file in "${files[@]}"; do
		shows "$file" state=live "controller=$(attr "$ctrl" cntlid)" cpu='-?[0-9]+' \
			"connection=$connection" "subflows=$EACH" pdus_sent='[1-9][0-9]*' \
			pdus_received='[1-9][0-9]*' longest_ms='[0-9]+' last_error=none
		qids+=" $(value "$file" qid)"
	done
	# shellcheck disable=SC2086 # a list of words
	expect "queues" "0 1 2" "$(printf '%s\n' $qids | sort | xargs)"
	detach "$ctrl"
	wait_for 10 "no file is left" no_files
}

# column FILE NAME: of each subflow, the word behind NAME
column()
{
	awk -v name="$2" '$1 == "subflow" {
		for (i = 2; i < NF; i++)
			if ($i == name)
				print $(i + 1)
	}' "$1"
}

# sum FILE NAME: of a column
sum()
{
	column "$1" "$2" | awk '{ n += $1 } END { print n + 0 }'
}

# in_flight DIR: some queue has a request
in_flight()
{
	cat "$1"/queue[1-9]* | matches -E '^requests [1-9]'
}

figures()
{
	local ctrl dir disk file sent=0 written=received

	ctrl=$(attach_all)
	disk=$(disk "$ctrl")
	fio_load "$disk"
	if [ "$HOST_TR" = mptcp ]; then
		written=sent
		dir=$DEBUG/nvme_mptcp/$ctrl
	else
		dir=$DEBUG/nvmet_mptcp
	fi
	wait_for 10 "requests in flight" in_flight "$dir"
	load_stop
	limit 60 dd if=/dev/zero of="$disk" conv=nocreat bs=1M count=16 oflag=direct status=none
	for file in "$dir"/queue*; do
		sent=$((sent + $(sum "$file" "$written")))
	done
	[ "$sent" -gt $((16 << 20)) ] || fail "16 MiB were written, and $sent bytes are told"
	if [ "$HOST_TR" = mptcp ]; then
		is "$dir/queue1" requests 0 || fail "requests are left: $(cat "$dir/queue1")"
	fi
}

reconnected()
{
	local ctrl file

	needs_host
	ctrl=$(attach_all)
	file=$DEBUG/nvme_mptcp/$ctrl/queue1
	limit 30 nvme reset "/dev/$ctrl"
	await_state "$ctrl" live
	shows "$file" state=live reconnects=1 last_error=none
	withdraw 1 "$NQN"
	wait_for 20 "the queue is down" is "$file" state 'down|broken'
	publish 1 "$NQN"
	await_state "$ctrl" live 40
	wait_for 10 "the queue is live" is "$file" state live
	shows "$file" 'reconnects=[2-9]' 'last_error=([0-9]+\.[0-9]{3} s ago: .+|none)'
}

# slowest_is FILE LOCAL [REMOTE]: the subflow with the longest round trip, by far
slowest_is()
{
	awk -v local="$2" -v remote="${3:-}" '$1 == "subflow" {
		for (i = 2; i < NF; i++)
			if ($i == "rtt" && $(i + 1) > most) {
				most = $(i + 1)
				line = $3 " " $4
			}
	} END {
		exit !(most > 30000 && line ~ "^" local ":" && line ~ " " remote)
	}' "$1"
}

# The administrator's session of docs/observing.md
slow_link()
{
	local ctrl disk file worst

	needs_links
	ctrl=$(attach_all)
	disk=$(disk "$ctrl")
	shape 3 delay 40ms
	fio_load "$disk"
	file=$DEBUG/nvme_mptcp/$ctrl/queue1
	wait_for 20 "link 3 is the slow one" slowest_is "$file" 10.1.3.1
	file=$(grep -l '^qid 1$' "$DEBUG"/nvmet_mptcp/queue*)
	wait_for 20 "link 3 is the slow one at the target" slowest_is "$file" 10.1.1.2 10.1.3.1
	worst=$(value "$DEBUG/nvme_mptcp/$ctrl/queue1" longest_ms)
	load_stop
	[ "$worst" -ge 40 ] || note "the longest I/O took $worst ms"
}

# loses FILE LOCAL: that subflow has retransmitted most, and not a little
loses()
{
	awk -v local="$2" '$1 == "subflow" {
		for (i = 2; i < NF; i++)
			if ($i == "retransmitted" && $(i + 1) > most) {
				most = $(i + 1)
				line = $3
			}
	} END {
		exit !(most >= 10 && line ~ "^" local ":")
	}' "$1"
}

lossy_link()
{
	local ctrl file

	needs_links
	ctrl=$(attach_all)
	shape 2 loss 10%
	fio_load "$(disk "$ctrl")"
	file=$DEBUG/nvme_mptcp/$ctrl/queue1
	wait_for 30 "link 2 is the one that loses" loses "$file" 10.1.2.1
	load_stop
}

# readers [PAUSE]: read all files over and over until the subtest ends
readers()
{
	local i

	for i in 1 2; do
		while sleep "${1:-0}"; do
			cat "$DEBUG"/nvme_mptcp/nvme*/queue* "$DEBUG"/nvmet_mptcp/queue* || :
		done >/dev/null 2>&1 &
	done
}

read_while_it_goes()
{
	local ctrl i

	readers
	for i in 1 2 3; do
		ctrl=$(attach --nr-io-queues=2)
		limit 60 nvme reset "/dev/$ctrl"
		await_state "$ctrl" live
		read_some "$(disk "$ctrl")"
		limit 60 nvme disconnect -d "$ctrl" >/dev/null
	done
}

# A file that is held open keeps its module, and shows nothing when its queue is gone.
held_open()
{
	local ctrl file module=nvmet_mptcp

	ctrl=$(attach_all)
	file=("$DEBUG"/nvmet_mptcp/queue*)
	if [ "$HOST_TR" = mptcp ]; then
		module=nvme_mptcp
		file=("$DEBUG/nvme_mptcp/$ctrl/queue1")
	fi
	exec 9<"${file[0]}"
	limit 60 nvme disconnect -d "$ctrl" >/dev/null
	[ "$HOST_TR" = mptcp ] || wait_for 10 "no file is left" no_files
	expect_failure "reading a queue that is gone" cat <&9
	[ "$HOST_TR" = mptcp ] || port_remove 1
	expect_failure "removing the module of an open file" rmmod "$module"
	exec 9<&-
	if [ "$HOST_TR" = mptcp ]; then
		limit 60 rmmod "$module"
		modprobe "$module"
	else
		port 1 "$ADDR" "$PORT"
		publish 1 "$NQN"
	fi
}

unload_while_read()
{
	needs_host
	attach --nr-io-queues=2 >/dev/null
	# Who reads at just that moment has the module in use; on a slow machine that is
	# always, without a pause.
	readers "0.$SLOW"
	wait_for 60 "the module goes" rmmod nvme_mptcp
	modprobe nvme_mptcp
	read_some "$(disk "$(attach)")"
}

undo()
{
	links_as_before
}

setup
t "each queue of the host has a file" host_file
t "attributes" attributes
t "each queue of the target has a file" target_file
t "the figures are those of the I/O" figures
t "reconnects and errors are kept" reconnected
t "which link is slow?" slow_link
t "which link loses packets?" lossy_link
t "files are read while controllers come and go" read_while_it_goes
t "a file that is held open" held_open
t "the module is removed while files are read" unload_while_read
finish
