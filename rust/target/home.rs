// SPDX-License-Identifier: GPL-2.0

//! Where a connection's work is done.

use kernel::{
    cpu::CpuId,
    sync::atomic::{
        ordering::Relaxed,
        Atomic, //
    }, //
};

use crate::abstractions::workqueue::WorkCpu;

/// How many times data have to come in elsewhere before the work follows them. With subflows on
/// several CPUs they do so all the time, and the work had better stay where its cache is warm.
const PATIENCE: u32 = 64;

/// The CPU that a connection works on: one of those that its packets come in on.
///
/// The C driver asks the socket (`sk_incoming_cpu`). An MPTCP socket does not know: its packets
/// belong to its subflows, and what it says is where the handshake ended.
pub(super) struct Home {
    cpu: Atomic<i32>,
    /// How many times running data have come in elsewhere.
    away: Atomic<u32>,
}

impl Home {
    /// Begins on `cpu`, a number as sockets have it.
    pub(super) const fn new(cpu: i32) -> Self {
        Self {
            cpu: Atomic::new(cpu),
            away: Atomic::new(0),
        }
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

    /// Where to work now.
    pub(super) fn cpu(&self) -> WorkCpu {
        WorkCpu::new(self.cpu.load(Relaxed))
    }
}
