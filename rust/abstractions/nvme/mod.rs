// SPDX-License-Identifier: GPL-2.0

//! The NVMe host core, for fabrics transports.
//!
//! C headers: [`drivers/nvme/host/nvme.h`](srctree/drivers/nvme/host/nvme.h),
//! [`drivers/nvme/host/fabrics.h`](srctree/drivers/nvme/host/fabrics.h)

mod blk_mq;
mod cancel;
pub(crate) mod ctrl;
mod ctrl_ops;
mod ctrl_setup;
mod ctrl_work;
pub(crate) mod options;
mod queue_map;
pub(crate) mod request;
mod request_recv;
mod request_send;
pub(crate) mod status;
pub(crate) mod transport;
