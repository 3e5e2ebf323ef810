// SPDX-License-Identifier: GPL-2.0

//! From where the path manager of MPTCP opens subflows.
//!
//! C header: [`include/net/mptcp.h`](srctree/include/net/mptcp.h)

use kernel::{
    fmt,
    prelude::*, //
};

use super::{
    address::{
        Family,
        SockAddr, //
    },
    namespace::Namespace,
    socket::Socket, //
};
use crate::bindings;

/// How many endpoints the path manager has at most (`MPTCP_PM_ADDR_MAX`).
const MAX_ENDPOINTS: usize = 8;

/// An address of this machine that the administrator wants subflows to be opened from, and the
/// network device that it is for, if it is for one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Endpoint {
    addr: SockAddr,
    /// The index of the device, or 0.
    device: i32,
}

impl Endpoint {
    /// The family of the address, or [`None`] for one that is not IP.
    pub fn family(&self) -> Option<Family> {
        self.addr.family()
    }

    /// Whether its address is that of `addr`, whatever the port.
    pub fn is_at(&self, addr: &SockAddr) -> bool {
        self.addr.ip() == addr.ip()
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.addr.ip() {
            Some(ip) => write!(f, "{ip}"),
            None => self.addr.fmt(f),
        }
    }
}

impl Namespace {
    /// The endpoints that the path manager of the kernel has here for subflows, in its order.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub fn endpoints(&self) -> Result<KVec<Endpoint>> {
        let mut raw = super::room::<bindings::mptcp_endpoint>(MAX_ENDPOINTS)?;
        // SAFETY: The namespace is alive, and C fills in at most as many as there are.
        let count = unsafe {
            bindings::mptcp_pm_get_endpoints(self.as_raw(), raw.as_mut_ptr(), MAX_ENDPOINTS as u32)
        };
        let mut endpoints = KVec::with_capacity(MAX_ENDPOINTS, GFP_KERNEL)?;
        for raw in raw.iter().take(count as usize) {
            let endpoint = Endpoint {
                addr: SockAddr::from_raw(raw.addr),
                device: raw.ifindex,
            };
            endpoints.push(endpoint, GFP_KERNEL)?;
        }
        Ok(endpoints)
    }
}

impl Socket {
    /// Lets the connection come from `endpoint`, as a subflow of the path manager does. May sleep.
    ///
    /// # Errors
    ///
    /// `ENODEV` or `EADDRNOTAVAIL` if there is no such device or address any more, and what else
    /// the network says.
    pub fn bind_to_endpoint(&self, endpoint: &Endpoint) -> Result {
        if endpoint.device != 0 {
            // First: it is the scope of a link-local address.
            self.bind_to_device_index(endpoint.device)?;
        }
        self.bind(&endpoint.addr)
    }
}
