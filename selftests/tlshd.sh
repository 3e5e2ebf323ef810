#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# TLS handshakes of kernel sockets through the distribution's tlshd, for
# clients and servers, with keys and with certificates. HOST_TR and PORT_TR
# are the protocols of the client and the server; an end that uses MPTCP has
# userspace/tlshd preloaded, one that uses TCP has not.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# What a handshake ends with: tlshd's verdict, or the kernel's.
ESRCH=3 EACCES=13 EPROTO=71 EOPNOTSUPP=95 ETIMEDOUT=110
ACCESS_DENIED=49

ENDPOINT=addr=$ADDR,port=$PORT
IDENTITY="NVMe1R01 $HOSTNQN $NQN"

# What tlshd had to say is shown if a subtest fails.
undo()
{
	present host good
	present target good
	[ ${#TLSHD[@]} = 0 ] || kill -CONT "${TLSHD[@]}"
	tail -n 6 "$TMP/tlshd.host.log" "$TMP/tlshd.target.log"
}

# as_agreed: both ends have got back what they sent, and know each other
as_agreed()
{
	expect_end "client" "$CLIENT" "done" 0
	expect_end "server" "$SERVER" "done" 0
	expect "the client's goodbye" 0 "$(field alert "$SERVER")"
}

# failed_with CLIENT SERVER: errors of the handshake
failed_with()
{
	expect_end "client" "$CLIENT" handshake "$1"
	expect_end "server" "$SERVER" handshake "$2"
}

# refused_by client|server: the other hears an alert, or no more than that the
# connection is closed, which is a timeout to tlshd.
refused_by()
{
	local refuser=$CLIENT other=$SERVER

	[ "$1" = client ] || refuser=$SERVER other=$CLIENT
	expect_end "the one that refuses" "$refuser" handshake "$EACCES"
	[ "$(field error "$other")" = "$ETIMEDOUT" ] ||
		expect_end "the one that is refused" "$other" handshake "$EACCES"
}

works()
{
	converse "keyring=$RING" "keyring=$RING,psk=$PSK32"
	as_agreed
}

no_tlshd()
{
	converse "keyring=$RING" "keyring=$RING,psk=$PSK32"
	failed_with "$ESRCH" "$ESRCH"
}

psk_32()
{
	converse "keyring=$RING" "keyring=$RING,psk=$PSK32,bytes=1000000" while_it_stands
	as_agreed
	expect "the key the client has used" "$PSK32" "$(field peerid "$CLIENT")"
	expect "the key the server has used" "$PSK32" "$(field peerid "$SERVER")"
	protocols
	note "client: $CLIENT"
	note "server: $SERVER"
}

# That it is kTLS, and that it is MPTCP over all links, where it should be.
while_it_stands()
{
	local flows=1

	[ "$HOST_TR:$PORT_TR" != mptcp:mptcp ] || flows=4
	expect "kTLS sockets of the client" 1 "$(tls_sockets host)"
	expect "kTLS sockets of the server" 1 "$(tls_sockets target)"
	wait_for 10 "there are $flows TCP flows" connections "$flows"
}

# protocols: TLS has not changed what the sockets are. A client keeps an MPTCP
# socket that has fallen back; a server accepts what the client has.
protocols()
{
	case $HOST_TR:$PORT_TR in
	mptcp:mptcp) expect_sockets "262 0" "262 0" ;;
	mptcp:tcp) expect_sockets "262 1" "6 -" ;;
	tcp:*) expect_sockets "6 -" "6 -" ;;
	esac
}

# expect_sockets CLIENT SERVER: protocol and fallback of each
expect_sockets()
{
	expect "the client's socket" "$1" "$(field proto "$CLIENT") $(field fallback "$CLIENT")"
	expect "the server's socket" "$2" "$(field proto "$SERVER") $(field fallback "$SERVER")"
}

psk_48()
{
	converse "keyring=$RING" "keyring=$RING,psk=$PSK48"
	as_agreed
	expect "the key the server has used" "$PSK48" "$(field peerid "$SERVER")"
	matches 'AES-256-GCM' <(grep 'Session description' "$TMP/tlshd.host.log" | tail -n1) ||
		fail "expected AES-256-GCM"
}

psk_wrong()
{
	converse "keyring=$WRONG_RING" "keyring=$RING,psk=$PSK32"
	refused_by server
}

psk_unknown()
{
	converse "keyring=$EMPTY_RING" "keyring=$RING,psk=$PSK32"
	refused_by server
}

certificates()
{
	converse "x509" "x509,peername=target,bytes=1000000" while_it_stands
	as_agreed
}

strange_server()
{
	present target strange
	converse "x509" "x509,peername=target"
	refused_by client
}

# With TLS 1.3 the client is done when it has sent its certificate: it hears
# of the refusal when it reads.
strange_client()
{
	present host strange
	converse "x509" "x509,peername=target"
	expect_end "server" "$SERVER" handshake "$EACCES"
	expect_end "client" "$CLIENT" receive "$EPROTO"
	expect "the server's alert" "$ACCESS_DENIED" "$(field alert "$CLIENT")"
}

wrong_name()
{
	converse "x509" "x509,peername=somebody.else"
	refused_by client
}

different_ways()
{
	converse "x509" "keyring=$RING,psk=$PSK32"
	refused_by client
}

ipv6()
{
	local ENDPOINT=addr=fd01::2,port=$PORT

	works
}

# python_socket host|target CODE: with a socket "s" for the protocol
python_socket()
{
	local protocol=$HOST_TR

	[ "$1" = host ] || protocol=$PORT_TR
	in_"$1" python3 -c "
import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262 if '$protocol' == 'mptcp' else 0)
$2"
}

# gave_up host|target REPORT: tlshd did, long before the kernel would have
gave_up()
{
	expect_end "the $1" "$2" handshake "$EACCES"
	matches 'timed out' <(tail -n 3 "$TMP/tlshd.$1.log") || fail "it did not time out"
}

silent_server()
{
	python_socket target "
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(('$ADDR', $PORT))
s.listen()
time.sleep(600)" &
	wait_for 20 "the server listens" listening
	CLIENT=$(hello host "client,$ENDPOINT,proto=$HOST_TR,keyring=$RING,psk=$PSK32,timeout=2000")
	gave_up host "$CLIENT"
}

# talk_to_server CODE: what a stranger does instead of a handshake
talk_to_server()
{
	local pid

	hello target "server,$ENDPOINT,proto=$PORT_TR,keyring=$RING,timeout=2000" >"$TMP/server" &
	pid=$!
	wait_for 10 "the server listens" listening
	python_socket host "
s.connect(('$ADDR', $PORT))
$1
time.sleep(600)" &
	wait_for 30 "the server ends" gone "$pid"
	SERVER=$(<"$TMP/server")
}

silent_client()
{
	talk_to_server "pass"
	gave_up target "$SERVER"
}

garbage()
{
	talk_to_server "s.send(b'GET / HTTP/1.0\\r\\n\\r\\n' * 40)"
	expect_end "server" "$SERVER" handshake "$EACCES"
}

# Nobody hears tlshd any more: the kernel takes the handshake back.
stuck()
{
	kill -STOP "${TLSHD[@]}"
	converse "keyring=$RING,wait=2000" "keyring=$RING,psk=$PSK32,wait=2000"
	kill -CONT "${TLSHD[@]}"
	failed_with "$ETIMEDOUT" "$ETIMEDOUT"
	works
}

# The library answers one question differently, and no other.
library()
{
	limit 60 env LD_PRELOAD="$LIBRARY" python3 - <<-'END'
		from socket import *
		def protocol(kind, number, *length):
		    with socket(AF_INET, kind, number) as s:
		        return s.getsockopt(SOL_SOCKET, SO_PROTOCOL, *length)
		MPTCP = 262
		assert protocol(SOCK_STREAM, 0) == IPPROTO_TCP
		assert protocol(SOCK_STREAM, MPTCP) == IPPROTO_TCP
		assert protocol(SOCK_STREAM, MPTCP, 64) == IPPROTO_TCP.to_bytes(4, "little")
		# of two bytes the kernel fills two, and the answer is not whole
		assert protocol(SOCK_STREAM, MPTCP, 2) == MPTCP.to_bytes(2, "little")
		assert protocol(SOCK_DGRAM, 0) == IPPROTO_UDP
		with socket(AF_INET, SOCK_STREAM, MPTCP) as s:
		    assert s.getsockopt(SOL_SOCKET, SO_TYPE) == SOCK_STREAM
		    assert s.getsockopt(IPPROTO_TCP, TCP_NODELAY) == 0
		    try:
		        s.getsockopt(SOL_SOCKET, 9999)
		    except OSError as error:
		        assert error.errno == 92, error
		    else:
		        raise AssertionError("an option that does not exist")
	END
}

# Without it this test must fail: tlshd does not know the protocol.
without_library()
{
	converse "keyring=$RING" "keyring=$RING,psk=$PSK32"
	failed_with "$EOPNOTSUPP" "$EOPNOTSUPP"
}

# credentials: keys, right ones and wrong ones; certificates
credentials()
{
	RING=$(keyring right) && WRONG_RING=$(keyring wrong) && EMPTY_RING=$(keyring empty) &&
		PSK32=$(psk "$RING" "$IDENTITY" 32) &&
		PSK48=$(psk "$RING" "${IDENTITY/R01/R02}" 48) &&
		psk "$WRONG_RING" "$IDENTITY" 32
}

links_up
modprobe nvme_keyring && test_module tls_hello || bail "modules are missing"
tlshd_files
credentials >"$TMP/log" 2>&1 || bail "$(cat "$TMP/log")"

t "without tlshd there is no handshake" no_tlshd
tlshd_start_for host
tlshd_start_for target
t "a key of 32 bytes" psk_32
t "a wrong key is refused" psk_wrong
t "certificates" certificates
t "a client with a stranger's certificate is refused" strange_client
# Where a connection falls back, this shall do: what follows is about tlshd.
[ "$HOST_TR" = "$PORT_TR" ] || finish

t "a key of 48 bytes" psk_48
t "an unknown identity is refused" psk_unknown
t "a server with a stranger's certificate is refused" strange_server
t "a server with another name is refused" wrong_name
t "a key against a certificate is refused" different_ways
t "IPv6" ipv6
t "a silent server" silent_server
t "a silent client" silent_client
t "a client that does not speak TLS" garbage
t "a tlshd that does not answer" stuck
[ "$HOST_TR" = mptcp ] || finish

t "the library answers one question" library
tlshd_stop
tlshd_start host
tlshd_start target
t "without the library tlshd refuses" without_library
finish
