// SPDX-License-Identifier: GPL-2.0

//! Which CPU a queue does its work on.
//!
//! C counterpart: `nvme_tcp_set_queue_io_cpu()`.

use kernel::{
    prelude::*,
    sync::atomic::{
        ordering::Relaxed,
        Atomic, //
    }, //
};

/// How many queues of all controllers work on each CPU.
pub(crate) struct Load(KVec<Atomic<i32>>);

impl Load {
    /// No queue works on any of the CPUs, which have numbers below `count`.
    ///
    /// # Errors
    ///
    /// `ENOMEM`. May sleep.
    pub(crate) fn new(count: u32) -> Result<Self> {
        let mut cpus = KVec::with_capacity(count as usize, GFP_KERNEL)?;
        for _ in 0..count {
            cpus.push(Atomic::new(0), GFP_KERNEL)?;
        }
        Ok(Self(cpus))
    }

    /// Chooses the one of these CPUs with the fewest queues, for one more; `number` is a CPU's.
    ///
    /// Two queues that choose at the same time may choose the same CPU; that costs a little speed.
    pub(crate) fn choose<C: Copy>(
        &self,
        cpus: impl Iterator<Item = C>,
        number: impl Fn(C) -> u32,
    ) -> Option<C> {
        let (cpu, queues) = cpus
            .filter_map(|cpu| Some((cpu, self.of(number(cpu) as usize)?)))
            .min_by_key(|(_, queues)| queues.load(Relaxed))?;
        queues.add(1, Relaxed);
        Some(cpu)
    }

    /// Takes back what [`Load::choose`] chose, given its number.
    pub(crate) fn release(&self, cpu: usize) {
        if let Some(queues) = self.of(cpu) {
            queues.add(-1, Relaxed);
        }
    }

    /// How many queues work on the CPU with the number `cpu`.
    fn of(&self, cpu: usize) -> Option<&Atomic<i32>> {
        self.0.get(cpu)
    }
}

#[cfg(nvme_kunit)]
#[::kernel::macros::kunit_tests(nvme_mptcp_host_cpu)]
mod tests {
    use super::*;

    fn choose(load: &Load, cpus: impl IntoIterator<Item = u32>) -> Option<u32> {
        load.choose(cpus.into_iter(), |cpu| cpu)
    }

    #[test]
    fn queues_go_to_all_cpus_in_turn() -> Result {
        let load = Load::new(4)?;
        for _ in 0..3 {
            for cpu in 0..4 {
                assert_eq!(choose(&load, 0..4), Some(cpu));
            }
        }
        Ok(())
    }

    #[test]
    fn the_least_loaded_that_will_do() -> Result {
        let load = Load::new(4)?;
        assert_eq!(choose(&load, [2]), Some(2));
        assert_eq!(choose(&load, [2]), Some(2));
        assert_eq!(choose(&load, [2, 3]), Some(3));
        assert_eq!(choose(&load, [3, 2]), Some(3));
        // Of two that are alike the first.
        assert_eq!(choose(&load, [3, 2]), Some(3));
        load.release(2);
        assert_eq!(choose(&load, [3, 2]), Some(2));
        Ok(())
    }

    #[test]
    fn a_released_cpu_is_chosen_again() -> Result {
        let load = Load::new(2)?;
        assert_eq!(choose(&load, 0..2), Some(0));
        assert_eq!(choose(&load, 0..2), Some(1));
        load.release(1);
        assert_eq!(choose(&load, 0..2), Some(1));
        Ok(())
    }

    #[test]
    fn no_cpu_to_choose() -> Result {
        let load = Load::new(2)?;
        assert_eq!(choose(&load, []), None);
        // Numbers that no CPU has.
        assert_eq!(choose(&load, [2, u32::MAX]), None);
        assert_eq!(choose(&load, [u32::MAX, 1]), Some(1));
        load.release(usize::MAX);

        let none = Load::new(0)?;
        assert_eq!(choose(&none, 0..2), None);
        none.release(0);
        Ok(())
    }
}
