// SPDX-License-Identifier: GPL-2.0

//! The handle for receiving the data and the response of a request.

use core::{
    marker::PhantomData,
    ops::{
        Deref,
        DerefMut, //
    },
    ptr::NonNull, //
};

use kernel::{
    bindings as kernel_bindings,
    prelude::*,
    sync::atomic::ordering::Acquire, //
};

use super::{
    ctrl::Controller,
    request::{
        Info,
        Outcome,
        RequestData,
        ACTIVE,
        CLAIMED,
        GRANTED,
        RECEIVING,
        SENDING, //
    },
    request_send::SendRequest, //
};
use crate::{
    abstractions::net::skb::SkbReader,
    bindings, //
};

/// A handle for receiving the data and the response of a request.
///
/// # Invariants
///
/// It is the holder of `RECEIVING` of the request.
pub(crate) struct RecvRequest<'a, T: Controller> {
    data: NonNull<RequestData<T>>,
    _tags: PhantomData<&'a ()>,
}

impl<T: Controller> RecvRequest<'_, T> {
    /// Finds the request in flight that has `command_id`, unless a handle for receiving exists.
    ///
    /// # Safety
    ///
    /// `tags` are the tags of a queue of a `Ctrl<T>`, and stay while the handle exists.
    pub(super) unsafe fn find(
        tags: *mut kernel_bindings::blk_mq_tags,
        command_id: u16,
    ) -> Option<Self> {
        // To C an identifier is two bytes as they stand in the PDU, a number on any machine.
        // SAFETY: By the contract of this function.
        let rq = unsafe { bindings::helper_nvme_find_rq(tags, command_id.to_le()) };
        if rq.is_null() {
            return None;
        }
        // SAFETY: `rq` is a request of these tags. Its memory stays as long as they do, even if it
        // is not in flight; the state tells.
        let data = unsafe { RequestData::<T>::from_request(rq) };
        // SAFETY: As above.
        unsafe { data.as_ref() }.update(RECEIVING, 0, |state| {
            state & (ACTIVE | CLAIMED | RECEIVING) == ACTIVE
        })?;
        // INVARIANT: Set just above.
        Some(Self {
            data,
            _tags: PhantomData,
        })
    }

    fn data(&self) -> &RequestData<T> {
        // SAFETY: The request stays as long as the handle.
        unsafe { self.data.as_ref() }
    }

    /// What is known of the request.
    pub(crate) fn info(&self) -> Info {
        self.data().info()
    }

    /// Copies bytes of `packet` to where the data of the request belong, behind those that have
    /// come; as many as there are, fit, and `limit` allows. Returns how many.
    ///
    /// A request that sends data has room for none. With `crc`, continues a CRC32C over them.
    ///
    /// # Errors
    ///
    /// As [`SkbReader::copy_to_cursor`].
    pub(crate) fn receive(
        &mut self,
        packet: &mut SkbReader<'_>,
        limit: usize,
        crc: Option<&mut u32>,
    ) -> Result<usize> {
        // The position stays in here: swapped with that of another request, or copied, it would
        // outlive the memory that it leads through.
        // SAFETY: By the type invariant nobody else uses it.
        let unreceived = unsafe { &mut *self.data().unreceived.get() };
        packet.copy_to_cursor(unreceived, limit, crc)
    }

    /// Gives the sending side leave to send more, and returns a handle for it if there is none; the
    /// holder of one finds the grant when it is done with what it has.
    ///
    /// # Errors
    ///
    /// `EBUSY` if an earlier grant has not been found yet.
    pub(crate) fn grant(&mut self, grant: T::Grant) -> Result<Option<SendRequest<T>>> {
        let data = self.data();
        if data.state.load(Acquire) & GRANTED != 0 {
            return Err(EBUSY);
        }
        // SAFETY: `GRANTED` is set by the holder of this handle alone, and is not set.
        unsafe { *data.grant.get() = grant };
        let before = data.update(GRANTED | SENDING, 0, |_| true);
        // INVARIANT: Set just above, if it was not.
        Ok(before
            .is_some_and(|state| state & SENDING == 0)
            .then(|| SendRequest(self.data)))
    }

    /// Ends the request as the response says. Gives up the handle.
    ///
    /// `status` is the status field of the completion queue entry as on the wire but in CPU byte
    /// order, `result` its first eight bytes as on the wire.
    ///
    /// A command may succeed with fewer data than there is room for; the rest is filled with
    /// zeroes, so that nobody takes for them what was in the memory before.
    pub(crate) fn complete(self, status: u16, result: [u8; 8]) {
        if status >> 1 == 0 {
            // SAFETY: By the type invariant nobody else uses it.
            unsafe { &mut *self.data().unreceived.get() }.zero();
        }
        self.data().claim(Outcome {
            status,
            result: u64::from_ne_bytes(result),
        });
    }
}

impl<T: Controller> Deref for RecvRequest<'_, T> {
    type Target = T::Recv;

    fn deref(&self) -> &T::Recv {
        // SAFETY: By the type invariant nobody else uses it.
        unsafe { &*self.data().recv.get() }
    }
}

impl<T: Controller> DerefMut for RecvRequest<'_, T> {
    fn deref_mut(&mut self) -> &mut T::Recv {
        // SAFETY: By the type invariant nobody else uses it.
        unsafe { &mut *self.data().recv.get() }
    }
}

impl<T: Controller> Drop for RecvRequest<'_, T> {
    fn drop(&mut self) {
        // SAFETY: By the type invariant; the handle is gone.
        unsafe { RequestData::release(self.data, RECEIVING) };
    }
}
