// SPDX-License-Identifier: GPL-2.0
/* Static inlines and macros of the NVMe target core, as functions for Rust. */
#include <linux/bvec.h>
#include <linux/mm.h>
#include <linux/nvme.h>
#include <linux/scatterlist.h>

#include "nvmet.h"
#include "helpers.h"

bool helper_nvme_is_write(const struct nvme_command *cmd)
{
	return nvme_is_write(cmd);
}

void helper_sgl_to_bvecs(struct scatterlist *sgl, unsigned int nents,
			 struct bio_vec *vecs)
{
	struct scatterlist *sg;
	unsigned int i;

	for_each_sg(sgl, sg, nents, i)
		bvec_set_page(&vecs[i], sg_page(sg), sg->length, sg->offset);
}

unsigned long helper_totalram_pages(void)
{
	return totalram_pages();
}

void helper_nvmet_sq_set_tls_key(struct nvmet_sq *sq, struct key *key)
{
#ifdef CONFIG_NVME_TARGET_TCP_TLS
	sq->tls_key = key;
#else
	key_put(key);
#endif
}

void helper_nvmet_sq_put_tls_key(struct nvmet_sq *sq)
{
	nvmet_sq_put_tls_key(sq);
}
