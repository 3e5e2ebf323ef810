// SPDX-License-Identifier: GPL-2.0

//! Which CPU a queue does its work on.
//!
//! C counterpart: `nvme_tcp_set_queue_io_cpu()`.

use kernel::{
    cpu::nr_cpu_ids,
    prelude::*,
    sync::atomic::{
        ordering::Relaxed,
        Atomic, //
    }, //
};

use super::Ctrl;
use crate::abstractions::{
    cpu::OnlineCpu,
    workqueue::WorkCpu, //
};

/// How many queues of all controllers work on each CPU.
pub(crate) struct Load(KVec<Atomic<i32>>);

impl Load {
    /// Queues work wherever the scheduler lets them.
    pub(crate) const fn unbound() -> Self {
        Self(KVec::new())
    }

    /// No queue works anywhere.
    ///
    /// # Errors
    ///
    /// `ENOMEM`. May sleep.
    pub(crate) fn new() -> Result<Self> {
        let count = nr_cpu_ids() as usize;
        let mut cpus = KVec::with_capacity(count, GFP_KERNEL)?;
        for _ in 0..count {
            cpus.push(Atomic::new(0), GFP_KERNEL)?;
        }
        Ok(Self(cpus))
    }

    /// Chooses, of the CPUs whose requests I/O queue `qid` takes and that are online, the one with
    /// the fewest queues.
    ///
    /// Two queues that choose at the same time may choose the same CPU; that costs a little speed.
    pub(crate) fn choose(&self, ctrl: &Ctrl, qid: u16) -> WorkCpu {
        let least = OnlineCpu::all()
            .filter(|cpu| ctrl.serves_cpu(qid, *cpu))
            .map(WorkCpu::from)
            .filter_map(|cpu| Some((cpu, self.of(cpu)?)))
            .min_by_key(|(_, queues)| queues.load(Relaxed));
        match least {
            Some((cpu, queues)) => {
                queues.add(1, Relaxed);
                cpu
            }
            None => WorkCpu::UNBOUND,
        }
    }

    /// Takes back what [`Load::choose`] chose.
    pub(crate) fn release(&self, cpu: WorkCpu) {
        if let Some(queues) = self.of(cpu) {
            queues.add(-1, Relaxed);
        }
    }

    /// How many queues work on `cpu`.
    fn of(&self, cpu: WorkCpu) -> Option<&Atomic<i32>> {
        self.0.get(cpu.index()?)
    }
}
