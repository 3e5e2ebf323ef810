// SPDX-License-Identifier: GPL-2.0
/*
 * The subflows of a connection. MPTCP tells user space of them (MPTCP_FULL_INFO),
 * and has no function for the kernel that does, so its own header is needed here,
 * and here alone.
 */
#include <net/tcp.h>

#include "protocol.h"
#include "helpers.h"

static void fill_addrs(const struct sock *ssk, struct helper_subflow *to)
{
	struct sockaddr_in *local = (struct sockaddr_in *)&to->local;
	struct sockaddr_in *remote = (struct sockaddr_in *)&to->remote;
	const struct inet_sock *inet = inet_sk(ssk);

#if IS_ENABLED(CONFIG_IPV6)
	if (ssk->sk_family == AF_INET6) {
		struct sockaddr_in6 *local6 = (struct sockaddr_in6 *)&to->local;
		struct sockaddr_in6 *remote6 = (struct sockaddr_in6 *)&to->remote;

		local6->sin6_family = AF_INET6;
		local6->sin6_port = inet->inet_sport;
		local6->sin6_addr = ssk->sk_v6_rcv_saddr;
		remote6->sin6_family = AF_INET6;
		remote6->sin6_port = inet->inet_dport;
		remote6->sin6_addr = ssk->sk_v6_daddr;
		return;
	}
#endif
	local->sin_family = AF_INET;
	local->sin_port = inet->inet_sport;
	local->sin_addr.s_addr = inet->inet_rcv_saddr;
	remote->sin_family = AF_INET;
	remote->sin_port = inet->inet_dport;
	remote->sin_addr.s_addr = inet->inet_daddr;
}

static void fill(struct sock *ssk, struct helper_subflow *to)
{
	fill_addrs(ssk, to);
	tcp_get_info(ssk, &to->tcp);
}

/*
 * Fills in up to @size of the subflows of @sk, or the one connection that a
 * socket of plain TCP is; returns how many. What is not filled in stays as it is.
 */
unsigned int helper_subflows(struct sock *sk, struct helper_subflow *to,
			     unsigned int size)
{
	struct mptcp_subflow_context *subflow;
	unsigned int count = 0;

	if (!size)
		return 0;
	if (sk->sk_protocol != IPPROTO_MPTCP) {
		fill(sk, to);
		return 1;
	}

	lock_sock(sk);
	mptcp_for_each_subflow(mptcp_sk(sk), subflow) {
		if (count == size)
			break;
		to[count].id = subflow->subflow_id;
		to[count].backup = subflow->backup || subflow->request_bkup;
		to[count].stale = subflow->stale;
		fill(mptcp_subflow_tcp_sock(subflow), &to[count++]);
	}
	release_sock(sk);

	return count;
}
