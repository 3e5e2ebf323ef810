#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# In-band authentication (DH-HMAC-CHAP), which the core does over our queues:
# every hash and group, one way and both ways, keys that change, keys that are wrong.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

LEVEL=/proc/sys/kernel/printk
IGNORE=/sys/module/printk/parameters/ignore_loglevel
GROUPS_OF_DH=(ffdhe2048)
# The larger ones are much work for an emulated CPU, and the same to the drivers.
[ "$SLOW/$HOST_TR/$PORT_TR" != 1/mptcp/mptcp ] ||
	GROUPS_OF_DH+=(ffdhe3072 ffdhe4096 ffdhe6144 ffdhe8192)

# new_key HASH: 1, 2, 3 for SHA-256, SHA-384, SHA-512, or 0 for a key as it is
new_key()
{
	local bytes=(32 32 48 64)

	nvme gen-dhchap-key --nqn "$HOSTNQN" --hmac "$1" --key-length "${bytes[$1]}"
}

# demand ATTRIBUTE=VALUE...: what the target asks of the host from now on; if it
# does not say otherwise, a hash and no more
demand()
{
	local attr

	for attr in "hash=hmac(sha256)" dhgroup=null "$@"; do
		echo "${attr#*=}" >"$PEER_DIR/dhchap_${attr%%=*}"
	done
}

# authenticated COUNT: as often since the mark
authenticated()
{
	[ "$(log_since_mark | grep -c 'qid 0: authenticated with hash')" -ge "$1" ]
}

# said TEXT: by the kernel, since the mark
said()
{
	log_since_mark | matches "$1"
}

# attach_with OPTION...: two I/O queues; prints the controller
attach_with()
{
	attach --nr-io-queues=2 "$@"
}

# check CONTROLLER HASH GROUP: that it has authenticated so, and works
check()
{
	said "qid 0: authenticated with hash hmac($2) dhgroup $3\$" ||
		fail "not authenticated with hmac($2) and $3"
	fio_verify "$(disk "$1")" --bs=16k --iodepth=8 --io_size=2m
}

# one_way HASH_NUMBER HASH GROUP
one_way()
{
	local key ctrl

	key=$(new_key "$1")
	demand "key=$key" "hash=hmac($2)" "dhgroup=$3"
	log_mark
	ctrl=$(attach_with --dhchap-secret="$key")
	check "$ctrl" "$2" "$3"
}

both_ways()
{
	local key ctrl_key ctrl

	key=$(new_key 1)
	ctrl_key=$(new_key 2)
	demand "key=$key" "ctrl_key=$ctrl_key"
	log_mark
	ctrl=$(attach_with --dhchap-secret="$key" --dhchap-ctrl-secret="$ctrl_key")
	check "$ctrl" sha256 null
	said "qid 0: controller authenticated" ||
		fail "the controller has not authenticated"
}

# refused WHAT OPTION...: no controller comes of it, soon
refused()
{
	local begin

	begin=$(now_ms)
	expect_failure "$1" attach_with "${@:2}" >/dev/null
	expect_between "ms until it is refused" 0 $((10000 * SLOW)) $(($(now_ms) - begin))
	wait_for 10 "nothing is left of it" no_controllers
}

wrong_keys()
{
	local key ctrl_key other

	key=$(new_key 1)
	ctrl_key=$(new_key 1)
	other=$(new_key 1)
	demand "key=$key" "ctrl_key=$ctrl_key"
	refused "a wrong key" --dhchap-secret="$other"
	refused "a wrong key of the controller" \
		--dhchap-secret="$key" --dhchap-ctrl-secret="$other"
	refused "no key"
	attach_with --dhchap-secret="$key" --dhchap-ctrl-secret="$ctrl_key" >/dev/null
}

# What the kernel says goes into its log alone: a line to the console takes it
# longer than what is looked for here.
quiet()
{
	cp "$LEVEL" "$TMP/level"
	cp "$IGNORE" "$TMP/ignore"
	echo 1 >"$LEVEL"
	echo N >"$IGNORE"
}

undo()
{
	[ -e "$TMP/level" ] || return 0
	cat "$TMP/level" >"$LEVEL"
	cat "$TMP/ignore" >"$IGNORE"
}

# The core has the controller deleted while it works on the host's last command;
# the answer must be there before the connection ends. nvme-tcp waits for it, and
# so it does for that of the C target, which loses it now and then.
answers()
{
	local key ctrl_key n

	[ "$PORT_TR" = mptcp ] || skip "the C target's last answer is a matter of chance"
	key=$(new_key 1)
	ctrl_key=$(new_key 1)
	demand "key=$key" "ctrl_key=$ctrl_key"
	quiet
	"$SELFTESTS/lib/hog.py" &
	for ((n = 0; n < 30 / SLOW; n++)); do
		refused "attempt $n" --dhchap-secret="$key" --dhchap-ctrl-secret="$key"
	done
}

# I/O goes on while the controller authenticates again.
again()
{
	local key ctrl_key ctrl disk

	key=$(new_key 1)
	ctrl_key=$(new_key 1)
	demand "key=$key" "ctrl_key=$ctrl_key"
	ctrl=$(attach_with --dhchap-secret="$key" --dhchap-ctrl-secret="$ctrl_key")
	disk=$(disk "$ctrl")
	fio_load "$disk"
	log_mark
	echo "$key" >"$SYS/$ctrl/dhchap_secret"
	wait_for 10 "the host authenticates again" authenticated 1
	key=$(new_key 3)
	demand "key=$key"
	echo "$key" >"$SYS/$ctrl/dhchap_secret"
	wait_for 10 "the host authenticates with a new key" authenticated 2
	load_stop
	expect state live "$(attr "$ctrl" state)"
}

# The host is refused with the old key, and gives the controller up: it will not
# be let in by being persistent. With the new key it is.
changed_key()
{
	local key ctrl

	key=$(new_key 1)
	demand "key=$key"
	ctrl=$(attach_with --dhchap-secret="$key" --reconnect-delay=1)
	disk "$ctrl" >/dev/null
	key=$(new_key 1)
	demand "key=$key"
	log_mark
	nvme reset "/dev/$ctrl" 2>/dev/null || :
	wait_for 20 "the controller goes" no_controllers
	said "qid 0: authentication failed" || fail "the log does not say that the key was wrong"
	ctrl=$(attach_with --dhchap-secret="$key")
	read_some "$(disk "$ctrl")"
}

# A target that knows the host by the key of TLS does not ask for more.
not_asked()
{
	local key ctrl

	key=$(new_key 1)
	demand "key=$key"
	log_mark
	ctrl=$(attach_with --dhchap-secret="$key")
	! said "authenticated with hash" || fail "the host has authenticated"
	read_some "$(disk "$ctrl")"
}

# Over the encrypted queue, when the host begins it.
again_wrong()
{
	local key ctrl

	key=$(new_key 1)
	demand "key=$key"
	ctrl=$(attach_with --dhchap-secret="$key")
	log_mark
	new_key 1 >"$SYS/$ctrl/dhchap_secret"
	wait_for 10 "the wrong key is refused" said "qid 0: authentication failed"
	! said "authenticated with hash" || fail "the host has authenticated"
}

reconnect()
{
	local key ctrl disk

	key=$(new_key 1)
	demand "key=$key" dhgroup=ffdhe2048
	ctrl=$(attach_with --dhchap-secret="$key" --reconnect-delay=1)
	disk=$(disk "$ctrl")
	fio_load "$disk"
	log_mark
	nvme reset "/dev/$ctrl"
	wait_for 10 "the host authenticates at the reset" authenticated 1
	withdraw 1 "$NQN"
	await_state "$ctrl" connecting
	publish 1 "$NQN"
	await_state "$ctrl" live
	wait_for 10 "the host authenticates when it is back" authenticated 2
	load_stop
}

target_extra()
{
	only_host
}

setup
if [ -n "$TLS" ]; then
	t "the key of TLS is enough" not_asked
	t "again, and with a new key, while I/O goes on" again
	t "again, with a wrong key" again_wrong
	finish
fi

hashes=(0 sha256 sha384 sha512)
for i in 1 2 3; do
	t "hash ${hashes[i]}" one_way "$i" "${hashes[i]}" null
done
for group in "${GROUPS_OF_DH[@]}"; do
	t "group $group" one_way 1 sha256 "$group"
done
t "both ways" both_ways
t "wrong keys are refused" wrong_keys
t "who is refused is told" answers
t "again, and with a new key, while I/O goes on" again
t "reset and reconnect under load" reconnect
t "a reset after the key has changed" changed_key
finish
