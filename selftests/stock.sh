#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# nvme-cli with the library that distributions have, which does not know the
# transport: it works as far as README.md says, and no further.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

unset LD_LIBRARY_PATH

connect_and_use()
{
	local ctrl

	ctrl=$(attach)
	fio_verify "$(disk "$ctrl")" --bs=64k --iodepth=8 --size=16m --io_size=4m
	nvme list-subsys -o json | matches "\"Transport\":\"$HOST_TR\"" ||
		fail "nvme list-subsys does not name the transport"
	nvme disconnect -n "$NQN" | matches "disconnected 1 controller" ||
		fail "nvme disconnect does not find the controller"
	expect "controllers" "" "$(controllers)"
}

# No port is given on: the driver takes the defaults.
default_ports()
{
	local ctrl

	ctrl=$(attach_to "$NQN" -a "$ADDR")
	attr "$ctrl" address | matches trsvcid=4420 ||
		fail "expected trsvcid=4420, got $(attr "$ctrl" address)"
	in_host nvme discover -t "$HOST_TR" -a "$ADDR" | matches "$NQN" ||
		fail "the log at 8009 does not name $NQN"
}

# Its records have no name, and connect-all leaves them alone.
unknown_records()
{
	in_host nvme discover -t "$HOST_TR" -a "$ADDR" -s "$PORT" |
		matches -E '^trtype: +unrecognized' || fail "the transport has a name"
	in_host nvme connect-all -t "$HOST_TR" -a "$ADDR" -s "$PORT" || :
	expect "controllers" "" "$(controllers)"
}

target_extra()
{
	port 2 0.0.0.0 8009 && publish 2 "$NQN"
}

! cli_knows || skip "the libnvme of this machine knows $HOST_TR"
setup
t "connect, use, disconnect" connect_and_use
t "default ports" default_ports
t "records that it does not know" unknown_records
finish
