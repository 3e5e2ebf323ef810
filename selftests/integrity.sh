#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What is written is what is read, for any size, offset, depth and option.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

# verify BS DEPTH AMOUNT [FIO_OPTION...]
verify()
{
	local disk

	disk=$(disk "$(attach)")
	fio_verify "$disk" --bs="$1" --iodepth="$2" --io_size="$3" --size=192m "${@:4}"
}

# mix OPTION,...: of connect
mix()
{
	fio_mix "$(disk "$(attach_raw "$1")")"
}

# With as many queues as CPUs, each CPU has its own connection to write on.
two_jobs()
{
	local disk

	disk=$(disk "$(attach)")
	fio_verify "$disk" --bsrange=512-64k --iodepth=32 --numjobs=2 --size=64m --io_size=8m \
		--offset_increment=64m
}

# Blocks of 4096 bytes: the host sends nothing smaller.
large_blocks()
{
	local ctrl

	backend large 64 memory_backed=1 blocksize=4096
	namespace "$NQN" 2 /dev/large
	ctrl=$(attach)
	grown "$ctrl" "$NQN" 2
	expect "block size" 4096 "$(blockdev --getss "$(disk "$ctrl" 2)")"
	fio_verify "$(disk "$ctrl" 2)" --bsrange=4k-256k --iodepth=32 --size=64m --io_size=8m
	namespace_remove "$NQN" 2
	rmdir "$NULLB/large"
}

# in_capsule BYTES: a port of its own with that inline_data_size. The host must
# keep to it: what is larger waits for an R2T.
in_capsule()
{
	local ctrl disk

	port 2 "$ADDR" 4421 "param_inline_data_size=$1"
	publish 2 "$NQN"
	ctrl=$(attach_to "$NQN" -a "$ADDR" -s 4421)
	disk=$(disk "$ctrl")
	expect "capsule size, in units of 16 bytes" $(((64 + $1) / 16)) \
		"$(nvme id-ctrl "/dev/$ctrl" -o json | jq .ioccsz)"
	fio_verify "$disk" --bsrange=512-128k --iodepth=16 --size=64m --io_size=6m
	# right below, at and above the limit
	fio_verify "$disk" --bssplit=$(($1 - 512))/34:"$1"/33:$(($1 + 512))/33 --iodepth=4 \
		--size=64m --io_size=2m
	detach "$ctrl"
	port_remove 2
}

# Lengths of passthrough commands that no file system would choose
passthrough()
{
	local disk blocks

	disk=$(disk "$(attach)")
	head -c $((257 * 512)) /dev/urandom >"$TMP/data"
	for blocks in 1 3 7 31 32 33 127 129 257; do
		head -c $((blocks * 512)) "$TMP/data" >"$TMP/write"
		nvme write "$disk" -s 12345 -c $((blocks - 1)) -z $((blocks * 512)) \
			-d "$TMP/write" >/dev/null ||
			fail "nvme write of $blocks blocks"
		nvme read "$disk" -s 12345 -c $((blocks - 1)) -z $((blocks * 512)) \
			-d "$TMP/read" >/dev/null ||
			fail "nvme read of $blocks blocks"
		cmp "$TMP/write" "$TMP/read" ||
			fail "what was read is not what was written, $blocks blocks"
	done
}

# zeroed DISK OFFSET LENGTH, in bytes
zeroed()
{
	dd if="$1" of="$TMP/zeroed" bs=64k skip="$2" count="$3" \
		iflag=direct,skip_bytes,count_bytes status=none
	cmp -n "$3" "$TMP/zeroed" /dev/zero
}

write_zeroes()
{
	local disk tool

	disk=$(disk "$(attach)")
	for tool in "blkdiscard -z -o" "blkdiscard -o"; do
		head -c 2097152 /dev/zero | tr '\0' '\377' |
			dd of="$disk" conv=nocreat bs=256k iflag=fullblock oflag=direct status=none
		# shellcheck disable=SC2086 # a command line
		$tool 131072 -l 1048576 "$disk" || fail "$tool failed on $disk"
		zeroed "$disk" 131072 1048576 || fail "$tool: not all is zero"
		! zeroed "$disk" 0 131072 2>/dev/null || fail "$tool: zeroes before the range"
		! zeroed "$disk" 1179648 131072 2>/dev/null || fail "$tool: zeroes behind the range"
	done
	nvme write-zeroes "$disk" -s 3 -c 4 || fail "nvme write-zeroes"
	zeroed "$disk" 1536 2560 || fail "nvme write-zeroes: not all is zero"
	! zeroed "$disk" 1024 512 2>/dev/null || fail "nvme write-zeroes: zeroes before the range"
}

flush()
{
	local disk

	disk=$(disk "$(attach)")
	nvme flush "$disk" -n 1 >/dev/null || fail "nvme flush"
	fio_verify "$disk" --bs=4k --iodepth=8 --size=16m --io_size=512k --fsync=4
}

# Through the page cache: requests of many segments, readahead, writeback
buffered()
{
	local disk

	disk=$(disk "$(attach)")
	head -c 12345678 /dev/urandom >"$TMP/data"
	dd if="$TMP/data" of="$disk" bs=77777 conv=fsync,nocreat status=none
	blockdev --flushbufs "$disk"
	head -c 12345678 "$disk" | cmp - "$TMP/data" || fail "what was read is not what was written"
}

setup
t "512 bytes to 1 MiB, depth 32" verify 512 32 24m --bsrange=512-1m
t "two jobs on two queues" two_jobs
t "mixture without digests" mix ""
t "mixture with hdr_digest" mix hdr_digest
t "mixture with data_digest" mix data_digest
t "mixture with both digests" mix hdr_digest,data_digest
t "mixture with SUCCESS in C2HData" mix disable_sqflow
# With TLS the rest is for those who have time.
[ -z "$TLS" ] || [ -n "${LONG:-}" ] || finish

t "512 bytes, depth 1" verify 512 1 128k
t "1536 bytes, depth 32" verify 1536 32 1536k
t "4 KiB, depth 128" verify 4k 128 4m
t "66048 bytes, depth 16" verify 66048 16 8m
t "1 MiB less 1 KiB, depth 8" verify 1047552 8 16m
t "1 MiB, depth 64" verify 1m 64 48m
t "io_uring, 12 KiB, depth 64" verify 12k 64 6m --ioengine=io_uring
t "4 MiB, depth 8" verify 4m 8 48m
t "blocks of 4096 bytes" large_blocks
t "in-capsule data up to 1 KiB, of connect only" in_capsule 1024
t "in-capsule data up to 4 KiB" in_capsule 4096
t "in-capsule data up to 64 KiB" in_capsule 65536
t "passthrough of odd lengths" passthrough
t "write zeroes and discard" write_zeroes
t "flush" flush
t "buffered I/O" buffered
finish
