/* SPDX-License-Identifier: GPL-2.0 */
/* Tracepoints of the target: PDUs, and what sockets tell. */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM nvmet_mptcp

#if !defined(_NVMET_MPTCP_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _NVMET_MPTCP_TRACE_H

#include <linux/nvme-tcp.h>
#include <linux/tracepoint.h>
#include <linux/unaligned.h>

#ifndef show_nvme_mptcp_pdu
#define show_nvme_mptcp_pdu(type)			\
	__print_symbolic(type,				\
		{ nvme_tcp_icreq,	"ICReq" },	\
		{ nvme_tcp_icresp,	"ICResp" },	\
		{ nvme_tcp_h2c_term,	"H2CTermReq" },	\
		{ nvme_tcp_c2h_term,	"C2HTermReq" },	\
		{ nvme_tcp_cmd,		"CapsuleCmd" },	\
		{ nvme_tcp_rsp,		"CapsuleResp" },\
		{ nvme_tcp_h2c_data,	"H2CData" },	\
		{ nvme_tcp_c2h_data,	"C2HData" },	\
		{ nvme_tcp_r2t,		"R2T" })
#endif

/* @ch: the common header of the PDU; @cid: the command it belongs to */
DECLARE_EVENT_CLASS(nvmet_mptcp_pdu,
		    TP_PROTO(u32 queue, u16 qid, const u8 *ch, u16 cid),
		    TP_ARGS(queue, qid, ch, cid),
		    TP_STRUCT__entry(__field(u32, queue)
				     __field(u16, qid)
				     __field(u16, cid)
				     __field(u32, plen)
				     __field(u8, type)
				     __field(u8, flags)),
		    TP_fast_assign(__entry->queue = queue;
				   __entry->qid = qid;
				   __entry->cid = cid;
				   __entry->plen = get_unaligned_le32(ch + 4);
				   __entry->type = ch[0];
				   __entry->flags = ch[1];),
		    TP_printk("queue %u: qid=%u, cid=%u, type=%s, flags=0x%x, plen=%u",
			      __entry->queue, __entry->qid, __entry->cid,
			      show_nvme_mptcp_pdu(__entry->type), __entry->flags,
			      __entry->plen)
);

DEFINE_EVENT(nvmet_mptcp_pdu, nvmet_mptcp_pdu_sent,
	     TP_PROTO(u32 queue, u16 qid, const u8 *ch, u16 cid),
	     TP_ARGS(queue, qid, ch, cid)
);

DEFINE_EVENT(nvmet_mptcp_pdu, nvmet_mptcp_pdu_received,
	     TP_PROTO(u32 queue, u16 qid, const u8 *ch, u16 cid),
	     TP_ARGS(queue, qid, ch, cid)
);

/* There is something to read, room again, or an end of the connection. */
DECLARE_EVENT_CLASS(nvmet_mptcp_socket,
		    TP_PROTO(u32 queue, u16 qid),
		    TP_ARGS(queue, qid),
		    TP_STRUCT__entry(__field(u32, queue)
				     __field(u16, qid)),
		    TP_fast_assign(__entry->queue = queue;
				   __entry->qid = qid;),
		    TP_printk("queue %u: qid=%u", __entry->queue, __entry->qid)
);

DEFINE_EVENT(nvmet_mptcp_socket, nvmet_mptcp_data_ready,
	     TP_PROTO(u32 queue, u16 qid),
	     TP_ARGS(queue, qid)
);

DEFINE_EVENT(nvmet_mptcp_socket, nvmet_mptcp_write_space,
	     TP_PROTO(u32 queue, u16 qid),
	     TP_ARGS(queue, qid)
);

DEFINE_EVENT(nvmet_mptcp_socket, nvmet_mptcp_closing,
	     TP_PROTO(u32 queue, u16 qid),
	     TP_ARGS(queue, qid)
);

#endif /* _NVMET_MPTCP_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH trace
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE nvmet_mptcp

/* This part must be outside protection */
#include <trace/define_trace.h>
