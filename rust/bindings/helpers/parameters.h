/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The parameters that both modules have; included by what has those of one. They
 * are in C because the module macro of Rust has none that can be written.
 */
#include <linux/jiffies.h>
#include <linux/minmax.h>
#include <linux/moduleparam.h>
#include <linux/string.h>
#include <linux/time64.h>
#include <net/tcp.h>

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

static char congestion[TCP_CA_NAME_MAX];

static int congestion_set(const char *val, const struct kernel_param *kp)
{
	/* What is written to sysfs ends with a newline. */
	size_t len = strcspn(val, "\n");

	if (len >= sizeof(congestion))
		return -EINVAL;
	memset(congestion, 0, sizeof(congestion));
	memcpy(congestion, val, len);
	return 0;
}

static int congestion_get(char *buffer, const struct kernel_param *kp)
{
	return sysfs_emit(buffer, "%s\n", congestion);
}

static const struct kernel_param_ops congestion_ops = {
	.set = congestion_set,
	.get = congestion_get,
};

module_param_cb(congestion, &congestion_ops, congestion, 0644);
__MODULE_PARM_TYPE(congestion, "string");
MODULE_PARM_DESC(congestion,
		 "congestion control of new connections, empty for the namespace's (default empty)");

/* Fills in TCP_CA_NAME_MAX bytes. */
static void copy_congestion(char *name)
{
	/* It may be written meanwhile. */
	kernel_param_lock(THIS_MODULE);
	memcpy(name, congestion, sizeof(congestion));
	kernel_param_unlock(THIS_MODULE);
}
