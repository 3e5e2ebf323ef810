// SPDX-License-Identifier: GPL-2.0

//! The work of a queue, and what wakes it.
//!
//! C counterparts: `nvme_tcp_io_work()`, `nvme_tcp_data_ready()` and its siblings.

use kernel::{
    sync::Arc,
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
    send::Progress, //
};
use crate::abstractions::events::Events;

/// How long the work of a queue goes on before it lets others work.
const BUDGET: Delta = Delta::from_millis(1);

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
