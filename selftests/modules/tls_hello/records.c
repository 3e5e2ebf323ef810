// SPDX-License-Identifier: GPL-2.0
/* What is said after the handshake, in records of TLS. */

#include <linux/key.h>
#include <linux/net.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <linux/socket.h>
#include <net/handshake.h>
#include <net/sock.h>
#include <net/tls_prot.h>

#include "hello.h"

/* Several records, and less than what the smallest socket buffer takes. */
#define CHUNK ((size_t)SZ_32K)

static int hello_send(struct hello *h, void *data, size_t len)
{
	struct msghdr msg = { .msg_flags = MSG_NOSIGNAL };
	struct kvec iov = { .iov_base = data, .iov_len = len };
	int ret = kernel_sendmsg(h->sock, &msg, &iov, 1, len);

	/* A socket that blocks takes all, or has an error. */
	return ret < 0 || ret == len ? ret : -EIO;
}

/* Returns the length, 0 if the peer has closed in order, or an error. */
static int hello_recv(struct hello *h, u8 *data, size_t len)
{
	union {
		struct cmsghdr header;
		u8 space[CMSG_SPACE(sizeof(u8))];
	} control = {};
	struct msghdr msg = {
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	struct kvec iov = { .iov_base = data, .iov_len = len };
	int ret = kernel_recvmsg(h->sock, &msg, &iov, 1, len, 0);

	if (ret < 0)
		return ret;
	/* The end without a goodbye: it may have been cut off. */
	if (!ret)
		return -ECONNRESET;
	switch (tls_get_record_type(h->sock->sk, &control.header)) {
	case TLS_RECORD_TYPE_DATA:
		return ret;
	case TLS_RECORD_TYPE_ALERT:
		h->alert = ret < 2 ? -1 : data[1];
		return h->alert == TLS_ALERT_DESC_CLOSE_NOTIFY ? 0 : -EPROTO;
	default:
		return -EBADMSG;
	}
}

static int hello_recv_all(struct hello *h, u8 *data, size_t len)
{
	int ret;

	for (; len; len -= ret, data += ret) {
		ret = hello_recv(h, data, len);
		if (ret <= 0)
			return ret ?: -ECONNRESET;
	}
	return 0;
}

static int hello_ask_in(struct hello *h, u8 *buf)
{
	size_t left, len;
	int ret;

	for (left = h->bytes; left; left -= len) {
		len = min(left, CHUNK);
		get_random_bytes(buf, len);
		h->stage = "send";
		ret = hello_send(h, buf, len);
		if (ret < 0)
			return ret;
		h->stage = "receive";
		ret = hello_recv_all(h, buf + CHUNK, len);
		if (ret)
			return ret;
		if (memcmp(buf, buf + CHUNK, len))
			return -EILSEQ;
	}
	return 0;
}

static int hello_echo_in(struct hello *h, u8 *buf)
{
	int ret;

	for (;;) {
		h->stage = "receive";
		ret = hello_recv(h, buf, CHUNK);
		if (ret <= 0)
			return ret;
		h->stage = "send";
		ret = hello_send(h, buf, ret);
		if (ret < 0)
			return ret;
	}
}

static int hello_with_buffer(struct hello *h, int (*talk)(struct hello *h, u8 *buf))
{
	u8 *buf = kvmalloc(2 * CHUNK, GFP_KERNEL);
	int ret;

	if (!buf)
		return -ENOMEM;
	ret = talk(h, buf);
	kvfree(buf);
	return ret;
}

/**
 * hello_ask - send @bytes of random data, and want to have them back
 * @h: a connection
 */
int hello_ask(struct hello *h)
{
	return hello_with_buffer(h, hello_ask_in);
}

/**
 * hello_echo - send back what comes, until the peer closes in order
 * @h: a connection
 */
int hello_echo(struct hello *h)
{
	return hello_with_buffer(h, hello_echo_in);
}
