// SPDX-License-Identifier: GPL-2.0

//! The handle for sending the command and the data of a request.

use core::{
    ops::{
        Deref,
        DerefMut, //
    },
    ptr::NonNull, //
};

use kernel::{
    bindings as kernel_bindings,
    sync::atomic::ordering::{
        Acquire,
        Relaxed, //
    }, //
};

use super::{
    blk_mq::Operations,
    request::{
        Info,
        Outcome,
        Receiving,
        RequestData,
        Sending,
        ACTIVE,
        CAPSULE_LEN,
        CLAIMED,
        GRANTED,
        SENDING,
        SQE_OFFSET, //
    }, //
};
use crate::{
    abstractions::{
        bvec::Cursor,
        llist::{
            Link,
            Linked, //
        },
        net::segments::Segments, //
    },
    bindings, //
};

/// A handle for sending the command and the data of a request. Giving it up says that nothing of
/// the request's memory is needed for sending any more.
///
/// # Invariants
///
/// It is the holder of `SENDING` of the request.
pub(crate) struct SendRequest<Q: Operations>(pub(super) NonNull<RequestData<Q>>);

// SAFETY: The parts of the request that a sender uses may be sent: the memory and `Q::Send`.
unsafe impl<Q: Operations> Send for SendRequest<Q> {}

// SAFETY: The link belongs to the sender, of which there is one, and stays until it is given up.
unsafe impl<Q: Operations> Linked for SendRequest<Q> {
    fn into_link(self) -> NonNull<Link> {
        let this = core::mem::ManuallyDrop::new(self);
        // SAFETY: The request stays as long as the handle, and the field is in its data.
        let link = unsafe { (&raw const (*this.0.as_ptr()).link).cast_mut() };
        // SAFETY: A field of a valid object.
        unsafe { NonNull::new_unchecked(link.cast()) }
    }

    unsafe fn from_link(link: NonNull<Link>) -> Self {
        let offset = core::mem::offset_of!(RequestData<Q>, link);
        // SAFETY: `into_link` made it of that field of a `RequestData<Q>`.
        let data = unsafe { link.as_ptr().byte_sub(offset) };
        // SAFETY: It came from a pointer that was not null.
        // INVARIANT: `into_link` kept the handle from being given up.
        Self(unsafe { NonNull::new_unchecked(data.cast()) })
    }
}

impl<Q: Operations> SendRequest<Q> {
    /// Makes the first handle of a request that is about to be started, which `queue` prepares.
    ///
    /// # Safety
    ///
    /// `rq` is a valid request of a tag set of the controller of a `Q`, which was given to
    /// `queue_rq` and set up by the NVMe core, and which the caller starts.
    pub(super) unsafe fn new(rq: *mut kernel_bindings::request, queue: &Q) -> Self {
        // SAFETY: By the contract of this function `rq` is set up.
        let info = unsafe { Info::of(rq) };
        // SAFETY: By the contract of this function `rq` is set up, and started next.
        let memory = unsafe { memory(rq, info.data_len) };
        // Data go one way: the other side of a request finds no memory.
        let (unsent, unreceived) = match info.is_write {
            true => (memory, Cursor::empty()),
            false => (Cursor::empty(), memory),
        };

        // SAFETY: By the contract of this function `rq` is of such a tag set.
        let this = unsafe { RequestData::<Q>::from_request(rq) };
        // SAFETY: `init` has initialised it, and it stays as long as the request.
        let data = unsafe { this.as_ref() };
        // SAFETY: The request is not active, so nobody else uses this cell.
        unsafe { *data.info.get() = info };
        // SAFETY: The request is not active, so nobody else uses this cell.
        unsafe { *data.outcome.get() = Outcome::ABORTED };
        data.state.store(SENDING, Relaxed);

        // INVARIANT: Set just above.
        let mut handle = Self(this);
        let sending = handle.sending_mut();
        sending.state = Q::Send::default();
        sending.unsent = unsent;
        let (entry, state) = handle.entry_and_state();
        let receiving = Receiving {
            state: queue.prepare(&info, entry, state),
            unreceived,
        };
        // SAFETY: The request is not active, so nobody else uses this cell.
        unsafe { *data.receiving.get() = receiving };
        handle
    }

    /// Lets the other side of the transport find the request.
    ///
    /// # Safety
    ///
    /// The request has been started.
    pub(super) unsafe fn activate(&self) {
        self.data().update(ACTIVE, 0, |_| true);
    }

    fn data(&self) -> &RequestData<Q> {
        // SAFETY: The request stays as long as the handle.
        unsafe { self.0.as_ref() }
    }

    /// What is known of the request.
    pub(crate) fn info(&self) -> Info {
        self.data().info()
    }

    fn sending(&self) -> &Sending<Q> {
        // SAFETY: By the type invariant this handle alone changes it, and it is borrowed.
        unsafe { &*self.data().sending.get() }
    }

    fn sending_mut(&mut self) -> &mut Sending<Q> {
        // SAFETY: By the type invariant this handle alone uses it, and it is borrowed mutably. What
        // C reads of the command, if the request times out, is not changed after it was started.
        unsafe { &mut *self.data().sending.get() }
    }

    /// The submission queue entry and the transport's own state, for changing both.
    fn entry_and_state(&mut self) -> (&mut [u8; 64], &mut Q::Send) {
        let Sending { capsule, state, .. } = self.sending_mut();
        let entry = capsule.0.as_mut_ptr().wrapping_add(SQE_OFFSET);
        // SAFETY: The entry is inside of the capsule, which is borrowed mutably.
        (unsafe { &mut *entry.cast() }, state)
    }

    /// The capsule, with the submission queue entry from byte 8 to byte 72.
    pub(crate) fn capsule(&self) -> &[u8; CAPSULE_LEN] {
        &self.sending().capsule.0
    }

    /// The capsule and the transport's own state, for changing both.
    pub(crate) fn parts_mut(&mut self) -> (&mut [u8; CAPSULE_LEN], &mut Q::Send) {
        let Sending { capsule, state, .. } = self.sending_mut();
        (&mut capsule.0, state)
    }

    /// The data that has not been sent, from the first byte on. The request's memory, which it
    /// leads through, stays as long as the handle.
    fn unsent(&self) -> &Cursor<'_> {
        &self.sending().unsent
    }

    /// Adds the next `len` bytes of data, or what there is, to what is sent next; `false` if there
    /// is no room for all of them.
    pub(crate) fn add_data_to<'data>(
        &'data self,
        segments: &mut Segments<'_, 'data>,
        len: usize,
    ) -> bool {
        segments.add_data(self.unsent(), len)
    }

    /// Copies the next bytes of data to `out`, as many as there are and fit. Returns how many. They
    /// count as sent only when [`SendRequest::advance`] says so.
    pub(crate) fn copy_data_to(&self, out: &mut [u8]) -> usize {
        self.unsent().clone().copy_to(out)
    }

    /// Notes that `len` bytes of data have been sent.
    pub(crate) fn advance(&mut self, len: usize) {
        self.sending_mut().unsent.advance(len);
    }

    /// Whether the outcome is known, so that there is no point in sending more.
    pub(crate) fn is_over(&self) -> bool {
        self.data().state.load(Acquire) & CLAIMED != 0
    }

    /// Takes the grant that the receiving side has given, if there is one; otherwise gives up the
    /// handle.
    pub(crate) fn next_grant(self) -> Option<(Self, Q::Grant)> {
        let this = core::mem::ManuallyDrop::new(self);
        let data = this.data();
        let granted = |state| state & GRANTED != 0;
        loop {
            if granted(data.state.load(Acquire)) {
                // SAFETY: The bit says that the grant has been written; it is not written again
                // before the bit is cleared.
                let grant = unsafe { *data.grant.get() };
                data.update(0, GRANTED, granted);
                // INVARIANT: The handle was not given up.
                return Some((Self(this.0), grant));
            }
            // SAFETY: By the type invariant this is the holder, and it is not used again if it
            // was given up.
            if unsafe { RequestData::release_if(this.0, SENDING, |state| !granted(state)) } {
                return None;
            }
        }
    }

    /// Ends the request with `status`, if no response has come. Gives up the handle.
    pub(crate) fn fail(self, status: u16) {
        self.data().claim(Outcome {
            // The status field has the phase bit below the status code.
            status: status << 1,
            result: 0,
        });
    }
}

impl<Q: Operations> Deref for SendRequest<Q> {
    type Target = Q::Send;

    fn deref(&self) -> &Q::Send {
        &self.sending().state
    }
}

impl<Q: Operations> DerefMut for SendRequest<Q> {
    fn deref_mut(&mut self) -> &mut Q::Send {
        &mut self.sending_mut().state
    }
}

impl<Q: Operations> Drop for SendRequest<Q> {
    fn drop(&mut self) {
        // SAFETY: By the type invariant this is the holder, and it is not used any more.
        unsafe { RequestData::release(self.0, SENDING) };
    }
}

impl Info {
    /// What the block layer and the core say of a request.
    ///
    /// # Safety
    ///
    /// The core has set `rq` up, and it is not completed while this runs.
    unsafe fn of(rq: *mut kernel_bindings::request) -> Self {
        Self {
            // SAFETY: By the contract of this function the request has a command.
            command_id: u16::from_le(unsafe { bindings::helper_nvme_cid(rq) }),
            // SAFETY: By the contract of this function the request stays as it is.
            data_len: unsafe { bindings::helper_rq_data_len(rq) },
            // SAFETY: By the contract of this function the request stays as it is.
            is_write: unsafe { bindings::helper_rq_is_write(rq) },
            // SAFETY: By the contract of this function the request stays as it is.
            is_passthrough: unsafe { bindings::helper_rq_is_passthrough(rq) },
        }
    }
}

/// The memory of the `len` bytes of data of a request.
///
/// # Safety
///
/// The core has set `rq` up, and it is not completed while the result is in use.
unsafe fn memory(rq: *mut kernel_bindings::request, len: u32) -> Cursor<'static> {
    if len == 0 {
        return Cursor::empty();
    }
    // SAFETY: By the contract of this function the request is set up.
    let special = unsafe { bindings::helper_rq_special_vec(rq) };
    if !special.is_null() {
        // SAFETY: The core has made this one `bio_vec` for all of the data, and frees it when the
        // request is completed.
        return unsafe { Cursor::new(special, len as usize, core::ptr::null_mut()) };
    }
    // SAFETY: By the contract of this function the request stays as it is.
    let bio = unsafe { (*rq).bio };
    // SAFETY: The bios of a request and their pages stay as they are until it is completed.
    unsafe { Cursor::new(core::ptr::null(), 0, bio) }
}
