// SPDX-License-Identifier: GPL-2.0

//! Addresses of IPv4 and IPv6 sockets.
//!
//! C headers: [`include/linux/socket.h`](srctree/include/linux/socket.h),
//! [`include/linux/inet.h`](srctree/include/linux/inet.h)

use core::net::{
    IpAddr,
    Ipv4Addr,
    Ipv6Addr,
    SocketAddr,
    SocketAddrV4,
    SocketAddrV6, //
};

use kernel::{
    bindings as kernel_bindings,
    error::to_result,
    prelude::*, //
};

use super::namespace::Namespace;
use crate::bindings;

/// The address family of an IP socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// `AF_INET`.
    V4,
    /// `AF_INET6`.
    V6,
    /// `AF_UNSPEC`: whichever the text turns out to be. No socket has it.
    Any,
}

impl Family {
    /// The `AF_*` constant.
    pub(super) fn as_raw(self) -> i32 {
        (match self {
            Self::V4 => bindings::AF_INET,
            Self::V6 => bindings::AF_INET6,
            Self::Any => bindings::AF_UNSPEC,
        }) as i32
    }
}

/// An IPv4 or IPv6 address with a port (`struct sockaddr_storage`).
#[derive(Clone, Copy)]
#[repr(transparent)]
pub struct SockAddr(kernel_bindings::__kernel_sockaddr_storage);

// SAFETY: The pointer that C declares in the union only aligns it; an address is plain bytes.
unsafe impl Send for SockAddr {}
// SAFETY: An address is plain bytes, which change through `&mut` alone.
unsafe impl Sync for SockAddr {}

impl SockAddr {
    /// The size that C is told, which covers both families.
    pub(super) const LEN: i32 = size_of::<kernel_bindings::__kernel_sockaddr_storage>() as i32;

    /// The unspecified address.
    fn new() -> Self {
        Self(Default::default())
    }

    /// Reads a numeric address and an optional numeric port as users write them.
    ///
    /// An IPv6 address may carry a scope (`fe80::1%eth0`), whose device is looked up in `net`.
    ///
    /// # Errors
    ///
    /// `EINVAL` if either is not one of `family`, or the scope names no device.
    pub fn parse(
        net: &Namespace,
        family: Family,
        addr: &CStr,
        port: Option<&CStr>,
    ) -> Result<Self> {
        let mut out = Self::new();
        // SAFETY: `net` is alive, both strings are NUL-terminated or absent, and `out` is a
        // `sockaddr_storage` that nobody else sees.
        to_result(unsafe {
            bindings::inet_pton_with_scope(
                net.as_raw(),
                family.as_raw() as u16,
                addr.as_char_ptr(),
                port.map_or(core::ptr::null(), |port| port.as_char_ptr()),
                &mut out.0,
            )
        })?;
        Ok(out)
    }

    /// An address that C has filled in.
    pub(super) fn from_raw(raw: kernel_bindings::__kernel_sockaddr_storage) -> Self {
        Self(raw)
    }

    /// Lets C fill in an address, which it announces with a length of 0 or more.
    ///
    /// # Errors
    ///
    /// What `fill` returns, if that is negative.
    pub(super) fn filled_by(
        fill: impl FnOnce(*mut kernel_bindings::sockaddr) -> i32,
    ) -> Result<Self> {
        let mut out = Self::new();
        let len = fill((&raw mut out.0).cast());
        to_result(len)?;
        Ok(out)
    }

    /// For C functions that take an address and do not keep or change it.
    pub(super) fn as_raw(&self) -> *mut kernel_bindings::sockaddr_unsized {
        (&raw const self.0).cast_mut().cast()
    }

    /// The address family, or `None` for one that is not IP.
    pub fn family(&self) -> Option<Family> {
        self.to_std().map(|addr| match addr {
            SocketAddr::V4(_) => Family::V4,
            SocketAddr::V6(_) => Family::V6,
        })
    }

    /// The address as `core` knows it, which can be printed, or `None` for one that is not IP.
    pub fn to_std(self) -> Option<SocketAddr> {
        // SAFETY: The first member of every variant of the union is the family.
        let family = i32::from(unsafe { self.0.__bindgen_anon_1.__bindgen_anon_1.ss_family });
        let this = &raw const self.0;

        if family == Family::V4.as_raw() {
            // SAFETY: The family says that the storage, which is large and aligned enough for
            // every kind of address, holds a `sockaddr_in`.
            let sin = unsafe { &*this.cast::<kernel_bindings::sockaddr_in>() };
            Some(SocketAddr::V4(SocketAddrV4::new(
                Ipv4Addr::from_bits(u32::from_be(sin.sin_addr.s_addr)),
                u16::from_be(sin.sin_port),
            )))
        } else if family == Family::V6.as_raw() {
            // SAFETY: The family says that the storage, which is large and aligned enough for
            // every kind of address, holds a `sockaddr_in6`.
            let sin6 = unsafe { &*this.cast::<kernel_bindings::sockaddr_in6>() };
            // SAFETY: All three variants of the union are 16 bytes of the same address.
            let octets = unsafe { sin6.sin6_addr.in6_u.u6_addr8 };
            Some(SocketAddr::V6(SocketAddrV6::new(
                Ipv6Addr::from(octets),
                u16::from_be(sin6.sin6_port),
                u32::from_be(sin6.sin6_flowinfo),
                sin6.sin6_scope_id,
            )))
        } else {
            None
        }
    }

    /// Whether this is the wildcard address of its family.
    pub fn is_any(&self) -> bool {
        self.to_std().is_some_and(|addr| addr.ip().is_unspecified())
    }

    /// The IP address without port and scope.
    pub fn ip(&self) -> Option<IpAddr> {
        self.to_std().map(|addr| addr.ip())
    }
}

impl PartialEq for SockAddr {
    fn eq(&self, other: &Self) -> bool {
        self.to_std() == other.to_std()
    }
}

impl Eq for SockAddr {}

impl kernel::fmt::Display for SockAddr {
    fn fmt(&self, f: &mut kernel::fmt::Formatter<'_>) -> kernel::fmt::Result {
        match self.to_std() {
            Some(addr) => write!(f, "{addr}"),
            None => f.write_str("(not an IP address)"),
        }
    }
}
