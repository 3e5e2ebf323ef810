#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# File systems: make one, copy a tree, unmount, mount again, compare.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

TREE=${TREE:-/usr/include/linux}

# tree_on DISK TYPE MOUNTPOINT
tree_on()
{
	mount -t "$2" "$1" "$3" || fail "mount of $2"
	cp -a "$TREE" "$3/tree" || fail "copy of $TREE"
	head -c 20000003 /dev/urandom >"$TMP/large"
	cp "$TMP/large" "$3/large"
	sync -f "$3"
	umount "$3" || fail "umount of $2"
	blockdev --flushbufs "$1"
}

file_system()
{
	local type=$1 check=$2 ctrl disk dir=$TMP/mnt

	mkdir -p "$dir"
	ctrl=$(attach)
	disk=$(disk "$ctrl")
	"mkfs.$type" -q "${@:3}" "$disk" || fail "mkfs.$type"
	tree_on "$disk" "$type" "$dir"
	# Everything that the caches of this controller knew is gone with it.
	detach "$ctrl"
	ctrl=$(attach)
	disk=$(disk "$ctrl")
	mount -t "$type" -o ro "$disk" "$dir" || fail "second mount of $type"
	diff -r --no-dereference "$TREE" "$dir/tree" || fail "the tree differs on $type"
	cmp "$TMP/large" "$dir/large" || fail "the large file differs on $type"
	umount "$dir"
	# shellcheck disable=SC2086 # a command line
	$check "$disk" || fail "$check finds something wrong"
}

# fstrim is a discard of all that is free; the data must survive it.
trimmed()
{
	local disk dir=$TMP/mnt

	mkdir -p "$dir"
	disk=$(disk "$(attach)")
	mount -t ext4 "$disk" "$dir"
	rm -r "$dir/tree"
	fstrim "$dir" || fail "fstrim"
	cmp "$TMP/large" "$dir/large" || fail "the large file differs after fstrim"
	umount "$dir"
	e2fsck -fn "$disk" || fail "e2fsck after fstrim"
}

undo()
{
	! mountpoint -q "$TMP/mnt" || umount "$TMP/mnt"
}

# xfs wants 300 MiB; memory is used only for what is written
target_extra()
{
	namespace_remove "$NQN" 1 && backend big 320 memory_backed=1 discard=1 &&
		namespace "$NQN" 1 /dev/big
}

setup
t "xfs" file_system xfs "xfs_repair -n" -f
t "ext4" file_system ext4 "e2fsck -fn" -F
t "ext4 after fstrim" trimmed
finish
