// SPDX-License-Identifier: GPL-2.0

//! Who works when: submitters, pollers, the work of a queue, and what wakes it.
//!
//! C counterparts: `nvme_tcp_queue_request()`, `nvme_tcp_poll()`, `nvme_tcp_io_work()`,
//! `nvme_tcp_data_ready()` and its siblings.

use kernel::{
    sync::{
        atomic::ordering::Relaxed,
        barrier::{
            smp_mb,
            Full, //
        },
        Arc, //
    },
    time::{
        delay::fsleep,
        msecs_to_jiffies,
        Delta,
        Instant,
        Monotonic, //
    },
    workqueue::WorkItem, //
};

use super::{
    connection::Connection,
    progress::{
        Next,
        Progress, //
    },
    queue::Queue,
    recv::Receiver, //
};
use crate::{
    abstractions::{
        net::events::Events,
        trace, //
    },
    wire, //
};

/// How long the work of a queue goes on before it lets others work.
const BUDGET: Delta = Delta::from_millis(1);

/// How long to wait for memory that nobody announces, in ms.
const PAUSE_MS: u32 = 10;

/// How long to wait for whoever sends before the controller is not told of its fault, in ms.
const PATIENCE_MS: u32 = 20;

/// Who sends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    /// Whoever has a request, or has received what makes one.
    Submitter,
    /// The work of the queue.
    Work,
}

impl Queue {
    /// Sends what there is: now, if this is the queue's CPU and nobody sends, or soon.
    pub(crate) fn flush(self: &Arc<Self>) {
        if !self.has_unsent() {
            return;
        }
        let next = match self.io_cpu.load().is_current() {
            true => self.try_send(By::Submitter).map(|(_, next)| next),
            false => None,
        };
        self.wake(next.unwrap_or(Next::Work));
    }

    /// As [`Queue::flush`], for who must not sleep.
    pub(crate) fn flush_later(self: &Arc<Self>) {
        if self.has_unsent() {
            self.kick();
        }
    }

    /// Sends what there is, unless somebody sends already: then that one looks again; or the work
    /// has to do it. Returns who works next.
    fn try_send(&self, by: By) -> Option<(Progress, Next)> {
        let mut sender = self.sender.try_lock()?;
        if by == By::Submitter && sender.is_left_to_work() {
            return None;
        }
        let progress = sender.send(&self.inbox, &self.async_event);
        drop(sender);
        // Whoever found the sender taken left to us what had come by then. Pairs with the barriers
        // of pushing to the inbox and of queueing the work.
        smp_mb(Full);
        Some((progress, progress.next(self.has_unsent())))
    }

    /// Sees to it that whoever is next works.
    fn wake(self: &Arc<Self>, next: Next) {
        match next {
            Next::Nobody => {}
            Next::Work => self.kick(),
            Next::WorkLater => {
                // One more, because the first one has begun already.
                let delay = msecs_to_jiffies(PAUSE_MS) + 1;
                // If it is queued already, that is soon enough.
                let _ = self
                    .workqueue
                    .enqueue_delayed::<Arc<Self>, 1>(self.clone(), delay);
            }
        }
    }

    /// Whether somebody has something to send that the sender has not taken.
    fn has_unsent(&self) -> bool {
        !self.inbox.is_empty() || self.async_event.is_wanted()
    }

    /// Sends an Asynchronous Event Request.
    pub(crate) fn submit_async_event(self: &Arc<Self>) {
        self.async_event.want();
        self.kick();
    }

    /// Lets the queue work. From any context.
    pub(crate) fn kick(self: &Arc<Self>) {
        // If the work is queued already, it has not begun to look at what there is.
        let _ = self
            .workqueue
            .enqueue_on::<Arc<Self>, 0>(self.io_cpu.load(), self.clone());
    }

    /// Counts requests that have been completed.
    pub(crate) fn count_completed(&self, count: u32) {
        self.completed.add(count, Relaxed);
    }

    /// Receives some of what there is, if nobody else does. Does not sleep.
    pub(super) fn receive_polled(self: &Arc<Self>) {
        let Some(mut receiver) = self.receiver.try_lock() else {
            return;
        };
        let looked = (*receiver)
            .as_mut()
            .is_some_and(|receiver| receiver.receive_polled(self));
        if looked {
            self.pollers.looked();
        }
    }

    /// Fails all requests if the connection is broken and nobody else ends them: whoever waits for
    /// them may have to give up before anybody else can go on. For the work, without locks.
    fn fail_if_broken(&self) {
        let broken = (*self.receiver.lock())
            .as_mut()
            .and_then(Receiver::end_if_broken);
        let Some(connection) = broken else {
            return;
        };
        if connection.is_recovered(self.id()) {
            return;
        }
        self.sender.lock().send(&self.inbox, &self.async_event);
        connection.ctrl.cancel_requests_of(self.id());
    }

    /// Tells the controller what is wrong with the PDU whose header is `offending`. Sleeps.
    pub(crate) fn terminate(
        &self,
        connection: &Connection,
        error: &wire::DecodeError,
        offending: &[u8],
    ) {
        // The other way round the locks are never taken, so this does not deadlock; but it does
        // not wait for long, because the sender may be stuck in a connection that is dead.
        for _ in 0..PATIENCE_MS {
            if let Some(mut sender) = self.sender.try_lock() {
                return sender.terminate(connection, error, offending);
            }
            fsleep(Delta::from_millis(1));
        }
    }
}

impl WorkItem<0> for Queue {
    type Pointer = Arc<Self>;

    fn run(this: Arc<Self>) {
        let start = Instant::<Monotonic>::now();
        let (next, polled) = loop {
            // Whoever sends at the moment looks again.
            let (progress, next) = this
                .try_send(By::Work)
                .unwrap_or((Progress::Idle, Next::Nobody));
            // Whoever polls receives.
            let polled = this.pollers.are_there();
            let received = !polled
                && (*this.receiver.lock())
                    .as_mut()
                    .is_some_and(|receiver| receiver.receive(&this));

            if progress != Progress::More && !received {
                break (next, polled);
            }
            if start.elapsed() > BUDGET {
                return this.kick();
            }
        };
        if polled || next == Next::WorkLater {
            this.wake(Next::WorkLater);
        }
        // Not before all has been received that came ahead of the end.
        if !polled {
            this.fail_if_broken();
        }
    }
}

impl WorkItem<1> for Queue {
    type Pointer = Arc<Self>;

    fn run(this: Arc<Self>) {
        this.pollers.pause_ends();
        this.kick();
    }
}

/// Hears of the events of a connection.
pub(super) struct Watcher {
    queue: Arc<Queue>,
    connection: Arc<Connection>,
}

impl Watcher {
    /// For the connection of `queue`.
    pub(super) fn new(queue: Arc<Queue>, connection: Arc<Connection>) -> Self {
        Self { queue, connection }
    }
}

impl Events for Watcher {
    fn data_ready(&self) {
        trace::data_ready(|| self.connection.id());
        self.queue.wake(self.queue.pollers.next());
    }

    fn write_space(&self) {
        trace::write_space(|| self.connection.id());
        self.queue.kick();
    }

    fn closing(&self) {
        trace::closing(|| self.connection.id());
        self.connection.set_broken();
        self.queue.kick();
    }
}
