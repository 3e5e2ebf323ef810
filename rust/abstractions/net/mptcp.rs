// SPDX-License-Identifier: GPL-2.0

//! What MPTCP tells of a connection.
//!
//! C header: [`include/net/mptcp.h`](srctree/include/net/mptcp.h)

use super::{
    paths::Paths,
    socket::Socket, //
};
use crate::bindings;

impl Socket {
    /// What MPTCP tells of the connection, or [`None`] for a plain TCP socket. May sleep.
    fn mptcp_info(&self) -> Option<bindings::mptcp_info> {
        if !self.is_mptcp() {
            return None;
        }
        let mut info = Default::default();
        // SAFETY: By the protocol this is an MPTCP socket, and alive.
        unsafe { bindings::mptcp_diag_fill_info(self.sk().cast(), &mut info) };
        Some(info)
    }

    /// How many subflows there are; 1 if the peer does not speak MPTCP. May sleep.
    pub fn subflows(&self) -> u32 {
        self.mptcp_info()
            .map_or(1, |info| info.mptcpi_subflows_total.into())
    }

    /// The paths of the connection, or [`None`] if it is one of plain TCP: the peer does not speak
    /// MPTCP, or something on the way does not let it. May sleep.
    pub fn paths(&self) -> Option<Paths> {
        let info = self.mptcp_info()?;
        (info.mptcpi_flags & bindings::MPTCP_FALLBACK == 0).then_some(Paths {
            extra_subflows: info.mptcpi_subflows,
            extra_subflows_limit: info.mptcpi_subflows_max,
            endpoints: info.mptcpi_local_addr_max,
            announced: info.mptcpi_add_addr_received,
            announced_limit: info.mptcpi_add_addr_accepted_max,
        })
    }
}

/// The number of subflows of a connection, looked up now and then: that takes the socket lock, and
/// the number seldom changes.
pub struct Subflows {
    count: u32,
    /// How many times it may be asked for before it is looked up again.
    left: u32,
}

impl Subflows {
    /// How often the number is used before it is looked up again.
    const USES: u32 = 32;

    /// Not looked up yet.
    #[allow(clippy::new_without_default)]
    pub const fn new() -> Self {
        Self { count: 1, left: 0 }
    }

    /// The number of subflows of `socket`, at this moment or some calls ago. May sleep.
    pub fn count(&mut self, socket: &Socket) -> u32 {
        match self.left.checked_sub(1) {
            Some(left) => self.left = left,
            None => {
                self.count = socket.subflows();
                self.left = Self::USES;
            }
        }
        self.count
    }
}
