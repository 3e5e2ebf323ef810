// SPDX-License-Identifier: GPL-2.0

//! NVMe over MPTCP host.

pub mod abstractions;
mod bindings;
mod glue;
mod host;
pub mod wire;

use kernel::prelude::*;

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

/// The module: it serves as long as the transport is registered.
#[pin_data]
struct NvmeMptcp {
    #[pin]
    _registration: Registration<host::Host>,
}

impl kernel::InPlaceModule for NvmeMptcp {
    fn init(_module: &'static ThisModule) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            _registration <- {
                let context = host::Context::new(
                    module_parameters::so_priority.value(),
                    module_parameters::wq_unbound.value(),
                )?;
                Registration::new(context)
            },
        })
    }
}
