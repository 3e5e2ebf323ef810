// SPDX-License-Identifier: GPL-2.0

//! What hosts are granted, whatever they ask for.
//!
//! `docs/limits.md` has the list for administrators.

/// The most data that a command may transfer, as Identify says it: 4 KiB shifted left by this.
pub(super) const MDTS: u8 = 10;

/// The same in bytes, and the most that an H2CData may carry.
pub(super) const MAX_DATA: u32 = 4096 << MDTS;

/// The data in bytes that a capsule of an I/O queue may hold if the administrator does not say:
/// four pages.
const DEFAULT_INLINE_DATA_SIZE: u32 = 4 * kernel::page::PAGE_SIZE as u32;

/// How many connections may wait to be released before a host that connects again is told to come
/// back later.
const MOST_CLOSING: usize = 128;

/// The deepest admin queue that there is (NVMe Base Specification, Connect).
const MAX_ADMIN_DEPTH: u16 = 4096;

/// The deepest I/O queue, as in the core (`NVMET_MAX_QUEUE_SIZE`), which tells hosts (`MQES`).
const MAX_IO_DEPTH: u16 = 1024;

/// The data in bytes that a capsule of an I/O queue may hold if the administrator has `asked` for
/// this much, or for nothing.
pub(super) fn inline_data_size(asked: Option<u32>) -> u32 {
    asked.unwrap_or(DEFAULT_INLINE_DATA_SIZE).min(MAX_DATA)
}

/// Whether hosts leave more connections behind than can be released, `closing` at the moment.
pub(super) fn is_flooded(closing: usize) -> bool {
    closing > MOST_CLOSING
}

/// A queue is to be deeper than it may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooDeep {
    /// The entries that it was to have.
    pub(super) depth: u16,
    /// The most that it may have.
    pub(super) most: u16,
}

/// How many commands there may be at a time on queue `qid`, whose submission queue has `sqsize`
/// entries and one.
///
/// That is twice as many as the host may have under way, as the C driver does: it may send the
/// next one when it has seen an answer that we are not done with.
pub(super) fn commands(qid: u16, sqsize: u16) -> Result<u16, TooDeep> {
    let most = match qid {
        0 => MAX_ADMIN_DEPTH,
        _ => MAX_IO_DEPTH,
    };
    // The core has its own word for a size of 0.
    let depth = sqsize.saturating_add(1);
    if depth > most {
        return Err(TooDeep { depth, most });
    }
    Ok(depth.saturating_mul(2))
}

/// The numbers of a connection's slots, which are the tags of the R2Ts for the commands in them.
///
/// # Invariants
///
/// `made` is at most `limit`, which is at most `room`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Tags {
    /// How many slots there are.
    made: u16,
    /// How many there may be.
    limit: u16,
    /// How many there is room for.
    room: u16,
}

impl Tags {
    /// For a connection without room for any.
    pub(super) const fn new() -> Self {
        // INVARIANT: All are 0.
        Self {
            made: 0,
            limit: 0,
            room: 0,
        }
    }

    /// There is room for `count` slots now. Returns how many of them there was none for.
    pub(super) fn reserve(&mut self, count: u16) -> u16 {
        let more = count.saturating_sub(self.room);
        // INVARIANT: It does not get smaller.
        self.room = self.room.max(count);
        more
    }

    /// Allows `count` slots, as far as there is room.
    pub(super) fn allow(&mut self, count: u16) {
        // INVARIANT: Not more than there is room for, nor fewer than there are.
        self.limit = count.max(self.made).min(self.room);
    }

    /// The tag of a slot that may be made; [`None`] if all are there.
    pub(super) fn next(&self) -> Option<u16> {
        (self.made < self.limit).then_some(self.made)
    }

    /// That slot has been made.
    pub(super) fn add(&mut self) {
        // INVARIANT: As far as it may be.
        self.made = self.made.saturating_add(1).min(self.limit);
    }
}

#[cfg(nvme_kunit)]
#[::kernel::macros::kunit_tests(nvme_mptcp_target_limits)]
mod tests {
    use super::*;

    #[test]
    fn inline_data_size_bounds() {
        for (asked, granted) in [
            (None, 16_384),
            (Some(0), 0),
            (Some(1), 1),
            (Some(8192), 8192),
            (Some(4 << 20), 4 << 20),
            (Some((4 << 20) + 1), 4 << 20),
            (Some(u32::MAX), 4 << 20),
        ] {
            assert_eq!(inline_data_size(asked), granted);
        }
    }

    #[test]
    fn commands_are_twice_the_depth() {
        for (qid, sqsize, count) in [
            (0, 0, 2),
            (0, 31, 64),
            (0, 4095, 8192),
            (1, 127, 256),
            (1, 1023, 2048),
            (u16::MAX, 1023, 2048),
        ] {
            assert_eq!(commands(qid, sqsize), Ok(count));
        }
    }

    #[test]
    fn commands_of_too_deep_a_queue() {
        for (qid, sqsize, depth, most) in [
            (0, 4096, 4097, 4096),
            (0, u16::MAX, u16::MAX, 4096),
            (1, 1024, 1025, 1024),
            (1, u16::MAX, u16::MAX, 1024),
        ] {
            assert_eq!(commands(qid, sqsize), Err(TooDeep { depth, most }));
        }
    }

    #[test]
    fn flooded_beyond_128() {
        for (closing, flooded) in [(0, false), (128, false), (129, true), (usize::MAX, true)] {
            assert_eq!(is_flooded(closing), flooded);
        }
    }

    #[test]
    fn tags_are_counted_up_to_the_limit() {
        let mut tags = Tags::new();
        assert_eq!(tags.next(), None);
        assert_eq!(tags.reserve(1), 1);
        tags.allow(1);
        assert_eq!(tags.next(), Some(0));
        // Until it is there, it is the next.
        assert_eq!(tags.next(), Some(0));
        tags.add();
        assert_eq!(tags.next(), None);

        assert_eq!(tags.reserve(4), 3);
        assert_eq!(tags.next(), None);
        tags.allow(4);
        for tag in 1..4 {
            assert_eq!(tags.next(), Some(tag));
            tags.add();
        }
        assert_eq!(tags.next(), None);
        tags.add();
        assert_eq!(tags.made, 4);
    }

    #[test]
    fn tags_are_not_allowed_beyond_the_room() {
        let mut tags = Tags::new();
        assert_eq!(tags.reserve(2), 2);
        tags.allow(u16::MAX);
        assert_eq!(tags.limit, 2);
        tags.add();
        tags.add();
        // Those that are there stay.
        tags.allow(0);
        assert_eq!(tags.limit, 2);

        // Room is not lost, nor counted twice.
        assert_eq!(tags.reserve(1), 0);
        assert_eq!(tags.reserve(u16::MAX), u16::MAX - 2);
        assert_eq!(tags.reserve(u16::MAX), 0);
    }
}
