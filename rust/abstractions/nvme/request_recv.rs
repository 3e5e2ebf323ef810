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
    blk_mq::Operations,
    request::{
        Info,
        Outcome,
        Receiving,
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
    abstractions::{
        counter::Tick,
        net::skb::SkbReader, //
    },
    bindings, //
};

/// A handle for receiving the data and the response of a request.
///
/// # Invariants
///
/// It is the holder of `RECEIVING` of the request.
pub(crate) struct RecvRequest<'a, Q: Operations> {
    data: NonNull<RequestData<Q>>,
    _tags: PhantomData<&'a ()>,
}

impl<Q: Operations> RecvRequest<'_, Q> {
    /// Finds the request in flight that has `command_id`, unless a handle for receiving exists.
    ///
    /// # Safety
    ///
    /// `tags` are the tags of a queue of the controller of a `Q`, and stay while the handle exists.
    pub(super) unsafe fn find(
        tags: *mut kernel_bindings::blk_mq_tags,
        command_id: u16,
    ) -> Option<Self> {
        // To C an identifier is two bytes as they stand in the PDU, a number on any machine.
        // SAFETY: By the contract of this function the tags are allocated.
        let rq = unsafe { bindings::helper_nvme_find_rq(tags, command_id.to_le()) };
        if rq.is_null() {
            return None;
        }
        // SAFETY: `rq` is a request of these tags. Its memory stays as long as they do, even if it
        // is not in flight; the state tells.
        let data = unsafe { RequestData::<Q>::from_request(rq) };
        // SAFETY: The memory of the request stays, and its data were initialised with it. Whoever
        // starts another command on it changes nothing but cells and the state.
        unsafe { data.as_ref() }.update(RECEIVING, 0, |state| {
            state & (ACTIVE | CLAIMED | RECEIVING) == ACTIVE
        })?;
        // INVARIANT: Set just above.
        Some(Self {
            data,
            _tags: PhantomData,
        })
    }

    fn data(&self) -> &RequestData<Q> {
        // SAFETY: The request stays as long as the handle.
        unsafe { self.data.as_ref() }
    }

    fn receiving(&self) -> &Receiving<Q> {
        // SAFETY: By the type invariant this handle alone uses it, which is borrowed.
        unsafe { &*self.data().receiving.get() }
    }

    fn receiving_mut(&mut self) -> &mut Receiving<Q> {
        // SAFETY: By the type invariant this handle alone uses it, which is borrowed mutably.
        unsafe { &mut *self.data().receiving.get() }
    }

    /// What is known of the request.
    pub(crate) fn info(&self) -> Info {
        self.data().info()
    }

    /// When the block layer started the request, or gave it more time.
    pub(crate) fn started(&self) -> Tick {
        let rq = RequestData::request(self.data);
        // SAFETY: The request stays as long as the handle, and the field is in it.
        let deadline = unsafe { &raw const (*rq).deadline };
        // SAFETY: As above. It is a word, which a timeout may write meanwhile.
        let deadline = unsafe { deadline.read_volatile() };
        // SAFETY: The request stays as long as the handle; the field does not change meanwhile.
        let timeout = unsafe { (*rq).timeout };
        Tick::from_raw(deadline.wrapping_sub(timeout as usize))
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
        packet.copy_to_cursor(&mut self.receiving_mut().unreceived, limit, crc)
    }

    /// Gives the sending side leave to send more, and returns a handle for it if there is none; the
    /// holder of one finds the grant when it is done with what it has.
    ///
    /// # Errors
    ///
    /// `EBUSY` if an earlier grant has not been found yet.
    pub(crate) fn grant(&mut self, grant: Q::Grant) -> Result<Option<SendRequest<Q>>> {
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
    pub(crate) fn complete(mut self, status: u16, result: [u8; 8]) {
        if status >> 1 == 0 {
            self.receiving_mut().unreceived.zero();
        }
        self.data().claim(Outcome {
            status,
            result: u64::from_ne_bytes(result),
        });
    }
}

impl<Q: Operations> Deref for RecvRequest<'_, Q> {
    type Target = Q::Recv;

    fn deref(&self) -> &Q::Recv {
        &self.receiving().state
    }
}

impl<Q: Operations> DerefMut for RecvRequest<'_, Q> {
    fn deref_mut(&mut self) -> &mut Q::Recv {
        &mut self.receiving_mut().state
    }
}

impl<Q: Operations> Drop for RecvRequest<'_, Q> {
    fn drop(&mut self) {
        // SAFETY: By the type invariant this is the holder, and it is not used any more.
        unsafe { RequestData::release(self.data, RECEIVING) };
    }
}
