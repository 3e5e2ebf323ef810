/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _TLS_HELLO_H
#define _TLS_HELLO_H

#include <linux/completion.h>
#include <linux/key.h>
#include <linux/mutex.h>
#include <linux/net.h>

/**
 * struct hello - one open file, and the connection that was made through it
 * @lock: one writer or reader at a time
 * @sock: the connection, owned by its file; NULL before, and after a failure
 * @listener: of a server; further subflows of the connection are for it, so
 *	it must last as long
 * @stage: what is being done, or was done last
 * @done: the handshake has ended
 * @status: how, as a negative errno
 * @peerid: key by which the peer was recognized
 * @alert: description of the alert that the peer has sent, or -1
 * @result: what a reader gets
 * @server: accept, or connect?
 * @x509: certificates, or a key?
 * @protocol: IPPROTO_TCP or IPPROTO_MPTCP
 * @addr: where to listen, or to connect to
 * @peername: what the peer's certificate must be for
 * @psk: the client's key
 * @keyring: where tlshd may look for keys besides
 * @bytes: what the client sends and wants to have back
 * @timeout_ms: that tlshd gives the peer
 * @wait_ms: that we give tlshd, and the socket
 */
struct hello {
	struct mutex lock;		/* of all that follows */
	struct socket *sock;
	struct socket *listener;
	const char *stage;
	struct completion done;
	int status;
	key_serial_t peerid;
	int alert;
	char *result;

	/* options, see device.c */
	bool server;
	bool x509;
	int protocol;
	struct sockaddr_storage addr;
	char *peername;
	key_serial_t psk, keyring;
	unsigned int bytes;
	unsigned int timeout_ms;
	unsigned int wait_ms;
};

/* These set @stage as they go, and return 0 or a negative errno. */

/* connection.c */
int hello_connect(struct hello *h);
int hello_accept(struct hello *h);
int hello_shake_hands(struct hello *h);
void hello_close(struct hello *h);

/* records.c */
int hello_ask(struct hello *h);
int hello_echo(struct hello *h);

#endif /* _TLS_HELLO_H */
