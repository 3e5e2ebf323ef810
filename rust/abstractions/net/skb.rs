// SPDX-License-Identifier: GPL-2.0

//! Reading received bytes where the network stack keeps them.
//!
//! C header: [`include/linux/skbuff.h`](srctree/include/linux/skbuff.h)

use core::marker::PhantomData;

use kernel::{
    bindings as kernel_bindings,
    error::to_result,
    prelude::*, //
};

use crate::{
    abstractions::bvec::Cursor,
    bindings, //
};

/// A part of a received packet, read from front to back.
///
/// # Invariants
///
/// `skb` is valid for `'a`, and holds `left` bytes from `offset` on. All of them fit into an
/// `i32`, as the length of every `sk_buff` does.
pub struct SkbReader<'a> {
    skb: *mut kernel_bindings::sk_buff,
    start: u32,
    offset: u32,
    left: usize,
    _skb: PhantomData<&'a mut kernel_bindings::sk_buff>,
}

impl SkbReader<'_> {
    /// Starts reading at `offset`.
    ///
    /// # Safety
    ///
    /// `skb` is valid for the life of the reader, and holds `len` bytes from `offset` on.
    pub(super) unsafe fn new(skb: *mut kernel_bindings::sk_buff, offset: u32, len: usize) -> Self {
        // INVARIANT: By the contract of this function.
        Self {
            skb,
            start: offset,
            offset,
            left: len,
            _skb: PhantomData,
        }
    }

    /// The bytes that have not been read.
    pub fn remaining(&self) -> usize {
        self.left
    }

    /// The bytes that have been read.
    pub(super) fn consumed(&self) -> u32 {
        self.offset - self.start
    }

    /// Notes that `len` bytes have been read.
    fn advance(&mut self, len: usize) {
        let len = len.min(self.left);
        // INVARIANT: `len` is not more than what is left, so the sum stays inside the packet.
        self.left -= len;
        self.offset += len as u32;
    }

    /// Copies bytes out, as many as there are and fit. Returns how many.
    ///
    /// # Errors
    ///
    /// `EFAULT` if the packet is shorter than it claims.
    pub fn copy_to(&mut self, out: &mut [u8]) -> Result<usize> {
        let len = out.len().min(self.left);
        // SAFETY: By the invariant the packet has the bytes; `out` has room for them.
        to_result(unsafe {
            bindings::skb_copy_bits(
                self.skb,
                self.offset as i32,
                out.as_mut_ptr().cast(),
                len as i32,
            )
        })?;
        self.advance(len);
        Ok(len)
    }

    /// Copies bytes to where `to` stands and moves it on; as many as there are, fit, and `limit`
    /// allows. Returns how many.
    ///
    /// With `crc`, continues a CRC32C over them.
    ///
    /// # Errors
    ///
    /// `EFAULT` if the packet is shorter than it claims.
    pub fn copy_to_cursor(
        &mut self,
        to: &mut Cursor<'_>,
        limit: usize,
        mut crc: Option<&mut u32>,
    ) -> Result<usize> {
        let mut copied = 0;

        while copied < limit && self.left > 0 {
            let (mut iter, len) = to.dest_iter((limit - copied).min(self.left));
            if len == 0 {
                break;
            }
            let offset = self.offset as i32;
            let (skb, iter, count) = (self.skb, &mut iter, len as i32);
            to_result(match crc.as_deref_mut() {
                // SAFETY: By the invariant the packet has `len` bytes; `iter` has room for them.
                None => unsafe { bindings::skb_copy_datagram_iter(skb, offset, iter, count) },
                // SAFETY: By the invariant the packet has `len` bytes; `iter` has room for them.
                Some(crc) => unsafe {
                    bindings::skb_copy_and_crc32c_datagram_iter(skb, offset, iter, count, crc)
                },
            })?;
            to.advance(len);
            self.advance(len);
            copied += len;
        }
        Ok(copied)
    }

    /// Passes over bytes; as many as there are and `limit` allows. Returns how many.
    pub fn skip(&mut self, limit: usize) -> usize {
        let len = limit.min(self.left);
        self.advance(len);
        len
    }
}
