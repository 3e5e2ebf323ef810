# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# The host's side: connect, look, disconnect; sourced by lib.sh.

HOSTNQN=nqn.2014-08.org.nvmexpress:uuid:7c2d2f4e-0d1f-4f59-9a57-2b7b0f6c9d01
HOSTID=7c2d2f4e-0d1f-4f59-9a57-2b7b0f6c9d01
# what the target knows of it
export PEER_DIR=$NVMET/hosts/$HOSTNQN
HOST_OPTIONS=hostnqn=$HOSTNQN,hostid=$HOSTID${TLS:+,tls}
SYS=/sys/class/nvme

# cli_library: the one that nvme-cli runs with
cli_library()
{
	ldd "$(command -v nvme)" | awk '$1 ~ /^libnvme\.so/ { print $3 }'
}

# cli_knows: it knows the transport
cli_knows()
{
	grep -qw "$HOST_TR" "$(cli_library)"
}

# attach [OPTION...]: stock `nvme connect` to $NQN; prints the controller.
attach()
{
	attach_to "$NQN" -a "$ADDR" -s "$PORT" "$@"
}

# attach_to NQN OPTION...
attach_to()
{
	in_host nvme connect -t "$HOST_TR" -n "$1" --hostnqn "$HOSTNQN" \
		--hostid "$HOSTID" ${TLS:+--tls} -o json "${@:2}" | jq -r .device
}

# attach_raw [OPTION,...]: the same without nvme-cli, whose library may not know
# the transport, and then does not pass all options on.
attach_raw()
{
	fabrics "traddr=$ADDR,trsvcid=$PORT,nqn=$NQN${1:+,$1}"
}

# fabrics OPTION,...: exactly these options; prints the controller. The words of
# $FABRICS_AS are put before the command.
fabrics()
{
	local reply

	# shellcheck disable=SC2016,SC2086 # for the inner shell; a list of words
	reply=$(in_host ${FABRICS_AS:-} bash -c \
		'exec 3<>/dev/nvme-fabrics && echo "$1" >&3 && cat <&3' - \
		"transport=$HOST_TR,$HOST_OPTIONS,$1") || return
	[[ $reply =~ instance=([0-9]+) ]] || fail "no instance in the reply '$reply'"
	echo "nvme${BASH_REMATCH[1]}"
}

# attr CONTROLLER NAME: of sysfs
attr()
{
	local value=

	read -r value <"$SYS/$1/$2" || [ -n "$value" ] || return
	echo "$value"
}

is_state()
{
	local state

	# There may be no file, or none any more.
	{ read -r state <"$SYS/$1/state"; } 2>/dev/null && [ "$state" = "$2" ]
}

not_live()
{
	! is_state "$1" live
}

# await_state CONTROLLER STATE [SECONDS]
await_state()
{
	wait_for "${3:-20}" "controller $1 is $2 (it is $(cat "$SYS/$1/state" 2>&1))" is_state \
		"$1" "$2"
}

# stays_live CONTROLLER MS: it is left alone, and never leaves that state
stays_live()
{
	local end

	end=$(($(now_ms) + $2))
	while [ "$(now_ms)" -lt "$end" ]; do
		is_state "$1" live || fail "the idle controller went $(attr "$1" state)"
		pause 0.5
	done
}

controllers()
{
	local dir

	for dir in "$SYS"/nvme*; do
		[ ! -e "$dir" ] || echo "${dir##*/}"
	done
}

# disk_name CONTROLLER [NSID]: with native multipath the device to use is the
# subsystem's (nvme0n1), and the controller's own (nvme0c1n1) is hidden.
disk_name()
{
	local path name nsid

	for path in "$SYS/$1"/nvme*n*; do
		{ read -r nsid <"$path/nsid"; } 2>/dev/null || continue
		[ "$nsid" = "${2:-1}" ] || continue
		[[ $path =~ /(nvme[0-9]+)(c[0-9]+)?(n[0-9]+)$ ]] || continue
		name=${BASH_REMATCH[1]}${BASH_REMATCH[3]}
		[ -b "/dev/$name" ] || continue
		echo "/dev/$name"
		return
	done
	return 1
}

disk_ready()
{
	local disk

	disk=$(disk_name "$@") && [ "$(blockdev --getsize64 "$disk")" -gt 0 ]
}

# disk CONTROLLER [NSID]: wait for the block device and print it
disk()
{
	wait_for 15 "the disk of $1" disk_ready "$@"
	disk_name "$@"
}

# idle_disk CONTROLLER [NSID]: the same, when udev has had its look: whoever lets
# the next command come to grief means their own
idle_disk()
{
	disk "$@"
	udevadm settle --timeout=10 || :
}

# grown CONTROLLER NQN NSID: wait for the disk of a namespace that was enabled
# just now. nvmet sends the event before the namespace is enabled, and a quick
# host looks too early: then it is enabled again, for another event.
grown()
{
	local enable=$NVMET/subsystems/$2/namespaces/$3/enable

	wait_until $((3 * SLOW)) disk_ready "$1" "$3" && return
	echo 0 >"$enable"
	echo 1 >"$enable"
	wait_until $((3 * SLOW)) disk_ready "$1" "$3" && return
	echo 0 >"$enable"
	echo 1 >"$enable"
	wait_for 10 "namespace $3 appears" disk_ready "$1" "$3"
}

detach()
{
	nvme disconnect -d "$1" >/dev/null
}

no_controllers()
{
	[ -z "$(controllers)" ]
}

# host_clear: no controller is left, and nobody waits for one. A script may
# have jobs of its own that go on.
host_clear()
{
	local ctrl jobs=()

	for ctrl in $(controllers); do
		echo 1 >"$SYS/$ctrl/delete_controller" &
		jobs+=($!)
	done 2>/dev/null
	if wait_until $((30 * SLOW)) no_controllers; then
		[ ${#jobs[@]} = 0 ] || wait "${jobs[@]}"
	else
		echo "# controllers that do not go away: $(controllers | xargs)"
	fi
}
