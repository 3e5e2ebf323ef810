// SPDX-License-Identifier: GPL-2.0

//! What sysfs shows of a controller beside what the core shows: `nvme0/mptcp/`.
//!
//! A transport can only replace the core's groups, one of which it cannot name; so this one is
//! added when the device is there already.
//!
//! C header: [`include/linux/sysfs.h`](srctree/include/linux/sysfs.h)

use kernel::{
    error::to_result,
    prelude::*,
    sync::aref::ARef, //
};

use super::{
    ctrl::{
        Ctrl,
        Head, //
    },
    ctrl_ops::Controller, //
};
use crate::bindings;

/// A figure that sysfs shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Figure {
    /// How many subflows can be used, of the queue that has the fewest.
    Subflows,
    /// How many queues speak TCP, as their connections fell back to it.
    Fallback,
}

/// The attributes of a controller, until this is dropped, which waits for those who read them.
///
/// # Invariants
///
/// They have been added to the device of the controller, and nobody else removes them.
pub(crate) struct Attributes<T: Controller>(ARef<Ctrl<T>>);

impl<T: Controller> Attributes<T> {
    /// Adds the attributes to the device of `ctrl`, which has been added. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn new(ctrl: &Ctrl<T>) -> Result<Self> {
        // SAFETY: The controller is valid, and its device has been added.
        to_result(unsafe { bindings::helper_nvme_add_attributes(ctrl.as_raw()) })?;
        // INVARIANT: Just established.
        Ok(Self(ctrl.to_ref()))
    }
}

impl<T: Controller> Drop for Attributes<T> {
    fn drop(&mut self) {
        // SAFETY: By the invariant they are there; the controller has its device.
        unsafe { bindings::helper_nvme_remove_attributes(self.0.as_raw()) };
    }
}

/// [`Controller::figure`] of a controller of `T`.
///
/// # Safety
///
/// `raw` is that of a `Ctrl<T>`, which is alive.
pub(super) unsafe fn figure<T: Controller>(raw: *mut bindings::nvme_ctrl, which: Figure) -> u32 {
    // SAFETY: By the contract of this function.
    T::figure(unsafe { Ctrl::<T>::from_raw(raw) }, which)
}

/// What the attributes call.
///
/// # Safety
///
/// `ctrl` is the `raw` of a `Ctrl`, which is alive: its device has the attributes.
#[no_mangle]
unsafe extern "C" fn rust_nvme_figure(ctrl: *mut bindings::nvme_ctrl, which: u32) -> u32 {
    let which = match which {
        0 => Figure::Subflows,
        _ => Figure::Fallback,
    };
    // SAFETY: By the contract of this function; every `Ctrl<T>` begins with a `Head`.
    let figure = unsafe { (*ctrl.cast::<Head>()).figure };
    // SAFETY: The controller has made it of its own type.
    unsafe { figure(ctrl, which) }
}
