// SPDX-License-Identifier: GPL-2.0

//! Congestion control.
//!
//! C header: [`include/net/tcp.h`](srctree/include/net/tcp.h)

use kernel::{
    fmt,
    prelude::*,
    str::BStr, //
};

use super::socket::Socket;
use crate::bindings;

const LEN: usize = bindings::TCP_CA_NAME_MAX as usize;

/// The name of a way to control congestion, such as `bbr`. Whether the kernel has it shows when it
/// is used.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Congestion([u8; LEN]);

impl Congestion {
    /// That whose name `fill` fills in; [`None`] if it is empty.
    pub(in crate::abstractions) fn from_c(fill: impl FnOnce(&mut [u8; LEN])) -> Option<Self> {
        let mut name = [0; LEN];
        fill(&mut name);
        (name[0] != 0).then_some(Self(name))
    }
}

impl fmt::Display for Congestion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = self.0.iter().position(|c| *c == 0).unwrap_or(LEN);
        let name = self.0.get(..end).unwrap_or_default();
        fmt::Display::fmt(BStr::from_bytes(name), f)
    }
}

impl Socket {
    /// Sets how congestion is controlled, on all subflows, those to come included
    /// (`TCP_CONGESTION`). May sleep, and load a module.
    ///
    /// # Errors
    ///
    /// `ENOENT` if the kernel does not have it.
    pub fn set_congestion(&self, congestion: &Congestion) -> Result {
        self.set_option(
            bindings::IPPROTO_TCP,
            bindings::TCP_CONGESTION,
            congestion.0,
        )
    }
}
