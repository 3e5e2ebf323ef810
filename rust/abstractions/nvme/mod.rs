// SPDX-License-Identifier: GPL-2.0

//! The NVMe host core, for fabrics transports.
//!
//! A transport registers itself and makes controllers ([`transport`]). The core and the
//! controller's works call it for one of them ([`ctrl_ops`]), the block layer for one of its queues
//! ([`blk_mq`]); those are the three tables of C, each behind a trait. Requests come as handles
//! ([`request`]).
//!
//! | file | what it has |
//! |---|---|
//! | [`transport`] | `struct nvmf_transport_ops`: registering, and making controllers |
//! | [`ctrl_ops`] | `struct nvme_ctrl_ops` |
//! | [`blk_mq`] | `struct blk_mq_ops` |
//! | [`attributes`] | what sysfs shows of a controller |
//! | [`ctrl`] | the controller: its parts, references, state |
//! | `ctrl_setup` | what is asked of the core while a controller is set up and torn down |
//! | `ctrl_tls` | the keys of a controller |
//! | `ctrl_work` | recovery from errors, reconnection, reset |
//! | `queue_map` | which CPUs' requests go to which I/O queue |
//! | [`request`] | what a request carries, and when it is completed |
//! | `request_send`, `request_recv` | its two handles |
//! | `busy` | how many requests a queue has in flight |
//! | `cancel` | ending requests that nobody answers |
//! | [`timeout`] | requests that have timed out |
//! | [`parameters`] | the parameters of the module |
//! | [`options`] | what the user asked for when connecting |
//! | [`status`] | failures of the core, and statuses |
//!
//! C headers: [`drivers/nvme/host/nvme.h`](srctree/drivers/nvme/host/nvme.h),
//! [`drivers/nvme/host/fabrics.h`](srctree/drivers/nvme/host/fabrics.h)

pub(crate) mod attributes;
pub(crate) mod blk_mq;
mod busy;
mod cancel;
pub(crate) mod ctrl;
pub(crate) mod ctrl_ops;
mod ctrl_setup;
mod ctrl_tls;
mod ctrl_work;
pub(crate) mod options;
pub(crate) mod parameters;
mod queue_map;
mod queue_share;
pub(crate) mod request;
mod request_recv;
mod request_send;
pub(crate) mod status;
pub(crate) mod timeout;
pub(crate) mod transport;
