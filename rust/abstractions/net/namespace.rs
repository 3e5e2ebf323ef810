// SPDX-License-Identifier: GPL-2.0

//! Network namespaces.
//!
//! C header: [`include/net/net_namespace.h`](srctree/include/net/net_namespace.h)

use core::ptr::NonNull;

use kernel::{
    prelude::*,
    sync::aref::{
        ARef,
        AlwaysRefCounted, //
    },
    types::Opaque, //
};

use crate::bindings;

/// A network namespace (`struct net`).
#[repr(transparent)]
pub struct Namespace(Opaque<bindings::net>);

// SAFETY: Any task may give up the last reference to a `struct net`.
unsafe impl Send for Namespace {}
// SAFETY: `struct net` is shared between CPUs by design; what is done with it through this type is
// to count references, and to look a device up, for which C has its own locks.
unsafe impl Sync for Namespace {}

// SAFETY: `get_net` and `put_net` count the references that keep a namespace alive.
unsafe impl AlwaysRefCounted for Namespace {
    fn inc_ref(&self) {
        // SAFETY: `self` is a reference, so the namespace is alive.
        unsafe { bindings::helper_get_net(self.0.get()) };
    }

    unsafe fn dec_ref(this: NonNull<Self>) {
        // SAFETY: By the contract of this function the caller gives up a reference of its own.
        unsafe { bindings::helper_put_net(this.cast().as_ptr()) };
    }
}

impl Namespace {
    /// The namespace of the current task.
    pub fn current() -> ARef<Self> {
        // SAFETY: A running task has an `nsproxy`, and keeps its namespaces alive.
        let net = unsafe { bindings::helper_current_net() };
        // SAFETY: `net` is valid for as long as the current task does not change its namespace,
        // which it cannot do inside this function. `Namespace` is transparent.
        let net: &Self = unsafe { &*net.cast::<Self>() };
        net.into()
    }

    /// Whether there is a network device called `name` at this moment.
    pub fn has_device(&self, name: &CStr) -> bool {
        // SAFETY: The namespace is alive and the name NUL-terminated.
        unsafe { bindings::helper_net_has_device(self.0.get(), name.as_char_ptr()) }
    }

    /// The namespace as C knows it.
    pub(super) fn as_raw(&self) -> *mut bindings::net {
        self.0.get()
    }
}
