// SPDX-License-Identifier: GPL-2.0

//! PDUs that are sent together: what one `sendmsg` is made of.

use core::ops::Range;

use kernel::prelude::*;

use super::{
    commands::Slots,
    payload::Awaited,
    recv::Receiver, //
};
use crate::{
    abstractions::{
        net::segments::Segments,
        nvmet::command::Completed, //
    },
    wire::{
        CapsuleResp,
        Outgoing,
        PduHeader,
        TermReq,
        DIGEST_LEN, //
    }, //
};

/// The most items in a batch.
const CAPACITY: usize = 32;

/// Room for the longest header: that of a TermReq with the PDU it is about.
const HEAD: usize = TermReq::MAX_HEADER;

/// Room for what follows data: their digest and a CapsuleResp.
const TAIL: usize = DIGEST_LEN + CapsuleResp::MAX_HEADER;

/// The command that a PDU is about, if it has to be kept until that has been sent.
enum Kept {
    /// There is none.
    Nothing,
    /// All its data are sent.
    Data(Completed),
    /// Its data are asked for, and may come from then on.
    Asking(Awaited),
}

/// One or two PDUs: a header, perhaps the data of a command, perhaps bytes behind them.
pub(super) struct Item {
    head: [u8; HEAD],
    kept: Kept,
    tail: [u8; TAIL],
    outgoing: Outgoing,
}

impl Item {
    /// A PDU without data, which `write` writes; it returns its length in bytes.
    pub(super) fn new<E>(write: impl FnOnce(&mut [u8]) -> Result<usize, E>) -> Result<Self, E> {
        let mut head = [0; HEAD];
        let len = write(&mut head)?;
        Ok(Self {
            head,
            kept: Kept::Nothing,
            tail: [0; TAIL],
            outgoing: Outgoing::new(len, 0, 0),
        })
    }

    /// An R2T for the data of `command`, which `write` writes; it returns its length in bytes.
    pub(super) fn asking<E>(
        command: Awaited,
        write: impl FnOnce(&mut [u8]) -> Result<usize, E>,
    ) -> Result<Self, E> {
        let mut item = Self::new(write)?;
        item.kept = Kept::Asking(command);
        Ok(item)
    }

    /// The data of a command, with what `write_head` and `write_tail` write before and behind them;
    /// they return how many bytes.
    pub(super) fn with_data<E>(
        command: Completed,
        write_head: impl FnOnce(&mut [u8]) -> Result<usize, E>,
        write_tail: impl FnOnce(&mut [u8]) -> Result<usize, E>,
    ) -> Result<Self, E> {
        let (mut head, mut tail) = ([0; HEAD], [0; TAIL]);
        let (head_len, tail_len) = (write_head(&mut head)?, write_tail(&mut tail)?);
        Ok(Self {
            outgoing: Outgoing::new(head_len, command.data_len() as usize, tail_len),
            head,
            kept: Kept::Data(command),
            tail,
        })
    }

    /// The header of its first PDU.
    pub(super) fn header(&self) -> &[u8] {
        &self.head
    }

    /// How much data it has in bytes, sent or not.
    fn data_len(&self) -> usize {
        match &self.kept {
            Kept::Data(command) => command.data_len() as usize,
            Kept::Nothing | Kept::Asking(_) => 0,
        }
    }

    /// Adds what has not been sent of the data, of which `left` says which. Returns whether there
    /// was room for all of it.
    fn add_data_to<'a>(&'a self, left: Range<usize>, segments: &mut Segments<'_, 'a>) -> bool {
        match &self.kept {
            // The length is a `u32`, so what is not more is one, too.
            Kept::Data(command) => segments.add_data(&command.data(left.start as u32), left.len()),
            Kept::Nothing | Kept::Asking(_) => true,
        }
    }

    /// Adds what has not been sent. Returns whether there was room for all of it.
    fn add_to<'a>(&'a self, segments: &mut Segments<'_, 'a>) -> bool {
        let left = self.outgoing.parts();
        segments.add_bytes(self.head.get(left.head).unwrap_or_default())
            && self.add_data_to(left.data, segments)
            && segments.add_bytes(self.tail.get(left.tail).unwrap_or_default())
    }
}

/// Items in the order in which they are sent.
///
/// # Invariants
///
/// Those before `next` have been sent. Of those behind it nothing has been.
pub(super) struct Batch {
    items: KVec<Item>,
    next: usize,
}

impl Batch {
    /// A batch without items. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(super) fn new() -> Result<Self> {
        // INVARIANT: There are no items.
        Ok(Self {
            // One more than are used, for `push_last`.
            items: KVec::with_capacity(CAPACITY + 1, GFP_KERNEL)?,
            next: 0,
        })
    }

    /// Whether there is room for another item.
    pub(super) fn has_room(&self) -> bool {
        self.items.len() < CAPACITY
    }

    /// Adds an item, for which there has to be room.
    ///
    /// # Errors
    ///
    /// `ENOSPC` if there is none.
    pub(super) fn push(&mut self, item: Item) -> Result {
        self.items.push_within_capacity(item).map_err(|_| ENOSPC)
    }

    /// Those of which not all has been sent.
    fn unsent(&self) -> &[Item] {
        self.items.get(self.next..).unwrap_or_default()
    }

    /// The most data that one item has, in bytes.
    pub(super) fn longest(&self) -> usize {
        self.unsent().iter().map(Item::data_len).max().unwrap_or(0)
    }

    /// Adds what has not been sent, as far as there is room.
    pub(super) fn add_to<'a>(&'a self, segments: &mut Segments<'_, 'a>) {
        for item in self.unsent() {
            if !item.add_to(segments) {
                return;
            }
        }
    }

    /// Notes that `len` more bytes have been sent. Commands that are done with go to `slots`, those
    /// whose data have been asked for to `receiver`.
    ///
    /// # Errors
    ///
    /// `EINVAL` if two commands have the same tag, which cannot be.
    pub(super) fn advance(
        &mut self,
        mut len: usize,
        slots: &mut Slots,
        receiver: &mut Receiver,
    ) -> Result {
        while let Some(item) = self.items.get_mut(self.next) {
            let sent = item.outgoing.advance(len).total();
            if !item.outgoing.is_sent() {
                return Ok(());
            }
            // `sent` is at most `len`.
            len = len.saturating_sub(sent);
            // INVARIANT: This item has been sent.
            self.next += 1;
            match core::mem::replace(&mut item.kept, Kept::Nothing) {
                Kept::Nothing => {}
                Kept::Data(command) => slots.recycle(command),
                Kept::Asking(command) => receiver.await_data(command)?,
            }
        }
        // INVARIANT: All have been sent, and there are none now.
        self.items.clear();
        self.next = 0;
        Ok(())
    }

    /// Adds an item in place of those of which nothing has been sent.
    ///
    /// # Errors
    ///
    /// `ENOSPC` if there is no room, which there always is.
    pub(super) fn push_last(&mut self, item: Item) -> Result {
        let next = self.items.get(self.next);
        let begun = next.is_some_and(|item| item.outgoing.is_begun());
        self.items
            .truncate(self.next.saturating_add(usize::from(begun)));
        self.push(item)
    }
}
