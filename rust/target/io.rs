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
    commands::Slots,
    connection::Connection,
    fault::Fault,
    limits::{
        self,
        TooDeep,
        MAX_DATA, //
    },
    patience::Patience,
    port::Port,
    recv::Receiver,
    send::{
        self,
        Sender, //
    },
    tally::Tally,
    transport::Target, //
};
use crate::{
    abstractions::{
        key::Psk,
        llist::{
            Fifo,
            Inbox, //
        },
        net::socket::Socket,
        nvmet::{
            command::{
                Completed,
                Request, //
            },
            parameters,
            queue::SubQueue,
            status::Status, //
        }, //
    },
    wire::{
        mapping::Limits,
        sqe::{
            self,
            Connect, //
        }, //
    }, //
};

/// How many turns to take before others may use the CPU.
const BUDGET: u32 = 16;

/// The moving parts of a connection, which only its work touches.
///
/// Dropped in the order of the fields: commands that keep the queue from being destroyed; the
/// queue, which waits for those that the core has; the account of their memory.
pub(super) struct Io {
    /// For the log.
    pub(super) id: u32,
    pub(super) port: Arc<Port>,
    pub(super) receiver: Receiver,
    pub(super) sender: Sender,
    pub(super) sq: SubQueue<Target>,
    pub(super) slots: Slots,
    pub(super) tally: Arc<Tally>,
    /// Commands that the core has given back, on their way to `sender`.
    done: Fifo<Completed>,
    /// How long to go on after there was something to do, in this run.
    idle_poll: Delta,
    last_busy: Option<Instant<Monotonic>>,
    /// If the connection is a queue, and its host may not be silent for ever.
    pub(super) patience: Option<Patience>,
}

impl Io {
    /// For a new connection, which is encrypted with `psk` or not at all. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`; `ENODEV` if its port has been disabled.
    pub(super) fn new(connection: &Arc<Connection>, psk: Option<Psk>) -> Result<KBox<Self>> {
        let (target, port) = (&connection.target, &connection.port);
        let mut sq = SubQueue::new(connection.clone(), port.handle())?;
        if let Some(psk) = psk {
            sq.set_psk(psk);
        }
        let this = Self {
            id: connection.id,
            port: port.clone(),
            receiver: Receiver::new(Limits::CONNECT)?,
            sender: Sender::new()?,
            sq,
            slots: Slots::new(Account::new(target.pool().clone()))?,
            tally: connection.tally.clone(),
            done: Fifo::new(),
            idle_poll: Delta::ZERO,
            last_busy: None,
            patience: None,
        };
        Ok(KBox::new(this, GFP_KERNEL)?)
    }

    /// Works until there is nothing to do, or for long enough. Returns whether to go on soon.
    ///
    /// # Errors
    ///
    /// Why the connection has come to its end.
    pub(super) fn run(&mut self, connection: &Arc<Connection>) -> Result<bool, Fault> {
        self.idle_poll = parameters::idle_poll_period();
        for _ in 0..BUDGET {
            if connection.is_closing() {
                return Ok(false);
            }
            let is_last = connection.is_parting();
            let busy = self.turn(connection)?;
            if is_last {
                connection.shutdown();
                return Ok(false);
            }
            if !self.goes_on(busy) && connection.wakeup.rest() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Says whether to look again, given whether there was something to do.
    fn goes_on(&mut self, busy: bool) -> bool {
        if busy && !self.idle_poll.is_zero() {
            self.last_busy = Some(Instant::now());
        }
        busy || self
            .last_busy
            .is_some_and(|at| at.elapsed() < self.idle_poll)
    }

    /// Receives, executes and sends once. Returns whether there was anything to do.
    fn turn(&mut self, connection: &Arc<Connection>) -> Result<bool, Fault> {
        let received = connection.wakeup.look() && self.receive(connection)?;
        self.execute(connection);
        self.take_done(&connection.inbox);
        let sent = self.send(&connection.socket)?;
        // Of the memory that commands have given back since.
        let resumed = self.resume();
        self.execute(connection);
        Ok(received || sent || resumed)
    }

    /// Answers what the core has given back.
    fn take_done(&mut self, inbox: &Inbox<Completed>) {
        inbox.drain_into(&mut self.done);
        while let Some(mut command) = self.done.pop() {
            // However long it takes the host to have its answer.
            if !send::sends_data(&command) {
                self.slots.take_back(&mut command);
            }
            self.sender.answer(command);
        }
    }

    /// Executes what is complete.
    fn execute(&mut self, connection: &Arc<Connection>) {
        while let Some(request) = self.receiver.next_ready() {
            let executed = match connection.queue_id() {
                Some(_) => self.execute_one(request),
                None => self.connect(connection, request),
            };
            if let Err(refused) = executed {
                self.sender.answer(refused);
            }
        }
    }

    /// Gives a command to the core.
    fn execute_one(&mut self, request: Request) -> Result<(), Completed> {
        // All that are ready came in on this queue.
        request
            .execute(&mut self.sq)
            .map_err(|request| request.fail(Status::INTERNAL))
    }

    /// Executes a connect command, if there is what the queue needs; the core accepts no other on a
    /// connection that is not a queue yet.
    fn connect(&mut self, connection: &Arc<Connection>, request: Request) -> Result<(), Completed> {
        let count = match self.prepare(connection, request.sqe()) {
            Ok(count) => count,
            Err(status) => return Err(request.fail(status)),
        };
        self.execute_one(request)?;
        if let Some(id) = connection.queue_id() {
            self.slots.open(count);
            let limits = Limits::of_queue(id.qid, self.sq.inline_data_size(), MAX_DATA);
            self.receiver.set_limits(limits);
            connection.show();
            connection.lose_patience(self);
        }
        Ok(())
    }

    /// Makes room for the commands of the queue that a connection is to become by the command
    /// `sqe`. Returns how many there may be. May sleep.
    ///
    /// The C driver refuses when the core has taken the queue in already
    /// (`nvmet_tcp_install_queue()`); what the core does not take back then is half a controller.
    /// So it is here, before the core hears of the command.
    ///
    /// # Errors
    ///
    /// The status to refuse the command with.
    fn prepare(
        &mut self,
        connection: &Arc<Connection>,
        sqe: &[u8; sqe::LEN],
    ) -> Result<u16, Status> {
        let id = self.id;
        let Connect { qid, sqsize } = sqe::connect(sqe).ok_or(Status::INVALID_FIELD)?;

        // Data that came without what MPTCP sends with them may have made it fall back since.
        if !connection.port.admits(&connection.socket) {
            return Err(Status::CONNECT_INVALID_HOST);
        }
        // A host that connects again and again must wait for what it leaves behind.
        if qid == 0 && limits::is_flooded(connection.target.closing(&connection.port)) {
            if self.port.complains() {
                pr_warn!("queue {id}: too many connections are still being released\n");
            }
            return Err(Status::CONNECT_CTRL_BUSY);
        }
        let count = limits::commands(qid, sqsize).map_err(|TooDeep { depth, most }| {
            if self.port.complains() {
                pr_err!("queue {id}: depth {depth} must not be more than {most}\n");
            }
            Status::CONNECT_INVALID_PARAM
        })?;
        self.reserve(count).map_err(|_| {
            let depth = count / 2;
            if self.port.complains() {
                pr_err!("queue {id}: no memory for {depth} commands\n");
            }
            Status::INTERNAL
        })?;
        Ok(count)
    }

    /// Makes room for `count` commands.
    fn reserve(&mut self, count: u16) -> Result {
        self.receiver.reserve(count)?;
        self.slots.reserve(count)
    }

    /// Says why the connection ends, to the log and to the host, and to the controller.
    pub(super) fn fail(&mut self, socket: &Socket, fault: &Fault) {
        self.tally.fault(fault, &self.port, self.id);
        if let Some(request) = fault.answer() {
            // If this fails, the connection ends without.
            let _ = self.terminate(socket, &request);
        }
        if fault.is_fatal() {
            self.sq.fatal_error();
        }
    }
}
