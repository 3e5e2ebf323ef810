# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Reading, writing, and what is seen on the wire; sourced by lib.sh.

# run_fio OPTION...: fio in the scratch folder, with a limit in time; a failure
# of fio, a data mismatch for instance, is one of the subtest.
run_fio()
{
	local out

	out=$(cd "$TMP" && limit 90 fio "$@" 2>&1) || fail "fio $*: $out"
	printf '%s\n' "$out"
}

# amount KIB_OR_MIB: such as 64k or 8m; less of it where the kernel is slow
amount()
{
	local kib=${1%[km]}

	[ "${1: -1}" = k ] || kib=$((kib * 1024))
	printf '%dk' $((kib / SLOW))
}

# fio_verify DISK OPTION...: write, read back and compare. The checksum of a
# block stands in the block, with its offset. Reads begin while writes go on.
fio_verify()
{
	local option options=()

	for option in "${@:2}"; do
		[ "${option%%=*}" != --io_size ] || option=--io_size=$(amount "${option#*=}")
		options+=("$option")
	done
	run_fio --name=verify --filename="$1" --allow_file_create=0 --direct=1 \
		--ioengine=libaio --rw=randwrite --verify=crc32c --verify_fatal=1 \
		--verify_backlog=64 --output-format=terse \
		"${options[@]}" >/dev/null
}

# fio_mix DISK: seven kinds of I/O at the same time, each on its own part of
# the first 256 MiB; read back and compared.
fio_mix()
{
	local job=$TMP/mix.$BASHPID

	cat >"$job" <<-END
		[global]
		filename=$1
		allow_file_create=0
		direct=1
		ioengine=libaio
		rw=randwrite
		verify=crc32c
		verify_fatal=1
		verify_backlog=32
		[sector]
		bs=512
		iodepth=1
		size=8m
		io_size=$(amount 64k)
		[odd]
		bs=1536
		iodepth=32
		offset=8m
		size=24m
		io_size=$(amount 384k)
		[odd-r2t]
		bs=66048
		iodepth=8
		offset=32m
		size=32m
		io_size=$(amount 4m)
		[range]
		bsrange=512-1m
		iodepth=16
		offset=64m
		size=64m
		io_size=$(amount 6m)
		[large]
		bs=1m
		iodepth=4
		offset=128m
		size=64m
		io_size=$(amount 6m)
		[deep]
		bs=4k
		iodepth=128
		offset=192m
		size=32m
		io_size=$(amount 1m)
		[uring]
		ioengine=io_uring
		bs=12k
		iodepth=32
		offset=224m
		size=32m
		io_size=$(amount 1536k)
	END
	run_fio "$job" --output-format=terse >/dev/null
}

# fio_load DISK [OPTION...]: random I/O in the background, for as long as it
# is let; its end is nobody's failure. $LOAD is its process.
fio_load()
{
	unset BUSY_SEEN
	(cd "$TMP" && exec fio --name=load --filename="$1" --allow_file_create=0 --direct=1 \
		--ioengine=libaio --rw=randrw --bsrange=512-128k --iodepth=32 \
		--time_based --runtime=600 \
		--eta=always --eta-interval=500ms "${@:2}" >"$TMP/load" 2>&1) &
	LOAD=$!
	wait_for 20 "fio does I/O on $1" busy "$1"
}

# busy DISK: some I/O was done since the last look
busy()
{
	local stat completed

	read -ra stat <"/sys/block/${1#/dev/}/stat" || return
	completed=$((stat[0] + stat[4]))
	[ "$completed" -gt "${BUSY_SEEN:-$completed}" ] && return
	BUSY_SEEN=$completed
	return 1
}

# goes_on DISK PID WHEN: I/O is done; and the load must be long enough to see it
goes_on()
{
	unset BUSY_SEEN
	wait_for 20 "I/O goes on $3" busy_or_gone "$1" "$2"
	! gone "$2" || fail "the load had ended before this was seen: I/O goes on $3"
}

busy_or_gone()
{
	busy "$1" || gone "$2"
}

# load_ends SECONDS: fio comes to its end by itself: no request is stuck
load_ends()
{
	wait_for "$1" "fio ends" gone "$LOAD"
}

# load_stop: ask fio to end, and see that it can
load_stop()
{
	kill -TERM "$LOAD" 2>/dev/null || :
	load_ends 60
}

# verify_begin DISK OPTION...: fio writes and verifies in the background until
# verify_end; there must be a --bs among the options. $LOAD is its process, and
# its report will be $TMP/fio.json.
verify_begin()
{
	(cd "$TMP" && exec fio --name=verify --filename="$1" --allow_file_create=0 --direct=1 \
		--ioengine=libaio --rw=randwrite --iodepth=16 --size=64m --time_based \
		--verify=crc32c --verify_fatal=1 --verify_backlog=64 \
		--output-format=json --output=fio.json "${@:2}") &
	LOAD=$!
	wait_for 20 "fio does I/O" busy "$1"
}

# verify_end: its time is over, and nothing has failed
verify_end()
{
	wait "$LOAD" || fail "fio: $(cat "$TMP/fio.json")"
	verified
}

# verify_stop: the same now
verify_stop()
{
	load_stop
	# That it was ended by a signal is its exit status.
	wait "$LOAD" || :
	verified
}

verified()
{
	# If it was ended by a signal, it says so before its report.
	expect "I/O errors" 0 "$(sed -n '/^{/,$p' "$TMP/fio.json" | jq '.jobs[0].error')"
}

# longest: of the reads and writes of verify_begin, in ms
longest()
{
	sed -n '/^{/,$p' "$TMP/fio.json" |
		jq '.jobs[0] | [.read, .write] | map(.clat_ns.max) | max / 1000000 | ceil'
}

# median FILE: of the numbers in it, one for each of $CONNECTIONS
median()
{
	sort -n "$1" | sed -n "$(((CONNECTIONS + 1) / 2))p"
}

# read_some DISK: one block, with an error if it cannot be read
read_some()
{
	limit 60 dd if="$1" of=/dev/null bs=4k count=1 iflag=direct status=none
}

# capture FILE COMMAND...: what passes the links of the target meanwhile
capture()
{
	local file=$1 pid
	shift

	# Not in_target: the process itself is wanted, to signal it.
	nsenter --net="/run/netns/$TARGET_NS" tcpdump -i any -s 128 -w "$file" -U --immediate-mode \
		-Z root \
		"port $PORT" 2>"$file.log" &
	pid=$!
	wait_for 10 "tcpdump listens" grep -q 'listening on' "$file.log"
	"$@"
	wait_for 5 "tcpdump has written something" test -s "$file"
	kill -TERM "$pid"
	wait "$pid" || fail "tcpdump: $(cat "$file.log")"
}

# captured FILE WHAT BYTES: BYTES is a pattern such as '\x07\x0c'
captured()
{
	grep -qaP "$3" "$1" || fail "expected on the wire, and not seen: $2"
}
