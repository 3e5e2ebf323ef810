// SPDX-License-Identifier: GPL-2.0

//! The Asynchronous Event Request, which no request of the block layer carries: it has no timeout
//! and survives quiescing.
//!
//! C counterpart: `nvme_tcp_submit_async_event()`.

use kernel::sync::atomic::{
    ordering::{
        Acquire,
        Full,
        Release, //
    },
    Atomic, //
};

use super::Ctrl;
use crate::{
    wire::{
        self,
        sqe::{
            self,
            Sgl, //
        },
        CapsuleCmd,
        Outgoing,
        PduHeader, //
    },
    wire_deps::KernelCrc, //
};

/// The opcode of Asynchronous Event Request.
const OPCODE: u8 = 0x0c;

/// Where the one Asynchronous Event Request is that a host has outstanding.
pub(super) struct AsyncEventSlot(Atomic<u32>);

/// Nobody has asked for one.
const FREE: u32 = 0;
/// It is to be sent.
const WANTED: u32 = 1;
/// It is being sent, or has been: it may be answered.
const OUTSTANDING: u32 = 2;

impl AsyncEventSlot {
    /// Nobody has asked for one.
    pub(super) const fn new() -> Self {
        Self(Atomic::new(FREE))
    }

    /// Forgets it.
    pub(super) fn clear(&self) {
        self.0.store(FREE, Release);
    }

    /// It is to be sent.
    pub(super) fn want(&self) {
        self.0.store(WANTED, Release);
    }

    /// Whether it is to be sent.
    pub(super) fn is_wanted(&self) -> bool {
        self.0.load(Acquire) == WANTED
    }

    /// It is being sent from now on. Returns whether it was to be.
    pub(super) fn take(&self) -> bool {
        self.is_wanted() && self.0.cmpxchg(WANTED, OUTSTANDING, Full).is_ok()
    }

    /// A controller has answered it. Returns whether there was one to answer.
    pub(super) fn complete(&self) -> bool {
        self.0.cmpxchg(OUTSTANDING, FREE, Full).is_ok()
    }
}

/// The capsule of the one Asynchronous Event Request that a host has outstanding, and how much of
/// it has been sent.
pub(super) struct AsyncEvent {
    capsule: [u8; CapsuleCmd::MAX_HEADER],
    out: Outgoing,
}

impl AsyncEvent {
    /// Nothing to send.
    pub(super) const fn new() -> Self {
        Self {
            capsule: [0; CapsuleCmd::MAX_HEADER],
            out: Outgoing::NOTHING,
        }
    }

    /// Nothing to send any more.
    pub(super) fn clear(&mut self) {
        self.out = Outgoing::NOTHING;
    }

    /// What has not been sent.
    pub(super) fn unsent(&self) -> &[u8] {
        self.capsule.get(self.out.parts().head).unwrap_or_default()
    }

    /// Whether a part of it, but not all, has been sent.
    pub(super) fn is_begun(&self) -> bool {
        self.out.is_begun()
    }

    /// Whether there is nothing to send any more.
    pub(super) fn is_sent(&self) -> bool {
        self.out.is_sent()
    }

    /// Notes that up to `len` bytes have been sent; returns how many of them were of this.
    pub(super) fn advance(&mut self, len: usize) -> usize {
        self.out.advance(len).total()
    }

    /// Makes the capsule.
    ///
    /// # Errors
    ///
    /// None in practice: the capsule has room for every layout.
    pub(super) fn make(&mut self, layout: &wire::Layout) -> Result<(), wire::EmitError> {
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
        let len = capsule.emit::<KernelCrc>(layout, &mut self.capsule)?;
        self.out = Outgoing::new(len, 0, 0);
        Ok(())
    }
}
