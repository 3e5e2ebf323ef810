#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# A zoned namespace: its zones as the host sees them, writes at write pointers,
# appends and resets. Needs CONFIG_BLK_DEV_ZONED.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

ZONE=$((4 << 20))

# zone NUMBER: how far its write pointer is from its start in sectors, in hex, if
# it has one, and its state. (nvmet refuses what `nvme zns report-zones` asks for.)
zone()
{
	blkzone report -o $(($1 * ZONE / 512)) -c 1 "$DISK" |
		sed -n 's/.* wptr \([^ ]*\) .*zcond: *[0-9]*(\([a-z]*\)).*/\1 \2/p'
}

# connected: sets $CTRL and $DISK; all zones are empty
connected()
{
	CTRL=$(attach)
	grown "$CTRL" "$NQN" 2
	DISK=$(disk "$CTRL" 2)
	blkzone reset "$DISK"
}

geometry()
{
	local dir

	connected
	dir=/sys/block/${DISK#/dev/}/queue
	expect "model" host-managed "$(cat "$dir/zoned")"
	expect "zone size" $((ZONE / 512)) "$(cat "$dir/chunk_sectors")"
	expect "zones" 16 "$(cat "$dir/nr_zones")"
	expect "a zone" "0x000000 em" "$(zone 3)"
	[ "$(cat "$dir/zone_append_max_bytes")" -gt 0 ] || fail "no zone append"
}

# Only at the write pointer
write_pointer()
{
	connected
	dd if=/dev/urandom of="$DISK" conv=nocreat bs=64k count=1 seek=$((2 * ZONE / 65536)) \
		oflag=direct status=none
	expect "the zone" "0x000080 oi" "$(zone 2)"
	expect_failure "a write elsewhere" dd if=/dev/zero of="$DISK" conv=nocreat bs=64k count=1 \
		seek=$((2 * ZONE / 65536 + 8)) oflag=direct >/dev/null
	nvme zns reset-zone "$DISK" -s $((2 * ZONE / 512)) >/dev/null
	expect "the zone after a reset" "0x000000 em" "$(zone 2)"
}

append()
{
	local i

	connected
	head -c 4096 /dev/urandom >"$TMP/data"
	for i in 0 8 16; do
		nvme zns zone-append "$DISK" -s $((ZONE / 512)) -z 4096 -d "$TMP/data" >/dev/null
		dd if="$DISK" of="$TMP/read" bs=4096 count=1 skip=$(((ZONE / 512 + i) / 8)) \
			iflag=direct status=none
		cmp "$TMP/data" "$TMP/read" || fail "what was appended is not there"
	done
	expect "the zone" "0x000018 oi" "$(zone 1)"
}

verify()
{
	connected
	run_fio --name=zbd --filename="$DISK" --direct=1 --zonemode=zbd --ioengine=libaio \
		--rw=write --bs=64k --iodepth=16 --size="$(amount 32m)" \
		--verify=crc32c --verify_fatal=1 --max_open_zones=4 >/dev/null
	limit 30 nvme reset "/dev/$CTRL"
	await_state "$CTRL" live
	expect "a zone after a reset of the controller" "N/A fu" "$(zone 0)"
}

target_extra()
{
	backend zoned 64 memory_backed=1 zoned=1 zone_size=4 && namespace "$NQN" 2 /dev/zoned
}

setup
t "geometry" geometry
t "writes go to the write pointer" write_pointer
t "append" append
t "write and verify" verify
finish
