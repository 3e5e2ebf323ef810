// SPDX-License-Identifier: GPL-2.0

//! NVMe over MPTCP host.

mod bindings;

/// Safe Rust over the C subsystems that this module uses.
#[allow(missing_docs, reason = "each file begins with its own")]
pub mod abstractions {
    pub mod bvec;
    pub mod cpu;
    pub mod crc32c;
    pub mod events;
    pub mod inbox;
    pub mod memalloc;
    pub mod mptcp;
    pub mod net;
    pub(crate) mod nvme;
    pub mod segments;
    pub mod skb;
    pub mod sockaddr;
    pub mod socket;
    pub mod socket_options;
    pub mod socket_read;
    pub mod workqueue;
}

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
