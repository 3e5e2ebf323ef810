// SPDX-License-Identifier: GPL-2.0

//! Options of sockets.
//!
//! On an MPTCP socket the `tcp_sock_set_*()`, `sock_set_*()` and `ip_sock_set_*()` helpers of C
//! write to memory that belongs to other members or change nothing on the subflows, so options go
//! through `do_sock_setsockopt()` here, which reaches the subflows that exist and those to come.
//!
//! Setting one may sleep, unless it says otherwise, and fails with what the protocol says.
//!
//! C header: [`include/net/sock.h`](srctree/include/net/sock.h)

use kernel::{
    bindings as kernel_bindings,
    error::to_result,
    prelude::*, //
};

use super::socket::Socket;
use crate::bindings;

/// Microseconds after which, beyond the round trip, a subflow takes for lost what is not
/// acknowledged. The others carry it then, so this bounds how long I/O stalls when a link dies. A
/// mistake costs little: the subflow is used again as soon as it is answered.
const RTO_MIN_US: i32 = 20_000;

/// Milliseconds between attempts on a dead link, and so how long one that is back may stay unused.
const RTO_MAX_MS: i32 = 1000;

/// Milliseconds until a subflow is given up, for as long as the connection exists, because the path
/// manager does not open it again: a day. Dead peers are noticed by other means.
const SUBFLOW_TIMEOUT_MS: i32 = 86_400_000;

impl Socket {
    /// How often a peer is asked for a sign of life in the time that it has for one, and so the
    /// fewest seconds that it can have ([`Socket::set_keepalive`]).
    pub const PROBES: u32 = 4;

    pub(super) fn set_option<T: Copy>(&self, level: u32, name: u32, mut value: T) -> Result {
        // SAFETY: The socket is alive and C reads as many bytes as `value` has.
        to_result(unsafe {
            bindings::helper_sock_setsockopt(
                self.as_raw(),
                level as i32,
                name as i32,
                (&raw mut value).cast(),
                size_of::<T>() as i32,
            )
        })
    }

    /// Sends what there is without waiting for more (`TCP_NODELAY`).
    pub fn set_nodelay(&self) -> Result {
        self.set_option(bindings::IPPROTO_TCP, bindings::TCP_NODELAY, 1i32)
    }

    /// Has a dead link noticed soon, and used again soon after it is back (`TCP_USER_TIMEOUT`,
    /// `TCP_RTO_MAX_MS`, `TCP_RTO_MIN_US`).
    ///
    /// # Errors
    ///
    /// `ENOPROTOOPT` on an MPTCP socket if the kernel has these options for TCP alone.
    pub fn set_path_timeouts(&self) -> Result {
        // The first one first: with the second alone, TCP would give up after seconds.
        self.set_option(
            bindings::IPPROTO_TCP,
            bindings::TCP_USER_TIMEOUT,
            SUBFLOW_TIMEOUT_MS,
        )?;
        self.set_option(bindings::IPPROTO_TCP, bindings::TCP_RTO_MAX_MS, RTO_MAX_MS)?;
        self.set_option(bindings::IPPROTO_TCP, bindings::TCP_RTO_MIN_US, RTO_MIN_US)
    }

    /// Asks a peer that nothing is heard of whether it is there, [`PROBES`](Self::PROBES) times
    /// within `secs` seconds but not more often than once a second, and each subflow for itself
    /// (`SO_KEEPALIVE`, `TCP_KEEPIDLE`, `TCP_KEEPINTVL`).
    ///
    /// # Errors
    ///
    /// `EOPNOTSUPP` on an MPTCP socket if the kernel has these options for TCP alone.
    pub fn set_keepalive(&self, secs: u32) -> Result {
        let secs = i32::try_from((secs / Self::PROBES).max(1)).map_err(|_| EINVAL)?;
        self.set_option(bindings::IPPROTO_TCP, bindings::TCP_KEEPIDLE, secs)?;
        self.set_option(bindings::IPPROTO_TCP, bindings::TCP_KEEPINTVL, secs)?;
        self.set_option(bindings::SOL_SOCKET, bindings::SO_KEEPALIVE, 1i32)
    }

    /// Throws away on close what was not sent, instead of sending it later (`SO_LINGER` of 0).
    pub fn set_no_linger(&self) -> Result {
        let linger = kernel_bindings::linger {
            l_onoff: 1,
            l_linger: 0,
        };
        self.set_option(bindings::SOL_SOCKET, bindings::SO_LINGER, linger)
    }

    /// Lets a listener take an address that closed connections still have (`SO_REUSEADDR`).
    pub fn set_reuse_addr(&self) -> Result {
        self.set_option(bindings::SOL_SOCKET, bindings::SO_REUSEADDR, 1i32)
    }

    /// Sets the priority of outgoing packets (`SO_PRIORITY`). After [`Socket::set_tos`], which
    /// changes it.
    pub fn set_priority(&self, priority: i32) -> Result {
        self.set_option(bindings::SOL_SOCKET, bindings::SO_PRIORITY, priority)
    }

    /// The type of service, or traffic class, that the peer's packets had when it connected; 0 on
    /// an MPTCP socket of a kernel that does not note it there.
    pub fn received_tos(&self) -> i32 {
        // SAFETY: The socket is alive and one of IP.
        unsafe { bindings::helper_sk_received_tos(self.sk()) }.into()
    }

    /// Sets the type of service of outgoing packets (`IP_TOS`), which is the traffic class of those
    /// of IPv6 (`IPV6_TCLASS`): a byte. An IPv6 socket can have IPv4 peers and subflows.
    pub fn set_tos(&self, tos: i32) -> Result {
        self.set_option(bindings::IPPROTO_IP, bindings::IP_TOS, tos)?;
        if self.is_ipv6() {
            self.set_option(bindings::IPPROTO_IPV6, bindings::IPV6_TCLASS, tos)?;
        }
        Ok(())
    }

    /// Asks for a send buffer of `bytes`, beyond what `net.core.wmem_max` allows to users.
    pub fn set_send_buffer(&self, bytes: i32) -> Result {
        self.set_option(bindings::SOL_SOCKET, bindings::SO_SNDBUFFORCE, bytes)
    }

    /// Bounds how long [`Socket::connect`] and [`Socket::send_exact`] wait (`sk_sndtimeo`), and
    /// [`Socket::recv_exact`] (`sk_rcvtimeo`), in milliseconds. Does not sleep.
    pub fn set_timeouts(&self, send_ms: u32, recv_ms: u32) {
        let sk = self.sk();
        // SAFETY: `self` keeps `sk` alive. The calls that wait read the number as a whole.
        unsafe { (*sk).sk_sndtimeo = kernel::time::msecs_to_jiffies(send_ms) as isize };
        // SAFETY: `self` keeps `sk` alive. The calls that wait read the number as a whole.
        unsafe { (*sk).sk_rcvtimeo = kernel::time::msecs_to_jiffies(recv_ms) as isize };
    }

    /// Binds the socket to the network device with the index `device` (`SO_BINDTOIFINDEX`).
    ///
    /// # Errors
    ///
    /// `ENODEV` if there is none in the socket's network namespace.
    pub(super) fn bind_to_device_index(&self, device: i32) -> Result {
        self.set_option(bindings::SOL_SOCKET, bindings::SO_BINDTOIFINDEX, device)
    }

    /// Binds the socket to a network device (`SO_BINDTODEVICE`).
    ///
    /// # Errors
    ///
    /// `ENODEV` if there is no such device in the socket's network namespace.
    pub fn bind_to_device(&self, name: &CStr) -> Result {
        let name = name.to_bytes();
        // SAFETY: The socket is alive and C reads as many bytes as are announced.
        to_result(unsafe {
            bindings::helper_sock_setsockopt(
                self.as_raw(),
                bindings::SOL_SOCKET as i32,
                bindings::SO_BINDTODEVICE as i32,
                name.as_ptr().cast_mut().cast(),
                name.len().try_into()?,
            )
        })
    }
}
