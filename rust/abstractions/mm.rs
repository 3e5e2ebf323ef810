// SPDX-License-Identifier: GPL-2.0

//! What allocations of the current task may do while a scope is open.
//!
//! C header: [`include/linux/sched/mm.h`](srctree/include/linux/sched/mm.h)

use kernel::types::NotThreadSafe;

use crate::bindings;

/// While it lives, allocations of this task may use the memory reserves and do not reclaim.
///
/// For code that must make progress so that reclaim, which writes to the disk that this code
/// serves, can end.
pub struct NoReclaim {
    flags: u32,
    _not_send: NotThreadSafe,
}

impl NoReclaim {
    /// Opens the scope. Scopes nest.
    pub fn enter() -> Self {
        Self {
            // SAFETY: Changes flags of the current task only; `NotThreadSafe` keeps the guard,
            // which restores them, in this task.
            flags: unsafe { bindings::helper_memalloc_noreclaim_save() },
            _not_send: NotThreadSafe,
        }
    }
}

impl Drop for NoReclaim {
    fn drop(&mut self) {
        // SAFETY: `flags` is what the matching save returned, in the same task.
        unsafe { bindings::helper_memalloc_noreclaim_restore(self.flags) };
    }
}

/// While it lives, allocations of this task start no I/O.
pub struct NoIo {
    flags: u32,
    _not_send: NotThreadSafe,
}

impl NoIo {
    /// Opens the scope. Scopes nest.
    pub fn enter() -> Self {
        Self {
            // SAFETY: Changes flags of the current task only; `NotThreadSafe` keeps the guard,
            // which restores them, in this task.
            flags: unsafe { bindings::helper_memalloc_noio_save() },
            _not_send: NotThreadSafe,
        }
    }
}

impl Drop for NoIo {
    fn drop(&mut self) {
        // SAFETY: `flags` is what the matching save returned, in the same task.
        unsafe { bindings::helper_memalloc_noio_restore(self.flags) };
    }
}
