// SPDX-License-Identifier: GPL-2.0

//! What is being sent: one PDU, or two that travel together, as lengths.
//!
//! Receiving has one state machine, the [`Decoder`](crate::wire::Decoder); this is the one of
//! sending. A socket takes as many bytes as it has room for, and where it stops is nobody's choice:
//! within a header, within the data, within a digest. [`Outgoing`] knows how far it came. The bytes
//! are its user's.

use core::ops::Range;

/// A head, data and a tail that are sent in this order, and how much of them has been.
///
/// The head is a header with its digest and padding; the data are those of one command; the tail is
/// the digest of the data, and perhaps a PDU behind it. Each may be empty.
///
/// # Invariants
///
/// `sent` is at most the sum of the lengths, which is a `usize`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outgoing {
    head: usize,
    data: usize,
    tail: usize,
    sent: usize,
}

/// Which bytes of the head, of the data and of the tail: what is left to send, or what has just
/// been sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parts {
    /// Of the head.
    pub head: Range<usize>,
    /// Of the data.
    pub data: Range<usize>,
    /// Of the tail.
    pub tail: Range<usize>,
}

impl Parts {
    /// How many bytes these are.
    pub const fn total(&self) -> usize {
        // The parts of an `Outgoing`, whose sum is a `usize`.
        length(&self.head)
            .wrapping_add(length(&self.data))
            .wrapping_add(length(&self.tail))
    }
}

const fn length(range: &Range<usize>) -> usize {
    range.end.saturating_sub(range.start)
}

impl Outgoing {
    /// Nothing to send.
    pub const NOTHING: Self = Self::new(0, 0, 0);

    /// What has these lengths in bytes, of which nothing has been sent.
    pub const fn new(head: usize, data: usize, tail: usize) -> Self {
        // A sum that is no `usize` is longer than memory: what is beyond it is not there.
        let data = least(data, usize::MAX.saturating_sub(head));
        let before = head.wrapping_add(data);
        // INVARIANT: Each was cut to what the sum leaves, and 0 is the least.
        Self {
            head,
            data,
            tail: least(tail, usize::MAX.saturating_sub(before)),
            sent: 0,
        }
    }

    const fn len(&self) -> usize {
        // By the invariant.
        self.head.wrapping_add(self.data).wrapping_add(self.tail)
    }

    /// How many bytes have not been sent.
    pub const fn unsent(&self) -> usize {
        // By the invariant.
        self.len().wrapping_sub(self.sent)
    }

    /// Whether all has been sent.
    pub const fn is_sent(&self) -> bool {
        self.unsent() == 0
    }

    /// Whether a part has been sent, but not all: nothing else may be sent before the rest.
    pub const fn is_begun(&self) -> bool {
        self.sent != 0 && !self.is_sent()
    }

    /// What has not been sent.
    pub const fn parts(&self) -> Parts {
        self.between(self.sent, self.len())
    }

    /// Notes that `len` more bytes have been sent, of this and of what follows it. Returns which of
    /// them were of this.
    pub const fn advance(&mut self, len: usize) -> Parts {
        let from = self.sent;
        // INVARIANT: No more than is left. By that it does not overflow either.
        self.sent = from.wrapping_add(least(len, self.unsent()));
        self.between(from, self.sent)
    }

    /// Which bytes of each part are those from number `from` to `to` of the whole.
    const fn between(&self, from: usize, to: usize) -> Parts {
        // By the invariant these are sums that are `usize`s.
        let tail_at = self.head.wrapping_add(self.data);
        Parts {
            head: least(from, self.head)..least(to, self.head),
            data: within(from, self.head, self.data)..within(to, self.head, self.data),
            tail: within(from, tail_at, self.tail)..within(to, tail_at, self.tail),
        }
    }
}

const fn least(a: usize, b: usize) -> usize {
    if a < b {
        a
    } else {
        b
    }
}

/// Where `at` is in a part of `len` bytes that begins at `start`: at one of its ends, if outside.
const fn within(at: usize, start: usize, len: usize) -> usize {
    least(at.saturating_sub(start), len)
}

#[cfg(any(test, nvme_kunit))]
#[cfg_attr(nvme_kunit, ::kernel::macros::kunit_tests(nvme_tcp_wire_outgoing))]
mod tests {
    use super::*;

    fn parts(head: Range<usize>, data: Range<usize>, tail: Range<usize>) -> Parts {
        Parts { head, data, tail }
    }

    #[test]
    fn outgoing_parts_follow_each_other() {
        let mut out = Outgoing::new(24, 512, 4);
        assert_eq!(out.parts(), parts(0..24, 0..512, 0..4));
        assert!(!out.is_begun() && !out.is_sent());

        assert_eq!(out.advance(20), parts(0..20, 0..0, 0..0));
        assert_eq!(out.parts(), parts(20..24, 0..512, 0..4));
        assert!(out.is_begun());

        // Across all three.
        assert_eq!(out.advance(4 + 512 + 1), parts(20..24, 0..512, 0..1));
        assert_eq!(out.parts(), parts(24..24, 512..512, 1..4));
        assert_eq!(out.unsent(), 3);
        assert!(out.is_begun() && !out.is_sent());

        assert_eq!(out.advance(3), parts(24..24, 512..512, 1..4));
        assert!(out.is_sent() && !out.is_begun());
    }

    #[test]
    fn outgoing_takes_no_more_than_it_has() {
        let mut out = Outgoing::new(8, 0, 24);
        assert_eq!(out.advance(0).total(), 0);
        assert_eq!(out.advance(usize::MAX).total(), 32);
        assert_eq!(out.advance(1).total(), 0);
        assert!(out.is_sent());
        assert_eq!(out.unsent(), 0);
    }

    #[test]
    fn outgoing_nothing_is_sent() {
        let mut nothing = Outgoing::NOTHING;
        assert!(nothing.is_sent() && !nothing.is_begun());
        assert_eq!(nothing.advance(1), parts(0..0, 0..0, 0..0));
        assert_eq!(nothing, Outgoing::default());
    }

    #[test]
    fn outgoing_lengths_do_not_overflow() {
        let mut out = Outgoing::new(usize::MAX, 1, 1);
        assert_eq!(out.unsent(), usize::MAX);
        assert_eq!(out.parts().total(), usize::MAX);
        out = Outgoing::new(1, usize::MAX, usize::MAX);
        assert_eq!(out.advance(usize::MAX).data, 0..usize::MAX - 1);
        assert!(out.is_sent());
    }
}
