// SPDX-License-Identifier: GPL-2.0
/* A socket, and the handshake on it. */

#include <linux/file.h>
#include <linux/key.h>
#include <linux/net.h>
#include <linux/nsproxy.h>
#include <linux/slab.h>
#include <net/handshake.h>
#include <net/net_namespace.h>
#include <net/sock.h>

#include "hello.h"

#ifdef CONFIG_DEBUG_LOCK_ALLOC
static struct lock_class_key hello_sk_key[2];
static struct lock_class_key hello_slock_key[2];

/*
 * A kernel MPTCP socket and its subflows, which are kernel sockets too, would
 * share one lock class although the first is held while the others are taken.
 */
static void hello_reclassify(struct sock *sk)
{
	if (sk->sk_family == AF_INET)
		sock_lock_init_class_and_name(sk, "slock-AF_INET-HELLO",
					      &hello_slock_key[0],
					      "sk_lock-AF_INET-HELLO",
					      &hello_sk_key[0]);
	else
		sock_lock_init_class_and_name(sk, "slock-AF_INET6-HELLO",
					      &hello_slock_key[1],
					      "sk_lock-AF_INET6-HELLO",
					      &hello_sk_key[1]);
}
#else
static void hello_reclassify(struct sock *sk)
{
}
#endif

static int hello_socket(struct hello *h, struct socket **sock)
{
	int ret;

	h->stage = "socket";
	ret = sock_create_kern(current->nsproxy->net_ns, h->addr.ss_family,
			       SOCK_STREAM, h->protocol, sock);
	if (ret)
		return ret;
	hello_reclassify((*sock)->sk);
	/* What lingers after the last close must not outlive the namespace. */
	sk_net_refcnt_upgrade((*sock)->sk);
	return 0;
}

/*
 * Of the kind that user space makes: what it accepts then has a lock class that
 * differs from that of its subflows.
 */
static int hello_listener(struct hello *h)
{
	h->stage = "socket";
	return sock_create(h->addr.ss_family, SOCK_STREAM, h->protocol,
			   &h->listener);
}

/* From here on the socket is its file's, which net/handshake asks for. */
static int hello_own(struct hello *h, struct socket *sock)
{
	struct file *file = sock_alloc_file(sock, O_CLOEXEC, NULL);

	if (IS_ERR(file))
		return PTR_ERR(file);
	sock->sk->sk_rcvtimeo = msecs_to_jiffies(h->wait_ms);
	sock->sk->sk_sndtimeo = msecs_to_jiffies(h->wait_ms);
	h->sock = sock;
	return 0;
}

static struct sockaddr_unsized *hello_addr(struct hello *h)
{
	return (struct sockaddr_unsized *)&h->addr;
}

/**
 * hello_connect - connect to @addr
 * @h: where the connection will be
 */
int hello_connect(struct hello *h)
{
	struct socket *sock;
	int ret;

	ret = hello_socket(h, &sock);
	if (!ret)
		ret = hello_own(h, sock);
	if (ret)
		return ret;
	h->stage = "connect";
	return kernel_connect(sock, hello_addr(h), sizeof(h->addr), 0);
}

static int hello_listen(struct hello *h)
{
	int one = 1, ret;

	ret = hello_listener(h);
	if (ret)
		return ret;
	h->stage = "listen";
	/* Through ->setsockopt, which takes it to the subflow that is bound. */
	ret = do_sock_setsockopt(h->listener, false, SOL_SOCKET, SO_REUSEADDR,
				 KERNEL_SOCKPTR(&one), sizeof(one));
	if (!ret)
		ret = kernel_bind(h->listener, hello_addr(h), sizeof(h->addr));
	return ret ?: kernel_listen(h->listener, 1);
}

/**
 * hello_accept - wait for one connection to @addr
 * @h: where the connection will be
 */
int hello_accept(struct hello *h)
{
	struct socket *sock;
	int ret;

	ret = hello_listen(h);
	if (ret)
		return ret;
	h->stage = "accept";
	ret = kernel_accept(h->listener, &sock, 0);
	return ret ?: hello_own(h, sock);
}

static void hello_done(void *data, int status, key_serial_t peerid)
{
	struct hello *h = data;

	h->status = status;
	h->peerid = peerid;
	complete(&h->done);
}

static int hello_submit(struct hello *h)
{
	struct tls_handshake_args args = {
		.ta_sock = h->sock,
		.ta_done = hello_done,
		.ta_data = h,
		.ta_peername = h->peername,
		.ta_timeout_ms = h->timeout_ms,
		.ta_keyring = h->keyring,
		.ta_num_peerids = h->server ? 0 : 1,
		.ta_my_peerids = { h->psk },
	};

	if (h->server)
		return h->x509 ? tls_server_hello_x509(&args, GFP_KERNEL) :
				 tls_server_hello_psk(&args, GFP_KERNEL);
	return h->x509 ? tls_client_hello_x509(&args, GFP_KERNEL) :
			 tls_client_hello_psk(&args, GFP_KERNEL);
}

/**
 * hello_shake_hands - have tlshd make the handshake, and wait for it
 * @h: a connection
 */
int hello_shake_hands(struct hello *h)
{
	unsigned long timeout = msecs_to_jiffies(h->wait_ms);
	long left;
	int ret;

	h->stage = "handshake";
	init_completion(&h->done);
	ret = hello_submit(h);
	if (ret)
		return ret;
	left = wait_for_completion_interruptible_timeout(&h->done, timeout);
	if (left > 0)
		return h->status;
	if (tls_handshake_cancel(h->sock->sk))
		return left ?: -ETIMEDOUT;
	/* So nearly done that it could not be cancelled any more. */
	wait_for_completion(&h->done);
	return h->status;
}

/**
 * hello_close - say goodbye, if hands have been shaken, and close
 * @h: a connection, or as much of one as there is
 */
void hello_close(struct hello *h)
{
	if (h->sock) {
		tls_handshake_close(h->sock);
		fput(h->sock->file);
	}
	if (h->listener)
		sock_release(h->listener);
}
