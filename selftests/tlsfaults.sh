#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Hosts and ports that do not agree on TLS, keys that do not fit, a tlshd that
# does not answer, and hosts that do not mean it. See nvmetls.sh.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=lib/nvmetls.sh
. "$SELFTESTS/lib/nvmetls.sh"

no_tlshd()
{
	expect_failure "connect" attach_raw tls
	said "queue 0: failed to start TLS: -3"
	expect "controllers" "" "$(controllers)"
}

wrong_key()
{
	expect_failure "connect" attach_raw "tls,keyring=$WRONG_RING"
	said "TLS handshake complete, error -"
	works_still
}

missing_key()
{
	expect_failure "connect" attach_raw "tls,keyring=$EMPTY_RING"
	said "no valid PSK found"
}

revoked_key()
{
	local key

	key=$(nvme_key 1 0)
	# Whoever has a keyring that leads to it may do that.
	# shellcheck disable=SC2016 # for the inner shell
	keyctl session - bash -c 'keyctl link "$1" @s && keyctl revoke "$2"' - \
		"$(nvme_keyring)" "$key"
	expect_failure "connect" attach_raw "tls,tls_key=$key"
	works_still
}

plain_host()
{
	expect_failure "connect" attach_raw
	[ "$PORT_TR" = tcp ] || said "the host does not use TLS, which is required"
	works_still
}

plain_port()
{
	ON=4422 expect_failure "connect" attach_at tls
	said "TLS handshake complete, error -"
	works_still
}

# module_timeout host|target SECONDS
module_timeout()
{
	local module=nvme_$HOST_TR

	[ "$1" = host ] || module=nvmet_$PORT_TR
	echo "$2" >"/sys/module/$module/parameters/tls_handshake_timeout"
}

timeouts()
{
	local value

	for value in -1 4294968 long; do
		expect_failure "a timeout of $value" module_timeout host "$value"
		expect_failure "a timeout of $value" module_timeout target "$value"
	done
}

# Nobody hears tlshd any more.
stuck_tlshd()
{
	module_timeout host 2
	kill -STOP "${TLSHD[host]}"
	expect_failure "connect" attach_raw tls
	kill -CONT "${TLSHD[host]}"
	module_timeout host $((10 * SLOW))
	said "TLS handshake failed, error -110"
	works_still
}

# strangers COUNT CODE: connections "s" that do something else
strangers()
{
	in_host python3 -c "
import socket, time
all = []
for i in range($1):
    s = socket.create_connection(('$ADDR', $PORT))
    all.append(s)
    $2
print('ready', flush=True)
time.sleep(600)" >"$TMP/strangers" &
	wait_for 60 "all have connected" matches ready "$TMP/strangers"
}

silent_host()
{
	module_timeout target 2
	strangers 1 pass
	wait_for 20 "the silent host is dropped" said_so "TLS handshake timeout"
	module_timeout target $((10 * SLOW))
	works_still
}

garbage()
{
	strangers 1 "s.send(bytes([22, 3, 1, 0, 200]) + 200 * b'x')"
	wait_for 30 "the host is dropped" connections 0
	works_still
}

# A host that is openssl renews its key, which kTLS leaves to user space: that
# is a record which is no data, and the end.
key_update()
{
	local text=0123456789abcdef0123456789abcdef key fifo=$TMP/fifo pid
	local identity="NVMe0R01 $HOSTNQN:openssl $NQN"

	key=$(printf %s "$text" | keyctl padd psk "$identity" "$(nvme_keyring)")
	rm -f "$fifo"
	mkfifo "$fifo"
	in_host openssl s_client -connect "$ADDR:$PORT" \
		-tls1_3 -ciphersuites TLS_AES_128_GCM_SHA256 \
		-psk "$(printf %s "$text" | od -An -v -tx1 | tr -d ' \n')" \
		-psk_identity "$identity" <"$fifo" &
	pid=$!
	exec 9>"$fifo"
	wait_for 20 "the target has the connection" encrypted_at_target 1
	echo K >&9
	wait_for 20 "the target has the record" said_so "TLS record 22 unhandled"
	wait_for 20 "the target ends the connection" encrypted_at_target 0
	exec 9>&-
	wait_for 20 "openssl ends" gone "$pid"
	keyctl unlink "$key" "$(nvme_keyring)"
	works_still
}

encrypted_at_target()
{
	[ "$(tls_sockets target)" = "$1" ]
}

# More than a port has at a time; whoever means it gets through.
flood()
{
	strangers 300 pass
	said "dropped, too many TLS handshakes are under way"
	works_still
	strangers 300 "s.send(bytes([22]))"
	works_still
}

tls_up
t "without tlshd there is no connection" no_tlshd
tlshd_start_for host
tlshd_start_for target
t "a plain host on a port that requires TLS" plain_host
t "TLS on a port without" plain_port
t "a wrong key" wrong_key
t "no key" missing_key
t "a key that was revoked" revoked_key
t "a tlshd that does not answer" stuck_tlshd
[ "$HOST_TR" = "$PORT_TR" ] || finish

t "timeouts that are none" timeouts
t "a silent host" silent_host
t "a host that speaks garbage" garbage
t "a host that renews its key" key_update
[ "$PORT_TR" = mptcp ] || finish

t "a flood of hosts that say nothing" flood
finish
