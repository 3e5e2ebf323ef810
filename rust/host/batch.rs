// SPDX-License-Identifier: GPL-2.0

//! A batch: the PDUs that one `sendmsg` takes.

use kernel::{
    alloc::kvec::PushError,
    prelude::*, //
};

use super::{
    async_event::AsyncEvent,
    bounce::Bounce,
    connection::Connection,
    fault::Fault,
    queue::Queue, //
};
use crate::{
    abstractions::{
        llist::Fifo,
        net::segments::Segments,
        nvme::request::SendRequest,
        trace, //
    },
    wire, //
};

/// The most requests in a batch.
const CAPACITY: usize = 64;

impl<T> From<PushError<T>> for Fault {
    /// A batch has room for what came out of one.
    fn from(_: PushError<T>) -> Self {
        Self::Send(ENOSPC)
    }
}

/// PDUs in the order in which they are sent: an Asynchronous Event Request, if there is one, and
/// those of requests. Only the first of them may have been sent in part.
pub(super) struct Batch {
    async_event: KBox<AsyncEvent>,
    requests: KVec<SendRequest<Queue>>,
    /// Takes the place of `requests` while that is gone through.
    before: KVec<SendRequest<Queue>>,
}

impl Batch {
    /// An empty batch. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(super) fn new() -> Result<Self> {
        Ok(Self {
            async_event: KBox::new(AsyncEvent::new(), GFP_KERNEL)?,
            requests: KVec::with_capacity(CAPACITY, GFP_KERNEL)?,
            before: KVec::with_capacity(CAPACITY, GFP_KERNEL)?,
        })
    }

    /// Forgets the Asynchronous Event Request.
    pub(super) fn clear_async_event(&mut self) {
        self.async_event.clear();
    }

    /// Takes a request out, in any order.
    pub(super) fn pop(&mut self) -> Option<SendRequest<Queue>> {
        self.requests.pop()
    }

    /// Whether a PDU has been sent in part, so that no other may be sent before the rest of it.
    pub(super) fn is_begun(&self) -> bool {
        self.async_event.is_begun() || self.is_request_begun()
    }

    fn is_request_begun(&self) -> bool {
        self.requests.first().is_some_and(|first| first.is_begun())
    }

    /// Whether an Asynchronous Event Request can be put ahead of the requests.
    pub(super) fn takes_async_event(&self) -> bool {
        self.async_event.is_sent() && !self.is_request_begun()
    }

    /// Puts an Asynchronous Event Request ahead of the requests.
    ///
    /// # Errors
    ///
    /// None in practice, see [`AsyncEvent::make`].
    pub(super) fn add_async_event(&mut self, layout: &wire::Layout) -> Result<(), Fault> {
        Ok(self.async_event.make(layout)?)
    }

    /// What has not been sent of the Asynchronous Event Request.
    pub(super) fn async_event(&self) -> &[u8] {
        self.async_event.unsent()
    }

    /// Adds requests that wait, with their PDUs, as many as there is room for.
    ///
    /// # Errors
    ///
    /// If a PDU cannot be made of what the controller asks for.
    pub(super) fn fill(
        &mut self,
        waiting: &mut Fifo<SendRequest<Queue>>,
        connection: &Connection,
    ) -> Result<(), Fault> {
        let layout = &connection.layout;
        while self.requests.len() < CAPACITY {
            let Some(mut request) = waiting.pop() else {
                break;
            };
            if request.is_over() {
                continue;
            }
            if request.is_sent() {
                match request.next_pdu(layout, connection.maxh2cdata)? {
                    Some(next) => request = next,
                    None => continue,
                }
            }
            request.seal(layout)?;
            connection.tally.sent.add(1);
            trace::pdu_sent(|| connection.traced(request.header()));
            self.requests.push_within_capacity(request)?;
        }
        Ok(())
    }

    /// The most data that one of the commands has, in bytes.
    pub(super) fn longest(&self) -> usize {
        let lens = self.requests.iter().map(|r| r.info().data_len);
        lens.max().unwrap_or(0) as usize
    }

    /// Adds what has not been sent to `segments`, as far as there is room.
    pub(super) fn add_to<'a>(&'a self, segments: &mut Segments<'_, 'a>) {
        if !segments.add_bytes(self.async_event.unsent()) {
            return;
        }
        for request in &self.requests {
            if !request.add_to(segments) {
                return;
            }
        }
    }

    /// Copies what has not been sent to `bounce`, as far as there is room.
    pub(super) fn copy_to(&mut self, bounce: &mut Bounce) {
        let mut room = bounce.put(self.async_event.unsent());
        for request in &mut self.requests {
            room = room && request.copy_to(bounce);
        }
    }

    /// Takes off what has been sent, `len` bytes. Requests that have more to send go to the end of
    /// `waiting`.
    ///
    /// # Errors
    ///
    /// If a PDU cannot be made of what the controller asks for.
    pub(super) fn advance(
        &mut self,
        mut len: usize,
        waiting: &mut Fifo<SendRequest<Queue>>,
        connection: &Connection,
    ) -> Result<(), Fault> {
        len = len.saturating_sub(self.async_event.advance(len));

        core::mem::swap(&mut self.requests, &mut self.before);
        for mut request in self.before.drain_all() {
            len = len.saturating_sub(request.sent(len));
            if !request.is_sent() {
                self.requests.push_within_capacity(request)?;
            } else if let Some(request) =
                request.next_pdu(&connection.layout, connection.maxh2cdata)?
            {
                waiting.push(request);
            }
        }
        Ok(())
    }
}
