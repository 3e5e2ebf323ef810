#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What the administrator of a target sets, as its hosts see it: attributes of
# subsystems, allowed hosts, several ports and subsystems.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

OTHER=$NQN.other

# other [ATTRIBUTE=VALUE...]: a second subsystem on port 1, with attributes
other()
{
	local attr

	subsystem "$OTHER" /dev/mem
	for attr in "$@"; do
		echo "${attr#*=}" >"$NVMET/subsystems/$OTHER/attr_${attr%%=*}" ||
			fail "cannot set $attr"
	done
	publish 1 "$OTHER"
}

other_gone()
{
	withdraw 1 "$OTHER"
	subsystem_remove "$OTHER"
}

# attach_other [OPTION...]
attach_other()
{
	attach_to "$OTHER" -a "$ADDR" -s "$PORT" "$@"
}

# says FIELD: of id-ctrl, without blanks at its end
says()
{
	nvme id-ctrl "/dev/$CTRL" -o json | jq -r ".$1" | sed 's/ *$//'
}

identity()
{
	local model='A model whose name takes all 40 letters.'

	other serial=12345678901234567890 "model=$model" firmware=fw-1.234 \
		ieee_oui=0x123456 vendor_id=0x1d1d subsys_vendor_id=0x1e1e version=1.4
	CTRL=$(attach_other)
	expect "serial number" 12345678901234567890 "$(says sn)"
	expect "model" "$model" "$(says mn)"
	expect "firmware" fw-1.234 "$(says fr)"
	expect "IEEE OUI" $((0x123456)) "$(says ieee)"
	expect "vendor" $((0x1d1d)) "$(says vid)"
	expect "vendor of the subsystem" $((0x1e1e)) "$(says ssvid)"
	expect "version" $((0x10400)) "$(says ver)"
	expect "serial number in sysfs" 12345678901234567890 "$(attr "$CTRL" serial)"
	expect "model in sysfs" "$model" "$(attr "$CTRL" model)"
	expect "firmware in sysfs" fw-1.234 "$(attr "$CTRL" firmware_rev)"
	read_some "$(disk "$CTRL")"
	# What a host has been told stays.
	expect_failure "to change the serial number" other_serial >/dev/null
	detach "$CTRL"
	other_gone
}

other_serial()
{
	echo 1 >"$NVMET/subsystems/$OTHER/attr_serial"
}

cntlid()
{
	cat "$SYS/$1/cntlid"
}

# No two hosts get the same number, and no more hosts than there are numbers.
controller_ids()
{
	local first second

	other cntlid_min=700 cntlid_max=701
	first=$(attach_other)
	second=$(attach_other --duplicate-connect)
	expect "controller ids" "700 701" \
		"$(printf '%s\n' "$(cntlid "$first")" "$(cntlid "$second")" | sort | xargs)"
	expect_failure "a third host" attach_other --duplicate-connect >/dev/null
	expect "controllers" 2 "$(controllers | wc -l)"
	limit 30 detach "$first"
	wait_for 20 "its number is free again" attach_other --duplicate-connect
	host_clear
	other_gone
}

queues()
{
	other qid_max=1
	CTRL=$(attach_other)
	expect "queues" 2 "$(attr "$CTRL" queue_count)"
	fio_verify "$(disk "$CTRL")" --bs=4k --iodepth=16 --size=16m --io_size=512k
	detach "$CTRL"
	other_gone
}

# allow any|this|none: hosts, for $NQN
allow()
{
	local dir=$NVMET/subsystems/$NQN any=0

	rm -f "$dir/allowed_hosts"/*
	[ "$1" != any ] || any=1
	echo "$any" >"$dir/attr_allow_any_host"
	[ -d "$NVMET/hosts/$HOSTNQN" ] || mkdir "$NVMET/hosts/$HOSTNQN"
	[ "$1" != this ] || ln -s "$NVMET/hosts/$HOSTNQN" "$dir/allowed_hosts/$HOSTNQN"
}

# refused_host: it connects no more, and is told why
refused_host()
{
	log_mark
	expect_failure "a host that is not allowed" attach_raw duplicate_connect >/dev/null
	log_since_mark | matches -F "connect by host $HOSTNQN for subsystem $NQN not allowed" ||
		fail "the target does not say why: $(log_since_mark)"
}

# goes_at_reset CONTROLLER: who is not allowed any more is out when he returns
goes_at_reset()
{
	nvme reset "/dev/$1" || :
	wait_for 30 "controller $1 goes" no_controllers
}

# Who is connected stays so, and does not come back.
allowed_hosts()
{
	local ctrl disk

	allow any
	ctrl=$(attach --reconnect-delay=1)
	disk=$(disk "$ctrl")
	verify_begin "$disk" --bs=16k --runtime=600
	allow this
	goes_on "$disk" "$LOAD" "when only some hosts are allowed"
	limit 30 nvme reset "/dev/$ctrl" || fail "nvme reset of an allowed host"
	await_state "$ctrl" live
	goes_on "$disk" "$LOAD" "when an allowed host has returned"
	HOST_OPTIONS=hostnqn=$NQN.stranger,hostid=${HOSTID/7c2d/0000} \
		expect_failure "a stranger" attach_raw >/dev/null
	allow none
	goes_on "$disk" "$LOAD" "when the host is not allowed any more"
	refused_host
	expect "state" live "$(attr "$ctrl" state)"
	verify_stop
	goes_at_reset "$ctrl"
	refused_host
	allow this
	read_some "$(disk "$(attach)")"
}

undo()
{
	allow any
	rmdir "$NVMET/hosts/$HOSTNQN"
}

# all_live CONTROLLER...
all_live()
{
	local ctrl

	for ctrl; do
		is_state "$ctrl" live || return
	done
}

# Two ports with two subsystems each, and one goes: nobody else notices.
ports_and_subsystems()
{
	local addr nqn ctrls=() disks=()

	backend more 64 memory_backed=1
	subsystem "$OTHER" /dev/more
	publish 1 "$OTHER"
	port 2 10.1.2.2 4421
	publish 2 "$NQN"
	publish 2 "$OTHER"
	for nqn in "$NQN" "$OTHER"; do
		for addr in "$ADDR $PORT" "10.1.2.2 4421"; do
			ctrls+=("$(attach_to "$nqn" -a "${addr% *}" -s "${addr#* }" \
				--reconnect-delay=1)")
		done
		disks+=("$(disk "${ctrls[-1]}")")
	done
	fio_verify "${disks[0]}" --bs=16k --iodepth=8 --size=16m --io_size=1m
	verify_begin "${disks[1]}" --bs=16k --runtime=600
	port_remove 2
	await_state "${ctrls[1]}" connecting
	await_state "${ctrls[3]}" connecting
	goes_on "${disks[1]}" "$LOAD" "when one of two ports is gone"
	all_live "${ctrls[0]}" "${ctrls[2]}" || fail "controllers of the other port are not live"
	withdraw 1 "$NQN"
	wait_for 20 "its controller sees it" not_live "${ctrls[0]}"
	goes_on "${disks[1]}" "$LOAD" "when the other subsystem is withdrawn"
	all_live "${ctrls[2]}" || fail "the controller of the subsystem that stays is not live"
	publish 1 "$NQN"
	verify_stop
	host_clear
	other_gone
	rmdir "$NULLB/more"
}

setup
t "serial number, model, firmware, vendors, version" identity
t "controller ids" controller_ids
t "number of queues" queues
t "allowed hosts change" allowed_hosts
t "several ports and subsystems" ports_and_subsystems
finish
