// SPDX-License-Identifier: GPL-2.0

//! Sockets that accept connections.
//!
//! C header: [`include/linux/net.h`](srctree/include/linux/net.h)

use core::ptr::NonNull;

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
    socket::Socket, //
};
use crate::bindings;

type SkCallback = Option<unsafe extern "C" fn(sk: *mut bindings::sock)>;

/// The owner of a listening socket.
pub trait Accept: Send + Sync + 'static {
    /// Somebody may have connected. Called in softirq: queue work that accepts until there is
    /// nobody left.
    fn connection_ready(&self);
}

/// What `sk_user_data` of the listener points to.
struct Hook<T> {
    owner: Arc<T>,
    data_ready: SkCallback,
}

/// An MPTCP socket that listens, and tells its owner of connections until it is dropped.
///
/// # Invariants
///
/// `hook` came from `KBox::into_raw` and is what `sk_user_data` of `socket` points to.
pub struct Listener<T: Accept> {
    socket: Socket,
    hook: NonNull<Hook<T>>,
}

// SAFETY: A listener is a `Socket` and an `Arc<T>`, both of which may be sent.
unsafe impl<T: Accept> Send for Listener<T> {}
// SAFETY: Both may be shared; accepting takes the socket lock.
unsafe impl<T: Accept> Sync for Listener<T> {}

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

        let sk = socket.sk();
        // SAFETY: The socket is alive, and nobody changes its callbacks yet.
        let original = unsafe { (*sk).sk_data_ready };
        let hook = KBox::into_raw(KBox::new(
            Hook {
                owner,
                data_ready: original,
            },
            GFP_KERNEL,
        )?);
        // SAFETY: The socket is alive; the lock keeps callbacks from seeing half of the change.
        unsafe {
            bindings::helper_write_lock_callbacks(sk);
            (*sk).sk_user_data = hook.cast();
            (*sk).sk_data_ready = Some(listen_data_ready::<T>);
            bindings::helper_write_unlock_callbacks(sk);
        }
        // INVARIANT: Established just above.
        let this = Self {
            socket,
            // SAFETY: `KBox::into_raw` does not return null.
            hook: unsafe { NonNull::new_unchecked(hook) },
        };
        // SAFETY: The socket is alive.
        to_result(unsafe { bindings::kernel_listen(this.socket.as_raw(), backlog) })?;
        Ok(this)
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
        // SAFETY: The listener is alive and `sock` is a place for the result.
        to_result(unsafe {
            bindings::kernel_accept(self.socket.as_raw(), &mut sock, bindings::O_NONBLOCK as i32)
        })?;

        // SAFETY: `kernel_accept` succeeded, so the new socket has a `sk`.
        let sk = unsafe { (*sock).sk }.cast::<bindings::sock>();
        // SAFETY: By the invariant.
        let original = unsafe { self.hook.as_ref() }.data_ready;
        // The new socket is a copy of the listener, with its callback and user data.
        // SAFETY: The new socket is ours; the lock keeps its callbacks from seeing half of it.
        unsafe {
            bindings::helper_write_lock_callbacks(sk);
            (*sk).sk_user_data = core::ptr::null_mut();
            (*sk).sk_data_ready = original;
            bindings::helper_write_unlock_callbacks(sk);
        }

        // SAFETY: Both sockets are alive; operations and protocols are not reassigned here.
        let mismatch = unsafe {
            (*sk).sk_protocol != (*self.socket.sk()).sk_protocol
                && (*sock).ops == (*self.socket.as_raw()).ops
        };
        if mismatch {
            // SAFETY: `sock` is ours and not used again. `release` is the same for both protocols
            // and goes through `sk_prot`, which is right.
            unsafe { bindings::sock_release(sock) };
            return Err(EPROTOTYPE);
        }
        // SAFETY: `sock` is ours, has a `sk` and no file, and is not used again.
        unsafe { Socket::with_file(sock) }
    }
}

impl<T: Accept> Drop for Listener<T> {
    fn drop(&mut self) {
        let sk = self.socket.sk();
        // SAFETY: The socket is alive. Callbacks read `sk_user_data` of the listener under this
        // lock, so once it is released none of them uses the hook any more.
        unsafe {
            bindings::helper_write_lock_callbacks(sk);
            (*sk).sk_user_data = core::ptr::null_mut();
            (*sk).sk_data_ready = self.hook.as_ref().data_ready;
            bindings::helper_write_unlock_callbacks(sk);
        }
        // SAFETY: By the invariant it came from `KBox::into_raw`; nobody else has it now.
        drop(unsafe { KBox::from_raw(self.hook.as_ptr()) });
    }
}

/// # Safety
///
/// Called by the network stack for a listener of type `T`, or for a connection that inherited its
/// callback and has not been accepted yet.
unsafe extern "C" fn listen_data_ready<T: Accept>(sk: *mut bindings::sock) {
    // SAFETY: `sk` is alive.
    unsafe { bindings::helper_read_lock_callbacks(sk) };
    // SAFETY: As above; the state of a listener is final until it is closed.
    let state = unsafe { (&raw const (*sk).__sk_common.skc_state).read_volatile() };
    // A connection has a copy of the pointer that nobody clears when the listener goes; it must
    // not be followed.
    if u32::from(state) == bindings::TCP_LISTEN {
        // SAFETY: `sk` is the listener, so this is null or its hook, which is not freed before the
        // lock has been held for writing.
        if let Some(hook) = unsafe { (*sk).sk_user_data.cast::<Hook<T>>().as_ref() } {
            hook.owner.connection_ready();
        }
    }
    // SAFETY: Taken above.
    unsafe { bindings::helper_read_unlock_callbacks(sk) };
}
