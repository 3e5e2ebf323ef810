// SPDX-License-Identifier: GPL-2.0

//! NVMe over MPTCP host.

pub mod abstractions;
mod bindings;
mod host;
pub mod wire;
mod wire_deps;

use kernel::{
    prelude::*,
    sync::Arc, //
};

use abstractions::nvme::transport::Registration;

module! {
    type: NvmeMptcp,
    name: "nvme_mptcp",
    authors: ["nvme-mptcp developers"],
    description: "NVMe host MPTCP transport driver",
    license: "GPL",
    alias: ["nvme-mptcp"],
    params: {
        so_priority: i32 {
            default: 0,
            description: "priority of outgoing packets, if positive",
        },
        wq_unbound: bool {
            default: false,
            description: "let queues work on any CPU, not on one of those that they serve",
        },
    },
}

/// The module: the transport, registered.
struct NvmeMptcp {
    _registration: Registration<host::Context>,
}

impl kernel::Module for NvmeMptcp {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let context = host::Context::new(
            module_parameters::so_priority.value(),
            module_parameters::wq_unbound.value(),
        )?;
        Ok(Self {
            _registration: Registration::new(Arc::new(context, GFP_KERNEL)?)?,
        })
    }
}
