/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What only C can say: static inlines and macros whose bodies depend on the
 * kernel's configuration or on private layouts, each as a function that Rust
 * can call. No logic lives here.
 */
#ifndef _NVME_MPTCP_HELPERS_H
#define _NVME_MPTCP_HELPERS_H

#include <linux/blk-mq.h>
#include <linux/key.h>
#include <linux/tcp.h>
#include <linux/types.h>
#include <uapi/linux/socket.h>

struct bio_vec;
struct blk_mq_tags;
struct llist_head;
struct llist_node;
struct net;
struct nvme_command;
struct nvme_ctrl;
struct nvmet_sq;
struct nvmf_ctrl_options;
struct page;
struct ratelimit_state;
struct request;
struct scatterlist;
struct sock;
struct socket;
struct tls_handshake_args;
union nvme_result;

/* cpu.c */
bool helper_cpu_possible(unsigned int cpu);
bool helper_cpu_online(unsigned int cpu);
bool helper_cpu_is_isolated(unsigned int cpu);

/* net.c */
struct net *helper_current_net(void);
void helper_get_net(struct net *net);
void helper_put_net(struct net *net);
bool helper_net_has_device(struct net *net, const char *name);
int helper_sock_setsockopt(struct socket *sock, int level, int name,
			   void *value, int len);
void helper_write_lock_callbacks(struct sock *sk);
void helper_write_unlock_callbacks(struct sock *sk);
void helper_read_lock_callbacks(struct sock *sk);
void helper_read_unlock_callbacks(struct sock *sk);
bool helper_sk_stream_is_writeable(struct sock *sk);
u8 helper_sk_received_tos(const struct sock *sk);
int helper_sk_incoming_cpu(const struct sock *sk);
void helper_sock_reclassify(struct sock *sk);
unsigned int helper_memalloc_noreclaim_save(void);
void helper_memalloc_noreclaim_restore(unsigned int flags);
unsigned int helper_memalloc_noio_save(void);
void helper_memalloc_noio_restore(unsigned int flags);
bool helper_llist_add(struct llist_node *node, struct llist_head *head);
struct llist_node *helper_llist_del_all(struct llist_head *head);
struct page *helper_addr_to_page(const void *addr);
void *helper_page_address(struct page *page);
void helper_synchronize_rcu_tasks(void);
void helper_trace_sk_data_ready(const struct sock *sk);

/* tls.c */
int helper_tls_client_hello_psk(const struct tls_handshake_args *args);
int helper_tls_server_hello_psk(const struct tls_handshake_args *args);
bool helper_tls_handshake_cancel(struct sock *sk);
bool helper_sk_has_ulp(const struct sock *sk);
struct key *helper_nvme_tls_key_lookup(key_serial_t serial);
key_serial_t helper_nvme_tls_psk_default(struct key *keyring,
					 const char *hostnqn, const char *subnqn);
key_serial_t helper_nvme_keyring_id(void);
key_serial_t helper_key_serial(const struct key *key);

/* nvme.c */
void helper_nvme_get_ctrl(struct nvme_ctrl *ctrl);
void helper_nvme_put_ctrl(struct nvme_ctrl *ctrl);
enum nvme_ctrl_state helper_nvme_ctrl_state(struct nvme_ctrl *ctrl);
bool helper_nvme_ctrl_sgl_supported(struct nvme_ctrl *ctrl);
const char *helper_nvmf_ctrl_subsysnqn(struct nvme_ctrl *ctrl);
unsigned int helper_nvmf_nr_io_queues(struct nvmf_ctrl_options *opts);
bool helper_nvme_check_ready(struct nvme_ctrl *ctrl, struct request *rq, bool live);
void helper_nvme_start_request(struct request *rq);
struct request *helper_nvme_find_rq(struct blk_mq_tags *tags, u16 command_id);
u16 helper_nvme_cid(struct request *rq);
bool helper_blk_should_fake_timeout(struct request *rq);
bool helper_nvme_complete_req(struct request *rq, u16 status,
			      union nvme_result result);
void helper_nvmf_complete_timed_out_request(struct request *rq);
const char *helper_nvme_opcode_str(int qid, struct nvme_command *cmd);
u32 helper_rq_data_len(struct request *rq);
bool helper_rq_is_write(struct request *rq);
bool helper_rq_is_passthrough(struct request *rq);
const struct bio_vec *helper_rq_special_vec(struct request *rq);
void helper_nvme_auth_revoke_tls_key(struct nvme_ctrl *ctrl);
enum blk_eh_timer_return helper_nvme_timeout(struct request *rq);

/* nvme_parameters.c */
int helper_nvme_so_priority(void);
bool helper_nvme_wq_unbound(void);
unsigned int helper_nvme_tls_handshake_timeout(void);
unsigned int helper_nvme_peer_timeout(void);
void helper_nvme_congestion(char *name);

/* nvme_attributes.c */
int helper_nvme_add_attributes(struct nvme_ctrl *ctrl);
void helper_nvme_remove_attributes(struct nvme_ctrl *ctrl);

/* abstractions/nvme/attributes.rs */
u32 rust_nvme_figure(struct nvme_ctrl *ctrl, u32 which);

/* abstractions/nvme/timeout.rs */
u32 rust_nvme_request_timeout(struct request *rq);

/* ratelimit.c */
void helper_ratelimit_state_init(struct ratelimit_state *state);

/* nvmet.c */
bool helper_nvme_is_write(const struct nvme_command *cmd);
void helper_sgl_to_bvecs(struct scatterlist *sgl, unsigned int nents,
			 struct bio_vec *vecs);
unsigned long helper_totalram_pages(void);
void helper_nvmet_sq_set_tls_key(struct nvmet_sq *sq, struct key *key);
void helper_nvmet_sq_put_tls_key(struct nvmet_sq *sq);

/* nvmet_parameters.c */
int helper_nvmet_so_priority(void);
unsigned int helper_nvmet_idle_poll_period_usecs(void);
unsigned int helper_nvmet_tls_handshake_timeout(void);
unsigned int helper_nvmet_peer_timeout(void);
void helper_nvmet_congestion(char *name);

#endif /* _NVME_MPTCP_HELPERS_H */
