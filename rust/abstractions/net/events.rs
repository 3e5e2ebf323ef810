// SPDX-License-Identifier: GPL-2.0

//! What a connection tells its owner: data, room to send, its end.
//!
//! C header: [`include/net/sock.h`](srctree/include/net/sock.h), `sk_data_ready` and its siblings.

use core::ops::Deref;

use kernel::{
    bindings as kernel_bindings,
    prelude::*,
    sync::Arc, //
};

use super::{
    callbacks::{
        state,
        with_hook,
        Callbacks,
        Hook,
        Installed, //
    },
    socket::Socket, //
};
use crate::{
    abstractions::trace,
    bindings, //
};

/// The owner of a connected socket.
///
/// The calls come in any context up to softirq, with the socket's spinlock or the socket lock held
/// or not, and even while the owner itself is inside [`Socket::read`]. They may do no more than
/// note something and queue work.
pub trait Events: Send + Sync + 'static {
    /// There may be something to receive (`sk_data_ready`).
    fn data_ready(&self);

    /// There is room again after a send found none (`sk_write_space`).
    fn write_space(&self);

    /// The connection is being closed by either side, or is broken (`sk_state_change`,
    /// `sk_error_report`). May come several times.
    fn closing(&self);
}

/// A socket whose events go to an owner until this is dropped.
pub struct Hooked<T: Events>(Installed<Arc<Socket>, T>);

impl<T: Events> Hooked<T> {
    /// Lets the events of `socket` go to `owner`.
    ///
    /// What happened before is not told: the owner looks for itself afterwards.
    ///
    /// # Errors
    ///
    /// `EBUSY` if the events of `socket` have an owner already, `ENOMEM`. May sleep.
    pub fn new(socket: Arc<Socket>, owner: Arc<T>) -> Result<Self> {
        let tls = socket.is_tls();
        let replace = |_| Callbacks {
            data_ready: Some(data_ready::<T>),
            write_space: match tls {
                false => Some(write_space::<T>),
                true => Some(write_space_tls::<T>),
            },
            state_change: Some(state_change::<T>),
            error_report: Some(error_report::<T>),
        };
        // SAFETY: All of them look at `sk_user_data` by `with_hook::<T>`.
        Ok(Self(unsafe { Installed::new(socket, owner, replace) }?))
    }
}

impl<T: Events> Deref for Hooked<T> {
    type Target = Socket;

    fn deref(&self) -> &Socket {
        self.0.socket()
    }
}

/// # Safety
///
/// The network stack calls this, like all that follow, for a socket which is alive and whose
/// functions a `Hooked<T>` replaced.
unsafe extern "C" fn data_ready<T: Events>(sk: *mut bindings::sock) {
    // SAFETY: By the contract of this function `sk` is alive.
    unsafe { trace::sk_data_ready(sk) };
    // SAFETY: By the contract of this function; `Hooked` installs a hook with `T`.
    unsafe { with_hook::<T>(sk, |hook| hook.owner.data_ready()) };
}

/// # Safety
///
/// That of [`data_ready`].
unsafe extern "C" fn write_space<T: Events>(sk: *mut bindings::sock) {
    let tell = |hook: &Hook<T>| {
        // SAFETY: By the contract of this function `sk` is alive. The owner of its hook has its
        // socket, which therefore stays until the hook has gone.
        if unsafe { has_room_again(sk) } {
            hook.owner.write_space();
        }
    };
    // SAFETY: By the contract of this function; `Hooked` installs a hook with `T`.
    unsafe { with_hook::<T>(sk, tell) };
}

/// kTLS sends the rest of a record when there is room: nobody else knows that it has one.
///
/// # Safety
///
/// That of [`data_ready`].
unsafe extern "C" fn write_space_tls<T: Events>(sk: *mut bindings::sock) {
    let tell = |hook: &Hook<T>| {
        // SAFETY: By the contract of this function `sk` is alive. The owner of its hook has its
        // socket, which therefore stays until the hook has gone.
        let again = unsafe { has_room_again(sk) };
        if let Some(original) = hook.originals.write_space {
            // SAFETY: It is the function that C would have called here with this `sk`.
            unsafe { original(sk) };
        }
        if again {
            hook.owner.write_space();
        }
    };
    // SAFETY: By the contract of this function; `Hooked` installs a hook with `T`.
    unsafe { with_hook::<T>(sk, tell) };
}

/// # Safety
///
/// That of [`data_ready`].
unsafe extern "C" fn state_change<T: Events>(sk: *mut bindings::sock) {
    let tell = |hook: &Hook<T>| {
        // SAFETY: By the contract of this function `sk` is alive.
        if unsafe { is_closing(sk) } {
            hook.owner.closing();
        }
        if let Some(original) = hook.originals.state_change {
            // SAFETY: It is the function that C would have called here with this `sk`.
            unsafe { original(sk) };
        }
    };
    // SAFETY: By the contract of this function; `Hooked` installs a hook with `T`.
    unsafe { with_hook::<T>(sk, tell) };
}

/// A reset of a connection that fell back to TCP is reported here and nowhere else; and the loss of
/// the last subflow, as a soft error: MPTCP waits for new ones, and sends go on to succeed.
///
/// # Safety
///
/// That of [`data_ready`].
unsafe extern "C" fn error_report<T: Events>(sk: *mut bindings::sock) {
    let tell = |hook: &Hook<T>| {
        // SAFETY: By the contract of this function `sk` is alive.
        if unsafe { has_error(sk) } || unsafe { is_closing(sk) } {
            hook.owner.closing();
        }
        if let Some(original) = hook.originals.error_report {
            // SAFETY: It is the function that C would have called here with this `sk`.
            unsafe { original(sk) };
        }
    };
    // SAFETY: By the contract of this function; `Hooked` installs a hook with `T`.
    unsafe { with_hook::<T>(sk, tell) };
}

/// Whether a send found no room and there is room now. Says so once for each such send: MPTCP calls
/// for every acknowledgment.
///
/// # Safety
///
/// `sk` is alive, and so is its socket.
unsafe fn has_room_again(sk: *mut bindings::sock) -> bool {
    let nospace = bindings::socket_flags_SOCK_NOSPACE as usize;
    // SAFETY: `sk` is alive, and the field does not change while it has its socket.
    let socket = unsafe { (*sk).sk_socket }.cast::<kernel_bindings::socket>();
    // SAFETY: By the contract of this function the socket is alive, and the field is in it.
    let flags = unsafe { &raw mut (*socket).flags };
    // SAFETY: The socket is alive. It is a word that is only changed as a whole.
    if unsafe { flags.read_volatile() } & (1 << nospace) == 0 {
        return false;
    }
    // SAFETY: `sk` is alive, and C looks at counters only.
    if !unsafe { bindings::helper_sk_stream_is_writeable(sk) } {
        return false;
    }
    // SAFETY: The socket is alive, and the bit is one of the word; C clears it atomically.
    unsafe { bindings::clear_bit(nospace, flags) };
    true
}

/// Whether an error is noted that whoever uses the connection has not been told.
///
/// # Safety
///
/// `sk` is alive.
unsafe fn has_error(sk: *const bindings::sock) -> bool {
    // SAFETY: By the contract of this function `sk` is alive, and the field is in it.
    let hard = unsafe { &raw const (*sk).sk_err };
    // SAFETY: By the contract of this function `sk` is alive, and the field is in it.
    let soft = unsafe { &raw const (*sk).sk_err_soft };
    // SAFETY: `sk` is alive. C too reads the number without a lock, while others may write it.
    if unsafe { hard.read_volatile() } != 0 {
        return true;
    }
    // SAFETY: `sk` is alive. C too reads the number without a lock, while others may write it.
    unsafe { soft.read_volatile() != 0 }
}

/// Whether the connection is on its way down.
///
/// # Safety
///
/// `sk` is alive.
unsafe fn is_closing(sk: *const bindings::sock) -> bool {
    [
        bindings::TCP_FIN_WAIT1,
        bindings::TCP_FIN_WAIT2,
        bindings::TCP_CLOSE_WAIT,
        bindings::TCP_LAST_ACK,
        bindings::TCP_CLOSE,
    ]
    // SAFETY: By the contract of this function `sk` is alive.
    .contains(&unsafe { state(sk) })
}
