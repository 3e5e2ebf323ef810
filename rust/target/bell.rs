// SPDX-License-Identifier: GPL-2.0

//! Whether a connection's work has to be queued.

use kernel::sync::atomic::{
    ordering::{
        Full,
        Relaxed, //
    },
    Atomic,
    AtomicFlag, //
};

/// The work is neither queued nor running.
const IDLE: u32 = 0;
/// The work is running, and nothing has happened since it last looked.
const RUNNING: u32 = 1;
/// The work is queued, or running and will look again.
const RUNG: u32 = 2;

/// Rung by whoever has something for a connection to do.
///
/// The C driver queues the work each time. But most of what there is to do comes up while the work
/// is running, out of what it does itself: commands are completed, a read of the socket finds that
/// there was more.
pub(super) struct Bell {
    state: Atomic<u32>,
    /// There is something to receive.
    data: AtomicFlag,
}

impl Bell {
    /// A bell that has not been rung.
    pub(super) const fn new() -> Self {
        Self {
            state: Atomic::new(IDLE),
            data: AtomicFlag::new(false),
        }
    }

    /// There is something to do. Returns whether the caller has to queue the work.
    pub(super) fn ring(&self) -> bool {
        // What there is to do has been written before, and will be seen by whoever reads this.
        self.state.xchg(RUNG, Full) == IDLE
    }

    /// There is something to receive. Returns whether the caller has to queue the work.
    pub(super) fn ring_for_data(&self) -> bool {
        self.data.store(true, Relaxed);
        self.ring()
    }

    /// The work begins to look for what there is to do. Returns whether there is something to
    /// receive.
    pub(super) fn answer(&self) -> bool {
        self.state.xchg(RUNNING, Full);
        self.data.load(Relaxed) && self.data.xchg(false, Full)
    }

    /// The work has found nothing. Returns whether it may end.
    pub(super) fn rest(&self) -> bool {
        self.state.cmpxchg(RUNNING, IDLE, Full).is_ok()
    }
}
