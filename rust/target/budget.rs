// SPDX-License-Identifier: GPL-2.0

//! How much memory hosts may hold.
//!
//! A host decides how long the memory of a command is in use: it need not take the data of its
//! reads, nor send those of its writes. So it is bounded for each connection, and less the less
//! there is left of what all have in common. Who wants more waits until it has less; nobody is
//! refused, and nobody waits for another connection.
//!
//! `docs/limits.md` states what follows from the numbers here.

use kernel::sync::{
    atomic::{
        ordering::Relaxed,
        Atomic, //
    },
    Arc, //
};

use super::transport::Target;
use crate::abstractions::nvmet::data;

/// All connections together may have this part of the memory of the machine: about as much as TCP
/// takes for its buffers (`net.ipv4.tcp_mem`).
const SHARE_OF_RAM: usize = 8;

/// A connection may have this part of what the others leave. So one that takes all that it can get
/// leaves four fifths to the others, and however many do, each newcomer finds something.
const SHARE_OF_REST: usize = 4;

/// A connection may have this much in bytes: 512 reads of 128 KiB, which is more than a fast disk,
/// or a slow one with 10 ms at 5 GB/s, has under way.
const MOST: usize = 64 << 20;

/// The memory that all connections may hold.
pub(super) struct Pool {
    size: usize,
    used: Atomic<usize>,
}

impl Pool {
    /// A pool that suits the machine.
    pub(super) fn new() -> Self {
        Self {
            size: data::total_ram() / SHARE_OF_RAM,
            used: Atomic::new(0),
        }
    }

    fn rest(&self) -> usize {
        self.size.saturating_sub(self.used.load(Relaxed))
    }
}

/// The memory that a connection holds.
pub(super) struct Account {
    target: Arc<Target>,
    /// For the data of commands, in bytes.
    data: usize,
    /// For the commands themselves, in bytes.
    fixed: usize,
}

impl Account {
    /// For a new connection, which holds none.
    pub(super) fn new(target: Arc<Target>) -> Self {
        Self {
            target,
            data: 0,
            fixed: 0,
        }
    }

    /// Whether no command of the connection has memory for data.
    pub(super) fn is_empty(&self) -> bool {
        self.data == 0
    }

    /// Whether a command may have `bytes` for its data now. One always may.
    pub(super) fn admits(&self, bytes: u32) -> bool {
        let most = (self.target.pool().rest() / SHARE_OF_REST).min(MOST);
        self.is_empty() || self.data.saturating_add(bytes as usize) <= most
    }

    /// A command has memory for its data.
    pub(super) fn take(&mut self, bytes: u32) {
        self.data = self.data.saturating_add(bytes as usize);
        self.target.pool().used.add(bytes as usize, Relaxed);
    }

    /// A command has given it back.
    pub(super) fn give(&mut self, bytes: u32) {
        let bytes = (bytes as usize).min(self.data);
        self.data -= bytes;
        let _ = self.target.pool().used.fetch_sub(bytes, Relaxed);
    }

    /// The connection has memory that it keeps until its end.
    pub(super) fn take_fixed(&mut self, bytes: usize) {
        self.fixed = self.fixed.saturating_add(bytes);
        self.target.pool().used.add(bytes, Relaxed);
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        // Neither sum is more than the memory of the machine.
        let held = self.data.saturating_add(self.fixed);
        let _ = self.target.pool().used.fetch_sub(held, Relaxed);
    }
}
