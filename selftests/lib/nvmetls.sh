# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Encrypted queues; sourced by the tests of TLS.

# Port 1 wants TLS of everybody.
target_up()
{
	target_clear
	backends_clear
	backend mem 256 memory_backed=1 discard=1 &&
		subsystem "$NQN" /dev/mem &&
		port 1 "$ADDR" "$PORT" addr_tsas=tls1.3 &&
		publish 1 "$NQN" &&
		target_extra
}

# What tlshd had to say is shown if a subtest fails.
undo()
{
	[ ${#TLSHD[@]} = 0 ] || kill -CONT "${TLSHD[@]}"
	tlshd_log
}

# Port 2 leaves it to the host, port 3 knows nothing of it.
target_extra()
{
	port 2 "$ADDR" 4421 addr_tsas=tls1.3 addr_treq="not required" && publish 2 "$NQN" &&
		port 3 "$ADDR" 4422 && publish 3 "$NQN"
}

# tls_up: links, drivers, keys, a target; all but a tlshd that runs
tls_up()
{
	links_up
	need_modules
	tlshd_files
	keys || bail "cannot make keys"
	# shellcheck disable=SC2034 # for t
	RESTORE=target_up
	target_up || bail "cannot set up an $PORT_TR target with TLS on $ADDR:$PORT"
}

# identity KEY: by which the other side finds it
identity()
{
	keyctl rdescribe "$1" | cut -d';' -f5-
}

# keys: one in NVMe's own keyring, for both sides; another one of the same
# identity elsewhere, for the host; and none
keys()
{
	# shellcheck disable=SC2034 # for the tests
	KEY=$(nvme_key 1 1) && [ "$KEY" -gt 0 ] &&
		EMPTY_RING=$(keyring empty) && WRONG_RING=$(keyring wrong) &&
		psk "$WRONG_RING" "$(identity "$KEY")" 32 >/dev/null
}

# said_so TEXT: the kernel, in this subtest
said_so()
{
	log_since_mark | matches -F -e "$1"
}

said()
{
	said_so "$1" || fail "the kernel has not said '$1'"
}

has_attr()
{
	if [ -e "$SYS/$1/$2" ]; then echo yes; else echo no; fi
}

# target_key: of the admin queue of the only controller, as the target shows it
target_key()
{
	cat /sys/kernel/debug/nvmet/*/ctrl*/tls_key
}

# attach_at [OPTION,...]: to another port of the target, $ON
attach_at()
{
	fabrics "traddr=$ADDR,trsvcid=$ON,nqn=$NQN${1:+,$1}"
}

nobody_encrypted()
{
	[ "$(tls_sockets host)$(tls_sockets target)" = 00 ]
}

works_still()
{
	local ctrl

	ctrl=$(attach_raw tls)
	is_encrypted "$ctrl"
	detach "$ctrl"
	wait_for 20 "no connection is encrypted" nobody_encrypted
}
