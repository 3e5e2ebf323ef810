// SPDX-License-Identifier: GPL-2.0

//! The functions that a socket calls when something happens to it, replaced and put back.
//!
//! C header: [`include/net/sock.h`](srctree/include/net/sock.h), `sk_callback_lock`,
//! `sk_user_data`, `sk_data_ready` and its siblings.

use core::{
    borrow::Borrow,
    ffi::c_void,
    marker::PhantomData,
    ptr::NonNull, //
};

use kernel::{
    prelude::*,
    sync::Arc,
    types::NotThreadSafe, //
};

use super::socket::Socket;
use crate::bindings;

/// A function that C calls with the socket that something has happened to.
pub(super) type Callback = Option<unsafe extern "C" fn(sk: *mut bindings::sock)>;

/// The functions of a socket that may be replaced.
#[derive(Clone, Copy)]
pub(super) struct Callbacks {
    pub(super) data_ready: Callback,
    pub(super) write_space: Callback,
    pub(super) state_change: Callback,
    pub(super) error_report: Callback,
}

/// `sk_callback_lock` of a socket, held for writing: its functions and `sk_user_data` may be
/// changed. Bottom halves are disabled meanwhile, so nothing that is done may sleep.
///
/// # Invariants
///
/// The lock is held, by the current task, and `sk` is alive.
struct WriteLock<'a> {
    sk: *mut bindings::sock,
    _socket: PhantomData<&'a Socket>,
    _not_send: NotThreadSafe,
}

impl<'a> WriteLock<'a> {
    fn new(socket: &'a Socket) -> Self {
        let sk = socket.sk();
        // SAFETY: `socket` keeps `sk` alive. The lock is not held: its guards stay in this file,
        // and no function here takes it twice.
        unsafe { bindings::helper_write_lock_callbacks(sk) };
        // INVARIANT: Taken just above; the socket is borrowed for `'a`.
        Self {
            sk,
            _socket: PhantomData,
            _not_send: NotThreadSafe,
        }
    }

    fn user_data(&mut self) -> &mut *mut c_void {
        // SAFETY: By the invariants `sk` is alive, and the lock keeps others from the field.
        unsafe { &mut (*self.sk).sk_user_data }
    }

    fn data_ready(&mut self) -> &mut Callback {
        // SAFETY: By the invariants `sk` is alive and only this guard may change the field. C reads
        // it without the lock, but whole, and finds one function or the other.
        unsafe { &mut (*self.sk).sk_data_ready }
    }

    fn write_space(&mut self) -> &mut Callback {
        // SAFETY: `sk` is alive and only this guard may change the field, which C reads whole.
        unsafe { &mut (*self.sk).sk_write_space }
    }

    fn state_change(&mut self) -> &mut Callback {
        // SAFETY: `sk` is alive and only this guard may change the field, which C reads whole.
        unsafe { &mut (*self.sk).sk_state_change }
    }

    fn error_report(&mut self) -> &mut Callback {
        // SAFETY: `sk` is alive and only this guard may change the field, which C reads whole.
        unsafe { &mut (*self.sk).sk_error_report }
    }

    fn callbacks(&mut self) -> Callbacks {
        Callbacks {
            data_ready: *self.data_ready(),
            write_space: *self.write_space(),
            state_change: *self.state_change(),
            error_report: *self.error_report(),
        }
    }

    /// Puts `user_data` and then the functions, which may look at it, in their places.
    fn set(&mut self, user_data: *mut c_void, callbacks: Callbacks) {
        *self.user_data() = user_data;
        *self.data_ready() = callbacks.data_ready;
        *self.write_space() = callbacks.write_space;
        *self.state_change() = callbacks.state_change;
        *self.error_report() = callbacks.error_report;
    }
}

impl Drop for WriteLock<'_> {
    fn drop(&mut self) {
        // SAFETY: By the invariants `sk` is alive and this task holds its lock.
        unsafe { bindings::helper_write_unlock_callbacks(self.sk) };
    }
}

/// What `sk_user_data` points to while an owner's functions are installed.
pub(super) struct Hook<T> {
    pub(super) owner: Arc<T>,
    pub(super) originals: Callbacks,
}

/// A socket whose functions are those of an owner until this is dropped, which puts the original
/// ones back and waits for those that run.
///
/// # Invariants
///
/// `hook` came from `KBox::into_raw` and is what `sk_user_data` of `socket` points to.
pub(super) struct Installed<S: Borrow<Socket>, T> {
    socket: S,
    hook: NonNull<Hook<T>>,
}

// SAFETY: It is an `S` and an `Arc<T>`, both of which may be sent.
unsafe impl<S: Borrow<Socket> + Send, T: Send + Sync> Send for Installed<S, T> {}
// SAFETY: It gives out shared references to both alone, which may be shared.
unsafe impl<S: Borrow<Socket> + Sync, T: Send + Sync> Sync for Installed<S, T> {}

impl<S: Borrow<Socket>, T> Installed<S, T> {
    /// Replaces the functions of `socket` by those that `replace` makes of them. May sleep.
    ///
    /// # Errors
    ///
    /// `EBUSY` if the socket has an owner already, `ENOMEM`.
    ///
    /// # Safety
    ///
    /// The functions that `replace` returns are the original ones, or look at `sk_user_data` by
    /// [`with_hook`] with this `T` alone. `replace` does not sleep.
    pub(super) unsafe fn new(
        socket: S,
        owner: Arc<T>,
        replace: impl FnOnce(Callbacks) -> Callbacks,
    ) -> Result<Self> {
        // The memory is there before the lock is taken, under which one does not sleep.
        let room = KBox::<Hook<T>>::new_uninit(GFP_KERNEL)?;

        let mut lock = WriteLock::new(socket.borrow());
        if !lock.user_data().is_null() {
            // A second owner would take the first one's functions for the originals, and they would
            // find a hook of another type.
            return Err(EBUSY);
        }
        let originals = lock.callbacks();
        let hook = KBox::into_raw(room.write(Hook { owner, originals }));
        lock.set(hook.cast(), replace(originals));
        drop(lock);

        // INVARIANT: Just established.
        Ok(Self {
            socket,
            // SAFETY: `KBox::into_raw` does not return null.
            hook: unsafe { NonNull::new_unchecked(hook) },
        })
    }

    /// The socket.
    pub(super) fn socket(&self) -> &S {
        &self.socket
    }

    /// Gives `accepted`, a copy of this listening socket, the `sk_data_ready` that it would have
    /// without an owner. No other function of a listener is replaced.
    pub(super) fn give_back_data_ready(&self, accepted: &Socket) {
        let mut lock = WriteLock::new(accepted);
        *lock.user_data() = core::ptr::null_mut();
        *lock.data_ready() = self.originals().data_ready;
    }

    fn originals(&self) -> Callbacks {
        // SAFETY: By the invariant the hook is valid until `self` is dropped, and not changed.
        unsafe { self.hook.as_ref() }.originals
    }
}

impl<S: Borrow<Socket>, T> Drop for Installed<S, T> {
    fn drop(&mut self) {
        let originals = self.originals();
        // Functions look at `sk_user_data` under this lock, so once it is released none of them
        // uses the hook any more or finds it again.
        WriteLock::new(self.socket.borrow()).set(core::ptr::null_mut(), originals);
        // SAFETY: By the invariant it came from `KBox::into_raw`; nobody else has it now.
        drop(unsafe { KBox::from_raw(self.hook.as_ptr()) });
    }
}

/// Calls `f` with the hook of `sk`, unless it has been taken away meanwhile. `f` must not sleep.
///
/// # Safety
///
/// `sk` is alive, and `sk_user_data` is null or was set by an [`Installed`] with this `T`, for `sk`
/// and not for a listener that `sk` came in on.
pub(super) unsafe fn with_hook<T>(sk: *mut bindings::sock, f: impl FnOnce(&Hook<T>)) {
    // SAFETY: By the contract of this function `sk` is alive. The network stack calls functions
    // without this lock.
    unsafe { bindings::helper_read_lock_callbacks(sk) };
    // SAFETY: `sk` is alive. The field is only written under the lock that is held for reading.
    let hook = unsafe { (*sk).sk_user_data }.cast::<Hook<T>>();
    // SAFETY: By the contract of this function it is null or a hook, which is not freed before the
    // lock has been held for writing, nor changed.
    if let Some(hook) = unsafe { hook.as_ref() } {
        f(hook);
    }
    // SAFETY: `sk` is alive, and this function has taken the lock.
    unsafe { bindings::helper_read_unlock_callbacks(sk) };
}

/// The state of the connection at this moment (`TCP_*`).
///
/// # Safety
///
/// `sk` is alive.
pub(super) unsafe fn state(sk: *const bindings::sock) -> u32 {
    // SAFETY: By the contract of this function `sk` is alive, and the field is in it.
    let state = unsafe { &raw const (*sk).__sk_common.skc_state };
    // SAFETY: `sk` is alive. C too reads the byte without a lock, while others may write it.
    unsafe { state.read_volatile() }.into()
}
