// SPDX-License-Identifier: GPL-2.0

//! NVMe over MPTCP target.

pub mod abstractions;
mod bindings;
mod target;
pub mod wire;
mod wire_deps;

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
