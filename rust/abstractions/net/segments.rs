// SPDX-License-Identifier: GPL-2.0

//! Bytes from many places for one `sendmsg`.
//!
//! C header: [`include/linux/uio.h`](srctree/include/linux/uio.h)

use core::marker::PhantomData;

use kernel::{
    bindings as kernel_bindings,
    page::PAGE_SIZE,
    prelude::*, //
};

use crate::{
    abstractions::bvec::Cursor,
    bindings, //
};

/// Room for the list of places, kept from one send to the next.
pub struct SegmentBuffer(KVec<kernel_bindings::bio_vec>);

// SAFETY: Between sends the buffer is empty; its pointers belong to a `Segments`.
unsafe impl Send for SegmentBuffer {}

impl SegmentBuffer {
    /// Room for `capacity` places.
    ///
    /// # Errors
    ///
    /// `ENOMEM`. May sleep.
    pub fn new(capacity: usize) -> Result<Self> {
        Ok(Self(KVec::with_capacity(capacity, GFP_KERNEL)?))
    }

    /// Starts a list of places in memory that is borrowed for `'data`.
    pub fn begin<'data>(&mut self) -> Segments<'_, 'data> {
        self.0.clear();
        Segments {
            vecs: &mut self.0,
            len: 0,
            _data: PhantomData,
        }
    }
}

/// A list of places to send from, in order.
///
/// # Invariants
///
/// `vecs` names memory that is valid for reads for `'data`, `len` bytes in all.
pub struct Segments<'buffer, 'data> {
    vecs: &'buffer mut KVec<kernel_bindings::bio_vec>,
    len: usize,
    _data: PhantomData<&'data [u8]>,
}

impl<'data> Segments<'_, 'data> {
    /// The bytes in the list.
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        self.len
    }

    fn push(&mut self, vec: kernel_bindings::bio_vec) -> bool {
        let len = vec.bv_len as usize;
        // INVARIANT: The callers vouch for `vec`.
        let room = self.vecs.push_within_capacity(vec).is_ok();
        if room {
            self.len += len;
        }
        room
    }

    /// Adds `bytes`, wherever the kernel has them.
    ///
    /// Returns whether there was room for all of them; if not, a first part may have been added.
    pub fn add_bytes(&mut self, bytes: &'data [u8]) -> bool {
        let mut at = bytes.as_ptr();
        let mut left = bytes.len();
        while left > 0 {
            let offset = at.addr() % PAGE_SIZE;
            let len = left.min(PAGE_SIZE - offset);
            // SAFETY: Translates the address of valid memory.
            let page = unsafe { bindings::helper_addr_to_page(at.cast()) };
            if !self.push(kernel_bindings::bio_vec {
                bv_page: page,
                bv_offset: offset as u32,
                bv_len: len as u32,
            }) {
                return false;
            }
            at = at.wrapping_add(len);
            left -= len;
        }
        true
    }

    /// Adds the next `len` bytes of `data`, or what there is.
    ///
    /// Returns whether there was room for all of them; if not, a first part may have been added.
    pub fn add_data(&mut self, data: &Cursor<'data>, mut len: usize) -> bool {
        let mut data = data.clone();
        while let Some(part) = data.first(len) {
            if !self.push(part) {
                return false;
            }
            len -= part.bv_len as usize;
            data.advance(part.bv_len as usize);
        }
        true
    }

    /// Says where the bytes behind the first `skip` lie, as many as there are places in `to`, and
    /// at most `limit` of them. Returns how many places and bytes that is.
    pub(super) fn map(
        &self,
        mut skip: usize,
        limit: usize,
        to: &mut [kernel_bindings::kvec],
    ) -> (usize, usize) {
        let (mut count, mut sum) = (0usize, 0usize);
        let mut places = to.iter_mut();
        for vec in &*self.vecs {
            let len = (vec.bv_len as usize).saturating_sub(skip);
            let offset = (vec.bv_offset as usize).saturating_add(skip);
            skip = skip.saturating_sub(vec.bv_len as usize);
            let len = len.min(limit.saturating_sub(sum));
            if len == 0 {
                continue;
            }
            let Some(place) = places.next() else {
                break;
            };
            // SAFETY: By the invariant the page is one of valid memory.
            let page = unsafe { bindings::helper_page_address(vec.bv_page) };
            place.iov_base = page.wrapping_byte_add(offset);
            place.iov_len = len;
            count += 1;
            sum += len;
        }
        (count, sum)
    }

    /// Lets `iter`, which [`Segments::init_iter`] has made, end after the next `len` bytes.
    ///
    /// # Safety
    ///
    /// There are as many between what it has passed and the end of the list.
    pub(super) unsafe fn limit_iter(iter: &mut kernel_bindings::iov_iter, len: usize) {
        // SAFETY: An iterator of this kind has a count here.
        unsafe { iter.__bindgen_anon_1.__bindgen_anon_1.as_mut() }.count = len;
    }

    /// Makes the iterator that `sendmsg` reads the list through.
    pub(super) fn init_iter(&self, iter: &mut kernel_bindings::iov_iter) {
        // SAFETY: By the invariant; the iterator is used while `self` is borrowed.
        unsafe {
            bindings::iov_iter_bvec(
                iter,
                bindings::ITER_SOURCE,
                self.vecs.as_ptr(),
                self.vecs.len(),
                self.len,
            )
        };
    }
}
