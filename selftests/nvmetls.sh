#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Encrypted queues: both drivers with TLS 1.3. HOST_TR and PORT_TR as everywhere;
# an end that uses MPTCP has userspace/tlshd preloaded, one that uses TCP has not.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=lib/nvmetls.sh
. "$SELFTESTS/lib/nvmetls.sh"

# those that tlshd has for keys, and the hash that these are of: 1 for SHA-256, 2
# for SHA-384. It has CHACHA20-POLY1305 for the latter, whose hash is the former.
declare -A CIPHERS=([AES-128-GCM]=1 [AES-128-CCM]=1 [AES-256-GCM]=2)

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

# offer CIPHER: and not the others for such keys, as an administrator has GnuTLS, and
# so tlshd, do it. It ends if there is none left for the other keys.
offer()
{
	local other

	echo "[overrides]" >"$TMP/gnutls.conf"
	for other in "${!CIPHERS[@]}"; do
		[ "$other" = "$1" ] || [ "${CIPHERS[$other]}" != "${CIPHERS[$1]}" ] ||
			echo "tls-disabled-cipher = $other" >>"$TMP/gnutls.conf"
	done
	tlshd_stop
	GNUTLS_SYSTEM_PRIORITY_FILE=$TMP/gnutls.conf tlshd_start_for host
	tlshd_start_for target
}

# cipher NAME: that is the one which the host offers
cipher()
{
	local key ctrl

	key=$(nvme_key "${CIPHERS[$1]}" 1)
	ctrl=$(attach_raw "tls,tls_key=$key")
	is_encrypted "$ctrl"
	grep 'Session description' "$TMP/tlshd.host.log" | tail -n 1 | matches -F "($1)" ||
		fail "expected $1"
	fio_verify "$(disk "$ctrl")" --bsrange=512-64k --iodepth=16 --size=64m --io_size=1m
	keyctl unlink "$key" "$(nvme_keyring)"
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

# concat_up: $CTRL, whose queues are encrypted with the key that authentication
# has made, $MADE. The target is left so: target_up.
concat_up()
{
	local secret

	secret=$(nvme gen-dhchap-key --nqn="$HOSTNQN")
	only_host
	echo "$secret" >"$PEER_DIR/dhchap_key"
	echo ffdhe2048 >"$PEER_DIR/dhchap_dhgroup"
	CTRL=$(ON=4421 attach_at "concat,dhchap_secret=$secret")
	expect "tls_mode" concat "$(attr "$CTRL" tls_mode)"
	made
}

# made: $MADE, with which all is encrypted
made()
{
	is_encrypted "$CTRL"
	MADE=$(attr "$CTRL" tls_key)
	expect "tls_configured_key" "$MADE" "$(attr "$CTRL" tls_configured_key)"
	expect "the key that the target shows" "$MADE" "$(target_key)"
}

concatenation()
{
	local before

	concat_up
	read_some "$(disk "$CTRL")"
	before=$MADE
	limit 60 nvme reset "/dev/$CTRL" || fail "nvme reset"
	await_state "$CTRL" live
	made
	[ "$MADE" != "$before" ] || fail "the key is the same after a reset"
	detach "$CTRL"
	target_up
}

# An administrator has a new key made while I/O goes on.
another_key()
{
	local before disk

	concat_up
	disk=$(disk "$CTRL")
	fio_load "$disk"
	before=$MADE
	echo 0 >"$SYS/$CTRL/tls_configured_key"
	wait_for 20 "there is another key" key_is_not "$before"
	await_state "$CTRL" live
	made
	goes_on "$disk" "$LOAD" "with another key"
	load_stop
	detach "$CTRL"
	target_up
}

# key_is_not KEY: but another one
key_is_not()
{
	local key

	key=$(attr "$CTRL" tls_key) && [ -n "$key" ] && [ "$key" != "$1" ]
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
t "concatenation, another key under load" another_key
t "three resets under load" resets
[ "$HOST_TR" = "$PORT_TR" ] || finish

t "every kind of key" each_kind
for name in "${!CIPHERS[@]}"; do
	offer "$name"
	t "cipher $name" cipher "$name"
done
[ "$PORT_TR" = mptcp ] || finish

t "a link goes down and up" link_down
finish
