#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The discovery service: what the log page says of ports and subsystems.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

trtype=4
[ "$PORT_TR" = mptcp ] || trtype=3

# discover ADDRESS SVCID [OPTION...]: the log page as JSON
discover()
{
	rm -f "$TMP/log"
	in_host nvme discover -t "$HOST_TR" -a "$1" -s "$2" --hostnqn "$HOSTNQN" \
		--hostid "$HOSTID" --raw "$TMP/log" "${@:3}" >&2 || return
	"$SELFTESTS/lib/discovery_log.py" "$TMP/log"
}

# entry_of LOG NQN FIELD: of the one entry of that subsystem
entry_of()
{
	jq -r --arg nqn "$2" --arg field "$3" '.entries[] | select(.subnqn == $nqn)[$field]' <<<"$1"
}

# subsystems LOG: those that serve namespaces (subtype 2)
subsystems()
{
	jq -r '.entries[] | select(.subtype == 2).subnqn' <<<"$1" | sort | xargs
}

fields()
{
	local log

	log=$(discover "$ADDR" "$PORT")
	expect "record format" 0 "$(jq .recfmt <<<"$log")"
	expect "transport type" "$trtype" "$(entry_of "$log" "$NQN" trtype)"
	expect "address family" 1 "$(entry_of "$log" "$NQN" adrfam)"
	expect "subsystem type" 2 "$(entry_of "$log" "$NQN" subtype)"
	expect "address" "$ADDR" "$(entry_of "$log" "$NQN" traddr)"
	expect "service" "$PORT" "$(entry_of "$log" "$NQN" trsvcid)"
	expect "port" 1 "$(entry_of "$log" "$NQN" portid)"
	expect "security" 0 "$(entry_of "$log" "$NQN" sectype)"
	# The service describes itself, too.
	expect "type of the discovery subsystem" 3 "$(entry_of "$log" "$DISCOVERY_NQN" subtype)"
	expect "transport type of the discovery subsystem" "$trtype" \
		"$(entry_of "$log" "$DISCOVERY_NQN" trtype)"
	expect "controllers left behind" "" "$(controllers)"
}

# A wildcard says nothing to a host: the answer is the address that it asked.
wildcard()
{
	local address log

	port 2 0.0.0.0 4421
	publish 2 "$NQN"
	for address in 10.1.1.2 10.1.3.2; do
		log=$(discover "$address" 4421)
		expect "address of a wildcard port asked at $address" "$address" \
			"$(entry_of "$log" "$NQN" traddr)"
		expect "its service" 4421 "$(entry_of "$log" "$NQN" trsvcid)"
	done
	port_remove 2
}

several_subsystems()
{
	local log nqn

	for nqn in "$NQN.b" "$NQN.c"; do
		subsystem "$nqn"
		publish 1 "$nqn"
	done
	log=$(discover "$ADDR" "$PORT")
	expect "subsystems" "$NQN $NQN.b $NQN.c" "$(subsystems "$log")"
	echo 0 >"$NVMET/subsystems/$NQN.b/attr_allow_any_host"
	log=$(discover "$ADDR" "$PORT")
	expect "subsystems, one of which does not allow this host" "$NQN $NQN.c" \
		"$(subsystems "$log")"
	withdraw 1 "$NQN.c"
	log=$(discover "$ADDR" "$PORT")
	expect "subsystems, one of which was withdrawn" "$NQN" "$(subsystems "$log")"
	withdraw 1 "$NQN.b"
	subsystem_remove "$NQN.b"
	subsystem_remove "$NQN.c"
}

# Each port tells of its own subsystems.
several_ports()
{
	local log

	subsystem "$NQN.b"
	port 2 10.1.2.2 4420
	publish 2 "$NQN.b"
	port 3 10.1.2.2 4421
	publish 3 "$NQN.b"
	publish 3 "$NQN"
	log=$(discover 10.1.2.2 4420)
	expect "subsystems of port 2" "$NQN.b" "$(subsystems "$log")"
	expect "id of port 2" 2 "$(entry_of "$log" "$NQN.b" portid)"
	log=$(discover 10.1.2.2 4421)
	expect "subsystems of port 3" "$NQN $NQN.b" "$(subsystems "$log")"
	log=$(discover "$ADDR" "$PORT")
	expect "subsystems of port 1" "$NQN" "$(subsystems "$log")"
	port_remove 2
	port_remove 3
	subsystem_remove "$NQN.b"
}

referral()
{
	local dir=$NVMET/ports/1/referrals/other log field

	mkdir "$dir"
	for field in "trtype $PORT_TR" "adrfam ipv4" "traddr 10.1.4.2" "trsvcid 8009" "portid 7"; do
		echo "${field#* }" >"$dir/addr_${field% *}" || fail "cannot set addr_$field"
	done
	echo 1 >"$dir/enable"
	log=$(discover "$ADDR" "$PORT" | jq -c '.entries[] | select(.portid == 7)')
	expect "the referral" "[$trtype,1,1,\"10.1.4.2\",\"8009\"]" \
		"$(jq -c '[.trtype, .adrfam, .subtype, .traddr, .trsvcid]' <<<"$log")"
	rmdir "$dir"
	expect "referrals left" 0 \
		"$(discover "$ADDR" "$PORT" | jq '[.entries[] | select(.portid == 7)] | length')"
}

persistent()
{
	local ctrl

	discover "$ADDR" "$PORT" --persistent >/dev/null
	ctrl=$(controllers)
	[ -n "$ctrl" ] || fail "no controller is left by nvme discover --persistent"
	expect "its kind" discovery "$(attr "$ctrl" cntrltype)"
	expect "its state" live "$(attr "$ctrl" state)"
	limit 20 nvme discover -d "$ctrl" | matches "$NQN" ||
		fail "$NQN is not in the log read through $ctrl"
	detach "$ctrl"
	expect "controllers left behind" "" "$(controllers)"
}

# events_begin: udev's, in $TMP/events from now on
events_begin()
{
	udevadm monitor --kernel --property >"$TMP/events" 2>&1 &
	MONITOR=$!
	wait_for 10 "udevadm monitor listens" grep -q 'KERNEL - ' "$TMP/events"
}

# log_changed COMMAND...: the command changes the log, and the host is told. It
# reads the log, too: until then it is not told of any other change.
log_changed()
{
	events_begin
	"$@" || fail "$*"
	wait_for 10 "the event of a changed discovery log: $*" \
		grep -q 'NVME_AEN=0x70f002' "$TMP/events"
	grep -q "NVME_TRTYPE=$HOST_TR" "$TMP/events" ||
		fail "no NVME_TRTYPE=$HOST_TR in: $(cat "$TMP/events")"
	kill_tree "$MONITOR"
	limit 20 nvme discover -d "$(controllers)" >/dev/null
}

# A change of the log reaches the host as an asynchronous event, and udev.
change_event()
{
	local dir=$NVMET/ports/1/referrals/other

	discover "$ADDR" "$PORT" --persistent >/dev/null
	subsystem "$NQN.new"
	log_changed publish 1 "$NQN.new"
	log_changed withdraw 1 "$NQN.new"
	mkdir "$dir"
	echo "$PORT_TR" >"$dir/addr_trtype"
	log_changed eval "echo 1 >'$dir/enable'"
	log_changed rmdir "$dir"
	subsystem_remove "$NQN.new"
}

# The service is away for a while, and the log is another one when it returns.
# The host is told that it is connected again, and of what changes later.
restart()
{
	local ctrl

	discover "$ADDR" "$PORT" --persistent --reconnect-delay=1 --ctrl-loss-tmo=120 >/dev/null
	ctrl=$(controllers)
	port_remove 1
	await_state "$ctrl" connecting
	limit 30 rmmod "nvmet_$PORT_TR" || fail "rmmod nvmet_$PORT_TR after the port was removed"
	modprobe "nvmet-$PORT_TR"
	subsystem "$NQN.new"
	port 1 "$ADDR" "$PORT"
	events_begin
	publish 1 "$NQN.new"
	await_state "$ctrl" live 30
	wait_for 10 "the event that says to read the log again" \
		grep -q 'NVME_EVENT=rediscover' "$TMP/events"
	kill_tree "$MONITOR"
	limit 20 nvme discover -d "$ctrl" | matches "$NQN.new" ||
		fail "$NQN.new is not in the log read through $ctrl"
	log_changed publish 1 "$NQN"
	limit 20 nvme discover -d "$ctrl" | matches "$NQN\$" ||
		fail "$NQN is not in the log read through $ctrl"
	withdraw 1 "$NQN.new"
	subsystem_remove "$NQN.new"
}

unknown_subsystem()
{
	expect_failure "connecting to a subsystem that does not exist" attach_to "$NQN.none" \
		-a "$ADDR" -s "$PORT"
	expect "controllers left behind" "" "$(controllers)"
}

setup
t "fields of the log page" fields
t "a wildcard port answers with the address asked" wildcard
t "several subsystems, allowed hosts" several_subsystems
t "several ports" several_ports
t "referral" referral
t "persistent discovery controller" persistent
t "events when the log changes" change_event
t "events after a restart of the target" restart
t "unknown subsystem is refused" unknown_subsystem
finish
