// SPDX-License-Identifier: GPL-2.0

//! What a connection does when it has something to do.
//!
//! C counterpart: `nvmet_tcp_io_work()`.

use kernel::{
    prelude::*,
    sync::Arc,
    time::{
        Delta,
        Instant,
        Monotonic, //
    }, //
};

use super::{
    queue::Queue,
    recv::{
        Context,
        Receiver, //
    },
    send::Sender,
    slots::Slots,
    transport::Target, //
};
use crate::{
    abstractions::nvmet::{
        queue::SubQueue,
        status::Status, //
    },
    wire::{
        self,
        TermReq, //
    }, //
};

/// How many turns to take before others may use the CPU.
const BUDGET: u32 = 16;

/// Why a connection cannot go on.
pub(super) enum Fault {
    /// The host broke the protocol.
    Protocol(wire::Error),
    /// The host says that we did.
    Terminated(TermReq),
    /// The connection is lost.
    Lost(Error),
}

impl From<wire::Error> for Fault {
    fn from(error: wire::Error) -> Self {
        Self::Protocol(error)
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Lost(error)
    }
}

/// Keeps a connection's work going for a while after it has found nothing more to do.
struct Vigil {
    period: Delta,
    /// When there was something to do.
    busy: Option<Instant<Monotonic>>,
}

impl Vigil {
    const fn new(period: Delta) -> Self {
        Self { period, busy: None }
    }

    /// Says whether to look again, given whether there was something to do.
    fn goes_on(&mut self, busy: bool) -> bool {
        if busy && !self.period.is_zero() {
            self.busy = Some(Instant::now());
        }
        busy || self.busy.is_some_and(|at| at.elapsed() < self.period)
    }
}

/// The moving parts of a connection, which only its work touches.
///
/// Dropped in this order: the receiver and the slots have commands that keep the queue from being
/// destroyed.
pub(super) struct Io {
    recv: Receiver,
    slots: Slots,
    send: Sender,
    sq: SubQueue<Target>,
    vigil: Vigil,
}

impl Io {
    /// For the new connection `queue`. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(super) fn new(queue: &Arc<Queue>) -> Result<KBox<Self>> {
        let port = queue.port();
        let this = Self {
            recv: Receiver::new(),
            slots: Slots::for_connect()?,
            send: Sender::new()?,
            sq: SubQueue::new(queue.clone(), port.handle())?,
            vigil: Vigil::new(port.target().idle_poll()),
        };
        Ok(KBox::new(this, GFP_KERNEL)?)
    }

    /// Works until there is nothing to do, or for long enough. Returns whether to go on soon.
    ///
    /// # Errors
    ///
    /// Why the connection has come to its end.
    pub(super) fn run(&mut self, queue: &Queue) -> Result<bool, Fault> {
        for _ in 0..BUDGET {
            if queue.is_closing() {
                return Ok(false);
            }
            let busy = self.turn(queue)?;
            if !self.vigil.goes_on(busy) && queue.bell().rest() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Receives, executes and sends once. Returns whether there was anything to do.
    fn turn(&mut self, queue: &Queue) -> Result<bool, Fault> {
        let received = queue.bell().answer() && self.receive(queue)?;

        queue.inbox().drain_into(self.send.answers());
        let sqhd_disabled = self.sq.sqhd_disabled();
        let sent = self
            .send
            .run(queue.socket(), &mut self.slots, sqhd_disabled)?;
        Ok(received || sent)
    }

    /// Takes in what has arrived, and executes what is complete. Returns whether there was
    /// anything.
    fn receive(&mut self, queue: &Queue) -> Result<bool, Fault> {
        let mut context = Context {
            queue,
            sq: &mut self.sq,
            slots: &mut self.slots,
            send: &mut self.send,
        };
        let received = self.recv.run(queue.socket(), &mut context)?;
        while let Some(request) = self.recv.next_ready() {
            if let Err(request) = request.execute(&mut self.sq) {
                // All that are ready came in on this queue.
                self.send.answers().push(request.fail(Status::INTERNAL));
            }
        }
        Ok(received)
    }

    /// Says why the connection ends, to the log and to the host, and to the controller.
    pub(super) fn fail(&mut self, queue: &Queue, fault: Fault) {
        let id = queue.id();
        match fault {
            Fault::Protocol(error) => {
                pr_err!("queue {id}: {error}\n");
                if let Some(request) = TermReq::answering(&error) {
                    // If this fails, the connection ends without.
                    let _ = self.send.terminate(
                        queue.socket(),
                        &mut self.slots,
                        &request,
                        self.recv.header(),
                    );
                }
                self.sq.fatal_error();
            }
            Fault::Terminated(request) => {
                pr_err!("queue {id}: host terminated the connection: {request}\n");
                self.sq.fatal_error();
            }
            Fault::Lost(EPIPE | ECONNRESET) => pr_debug!("queue {id}: connection lost\n"),
            Fault::Lost(error) => {
                pr_err!("queue {id}: connection lost: {error:?}\n");
                self.sq.fatal_error();
            }
        }
    }
}
