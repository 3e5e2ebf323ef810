#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Every option of connect, seen by what it does; and refusals of what is wrong.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

# queues CONTROLLER: the kinds of its hardware queues, as "default 2 read 1"
queues()
{
	cat /sys/kernel/debug/block/nvme*c"${1#nvme}"n1/hctx*/type | sort | uniq -c |
		awk '{ print $2, $1 }' | xargs
}

usable()
{
	local disk

	disk=$(disk "$1")
	read_some "$disk"
}

defaults()
{
	local ctrl

	ctrl=$(attach)
	usable "$ctrl"
	expect "transport" "$HOST_TR" "$(attr "$ctrl" transport)"
	expect "state" live "$(attr "$ctrl" state)"
	expect "queues: one per CPU, and admin" $(($(nproc) + 1)) "$(attr "$ctrl" queue_count)"
	attr "$ctrl" address | matches "traddr=$ADDR,trsvcid=$PORT" ||
		fail "expected address traddr=$ADDR,trsvcid=$PORT, got $(attr "$ctrl" address)"
	detach "$ctrl"
	expect "controllers left behind" "" "$(controllers)"
	wait_for 10 "no connection is left" connections 0
}

nr_io_queues()
{
	local ctrl

	ctrl=$(attach --nr-io-queues=1)
	usable "$ctrl"
	expect "queues" 2 "$(attr "$ctrl" queue_count)"
	expect "hardware queues" "default 1" "$(queues "$ctrl")"
}

# More queues than CPUs have nobody to serve.
many_queues()
{
	local ctrl

	ctrl=$(attach --nr-io-queues=64 --queue-size=1024)
	usable "$ctrl"
	expect "queues" $(($(nproc) + 1)) "$(attr "$ctrl" queue_count)"
	fio_verify "$(disk "$ctrl")" --bs=4k --iodepth=512 --size=16m --io_size=4m
}

# mem_available: in MiB
mem_available()
{
	awk '/^MemAvailable:/ { print int($2 / 1024) }' /proc/meminfo
}

# What nobody can use is not allocated.
too_many_queues()
{
	local ctrl before

	before=$(mem_available)
	ctrl=$(attach_raw nr_io_queues=1,nr_write_queues=65535,nr_poll_queues=65535)
	expect_between "MiB that the controller takes" -1000 200 $((before - $(mem_available)))
	usable "$ctrl"
	expect "queues" $((2 + 2 * $(nproc))) "$(attr "$ctrl" queue_count)"
}

# At a reconnect the target may grant fewer queues, and none of some kinds.
fewer_queues()
{
	local ctrl max=$NVMET/subsystems/$NQN/attr_qid_max before

	before=$(cat "$max")
	ctrl=$(attach_raw nr_io_queues=1,nr_write_queues=1,nr_poll_queues=1,reconnect_delay=1)
	usable "$ctrl"
	expect "queues" 4 "$(attr "$ctrl" queue_count)"
	echo 1 >"$max"
	wait_for 20 "the controller has one I/O queue" has_queues "$ctrl" 2
	await_state "$ctrl" live
	fio_verify "$(disk "$ctrl")" --bs=4k --iodepth=8 --size=16m --io_size=1m
	echo "$before" >"$max"
	wait_for 20 "the controller has three I/O queues" has_queues "$ctrl" 4
	await_state "$ctrl" live
	usable "$ctrl"
}

# has_queues CONTROLLER COUNT
has_queues()
{
	[ "$(attr "$1" queue_count)" = "$2" ]
}

# Log parsers know how nvme-tcp says it.
messages()
{
	local ctrl

	ctrl=$(attach)
	log_since_mark | matches \
		-F "nvme $ctrl: new ctrl: NQN \"$NQN\", addr $ADDR:$PORT, hostnqn: $HOSTNQN" ||
		fail "the new controller is announced otherwise: $(log_since_mark)"
	log_mark
	expect_failure "connecting to a port that nobody listens on" \
		fabrics "traddr=$ADDR,trsvcid=4499,nqn=$NQN" >/dev/null
	log_since_mark | matches -F "failed to connect socket: -111" ||
		fail "the failure is announced otherwise: $(log_since_mark)"
	log_mark
	expect_failure "connecting to no subsystem" fabrics \
		"traddr=$ADDR,trsvcid=$PORT,nqn=$NQN.none" >/dev/null
	log_since_mark | matches -E "failed to connect queue: 0 ret=[1-9]" ||
		fail "the failure of Connect is announced otherwise: $(log_since_mark)"
}

queue_kinds()
{
	local ctrl

	ctrl=$(attach --nr-io-queues=1 --nr-write-queues=1 --nr-poll-queues=1)
	usable "$ctrl"
	expect "queues" 4 "$(attr "$ctrl" queue_count)"
	expect "hardware queues" "default 1 poll 1 read 1" "$(queues "$ctrl")"
	fio_verify "$(disk "$ctrl")" --bs=4k --iodepth=8 --size=16m --io_size=1m
}

polled_io()
{
	[ "$HOST_TR" = mptcp ] ||
		skip "the C driver sleeps in its poll function, which runs under rcu_read_lock()"
	run_fio --name=polled --filename="$(disk "$(attach --nr-poll-queues=1)")" --direct=1 \
		--ioengine=io_uring \
		--hipri=1 --rw=randrw --bs=4k --iodepth=4 --size=16m --io_size=1m >/dev/null
}

queue_size()
{
	local ctrl disk

	ctrl=$(attach --queue-size=17)
	disk=$(disk "$ctrl")
	expect "sqsize" 16 "$(attr "$ctrl" sqsize)"
	fio_verify "$disk" --bs=8k --iodepth=64 --size=16m --io_size=2m
}

# digest OPTION WHAT PATTERN: the flags and the data offset of a C2HData PDU
# that answers a read tell which digests are in use.
digest()
{
	local ctrl disk

	ctrl=$(attach_raw "$1")
	disk=$(disk "$ctrl")
	capture "$TMP/pcap" read_some "$disk"
	captured "$TMP/pcap" "C2HData with $2" "$3"
	fio_verify "$disk" --bs=12k --iodepth=8 --size=16m --io_size=1m
}

# A C2HData that carries the success (flag 0x08) needs no response capsule.
# The controller may do that only if the host does not need SQ heads.
disable_sqflow()
{
	local ctrl disk

	ctrl=$(attach --disable-sqflow)
	disk=$(disk "$ctrl")
	capture "$TMP/pcap" read_some "$disk"
	captured "$TMP/pcap" "C2HData with LAST and SUCCESS" '\x07\x0c\x18\x18'
	detach "$ctrl"
	ctrl=$(attach)
	disk=$(disk "$ctrl")
	capture "$TMP/pcap" read_some "$disk"
	captured "$TMP/pcap" "C2HData with LAST, without SUCCESS" '\x07\x04\x18\x18'
}

# timers: options that sysfs shows
timers()
{
	local ctrl

	ctrl=$(attach --keep-alive-tmo=7 --reconnect-delay=3 --ctrl-loss-tmo=33 \
		--fast_io_fail_tmo=9)
	expect "keep-alive" 7 "$(attr "$ctrl" kato)"
	expect "reconnect delay" 3 "$(attr "$ctrl" reconnect_delay)"
	expect "controller loss timeout" 33 "$(attr "$ctrl" ctrl_loss_tmo)"
	expect "fast I/O fail timeout" 9 "$(attr "$ctrl" fast_io_fail_tmo)"
	detach "$ctrl"
	ctrl=$(attach --ctrl-loss-tmo=-1)
	expect "controller loss timeout" off "$(attr "$ctrl" ctrl_loss_tmo)"
}

duplicate()
{
	local first second error

	first=$(attach_raw)
	error=$(expect_failure "a second connect" attach_raw)
	[[ $error == *"already in progress"* ]] || fail "expected EALREADY, got: $error"
	second=$(attach_raw duplicate_connect)
	expect "controllers" "$first $second" "$(controllers | xargs)"
	detach "$second"
	second=$(attach_raw host_traddr=10.1.2.1)
	expect "controllers, the second from another address" "$first $second" \
		"$(controllers | xargs)"
}

# Without trsvcid: 8009 for discovery and 4420 otherwise (the C driver takes
# 8009 for both).
default_service()
{
	local ctrl service=4420

	[ "$HOST_TR" = mptcp ] || service=8009
	ctrl=$(fabrics "traddr=$ADDR,nqn=$NQN")
	attr "$ctrl" address | matches "trsvcid=$service" ||
		fail "expected trsvcid=$service, got $(attr "$ctrl" address)"
	detach "$ctrl"
	ctrl=$(fabrics "traddr=$ADDR,nqn=$DISCOVERY_NQN,discovery")
	attr "$ctrl" address | matches "trsvcid=8009" ||
		fail "expected trsvcid=8009, got $(attr "$ctrl" address)"
}

# refused WHAT OPTIONS [ERROR]
refused()
{
	local error

	error=$(expect_failure "$1" fabrics "$2")
	expect "controllers after $1" "" "$(controllers)"
	[[ $error == *"${3:-}"* ]] || fail "$1: expected '$3', got: $error"
}

wrong_options()
{
	refused "an address that is none" "traddr=10.1.1.256,trsvcid=$PORT,nqn=$NQN"
	refused "a name for an address" "traddr=target,trsvcid=$PORT,nqn=$NQN"
	refused "no address" "trsvcid=$PORT,nqn=$NQN" "Invalid argument"
	refused "a service that is none" "traddr=$ADDR,trsvcid=nvme,nqn=$NQN"
	refused "a service too high" "traddr=$ADDR,trsvcid=70000,nqn=$NQN"
	refused "a host address that is none" "traddr=$ADDR,trsvcid=$PORT,host_traddr=x,nqn=$NQN"
	refused "a host address that is not ours" \
		"traddr=$ADDR,trsvcid=$PORT,host_traddr=10.9.9.9,nqn=$NQN" \
		"annot assign requested address"
	refused "an interface that is none" "traddr=$ADDR,trsvcid=$PORT,host_iface=eth77,nqn=$NQN" \
		"No such device"
	refused "a queue size of 2" "traddr=$ADDR,trsvcid=$PORT,queue_size=2,nqn=$NQN" \
		"Invalid argument"
	refused "an option that is none" "traddr=$ADDR,trsvcid=$PORT,colour=red,nqn=$NQN" \
		"Invalid argument"
}

wrong_peers()
{
	refused "a port that nobody listens on" "traddr=$ADDR,trsvcid=4499,nqn=$NQN" \
		"onnection refused"
	refused "a subsystem that is not there" "traddr=$ADDR,trsvcid=$PORT,nqn=$NQN.none"
	refused "an address without a machine" "traddr=10.1.1.77,trsvcid=$PORT,nqn=$NQN"
	refused "an address without a route" "traddr=192.0.2.1,trsvcid=$PORT,nqn=$NQN" \
		"etwork is unreachable"
}

# Accepts connections and never answers: the host gives up, and says so.
silent_peer()
{
	in_target socat -u TCP-LISTEN:4498,fork,reuseaddr - >/dev/null 2>&1 &
	wait_for 10 "socat listens" listening 4498
	refused "a peer that does not answer" "traddr=$ADDR,trsvcid=4498,nqn=$NQN"
}

tls_refused()
{
	local option

	for option in tls keyring=1 tls_key=1 concat; do
		log_mark
		expect_failure "option $option" attach_raw "$option" >/dev/null
		expect "controllers after $option" "" "$(controllers)"
		log_since_mark | matches -iE 'psk|keyring|key id|concat|dh-?chap' ||
			fail "option $option: the kernel's log does not say why: $(log_since_mark)"
	done
}

target_extra()
{
	port 2 0.0.0.0 8009 && publish 2 "$NQN"
}

setup
t "defaults" defaults
t "nr_io_queues" nr_io_queues
t "64 queues of 1024 entries" many_queues
t "nr_write_queues and nr_poll_queues" queue_kinds
[ "$HOST_TR" != mptcp ] || t "65535 queues of a kind" too_many_queues
[ "$HOST_TR" != mptcp ] || t "fewer queues at a reconnect" fewer_queues
t "messages" messages
t "queue_size" queue_size
t "no digest" digest "" "no digest" '\x07\x04\x18\x18'
t "hdr_digest" digest hdr_digest "header digest" '\x07\x05\x18\x1c'
t "data_digest" digest data_digest "data digest" '\x07\x06\x18\x18'
t "hdr_digest and data_digest" digest hdr_digest,data_digest "both digests" '\x07\x07\x18\x1c'
t "disable_sqflow" disable_sqflow
t "timers" timers
t "duplicate_connect" duplicate
t "default trsvcid" default_service
t "wrong options are refused" wrong_options
t "wrong peers are refused" wrong_peers
t "a silent peer does not hang connect" silent_peer
[ "$HOST_TR" != mptcp ] || t "TLS options are refused with a reason" tls_refused
t "polled I/O" polled_io
finish
