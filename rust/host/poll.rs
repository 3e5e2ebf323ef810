// SPDX-License-Identifier: GPL-2.0

//! Who receives on a queue that is polled.
//!
//! While somebody polls, the work of the queue leaves receiving to them, so that neither waits for
//! the other. They may stop at any time without a word. So whatever would have let the work receive
//! lets it look again after a pause, and a second one: if nobody has looked for a whole one, it
//! receives. Only a look counts that tells whether there is something: whoever polls and never gets
//! at the socket does not keep the work from it.
//!
//! C counterpart: `NVME_TCP_Q_POLLING`.

use kernel::sync::atomic::{
    ordering::Relaxed,
    Atomic, //
};

use super::progress::Next;

/// Whether somebody polls a queue.
pub(super) struct Pollers(Atomic<u32>);

/// Nobody does.
const NOBODY: u32 = 0;
/// Somebody has looked before the pause that goes on now.
const BEFORE: u32 = 1;
/// Somebody has looked since it began.
const LOOKED: u32 = 2;

impl Pollers {
    /// Nobody does.
    pub(super) const fn new() -> Self {
        Self(Atomic::new(NOBODY))
    }

    /// Whether somebody does.
    pub(super) fn are_there(&self) -> bool {
        self.0.load(Relaxed) != NOBODY
    }

    /// Somebody has looked.
    pub(super) fn looked(&self) {
        // Most look many times before there is something.
        if self.0.load(Relaxed) != LOOKED {
            self.0.store(LOOKED, Relaxed);
        }
    }

    /// A pause is over. Who looks at just this moment may be overlooked: the work receives as well.
    pub(super) fn pause_ends(&self) {
        let now = match self.0.load(Relaxed) {
            LOOKED => BEFORE,
            _ => NOBODY,
        };
        self.0.store(now, Relaxed);
    }

    /// Nobody does any more.
    pub(super) fn forget(&self) {
        self.0.store(NOBODY, Relaxed);
    }

    /// Who receives what there is now.
    pub(super) fn next(&self) -> Next {
        match self.are_there() {
            true => Next::WorkLater,
            false => Next::Work,
        }
    }
}

#[cfg(nvme_kunit)]
#[::kernel::macros::kunit_tests(nvme_mptcp_host_poll)]
mod tests {
    use super::*;

    #[test]
    fn the_work_receives_if_nobody_looks() {
        let pollers = Pollers::new();
        assert_eq!(pollers.next(), Next::Work);
        pollers.pause_ends();
        assert_eq!(pollers.next(), Next::Work);
        pollers.looked();
        pollers.forget();
        assert_eq!(pollers.next(), Next::Work);
    }

    #[test]
    fn pollers_have_a_whole_pause_to_look() {
        let pollers = Pollers::new();
        for _ in 0..3 {
            pollers.looked();
            pollers.pause_ends();
            assert_eq!(pollers.next(), Next::WorkLater);
        }
        pollers.pause_ends();
        assert_eq!(pollers.next(), Next::Work);
    }
}
