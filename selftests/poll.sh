#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Poll queues: whoever waits for a request asks for it himself.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

# polled: $CTRL and $DISK, with one queue for polling: on most CPUs, requests
# end elsewhere than where they are asked for
polled()
{
	CTRL=$(attach_raw nr_io_queues=1,nr_poll_queues=1)
	DISK=$(disk "$CTRL")
}

block()
{
	polled
	fio_verify "$DISK" --ioengine=io_uring --hipri=1 --bsrange=512-64k --iodepth=16 --size=32m \
		--io_size=4m
}

# A request may end on another CPU, and be somebody else's, while it is asked
# for: one request at a time, on each CPU in turn.
passthrough()
{
	local cpu

	[ "$HOST_TR" = mptcp ] || skip "the kernel's block layer gives nvme-tcp a null pointer"
	polled
	for ((cpu = 0; cpu < $(nproc); cpu++)); do
		run_fio --name=poll --filename="${DISK/nvme/ng}" --ioengine=io_uring_cmd \
			--cmd_type=nvme --hipri=1 \
			--rw="$1" --bs=512 --iodepth=1 --size=64m --cpus_allowed="$cpu" \
			--time_based --runtime=$((8 * SLOW)) --output-format=terse >/dev/null
	done
}

# More is asked of a path that is about to go.
passthrough_reset()
{
	local i pid

	[ "$HOST_TR" = mptcp ] || skip "the kernel's block layer gives nvme-tcp a null pointer"
	polled
	(passthrough_load) &
	pid=$!
	for i in 1 2 3; do
		limit 30 nvme reset "/dev/$CTRL" || fail "reset $i"
		await_state "$CTRL" live
	done
	limit 30 detach "$CTRL" || fail "disconnect"
	wait_for 30 "fio ends" gone "$pid"
}

passthrough_load()
{
	cd "$TMP" && exec fio --name=poll --filename="${DISK/nvme/ng}" --ioengine=io_uring_cmd \
		--cmd_type=nvme --hipri=1 --rw=randread --bs=512 --iodepth=1 --numjobs=4 \
		--size=64m --time_based --runtime=60 \
		>"$TMP/load" 2>&1
}

setup
t "block I/O" block
t "passthrough reads" passthrough randread
t "passthrough writes" passthrough randwrite
t "passthrough, resets and removal" passthrough_reset
finish
