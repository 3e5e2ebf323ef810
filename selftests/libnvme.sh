#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# nvme-cli with a library that knows the transport (patches/libnvme) is used as
# it is for TCP.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

DHCHAP_SECRET=DHHC-1:00:ia6zGodOr4SEG0Zzaw398rpY0wqipUWj4jWjUh4HWUz6aQ2n:

# nvme_cli ARG...: on a machine with $ETC for /etc/nvme, and names for addresses
nvme_cli()
{
	# shellcheck disable=SC2016 # for the inner shell
	STRACE=${STRACE:-} in_host unshare --mount bash -c 'mount --bind "$1" /etc/hosts &&
		mount --bind "$2" /etc/nvme && exec $STRACE nvme "${@:3}"' \
		- "$TMP/hosts" "$ETC" "$@"
}

# etc: the files that nvme-cli reads are fresh, with the names of the host
etc()
{
	ETC=$TMP/etc
	rm -rf "$ETC"
	mkdir "$ETC"
	echo "$HOSTNQN" >"$ETC/hostnqn"
	echo "$HOSTID" >"$ETC/hostid"
	printf '%s\n' "$ADDR storage.test" "10.1.2.1 second.test" >"$TMP/hosts"
}

undo()
{
	etc
}

# connect OPTION...: prints the controller
connect()
{
	nvme_cli connect -t "$HOST_TR" -o json "$@" | jq -r .device
}

# connected: the subsystems that serve namespaces, in order
connected()
{
	local ctrl

	for ctrl in $(controllers); do
		attr "$ctrl" subsysnqn
	done | sort | xargs
}

# address CONTROLLER FIELD
address()
{
	attr "$1" address | tr , '\n' | sed -n "s/^$2=//p"
}

discovery_log()
{
	local log

	log=$(nvme_cli discover -t "$HOST_TR" -a "$ADDR" -s "$PORT")
	matches -E "^trtype: +$PORT_TR\$" <<<"$log" || fail "no trtype $PORT_TR in: $log"
	expect "records of another transport" "" \
		"$(grep '^trtype:' <<<"$log" | grep -vE " $PORT_TR\$")"
	log=$(nvme_cli discover -t "$HOST_TR" -a "$ADDR" -s "$PORT" -o json)
	expect "transport type in JSON" "$PORT_TR" \
		"$(jq -r --arg nqn "$NQN" '.records[] | select(.subnqn == $nqn).trtype' <<<"$log")"
	expect "controllers left behind" "" "$(controllers)"
}

default_ports()
{
	local ctrl

	ctrl=$(connect -a "$ADDR" -n "$NQN")
	expect "port of a subsystem" 4420 "$(address "$ctrl" trsvcid)"
	detach "$ctrl"
	nvme_cli discover -t "$HOST_TR" -a "$ADDR" --persistent >/dev/null
	expect "port of the discovery service" 8009 "$(address "$(controllers)" trsvcid)"
	# It is found again without a port, and with it.
	nvme_cli discover -t "$HOST_TR" -a "$ADDR" | matches "$NQN" ||
		fail "the log does not name $NQN"
	nvme_cli discover -t "$HOST_TR" -a "$ADDR" -s 8009 >/dev/null
	expect "discovery controllers" 1 "$(controllers | wc -l)"
}

host_names()
{
	local ctrl

	ctrl=$(connect -a storage.test -n "$NQN")
	expect "address" "$ADDR" "$(address "$ctrl" traddr)"
	disk "$ctrl" >/dev/null
	detach "$ctrl"
	ctrl=$(connect -a storage.test -w second.test -n "$NQN")
	expect "address of the host" 10.1.2.1 "$(address "$ctrl" host_traddr)"
	nvme_cli discover -t "$HOST_TR" -a storage.test | matches "$NQN" ||
		fail "the log does not name $NQN"
	expect_failure "a name that there is not" nvme_cli connect -t "$HOST_TR" -a none.test \
		-n "$NQN" | matches "failed to resolve" || fail "the reason is not told"
}

# The flags of a C2HData PDU tell which digests are in use.
digests()
{
	local ctrl disk

	ctrl=$(connect -a "$ADDR" -n "$NQN" --hdr-digest --data-digest)
	disk=$(disk "$ctrl")
	capture "$TMP/pcap" read_some "$disk"
	captured "$TMP/pcap" "C2HData with both digests" '\x07\x07\x18\x1c'
}

# options_of ARG...: what nvme-cli writes to the kernel, one line for each controller
options_of()
{
	STRACE="strace -f -e trace=write -s 4096 -o $TMP/strace" nvme_cli "$@" >&2 || :
	grep -o 'write([0-9]*, "nqn=[^"]*' "$TMP/strace" || fail "nothing is asked of the kernel"
}

# The transport gets to know that security is wanted, whatever becomes of it.
security()
{
	options_of connect -t "$HOST_TR" -a "$ADDR" -n "$NQN" --concat \
		--dhchap-secret="$DHCHAP_SECRET" | matches ',concat' || fail "--concat is dropped"
	host_clear
	options_of connect -t "$HOST_TR" -a "$ADDR" -n "$NQN" --tls | matches ',tls' ||
		fail "--tls is dropped"
}

# security_of DISCOVERY_CONTROLLER: what its log says of $NQN: TREQ without the bit
# that is about flow control, and SECTYPE
security_of()
{
	nvme_cli discover -d "$1" -t "$HOST_TR" -a "$ADDR" -s 4421 --raw "$TMP/log" >&2
	"$SELFTESTS/lib/discovery_log.py" "$TMP/log" | jq -c --arg nqn "$NQN" \
		'.entries[] | select(.subnqn == $nqn) | [.treq % 4, .sectype]'
}

# What a record demands is done, though nobody has asked for it. So does udev,
# when a discovery controller says that its log has changed.
follow_tls()
{
	local discovery ctrl asked

	nvme_cli discover -t "$HOST_TR" -a "$ADDR" -s 4421 --tls --persistent >/dev/null
	discovery=$(controllers)
	expect "security: required, TLS 1.3" "[1,2]" "$(security_of "$discovery")"
	asked=$(options_of connect-all -d "$discovery" -t "$HOST_TR" -a "$ADDR" -s 4421)
	matches -E "nqn=$NQN,.*,tls(,|$)" <<<"$asked" || fail "TLS is not asked for: $asked"
	ctrl=$(controllers | grep -vx "$discovery") || fail "nothing is connected"
	is_encrypted "$discovery" "$ctrl"
	read_some "$(disk "$ctrl")"
}

# A record that leaves it to the host, which has a secret, is followed by
# authentication that makes the key.
follow_concat()
{
	local ctrl asked

	only_host
	echo "$DHCHAP_SECRET" >"$PEER_DIR/dhchap_key"
	echo ffdhe2048 >"$PEER_DIR/dhchap_dhgroup"
	asked=$(options_of connect-all -t "$HOST_TR" -a "$ADDR" -s 4422 \
		--dhchap-secret="$DHCHAP_SECRET")
	matches -E "nqn=$NQN,.*,concat(,|$)" <<<"$asked" ||
		fail "concatenation is not asked for: $asked"
	ctrl=$(controllers) && [ -n "$ctrl" ] || fail "nothing is connected"
	is_encrypted "$ctrl"
	expect "tls_mode" concat "$(attr "$ctrl" tls_mode)"
	read_some "$(disk "$ctrl")"
}

# Both subsystems, and no second controller if it is done again.
connect_all()
{
	nvme_cli connect-all -t "$HOST_TR" -a "$ADDR" -s "$PORT"
	expect "subsystems" "$NQN $NQN.b" "$(connected)"
	nvme_cli connect-all -t "$HOST_TR" -a storage.test -s "$PORT"
	expect "subsystems after another time" "$NQN $NQN.b" "$(connected)"
	disk "$(controllers | head -n 1)" >/dev/null
	nvme_cli disconnect -n "$NQN.b"
	expect "subsystems after disconnect" "$NQN" "$(connected)"
	nvme_cli disconnect-all
	expect "subsystems after disconnect-all" "" "$(connected)"
}

discovery_conf()
{
	echo "--transport=$HOST_TR --traddr=storage.test" >"$ETC/discovery.conf"
	nvme_cli connect-all
	expect "subsystems" "$NQN $NQN.b" "$(connected)"
}

# What config.json says of a controller holds if connect-all finds it.
config_json()
{
	local asked

	jq -n --arg nqn "$NQN" --arg trtype "$HOST_TR" --arg addr "$ADDR" --arg port "$PORT" \
		--arg hostnqn "$HOSTNQN" --arg hostid "$HOSTID" '[{
			hostnqn: $hostnqn, hostid: $hostid,
			subsystems: [{ nqn: $nqn, ports: [{ transport: $trtype, traddr: $addr,
				trsvcid: $port, hdr_digest: true, data_digest: true }]}]}]' \
		>"$ETC/config.json"
	asked=$(options_of connect-all -t "$HOST_TR" -a "$ADDR" -s "$PORT")
	expect "subsystems" "$NQN $NQN.b" "$(connected)"
	matches -E "nqn=$NQN,.*,hdr_digest,data_digest" <<<"$asked" ||
		fail "the digests of config.json are not asked for: $asked"
	! matches -E "nqn=$NQN.b,.*_digest" <<<"$asked" ||
		fail "digests are asked for that config.json does not name: $asked"
}

# already ARG...: connect finds that there is such a controller
already()
{
	local said

	said=$(expect_failure "connect $*" nvme_cli connect -t "$HOST_TR" -n "$NQN" "$@")
	[[ $said == *"already connected"* ]] ||
		fail "connect $*: expected 'already connected', got: $said"
}

# By addresses, not by strings: what the kernel has chosen by itself counts.
match()
{
	local ctrl

	ctrl=$(connect -a "$ADDR" -s "$PORT" -n "$NQN")
	already -a "$ADDR"
	already -a "$ADDR" -s "$PORT"
	already -a "::ffff:$ADDR" -s "$PORT"
	already -a "$ADDR" -w 10.1.1.1
	already -a "$ADDR" -w 10.1.1.1 -f h1
	expect "controllers" "$ctrl" "$(controllers)"
	connect -a "$ADDR" -w 10.1.2.1 -n "$NQN" >/dev/null
	expect "controllers, one from another address" 2 "$(controllers | wc -l)"
}

target_extra()
{
	subsystem "$NQN.b" && publish 1 "$NQN.b" && port 2 0.0.0.0 8009 && publish 2 "$NQN" &&
		publish 2 "$NQN.b" && port 3 "$ADDR" 4421 addr_tsas=tls1.3 && publish 3 "$NQN" &&
		port 4 "$ADDR" 4422 addr_tsas=tls1.3 addr_treq="not required" && publish 4 "$NQN"
}

cli_knows || [ -n "${LD_LIBRARY_PATH:-}" ] ||
	skip "the libnvme of this machine does not know $HOST_TR: patches/libnvme"
setup
etc
t "the library knows the transport" cli_knows
t "discovery log" discovery_log
t "default ports" default_ports
t "host names" host_names
t "digests" digests
t "TLS and concatenation are asked for" security
t "connect-all, disconnect" connect_all
t "connect-all with discovery.conf" discovery_conf
t "connect-all with config.json" config_json
t "a controller that is there is recognised" match
tlshd_up
t "a record that requires TLS is followed" follow_tls
t "a record that leaves TLS to the host is followed" follow_concat
finish
