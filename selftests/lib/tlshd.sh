# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# tlshd, its keys and certificates, and connections that use it; sourced by
# lib.sh.

declare -A TLSHD=()

# tlshd_up: what both ends need for encrypted queues, with keys for $NQN and the
# discovery service
tlshd_up()
{
	cli_knows ||
		skip "the libnvme of this machine does not know $HOST_TR: patches/libnvme"
	tlshd_files
	{ nvme_key 1 1 && nvme_key 1 1 "$DISCOVERY_NQN"; } >"$TMP/log" || bail "cannot make keys"
	# A theme may have hosts of both transports.
	tlshd_start host "$LIBRARY"
	tlshd_start target "$LIBRARY"
}

# tlshd_files: all that tlshd reads and loads
tlshd_files()
{
	touch "$TMP/tlshd.host.log" "$TMP/tlshd.target.log"
	tlshd_library
	tlshd_config >"$TMP/log" 2>&1 || bail "$(cat "$TMP/log")"
}

# tlshd_start host|target [LIBRARY]: as systemd would start it, with a session
# keyring of its own; LIBRARY is preloaded.
tlshd_start()
{
	local side=$1 ns=$TARGET_NS log=$TMP/tlshd.$1.log

	[ "$side" = target ] || ns=$HOST_NS
	: >"$log"
	# Not in_host: the process itself is wanted, to signal it.
	${ns:+nsenter --net="/run/netns/$ns"} keyctl session - \
		env ${2:+LD_PRELOAD="$2"} tlshd -s \
		-c "$TMP/tlshd.$side.conf" >>"$log" 2>&1 </dev/null &
	TLSHD[$side]=$!
	wait_until $((20 * SLOW)) matches 'Kernel capabilities' "$log" ||
		bail "tlshd does not start: $(cat "$log")"
}

# tlshd_library: build and install, as an administrator would, what lets tlshd
# serve MPTCP sockets
tlshd_library()
{
	local userspace=${USERSPACE:-$SELFTESTS/../userspace}

	[ -d "$userspace/tlshd" ] ||
		skip "the library for tlshd is not in $userspace: USERSPACE= says where"
	make -C "$userspace/tlshd" BUILD="$TMP" PREFIX="$TMP/usr" UNITDIR="$TMP/units" install \
		>"$TMP/log" 2>&1 || bail "$(cat "$TMP/log")"
	LIBRARY=$(sed -n 's/^Environment=LD_PRELOAD=//p' "$TMP/units/tlshd.service.d/mptcp.conf")
	[ -s "$LIBRARY" ] || bail "there is no library for tlshd"
}

# tlshd_start_for host|target: as it has to be for the protocol of that end
tlshd_start_for()
{
	local protocol=$HOST_TR

	[ "$1" = host ] || protocol=$PORT_TR
	if [ "$protocol" = mptcp ]; then
		tlshd_start "$1" "$LIBRARY"
	else
		tlshd_start "$1"
	fi
}

# tlshd_stop: at both ends, if it runs there
tlshd_stop()
{
	local side

	for side in "${!TLSHD[@]}"; do
		kill -TERM "${TLSHD[$side]}" && wait "${TLSHD[$side]}"
		unset "TLSHD[$side]"
	done
}

# tlshd_log: the last of what both had to say
tlshd_log()
{
	tail -n 4 "$TMP/tlshd.host.log" "$TMP/tlshd.target.log"
}

# tlshd_config: for both ends a certificate of an authority that they trust,
# and one of a stranger. tlshd reads the files anew for each handshake.
tlshd_config()
{
	local side

	authority good && authority strange || return
	for side in host target; do
		certificate "$side" good && certificate "$side" strange && present "$side" good ||
			return
		cat >"$TMP/tlshd.$side.conf" <<-END
			[debug]
			loglevel=1
			[authenticate]
			[authenticate.client]
			x509.truststore=$TMP/good.pem
			x509.certificate=$TMP/$side.pem
			x509.private_key=$TMP/$side.key
			[authenticate.server]
			x509.truststore=$TMP/good.pem
			x509.certificate=$TMP/$side.pem
			x509.private_key=$TMP/$side.key
		END
	done
}

# present host|target good|strange: the certificate that it shows from now on
present()
{
	cp -p "$TMP/$1-$2.pem" "$TMP/$1.pem" && cp -p "$TMP/$1-$2.key" "$TMP/$1.key"
}

# authority NAME
authority()
{
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -days 2 \
		-subj "/CN=$1" -keyout "$TMP/$1.key" -out "$TMP/$1.pem"
}

# certificate NAME AUTHORITY
certificate()
{
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -days 2 \
		-subj "/CN=$1" -addext "subjectAltName=DNS:$1" -addext basicConstraints=CA:FALSE \
		-CA "$TMP/$2.pem" -CAkey "$TMP/$2.key" -keyout "$TMP/$1-$2.key" \
		-out "$TMP/$1-$2.pem"
}

# nvme_key HMAC IDENTITY_VERSION [SUBSYSTEM]: a new key as administrators make it;
# prints its serial
nvme_key()
{
	local text serial names=(--hostnqn="$HOSTNQN" --subsysnqn="${3:-$NQN}")

	text=$(nvme gen-tls-key --hmac="$1" "${names[@]}") &&
		serial=$(nvme check-tls-key "${names[@]}" --identity="$2" --insert \
			--keydata="$text") || return
	echo $((16#$(grep -oE '[0-9a-f]{8}' <<<"$serial" | tail -n 1)))
}

# nvme_keyring: the serial of NVMe's own
nvme_keyring()
{
	echo $((16#$(awk '$8 == "keyring" && $9 == ".nvme:" { print $1 }' /proc/keys)))
}

# keyring NAME: prints its serial. As in NVMe's own keyring, root may use what
# is in there even if no keyring of the process leads to it.
keyring()
{
	local ring

	ring=$(keyctl newring "nvme-mptcp-$1" @u) && keyctl setperm "$ring" 0x3f3f0000 &&
		echo "$ring"
}

# psk KEYRING IDENTITY BYTES: a random key; prints its serial
psk()
{
	local key

	key=$(head -c "$3" /dev/urandom | keyctl padd psk "$2" "$1") &&
		keyctl setperm "$key" 0x3f3f0000 && echo "$key"
}

# hello host|target OPTION,... [COMMAND...]: one end of a connection; see
# modules/tls_hello/device.c. Prints what became of it. COMMAND is run while the
# connection stands.
hello()
{
	local side=$1 options=$2 fd
	shift 2

	exec {fd}<>/dev/tls_hello
	# Whoever writes says with its namespace where.
	# shellcheck disable=SC2016 # for the inner shell
	"in_$side" bash -c 'echo "$1" >&"$2"' - "$options" "$fd"
	cat <&"$fd"
	[ $# = 0 ] || "$@"
	exec {fd}>&-
}

# tls_sockets host|target: that send through kTLS just now
tls_sockets()
{
	"in_$1" sed -n 's/^TlsCurrTxSw[ \t]*//p' /proc/net/tls_stat
}

# is_encrypted CONTROLLER...: all the queues of these, and nothing else, on both sides
is_encrypted()
{
	local ctrl queues=0

	for ctrl in "$@"; do
		queues=$((queues + $(attr "$ctrl" queue_count)))
	done
	expect "encrypted connections of the host" "$queues" "$(tls_sockets host)"
	expect "encrypted connections of the target" "$queues" "$(tls_sockets target)"
}

# converse SERVER_OPTION,... CLIENT_OPTION,... [COMMAND...]: both ends; their
# reports are left in $SERVER and $CLIENT.
converse()
{
	local pid

	hello target "server,$ENDPOINT,proto=$PORT_TR,$1" >"$TMP/server" &
	pid=$!
	wait_for 10 "the server listens" listening
	CLIENT=$(hello host "client,$ENDPOINT,proto=$HOST_TR,$2" "${@:3}")
	echo "client: $CLIENT"
	wait_for 40 "the server ends" gone "$pid"
	wait "$pid"
	SERVER=$(<"$TMP/server")
	echo "server: $SERVER"
}

# field NAME REPORT
field()
{
	sed -nE "s/(^|.* )$1=([^ ]*).*/\2/p" <<<"$2"
}

# expect_end WHAT REPORT STAGE ERROR
expect_end()
{
	expect "$1" "$3, error $4" "$(field stage "$2"), error $(field error "$2")"
}
