#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Commands that users make themselves: nvme-cli's passthrough, and io_uring on
# the character device of a namespace.
# What stock does not pass, and so is tested on ours alone: polling (the kernel's
# block layer gives nvme-tcp a null pointer), and a command with 8193 to 16384
# bytes that fails in the admin queue (nvmet-tcp waits for them in the capsule).
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

# connected: sets $CTRL, $DISK and $CHAR, the character device of the namespace
connected()
{
	CTRL=$(attach_raw "${1:-}")
	DISK=$(disk "$CTRL")
	CHAR=${DISK/nvme/ng}
}

# uring OPTION...: io_uring passthrough that writes, reads back and compares
uring()
{
	connected
	fio_verify "$CHAR" --direct=0 --ioengine=io_uring_cmd --cmd_type=nvme --size=32m "$@"
	left_in_peace
}

# left_in_peace: whatever was asked of it, the controller has seen no reason to
# recover, and does I/O
left_in_peace()
{
	expect "state" live "$(attr "$CTRL" state)"
	! log_since_mark | grep -E 'error recovery|Reconnecting' ||
		fail "commands of users must not break the connection"
	read_some "$DISK"
}

# admin OPTION...: of nvme admin-passthru
admin()
{
	limit 30 nvme admin-passthru "/dev/$CTRL" "$@"
}

# io OPTION...: of nvme io-passthru, for namespace 1
io()
{
	limit 30 nvme io-passthru "$DISK" -n 1 "$@"
}

# status WHAT COMMAND...: the controller refuses it
status()
{
	local error

	error=$(expect_failure "$@")
	[[ $error == *"NVMe status"* ]] || fail "$1: expected a status of NVMe, got: $error"
}

admin_commands()
{
	local length lengths=(1 5 511 4096 8192 100000)

	[ "$PORT_TR" != mptcp ] || lengths+=(8193 16384)
	connected
	admin -O 0x06 --cdw10=1 -l 4096 -r -b >"$TMP/passthru" || fail "Identify"
	nvme id-ctrl "/dev/$CTRL" -o binary >"$TMP/identify"
	cmp "$TMP/passthru" "$TMP/identify" || fail "Identify is not what id-ctrl says"
	admin -O 0x0a --cdw10=7 >/dev/null || fail "Get Features, which has no data"
	admin -O 0x18 >/dev/null || fail "Keep Alive"
	# No controller knows them; the lowest two bits are the direction. Up to
	# 8192 bytes are in the capsule.
	head -c 100000 /dev/urandom >"$TMP/data"
	for length in "${lengths[@]}"; do
		status "$length bytes to the controller" \
			admin -O 0xc1 -l "$length" -w -i "$TMP/data"
		status "$length bytes from it" admin -O 0xc2 -l "$length" -r
	done
	status "no data" admin -O 0xc0
	left_in_peace
}

io_commands()
{
	local blocks

	connected
	for blocks in 1 3 32 33 257; do
		head -c $((blocks * 512)) /dev/urandom >"$TMP/data"
		io -O 1 -w -l $((blocks * 512)) -i "$TMP/data" --cdw10=99 \
			--cdw12=$((blocks - 1)) >/dev/null || fail "Write of $blocks blocks"
		io -O 2 -r -l $((blocks * 512)) -b --cdw10=99 --cdw12=$((blocks - 1)) \
			>"$TMP/read" || fail "Read of $blocks blocks"
		cmp "$TMP/data" "$TMP/read" || fail "$blocks blocks are not what was written"
	done
	io -O 0 >/dev/null || fail "Flush"
	left_in_peace
}

# The length of the data is not that of the blocks.
wrong_lengths()
{
	local length

	connected
	head -c 262144 /dev/urandom >"$TMP/data"
	for length in 1 4 511 513 1024 16384 16896 262144; do
		status "a block into $length bytes" io -O 2 -r -l "$length"
		status "a block of $length bytes" io -O 1 -w -l "$length" -i "$TMP/data"
	done
	for length in 0 512 65024; do
		status "128 blocks into $length bytes" io -O 2 -r -l "$length" --cdw12=127
		status "128 blocks of $length bytes" \
			io -O 1 -w -l "$length" -i "$TMP/data" --cdw12=127
	done
	# Whether Flush looks at that depends on the device.
	io -O 0 -r -l 512 >/dev/null || :
	status "a range that is cut off" io -O 9 -w -l 8 -i "$TMP/data"
	left_in_peace
}

# runs_out WHAT COMMAND...: which nobody answers, and which gets a second. It is
# not sent again, and the controller comes back.
runs_out()
{
	local start

	in_target iptables -A OUTPUT -p tcp --sport "$PORT" -j DROP
	start=$(now_ms)
	expect_failure "$@" --timeout=1000 --no-retries
	expect_between "ms until $1 failed" 1000 $((9000 * SLOW)) $(($(now_ms) - start))
	log_since_mark | matches 'starting error recovery' || fail "$1 did not run out of its time"
	undo
	await_state "$CTRL" live
	read_some "$DISK"
	log_mark
}

timeouts()
{
	connected reconnect_delay=1,keep_alive_tmo=60
	runs_out "a Read" io -O 2 -r -l 512
	runs_out "a Write of more than a capsule" io -O 1 -w -l 65536 -i /dev/zero --cdw12=127
	runs_out "an Identify" admin -O 6 --cdw10=1 -l 4096 -r
}

undo()
{
	in_target iptables -F
}

# Blocks have no metadata here: whoever brings some is told.
metadata_of_users()
{
	local error

	connected
	head -c 512 /dev/urandom >"$TMP/data"
	error=$(expect_failure "a Write with metadata" \
		io -O 1 -w -l 512 -i "$TMP/data" -m 8 -M "$TMP/data")
	[[ $error == *"nvalid argument"* ]] || fail "expected 'Invalid argument', got: $error"
	error=$(expect_failure "an Identify with metadata" \
		admin -O 6 --cdw10=1 -l 4096 -r -m 8 -M "$TMP/metadata")
	[[ $error == *"nvalid argument"* ]] || fail "expected 'Invalid argument', got: $error"
	left_in_peace
}

# A port that is to protect data end to end is refused, not one that does not.
protection_of_ports()
{
	port 2 "$ADDR" 4421 param_pi_enable=1
	expect_failure "a port with protection information" publish 2 "$NQN" >/dev/null
	log_since_mark | matches -E 'T10-PI is not supported by transport type [34]' ||
		fail "the log does not say why: $(log_since_mark)"
	echo 0 >"$NVMET/ports/2/param_pi_enable"
	publish 2 "$NQN" || fail "the same port without"
	port_remove 2
}

# A namespace whose blocks have metadata has no size, and so no I/O.
metadata_of_namespaces()
{
	local ctrl disk

	nsenter --net="/run/netns/$TARGET_NS" "$SELFTESTS/lib/metadata.py" "$ADDR" 4496 \
		"$PORT" >"$TMP/metadata" 2>&1 &
	wait_for 10 "the proxy listens" grep -q listening "$TMP/metadata"
	ctrl=$(fabrics "traddr=$ADDR,trsvcid=4496,nqn=$NQN,nr_io_queues=1")
	wait_for 10 "the disk of $ctrl" disk_name "$ctrl"
	disk=$(disk_name "$ctrl")
	expect "metadata of a block" 8 "$(nvme id-ns "/dev/$ctrl" -n 1 -o json | jq '.lbafs[0].ms')"
	expect "size of the disk" 0 "$(blockdev --getsize64 "$disk")"
	expect "state" live "$(attr "$ctrl" state)"
	limit 20 detach "$ctrl"
}

# polled_share ENGINE [OPTION...]: of 1000 requests, how many fio has done by
# polling, beside another that does not
polled_share()
{
	run_fio --rw=randread --bs=4k --iodepth=4 --size=64m --time_based --runtime=$((4 * SLOW)) \
		--output-format=json --output="$TMP/fio.json" \
		--name=polled --ioengine="$1" --hipri=1 "${@:2}" \
		--name=plain --ioengine=libaio --direct=1 --filename="$DISK" >/dev/null
	jq '[.jobs[].read.total_ios] | 1000 * .[0] / add | floor' "$TMP/fio.json"
}

# Neither those who poll nor those who do not have to wait for the others.
polled_beside_plain()
{
	local share

	[ "$HOST_TR" = mptcp ] || skip "the kernel's block layer gives nvme-tcp a null pointer"
	connected nr_io_queues=1,nr_poll_queues=1
	share=$(polled_share io_uring_cmd --cmd_type=nvme --filename="$CHAR")
	note "of 1000 requests, passthrough with polling: $share"
	expect_between "its share" 50 950 "$share"
	share=$(polled_share io_uring --direct=1 --filename="$DISK")
	note "of 1000 requests, block I/O with polling: $share"
	expect_between "its share" 50 950 "$share"
	left_in_peace
}

setup
t "io_uring, 512 bytes to 64 KiB" uring --bsrange=512-64k --iodepth=32 --io_size=4m
t "io_uring, one vector" uring --nonvectored=1 --bs=12k --iodepth=16 --io_size=2m
t "io_uring, registered buffers" uring --fixedbufs=1 --registerfiles=1 --bs=16k --iodepth=16 \
	--io_size=2m
t "io_uring with polling beside plain I/O" polled_beside_plain
t "admin commands, data in, out and none" admin_commands
t "I/O commands, data in, out and none" io_commands
t "wrong lengths" wrong_lengths
t "a command runs out of its time" timeouts
t "metadata of users is refused" metadata_of_users
t "protection information of ports is refused" protection_of_ports
t "a namespace with metadata" metadata_of_namespaces
finish
