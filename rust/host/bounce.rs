// SPDX-License-Identifier: GPL-2.0

//! A copy of what is sent next, on connections whose data have digests.
//!
//! The owner of the data may write to them at any time. A digest over his pages, from which the
//! socket copies later, may be one of other bytes than those that are sent. So both are taken from
//! a copy that is ours: first the bytes, then the digest over them. What the socket does not take
//! stays here, and nothing of it is made a second time.
//!
//! The C driver computes its digest after the socket has taken the pages, with the same trouble.

use kernel::prelude::*;

/// Room for so many bytes: MPTCP gives no more than this to a subflow at a time.
const CAPACITY: usize = 64 << 10;

/// Bytes that have to be sent before all others.
///
/// # Invariants
///
/// `sent` is at most `filled`, and `filled` at most the length of `bytes`.
pub(crate) struct Bounce {
    bytes: KVVec<u8>,
    filled: usize,
    sent: usize,
}

impl Bounce {
    /// Nothing to send.
    ///
    /// # Errors
    ///
    /// `ENOMEM`. May sleep.
    pub(crate) fn new() -> Result<Self> {
        // INVARIANT: 0 is the least.
        Ok(Self {
            bytes: KVVec::from_elem(0, CAPACITY, GFP_KERNEL)?,
            filled: 0,
            sent: 0,
        })
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        // INVARIANT: 0 is the least.
        self.filled = 0;
        self.sent = 0;
    }

    /// How many bytes are in here, sent or not.
    pub(crate) fn filled(&self) -> usize {
        self.filled
    }

    /// What has not been sent.
    pub(crate) fn unsent(&self) -> &[u8] {
        self.bytes.get(self.sent..self.filled).unwrap_or_default()
    }

    /// Notes that `len` bytes of [`Bounce::unsent`] have been sent.
    pub(crate) fn sent(&mut self, len: usize) {
        // INVARIANT: By `min`.
        self.sent = self.sent.saturating_add(len).min(self.filled);
    }

    /// Lets `fill` write up to `len` bytes behind those that are here, and say how many it has
    /// written; returns them. There may be room for fewer.
    pub(crate) fn put_with(&mut self, len: usize, fill: impl FnOnce(&mut [u8]) -> usize) -> &[u8] {
        let start = self.filled;
        let end = start.saturating_add(len).min(self.bytes.len());
        let room = self.bytes.get_mut(start..end).unwrap_or_default();
        let written = fill(room).min(room.len());
        // INVARIANT: `written` bytes fit behind `start`.
        self.filled = start.saturating_add(written);
        self.bytes.get(start..self.filled).unwrap_or_default()
    }

    /// Puts `bytes` behind those that are here; `false` if there is no room for all of them, and
    /// only the first are.
    pub(crate) fn put(&mut self, bytes: &[u8]) -> bool {
        let put = self.put_with(bytes.len(), |room| {
            for (to, from) in room.iter_mut().zip(bytes) {
                *to = *from;
            }
            room.len()
        });
        put.len() == bytes.len()
    }
}
