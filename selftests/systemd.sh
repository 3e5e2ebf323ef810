#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What happens by itself on a machine with systemd and udev, where `make install`
# has put userspace/: paths and controllers are there after boot, what a discovery
# log tells of later is connected, and a vendor's targets get the timeout that it
# asks for.
#
# systemd is the first process of a container in the host's network. It has the
# units of nvme-cli, those of make install, and no others. udev is the machine's.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

UNITS=$TMP/units
RULES=/run/udev/rules.d
# nvme-cli's, and what each unit wants that does not say otherwise
STOCK_UNITS=(nvmf-autoconnect.service nvmf-connect@.service nvmf-connect.target
	sysinit.target basic.target shutdown.target)

# install_all: make install, with the library that nvme-cli runs with here
install_all()
{
	install -D "$(cli_library)" "$TMP/build/build/src/libnvme.so.1" &&
		make -C "$USERSPACE" BUILD="$TMP/build" PREFIX="$TMP/usr" UNITDIR="$UNITS" \
			CONFDIR="$TMP/conf" RULESDIR="$TMP/rules" install
}

# units: what is to be started at boot, and where output goes
units()
{
	local unit

	for unit in "${STOCK_UNITS[@]}"; do
		cp "/usr/lib/systemd/system/$unit" "$UNITS" || return
	done
	mkdir -p "$UNITS/service.d"
	printf '[Unit]\nWants=nvmf-autoconnect.service nvme-mptcp-paths.service\n' \
		>"$UNITS/selftest.target"
	printf '[Service]\nStandardOutput=append:%s\nStandardError=inherit\n' "$TMP/units.log" \
		>"$UNITS/service.d/output.conf"
	: >"$TMP/units.log"
}

# rules: nvme-cli's that connect, which are to find systemd in the container, and
# those for vendors' timeouts: ours, or for tcp nvme-cli's
rules()
{
	local vendors=$TMP/rules/71-nvmf-mptcp.rules

	[ "$HOST_TR" = mptcp ] || vendors=/usr/lib/udev/rules.d/71-nvmf-netapp.rules
	mkdir -p "$RULES"
	sed "s:/usr/bin/systemctl:/bin/bash $TMP/systemctl:" \
		/usr/lib/udev/rules.d/70-nvmf-autoconnect.rules \
		>"$RULES/70-selftest-connect.rules" &&
		cp "$vendors" "$RULES/71-selftest-vendors.rules" && udevadm control --reload
}

rules_remove()
{
	rm -f "$RULES"/7?-selftest-*.rules
	udevadm control --reload
}

# etc_nvme: the files of an administrator
etc_nvme()
{
	mkdir -p "$TMP/etc"
	echo "$HOSTNQN" >"$TMP/etc/hostnqn"
	echo "$HOSTID" >"$TMP/etc/hostid"
	echo "--transport=$HOST_TR --traddr=$ADDR --persistent" >"$TMP/etc/discovery.conf"
	# Without its configuration the service for the paths does not start.
	rm "$TMP/conf/paths.conf"
	[ "$HOST_TR" != mptcp ] ||
		printf 'limits subflows 8 add_addr_accepted 8\nh1\nh2\nh3\n' >"$TMP/conf/paths.conf"
}

# boot: $INIT is systemd
boot()
{
	local unshare

	cat >"$TMP/boot" <<-END
		set -e
		mount -t proc none /proc
		mount -o remount,bind,ro /sys
		mount -t cgroup2 cgroup2 /sys/fs/cgroup
		mkdir -p /run/systemd
		mount -t tmpfs none /run/systemd
		mkdir /run/systemd/system
		mount --bind $TMP/etc /etc/nvme
		exec env -i container=selftest PATH=$PATH SYSTEMD_UNIT_PATH=$UNITS \\
			SYSTEMD_GENERATOR_PATH=/nonexistent /usr/lib/systemd/systemd --system \\
			--unit=selftest.target --log-target=null --show-status=no
	END
	# Not in_host: the process itself is wanted.
	${HOST_NS:+nsenter --net="/run/netns/$HOST_NS"} unshare --pid --mount --cgroup --ipc --uts \
		--fork --kill-child bash "$TMP/boot" </dev/null >"$TMP/boot.log" 2>&1 &
	unshare=$!
	wait_for 60 "systemd runs ($(cat "$TMP/boot.log"))" running "$unshare"
	INIT=$(pgrep -P "$unshare")
	echo "exec nsenter --mount --root --pid --target $INIT systemctl \"\$@\"" >"$TMP/systemctl"
}

# running UNSHARE: its child is systemd, and can be talked to
running()
{
	local init

	init=$(pgrep -P "$1") && nsenter --mount --root --pid --target "$init" systemctl is-active \
		selftest.target >/dev/null 2>&1
}

in_container()
{
	bash "$TMP/systemctl" "$@"
}

# connected NQN
connected()
{
	local ctrl

	for ctrl in $(controllers); do
		[ "$(cat "$SYS/$ctrl/subsysnqn" 2>/dev/null)" != "$1" ] || return 0
	done
	return 1
}

undo()
{
	tail -n 20 "$TMP/units.log" 2>/dev/null || :
}

are_endpoints()
{
	[ "$(in_host ip mptcp endpoint show | grep -c '^10\.1\.[123]\.1 .*dev h[123]')" = 3 ]
}

paths_after_boot()
{
	wait_for 20 "three endpoints" are_endpoints
	expect "the service" active "$(in_container is-active nvme-mptcp-paths.service)"
	expect "limits" "add_addr_accepted 8 subflows 8" "$(in_host ip mptcp limits show | xargs)"
	in_container restart nvme-mptcp-paths.service
	expect "the service after a restart" active \
		"$(in_container is-active nvme-mptcp-paths.service)"
}

controllers_after_boot()
{
	wait_for 60 "the subsystem is connected" connected "$NQN"
	wait_for 20 "nvmf-autoconnect has done its work" ended nvmf-autoconnect.service
	expect "its result" success "$(in_container show -P Result nvmf-autoconnect.service)"
	expect "kinds of controllers" "discovery io" "$(cat "$SYS"/nvme*/cntrltype | sort | xargs)"
}

# ended UNIT
ended()
{
	[ "$(in_container show -P ActiveState "$1")" = inactive ]
}

# The discovery controller that has stayed hears of it, udev, and systemd.
new_subsystem()
{
	subsystem "$NQN.new"
	publish 2 "$NQN.new"
	wait_for 60 "the new subsystem is connected" connected "$NQN.new"
}

has_loss_tmo()
{
	[ "$(attr "$1" ctrl_loss_tmo)" = "$2" ]
}

vendor()
{
	local ctrl

	for ctrl in $(controllers); do
		[ "$(attr "$ctrl" subsysnqn)" != "$NQN" ] ||
			wait_for 20 "ctrl_loss_tmo is off" has_loss_tmo "$ctrl" off
		[ "$(attr "$ctrl" subsysnqn)" != "$NQN.new" ] ||
			expect "ctrl_loss_tmo of another model" 600 "$(attr "$ctrl" ctrl_loss_tmo)"
	done
}

target_extra()
{
	echo "NetApp ONTAP Controller" >"$NVMET/subsystems/$NQN/attr_model" &&
		port 2 0.0.0.0 8009 &&
		publish 2 "$NQN"
}

USERSPACE=${USERSPACE:-$SELFTESTS/../userspace}
[ -e "$USERSPACE/Makefile" ] ||
	skip "what make install installs is not in $USERSPACE: USERSPACE= says where"
[ -x /usr/lib/systemd/systemd ] || skip "there is no systemd"
cli_knows || [ -n "${LD_LIBRARY_PATH:-}" ] ||
	skip "the libnvme of this machine does not know $HOST_TR: patches/libnvme"
KEEP=1
setup
in_host ip mptcp endpoint flush
in_host ip mptcp limits set subflows 2 add_addr_accepted 0
trap 'rules_remove; cleanup' EXIT
t "make install" install_all
units && etc_nvme && rules && boot || bail "systemd does not start: $(cat "$TMP/boot.log")"
[ "$HOST_TR" != mptcp ] || t "paths after boot" paths_after_boot
t "controllers after boot" controllers_after_boot
t "a subsystem that comes later" new_subsystem
t "a vendor's timeout" vendor
finish
