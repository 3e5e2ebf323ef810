// SPDX-License-Identifier: GPL-2.0
/* The parameters of the target module, as functions for Rust. */
#include <linux/limits.h>

#include "helpers.h"
#include "parameters.h"

static int not_negative_set(const char *val, const struct kernel_param *kp)
{
	return param_set_uint_minmax(val, kp, 0, INT_MAX);
}

static const struct kernel_param_ops not_negative_ops = {
	.set = not_negative_set,
	.get = param_get_uint,
};

static unsigned int so_priority;
module_param_cb(so_priority, &not_negative_ops, &so_priority, 0644);
__MODULE_PARM_TYPE(so_priority, "int");
MODULE_PARM_DESC(so_priority,
		 "priority of the packets of new connections, if positive (default 0)");

static unsigned int idle_poll_period_usecs;
module_param_cb(idle_poll_period_usecs, &not_negative_ops,
		&idle_poll_period_usecs, 0644);
__MODULE_PARM_TYPE(idle_poll_period_usecs, "int");
MODULE_PARM_DESC(idle_poll_period_usecs,
		 "microseconds that a connection looks for more to do before its work ends (default 0)");

int helper_nvmet_so_priority(void)
{
	return READ_ONCE(so_priority);
}

unsigned int helper_nvmet_idle_poll_period_usecs(void)
{
	return READ_ONCE(idle_poll_period_usecs);
}

unsigned int helper_nvmet_tls_handshake_timeout(void)
{
	return READ_ONCE(tls_handshake_timeout);
}

unsigned int helper_nvmet_peer_timeout(void)
{
	return READ_ONCE(peer_timeout);
}

void helper_nvmet_congestion(char *name)
{
	copy_congestion(name);
}
