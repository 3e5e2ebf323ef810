// SPDX-License-Identifier: GPL-2.0

//! What a module has registered, for functions that C gives nothing to find it by.
//!
//! `nvmf_transport_ops.create_ctrl()` and the operations of `struct nvmet_fabrics_ops` are told
//! neither which transport they are called for nor anything that leads to it.

use core::{
    ffi::c_void,
    ops::Deref, //
};

use kernel::{
    prelude::*,
    sync::{
        atomic::{
            ordering::{
                Acquire,
                Full,
                Release, //
            },
            Atomic, //
        },
        Arc,
        ArcBorrow, //
    }, //
};

/// Null, or what `Arc::into_raw` made of the `Arc<T>` of the [`Registered<T>`] that there is.
static REGISTERED: Atomic<*mut c_void> = Atomic::new(core::ptr::null_mut());

/// An object that [`Registered::get`] finds until this is dropped. A module has one at most.
///
/// # Invariants
///
/// `REGISTERED` is the pointer of this `Arc`, which is alive until it is null again.
pub(crate) struct Registered<T: Send + Sync + 'static>(Arc<T>);

impl<T: Send + Sync + 'static> Registered<T> {
    /// Lets `object` be found. Does not sleep.
    ///
    /// # Errors
    ///
    /// `EBUSY` if there is an object already.
    pub(super) fn new(object: Arc<T>) -> Result<Self> {
        let raw = Arc::as_ptr(&object).cast_mut().cast();
        REGISTERED
            .cmpxchg(core::ptr::null_mut(), raw, Full)
            .map_err(|_| EBUSY)?;
        // INVARIANT: Just established.
        Ok(Self(object))
    }

    /// The object that is registered. From any context.
    ///
    /// # Safety
    ///
    /// There is a `Registered` of this very `T`, which is not dropped while the result lives.
    pub(super) unsafe fn get<'a>() -> ArcBorrow<'a, T> {
        let raw = REGISTERED.load(Acquire).cast::<T>();
        // SAFETY: By the contract of this function and the invariant of `Registered` it is the
        // pointer of an `Arc<T>` that stays for `'a`.
        unsafe { ArcBorrow::from_raw(raw) }
    }
}

impl<T: Send + Sync + 'static> Deref for Registered<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: Send + Sync + 'static> Drop for Registered<T> {
    fn drop(&mut self) {
        REGISTERED.store(core::ptr::null_mut(), Release);
    }
}
