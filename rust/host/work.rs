// SPDX-License-Identifier: GPL-2.0

//! Who works when: submitters, the work of a queue, and what wakes it.
//!
//! C counterparts: `nvme_tcp_queue_request()`, `nvme_tcp_io_work()`, `nvme_tcp_data_ready()` and
//! its siblings.

use kernel::{
    sync::{
        atomic::ordering::{
            Acquire,
            Relaxed,
            Release, //
        },
        barrier::{
            smp_mb,
            Full, //
        },
        Arc, //
    },
    time::{
        Delta,
        Instant,
        Monotonic, //
    },
    workqueue::WorkItem, //
};

use super::{
    connection::Connection,
    queue::Queue,
    Host, //
};
use crate::{
    abstractions::{
        events::Events,
        nvme::request::SendRequest, //
    },
    wire, //
};

/// How long the work of a queue goes on before it lets others work.
const BUDGET: Delta = Delta::from_millis(1);

/// How far sending came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// There is nothing to send.
    Idle,
    /// There is no room; [`Events::write_space`] says when there is.
    Blocked,
    /// There is more to send.
    More,
}

impl Queue {
    /// Takes a request to send; `last` if no other follows at once.
    pub(crate) fn submit(self: &Arc<Self>, request: SendRequest<Host>, last: bool) {
        self.inbox.push(request);
        if last {
            self.flush();
        }
    }

    /// Sends what there is: now, if this is the queue's CPU and nobody sends, or soon.
    pub(crate) fn flush(self: &Arc<Self>) {
        if !self.has_unsent() {
            return;
        }
        if self.io_cpu.load().is_current() {
            if let Some(mut sender) = self.sender.try_lock() {
                let progress = sender.send(&self.inbox, &self.async_event);
                let open = sender.is_open();
                drop(sender);
                // The work that found the sender taken left to us what had come by then. Pairs
                // with the barriers of pushing to the inbox and of queueing the work.
                smp_mb(Full);
                let idle = match progress {
                    Progress::Idle => !self.has_unsent(),
                    Progress::Blocked => true,
                    Progress::More => false,
                };
                if idle && open {
                    return;
                }
            }
        }
        self.kick();
    }

    /// Whether somebody has something to send that the sender has not taken.
    fn has_unsent(&self) -> bool {
        !self.inbox.is_empty() || self.async_event.load(Acquire)
    }

    /// Sends an Asynchronous Event Request.
    pub(crate) fn submit_async_event(self: &Arc<Self>) {
        self.async_event.store(true, Release);
        self.kick();
    }

    /// Lets the queue work. From any context.
    pub(crate) fn kick(self: &Arc<Self>) {
        // If the work is queued already, it has not begun to look at what there is.
        let _ = self.workqueue.enqueue_on(self.io_cpu.load(), self.clone());
    }

    /// How many requests have been completed since somebody asked. Does not sleep.
    ///
    /// Whoever polls does so inside an RCU read-side section, where the socket lock cannot be
    /// waited for: the work receives for them, too.
    pub(crate) fn poll(&self) -> u32 {
        self.completed.xchg(0, Relaxed)
    }

    /// Counts requests that have been completed.
    pub(crate) fn count_completed(&self, count: u32) {
        self.completed.add(count, Relaxed);
    }

    /// Fails the requests that nobody will send.
    pub(super) fn fail_inbox(&self) {
        self.sender.lock().send(&self.inbox, &self.async_event);
    }

    /// Fails all requests if the connection is broken and nobody else ends them: whoever waits for
    /// them may have to give up before anybody else can go on. For the work, without locks.
    fn fail_if_broken(self: &Arc<Self>) {
        let Some(connection) = self.receiver.lock().end_if_broken() else {
            return;
        };
        if connection.is_recovered(self.id()) {
            return;
        }
        self.sender.lock().close();
        self.fail_inbox();
        connection.ctrl.cancel_requests_of(self.id());
    }

    /// Tells the controller what is wrong with the PDU whose header is `offending`.
    pub(crate) fn terminate(&self, connection: &Connection, error: &wire::Error, offending: &[u8]) {
        // The other way round the locks are never taken, so this does not deadlock; but it does
        // not wait either, because the sender may be stuck in a connection that is dead.
        if let Some(mut sender) = self.sender.try_lock() {
            sender.terminate(connection, error, offending);
        }
    }
}

impl WorkItem for Queue {
    type Pointer = Arc<Self>;

    fn run(this: Arc<Self>) {
        let start = Instant::<Monotonic>::now();
        loop {
            let sent = match this.sender.try_lock() {
                Some(mut sender) => sender.send(&this.inbox, &this.async_event),
                // Whoever sends at the moment looks at the inbox again, or kicks.
                None => Progress::Idle,
            };
            let received = this.receiver.lock().receive(&this);

            if sent != Progress::More && !received {
                break;
            }
            if start.elapsed() > BUDGET {
                this.kick();
                return;
            }
        }
        // Not before all has been received that came ahead of the end.
        this.fail_if_broken();
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
        self.queue.kick();
    }

    fn write_space(&self) {
        self.queue.kick();
    }

    fn closing(&self) {
        self.connection.set_broken();
        self.queue.kick();
    }
}
