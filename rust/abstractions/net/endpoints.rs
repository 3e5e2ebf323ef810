// SPDX-License-Identifier: GPL-2.0

//! From where the path manager of MPTCP opens subflows, and where they lead.
//!
//! C headers: [`include/net/mptcp.h`](srctree/include/net/mptcp.h),
//! [`include/uapi/linux/mptcp.h`](srctree/include/uapi/linux/mptcp.h)

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

/// How many subflows of a connection are looked at.
const MAX_SUBFLOWS: usize = 16;

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
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.addr.ip() {
            Some(ip) => write!(f, "{ip}"),
            None => self.addr.fmt(f),
        }
    }
}

/// Room for C to fill in up to `count` of something.
fn room<T: Default>(count: usize) -> Result<KVec<T>> {
    let mut room = KVec::with_capacity(count, GFP_KERNEL)?;
    for _ in 0..count {
        room.push(T::default(), GFP_KERNEL)?;
    }
    Ok(room)
}

impl Namespace {
    /// The endpoints that the path manager of the kernel has here for subflows, in its order.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub fn endpoints(&self) -> Result<KVec<Endpoint>> {
        let mut raw = room::<bindings::mptcp_endpoint>(MAX_ENDPOINTS)?;
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

    /// The addresses of the peer to which there are subflows, one for each subflow; none for a
    /// plain TCP socket. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub fn subflow_peers(&self) -> Result<KVec<SockAddr>> {
        let mut peers = KVec::new();
        if !self.is_mptcp() {
            return Ok(peers);
        }
        let mut raw = room::<bindings::mptcp_subflow_addrs>(MAX_SUBFLOWS)?;
        // SAFETY: This is an MPTCP socket, and alive; C fills in at most as many as there are.
        let count = unsafe {
            bindings::mptcp_get_subflow_addrs(self.sk(), raw.as_mut_ptr(), MAX_SUBFLOWS as u32)
        };
        for raw in raw.iter().take(count as usize) {
            // SAFETY: All variants of the union are plain bytes, which C has filled in.
            let peer = unsafe { raw.__bindgen_anon_2.ss_remote.as_ref() };
            peers.push(SockAddr::from_raw(*peer), GFP_KERNEL)?;
        }
        Ok(peers)
    }
}
