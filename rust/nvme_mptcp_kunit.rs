// SPDX-License-Identifier: GPL-2.0

//! The unit tests of both drivers, as KUnit suites that run when this module is loaded.
//!
//! A module of its own, so that those that serve carry no tests. It has the files that need nothing
//! but the kernel crate. `cargo test` runs the tests of the wire layer, too.

pub mod wire;

/// What the files below use.
#[path = ""]
pub mod abstractions {
    /// Of sockets.
    #[path = ""]
    pub mod net {
        #[path = "abstractions/net/paths.rs"]
        pub mod paths;
        #[path = "abstractions/net/protocol.rs"]
        pub mod protocol;
    }
}

/// What of the host is pure.
#[path = ""]
mod host {
    #[path = "host/census.rs"]
    mod census;
    #[path = "host/cpu.rs"]
    mod cpu;
    #[path = "host/options.rs"]
    mod options;
    #[path = "host/paths.rs"]
    mod paths;
    #[path = "host/poll.rs"]
    mod poll;
    #[path = "host/progress.rs"]
    mod progress;
    #[path = "host/state.rs"]
    mod state;
    #[path = "host/wait.rs"]
    mod wait;
    #[path = "host/ways.rs"]
    mod ways;

    /// Of what stands between the host and the core.
    #[path = "abstractions/nvme/queue_share.rs"]
    mod queue_share;
}

/// What of the target is pure.
#[path = ""]
mod target {
    #[path = "target/budget.rs"]
    mod budget;
    #[path = "target/limits.rs"]
    mod limits;
    #[path = "target/wakeup.rs"]
    mod wakeup;
}

use kernel::prelude::*;

module! {
    type: Tests,
    name: "nvme_mptcp_kunit",
    authors: ["nvme-mptcp developers"],
    description: "KUnit tests of NVMe over MPTCP",
    license: "GPL",
}

struct Tests;

impl kernel::Module for Tests {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        Ok(Self)
    }
}
