// SPDX-License-Identifier: GPL-2.0

//! How I/O queues are shared out to types and to CPUs.
//!
//! C counterparts: `nvmf_set_io_queues()`, `blk_mq_map_queues()`.

/// Shares `granted` queues out to the types default, read and poll as `nvmf_set_io_queues()` does,
/// but by what can be used of what was `wanted` for I/O, writing and polling.
///
/// Reads and writes have queues of their own only if there are enough for reads.
pub(super) fn share_out(granted: u32, wanted: [u32; 3]) -> [u32; 3] {
    let [io, write, poll] = wanted;
    let (default, read) = if write > 0 && io < granted {
        (write.min(granted.saturating_sub(io)), io)
    } else {
        (io.min(granted), 0)
    };
    let left = granted.saturating_sub(default).saturating_sub(read);
    [default, read, poll.min(left)]
}

/// What a CPU can do for the queues of a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cpu {
    /// A queue can be connected from it.
    Able,
    /// It may send requests one day.
    Possible,
    /// There is no such CPU.
    Absent,
}

/// Deals the queues of a type out to CPUs. The first ones go to the CPUs that they can be connected
/// from, in turn; if that is not enough for all of them, the others go to other CPUs: the block
/// layer does not cope with a queue that loses its last one.
pub(super) struct Dealer {
    /// How many queues there are.
    count: u32,
    /// How many of them go to CPUs that they can be connected from.
    used: u32,
    /// How many have been dealt out to such CPUs, and to others.
    turn: u32,
    other: u32,
}

impl Dealer {
    /// Deals `count` queues, where `able` CPUs can connect one.
    pub(super) fn new(count: u32, able: u32) -> Self {
        let used = able.min(count);
        Self {
            count,
            used,
            turn: 0,
            other: used,
        }
    }

    /// The queue for the next CPU, a number below `count` if that is not 0.
    pub(super) fn deal(&mut self, cpu: Cpu) -> u32 {
        let nr = match cpu {
            Cpu::Able => {
                self.turn = self.turn.wrapping_add(1);
                self.turn.wrapping_sub(1).checked_rem(self.used)
            }
            Cpu::Possible => {
                self.other = self.other.wrapping_add(1);
                self.other.wrapping_sub(1).checked_rem(self.count)
            }
            Cpu::Absent => None,
        };
        nr.unwrap_or(0)
    }
}

#[cfg(nvme_kunit)]
#[::kernel::macros::kunit_tests(nvme_mptcp_host_queue_share)]
mod tests {
    use super::*;

    #[test]
    fn share_out_as_nvmf_does() {
        for (granted, wanted, types) in [
            // What is wanted is granted.
            (4, [4, 0, 0], [4, 0, 0]),
            (6, [4, 2, 0], [2, 4, 0]),
            (8, [4, 2, 2], [2, 4, 2]),
            (6, [4, 0, 2], [4, 0, 2]),
            // Less is: reads first, then writes, then polling.
            (5, [4, 2, 2], [1, 4, 0]),
            (7, [4, 2, 2], [2, 4, 1]),
            // Not enough for reads and writes apart.
            (4, [4, 2, 2], [4, 0, 0]),
            (3, [4, 2, 2], [3, 0, 0]),
            (1, [4, 4, 4], [1, 0, 0]),
            // More is.
            (9, [4, 2, 2], [2, 4, 2]),
            (u32::MAX, [u32::MAX; 3], [u32::MAX, 0, 0]),
        ] {
            assert_eq!(share_out(granted, wanted), types);
        }
    }

    #[test]
    fn share_out_no_more_than_granted() {
        for granted in 1..16 {
            for io in 1..6 {
                for (write, poll) in [(0, 0), (0, 3), (1, 0), (3, 3), (5, 1)] {
                    let types = share_out(granted, [io, write, poll]);
                    assert!(types.into_iter().sum::<u32>() <= granted);
                    // There is one for reads and one for writes in any case.
                    assert!(types[0] > 0);
                }
            }
        }
    }

    /// How many CPUs each of `N` queues has of each kind, able and possible.
    fn dealt<const N: usize>(cpus: &[Cpu]) -> [(u32, u32); N] {
        let able = cpus.iter().filter(|cpu| **cpu == Cpu::Able).count();
        let mut dealer = Dealer::new(N as u32, able as u32);
        let mut queues = [(0, 0); N];
        for cpu in cpus {
            let queue = &mut queues[dealer.deal(*cpu) as usize];
            match cpu {
                Cpu::Able => queue.0 += 1,
                Cpu::Possible => queue.1 += 1,
                Cpu::Absent => {}
            }
        }
        queues
    }

    #[test]
    fn dealer_gives_each_queue_an_able_cpu() {
        use Cpu::*;
        assert_eq!(dealt(&[Able; 4]), [(1, 0); 4]);
        assert_eq!(dealt(&[Able; 5]), [(3, 0), (2, 0)]);
        // Whatever is between them.
        let gaps = [Possible, Able, Absent, Absent, Able, Possible, Possible];
        assert_eq!(dealt(&gaps), [(1, 2), (1, 1)]);
    }

    #[test]
    fn dealer_leaves_the_rest_to_other_cpus() {
        use Cpu::*;
        // Two can be connected, and none of the others is without a CPU.
        let cpus = [Able, Possible, Able, Possible];
        assert_eq!(dealt(&cpus), [(1, 0), (1, 0), (0, 1), (0, 1)]);
        assert_eq!(dealt(&[Possible; 3]), [(0, 1); 3]);
    }

    #[test]
    fn dealer_without_queues_or_cpus() {
        let mut dealer = Dealer::new(0, 4);
        for cpu in [Cpu::Able, Cpu::Possible, Cpu::Absent] {
            assert_eq!(dealer.deal(cpu), 0);
        }
        let mut dealer = Dealer::new(3, 0);
        assert_eq!(dealer.deal(Cpu::Able), 0);
        assert_eq!(dealer.deal(Cpu::Absent), 0);
    }
}
