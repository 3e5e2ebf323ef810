// SPDX-License-Identifier: GPL-2.0
/*
 * TLS handshakes, and the keys for them, for Rust. A kernel whose NVMe/TCP does
 * without TLS may lack all of it; then there is none here either.
 */
#include <linux/err.h>
#include <linux/nvme-keyring.h>
#include <linux/tcp.h>
#include <net/handshake.h>
#include <net/inet_connection_sock.h>

#include "helpers.h"

/* What is sent must have an address: see Segments::map(). */
#define HAVE_TLS (!IS_ENABLED(CONFIG_HIGHMEM) && \
		  (IS_ENABLED(CONFIG_NVME_TCP_TLS) || \
		   IS_ENABLED(CONFIG_NVME_TARGET_TCP_TLS)))

int helper_tls_client_hello_psk(const struct tls_handshake_args *args)
{
	return HAVE_TLS ? tls_client_hello_psk(args, GFP_KERNEL) : -EOPNOTSUPP;
}

int helper_tls_server_hello_psk(const struct tls_handshake_args *args)
{
	return HAVE_TLS ? tls_server_hello_psk(args, GFP_KERNEL) : -EOPNOTSUPP;
}

bool helper_tls_handshake_cancel(struct sock *sk)
{
	return HAVE_TLS && tls_handshake_cancel(sk);
}

bool helper_sk_has_ulp(const struct sock *sk)
{
	return READ_ONCE(inet_csk(sk)->icsk_ulp_ops);
}

struct key *helper_nvme_tls_key_lookup(key_serial_t serial)
{
	return HAVE_TLS ? nvme_tls_key_lookup(serial) : ERR_PTR(-EOPNOTSUPP);
}

key_serial_t helper_nvme_tls_psk_default(struct key *keyring,
					 const char *hostnqn, const char *subnqn)
{
	return HAVE_TLS ? nvme_tls_psk_default(keyring, hostnqn, subnqn) : 0;
}

key_serial_t helper_nvme_keyring_id(void)
{
	return HAVE_TLS ? nvme_keyring_id() : 0;
}

key_serial_t helper_key_serial(const struct key *key)
{
	return key_serial(key);
}
