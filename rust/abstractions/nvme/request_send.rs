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
    ctrl::Controller,
    request::{
        Info,
        Outcome,
        RequestData,
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
pub(crate) struct SendRequest<T: Controller>(pub(super) NonNull<RequestData<T>>);

// SAFETY: The parts of the request that a sender uses may be sent: the memory and `T::Send`.
unsafe impl<T: Controller> Send for SendRequest<T> {}

// SAFETY: The link belongs to the sender, of which there is one, and stays until it is given up.
unsafe impl<T: Controller> Linked for SendRequest<T> {
    fn into_link(self) -> NonNull<Link> {
        let this = core::mem::ManuallyDrop::new(self);
        // SAFETY: `0` is valid as long as the handle.
        let link = unsafe { (&raw const (*this.0.as_ptr()).link).cast_mut() };
        // SAFETY: A field of a valid object.
        unsafe { NonNull::new_unchecked(link.cast()) }
    }

    unsafe fn from_link(link: NonNull<Link>) -> Self {
        let offset = core::mem::offset_of!(RequestData<T>, link);
        // SAFETY: `link` is the field of a `RequestData<T>`.
        let data = unsafe { link.as_ptr().byte_sub(offset) };
        // SAFETY: It came from a pointer that was not null.
        // INVARIANT: `into_link` kept the handle from being given up.
        Self(unsafe { NonNull::new_unchecked(data.cast()) })
    }
}

impl<T: Controller> SendRequest<T> {
    /// Makes the first handle of a request that is about to be started.
    ///
    /// # Safety
    ///
    /// `rq` is a valid request of a tag set of a `Ctrl<T>`, which was given to `queue_rq` and set
    /// up by the NVMe core, and which the caller starts.
    pub(super) unsafe fn new(rq: *mut kernel_bindings::request) -> Self {
        // SAFETY: By the contract of this function.
        let data = unsafe { RequestData::<T>::from_request(rq) };
        // SAFETY: By the contract of this function.
        let info = unsafe {
            Info {
                command_id: u16::from_le(bindings::helper_nvme_cid(rq)),
                data_len: bindings::helper_rq_data_len(rq),
                is_write: bindings::helper_rq_is_write(rq),
                is_read: bindings::helper_rq_is_read(rq),
            }
        };
        // SAFETY: `rq` is valid; its data stays as it is until it is completed.
        let cursor = unsafe {
            let special = bindings::helper_rq_special_vec(rq);
            if info.data_len == 0 {
                Cursor::empty()
            } else if special.is_null() {
                Cursor::new(core::ptr::null(), 0, (*rq).bio)
            } else {
                Cursor::new(special, info.data_len as usize, core::ptr::null_mut())
            }
        };

        // SAFETY: The request is not active, so nobody else uses any of this.
        unsafe {
            let data = data.as_ptr();
            *(*data).info.get() = info;
            *(*data).outcome.get() = Outcome::ABORTED;
            // Data go one way: the other side of a request finds no memory.
            let (unsent, unreceived) = match info.is_write {
                true => (cursor, Cursor::empty()),
                false => (Cursor::empty(), cursor),
            };
            *(*data).unsent.get() = unsent;
            *(*data).unreceived.get() = unreceived;
            *(*data).send.get() = T::Send::default();
            *(*data).recv.get() = T::Recv::default();
            (*data).state.store(SENDING, Relaxed);
        }
        // INVARIANT: Set just above.
        Self(data)
    }

    /// Lets the other side of the transport find the request.
    ///
    /// # Safety
    ///
    /// The request has been started.
    pub(super) unsafe fn activate(&self) {
        self.data().update(ACTIVE, 0, |_| true);
    }

    fn data(&self) -> &RequestData<T> {
        // SAFETY: The request stays as long as the handle.
        unsafe { self.0.as_ref() }
    }

    /// What is known of the request.
    pub(crate) fn info(&self) -> Info {
        self.data().info()
    }

    /// The submission queue entry and the transport's own state, for changing both.
    pub(super) fn entry_and_state(&mut self) -> (&mut [u8; 64], &mut T::Send) {
        let data = self.data();
        // SAFETY: The entry is inside the capsule.
        let entry = unsafe { data.capsule.get().byte_add(SQE_OFFSET) };
        // SAFETY: By the type invariant nobody else uses either; they are different fields.
        unsafe { (&mut *entry.cast(), &mut *data.send.get()) }
    }

    /// The capsule, with the submission queue entry from byte 8 to byte 72.
    pub(crate) fn capsule(&self) -> &[u8; CAPSULE_LEN] {
        // SAFETY: By the type invariant nobody else uses the capsule.
        unsafe { &(*self.data().capsule.get()).0 }
    }

    /// The capsule and the transport's own state, for changing both.
    pub(crate) fn parts_mut(&mut self) -> (&mut [u8; CAPSULE_LEN], &mut T::Send) {
        let data = self.data();
        // SAFETY: By the type invariant nobody else uses either; they are different fields.
        unsafe { (&mut (*data.capsule.get()).0, &mut *data.send.get()) }
    }

    /// The data that has not been sent, from the first byte on. The request's memory, which it
    /// leads through, stays as long as the handle.
    fn unsent(&self) -> &Cursor<'_> {
        // SAFETY: By the type invariant nobody else uses it.
        unsafe { &*self.data().unsent.get() }
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
        // SAFETY: By the type invariant nobody else uses it.
        unsafe { (*self.data().unsent.get()).advance(len) };
    }

    /// Whether the outcome is known, so that there is no point in sending more.
    pub(crate) fn is_over(&self) -> bool {
        self.data().state.load(Acquire) & CLAIMED != 0
    }

    /// Takes the grant that the receiving side has given, if there is one; otherwise gives up the
    /// handle.
    pub(crate) fn next_grant(self) -> Option<(Self, T::Grant)> {
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
            // SAFETY: By the type invariant; the handle is not used again if it was given up.
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

impl<T: Controller> Deref for SendRequest<T> {
    type Target = T::Send;

    fn deref(&self) -> &T::Send {
        // SAFETY: By the type invariant nobody else uses it.
        unsafe { &*self.data().send.get() }
    }
}

impl<T: Controller> DerefMut for SendRequest<T> {
    fn deref_mut(&mut self) -> &mut T::Send {
        // SAFETY: By the type invariant nobody else uses it.
        unsafe { &mut *self.data().send.get() }
    }
}

impl<T: Controller> Drop for SendRequest<T> {
    fn drop(&mut self) {
        // SAFETY: By the type invariant; the handle is gone.
        unsafe { RequestData::release(self.0, SENDING) };
    }
}
