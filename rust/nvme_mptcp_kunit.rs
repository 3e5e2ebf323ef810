// SPDX-License-Identifier: GPL-2.0

//! The wire layer's unit tests, as KUnit suites that run when this module is loaded.
//!
//! A module of its own, so that those that serve carry no tests. `cargo test` runs the same tests.

pub mod wire;

/// What of the host is pure.
#[path = ""]
mod host {
    #[path = "host/progress.rs"]
    mod progress;
    #[path = "host/state.rs"]
    mod state;
}

use kernel::prelude::*;

module! {
    type: WireTests,
    name: "nvme_mptcp_kunit",
    authors: ["nvme-mptcp developers"],
    description: "KUnit tests of NVMe/TCP on the wire",
    license: "GPL",
}

struct WireTests;

impl kernel::Module for WireTests {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        Ok(Self)
    }
}
