#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What an administrator is told when it happens: lines about paths in the log, and
# tracepoints.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

[ "$HOST_TR$PORT_TR" != tcptcp ] || skip "there is nothing of ours to look at"

# shellcheck source=lib/observe.sh
. "$SELFTESTS/lib/observe.sh"

TRACING=/sys/kernel/tracing

# told PATTERN: the log has such a line
told()
{
	log_since_mark | matches -E "$1"
}

silent_link()
{
	local ctrl

	needs_links
	ctrl=$(attach_all)
	fio_load "$(disk "$ctrl")"
	# What was never there is not lost: the host looks once a second, and believes
	# what it sees twice.
	sleep $((3 * SLOW))
	log_mark
	shape 4 loss 100%
	wait_for 30 "the loss is told" \
		told "nvme $ctrl: lost subflows, [0-9]+ of $((3 * LINKS)) are left"
	cat "$DEBUG/nvme_mptcp/$ctrl"/queue* | matches -E 'subflow .* 10\.1\.4\.1:.* stale' ||
		cat "$DEBUG/nvme_mptcp/$ctrl"/queue*
	shape 4
	wait_for 60 "the return is told" told "nvme $ctrl: got subflows back, there are"
	load_stop
	[ "$(log_since_mark | grep -c 'subflows')" -lt 12 ] ||
		fail "too many lines: $(log_since_mark)"
}

no_endpoints()
{
	needs_links
	in_host ip mptcp endpoint flush
	log_mark
	attach --nr-io-queues=1 >/dev/null
	wait_for 10 "it is told" told '1 subflow: MPTCP has no endpoint to open more from'
}

# The port listens on one address, and three more are announced.
unreached()
{
	local i

	needs_links
	for i in 2 3 4; do
		in_target ip mptcp endpoint add "10.1.$i.2" dev "t$i" signal
	done
	log_mark
	attach --nr-io-queues=1 >/dev/null
	wait_for 20 "it is told" told \
		'[0-9]+ subflows: to 0 of [0-9]+ addresses that the controller'
}

# trace EVENT...: they are on until the end of the subtest
trace()
{
	local event

	echo 0 >"$TRACING/tracing_on"
	echo >"$TRACING/trace"
	for event; do
		echo 1 >"$TRACING/events/$event/enable"
	done
	echo 1 >"$TRACING/tracing_on"
}

# traced PATTERN
traced()
{
	matches -E "$1" <"$TRACING/trace" ||
		fail "no '$1' among: $(grep -v '^#' "$TRACING/trace" | head -n 20)"
}

tracepoints()
{
	local ctrl disk events=(sock/sk_data_ready) system
	local pdu='qid=[12], cid=[0-9]+, type'

	for system in nvme_mptcp nvmet_mptcp; do
		[ ! -d "$TRACING/events/$system" ] || events+=("$system")
	done
	ctrl=$(attach_all)
	disk=$(disk "$ctrl")
	trace "${events[@]}"
	limit 60 dd if=/dev/zero of="$disk" conv=nocreat bs=256k count=1 oflag=direct status=none
	limit 60 dd if="$disk" of=/dev/null bs=256k count=1 iflag=direct status=none
	echo 0 >"$TRACING/tracing_on"
	traced 'sk_data_ready: family=2 protocol=[0-9]+ func=.*data_ready'
	if [ "$HOST_TR" = mptcp ]; then
		traced "nvme_mptcp_pdu_sent: $ctrl: $pdu=CapsuleCmd, flags=0x0"
		traced "nvme_mptcp_pdu_received: $ctrl: $pdu=R2T"
		traced "nvme_mptcp_pdu_sent: $ctrl: $pdu=H2CData, .*plen=[0-9]+"
		traced "nvme_mptcp_pdu_received: $ctrl: $pdu=C2HData"
		traced "nvme_mptcp_data_ready: $ctrl: qid=[12]"
	fi
	if [ "$PORT_TR" = mptcp ]; then
		traced "nvmet_mptcp_pdu_received: queue [0-9]+: $pdu=CapsuleCmd"
		traced "nvmet_mptcp_pdu_sent: queue [0-9]+: $pdu=R2T"
		traced "nvmet_mptcp_pdu_received: queue [0-9]+: $pdu=H2CData"
		traced "nvmet_mptcp_pdu_sent: queue [0-9]+: $pdu=C2HData"
		traced 'nvmet_mptcp_data_ready: queue [0-9]+: qid=[12]'
	fi
	# trace-cmd and bpftrace go by these.
	for system in "${events[@]:1}"; do
		matches -E 'field:u(8|16|32) plen;|field:u32 plen;' \
			<"$TRACING/events/$system/${system}_pdu_sent/format" ||
			fail "$system has no plen"
	done
}

undo()
{
	local i

	echo 1 >"$TRACING/tracing_on"
	for i in nvme_mptcp nvmet_mptcp sock/sk_data_ready; do
		[ ! -e "$TRACING/events/$i/enable" ] || echo 0 >"$TRACING/events/$i/enable"
	done
	links_as_before
}

setup
t "a link that is lost, and comes back, is told" silent_link
t "that there are no endpoints is told" no_endpoints
t "addresses that nobody listens on are told" unreached
t "tracepoints" tracepoints
finish
