// SPDX-License-Identifier: GPL-2.0

//! Sending commands and data, as trains of PDUs: one `sendmsg` for as many as there are.
//!
//! Every `sendmsg` on an MPTCP socket copies, takes the locks of the connection and of a subflow,
//! and pushes what it has; `MSG_MORE` changes none of that. So it is the number of calls that
//! costs.
//!
//! C counterpart: `nvme_tcp_try_send()`.

use kernel::{
    alloc::kvec::PushError,
    dev_err,
    prelude::*,
    sync::{
        atomic::{
            ordering::{
                Acquire,
                Release, //
            },
            Atomic, //
        },
        Arc, //
    }, //
};

use super::{
    async_event::AsyncEvent,
    bounce::Bounce,
    connection::Connection,
    work::Progress,
    Host, //
};
use crate::{
    abstractions::{
        inbox::{
            Fifo,
            Inbox, //
        },
        memalloc::NoReclaim,
        mptcp::Subflows,
        nvme::{
            request::SendRequest,
            status::HOST_PATH_ERROR, //
        },
        segments::SegmentBuffer, //
    },
    wire::{
        self,
        Role,
        TermReq, //
    }, //
};

/// The most places of memory in a train: enough for a megabyte of single pages.
const MAX_SEGMENTS: usize = 272;

/// The most requests in a train.
const MAX_REQUESTS: usize = 64;

/// The most trains before somebody else has a turn.
const MAX_TRAINS: u32 = 16;

/// Why sending stopped for good.
enum Fault {
    Socket(Error),
    Protocol(wire::Error),
}

impl<T> From<PushError<T>> for Fault {
    fn from(_: PushError<T>) -> Self {
        Self::Socket(ENOSPC)
    }
}

impl From<wire::Error> for Fault {
    fn from(error: wire::Error) -> Self {
        Self::Protocol(error)
    }
}

/// Where requests go.
enum Outlet {
    /// Over a connection.
    Open(Arc<Connection>),
    /// Nowhere: error recovery is about to end all requests, and to try them again later.
    Broken,
    /// Back, at once: those who wait for them need to know.
    Closed,
}

/// The sending side of a queue.
pub(crate) struct Sender {
    qid: u16,
    outlet: Outlet,
    /// Requests in the order in which they came, from the inbox.
    waiting: Fifo<SendRequest<Host>>,
    /// Requests whose PDUs are ready; only the first may be sent in part.
    train: KVec<SendRequest<Host>>,
    /// Takes the place of `train` while that is gone through.
    departed: KVec<SendRequest<Host>>,
    async_event: KBox<AsyncEvent>,
    segments: SegmentBuffer,
    subflows: Subflows,
    /// What is sent before the train, if data have digests.
    bounce: Option<Bounce>,
}

impl Sender {
    /// Makes a sender without a connection. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn new(qid: u16) -> Result<Self> {
        Ok(Self {
            qid,
            outlet: Outlet::Closed,
            waiting: Fifo::new(),
            train: KVec::with_capacity(MAX_REQUESTS, GFP_KERNEL)?,
            departed: KVec::with_capacity(MAX_REQUESTS, GFP_KERNEL)?,
            async_event: KBox::new(AsyncEvent::new(), GFP_KERNEL)?,
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
    pub(crate) fn reserve(&mut self, layout: &wire::Layout) -> Result {
        match (layout.digests.data, &mut self.bounce) {
            (false, _) => self.bounce = None,
            (true, Some(bounce)) => bounce.clear(),
            (true, None) => self.bounce = Some(Bounce::new()?),
        }
        Ok(())
    }

    /// Sends over `connection` from now on, for whose layout [`Sender::reserve`] was called.
    pub(crate) fn open(&mut self, connection: Arc<Connection>) {
        self.outlet = Outlet::Open(connection);
        self.subflows = Subflows::new();
        self.async_event.clear();
    }

    /// Whether there is a connection to send over.
    pub(crate) fn is_open(&self) -> bool {
        matches!(self.outlet, Outlet::Open(_))
    }

    /// Sends nothing any more: requests fail.
    pub(crate) fn close(&mut self) {
        self.outlet = Outlet::Closed;
        while let Some(request) = self.train.pop() {
            request.fail(HOST_PATH_ERROR);
        }
    }

    /// Sends what is in `inbox`, and an Asynchronous Event Request if `async_event` says so.
    pub(crate) fn send(
        &mut self,
        inbox: &Inbox<SendRequest<Host>>,
        async_event: &Atomic<bool>,
    ) -> Progress {
        let Outlet::Open(connection) = &self.outlet else {
            self.turn_away(inbox);
            return Progress::Idle;
        };
        let connection = connection.clone();

        // Memory that is freed by writing to this disk must not be needed for writing to it.
        let _scope = NoReclaim::enter();
        for _ in 0..MAX_TRAINS {
            inbox.drain_into(&mut self.waiting);
            match self.send_train(&connection, async_event) {
                Ok(Progress::More) => {}
                Ok(progress) => return progress,
                Err(fault) => {
                    self.give_up(&connection, fault);
                    self.turn_away(inbox);
                    return Progress::Idle;
                }
            }
        }
        Progress::More
    }

    /// Does with requests what is done without a connection.
    fn turn_away(&mut self, inbox: &Inbox<SendRequest<Host>>) {
        inbox.drain_into(&mut self.waiting);
        while let Some(request) = self.waiting.pop() {
            if matches!(self.outlet, Outlet::Closed) {
                request.fail(HOST_PATH_ERROR);
            }
        }
    }

    /// Makes up a train, and sends as much of it as there is room for.
    fn send_train(
        &mut self,
        connection: &Connection,
        async_event: &Atomic<bool>,
    ) -> Result<Progress, Fault> {
        self.couple(connection)?;
        let begun = self.train.first().is_some_and(|first| first.is_begun());
        if !begun && self.async_event.unsent().is_empty() && async_event.load(Acquire) {
            async_event.store(false, Release);
            self.async_event.make(&connection.layout)?;
        }

        self.copy_train(connection)?;

        let mut segments = self.segments.begin();
        if let Some(bounce) = &self.bounce {
            segments.add_bytes(bounce.unsent());
        } else {
            segments.add_bytes(self.async_event.unsent());
            for request in &self.train {
                if !request.add_to(&mut segments) {
                    break;
                }
            }
        }
        let len = segments.len();
        if len == 0 {
            return Ok(Progress::Idle);
        }
        let socket = &connection.socket;
        let longest = self.train.iter().map(|r| r.info().data_len).max();
        let size = wire::send_size(
            self.subflows.count(socket),
            socket.in_flight().saturating_add(len),
            longest.unwrap_or(0) as usize,
        );
        let sent = match socket.send(&segments, size) {
            Ok(sent) => sent,
            // Room that was made just before the socket noted that we wait for it wakes nobody.
            Err(EAGAIN) if connection.socket.is_writeable() => return Ok(Progress::More),
            Err(EAGAIN) => return Ok(Progress::Blocked),
            Err(error) => return Err(Fault::Socket(error)),
        };
        match &mut self.bounce {
            Some(bounce) => bounce.sent(sent),
            None => self.uncouple(connection, sent)?,
        }
        // Even if not all was sent: only a send that finds no room makes the socket tell of room.
        Ok(Progress::More)
    }

    /// Moves waiting requests to the train, and makes their PDUs.
    fn couple(&mut self, connection: &Connection) -> Result<(), Fault> {
        let layout = &connection.layout;
        while self.train.len() < MAX_REQUESTS {
            let Some(mut request) = self.waiting.pop() else {
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
            self.train.push_within_capacity(request)?;
        }
        Ok(())
    }

    /// Copies as much of the train as there is room for, and takes it off: it will be sent.
    ///
    /// Nothing is copied before all that was has been sent.
    fn copy_train(&mut self, connection: &Connection) -> Result<(), Fault> {
        let Some(bounce) = self.bounce.as_mut().filter(|b| b.unsent().is_empty()) else {
            return Ok(());
        };
        bounce.clear();
        let mut room = bounce.put(self.async_event.unsent());
        for request in &mut self.train {
            room = room && request.copy_to(bounce);
        }
        let copied = bounce.filled();
        self.uncouple(connection, copied)
    }

    /// Takes off the train what has been sent.
    fn uncouple(&mut self, connection: &Connection, mut sent: usize) -> Result<(), Fault> {
        let layout = &connection.layout;
        sent = sent.saturating_sub(self.async_event.sent(sent));

        core::mem::swap(&mut self.train, &mut self.departed);
        for mut request in self.departed.drain_all() {
            let (taken, done) = request.sent(sent);
            sent = sent.saturating_sub(taken);
            if !done {
                self.train.push_within_capacity(request)?;
            } else if let Some(request) = request.next_pdu(layout, connection.maxh2cdata)? {
                self.waiting.push(request);
            }
        }
        Ok(())
    }

    /// Ends the connection after a fault, and tells the controller why if it is to blame.
    fn give_up(&mut self, connection: &Connection, fault: Fault) {
        let device = connection.ctrl.device();
        match fault {
            Fault::Socket(error) => {
                let error = error.to_errno();
                dev_err!(
                    device,
                    "queue {}: failed to send request {error}\n",
                    self.qid
                );
            }
            Fault::Protocol(error) => {
                dev_err!(device, "queue {}: {error}\n", self.qid);
                self.terminate(connection, &error, &[]);
            }
        }
        connection.set_broken();
        self.close_or_break(connection.is_recovered(self.qid));
    }

    /// Sends nothing any more. I/O that recovery will try again must not be ended by us: it would
    /// come back at once, and be ended again, until its retries are used up.
    fn close_or_break(&mut self, broken: bool) {
        if broken {
            self.outlet = Outlet::Broken;
            self.train.clear();
        } else {
            self.close();
        }
    }

    /// Sends H2CTermReq about a PDU whose header is `offending`, unless a PDU is only half sent.
    pub(crate) fn terminate(
        &mut self,
        connection: &Connection,
        error: &wire::Error,
        offending: &[u8],
    ) {
        let copied = self.bounce.as_ref().map_or(0, |b| b.unsent().len());
        let begun = self.train.first().is_some_and(|first| first.is_begun())
            || self.async_event.is_begun()
            || copied > 0;
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
