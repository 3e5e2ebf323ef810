// SPDX-License-Identifier: GPL-2.0

//! What the commands of a connection are kept in: slots, and memory for their data.
//!
//! A host decides how long the memory of a command is in use: it need not take the data of its
//! reads, nor send those of its writes. So it is bounded for each connection, and less the less
//! there is left of what all have in common. Who wants more waits until it has less; nobody is
//! refused, and nobody waits for another connection.
//!
//! `docs/limits.md` states what follows from the numbers here.

use kernel::{
    prelude::*,
    sync::{
        atomic::{
            ordering::Relaxed,
            Atomic, //
        },
        Arc, //
    }, //
};

use super::{
    recv::Receiver,
    transport::Target, //
};
use crate::abstractions::nvmet::{
    command::{
        Completed,
        Free,
        Request, //
    },
    data::{
        self,
        Effort, //
    }, //
};

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

/// What room for a slot takes of memory in bytes, with the receiver's for the command in it.
const PLACE: usize = size_of::<Free>() + Receiver::PLACE;

/// The slots of a connection that no command occupies, and the memory that commands have.
///
/// The slots are numbered from 0, which is the only one until the connection has become a queue of
/// a controller and it is known how many there may be. The number of a slot is the tag of the R2T
/// for the command in it. A slot is made when it is needed first: few hosts ever have as many
/// commands under way as they say.
pub(super) struct Slots {
    /// Last in, first out, because that one is still in the CPU's cache.
    free: KVVec<Free>,
    /// How many slots there are.
    made: u16,
    /// How many there may be.
    limit: u16,
    /// How many there is room for.
    room: u16,
    account: Account,
}

impl Slots {
    /// Room for a connect command. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(super) fn new(account: Account) -> Result<Self> {
        let mut slots = Self {
            free: KVVec::new(),
            made: 0,
            limit: 1,
            room: 0,
            account,
        };
        slots.reserve(1)?;
        Ok(slots)
    }

    /// Makes room for `count` commands, which [`Slots::open`] will allow. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(super) fn reserve(&mut self, count: u16) -> Result {
        let more = usize::from(count).saturating_sub(self.free.len());
        self.free.reserve(more, GFP_KERNEL)?;

        let more = count.saturating_sub(self.room);
        self.account
            .take_fixed(usize::from(more).saturating_mul(PLACE));
        self.room = self.room.max(count);
        Ok(())
    }

    /// Allows `count` commands at a time, for which there is room.
    pub(super) fn open(&mut self, count: u16) {
        self.limit = count;
    }

    /// Takes a slot; [`None`] if all are occupied. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(super) fn get(&mut self) -> Result<Option<Free>> {
        if let Some(slot) = self.free.pop() {
            return Ok(Some(slot));
        }
        if self.made >= self.limit {
            return Ok(None);
        }
        let slot = Free::new(self.made)?;
        self.made = self.made.saturating_add(1);
        self.account.take_fixed(Free::SIZE);
        Ok(Some(slot))
    }

    /// Gives a command memory for `len` bytes of data. May sleep.
    ///
    /// Returns whether it has; if not, it is to wait until others have given up theirs, which the
    /// connection has then.
    ///
    /// # Errors
    ///
    /// `ENOMEM` if there is none and no command of the connection will give any up.
    pub(super) fn provide(&mut self, request: &mut Request, len: u32) -> Result<bool> {
        if !self.account.admits(len) {
            return Ok(false);
        }
        let last_chance = self.account.is_empty();
        let effort = if last_chance {
            Effort::Hard
        } else {
            Effort::Gentle
        };
        match request.alloc_data(len, effort) {
            Ok(()) => self.account.take(len),
            Err(error) if last_chance => return Err(error),
            Err(_) => return Ok(false),
        }
        Ok(true)
    }

    /// Gives a command memory for the `len` bytes of data in its capsule. May sleep.
    ///
    /// It cannot wait, as its data are next in the stream, before those that others wait for. Nor
    /// can a host hold this memory for long: what it gets for it is one command that is executed
    /// when the capsule ends.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(super) fn provide_now(&mut self, request: &mut Request, len: u32) -> Result {
        request.alloc_data(len, Effort::Hard)?;
        self.account.take(len);
        Ok(())
    }

    /// Takes back the memory of a command, which is not needed for the answer.
    pub(super) fn take_back(&mut self, command: &mut Completed) {
        self.account.give(command.data_len());
        command.free_data();
    }

    /// Makes the slot of a command that has been answered available.
    pub(super) fn recycle(&mut self, command: Completed) {
        self.account.give(command.data_len());
        // There is room for all slots, but if there were not, this one would just be freed.
        let _ = self.free.push_within_capacity(command.recycle());
    }
}
