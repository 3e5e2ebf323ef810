// SPDX-License-Identifier: GPL-2.0

//! NVMe over MPTCP target.

mod bindings;

/// Safe Rust over the C subsystems that this module uses.
#[allow(missing_docs, reason = "each file begins with its own")]
pub mod abstractions {
    pub mod bvec;
    pub mod cpu;
    pub mod crc32c;
    pub mod events;
    pub mod inbox;
    pub mod listener;
    pub mod memalloc;
    pub mod mptcp;
    pub mod net;
    pub(crate) mod nvmet;
    pub mod segments;
    pub mod skb;
    pub mod sockaddr;
    pub mod socket;
    pub mod socket_options;
    pub mod socket_read;
    pub mod workqueue;
}
mod glue;
mod target;
pub mod wire;

use kernel::prelude::*;

use self::{
    abstractions::nvmet::transport::Registration,
    target::Target, //
};

module! {
    type: NvmetMptcp,
    name: "nvmet_mptcp",
    authors: ["nvme-mptcp developers"],
    description: "NVMe target MPTCP transport driver",
    license: "GPL",
    alias: ["nvmet-transport-4"],
    params: {
        so_priority: i32 {
            default: 0,
            description: "priority of outgoing packets, if positive",
        },
        idle_poll_period_usecs: u32 {
            default: 0,
            description: "how long a connection looks for more to do before its work ends",
        },
    },
}

/// The module: the transport, registered.
struct NvmetMptcp {
    _registration: Registration<Target>,
}

impl kernel::Module for NvmetMptcp {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let target = Target::new(
            module_parameters::so_priority.value(),
            module_parameters::idle_poll_period_usecs.value(),
        )?;
        Ok(Self {
            _registration: Registration::new(target)?,
        })
    }
}
