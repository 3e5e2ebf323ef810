// SPDX-License-Identifier: GPL-2.0
/*
 * Lets a tlshd that knows only TCP serve Multipath TCP sockets: preloaded into
 * it, this library says TCP where the kernel says MPTCP.
 *
 * tlshd asks each socket for its protocol, and has two ways to go on: TCP, or
 * an error. Nothing that it does afterwards depends on the answer; the kernel
 * takes the same socket options for both. Every other call is left alone.
 */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

typedef int (*getsockopt_fn)(int fd, int level, int name, void *value,
			     socklen_t *len);

int getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
	/* Looked up at each call, of which there are few: no state to race for. */
	getsockopt_fn next = (getsockopt_fn)dlsym(RTLD_NEXT, "getsockopt");
	int ret, protocol;

	if (!next) {
		errno = EOPNOTSUPP;
		return -1;
	}
	ret = next(fd, level, name, value, len);
	if (ret || level != SOL_SOCKET || name != SO_PROTOCOL)
		return ret;

	/* A caller with less room has got less than a protocol. */
	if (*len < sizeof(protocol))
		return ret;
	memcpy(&protocol, value, sizeof(protocol));
	if (protocol == IPPROTO_MPTCP) {
		protocol = IPPROTO_TCP;
		memcpy(value, &protocol, sizeof(protocol));
	}
	return ret;
}
