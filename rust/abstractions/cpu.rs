// SPDX-License-Identifier: GPL-2.0

//! Which CPUs there are.
//!
//! Adds to [`kernel::cpu`] what it lacks: a CPU may be possible without ever coming online.
//!
//! C header: [`include/linux/cpumask.h`](srctree/include/linux/cpumask.h)

use kernel::cpu::{
    nr_cpu_ids,
    CpuId, //
};

use crate::bindings;

/// A CPU that was online when it was looked at. It may have gone since.
///
/// # Invariants
///
/// The CPU is or was online.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OnlineCpu(CpuId);

impl OnlineCpu {
    /// The CPU with the number `cpu`, if it is online at this moment.
    pub fn new(cpu: u32) -> Option<Self> {
        let id = CpuId::from_u32(cpu)?;
        // SAFETY: Reads one bit of a mask that has one for each number below `nr_cpu_ids`.
        let online = unsafe { bindings::helper_cpu_online(cpu) };
        // INVARIANT: Seen just above.
        online.then_some(Self(id))
    }

    /// All CPUs that are online, each looked at when its turn comes.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..nr_cpu_ids()).filter_map(Self::new)
    }

    /// The number of the CPU.
    pub fn id(self) -> u32 {
        self.0.as_u32()
    }

    /// Whether the administrator keeps the kernel's own work off this CPU (`isolcpus`, cpusets).
    pub fn is_isolated(self) -> bool {
        // SAFETY: It is the number of a CPU.
        unsafe { bindings::helper_cpu_is_isolated(self.id()) }
    }
}

/// Whether the CPU with the number `cpu` may ever be online.
pub fn is_possible(cpu: u32) -> bool {
    // SAFETY: Reads one bit of a mask that has one for each number below `nr_cpu_ids`.
    cpu < nr_cpu_ids() && unsafe { bindings::helper_cpu_possible(cpu) }
}
