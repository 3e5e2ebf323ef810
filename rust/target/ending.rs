// SPDX-License-Identifier: GPL-2.0

//! How a connection ends: at once, or with what its host still has to hear.
//!
//! C counterparts: `nvmet_tcp_schedule_release_queue()`, `nvmet_tcp_release_queue_work()`,
//! `nvmet_tcp_delete_ctrl()`.

use kernel::{
    sync::{
        atomic::ordering::{
            Acquire,
            Full,
            Relaxed,
            Release, //
        },
        Arc, //
    },
    time::msecs_to_jiffies,
    workqueue::WorkItem, //
};

use super::connection::{
    Connection,
    State, //
};
use crate::abstractions::{
    nvmet,
    workqueue::{
        cancel_delayed_sync,
        cancel_sync, //
    }, //
};

/// How long the last answers may take on their way into the socket, in ms: the work may have to
/// wait for a CPU, or for what it executes.
const PARTING_MS: u32 = 1000;

impl Connection {
    /// Whether the connection ends when its answers have been sent.
    pub(super) fn is_parting(&self) -> bool {
        // Answers that were given before that are seen then.
        self.parting.load(Acquire)
    }

    /// Whether the connection is being released.
    pub(super) fn is_closing(&self) -> bool {
        self.closing.load(Relaxed)
    }

    /// Ends the connection as soon as the socket has taken what the core has answered until now, or
    /// does not take it. May sleep, but does not wait for that.
    ///
    /// The core has a controller deleted right after it has answered the command that is to blame.
    /// The C driver ends the connection at once; which of the two is first then is chance, and a
    /// host that does not get the answer may wait for it until the command times out: nvme-tcp
    /// does, for a minute, as long as it is connecting.
    pub(super) fn part(self: &Arc<Self>) {
        // The release begins with this lock, and ends the works that are queued under it.
        let hooked = self.hooked.lock();
        if hooked.is_none() {
            return;
        }
        self.parting.store(true, Release);
        self.wake();
        let delay = msecs_to_jiffies(PARTING_MS);
        let _ = self
            .target
            .io_queue()
            .enqueue_delayed::<Arc<Self>, 2>(self.clone(), delay);
    }

    /// Ends the connection. May sleep, but does not wait until it is released.
    pub(super) fn shutdown(self: &Arc<Self>) {
        self.socket.shutdown();
        // The socket has told us, unless there was no connection any more.
        self.close();
    }

    /// Begins the release of the connection. From any context.
    pub(super) fn close(self: &Arc<Self>) {
        if !self.closing.xchg(true, Full) {
            let _ = nvmet::workqueue().enqueue::<Arc<Self>, 1>(self.clone());
        }
    }
}

impl WorkItem<1> for Connection {
    type Pointer = Arc<Self>;

    /// Takes the connection apart; runs once, on the core's workqueue.
    fn run(this: Arc<Self>) {
        // No more events.
        this.unhook();
        cancel_sync::<Self, 0>(&this);
        cancel_delayed_sync::<Self, 3>(&this);
        this.port.greeters().remove(&this);
        this.port.strangers().remove(&this);
        // No more commands: those that wait for data are forgotten, and those that the core has
        // are waited for.
        let state = core::mem::replace(&mut *this.state.lock(), State::Released);
        drop(state);
        cancel_delayed_sync::<Self, 2>(&this);
        cancel_delayed_sync::<Self, 4>(&this);
        // They may have queued the work again when they were done.
        cancel_sync::<Self, 0>(&this);
        // The work, which has come to its end, made the file.
        let file = this.file.lock().take();
        drop(file);
        this.target.remove(&this);
    }
}
