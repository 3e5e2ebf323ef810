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
    mem::ManuallyDrop,
    ptr::NonNull, //
};

use kernel::prelude::*;

use super::{
    data::Effort,
    queue::SubQueue,
    slot::{
        self,
        Owned,
        CQE_LEN,
        SQE_LEN, //
    },
    status::Status,
    transport::Transport, //
};
use crate::{
    abstractions::{
        bvec::Cursor,
        llist::{
            Link,
            Linked, //
        }, //
    },
    bindings, //
};

/// The opcode of Read.
const READ: u8 = bindings::nvme_opcode_nvme_cmd_read as u8;

/// A slot that no command occupies.
pub(crate) struct Free(Owned);

impl Free {
    /// What a slot takes of memory in bytes, without the data of a command.
    pub(crate) const SIZE: usize = Owned::SIZE;

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
        owned.set_sqe(sqe);

        let refused = owned.intercept(|req| {
            // SAFETY: The request is ours.
            unsafe { (*req).port = queue.port_raw() };
            // SAFETY: The request is ours. Before its first use it is zeroed, as C wants it, and
            // afterwards as the core left it. The queue and its port are alive, and the operations
            // static.
            unsafe { !bindings::nvmet_req_init(req, queue.sq_raw(), queue.ops()) }
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
        self.0.tag()
    }

    /// Allocates memory for `len` bytes of data, and tells the core. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn alloc_data(&mut self, len: u32, effort: Effort) -> Result {
        let req = self.0.req();
        let zeroed = !self.fills_its_data();
        let allocated = self.0.data_mut().alloc(len, zeroed, effort);

        let (sg, nents) = self.0.data().as_raw();
        // SAFETY: The request is ours. The list stays as long as the core has the request.
        unsafe { (*req).sg = sg };
        // SAFETY: The request is ours, and the list has as many entries.
        unsafe { (*req).sg_cnt = nents as i32 };
        // SAFETY: The request is ours, and the list describes as many bytes.
        unsafe { (*req).transfer_len = self.0.data().len() };
        allocated
    }

    /// Whether no byte of the memory for the data can go to the host as it was allocated.
    ///
    /// All of it goes, if the command succeeds, so whatever is not known to be filled has to be
    /// zeroed: most commands write as much as they have to say, those that are passed through what
    /// the device transferred, and a read of a file what there is before its end. Data from the
    /// host do not go back, and a read of a block device that succeeds has filled all that it was
    /// given, which `nvmet_bdev_execute_rw()` holds against the number of blocks.
    fn fills_its_data(&self) -> bool {
        let req = self.0.req();
        // SAFETY: The request is ours.
        let cmd = unsafe { (*req).cmd };
        // SAFETY: `cmd` is the entry of the slot, which is ours and has been filled in.
        if unsafe { bindings::helper_nvme_is_write(cmd) } {
            return true;
        }
        // SAFETY: The request is ours.
        let sq = unsafe { (*req).sq };
        // SAFETY: The core has set `sq` when it accepted the request, which keeps it.
        let is_io = unsafe { (*sq).qid != 0 };
        // SAFETY: The request is ours. This is null where there is no namespace of our own, as for
        // what is passed through.
        let ns = unsafe { (*req).ns };
        if !is_io || ns.is_null() || self.sqe().first() != Some(&READ) {
            return false;
        }
        // SAFETY: The request keeps the namespace, which keeps its device.
        !unsafe { (*ns).bdev }.is_null()
    }

    /// The memory for the data, from `offset` on.
    pub(crate) fn data(&self, offset: u32) -> Cursor<'_> {
        self.0.data().cursor(offset as usize)
    }

    /// Lets the core execute the command; it comes back by [`Transport::completed`], perhaps
    /// before this returns. May sleep.
    ///
    /// `queue`, the one that the command came in on, is borrowed because executing a connect
    /// command changes it. Hands the command back if it came in on another one.
    pub(crate) fn execute<T: Transport>(self, queue: &mut SubQueue<T>) -> Result<(), Self> {
        // SAFETY: The request is ours, and the core has set `sq`.
        if unsafe { (*self.0.req()).sq } != queue.sq_raw() {
            return Err(self);
        }
        let req = self.into_owned().into_req();
        // SAFETY: The core has set `execute` when it accepted the request.
        if let Some(execute) = unsafe { (*req).execute } {
            // SAFETY: The core has accepted the request, and it is executed once.
            unsafe { execute(req) };
        }
        Ok(())
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
        // SAFETY: By the contract of this function the core gives `req`, that of a slot, back.
        unsafe { Owned::from_req(req) }.map(Self)
    }

    /// The submission queue entry.
    pub(crate) fn sqe(&self) -> &[u8; SQE_LEN] {
        self.0.sqe()
    }

    /// The completion queue entry.
    pub(crate) fn cqe(&self) -> &[u8; CQE_LEN] {
        self.0.cqe()
    }

    /// The length in bytes of the memory that the command has for its data.
    pub(crate) fn data_len(&self) -> u32 {
        // It was allocated with a `u32`.
        self.0.data().len() as u32
    }

    /// That memory, from `offset` on.
    pub(crate) fn data(&self, offset: u32) -> Cursor<'_> {
        self.0.data().cursor(offset as usize)
    }

    /// Frees the memory, which is not needed for the answer.
    pub(crate) fn free_data(&mut self) {
        self.0.data_mut().free();
    }

    /// Frees the memory, and makes the slot available for the next command.
    pub(crate) fn recycle(self) -> Free {
        let mut owned = self.0;
        owned.data_mut().free();
        Free(owned)
    }
}

// SAFETY: The slot stays where it is until its handle is made again, and only the handle uses the
// link.
unsafe impl Linked for Request {
    fn into_link(self) -> NonNull<Link> {
        slot::into_link(self.into_owned())
    }

    unsafe fn from_link(link: NonNull<Link>) -> Self {
        // SAFETY: By the contract of this function `link` came from `into_link`, above, and was not
        // given back since.
        Self(unsafe { slot::from_link(link) })
    }
}

// SAFETY: The slot stays where it is until its handle is made again, and only the handle uses the
// link.
unsafe impl Linked for Completed {
    fn into_link(self) -> NonNull<Link> {
        slot::into_link(self.0)
    }

    unsafe fn from_link(link: NonNull<Link>) -> Self {
        // SAFETY: By the contract of this function `link` came from `into_link`, above, and was not
        // given back since.
        Self(unsafe { slot::from_link(link) })
    }
}
