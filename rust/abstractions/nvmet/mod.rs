// SPDX-License-Identifier: GPL-2.0

//! The NVMe target core, for fabrics transports.
//!
//! A transport registers itself ([`transport`]), listens where the core tells it to ([`port`]),
//! makes a pair of queues for each connection ([`queue`]) and hands commands to the core, which
//! gives them back when they are done ([`command`]).
//!
//! This module does not support metadata, peer-to-peer memory or PCI endpoint controllers.
//!
//! C header: [`drivers/nvme/target/nvmet.h`](srctree/drivers/nvme/target/nvmet.h)

pub(crate) mod command;
pub(crate) mod data;
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
    // SAFETY: The core sets the variable when it is loaded, and does not change it before it is
    // unloaded, which it cannot be before this module.
    let queue = unsafe { bindings::nvmet_wq };
    // SAFETY: The core makes the queue when it is loaded and destroys it when it is unloaded.
    unsafe { workqueue::Queue::from_raw(queue) }
}
