// SPDX-License-Identifier: GPL-2.0

//! The Asynchronous Event Request, which no request of the block layer carries: it has no timeout
//! and survives quiescing.
//!
//! C counterpart: `nvme_tcp_submit_async_event()`.

use kernel::prelude::*;

use super::{
    Ctrl, //
};
use crate::glue::KernelCrc;
use crate::wire::{
    self,
    sqe::{
        self,
        Sgl, //
    },
    CapsuleCmd, //
};

/// The opcode of Asynchronous Event Request.
const OPCODE: u8 = 0x0c;

/// The capsule of the one Asynchronous Event Request that a host has outstanding, and how much of
/// it has been sent.
pub(crate) struct AsyncEvent {
    capsule: [u8; CapsuleCmd::MAX_HEADER],
    len: usize,
    sent: usize,
}

impl AsyncEvent {
    /// Nothing to send.
    pub(crate) const fn new() -> Self {
        Self {
            capsule: [0; CapsuleCmd::MAX_HEADER],
            len: 0,
            sent: 0,
        }
    }

    /// Nothing to send any more.
    pub(crate) fn clear(&mut self) {
        self.sent = self.len;
    }

    /// What has not been sent.
    pub(crate) fn unsent(&self) -> &[u8] {
        self.capsule.get(self.sent..self.len).unwrap_or_default()
    }

    /// Whether a part of it, but not all, has been sent.
    pub(crate) fn is_begun(&self) -> bool {
        self.sent > 0 && self.sent < self.len
    }

    /// Notes that up to `len` bytes have been sent; returns how many of them were of this.
    pub(crate) fn sent(&mut self, len: usize) -> usize {
        let taken = len.min(self.unsent().len());
        self.sent = self.sent.saturating_add(taken);
        taken
    }

    /// Makes the capsule.
    ///
    /// # Errors
    ///
    /// None in practice: the capsule has room for every layout.
    pub(crate) fn make(&mut self, layout: &wire::Layout) -> Result<(), wire::Error> {
        let mut entry = [0; sqe::LEN];
        let [id_low, id_high] = Ctrl::ASYNC_EVENT_COMMAND_ID.to_le_bytes();
        if let Some(start) = entry.first_chunk_mut() {
            *start = [OPCODE, 0, id_low, id_high];
        }
        sqe::set_sgl1(&mut entry, Sgl::Null);
        let capsule = CapsuleCmd {
            sqe: entry,
            data_len: 0,
        };
        self.len = capsule.emit::<KernelCrc>(layout, &mut self.capsule)?;
        self.sent = 0;
        Ok(())
    }
}
