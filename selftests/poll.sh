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

# completed_by COMMAND...: whose task completes the requests of the queue for
# polling while COMMAND runs, and how many
completed_by()
{
	local tracing=/sys/kernel/tracing
	local event=$tracing/events/nvme/nvme_complete_rq

	echo "qid == 2" >"$event/filter"
	echo >"$tracing/trace"
	echo 1 >"$event/enable"
	"$@"
	echo 0 >"$event/enable"
	echo 0 >"$event/filter"
	awk '/nvme_complete_rq:/ { sub(/-[0-9]+$/, "", $1); n[$1]++ }
		END { for (task in n) print n[task], task }' "$tracing/trace" | sort -rn
}

# Whoever polls completes his requests himself, unless he does not get to it for
# long: on a busy machine that happens.
in_context()
{
	local by most all=$((2000 / SLOW))

	polled
	by=$(completed_by run_fio --name=poll --filename="$DISK" --direct=1 --ioengine=io_uring \
		--hipri=1 --size=64m --number_ios="$all" --output-format=terse \
		--output=/dev/null "$@")
	echo "completed by: ${by//$'\n'/, }" >&3
	most=$(awk '$2 == "fio" { print $1 }' <<<"$by")
	[ "${most:-0}" -ge $((all * 3 / 4)) ] ||
		fail "of $all requests fio completed ${most:-0}: $by"
}

deep()
{
	# On one CPU, it has 16 times 32 KiB to send before whoever polls is let at it.
	[ "$SLOW" = 1 ] || skip "with sanitizers, the target takes longer than anybody may not look"
	in_context --rw=randread --bs=32k --iodepth=16
}

# Polled and plain I/O at the same time, each on its own part of the disk.
mixed()
{
	local job=$TMP/mixed

	polled
	cat >"$job" <<-END
		[global]
		filename=$DISK
		direct=1
		rw=randwrite
		verify=crc32c
		verify_fatal=1
		verify_backlog=32
		bsrange=512-128k
		size=32m
		io_size=$(amount 4m)
		[polled]
		ioengine=io_uring
		hipri=1
		iodepth=16
		numjobs=2
		offset_increment=32m
		[one]
		ioengine=io_uring
		hipri=1
		iodepth=1
		offset=64m
		[plain]
		ioengine=libaio
		iodepth=16
		offset=96m
	END
	run_fio "$job" --output-format=terse >/dev/null
}

# Who polls is killed, with requests on their way.
killed()
{
	local i

	polled
	for i in 1 2 3; do
		fio_load "$DISK" --ioengine=io_uring --hipri=1 --thread
		kill -KILL "$LOAD"
		wait_for 10 "fio is gone" gone "$LOAD"
		wait_for 10 "no request is left, kill $i" idle
	done
	fio_verify "$DISK" --ioengine=io_uring --hipri=1 --bs=4k --iodepth=4 --size=4m
	limit 30 nvme reset "/dev/$CTRL" || fail "reset"
	await_state "$CTRL" live
	fio_verify "$DISK" --bs=4k --iodepth=4 --size=4m
}

# idle: no request is on its way to a disk of NVMe
idle()
{
	cat /sys/block/nvme*/inflight | awk '{ n += $1 + $2 } END { exit n > 0 }'
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
t "reads complete where they are polled for" in_context --rw=randread --bs=4k
t "deep reads complete where they are polled for" deep
t "writes complete where they are polled for" in_context --rw=randwrite --bs=4k
t "polled and plain I/O at the same time" mixed
t "whoever polls is killed" killed
t "passthrough reads" passthrough randread
t "passthrough writes" passthrough randwrite
t "passthrough, resets and removal" passthrough_reset
finish
