// SPDX-License-Identifier: GPL-2.0

//! What MPTCP tells of a connection.
//!
//! C header: [`include/net/mptcp.h`](srctree/include/net/mptcp.h)

use kernel::fmt;

use super::{
    paths::Paths,
    socket::Socket, //
};
use crate::bindings;

/// Which protocol a connection speaks, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// MPTCP.
    Mptcp,
    /// TCP, as the peer asked for nothing else.
    Tcp,
    /// TCP: the peer did not answer in MPTCP, or something on the way did not let it; or MPTCP is
    /// off in our network namespace, for good or for a while.
    NeverMptcp,
    /// TCP: they spoke MPTCP first, and then something on the way took its options away, or changed
    /// the data.
    NoLongerMptcp,
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mptcp => "mptcp",
            Self::Tcp => "tcp, which the peer asked for",
            Self::NeverMptcp => "tcp, fell back: no MPTCP in the handshake",
            Self::NoLongerMptcp => "tcp, fell back: MPTCP was lost on the way",
        })
    }
}

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

    /// Which protocol the connection speaks, and why. May sleep.
    pub fn protocol(&self) -> Protocol {
        let Some(info) = self.mptcp_info() else {
            return Protocol::Tcp;
        };
        if info.mptcpi_flags & bindings::MPTCP_FALLBACK == 0 {
            Protocol::Mptcp
        } else if info.mptcpi_flags & bindings::MPTCP_REMOTE_KEY == 0 {
            Protocol::NeverMptcp
        } else {
            Protocol::NoLongerMptcp
        }
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
