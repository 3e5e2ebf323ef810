// SPDX-License-Identifier: GPL-2.0

//! What a queue is, and what it may become.

/// What a queue is. `O` is an open connection, `S` one that the queue works on.
///
/// ```text
///   Down --open--> Open --start--> Started --go_live--> Live
///     ^             |                 |                  |
///     +----close----+-------stop------+-------stop-------+
/// ```
#[derive(Debug, PartialEq, Eq)]
pub(super) enum State<O, S> {
    /// There is no connection.
    Down,
    /// ICReq and ICResp have been exchanged.
    Open(O),
    /// Connect can be sent, and its response received.
    Started(S),
    /// All commands can be.
    Live(S),
}

impl<O, S> State<O, S> {
    /// There is a connection now; one that was open is closed.
    ///
    /// # Errors
    ///
    /// Hands `open` back if the queue works on another.
    pub(super) fn open(&mut self, open: O) -> Result<(), O> {
        match self {
            Self::Down | Self::Open(_) => {
                *self = Self::Open(open);
                Ok(())
            }
            Self::Started(_) | Self::Live(_) => Err(open),
        }
    }

    /// Begins to work on the connection that is open, which `start` cannot refuse. Returns whether
    /// one was.
    pub(super) fn start(&mut self, start: impl FnOnce(O) -> S) -> bool {
        match core::mem::replace(self, Self::Down) {
            Self::Open(open) => {
                *self = Self::Started(start(open));
                true
            }
            other => {
                *self = other;
                false
            }
        }
    }

    /// Connect has succeeded. Returns whether the queue is live: it is not if it has been stopped
    /// meanwhile.
    pub(super) fn go_live(&mut self) -> bool {
        *self = match core::mem::replace(self, Self::Down) {
            Self::Started(started) => Self::Live(started),
            other => other,
        };
        self.is_live()
    }

    /// Ends the work, and returns what it was done on.
    pub(super) fn stop(&mut self) -> Option<S> {
        match core::mem::replace(self, Self::Down) {
            Self::Started(started) | Self::Live(started) => Some(started),
            other => {
                *self = other;
                None
            }
        }
    }

    /// Closes a connection that was not started.
    pub(super) fn close(&mut self) {
        if self.is_open() {
            *self = Self::Down;
        }
    }

    /// Whether there is a connection that was not started.
    pub(super) fn is_open(&self) -> bool {
        matches!(self, Self::Open(_))
    }

    /// Whether all commands can be sent.
    pub(super) fn is_live(&self) -> bool {
        matches!(self, Self::Live(_))
    }

    /// In a word.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Down => "down",
            Self::Open(_) => "open",
            Self::Started(_) => "started",
            Self::Live(_) => "live",
        }
    }

    /// What the queue works on.
    pub(super) fn started(&self) -> Option<&S> {
        match self {
            Self::Down | Self::Open(_) => None,
            Self::Started(started) | Self::Live(started) => Some(started),
        }
    }
}

#[cfg(nvme_kunit)]
#[::kernel::macros::kunit_tests(nvme_mptcp_host_state)]
mod tests {
    use super::*;

    type Queue = State<u8, u16>;

    /// A queue that was brought as far as the states go, and stopped at each.
    fn queues() -> [Queue; 4] {
        [
            Queue::Down,
            Queue::Open(1),
            Queue::Started(2),
            Queue::Live(2),
        ]
    }

    #[test]
    fn has_a_word_for_each() {
        let names = queues().map(|queue| queue.name());
        assert_eq!(names, ["down", "open", "started", "live"]);
    }

    #[test]
    fn goes_up_step_by_step() {
        let mut queue = Queue::Down;
        assert!(!queue.start(u16::from));
        assert!(!queue.go_live());
        assert_eq!(queue.open(1), Ok(()));
        assert!(!queue.go_live() && queue.is_open());
        assert!(queue.start(|open| u16::from(open) + 1));
        assert_eq!(queue, Queue::Started(2));
        assert!(queue.go_live() && queue.is_live());
        assert_eq!(queue.started(), Some(&2));
    }

    #[test]
    fn is_not_live_after_it_was_stopped() {
        for mut queue in queues() {
            queue.stop();
            assert!(!queue.go_live());
            assert_eq!(queue.started(), None);
        }
    }

    #[test]
    fn what_was_started_is_stopped_once() {
        let stopped = queues().map(|mut queue| (queue.stop(), queue.stop()));
        let want = [(None, None), (None, None), (Some(2), None), (Some(2), None)];
        assert_eq!(stopped, want);
    }

    #[test]
    fn only_what_was_not_started_is_closed() {
        let closed = queues().map(|mut queue| {
            queue.close();
            queue
        });
        let want = [Queue::Down, Queue::Down, Queue::Started(2), Queue::Live(2)];
        assert_eq!(closed, want);
    }

    #[test]
    fn no_connection_is_lost_to_a_second_one() {
        let opened = queues().map(|mut queue| queue.open(9));
        assert_eq!(opened, [Ok(()), Ok(()), Err(9), Err(9)]);
    }
}
