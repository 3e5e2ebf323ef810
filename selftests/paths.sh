#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The service that keeps the endpoints of MPTCP true (userspace/paths): with it a
# link that has lost its carrier has no subflow any more, at either end, and gets
# one again, while fio writes and verifies.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

[ "$HOST_TR/$PORT_TR" = mptcp/mptcp ] || skip "more than one subflow needs mptcp at both ends"

# endpoints: of the host, as ADDRESS INTERFACE, those of IPv4
endpoints()
{
	in_host ip mptcp endpoint show |
		sed -nE 's/^(10\.[0-9.]+) .* dev (h[0-9]).*/\1 \2/p' | sort | xargs
}

are_endpoints()
{
	[ "$(endpoints)" = "$*" ]
}

# await_endpoints LINK...
await_endpoints()
{
	local link wanted=()

	for link; do
		wanted+=("10.1.$link.1 h$link")
	done
	wait_for 20 "endpoints of links '$*' (there are: $(endpoints))" are_endpoints "${wanted[@]}"
}

# service: starts it for the host, with what comes as the configuration
service()
{
	cat >"$TMP/paths.conf"
	# Not in_host: the process itself is wanted.
	RUNTIME_DIRECTORY=$TMP/run nsenter --net="/run/netns/$HOST_NS" \
		"$PATHS" "$TMP/paths.conf" >>"$TMP/paths.log" 2>&1 &
	SERVICE=$!
}

service_stop()
{
	kill_tree "$SERVICE"
	wait "$SERVICE" || :
}

# for_links LINK...: the configuration
for_links()
{
	printf 'limits subflows 8 add_addr_accepted 8\n'
	printf 'h%s subflow\n' "$@"
}

# carrier LINK up|down: as if somebody pulled the plug at the target
carrier()
{
	in_target ip link set "t$1" "$2"
}

# both_have COUNT: established TCP connections at either end
both_have()
{
	[ "$(established)" = "$1" ] &&
		[ "$(in_target ss -Htn state established "sport = :$PORT" | wc -l)" = "$1" ]
}

# As a machine is after boot, and nothing is left of the subtest before
fresh()
{
	in_host ip mptcp endpoint flush
	in_host ip mptcp limits set subflows 2 add_addr_accepted 0
	rm -rf "$TMP/run"
	: >"$TMP/paths.log"
}

undo()
{
	local link

	cat "$TMP/paths.log"
	for ((link = 1; link <= LINKS; link++)); do
		carrier "$link" up
	done
	path_manager kernel
}

carrier_loss()
{
	local ctrl disk link others

	fresh
	service < <(for_links 1 2 3 4)
	await_endpoints 1 2 3 4
	ctrl=$(attach --nr-io-queues=1)
	disk=$(disk "$ctrl")
	wait_for 10 "4 subflows for each of 2 queues" both_have 8
	verify_begin "$disk" --bs=64k --runtime=600
	for others in '1 2 4' '2 3 4'; do
		link=$(tr -d " $others" <<<1234)
		carrier "$link" down
		# shellcheck disable=SC2086 # a list of words
		await_endpoints $others
		wait_for 10 "3 subflows for each of 2 queues, without link $link" both_have 6
		goes_on "$disk" "$LOAD" "without link $link"
		carrier "$link" up
		await_endpoints 1 2 3 4
		wait_for 20 "4 subflows for each of 2 queues, link $link is back" both_have 8
		goes_on "$disk" "$LOAD" "with link $link again"
	done
	verify_stop
	expect "state" live "$(attr "$ctrl" state)"
	expect "controller losses" 0 "$(log_since_mark | grep -c 'starting error recovery')"
}

# Nothing is gained by closing the last subflow.
last_link()
{
	fresh
	service < <(for_links 2 3)
	await_endpoints 2 3
	carrier 2 down
	await_endpoints 3
	carrier 3 down
	wait_for 10 "the service sees it" grep -q "all endpoints stay" "$TMP/paths.log"
	await_endpoints 3
	carrier 2 up
	await_endpoints 2
}

addresses()
{
	fresh
	service < <(for_links 2 3)
	await_endpoints 2 3
	in_host ip address delete 10.1.3.1/24 dev h3
	await_endpoints 2
	in_host ip address add 10.1.3.1/24 dev h3
	await_endpoints 2 3
}

one_endpoint()
{
	[ "$(in_host ip mptcp endpoint show | grep -c '^10\.')" = 1 ]
}

# The kernel keeps an endpoint whose interface is gone, and does not name that.
interface_removed()
{
	fresh
	in_host ip link add h5 type veth peer x5
	in_host ip address add 10.1.5.1/24 dev h5
	in_host ip link set x5 up
	in_host ip link set h5 up
	service < <(for_links 2 5)
	await_endpoints 2 5
	in_host ip link delete h5
	wait_for 20 "no endpoint but that of h2" one_endpoint
	await_endpoints 2
}

# An endpoint and limits that somebody else has set
left_alone()
{
	fresh
	in_host ip mptcp limits set subflows 5 add_addr_accepted 8
	in_host ip mptcp endpoint add 10.1.2.1 dev h2 subflow backup
	in_host ip mptcp endpoint add 10.1.4.1 dev h4 subflow
	service < <(printf 'limits subflows 4 add_addr_accepted 2\nh2\nh3\n')
	await_endpoints 2 3 4
	carrier 2 down
	carrier 3 down
	carrier 2 up
	await_endpoints 2 4
	in_host ip mptcp endpoint show | matches -E '^10\.1\.2\.1 .*backup' ||
		fail "the endpoint of somebody else was changed"
	expect "limits" "add_addr_accepted 8 subflows 5" "$(in_host ip mptcp limits show | xargs)"
	carrier 3 up
	await_endpoints 2 3 4
}

# It may be restarted at any time, with another configuration.
restart()
{
	fresh
	service < <(for_links 2 3)
	await_endpoints 2 3
	service_stop
	await_endpoints 2 3
	service < <(for_links 3 4)
	await_endpoints 3 4
	carrier 4 down
	await_endpoints 3
}

wrong_configurations()
{
	local line

	for line in '# nothing' 'limits subflows many' 'limits subflows 99' 'limits colour 3'; do
		echo "$line" >"$TMP/wrong.conf"
		[ "${line%% *}" != limits ] || echo h2 >>"$TMP/wrong.conf"
		RUNTIME_DIRECTORY=$TMP/run expect_failure "'$line'" \
			in_host "$PATHS" "$TMP/wrong.conf" |
			matches "wrong.conf" || fail "'$line': the message does not name the file"
	done
}

# path_manager NAME: of the host's connections, kernel or userspace
path_manager()
{
	in_host bash -c "echo $1 >/proc/sys/net/mptcp/path_manager"
}

managed_by_somebody_else()
{
	fresh
	path_manager userspace
	for_links 2 3 >"$TMP/paths.conf"
	RUNTIME_DIRECTORY=$TMP/run expect_failure "to start" in_host "$PATHS" "$TMP/paths.conf" |
		matches "user space manages the paths" || fail "the reason is not told"
	expect "endpoints" "" "$(endpoints)"
}

PATHS=${USERSPACE:-$SELFTESTS/../userspace}/paths/nvme-mptcp-paths
[ -x "$PATHS" ] || skip "the service is not in $PATHS: USERSPACE= says where"
setup
# fio must leave time to others.
for ((link = 1; link <= LINKS; link++)); do
	shape "$link" rate $((20 / SLOW))mbit
done
t "carriers are lost and return" carrier_loss
t "the last link keeps its endpoint" last_link
t "addresses go and come" addresses
t "an interface is removed" interface_removed
t "what is not its own is left alone" left_alone
t "restart with another configuration" restart
t "wrong configurations" wrong_configurations
t "user space manages the paths" managed_by_somebody_else
finish
