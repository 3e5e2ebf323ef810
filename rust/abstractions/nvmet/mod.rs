// SPDX-License-Identifier: GPL-2.0

//! The NVMe target core, for fabrics transports.
//!
//! A transport registers itself ([`transport`]), listens where the core tells it to ([`port`]),
//! makes a pair of queues for each connection ([`queue`]) and hands commands to the core, which
//! gives them back when they are done ([`command`]).
//!
//! | file | what it has |
//! |---|---|
//! | [`transport`] | registering a transport, and what the core asks of it |
//! | `fabrics_ops` | the table of functions that it calls |
//! | [`port`] | ports, as the administrator describes them |
//! | [`queue`] | the submission and completion queue of a connection |
//! | [`command`] | commands, and who has them |
//! | `slot` | the memory of commands |
//! | [`data`] | the memory that their data go through |
//! | [`parameters`] | the parameters of the module |
//! | [`status`] | how they end |
//!
//! This module does not support metadata, peer-to-peer memory or PCI endpoint controllers.
//!
//! C header: [`drivers/nvme/target/nvmet.h`](srctree/drivers/nvme/target/nvmet.h)

pub(crate) mod command;
pub(crate) mod data;
mod fabrics_ops;
pub(crate) mod parameters;
pub(crate) mod port;
pub(crate) mod queue;
mod slot;
pub(crate) mod status;
pub(crate) mod transport;

use kernel::workqueue;

use crate::bindings;

/// The target core's workqueue (`nvmet_wq`).
///
/// Before the core frees a port, it waits for what has been queued here.
pub(crate) fn workqueue() -> &'static workqueue::Queue {
    // SAFETY: It is the core's workqueue.
    unsafe { workqueue::Queue::from_raw(raw_workqueue()) }
}

/// Waits until all work of the target core has been done that is queued now. May sleep.
fn flush_workqueue() {
    // SAFETY: It is the core's workqueue.
    unsafe { bindings::__flush_workqueue(raw_workqueue()) };
}

/// The core makes the workqueue when it is loaded, and destroys it when it is unloaded, which it
/// cannot be before this module.
fn raw_workqueue() -> *mut bindings::workqueue_struct {
    // SAFETY: The variable does not change between those two.
    unsafe { bindings::nvmet_wq }
}
