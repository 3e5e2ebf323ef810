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
}

/// The module: the transport, registered.
struct NvmeMptcp {
    _registration: Registration<host::Context>,
}

impl kernel::Module for NvmeMptcp {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let context = Arc::new(host::Context::new()?, GFP_KERNEL)?;
        Ok(Self {
            _registration: Registration::new(context)?,
        })
    }
}
