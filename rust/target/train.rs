// SPDX-License-Identifier: GPL-2.0

//! PDUs that travel together: what one `sendmsg` is made of.

use kernel::prelude::*;

use super::slots::Slots;
use crate::{
    abstractions::{
        nvmet::command::Completed,
        segments::Segments, //
    },
    wire::{
        CapsuleResp,
        TermReq,
        DIGEST_LEN, //
    }, //
};

/// The most items in a train.
const CAPACITY: usize = 32;

/// Room for the longest header: that of a TermReq with the PDU it is about.
const HEAD: usize = TermReq::MAX_HEADER;

/// Room for what follows data: their digest and a CapsuleResp.
const TAIL: usize = DIGEST_LEN + CapsuleResp::MAX_HEADER;

/// Some bytes, at most `N`.
struct Bytes<const N: usize> {
    buf: [u8; N],
    len: usize,
}

impl<const N: usize> Bytes<N> {
    const fn new() -> Self {
        Self {
            buf: [0; N],
            len: 0,
        }
    }

    fn as_slice(&self) -> &[u8] {
        self.buf.get(..self.len).unwrap_or_default()
    }

    /// Lets `write` put bytes behind those that there are; it returns how many.
    fn append<E>(&mut self, write: impl FnOnce(&mut [u8]) -> Result<usize, E>) -> Result<(), E> {
        let room = self.buf.get_mut(self.len..).unwrap_or_default();
        let most = room.len();
        self.len += write(room)?.min(most);
        Ok(())
    }
}

/// One or two PDUs: a header, perhaps the data of a command, perhaps bytes behind them.
pub(super) struct Item {
    head: Bytes<HEAD>,
    /// The command that owns the data, all of which are sent.
    load: Option<Completed>,
    tail: Bytes<TAIL>,
}

impl Item {
    /// An item with the header that `write` makes; it returns the number of bytes.
    pub(super) fn new<E>(write: impl FnOnce(&mut [u8]) -> Result<usize, E>) -> Result<Self, E> {
        let mut head = Bytes::new();
        head.append(write)?;
        Ok(Self {
            head,
            load: None,
            tail: Bytes::new(),
        })
    }

    /// Puts bytes that `write` makes behind the data; it returns their number.
    pub(super) fn append<E>(
        &mut self,
        write: impl FnOnce(&mut [u8]) -> Result<usize, E>,
    ) -> Result<(), E> {
        self.tail.append(write)
    }

    /// Puts the data of a command behind the header.
    pub(super) fn set_load(&mut self, command: Completed) {
        self.load = Some(command);
    }

    fn load_len(&self) -> usize {
        self.load
            .as_ref()
            .map_or(0, |command| command.data_len() as usize)
    }

    fn len(&self) -> usize {
        self.head.len + self.load_len() + self.tail.len
    }

    /// Adds what is behind the first `skip` bytes. Returns whether there was room for all of it.
    fn add_to<'a>(&'a self, segments: &mut Segments<'_, 'a>, skip: usize) -> bool {
        let head = self.head.as_slice();
        if let Some(rest) = head.get(skip..) {
            if !segments.add_bytes(rest) {
                return false;
            }
        }

        let skip = skip.saturating_sub(head.len());
        let load_len = self.load_len();
        if let Some(command) = self.load.as_ref().filter(|_| skip < load_len) {
            // The length is a `u32`, so what is less is one, too.
            let data = command.data(skip as u32);
            if !segments.add_data(&data, load_len - skip) {
                return false;
            }
        }

        let skip = skip.saturating_sub(load_len);
        match self.tail.as_slice().get(skip..) {
            Some(rest) => segments.add_bytes(rest),
            None => true,
        }
    }
}

/// Items in the order in which they are sent.
///
/// # Invariants
///
/// Those before `next` have been sent, and of that one, if there is one, the first `sent` bytes,
/// but not all.
pub(super) struct Train {
    items: KVec<Item>,
    next: usize,
    sent: usize,
}

impl Train {
    /// A train without items. May sleep.
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
            sent: 0,
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

    /// The most data that one item has, in bytes.
    pub(super) fn longest(&self) -> usize {
        let items = self.items.get(self.next..).unwrap_or_default();
        items.iter().map(Item::load_len).max().unwrap_or(0)
    }

    /// Adds what has not been sent, as far as there is room.
    pub(super) fn add_to<'a>(&'a self, segments: &mut Segments<'_, 'a>) {
        let mut skip = self.sent;
        for item in self.items.get(self.next..).unwrap_or_default() {
            if !item.add_to(segments, skip) {
                return;
            }
            skip = 0;
        }
    }

    /// Takes note that `len` more bytes have been sent. Commands that are done with go to `slots`.
    pub(super) fn advance(&mut self, len: usize, slots: &mut Slots) {
        // Sent are bytes that are in memory.
        self.sent = self.sent.wrapping_add(len);
        while let Some(item) = self.items.get_mut(self.next) {
            let Some(sent) = self.sent.checked_sub(item.len()) else {
                return;
            };
            // INVARIANT: This item has been sent, and `sent` bytes of the next ones.
            self.sent = sent;
            self.next += 1;
            if let Some(command) = item.load.take() {
                slots.recycle(command);
            }
        }
        // INVARIANT: All have been sent, and there are none now.
        self.items.clear();
        self.next = 0;
        self.sent = 0;
    }

    /// Adds an item in place of those of which nothing has been sent.
    ///
    /// # Errors
    ///
    /// `ENOSPC` if there is no room, which there always is.
    pub(super) fn push_last(&mut self, item: Item) -> Result {
        let begun = usize::from(self.sent != 0);
        self.items.truncate(self.next.saturating_add(begun));
        self.push(item)
    }
}
