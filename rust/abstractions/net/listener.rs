// SPDX-License-Identifier: GPL-2.0

//! Sockets that accept connections.
//!
//! C header: [`include/linux/net.h`](srctree/include/linux/net.h)

use kernel::{
    error::to_result,
    prelude::*,
    sync::Arc, //
};

use super::{
    address::{
        Family,
        SockAddr, //
    },
    callbacks::{
        state,
        with_hook,
        Callbacks,
        Installed, //
    },
    socket::Socket, //
};
use crate::{
    abstractions::trace,
    bindings, //
};

/// The owner of a listening socket.
pub trait Accept: Send + Sync + 'static {
    /// Somebody may have connected. Called in softirq: queue work that accepts until there is
    /// nobody left.
    fn connection_ready(&self);
}

/// An MPTCP socket that listens, and tells its owner of connections until it is dropped.
pub struct Listener<T: Accept>(Installed<Socket, T>);

impl<T: Accept> Listener<T> {
    /// Listens on `addr` in the current task's network namespace. May sleep.
    ///
    /// # Errors
    ///
    /// `EADDRINUSE` and whatever else the network says; `ENOMEM`.
    pub fn new(
        family: Family,
        addr: &SockAddr,
        backlog: i32,
        configure: impl FnOnce(&Socket) -> Result,
        owner: Arc<T>,
    ) -> Result<Self> {
        let socket = Self::new_socket(family)?;
        socket.set_reuse_addr()?;
        configure(&socket)?;
        socket.bind(addr)?;

        let replace = |originals| Callbacks {
            data_ready: Some(data_ready::<T>),
            ..originals
        };
        // SAFETY: `data_ready` looks at `sk_user_data` by `with_hook::<T>`.
        let this = Self(unsafe { Installed::new(socket, owner, replace) }?);
        // SAFETY: `this` keeps the socket alive.
        to_result(unsafe { bindings::kernel_listen(this.socket().as_raw(), backlog) })?;
        Ok(this)
    }

    fn socket(&self) -> &Socket {
        self.0.socket()
    }

    /// Makes a socket of the kind that user space makes: those that it accepts then have a lock
    /// class that differs from that of their subflows.
    fn new_socket(family: Family) -> Result<Socket> {
        let mut sock = core::ptr::null_mut();
        // SAFETY: `sock` is a place for the result.
        to_result(unsafe {
            bindings::sock_create(
                family.as_raw(),
                bindings::sock_type_SOCK_STREAM as i32,
                bindings::IPPROTO_MPTCP as i32,
                &mut sock,
            )
        })?;
        // SAFETY: `sock` is ours, has a `sk` and no file, and is not used again.
        unsafe { Socket::with_file(sock) }
    }

    /// Takes the next connection, if there is one. May sleep.
    ///
    /// A peer that does not speak MPTCP gives a plain TCP socket ([`Socket::is_mptcp`]).
    ///
    /// # Errors
    ///
    /// `EAGAIN` if nobody has connected; `EPROTOTYPE` for a plain TCP peer on a kernel whose
    /// `kernel_accept()` leaves the listener's operations on such a socket, where any use of them
    /// corrupts memory.
    pub fn accept(&self) -> Result<Socket> {
        let mut sock = core::ptr::null_mut();
        // SAFETY: `self` keeps the listener alive, and `sock` is a place for the result.
        to_result(unsafe {
            bindings::kernel_accept(
                self.socket().as_raw(),
                &mut sock,
                bindings::O_NONBLOCK as i32,
            )
        })?;
        // SAFETY: `sock` is ours, has a `sk` and no file, and is not used again.
        let accepted = unsafe { Socket::with_file(sock) }?;
        self.0.give_back_data_ready(&accepted);

        let ops = |socket: &Socket| {
            // SAFETY: `socket` is alive, and the field is not written while nobody else has it, as
            // for the new one, nor later, as for the listener.
            unsafe { (*socket.as_raw()).ops }
        };
        if !accepted.is_mptcp() && ops(&accepted) == ops(self.socket()) {
            // Closing is the one operation that may be used: it is the same for both protocols, and
            // goes through `sk_prot`, which is right.
            return Err(EPROTOTYPE);
        }
        Ok(accepted)
    }
}

/// # Safety
///
/// Called by the network stack for a listener of type `T`, or for a connection that inherited its
/// callback and has not been accepted yet; it is alive.
unsafe extern "C" fn data_ready<T: Accept>(sk: *mut bindings::sock) {
    // SAFETY: By the contract of this function `sk` is alive.
    unsafe { trace::sk_data_ready(sk) };
    // A connection has a copy of `sk_user_data` that nobody clears when the listener goes; it must
    // not be followed. No connection ever listens.
    // SAFETY: By the contract of this function `sk` is alive.
    if unsafe { state(sk) } == bindings::TCP_LISTEN {
        // SAFETY: `sk` is alive, and the listener itself, for which `Listener` installs a hook with
        // `T`.
        unsafe { with_hook::<T>(sk, |hook| hook.owner.connection_ready()) };
    }
}
