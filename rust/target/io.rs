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
    budget::Account,
    connect,
    queue::Queue,
    recv::{
        Context,
        Receiver, //
    },
    send::{
        self,
        Sender, //
    },
    slots::Slots,
    transport::Target, //
};
use crate::{
    abstractions::{
        inbox::Fifo,
        nvmet::{
            command::{
                Completed,
                Request, //
            },
            queue::SubQueue,
            status::Status, //
        }, //
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
/// Taken apart in this order: the receiver and the slots have commands that keep the queue from
/// being destroyed.
pub(super) struct Io {
    recv: Receiver,
    slots: Slots,
    send: Sender,
    sq: SubQueue<Target>,
    /// Commands that the core has given back, on their way to `send`.
    done: Fifo<Completed>,
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
            slots: Slots::new(Account::new(port.target().clone()))?,
            send: Sender::new()?,
            sq: SubQueue::new(queue.clone(), port.handle())?,
            done: Fifo::new(),
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

    /// Whether there is something to send, and nobody will say when to try again.
    pub(super) fn is_starved(&self) -> bool {
        self.send.is_starved()
    }

    /// Receives, executes and sends once. Returns whether there was anything to do.
    fn turn(&mut self, queue: &Queue) -> Result<bool, Fault> {
        let received = queue.bell().answer() && self.receive(queue)?;

        queue.inbox().drain_into(&mut self.done);
        while let Some(mut command) = self.done.pop() {
            // However long it takes the host to have its answer.
            if !send::sends_data(&command) {
                self.slots.take_back(&mut command);
            }
            self.send.answers().push(command);
        }
        let sqhd_disabled = self.sq.sqhd_disabled();
        let sent = self
            .send
            .run(queue.socket(), &mut self.slots, sqhd_disabled)?;

        // Of the memory that commands have given back since.
        let resumed = self.with_receiver(queue, |recv, context| recv.resume(context));
        self.execute(queue);
        Ok(received || sent || resumed)
    }

    /// Calls `f` with the receiver and what it works with.
    fn with_receiver<R>(
        &mut self,
        queue: &Queue,
        f: impl FnOnce(&mut Receiver, &mut Context<'_>) -> R,
    ) -> R {
        let mut context = Context {
            queue,
            sq: &mut self.sq,
            slots: &mut self.slots,
            send: &mut self.send,
        };
        f(&mut self.recv, &mut context)
    }

    /// Takes in what has arrived, and executes what is complete. Returns whether there was
    /// anything.
    fn receive(&mut self, queue: &Queue) -> Result<bool, Fault> {
        let received =
            self.with_receiver(queue, |recv, context| recv.run(queue.socket(), context))?;
        self.execute(queue);
        Ok(received)
    }

    /// Executes what is complete.
    fn execute(&mut self, queue: &Queue) {
        while let Some(request) = self.recv.next_ready() {
            let executed = match queue.role() {
                Some(_) => execute(request, &mut self.sq),
                None => self.connect(queue, request),
            };
            if let Err(answer) = executed {
                self.send.answers().push(answer);
            }
        }
    }

    /// Executes a connect command, if there is what the queue needs; the core accepts no other on a
    /// connection that is not a queue yet.
    fn connect(&mut self, queue: &Queue, request: Request) -> Result<(), Completed> {
        match connect::prepare(queue, request.sqe(), &mut self.slots) {
            Ok(count) => {
                execute(request, &mut self.sq)?;
                if queue.role().is_some() {
                    self.slots.open(count);
                }
                Ok(())
            }
            Err(status) => Err(request.fail(status)),
        }
    }

    /// Ends all commands, and waits for those that the core has. May sleep.
    pub(super) fn end(this: KBox<Self>) {
        let Self {
            recv,
            slots,
            send,
            sq,
            ..
        } = KBox::into_inner(this);
        drop(recv);
        let account = slots.close();
        drop(send);
        drop(sq);
        // What the core had was in it until now.
        drop(account);
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

/// Gives a command to the core.
fn execute(request: Request, sq: &mut SubQueue<Target>) -> Result<(), Completed> {
    // All that are ready came in on this queue.
    request
        .execute(sq)
        .map_err(|request| request.fail(Status::INTERNAL))
}
