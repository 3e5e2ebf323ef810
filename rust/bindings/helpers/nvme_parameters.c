// SPDX-License-Identifier: GPL-2.0
/* The parameters of the host module, as functions for Rust. */
#include "helpers.h"
#include "parameters.h"

static int so_priority;
module_param(so_priority, int, 0644);
MODULE_PARM_DESC(so_priority,
		 "priority of the packets of new connections, if positive (default 0)");

static bool wq_unbound;
module_param(wq_unbound, bool, 0644);
MODULE_PARM_DESC(wq_unbound,
		 "let queues work on any CPU, not on one of those that they serve (default N)");

int helper_nvme_so_priority(void)
{
	return READ_ONCE(so_priority);
}

bool helper_nvme_wq_unbound(void)
{
	return READ_ONCE(wq_unbound);
}

unsigned int helper_nvme_tls_handshake_timeout(void)
{
	return READ_ONCE(tls_handshake_timeout);
}

unsigned int helper_nvme_peer_timeout(void)
{
	return READ_ONCE(peer_timeout);
}

void helper_nvme_congestion(char *name)
{
	copy_congestion(name);
}
