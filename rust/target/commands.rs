// SPDX-License-Identifier: GPL-2.0

//! What the commands of a connection are kept in: slots, and memory for their data.

use kernel::prelude::*;

use super::{
    budget::Account,
    limits::Tags,
    recv::Receiver, //
};
use crate::abstractions::nvmet::{
    command::{
        Completed,
        Free,
        Request, //
    },
    data::Effort, //
};

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
    tags: Tags,
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
            tags: Tags::new(),
            account,
        };
        slots.reserve(1)?;
        slots.open(1);
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

        let more = self.tags.reserve(count);
        self.account
            .take_fixed(usize::from(more).saturating_mul(PLACE));
        Ok(())
    }

    /// Allows `count` commands at a time, for which there is room.
    pub(super) fn open(&mut self, count: u16) {
        self.tags.allow(count);
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
        let Some(tag) = self.tags.next() else {
            return Ok(None);
        };
        let slot = Free::new(tag)?;
        self.tags.add();
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
