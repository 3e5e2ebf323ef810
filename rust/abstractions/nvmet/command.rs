// SPDX-License-Identifier: GPL-2.0

//! Commands, and who has them.
//!
//! A command is a slot: a `struct nvmet_req` with its submission and completion queue entries, at
//! an address that does not change. It is always in the hands of exactly one owner, and the type
//! of the handle says what may be done with it:
//!
//! ```text
//!            Free::init                      Request::execute
//!   Free ------------------> Request -----------------------------> (the target core)
//!    ^  \                       |                                           |
//!    |   \ refused              | Request::fail           Transport::completed
//!    |    v                     v                                           |
//!    +-- Completed <------------+<------------------------------------------+
//!        Completed::recycle
//! ```
//!
//! A handle that is dropped frees its slot, and tells the core of a request that is not to be
//! executed.
//!
//! C header: [`drivers/nvme/target/nvmet.h`](srctree/drivers/nvme/target/nvmet.h),
//! `struct nvmet_req`.

use core::{
    cell::UnsafeCell,
    mem::ManuallyDrop,
    ptr::NonNull, //
};

use kernel::{
    prelude::*,
    types::Opaque, //
};

use super::{
    data::Data,
    queue::SubQueue,
    status::Status,
    transport::Transport, //
};
use crate::{
    abstractions::{
        bvec::Cursor,
        inbox::{
            Link,
            Linked, //
        }, //
    },
    bindings, //
};

/// Length of a submission queue entry in bytes.
const SQE_LEN: usize = 64;

/// Length of a completion queue entry in bytes.
const CQE_LEN: usize = 16;

const _: () = assert!(size_of::<bindings::nvme_command>() == SQE_LEN);
const _: () = assert!(size_of::<bindings::nvme_completion>() == CQE_LEN);

/// What the handles point to.
///
/// # Invariants
///
/// `req.cmd` and `req.cqe` point to `sqe` and `cqe`.
struct Slot {
    link: Opaque<Link>,
    req: Opaque<bindings::nvmet_req>,
    sqe: UnsafeCell<[u8; SQE_LEN]>,
    cqe: UnsafeCell<[u8; CQE_LEN]>,
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
struct Owned(NonNull<Slot>);

// SAFETY: The slot belongs to the handle, and all that is in it may be used from any task.
unsafe impl Send for Owned {}

impl Owned {
    /// Allocates a slot. May sleep.
    fn new(tag: u16) -> Result<Self> {
        let slot = KBox::into_raw(KBox::new(
            Slot {
                link: Opaque::zeroed(),
                req: Opaque::zeroed(),
                sqe: UnsafeCell::new([0; SQE_LEN]),
                cqe: UnsafeCell::new([0; CQE_LEN]),
                data: Data::new(),
                tag,
                intercept: false,
            },
            GFP_KERNEL,
        )?);
        // SAFETY: The slot is valid, and nobody else has seen it.
        unsafe {
            let req = (*slot).req.get();
            (*req).cmd = (*slot).sqe.get().cast();
            (*req).cqe = (*slot).cqe.get().cast();
        }
        // INVARIANT: It came from `KBox::into_raw`.
        // SAFETY: That does not return null.
        Ok(Self(unsafe { NonNull::new_unchecked(slot) }))
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

    fn req(&self) -> *mut bindings::nvmet_req {
        self.slot().req.get()
    }

    fn sqe(&self) -> &[u8; SQE_LEN] {
        // SAFETY: The slot is ours, and the core does not write to commands that it does not have.
        unsafe { &*self.slot().sqe.get() }
    }

    /// Calls `f`, inside which the core gives the request back if `f` returns `true`. Returns
    /// whether it did.
    fn intercept(&mut self, f: impl FnOnce(*mut bindings::nvmet_req) -> bool) -> bool {
        let slot = self.0.as_ptr();
        // SAFETY: By the invariant the slot is valid, and ours; inside `f` it is read only.
        unsafe { (*slot).intercept = true };
        let given_back = f(self.req());
        // SAFETY: As above.
        unsafe { (*slot).intercept = false };
        given_back
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        // SAFETY: By the invariant.
        drop(unsafe { KBox::from_raw(self.0.as_ptr()) });
    }
}

/// A slot that no command occupies.
pub(crate) struct Free(Owned);

impl Free {
    /// Allocates a slot with a tag, by which the owner can find it again. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn new(tag: u16) -> Result<Self> {
        Ok(Self(Owned::new(tag)?))
    }

    /// Starts a command that has come in on `queue`. Does not sleep.
    ///
    /// # Errors
    ///
    /// The command, with a status, if the core refuses it.
    pub(crate) fn init<T: Transport>(
        self,
        queue: &mut SubQueue<T>,
        sqe: &[u8; SQE_LEN],
    ) -> Result<Request, Completed> {
        let mut owned = self.0;
        owned.slot_mut().data.free();
        // SAFETY: The slot is ours.
        unsafe { *owned.slot().sqe.get() = *sqe };

        let refused = owned.intercept(|req| {
            // SAFETY: The request is ours. Before its first use it is zeroed, as C wants it, and
            // afterwards as the core left it. The queue and its port are alive, and the operations
            // static.
            unsafe {
                (*req).port = queue.port_raw();
                !bindings::nvmet_req_init(req, queue.sq_raw(), queue.ops())
            }
        });
        if refused {
            Err(Completed(owned))
        } else {
            Ok(Request(owned))
        }
    }
}

/// A command that the core has accepted and that has not been executed.
///
/// It keeps the queue that it came in on from being destroyed.
pub(crate) struct Request(Owned);

impl Request {
    /// Turns into the bare slot, without telling the core.
    fn into_owned(self) -> Owned {
        let this = ManuallyDrop::new(self);
        // SAFETY: `this` is not dropped, so its field is moved out only here.
        unsafe { core::ptr::read(&this.0) }
    }

    /// The submission queue entry.
    pub(crate) fn sqe(&self) -> &[u8; SQE_LEN] {
        self.0.sqe()
    }

    /// The tag of the slot.
    pub(crate) fn tag(&self) -> u16 {
        self.0.slot().tag
    }

    /// Allocates memory for `len` bytes of data, and tells the core. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn alloc_data(&mut self, len: u32) -> Result {
        let req = self.0.req();
        // Commands to an admin queue may fill less of the memory than they asked for, and what
        // they leave goes to the host.
        // SAFETY: The core has set `sq`, which is alive because the request holds it.
        let zeroed = unsafe { (*(*req).sq).qid == 0 };
        self.0.slot_mut().data.alloc(len, zeroed)?;

        let (sg, nents) = self.0.slot().data.as_raw();
        // SAFETY: The request is ours, and the list stays as long as the core has the request.
        unsafe {
            (*req).sg = sg;
            (*req).sg_cnt = nents as i32;
            (*req).transfer_len = len as usize;
        }
        Ok(())
    }

    /// The memory for the data, from `offset` on.
    pub(crate) fn data(&self, offset: u32) -> Cursor<'_> {
        self.0.slot().data.cursor(offset as usize)
    }

    /// Lets the core execute the command; it comes back by [`Transport::completed`], perhaps
    /// before this returns. May sleep.
    ///
    /// `queue`, the one that the command came in on, is borrowed because executing a connect
    /// command changes it.
    pub(crate) fn execute<T: Transport>(self, _queue: &mut SubQueue<T>) {
        let req = self.into_owned().into_raw();
        // SAFETY: The slot is valid; it is the core's from here on, until it gives it back.
        let req = unsafe { req.as_ref() }.req.get();
        // SAFETY: The core has set `execute` when it accepted the request.
        if let Some(execute) = unsafe { (*req).execute } {
            // SAFETY: The core has accepted the request, and it is executed once.
            unsafe { execute(req) };
        }
    }

    /// Ends the command with an error, without executing it. Does not sleep.
    pub(crate) fn fail(self, status: Status) -> Completed {
        let mut owned = self.into_owned();
        owned.intercept(|req| {
            // SAFETY: The core has accepted the request, which is completed once.
            unsafe { bindings::nvmet_req_complete(req, status.as_raw()) };
            true
        });
        Completed(owned)
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        // SAFETY: The core has accepted the request and not executed it.
        unsafe { bindings::nvmet_req_uninit(self.0.req()) };
    }
}

/// A command that is done, and has a completion queue entry.
pub(crate) struct Completed(Owned);

impl Completed {
    /// Takes a command back from the core.
    ///
    /// Returns [`None`] if the owner is waiting for it anyway.
    ///
    /// # Safety
    ///
    /// The core calls `queue_response` with `req`, which is that of a slot.
    pub(super) unsafe fn from_core(req: *mut bindings::nvmet_req) -> Option<Self> {
        // SAFETY: By the contract of this function, `req` is inside of a slot.
        let slot = unsafe { kernel::container_of!(Opaque::cast_from(req).cast_mut(), Slot, req) };
        // SAFETY: The slot is valid. While this is set its owner is up the stack of this call.
        if unsafe { (*slot).intercept } {
            return None;
        }
        // INVARIANT: The core got the slot from `Request::execute`, which gave it away, and has
        // given it up now.
        NonNull::new(slot).map(|slot| Self(Owned(slot)))
    }

    /// The submission queue entry.
    pub(crate) fn sqe(&self) -> &[u8; SQE_LEN] {
        self.0.sqe()
    }

    /// The completion queue entry.
    pub(crate) fn cqe(&self) -> &[u8; CQE_LEN] {
        // SAFETY: The slot is ours, and the core does not write to commands that it does not have.
        unsafe { &*self.0.slot().cqe.get() }
    }

    /// The length in bytes of the memory that the command has for its data.
    pub(crate) fn data_len(&self) -> u32 {
        // It was allocated with a `u32`.
        self.0.slot().data.len() as u32
    }

    /// That memory, from `offset` on.
    pub(crate) fn data(&self, offset: u32) -> Cursor<'_> {
        self.0.slot().data.cursor(offset as usize)
    }

    /// Frees the memory, and makes the slot available for the next command.
    pub(crate) fn recycle(self) -> Free {
        let mut owned = self.0;
        owned.slot_mut().data.free();
        Free(owned)
    }
}

/// The link of a slot that is given away.
fn into_link(owned: Owned) -> NonNull<Link> {
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
unsafe fn from_link(link: NonNull<Link>) -> Owned {
    let link = link.as_ptr();
    // SAFETY: By the contract of this function, `link` is inside of a slot.
    let slot = unsafe { kernel::container_of!(Opaque::cast_from(link).cast_mut(), Slot, link) };
    // INVARIANT: `into_link` gave the slot away.
    // SAFETY: A slot is not at address 0.
    Owned(unsafe { NonNull::new_unchecked(slot) })
}

// SAFETY: The slot stays where it is until its handle is made again, and only the handle uses the
// link.
unsafe impl Linked for Request {
    fn into_link(self) -> NonNull<Link> {
        into_link(self.into_owned())
    }

    unsafe fn from_link(link: NonNull<Link>) -> Self {
        // SAFETY: By the contract of this function.
        Self(unsafe { from_link(link) })
    }
}

// SAFETY: As above.
unsafe impl Linked for Completed {
    fn into_link(self) -> NonNull<Link> {
        into_link(self.0)
    }

    unsafe fn from_link(link: NonNull<Link>) -> Self {
        // SAFETY: By the contract of this function.
        Self(unsafe { from_link(link) })
    }
}
