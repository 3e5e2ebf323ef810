// SPDX-License-Identifier: GPL-2.0

//! When and where the work of a connection is done.

use kernel::{
    cpu::CpuId,
    sync::atomic::{
        ordering::{
            Full,
            Relaxed, //
        },
        Atomic,
        AtomicFlag, //
    }, //
};

use crate::abstractions::workqueue::WorkCpu;

/// The work is neither queued nor running.
const IDLE: u32 = 0;
/// The work is running, and nothing has happened since it last looked.
const RUNNING: u32 = 1;
/// The work is queued, or running and will look again.
const PENDING: u32 = 2;

/// How many times data have to come in elsewhere before the work follows them. With subflows on
/// several CPUs they do so all the time, and the work had better stay where its cache is warm.
const PATIENCE: u32 = 64;

/// Whether the work of a connection has to be queued, and on which CPU.
///
/// The C driver queues the work each time that there is something to do. But most of that comes up
/// while the work is running, out of what it does itself: commands are completed, a read of the
/// socket finds that there was more.
///
/// The CPU is one of those that the connection's packets come in on. The C driver asks the socket
/// (`sk_incoming_cpu`). An MPTCP socket does not know: its packets belong to its subflows, and what
/// it says is where the handshake ended.
pub(super) struct Wakeup {
    state: Atomic<u32>,
    /// There is something to receive.
    data: AtomicFlag,
    cpu: Atomic<i32>,
    /// How many times running data have come in elsewhere.
    away: Atomic<u32>,
}

impl Wakeup {
    /// Nothing to do yet, which will be done on `cpu`, a number as sockets have it.
    pub(super) const fn new(cpu: i32) -> Self {
        Self {
            state: Atomic::new(IDLE),
            data: AtomicFlag::new(false),
            cpu: Atomic::new(cpu),
            away: Atomic::new(0),
        }
    }

    fn cpu(&self) -> WorkCpu {
        WorkCpu::new(self.cpu.load(Relaxed))
    }

    /// There is something to do. Returns where the caller has to queue the work, if it has to.
    pub(super) fn wake(&self) -> Option<WorkCpu> {
        // What there is to do has been written before, and will be seen by whoever reads this.
        let was_idle = self.state.xchg(PENDING, Full) == IDLE;
        was_idle.then(|| self.cpu())
    }

    /// As [`Wakeup::wake`]; there is something to receive.
    pub(super) fn wake_for_data(&self) -> Option<WorkCpu> {
        self.data.store(true, Relaxed);
        self.wake()
    }

    /// Data have come in on the current CPU. From softirq, or where the caller may be moved to
    /// another CPU at any time: then it does not matter which.
    pub(super) fn data_came(&self) {
        let Ok(here) = i32::try_from(CpuId::current().as_u32()) else {
            return;
        };
        if here == self.cpu.load(Relaxed) {
            // Written only if it changes, as others read it.
            if self.away.load(Relaxed) != 0 {
                self.away.store(0, Relaxed);
            }
        } else if self.away.fetch_add(1, Relaxed) >= PATIENCE {
            self.cpu.store(here, Relaxed);
            self.away.store(0, Relaxed);
        }
    }

    /// The work begins to look for what there is to do. Returns whether there is something to
    /// receive.
    pub(super) fn look(&self) -> bool {
        self.state.xchg(RUNNING, Full);
        self.data.load(Relaxed) && self.data.xchg(false, Full)
    }

    /// The work ends although there may be something to do. Returns where to queue it again.
    pub(super) fn again(&self) -> WorkCpu {
        self.state.xchg(PENDING, Full);
        self.cpu()
    }

    /// The work has found nothing. Returns whether it may end: nothing has happened since it began
    /// to look.
    pub(super) fn rest(&self) -> bool {
        self.state.cmpxchg(RUNNING, IDLE, Full).is_ok()
    }
}
