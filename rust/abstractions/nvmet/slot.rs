// SPDX-License-Identifier: GPL-2.0

//! The memory of commands.
//!
//! C header: [`drivers/nvme/target/nvmet.h`](srctree/drivers/nvme/target/nvmet.h),
//! `struct nvmet_req`.

use core::{
    mem::ManuallyDrop,
    ptr::NonNull, //
};

use kernel::{
    prelude::*,
    types::Opaque, //
};

use super::data::Data;
use crate::{
    abstractions::llist::Link,
    bindings, //
};

/// Length of a submission queue entry in bytes.
pub(super) const SQE_LEN: usize = 64;

/// Length of a completion queue entry in bytes.
pub(super) const CQE_LEN: usize = 16;

const _: () = assert!(size_of::<bindings::nvme_command>() == SQE_LEN);
const _: () = assert!(size_of::<bindings::nvme_completion>() == CQE_LEN);

/// What a handle points to.
///
/// # Invariants
///
/// `req.cmd` and `req.cqe` point to `sqe` and `cqe`.
struct Slot {
    link: Opaque<Link>,
    req: Opaque<bindings::nvmet_req>,
    sqe: Opaque<bindings::nvme_command>,
    cqe: Opaque<bindings::nvme_completion>,
    data: Data,
    tag: u16,
    /// The owner is inside a call that gives the command back before it returns.
    intercept: bool,
}

/// The owner of a slot, in whatever state.
///
/// # Invariants
///
/// `0` came from `KBox::into_raw`, and nobody but this handle has it.
pub(super) struct Owned(NonNull<Slot>);

// SAFETY: The slot belongs to the handle, and all that is in it may be used from any task.
unsafe impl Send for Owned {}

impl Owned {
    /// What a slot takes of memory in bytes.
    pub(super) const SIZE: usize = size_of::<Slot>();

    /// Allocates a slot. May sleep.
    pub(super) fn new(tag: u16) -> Result<Self> {
        let slot = KBox::into_raw(KBox::new(
            Slot {
                link: Opaque::zeroed(),
                req: Opaque::zeroed(),
                sqe: Opaque::zeroed(),
                cqe: Opaque::zeroed(),
                data: Data::new(),
                tag,
                intercept: false,
            },
            GFP_KERNEL,
        )?);
        // SAFETY: `KBox::into_raw` does not return null.
        // INVARIANT: It came from there, and nobody else has it.
        let this = Self(unsafe { NonNull::new_unchecked(slot) });
        // SAFETY: The slot is ours, and its request not in use.
        unsafe { (*this.req()).cmd = this.slot().sqe.get() };
        // SAFETY: The slot is ours, and its request not in use.
        unsafe { (*this.req()).cqe = this.slot().cqe.get() };
        Ok(this)
    }

    /// Gives the slot away.
    fn into_raw(self) -> NonNull<Slot> {
        ManuallyDrop::new(self).0
    }

    fn slot(&self) -> &Slot {
        // SAFETY: By the invariant the slot is valid, and ours.
        unsafe { self.0.as_ref() }
    }

    fn slot_mut(&mut self) -> &mut Slot {
        // SAFETY: By the invariant the slot is valid, and ours.
        unsafe { self.0.as_mut() }
    }

    /// The request as C knows it.
    pub(super) fn req(&self) -> *mut bindings::nvmet_req {
        self.slot().req.get()
    }

    /// The submission queue entry.
    pub(super) fn sqe(&self) -> &[u8; SQE_LEN] {
        // SAFETY: The entry is as long as the array. The slot is ours, and the core does not write
        // to commands that it does not have.
        unsafe { &*self.slot().sqe.get().cast() }
    }

    /// Sets the submission queue entry.
    pub(super) fn set_sqe(&mut self, sqe: &[u8; SQE_LEN]) {
        // SAFETY: The slot is ours, and the entry as long as `sqe`.
        unsafe {
            self.slot_mut()
                .sqe
                .get()
                .cast::<[u8; SQE_LEN]>()
                .write(*sqe)
        };
    }

    /// The completion queue entry.
    pub(super) fn cqe(&self) -> &[u8; CQE_LEN] {
        // SAFETY: The entry is as long as the array. The slot is ours, and the core does not write
        // to the completions of commands that it does not have.
        unsafe { &*self.slot().cqe.get().cast() }
    }

    /// The memory for the command's data.
    pub(super) fn data(&self) -> &Data {
        &self.slot().data
    }

    /// The memory for the command's data, to be changed.
    pub(super) fn data_mut(&mut self) -> &mut Data {
        &mut self.slot_mut().data
    }

    /// The tag.
    pub(super) fn tag(&self) -> u16 {
        self.slot().tag
    }

    /// Gives the slot to the core, which has to give it back by `queue_response`.
    pub(super) fn into_req(self) -> *mut bindings::nvmet_req {
        // SAFETY: The slot is valid until its handle is made again.
        unsafe { self.into_raw().as_ref() }.req.get()
    }

    /// Takes the slot of a request back from the core.
    ///
    /// Returns [`None`] if its owner is inside [`Owned::intercept`], and so has it already.
    ///
    /// # Safety
    ///
    /// The core calls `queue_response` with `req`, which is that of a slot.
    pub(super) unsafe fn from_req(req: *mut bindings::nvmet_req) -> Option<Self> {
        let req = Opaque::cast_from(req).cast_mut();
        // SAFETY: By the contract of this function, `req` is inside of a slot.
        let slot = unsafe { kernel::container_of!(req, Slot, req) };
        // SAFETY: The slot is valid. If this is set, its owner is up the stack of this call.
        if unsafe { (*slot).intercept } {
            return None;
        }
        // INVARIANT: The core got the slot by `Owned::into_req`, and gives it up now.
        NonNull::new(slot).map(Self)
    }

    /// Calls `f`, inside which the core gives the request back if `f` returns `true`. Returns
    /// whether it did.
    pub(super) fn intercept(&mut self, f: impl FnOnce(*mut bindings::nvmet_req) -> bool) -> bool {
        let slot = self.0.as_ptr();
        // SAFETY: By the invariant the slot is valid, and ours; inside `f` it is read only.
        unsafe { (*slot).intercept = true };
        let given_back = f(self.req());
        // SAFETY: The slot stays ours: what is given back inside `f` is left to this handle.
        unsafe { (*slot).intercept = false };
        given_back
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        // SAFETY: By the invariant it came from `KBox::into_raw`, and nobody else has it.
        drop(unsafe { KBox::from_raw(self.0.as_ptr()) });
    }
}

/// The link of a slot that is given away.
pub(super) fn into_link(owned: Owned) -> NonNull<Link> {
    // SAFETY: The slot is valid.
    let link = unsafe { owned.into_raw().as_ref() }.link.get();
    // SAFETY: A field of a valid slot is not at address 0.
    unsafe { NonNull::new_unchecked(link) }
}

/// The slot of a link.
///
/// # Safety
///
/// `link` came from [`into_link`], and was not given back since.
pub(super) unsafe fn from_link(link: NonNull<Link>) -> Owned {
    let link = link.as_ptr();
    // SAFETY: By the contract of this function, `link` is inside of a slot.
    let slot = unsafe { kernel::container_of!(Opaque::cast_from(link).cast_mut(), Slot, link) };
    // INVARIANT: `into_link` gave the slot away.
    // SAFETY: A slot is not at address 0.
    Owned(unsafe { NonNull::new_unchecked(slot) })
}
