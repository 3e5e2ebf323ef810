#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Peers that talk sense, but for some of their PDUs: a target and a host survive
# that, others at the same target and on the same host do not notice, and nothing
# is left behind. With FUZZ_SEED=N the same again; FUZZ_PDUS=N is how many.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

SEED=${FUZZ_SEED:-$((RANDOM << 15 | RANDOM))}
PDUS=${FUZZ_PDUS:-$([ -n "${LONG:-}" ] && echo 100000 || echo $((4000 / SLOW)))}
FUZZ_NQN=nqn.2026-11.test:fuzz
FUZZ_PORT=4498

# bystander: somebody with nothing to do with it, who writes and verifies
bystander()
{
	CTRL=$(attach --nr-io-queues=1)
	DISK=$(disk "$CTRL")
	BEFORE=$(established)
	verify_begin "$DISK" --bs=16k --iodepth=4 --rate_iops=40 --runtime=36000
	note "FUZZ_SEED=$SEED FUZZ_PDUS=$PDUS"
}

bystander_is_well()
{
	goes_on "$DISK" "$LOAD" "beside $1"
	verify_stop
	expect "state" live "$(attr "$CTRL" state)"
	! log_since_mark | grep "nvme ${CTRL}: .*\(error recovery\|Reconnecting\)" ||
		fail "somebody else was disturbed"
}

# left_alone: of the target, by all but the bystander
left_alone()
{
	connections "$BEFORE" && [ "$(find /sys/kernel/debug/nvmet -name 'ctrl*' | wc -l)" = 1 ]
}

hosts()
{
	local said

	bystander
	said=$(in_host "$SELFTESTS/lib/fuzz_host.py" "$SEED" "$PDUS" "$ADDR" "$PORT" "$FUZZ_NQN") ||
		fail "the host has ended: $said"
	note "$said"
	wait_for 40 "the target has let go of all" left_alone
	bystander_is_well "hosts"
}

# sent: how many PDUs the targets have sent
sent()
{
	awk '/^connection/ { n += $3 } END { print n + 0 }' "$TMP/fuzz"
}

# visit: connect, read, write and disconnect, as far as that goes, and no longer
# than it may take
visit()
{
	local ctrl disk

	ctrl=$(limit 100 fabrics \
		"traddr=$ADDR,trsvcid=$FUZZ_PORT,nqn=nqn.2026-11.test:bad,$OPTIONS") || {
		[ $? != 124 ] || fail "connecting took more than 100 s"
		return 0
	}
	if wait_until 2 disk_ready "$ctrl"; then
		disk=$(disk_name "$ctrl")
		limit 30 dd if="$disk" of=/dev/null bs=64k count=4 iflag=direct status=none || :
		limit 30 dd if=/dev/zero of="$disk" conv=nocreat bs=64k count=4 oflag=direct \
			status=none || :
		limit 30 dd if="$disk" of=/dev/null bs=512 count=8 iflag=direct status=none || :
	fi 2>/dev/null
	limit 60 detach "$ctrl" || fail "disconnecting took more than 60 s"
}

targets()
{
	local n=0
	local OPTIONS=nr_io_queues=1,reconnect_delay=1,ctrl_loss_tmo=3,fast_io_fail_tmo=2

	bystander
	in_target "$SELFTESTS/lib/fuzz_target.py" "$SEED" "$ADDR" "$FUZZ_PORT" >"$TMP/fuzz" 2>&1 &
	wait_for 10 "the peer listens" grep -q listening "$TMP/fuzz"
	while [ "$(sent)" -lt $((PDUS / 4)) ]; do
		visit
		n=$((n + 1))
	done
	! grep -A30 Traceback "$TMP/fuzz" || fail "the target itself is wrong"
	note "$n visits, $(sent) PDUs of $(grep -c ^connection "$TMP/fuzz") connections"
	bystander_is_well "targets"
}

target_extra()
{
	backend fuzz 64 memory_backed=1 && subsystem "$FUZZ_NQN" /dev/fuzz && publish 1 "$FUZZ_NQN"
}

setup
t "hosts" hosts
t "targets" targets
finish
