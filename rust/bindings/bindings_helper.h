/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The headers from which bindgen makes the raw C interface of both modules,
 * beyond what the kernel crate's own bindings have.
 */
#include <linux/hrtimer_types.h>
#include <linux/blk-mq.h>
#include <linux/bvec.h>
#include <linux/crc32.h>
#include <linux/file.h>
#include <linux/inet.h>
#include <linux/key.h>
#include <linux/llist.h>
#include <linux/module.h>
#include <linux/nsproxy.h>
#include <linux/nvme.h>
#include <linux/scatterlist.h>
#include <linux/sched/mm.h>
#include <linux/uio.h>
#include <linux/workqueue.h>
#include <net/handshake.h>
#include <net/inet_common.h>
#include <net/mptcp.h>
#include <net/net_namespace.h>
#include <net/sock.h>
#include <net/tcp.h>
#include <net/tls_prot.h>
#include <uapi/linux/mptcp.h>
#include <uapi/linux/tls.h>

#include "nvme.h"
#include "fabrics.h"
#include "nvmet.h"

/* Macros that bindgen cannot evaluate. */
const blk_status_t RUST_CONST_HELPER_BLK_STS_IOERR = BLK_STS_IOERR;
const blk_status_t RUST_CONST_HELPER_BLK_STS_RESOURCE = BLK_STS_RESOURCE;
const gfp_t RUST_CONST_HELPER_GFP_ATOMIC_RAW = GFP_ATOMIC;
const gfp_t RUST_CONST_HELPER_GFP_SGL_GENTLE = GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN;
const gfp_t RUST_CONST_HELPER_GFP_SGL_HARD = GFP_KERNEL | __GFP_RETRY_MAYFAIL | __GFP_NOWARN;
const u32 RUST_CONST_HELPER_RQF_SPECIAL_PAYLOAD_RAW = (__force u32)RQF_SPECIAL_PAYLOAD;
const u32 RUST_CONST_HELPER_MPTCP_FALLBACK = MPTCP_INFO_FLAG_FALLBACK;
const u32 RUST_CONST_HELPER_MPTCP_REMOTE_KEY = MPTCP_INFO_FLAG_REMOTE_KEY_RECEIVED;

#include <trace/events/sock.h>

#include "helpers/helpers.h"
#include "trace/nvme_mptcp.h"
#include "trace/nvmet_mptcp.h"
