#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Encrypted queues: both drivers with TLS 1.3. HOST_TR and PORT_TR as everywhere;
# an end that uses MPTCP has userspace/tlshd preloaded, one that uses TCP has not.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=lib/tlshd.sh
. "$SELFTESTS/lib/tlshd.sh"
# shellcheck source-path=SCRIPTDIR source=lib/nvmetls.sh
. "$SELFTESTS/lib/nvmetls.sh"

works()
{
	local ctrl

	ctrl=$(attach_raw tls)
	is_encrypted "$ctrl"
	read_some "$(disk "$ctrl")"
	expect "tls_mode" tls "$(attr "$ctrl" tls_mode)"
	expect "tls_key" "$(printf '%08x' "$KEY")" "$(attr "$ctrl" tls_key)"
	expect "no keyring was chosen" no "$(has_attr "$ctrl" tls_keyring)"
	expect "no key is generated" no "$(has_attr "$ctrl" tls_configured_key)"
	expect "the key that the target shows" "$(printf '%08x' "$KEY")" "$(target_key)"
}

plain()
{
	local ctrl

	ctrl=$(ON=4422 attach_at)
	read_some "$(disk "$ctrl")"
	expect "encrypted connections" 0 "$(tls_sockets host)"
	for name in tls_key tls_keyring tls_configured_key tls_mode; do
		expect "$name" no "$(has_attr "$ctrl" "$name")"
	done
}

integrity()
{
	fio_mix "$(disk "$(attach_raw "$1")")"
}

# Ports that leave it to the host: the first bytes decide.
both_kinds()
{
	local ctrl

	ctrl=$(ON=4421 attach_at tls)
	is_encrypted "$ctrl"
	read_some "$(disk "$ctrl")"
	detach "$ctrl"
	wait_for 20 "no connection is encrypted" nobody_encrypted
	ctrl=$(ON=4421 attach_at)
	expect "encrypted connections" 0 "$(tls_sockets host)"
	read_some "$(disk "$ctrl")"
}

chosen_key()
{
	local ctrl

	ctrl=$(attach_raw "tls,tls_key=$KEY,keyring=$(nvme_keyring)")
	is_encrypted "$ctrl"
	expect "tls_key" "$(printf '%08x' "$KEY")" "$(attr "$ctrl" tls_key)"
	expect "tls_keyring" .nvme "$(attr "$ctrl" tls_keyring)"
}

# Without "tls" they say nothing.
unused_key()
{
	local ctrl

	ctrl=$(ON=4422 attach_at "tls_key=$KEY,keyring=$(nvme_keyring)")
	expect "encrypted connections" 0 "$(tls_sockets host)"
	read_some "$(disk "$ctrl")"
}

# each_kind: what nvme-cli can make; tlshd takes the cipher from it
each_kind()
{
	local hmac version key ctrl

	for hmac in 1 2; do
		for version in 0 1; do
			key=$(nvme_key $hmac $version)
			ctrl=$(attach_raw "tls,tls_key=$key") || fail "hash $hmac, version $version"
			is_encrypted "$ctrl"
			expect "tls_key" "$(printf '%08x' "$key")" "$(attr "$ctrl" tls_key)"
			fio_verify "$(disk "$ctrl")" --bsrange=512-64k --iodepth=16 --size=64m \
				--io_size=1m
			detach "$ctrl"
			keyctl unlink "$key" "$(nvme_keyring)"
		done
	done
}

port_returns()
{
	local ctrl disk

	ctrl=$(attach_raw tls,reconnect_delay=1,ctrl_loss_tmo=120)
	disk=$(disk "$ctrl")
	port_remove 1
	await_state "$ctrl" connecting
	wait_for 20 "no connection is encrypted" nobody_encrypted
	port 1 "$ADDR" "$PORT" addr_tsas=tls1.3
	publish 1 "$NQN"
	await_state "$ctrl" live 30
	is_encrypted "$ctrl"
	fio_verify "$disk" --bsrange=512-64k --iodepth=16 --size=64m --io_size=2m
}

resets()
{
	local ctrl disk

	ctrl=$(attach_raw tls)
	disk=$(disk "$ctrl")
	fio_load "$disk"
	for _ in 1 2 3; do
		limit 60 nvme reset "/dev/$ctrl" || fail "nvme reset"
		await_state "$ctrl" live
		is_encrypted "$ctrl"
		goes_on "$disk" "$LOAD" "after a reset"
	done
	load_stop
}

link_down()
{
	local ctrl disk

	ctrl=$(attach_raw tls)
	disk=$(disk "$ctrl")
	fio_load "$disk"
	in_host ip link set h3 down
	goes_on "$disk" "$LOAD" "without a link"
	in_host ip link set h3 up
	in_host ip route replace 10.1.1.2/32 via 10.1.3.2 dev h3 metric 3000
	goes_on "$disk" "$LOAD" "with the link again"
	load_stop
	is_encrypted "$ctrl"
	expect "state" live "$(attr "$ctrl" state)"
}

# Authentication makes the key, and then the queues are encrypted with it.
concatenation()
{
	local secret ctrl key

	secret=$(nvme gen-dhchap-key --nqn="$HOSTNQN")
	mkdir "$NVMET/hosts/$HOSTNQN"
	echo "$secret" >"$NVMET/hosts/$HOSTNQN/dhchap_key"
	echo ffdhe2048 >"$NVMET/hosts/$HOSTNQN/dhchap_dhgroup"
	echo 0 >"$NVMET/subsystems/$NQN/attr_allow_any_host"
	ln -s "$NVMET/hosts/$HOSTNQN" "$NVMET/subsystems/$NQN/allowed_hosts/"
	ctrl=$(ON=4421 attach_at "concat,dhchap_secret=$secret")
	is_encrypted "$ctrl"
	expect "tls_mode" concat "$(attr "$ctrl" tls_mode)"
	key=$(attr "$ctrl" tls_key)
	expect "tls_configured_key" "$key" "$(attr "$ctrl" tls_configured_key)"
	read_some "$(disk "$ctrl")"
	limit 60 nvme reset "/dev/$ctrl" || fail "nvme reset"
	await_state "$ctrl" live
	is_encrypted "$ctrl"
	[ "$(attr "$ctrl" tls_key)" != "$key" ] || fail "the key is the same after a reset"
	detach "$ctrl"
	target_up
}

tls_up
tlshd_start_for host
tlshd_start_for target
t "a connection with TLS" works
t "one without, and nothing of TLS in sysfs" plain
t "seven kinds of I/O" integrity tls
t "with digests" integrity tls,hdr_digest,data_digest
t "the port goes and comes back" port_returns
t "a port that leaves it to the host" both_kinds
t "a key and a keyring of one's choice" chosen_key
t "a key without TLS" unused_key
t "secure channel concatenation" concatenation
t "three resets under load" resets
[ "$HOST_TR" = "$PORT_TR" ] || finish

t "every kind of key" each_kind
[ "$PORT_TR" = mptcp ] || finish

t "a link goes down and up" link_down
finish
