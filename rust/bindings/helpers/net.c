// SPDX-License-Identifier: GPL-2.0
/* Static inlines and macros of the network stack, as functions for Rust. */
#include <linux/llist.h>
#include <linux/mm.h>
#include <linux/netdevice.h>
#include <linux/nsproxy.h>
#include <linux/rcupdate.h>
#include <linux/sched/mm.h>
#include <net/inet_sock.h>
#include <net/ipv6.h>
#include <net/net_namespace.h>
#include <net/sock.h>
#include <trace/events/sock.h>

#include "helpers.h"

struct net *helper_current_net(void)
{
	return current->nsproxy->net_ns;
}

void helper_get_net(struct net *net)
{
	get_net(net);
}

void helper_put_net(struct net *net)
{
	put_net(net);
}

bool helper_net_has_device(struct net *net, const char *name)
{
	guard(rcu)();
	return dev_get_by_name_rcu(net, name);
}

int helper_sock_setsockopt(struct socket *sock, int level, int name,
			   void *value, int len)
{
	return do_sock_setsockopt(sock, false, level, name,
				  KERNEL_SOCKPTR(value), len);
}

void helper_write_lock_callbacks(struct sock *sk)
{
	write_lock_bh(&sk->sk_callback_lock);
}

void helper_write_unlock_callbacks(struct sock *sk)
{
	write_unlock_bh(&sk->sk_callback_lock);
}

void helper_read_lock_callbacks(struct sock *sk)
{
	read_lock_bh(&sk->sk_callback_lock);
}

void helper_read_unlock_callbacks(struct sock *sk)
{
	read_unlock_bh(&sk->sk_callback_lock);
}

bool helper_sk_stream_is_writeable(struct sock *sk)
{
	return sk_stream_is_writeable(sk);
}

/* An IPv6 socket has the TOS of a peer that speaks IPv4, like an IPv4 socket. */
u8 helper_sk_received_tos(const struct sock *sk)
{
#if IS_ENABLED(CONFIG_IPV6)
	if (sk->sk_family == AF_INET6 && !ipv6_addr_v4mapped(&sk->sk_v6_daddr))
		return ip6_tclass(READ_ONCE(inet6_sk(sk)->rcv_flowinfo));
#endif
	return READ_ONCE(inet_sk(sk)->rcv_tos);
}

int helper_sk_incoming_cpu(const struct sock *sk)
{
	return READ_ONCE(sk->sk_incoming_cpu);
}

unsigned int helper_memalloc_noreclaim_save(void)
{
	return memalloc_noreclaim_save();
}

void helper_memalloc_noreclaim_restore(unsigned int flags)
{
	memalloc_noreclaim_restore(flags);
}

unsigned int helper_memalloc_noio_save(void)
{
	return memalloc_noio_save();
}

void helper_memalloc_noio_restore(unsigned int flags)
{
	memalloc_noio_restore(flags);
}

bool helper_llist_add(struct llist_node *node, struct llist_head *head)
{
	return llist_add(node, head);
}

struct llist_node *helper_llist_del_all(struct llist_head *head)
{
	return llist_del_all(head);
}

struct page *helper_addr_to_page(const void *addr)
{
	if (is_vmalloc_or_module_addr(addr))
		return vmalloc_to_page(addr);
	return virt_to_page(addr);
}

void *helper_page_address(struct page *page)
{
	return page_address(page);
}

void helper_synchronize_rcu_tasks(void)
{
	synchronize_rcu_tasks();
}

void helper_trace_sk_data_ready(const struct sock *sk)
{
	trace_sk_data_ready(sk);
}

#ifdef CONFIG_DEBUG_LOCK_ALLOC
static struct lock_class_key mptcp_sk_key[2];
static struct lock_class_key mptcp_slock_key[2];

/*
 * A kernel MPTCP socket and its subflows, which are kernel sockets too, would
 * share one lock class although the first is held while the others are taken.
 * The module is referenced until the sock is gone, because its keys are used.
 */
void helper_sock_reclassify(struct sock *sk)
{
	if (sk->sk_family == AF_INET)
		sock_lock_init_class_and_name(sk, "slock-AF_INET-NVME-MPTCP",
					      &mptcp_slock_key[0],
					      "sk_lock-AF_INET-NVME-MPTCP",
					      &mptcp_sk_key[0]);
	else
		sock_lock_init_class_and_name(sk, "slock-AF_INET6-NVME-MPTCP",
					      &mptcp_slock_key[1],
					      "sk_lock-AF_INET6-NVME-MPTCP",
					      &mptcp_sk_key[1]);
}
#else
void helper_sock_reclassify(struct sock *sk)
{
}
#endif
