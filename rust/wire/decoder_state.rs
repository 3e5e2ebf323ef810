// SPDX-License-Identifier: GPL-2.0

//! Where in a PDU the receive machine is.

use super::{
    ch::Ch,
    error::{
        DecodeError,
        Error, //
    },
    pdu_type::PduType, //
};

/// Where in a PDU the stream is. `at` counts the bytes of the part that have arrived.
#[derive(Clone, Copy, Debug)]
pub(super) enum State {
    /// In the first `MIN_HLEN` bytes, the common header not complete.
    Common { at: usize },
    /// In the rest of the header and its digest. What is wrong with `ch` may be damage, which the
    /// digest tells.
    Header {
        kind: PduType,
        ch: Result<Ch, Error>,
        at: usize,
    },
    /// In bytes that nobody wants, padding or what follows a TermReq; then `payload` bytes of
    /// data. The buffer from `end` on is scratch space.
    Skip { end: usize, left: u32, payload: u32 },
    /// In the data, with `left` bytes to come.
    Payload { left: u32 },
    /// In the data digest.
    DataDigest { at: usize },
    /// After an error, for good: the stream has lost its structure.
    Dead(DecodeError),
}

impl State {
    /// The state before `len` bytes of data.
    pub(super) const fn at_payload(len: u32) -> Self {
        // INVARIANT: Either way as required.
        match len {
            0 => Self::Common { at: 0 },
            left => Self::Payload { left },
        }
    }
}

/// `at` plus `n`, which must not be more than `end`.
pub(super) fn advanced(at: usize, n: usize, end: usize) -> Result<usize, DecodeError> {
    at.checked_add(n)
        .filter(|at| *at <= end)
        .ok_or_else(|| DecodeError::overrun(n, end.saturating_sub(at)))
}

/// `left` less `n`, which must not be more than `most` either.
pub(super) fn remaining(left: u32, n: usize, most: usize) -> Result<u32, DecodeError> {
    u32::try_from(n)
        .ok()
        .filter(|_| n <= most)
        .and_then(|n| left.checked_sub(n))
        .ok_or_else(|| {
            let left = usize::try_from(left).unwrap_or(usize::MAX);
            DecodeError::overrun(n, left.min(most))
        })
}
