// SPDX-License-Identifier: GPL-2.0

//! Sending commands and data, in batches: one `sendmsg` for as many PDUs as there are.
//!
//! Every `sendmsg` on an MPTCP socket copies, takes the locks of the connection and of a subflow,
//! and pushes what it has; `MSG_MORE` changes none of that. So it is the number of calls that
//! costs.
//!
//! C counterpart: `nvme_tcp_try_send()`.

use kernel::{
    prelude::*,
    sync::Arc, //
};

use super::{
    async_event::AsyncEventSlot,
    batch::Batch,
    bounce::Bounce,
    connection::Connection,
    fault::Fault,
    progress::Progress,
    queue::Queue, //
};
use crate::{
    abstractions::{
        llist::{
            Fifo,
            Inbox, //
        },
        mm::NoReclaim,
        net::{
            mptcp::Subflows,
            segments::SegmentBuffer, //
        },
        nvme::{
            request::SendRequest,
            status::HOST_PATH_ERROR, //
        },
        trace, //
    },
    wire::{
        self,
        Role,
        TermReq, //
    }, //
};

/// The most places of memory in a batch: enough for a megabyte of single pages.
const MAX_SEGMENTS: usize = 272;

/// The most batches before somebody else has a turn.
const MAX_BATCHES: u32 = 16;

/// The sending side of a queue.
pub(super) struct Sender {
    qid: u16,
    /// What to send over, while the queue is started.
    connection: Option<Arc<Connection>>,
    /// Requests in the order in which they came, from the inbox.
    waiting: Fifo<SendRequest<Queue>>,
    batch: Batch,
    segments: SegmentBuffer,
    subflows: Subflows,
    /// What is sent before the batch, if data have digests.
    bounce: Option<Bounce>,
}

impl Sender {
    /// Makes a sender without a connection. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(super) fn new(qid: u16) -> Result<Self> {
        Ok(Self {
            qid,
            connection: None,
            waiting: Fifo::new(),
            batch: Batch::new()?,
            segments: SegmentBuffer::new(MAX_SEGMENTS)?,
            subflows: Subflows::new(),
            bounce: None,
        })
    }

    /// Gets what sending over a connection with `layout` needs. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(super) fn reserve(&mut self, layout: &wire::Layout) -> Result {
        match (layout.digests.data, &mut self.bounce) {
            (false, _) => self.bounce = None,
            (true, Some(bounce)) => bounce.clear(),
            (true, None) => self.bounce = Some(Bounce::new()?),
        }
        Ok(())
    }

    /// Sends over `connection` from now on, for whose layout [`Sender::reserve`] was called.
    pub(super) fn open(&mut self, connection: Arc<Connection>) {
        self.connection = Some(connection);
        self.subflows = Subflows::new();
        self.batch.clear_async_event();
    }

    /// Sends nothing any more: requests fail, those in `inbox` too.
    pub(super) fn close(&mut self, inbox: &Inbox<SendRequest<Queue>>) {
        self.connection = None;
        self.turn_away(inbox);
    }

    /// Whether submitters must not send: kTLS takes a lock that user space holds when it allocates,
    /// and so waits for block I/O, while blk-mq holds back the change of elevators for submitters.
    pub(super) fn is_left_to_work(&self) -> bool {
        let connection = self.connection.as_ref();
        connection.is_some_and(|connection| connection.socket.is_tls())
    }

    /// Sends what is in `inbox`, and an Asynchronous Event Request if `async_event` says so.
    pub(super) fn send(
        &mut self,
        inbox: &Inbox<SendRequest<Queue>>,
        async_event: &AsyncEventSlot,
    ) -> Progress {
        let Some(connection) = self.connection.clone().filter(|c| !c.is_broken()) else {
            self.turn_away(inbox);
            return Progress::Unconnected;
        };

        // Memory that is freed by writing to this disk must not be needed for writing to it.
        let _scope = NoReclaim::enter();
        let mut starved = false;
        for _ in 0..MAX_BATCHES {
            inbox.drain_into(&mut self.waiting);
            match self.send_batch(&connection, async_event) {
                Ok(Progress::More) => starved = false,
                // Room may have been made just before the socket noted that we wait for it.
                Ok(Progress::Starved) if !starved => starved = true,
                Ok(progress) => return progress,
                Err(fault) => {
                    connection
                        .tally
                        .fault(&fault, connection.ctrl.device(), self.qid);
                    connection.set_broken();
                    self.turn_away(inbox);
                    return Progress::Unconnected;
                }
            }
        }
        Progress::More
    }

    /// Does with requests what is done without a connection: they fail, as those who wait for them
    /// need to know. But not if recovery is about to end them and to try them again later: ended by
    /// us they would come back at once, and be ended again, until their retries are used up.
    fn turn_away(&mut self, inbox: &Inbox<SendRequest<Queue>>) {
        let connection = self.connection.as_ref();
        let recovered = connection.is_some_and(|c| c.is_recovered(self.qid));
        inbox.drain_into(&mut self.waiting);
        while let Some(request) = self.batch.pop().or_else(|| self.waiting.pop()) {
            if !recovered {
                request.fail(HOST_PATH_ERROR);
            }
        }
    }

    /// Makes up a batch, and sends as much of it as there is room for.
    fn send_batch(
        &mut self,
        connection: &Connection,
        async_event: &AsyncEventSlot,
    ) -> Result<Progress, Fault> {
        self.batch.fill(&mut self.waiting, connection)?;
        if self.batch.takes_async_event() && async_event.take() {
            self.batch.add_async_event(&connection.layout)?;
            connection.tally.sent.add(1);
            trace::pdu_sent(|| connection.traced(self.batch.async_event()));
        }
        self.copy_batch(connection)?;

        let mut segments = self.segments.begin();
        match &self.bounce {
            Some(bounce) => {
                segments.add_bytes(bounce.unsent());
            }
            None => self.batch.add_to(&mut segments),
        }
        let len = segments.len();
        if len == 0 {
            return Ok(Progress::Idle);
        }
        let socket = &connection.socket;
        let size = wire::send_size(
            self.subflows.count(socket),
            socket.in_flight().saturating_add(len),
            self.batch.longest(),
        );
        let sent = match socket.send(&segments, size) {
            Ok(sent) => sent,
            Err(EAGAIN) if socket.is_writeable() => return Ok(Progress::Starved),
            Err(EAGAIN) => return Ok(Progress::Blocked),
            Err(error) => return Err(Fault::Send(error)),
        };
        match &mut self.bounce {
            Some(bounce) => bounce.sent(sent),
            None => self.batch.advance(sent, &mut self.waiting, connection)?,
        }
        // Even if not all was sent: only a send that finds no room makes the socket tell of room.
        Ok(Progress::More)
    }

    /// Copies as much of the batch as there is room for, and takes it off: it will be sent.
    ///
    /// Nothing is copied before all that was has been sent.
    fn copy_batch(&mut self, connection: &Connection) -> Result<(), Fault> {
        let Some(bounce) = self.bounce.as_mut().filter(|b| b.unsent().is_empty()) else {
            return Ok(());
        };
        bounce.clear();
        self.batch.copy_to(bounce);
        let copied = bounce.filled();
        self.batch.advance(copied, &mut self.waiting, connection)
    }

    /// Sends H2CTermReq about a PDU whose header is `offending`, unless a PDU is only half sent.
    pub(super) fn terminate(
        &mut self,
        connection: &Connection,
        error: &wire::DecodeError,
        offending: &[u8],
    ) {
        let copied = self.bounce.as_ref().is_some_and(|b| !b.unsent().is_empty());
        let begun = copied || self.batch.is_begun();
        let Some(request) = TermReq::answering(error).filter(|_| !begun) else {
            return;
        };
        let Ok(mut pdu) = KBox::new([0u8; TermReq::MAX_HEADER], GFP_NOWAIT) else {
            return;
        };
        if let Ok(len) = request.emit(Role::Host, offending, &mut pdu[..]) {
            let mut segments = self.segments.begin();
            segments.add_bytes(pdu.get(..len).unwrap_or_default());
            // The connection is at its end; if there is no room, the controller does without.
            let _ = connection.socket.send(&segments, usize::MAX);
        }
    }
}
