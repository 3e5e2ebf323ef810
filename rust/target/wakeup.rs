// SPDX-License-Identifier: GPL-2.0

//! When and where the work of a connection is done.

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

    /// Where the work is done.
    pub(super) fn cpu(&self) -> i32 {
        self.cpu.load(Relaxed)
    }

    /// There is something to do. Returns where the caller has to queue the work, if it has to.
    pub(super) fn wake(&self) -> Option<i32> {
        // What there is to do has been written before, and will be seen by whoever reads this.
        let was_idle = self.state.xchg(PENDING, Full) == IDLE;
        was_idle.then(|| self.cpu())
    }

    /// As [`Wakeup::wake`]; there is something to receive.
    pub(super) fn wake_for_data(&self) -> Option<i32> {
        self.data.store(true, Relaxed);
        self.wake()
    }

    /// Data have come in on the CPU with the number `here`.
    pub(super) fn data_came(&self, here: u32) {
        let Ok(here) = i32::try_from(here) else {
            return;
        };
        if here == self.cpu() {
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
    pub(super) fn again(&self) -> i32 {
        self.state.xchg(PENDING, Full);
        self.cpu()
    }

    /// The work has found nothing. Returns whether it may end: nothing has happened since it began
    /// to look.
    pub(super) fn rest(&self) -> bool {
        self.state.cmpxchg(RUNNING, IDLE, Full).is_ok()
    }
}

#[cfg(nvme_kunit)]
#[::kernel::macros::kunit_tests(nvme_mptcp_target_wakeup)]
mod tests {
    use super::*;

    const HOME: i32 = 3;

    #[test]
    fn queued_once_and_only_if_idle() {
        let wakeup = Wakeup::new(HOME);
        assert_eq!(wakeup.wake(), Some(HOME));
        // It is queued.
        assert_eq!(wakeup.wake(), None);
        wakeup.look();
        // It is running, and will look again.
        assert_eq!(wakeup.wake(), None);
        assert!(!wakeup.rest());
        wakeup.look();
        assert!(wakeup.rest());
        assert_eq!(wakeup.wake(), Some(HOME));
    }

    #[test]
    fn does_not_rest_before_it_has_looked() {
        let wakeup = Wakeup::new(HOME);
        wakeup.look();
        assert_eq!(wakeup.again(), HOME);
        // Whoever wakes it now need not queue it.
        assert_eq!(wakeup.wake(), None);
        assert!(!wakeup.rest());
        wakeup.look();
        assert!(wakeup.rest());
        // And rests once.
        assert!(!wakeup.rest());
    }

    #[test]
    fn looks_for_data_once() {
        let wakeup = Wakeup::new(HOME);
        assert_eq!(wakeup.wake(), Some(HOME));
        assert!(!wakeup.look());
        assert_eq!(wakeup.wake_for_data(), None);
        assert!(wakeup.look());
        assert!(!wakeup.look());
    }

    #[test]
    fn follows_data_that_stay_away() {
        let wakeup = Wakeup::new(HOME);
        for _ in 0..PATIENCE {
            wakeup.data_came(5);
        }
        assert_eq!(wakeup.cpu(), HOME);
        wakeup.data_came(5);
        assert_eq!(wakeup.cpu(), 5);
        // And is as patient there.
        for _ in 0..PATIENCE {
            wakeup.data_came(7);
        }
        assert_eq!(wakeup.cpu(), 5);
    }

    #[test]
    fn stays_where_some_data_come() {
        let wakeup = Wakeup::new(HOME);
        for turn in 0..10 * PATIENCE {
            // Three of four come in elsewhere, on two CPUs.
            wakeup.data_came([3, 5, 7, 7][(turn % 4) as usize]);
            assert_eq!(wakeup.cpu(), HOME);
        }
        // There is no such CPU.
        for _ in 0..=PATIENCE {
            wakeup.data_came(u32::MAX);
        }
        assert_eq!(wakeup.cpu(), HOME);
    }
}
