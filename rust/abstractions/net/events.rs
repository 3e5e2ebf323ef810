// SPDX-License-Identifier: GPL-2.0

//! What a socket tells its owner: data, room to send, the end of the connection.
//!
//! C header: [`include/net/sock.h`](srctree/include/net/sock.h), `sk_data_ready` and its siblings.

use core::{
    ops::Deref,
    ptr::NonNull, //
};

use kernel::{
    prelude::*,
    sync::Arc, //
};

use super::socket::Socket;
use crate::bindings;

type SkCallback = Option<unsafe extern "C" fn(sk: *mut bindings::sock)>;

/// The owner of a connected socket.
///
/// The calls come in any context up to softirq, with the socket's spinlock or the socket lock held
/// or not, and even while the owner itself is inside [`Socket::read`]. They may do no more than
/// note something and queue work.
pub trait Events: Send + Sync + 'static {
    /// There may be something to receive.
    fn data_ready(&self);

    /// There is room again after a send found none.
    fn write_space(&self);

    /// The connection is being closed by either side, or is broken. May come several times.
    fn closing(&self);
}

/// The callbacks that a socket had before its owner put in its own.
#[derive(Clone, Copy)]
struct Originals {
    data_ready: SkCallback,
    write_space: SkCallback,
    state_change: SkCallback,
    error_report: SkCallback,
}

/// What `sk_user_data` points to while callbacks are installed.
struct Hook<T> {
    owner: Arc<T>,
    originals: Originals,
}

/// A socket whose events go to an owner until this is dropped.
///
/// # Invariants
///
/// `hook` came from `KBox::into_raw` and is what `sk_user_data` of `socket` points to.
pub struct Hooked<T: Events> {
    socket: Arc<Socket>,
    hook: NonNull<Hook<T>>,
}

// SAFETY: A `Hooked` is an `Arc<Socket>` and an `Arc<T>`, both of which may be sent.
unsafe impl<T: Events> Send for Hooked<T> {}
// SAFETY: It only gives out shared references to the socket.
unsafe impl<T: Events> Sync for Hooked<T> {}

impl<T: Events> Hooked<T> {
    /// Lets the events of `socket` go to `owner`.
    ///
    /// What happened before is not told: the owner looks for itself afterwards.
    ///
    /// # Errors
    ///
    /// `EBUSY` if the events of `socket` have an owner already, `ENOMEM`. May sleep.
    pub fn new(socket: Arc<Socket>, owner: Arc<T>) -> Result<Self> {
        let sk = socket.sk();
        let none = Originals {
            data_ready: None,
            write_space: None,
            state_change: None,
            error_report: None,
        };
        let hook = KBox::into_raw(KBox::new(
            Hook {
                owner,
                originals: none,
            },
            GFP_KERNEL,
        )?);

        // SAFETY: The socket is alive.
        unsafe { bindings::helper_write_lock_callbacks(sk) };
        // A second hook would take the first one's callbacks for the originals, and call them with
        // a hook of another type.
        // SAFETY: The socket is alive, and this is only written under the lock that is held.
        if !unsafe { (*sk).sk_user_data }.is_null() {
            // SAFETY: Taken above.
            unsafe { bindings::helper_write_unlock_callbacks(sk) };
            // SAFETY: From `KBox::into_raw` above; nobody else has seen it.
            drop(unsafe { KBox::from_raw(hook) });
            return Err(EBUSY);
        }
        // SAFETY: The socket is alive. The lock keeps callbacks from seeing half of the change;
        // they read `hook` only under it, and from here on it is complete.
        unsafe {
            (*hook).originals = Originals {
                data_ready: (*sk).sk_data_ready,
                write_space: (*sk).sk_write_space,
                state_change: (*sk).sk_state_change,
                error_report: (*sk).sk_error_report,
            };
            (*sk).sk_user_data = hook.cast();
            (*sk).sk_data_ready = Some(data_ready::<T>);
            (*sk).sk_write_space = Some(write_space::<T>);
            (*sk).sk_state_change = Some(state_change::<T>);
            (*sk).sk_error_report = Some(error_report::<T>);
            bindings::helper_write_unlock_callbacks(sk);
        }
        // INVARIANT: Established just above.
        Ok(Self {
            socket,
            // SAFETY: `KBox::into_raw` does not return null.
            hook: unsafe { NonNull::new_unchecked(hook) },
        })
    }
}

impl<T: Events> Deref for Hooked<T> {
    type Target = Socket;

    fn deref(&self) -> &Socket {
        &self.socket
    }
}

impl<T: Events> Drop for Hooked<T> {
    fn drop(&mut self) {
        let sk = self.socket.sk();
        // SAFETY: The socket is alive. Callbacks read `sk_user_data` under this lock, so once it
        // is released none of them uses the hook any more or finds it again.
        unsafe {
            bindings::helper_write_lock_callbacks(sk);
            let originals = self.hook.as_ref().originals;
            (*sk).sk_user_data = core::ptr::null_mut();
            (*sk).sk_data_ready = originals.data_ready;
            (*sk).sk_write_space = originals.write_space;
            (*sk).sk_state_change = originals.state_change;
            (*sk).sk_error_report = originals.error_report;
            bindings::helper_write_unlock_callbacks(sk);
        }
        // SAFETY: By the invariant it came from `KBox::into_raw`; nobody else has it now.
        drop(unsafe { KBox::from_raw(self.hook.as_ptr()) });
    }
}

/// Calls `f` with the hook of `sk`, unless it has been taken away meanwhile.
///
/// # Safety
///
/// `sk` is alive, and its callbacks were installed by a `Hooked<T>`.
unsafe fn with_hook<T: Events>(sk: *mut bindings::sock, f: impl FnOnce(&Hook<T>)) {
    // SAFETY: `sk` is alive.
    unsafe { bindings::helper_read_lock_callbacks(sk) };
    // SAFETY: Only written under the lock that is held for reading. It is null, or the hook, which
    // is not freed before the lock has been held for writing.
    if let Some(hook) = unsafe { (*sk).sk_user_data.cast::<Hook<T>>().as_ref() } {
        f(hook);
    }
    // SAFETY: Taken above.
    unsafe { bindings::helper_read_unlock_callbacks(sk) };
}

/// # Safety
///
/// As for [`with_hook`]; called by the network stack.
unsafe extern "C" fn data_ready<T: Events>(sk: *mut bindings::sock) {
    // SAFETY: By the contract of this function.
    unsafe { with_hook::<T>(sk, |hook| hook.owner.data_ready()) };
}

/// # Safety
///
/// As for [`with_hook`]; called by the network stack.
unsafe extern "C" fn write_space<T: Events>(sk: *mut bindings::sock) {
    // SAFETY: By the contract of this function. MPTCP calls for every acknowledgement, so the
    // flag, which a send sets that finds no room, is looked at first. The `socket` stays as long
    // as the hook, whose owner keeps it.
    unsafe {
        with_hook::<T>(sk, |hook| {
            let socket = (*sk).sk_socket.cast::<kernel::bindings::socket>();
            let flags = &raw mut (*socket).flags;
            let nospace = bindings::socket_flags_SOCK_NOSPACE as usize;

            if flags.read_volatile() & (1 << nospace) != 0
                && bindings::helper_sk_stream_is_writeable(sk)
            {
                bindings::clear_bit(nospace, flags);
                hook.owner.write_space();
            }
        })
    };
}

/// # Safety
///
/// As for [`with_hook`]; called by the network stack.
unsafe extern "C" fn state_change<T: Events>(sk: *mut bindings::sock) {
    // SAFETY: By the contract of this function; the original is called as C would call it.
    unsafe {
        with_hook::<T>(sk, |hook| {
            if is_closing(sk) {
                hook.owner.closing();
            }
            if let Some(original) = hook.originals.state_change {
                original(sk);
            }
        })
    };
}

/// A reset of a connection that fell back to TCP is reported here and nowhere else; and the loss of
/// the last subflow, as a soft error: MPTCP waits for new ones, and sends go on to succeed.
///
/// # Safety
///
/// As for [`with_hook`]; called by the network stack.
unsafe extern "C" fn error_report<T: Events>(sk: *mut bindings::sock) {
    // SAFETY: By the contract of this function; the original is called as C would call it.
    unsafe {
        with_hook::<T>(sk, |hook| {
            if (&raw const (*sk).sk_err).read_volatile() != 0
                || (&raw const (*sk).sk_err_soft).read_volatile() != 0
                || is_closing(sk)
            {
                hook.owner.closing();
            }
            if let Some(original) = hook.originals.error_report {
                original(sk);
            }
        })
    };
}

/// Whether the connection is on its way down.
///
/// # Safety
///
/// `sk` is alive.
unsafe fn is_closing(sk: *mut bindings::sock) -> bool {
    // SAFETY: By the contract of this function; C too reads the state without the lock.
    let state = u32::from(unsafe { (&raw const (*sk).__sk_common.skc_state).read_volatile() });
    [
        bindings::TCP_FIN_WAIT1,
        bindings::TCP_FIN_WAIT2,
        bindings::TCP_CLOSE_WAIT,
        bindings::TCP_LAST_ACK,
        bindings::TCP_CLOSE,
    ]
    .contains(&state)
}
