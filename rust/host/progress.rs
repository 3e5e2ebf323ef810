// SPDX-License-Identifier: GPL-2.0

//! How far sending came, and who works next.

/// How far sending came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// There is nothing to send.
    Idle,
    /// There is no room; the socket says when there is (`sk_write_space`).
    Blocked,
    /// There is room and yet no memory, and nobody says when there is: MPTCP, unlike TCP, does not
    /// lend a connection the memory for one packet.
    Starved,
    /// There is more to send.
    More,
    /// There is nothing to send over.
    Unconnected,
}

/// Who works next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Whoever has something new.
    Nobody,
    /// The work of the queue.
    Work,
    /// The work of the queue, after a pause.
    WorkLater,
}

impl Progress {
    /// Who works next, when somebody who has sent gives up the sender; `unsent` if something has
    /// come that the sender has not looked at, and whose owner may have found the sender taken.
    pub(super) const fn next(self, unsent: bool) -> Next {
        match self {
            Self::Idle if unsent => Next::Work,
            Self::Idle | Self::Blocked => Next::Nobody,
            Self::Starved => Next::WorkLater,
            // It finds out whether the connection has come to its end.
            Self::More | Self::Unconnected => Next::Work,
        }
    }
}

#[cfg(nvme_kunit)]
#[::kernel::macros::kunit_tests(nvme_mptcp_host_progress)]
mod tests {
    use super::*;

    #[test]
    fn more_is_not_forgotten() {
        assert_eq!(Progress::More.next(false), Next::Work);
        assert_eq!(Progress::More.next(true), Next::Work);
    }

    #[test]
    fn what_came_meanwhile_is_not_forgotten() {
        assert_eq!(Progress::Idle.next(true), Next::Work);
        assert_eq!(Progress::Idle.next(false), Next::Nobody);
    }

    #[test]
    fn nobody_works_while_there_is_no_room() {
        for unsent in [false, true] {
            assert_eq!(Progress::Blocked.next(unsent), Next::Nobody);
            assert_eq!(Progress::Starved.next(unsent), Next::WorkLater);
        }
    }

    #[test]
    fn the_end_of_a_connection_is_looked_at() {
        assert_eq!(Progress::Unconnected.next(false), Next::Work);
    }
}
