// SPDX-License-Identifier: GPL-2.0

//! Figures that cost nothing to keep: written by one task at a time, read by anybody.

use kernel::{
    bindings as kernel_bindings,
    sync::atomic::{
        ordering::Relaxed,
        Atomic, //
    }, //
};

/// A figure that is written under a lock which the writer holds anyway, and read without it.
///
/// Two writers at once would lose one of the changes, and nothing else.
pub struct Counter(Atomic<u64>);

impl Counter {
    /// Zero.
    #[allow(clippy::new_without_default)]
    pub const fn new() -> Self {
        Self(Atomic::new(0))
    }

    /// The figure at this moment.
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }

    /// Adds `count`.
    pub fn add(&self, count: u64) {
        self.0.store(self.get().wrapping_add(count), Relaxed);
    }

    /// Raises the figure to `value`, if it is lower.
    pub fn raise(&self, value: u64) {
        // Written only if it changes, as others read it.
        if value > self.get() {
            self.0.store(value, Relaxed);
        }
    }
}

/// A moment, as the kernel's ticks tell it: to read it costs one load. A tick is 1 to 10 ms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tick(usize);

impl Tick {
    /// The tick that C calls `ticks`.
    pub const fn from_raw(ticks: usize) -> Self {
        Self(ticks)
    }

    /// This moment.
    pub fn now() -> Self {
        let ticks = &raw const kernel_bindings::jiffies;
        // SAFETY: It is a word that is always there, and that everybody reads without a lock.
        Self(unsafe { ticks.read_volatile() })
    }

    /// How much later this is than `earlier`, in milliseconds; 0 if it is not.
    pub fn ms_since(self, earlier: Self) -> u64 {
        let ticks = self.0.wrapping_sub(earlier.0);
        if ticks > usize::MAX / 2 {
            return 0;
        }
        // SAFETY: It does nothing but calculate.
        unsafe { kernel_bindings::jiffies64_to_msecs(ticks as u64) }
    }
}
