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
}

/// The module: the transport, registered.
struct NvmetMptcp {
    _registration: Registration<Target>,
}

impl kernel::Module for NvmetMptcp {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        Ok(Self {
            _registration: Registration::new(Target::new()?)?,
        })
    }
}
