// SPDX-License-Identifier: GPL-2.0
/*
 * What a subflow has of its MPTCP socket, where no tool can see it, for
 * selftests/subflows.sh:
 *
 *	cat /sys/module/subflow_sk/parameters/memalloc
 *
 * prints how many established subflows there are in the network namespace of
 * the reader, how many of them may use the memory reserves (SOCK_MEMALLOC), and
 * how many do not wait for memory (sk_allocation).
 */

#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/nsproxy.h>
#include <linux/rculist_nulls.h>
#include <net/inet_hashtables.h>
#include <net/mptcp.h>
#include <net/net_namespace.h>
#include <net/sock.h>
#include <net/tcp.h>

static int memalloc_get(char *buffer, const struct kernel_param *kp)
{
	struct net *net = current->nsproxy->net_ns;
	struct inet_hashinfo *hashinfo = net->ipv4.tcp_death_row.hashinfo;
	unsigned int subflows = 0, memalloc = 0, no_wait = 0, i;

	rcu_read_lock();
	for (i = 0; i <= hashinfo->ehash_mask; i++) {
		struct hlist_nulls_node *node;
		struct sock *sk;

		sk_nulls_for_each_rcu(sk, node, &hashinfo->ehash[i].chain) {
			if (sk->sk_state != TCP_ESTABLISHED ||
			    !net_eq(sock_net(sk), net) || !sk_is_mptcp(sk))
				continue;
			subflows++;
			memalloc += sock_flag(sk, SOCK_MEMALLOC);
			no_wait += !(sk->sk_allocation & __GFP_DIRECT_RECLAIM);
		}
	}
	rcu_read_unlock();

	return sysfs_emit(buffer, "%u %u %u\n", subflows, memalloc, no_wait);
}

static const struct kernel_param_ops memalloc_ops = {
	.get = memalloc_get,
};

module_param_cb(memalloc, &memalloc_ops, NULL, 0444);
MODULE_PARM_DESC(memalloc, "subflows, those with SOCK_MEMALLOC, those that don't wait");

static int __init subflow_sk_init(void)
{
	return 0;
}
module_init(subflow_sk_init);

static void __exit subflow_sk_exit(void)
{
}
module_exit(subflow_sk_exit);

MODULE_DESCRIPTION("Selftest: what subflows have of their MPTCP socket");
MODULE_LICENSE("GPL");
