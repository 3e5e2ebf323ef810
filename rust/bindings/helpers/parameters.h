/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The parameters that both modules have; included by what has those of one. They
 * are in C because the module macro of Rust has none that can be written.
 */
#include <linux/jiffies.h>
#include <linux/minmax.h>
#include <linux/moduleparam.h>
#include <linux/time64.h>

static unsigned int tls_handshake_timeout = 10;

static unsigned int peer_timeout = 120;

static int seconds_set(const char *val,
		       const struct kernel_param *kp)
{
	return param_set_uint_minmax(val, kp, 0,
				     min_t(unsigned long, UINT_MAX / MSEC_PER_SEC,
					   MAX_JIFFY_OFFSET / HZ));
}

static const struct kernel_param_ops seconds_ops = {
	.set = seconds_set,
	.get = param_get_uint,
};

module_param_cb(tls_handshake_timeout, &seconds_ops, &tls_handshake_timeout,
		0644);
__MODULE_PARM_TYPE(tls_handshake_timeout, "uint");
MODULE_PARM_DESC(tls_handshake_timeout,
		 "seconds that a TLS handshake may take (default 10)");

module_param_cb(peer_timeout, &seconds_ops, &peer_timeout, 0644);
__MODULE_PARM_TYPE(peer_timeout, "uint");
MODULE_PARM_DESC(peer_timeout,
		 "seconds that a peer of new connections may be silent, 0 for ever (default 120)");
