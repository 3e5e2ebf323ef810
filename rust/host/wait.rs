// SPDX-License-Identifier: GPL-2.0

//! How long a removal waits for a controller that does not answer.

/// How often to look, in ms.
pub(super) const PERIOD_MS: u32 = 500;

/// How many looks a command of the admin queue may be unanswered while a controller is removed that
/// was live: 5 s, as long as the core waits for a shutdown (`shutdown_timeout`).
pub(super) const PATIENCE: u32 = 10;

/// What there is to see of a controller that is being removed.
#[derive(Clone, Copy)]
pub(super) struct Seen {
    /// It is being reset or connected again.
    pub(super) is_changing: bool,
    /// A command of the admin queue has not been answered.
    pub(super) waits: bool,
    /// How many PDUs all queues have received.
    pub(super) received: u64,
    /// The keep alive timeout in seconds, or 0.
    pub(super) kato: u32,
}

/// What a removal needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    Nothing,
    /// The end of the admin queue's connection: what is written to disks goes on.
    NoAdminQueue,
    /// The end of all connections.
    NoQueues,
}

/// How long the controller has kept the removal waiting, in looks.
#[derive(Default)]
pub(super) struct Wait {
    /// That a command of the admin queue has been unanswered.
    unanswered: u32,
    /// That nothing has come at all.
    silent: u32,
    received: u64,
}

impl Wait {
    pub(super) fn look(&mut self, seen: Seen) -> Need {
        self.unanswered = match seen.waits {
            true => self.unanswered.saturating_add(1),
            false => 0,
        };
        self.silent = match seen.received == self.received {
            true => self.silent.saturating_add(1),
            false => 0,
        };
        self.received = seen.received;

        // Keep alive goes on, so a controller that lives is not silent for as long as that.
        let dead = seen.kato.saturating_mul(1000 / PERIOD_MS).max(PATIENCE);
        if seen.is_changing || seen.kato > 0 && self.silent > dead {
            Need::NoQueues
        } else if self.unanswered > PATIENCE {
            Need::NoAdminQueue
        } else {
            Need::Nothing
        }
    }
}

#[cfg(nvme_kunit)]
#[::kernel::macros::kunit_tests(nvme_mptcp_host_wait)]
mod tests {
    use super::*;

    const SILENT: Seen = Seen {
        is_changing: false,
        waits: true,
        received: 7,
        kato: 0,
    };

    /// What the first look finds that needs something, and how many it takes.
    fn first(see: impl Fn(u64) -> Seen) -> Option<(u64, Need)> {
        let mut wait = Wait::default();
        (0..100)
            .map(|at| (at, wait.look(see(at))))
            .find(|(_, need)| *need != Need::Nothing)
    }

    #[test]
    fn who_is_being_connected_is_not_waited_for() {
        let is_changing = true;
        let need = first(|_| Seen {
            is_changing,
            ..SILENT
        });
        assert_eq!(need, Some((0, Need::NoQueues)));
    }

    #[test]
    fn an_unanswered_command_is_waited_for_five_seconds() {
        assert_eq!(first(|_| SILENT), Some((10, Need::NoAdminQueue)));
        // What else comes does not help.
        let answered = first(|received| Seen { received, ..SILENT });
        assert_eq!(answered, Some((10, Need::NoAdminQueue)));
        assert_eq!(
            first(|at| Seen {
                waits: at % 10 > 0,
                ..SILENT
            }),
            None
        );
    }

    #[test]
    fn silence_is_death_after_the_keep_alive_timeout() {
        for (kato, at) in [(1, 11), (5, 11), (10, 21)] {
            let need = first(|_| Seen {
                waits: false,
                kato,
                ..SILENT
            });
            assert_eq!(need, Some((at, Need::NoQueues)));
        }
        let lives = |at| Seen {
            waits: false,
            received: at / 4,
            kato: 5,
            ..SILENT
        };
        assert_eq!(first(lives), None);
        assert_eq!(
            first(|_| Seen {
                waits: false,
                ..SILENT
            }),
            None
        );
    }
}
