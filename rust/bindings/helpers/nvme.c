// SPDX-License-Identifier: GPL-2.0
/* Static inlines and macros of blk-mq and the NVMe host core, for Rust. */
#include <linux/blk-mq.h>

#include "nvme.h"
#include "fabrics.h"
#include "helpers.h"

void helper_nvme_get_ctrl(struct nvme_ctrl *ctrl)
{
	nvme_get_ctrl(ctrl);
}

void helper_nvme_put_ctrl(struct nvme_ctrl *ctrl)
{
	nvme_put_ctrl(ctrl);
}

enum nvme_ctrl_state helper_nvme_ctrl_state(struct nvme_ctrl *ctrl)
{
	return nvme_ctrl_state(ctrl);
}

bool helper_nvme_ctrl_sgl_supported(struct nvme_ctrl *ctrl)
{
	return nvme_ctrl_sgl_supported(ctrl);
}

const char *helper_nvmf_ctrl_subsysnqn(struct nvme_ctrl *ctrl)
{
	return nvmf_ctrl_subsysnqn(ctrl);
}

unsigned int helper_nvmf_nr_io_queues(struct nvmf_ctrl_options *opts)
{
	return nvmf_nr_io_queues(opts);
}

bool helper_nvme_check_ready(struct nvme_ctrl *ctrl, struct request *rq, bool live)
{
	return nvme_check_ready(ctrl, rq, live);
}

void helper_nvme_start_request(struct request *rq)
{
	nvme_start_request(rq);
}

struct request *helper_nvme_find_rq(struct blk_mq_tags *tags, u16 command_id)
{
	return nvme_find_rq(tags, command_id);
}

u16 helper_nvme_cid(struct request *rq)
{
	return nvme_cid(rq);
}

bool helper_blk_should_fake_timeout(struct request *rq)
{
	return blk_should_fake_timeout(rq->q);
}

/*
 * nvme_try_complete_req() returns true for a request that is being completed
 * elsewhere and for one that fail_io_timeout has kept from it, which must stay
 * abandonable. So that is asked before, and this is what else there is to do.
 */
bool helper_nvme_complete_req(struct request *rq, u16 status,
			      union nvme_result result)
{
	struct nvme_request *req = nvme_req(rq);

	if (!(req->ctrl->quirks & NVME_QUIRK_SKIP_CID_GEN))
		req->genctr++;
	req->status = status >> 1;
	req->result = result;
	nvme_should_fail(rq);
	return blk_mq_complete_request_remote(rq);
}

void helper_nvmf_complete_timed_out_request(struct request *rq)
{
	nvmf_complete_timed_out_request(rq);
}

const char *helper_nvme_opcode_str(int qid, struct nvme_command *cmd)
{
	return nvme_fabrics_opcode_str(qid, cmd);
}

u32 helper_rq_data_len(struct request *rq)
{
	return blk_rq_nr_phys_segments(rq) ? blk_rq_payload_bytes(rq) : 0;
}

bool helper_rq_is_write(struct request *rq)
{
	return rq_data_dir(rq) == WRITE;
}

bool helper_rq_is_passthrough(struct request *rq)
{
	return blk_rq_is_passthrough(rq);
}

const struct bio_vec *helper_rq_special_vec(struct request *rq)
{
	return rq->rq_flags & RQF_SPECIAL_PAYLOAD ? &rq->special_vec : NULL;
}

void helper_nvme_auth_revoke_tls_key(struct nvme_ctrl *ctrl)
{
	nvme_auth_revoke_tls_key(ctrl);
}

/* blk_mq_ops.timeout returns an enum, which kCFI tells from the u32 of Rust. */
enum blk_eh_timer_return helper_nvme_timeout(struct request *rq)
{
	return rust_nvme_request_timeout(rq);
}
