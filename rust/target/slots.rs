// SPDX-License-Identifier: GPL-2.0

//! The commands that a connection can have at a time.

use kernel::prelude::*;

use super::{
    pending::Awaited,
    ring::Ring, //
};
use crate::{
    abstractions::nvmet::command::{
        Completed,
        Free, //
    },
    wire::{
        H2CData,
        R2T, //
    }, //
};

/// The slots of a connection that no command occupies, and the commands that wait for H2CData.
///
/// The slots are numbered from 0, which is the only one until the connection has become a queue of
/// a controller and it is known how many there are to be. The number of a slot is the tag of the
/// R2T for the command in it.
pub(super) struct Slots {
    /// Last in, first out, because that one is still in the CPU's cache.
    free: KVVec<Free>,
    /// By tag.
    awaited: KVVec<Option<Awaited>>,
    /// The R2Ts that have not been sent, at most one for each command.
    r2ts: Ring<R2T>,
}

impl Slots {
    /// One slot, for a connect command. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(super) fn for_connect() -> Result<Self> {
        let mut slots = Self::with_capacity(1)?;
        slots.free.push(Free::new(0)?, GFP_KERNEL)?;
        Ok(slots)
    }

    /// Slots for `count` commands, besides the first one, which is elsewhere. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(super) fn for_queue(count: u16) -> Result<Self> {
        let mut slots = Self::with_capacity(usize::from(count).saturating_add(1))?;
        for tag in (1..=count).rev() {
            slots.free.push(Free::new(tag)?, GFP_KERNEL)?;
        }
        Ok(slots)
    }

    fn with_capacity(capacity: usize) -> Result<Self> {
        let mut awaited = KVVec::with_capacity(capacity, GFP_KERNEL)?;
        for _ in 0..capacity {
            awaited.push(None, GFP_KERNEL)?;
        }
        Ok(Self {
            free: KVVec::with_capacity(capacity, GFP_KERNEL)?,
            awaited,
            r2ts: Ring::new(capacity)?,
        })
    }

    /// Takes over what is left of the slots that there were before.
    pub(super) fn adopt(&mut self, mut old: Self) {
        while let Some(slot) = old.free.pop() {
            self.put(slot);
        }
        for (new, old) in self.awaited.iter_mut().zip(old.awaited.iter_mut()) {
            *new = old.take();
        }
        while let Some(r2t) = old.r2ts.pop() {
            let _ = self.r2ts.push(r2t);
        }
    }

    /// Takes a slot; [`None`] if all are occupied.
    pub(super) fn get(&mut self) -> Option<Free> {
        self.free.pop()
    }

    fn put(&mut self, slot: Free) {
        // There is room for all slots, but if there were not, this one would just be freed.
        let _ = self.free.push_within_capacity(slot);
    }

    /// Makes the slot of a command that has been answered available.
    pub(super) fn recycle(&mut self, command: Completed) {
        self.put(command.recycle());
    }

    /// Asks for the `len` bytes of data of a command, and keeps it until they come.
    ///
    /// Hands it back if there is one with its tag, which cannot be.
    pub(super) fn solicit(&mut self, command: Awaited, r2t: R2T) -> Result<(), Awaited> {
        self.await_data(command)?;
        // There is room for one of each command.
        let _ = self.r2ts.push(r2t);
        Ok(())
    }

    /// The next R2T to send.
    pub(super) fn next_r2t(&mut self) -> Option<R2T> {
        self.r2ts.pop()
    }

    /// Keeps a command until more of its data come.
    ///
    /// Hands it back if there is one with its tag, which cannot be.
    pub(super) fn await_data(&mut self, command: Awaited) -> Result<(), Awaited> {
        match self.awaited.get_mut(usize::from(command.tag())) {
            Some(place @ None) => {
                *place = Some(command);
                Ok(())
            }
            _ => Err(command),
        }
    }

    /// Takes the command that waits for these data.
    pub(super) fn take_awaited(&mut self, data: &H2CData) -> Option<Awaited> {
        self.awaited.get_mut(usize::from(data.ttag))?.take()
    }
}
