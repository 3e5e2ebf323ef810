// SPDX-License-Identifier: GPL-2.0
/*
 * A user of the kernel's TLS handshakes, for selftests/tlshd.sh: it does with
 * tlshd and kTLS what an NVMe transport does, without NVMe, over TCP or MPTCP.
 *
 *	exec 3<>/dev/tls_hello
 *	echo "client,proto=mptcp,addr=10.1.1.2,port=4433,psk=$KEY" >&3
 *	cat <&3		# "stage=done error=0 ..."
 *	exec 3>&-	# the connection lasts until here
 *
 * One write does it all, in the network namespace of the writer: a client
 * connects, shakes hands, sends data and wants to get it back. A server
 * accepts one connection, shakes hands, and echoes until the other says
 * goodbye. A write fails if the options are wrong; what became of the
 * connection is for the reader, who learns the last stage that was reached.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/fs.h>
#include <linux/inet.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mptcp.h>
#include <linux/nsproxy.h>
#include <linux/parser.h>
#include <linux/slab.h>
#include <net/mptcp.h>
#include <net/sock.h>

#include "hello.h"

enum {
	OPT_CLIENT, OPT_SERVER, OPT_TCP, OPT_MPTCP, OPT_ADDR, OPT_PORT,
	OPT_PSK, OPT_X509, OPT_KEYRING, OPT_PEERNAME,
	OPT_BYTES, OPT_TIMEOUT, OPT_WAIT, OPT_UNKNOWN,
};

static const match_table_t hello_options = {
	{ OPT_CLIENT,	"client" },
	{ OPT_SERVER,	"server" },
	{ OPT_TCP,	"proto=tcp" },
	{ OPT_MPTCP,	"proto=mptcp" },
	{ OPT_ADDR,	"addr=%s" },
	{ OPT_PORT,	"port=%s" },
	{ OPT_PSK,	"psk=%d" },
	{ OPT_X509,	"x509" },
	{ OPT_KEYRING,	"keyring=%d" },
	{ OPT_PEERNAME,	"peername=%s" },
	{ OPT_BYTES,	"bytes=%u" },
	{ OPT_TIMEOUT,	"timeout=%u" },
	{ OPT_WAIT,	"wait=%u" },
	{ OPT_UNKNOWN,	NULL },
};

/* @addr and @port point into what is parsed. */
static int hello_parse_one(struct hello *h, char *option, char **addr, char **port)
{
	substring_t args[MAX_OPT_ARGS];

	switch (match_token(option, hello_options, args)) {
	case OPT_CLIENT:
		h->server = false;
		return 0;
	case OPT_SERVER:
		h->server = true;
		return 0;
	case OPT_TCP:
		h->protocol = IPPROTO_TCP;
		return 0;
	case OPT_MPTCP:
		h->protocol = IPPROTO_MPTCP;
		return 0;
	case OPT_ADDR:
		*addr = args[0].from;
		return 0;
	case OPT_PORT:
		*port = args[0].from;
		return 0;
	case OPT_PSK:
		return match_int(&args[0], &h->psk);
	case OPT_X509:
		h->x509 = true;
		return 0;
	case OPT_KEYRING:
		return match_int(&args[0], &h->keyring);
	case OPT_PEERNAME:
		kfree(h->peername);
		h->peername = match_strdup(&args[0]);
		return h->peername ? 0 : -ENOMEM;
	case OPT_BYTES:
		return match_uint(&args[0], &h->bytes);
	case OPT_TIMEOUT:
		return match_uint(&args[0], &h->timeout_ms);
	case OPT_WAIT:
		return match_uint(&args[0], &h->wait_ms);
	default:
		pr_err("option '%s' is unknown, or has a wrong value\n", option);
		return -EINVAL;
	}
}

static int hello_parse(struct hello *h, char *options)
{
	char *option, *addr = NULL, *port = NULL;
	int ret;

	while ((option = strsep(&options, ",\n"))) {
		ret = *option ? hello_parse_one(h, option, &addr, &port) : 0;
		if (ret)
			return ret;
	}
	if (!addr || !port)
		return -EINVAL;
	return inet_pton_with_scope(current->nsproxy->net_ns, AF_UNSPEC, addr,
				    port, &h->addr);
}

static int hello_converse(struct hello *h)
{
	int ret = h->server ? hello_accept(h) : hello_connect(h);

	if (!ret)
		ret = hello_shake_hands(h);
	if (!ret)
		ret = h->server ? hello_echo(h) : hello_ask(h);
	if (!ret)
		h->stage = "done";
	return ret;
}

/* "-" stands for what does not exist with plain TCP. */
static char *hello_report(struct hello *h, int error)
{
	struct sock *sk = h->sock ? h->sock->sk : NULL;
	char mptcp[48] = "fallback=- subflows=-";
	struct mptcp_info info;

	if (sk && sk->sk_protocol == IPPROTO_MPTCP) {
		mptcp_diag_fill_info((struct mptcp_sock *)sk, &info);
		snprintf(mptcp, sizeof(mptcp), "fallback=%d subflows=%d",
			 !!(info.mptcpi_flags & MPTCP_INFO_FLAG_FALLBACK),
			 info.mptcpi_subflows_total);
	}
	return kasprintf(GFP_KERNEL,
			 "stage=%s error=%d alert=%d peerid=%d proto=%d %s\n",
			 h->stage, -error, h->alert, h->peerid,
			 sk ? sk->sk_protocol : 0, mptcp);
}

static int hello_open(struct inode *inode, struct file *file)
{
	struct hello *h = kzalloc(sizeof(*h), GFP_KERNEL);

	if (!h)
		return -ENOMEM;
	mutex_init(&h->lock);
	h->protocol = IPPROTO_MPTCP;
	h->bytes = SZ_32K;
	h->timeout_ms = 10 * MSEC_PER_SEC;
	h->wait_ms = 20 * MSEC_PER_SEC;
	h->alert = -1;
	file->private_data = h;
	return 0;
}

static ssize_t hello_write(struct file *file, const char __user *data,
			   size_t len, loff_t *pos)
{
	struct hello *h = file->private_data;
	char *options;
	int ret;

	if (len >= PAGE_SIZE)
		return -EINVAL;
	options = memdup_user_nul(data, len);
	if (IS_ERR(options))
		return PTR_ERR(options);
	if (mutex_lock_interruptible(&h->lock)) {
		kfree(options);
		return -EINTR;
	}
	ret = h->stage ? -EBUSY : hello_parse(h, options);
	kfree(options);
	if (!ret) {
		h->result = hello_report(h, hello_converse(h));
		ret = h->result ? 0 : -ENOMEM;
	}
	mutex_unlock(&h->lock);
	return ret ?: len;
}

static ssize_t hello_read(struct file *file, char __user *data, size_t len,
			  loff_t *pos)
{
	struct hello *h = file->private_data;
	ssize_t ret = 0;

	if (mutex_lock_interruptible(&h->lock))
		return -EINTR;
	if (h->result)
		ret = simple_read_from_buffer(data, len, pos, h->result,
					      strlen(h->result));
	mutex_unlock(&h->lock);
	return ret;
}

static int hello_release(struct inode *inode, struct file *file)
{
	struct hello *h = file->private_data;

	hello_close(h);
	kfree(h->result);
	kfree(h->peername);
	kfree(h);
	return 0;
}

static const struct file_operations hello_fops = {
	.owner = THIS_MODULE,
	.open = hello_open,
	.write = hello_write,
	.read = hello_read,
	.release = hello_release,
};

static struct miscdevice hello_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "tls_hello",
	.fops = &hello_fops,
	.mode = 0600,
};
module_misc_device(hello_device);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("TLS handshakes on kernel sockets, for the selftests");
