// SPDX-License-Identifier: GPL-2.0

//! Walking the memory of a block I/O request.
//!
//! C header: [`include/linux/bvec.h`](srctree/include/linux/bvec.h)

use core::marker::PhantomData;

use kernel::bindings as kernel_bindings;

use crate::bindings;

/// A position in memory that is described by arrays of `bio_vec`s: those of one bio after the
/// other, or a single array.
///
/// It never moves past the end: taking or passing more than there is takes and passes what there
/// is.
///
/// # Invariants
///
/// - `vec` points to `bio_vec`s that together describe at least `skip + left` bytes, of which
///   `skip` are inside the first one. They and the pages that they name are valid for `'a`.
/// - `next` is null or the first of a chain of bios that are valid for `'a`.
#[derive(Clone)]
pub struct Cursor<'a> {
    vec: *const kernel_bindings::bio_vec,
    skip: usize,
    left: usize,
    next: *mut kernel_bindings::bio,
    _memory: PhantomData<&'a kernel_bindings::bio_vec>,
}

// SAFETY: A cursor is a reader of arrays that do not change, whose pages are shared by nature.
unsafe impl Send for Cursor<'_> {}

impl Cursor<'_> {
    /// A position in no memory at all.
    pub const fn empty() -> Self {
        // INVARIANT: Nothing is left, and there is nothing behind it.
        Self {
            vec: core::ptr::null(),
            skip: 0,
            left: 0,
            next: core::ptr::null_mut(),
            _memory: PhantomData,
        }
    }

    /// The start of the first `len` bytes that the array at `vec` describes, followed by the data
    /// of `bio` and of the bios behind it.
    ///
    /// # Safety
    ///
    /// `vec` points to `bio_vec`s that describe `len` bytes; `bio` is null or valid, as are those
    /// behind it; and all of them and their pages stay as they are until the cursor is dropped.
    pub(super) unsafe fn new(
        vec: *const kernel_bindings::bio_vec,
        len: usize,
        bio: *mut kernel_bindings::bio,
    ) -> Self {
        // INVARIANT: By the contract of this function.
        let mut this = Self {
            vec,
            skip: 0,
            left: len,
            next: bio,
            _memory: PhantomData,
        };
        this.next_array();
        this
    }

    /// Goes on to the next bio that has data, if nothing is left in this one.
    fn next_array(&mut self) {
        while self.left == 0 && !self.next.is_null() {
            let bio = self.next;
            // It is packed, so it is copied.
            // SAFETY: By the invariant `bio` is valid, and does not change.
            let iter = unsafe { (*bio).bi_iter };
            // SAFETY: By the invariant `bio` is valid, and does not change.
            let vecs = unsafe { (*bio).bi_io_vec };
            // SAFETY: By the invariant `bio` is valid, and does not change.
            self.next = unsafe { (*bio).bi_next };
            // INVARIANT: The rest of a bio that is valid, as is what is behind it.
            // SAFETY: `bi_idx` is an index into the bio's array.
            self.vec = unsafe { vecs.add(iter.bi_idx as usize) };
            self.skip = iter.bi_offset as usize;
            self.left = iter.bi_size as usize;
        }
    }

    /// The part of the current `bio_vec` that begins here, with at most `limit` bytes; `None` at
    /// the end.
    pub(super) fn first(&self, limit: usize) -> Option<kernel_bindings::bio_vec> {
        if self.left == 0 || limit == 0 {
            return None;
        }
        // SAFETY: Something is left, so by the invariant `vec` points to a `bio_vec`.
        let vec = unsafe { *self.vec };
        let len = (vec.bv_len as usize - self.skip).min(self.left).min(limit);
        Some(kernel_bindings::bio_vec {
            bv_page: vec.bv_page,
            bv_offset: vec.bv_offset + self.skip as u32,
            bv_len: len as u32,
        })
    }

    /// Moves on by `len` bytes, or to the end.
    pub fn advance(&mut self, mut len: usize) {
        while let Some(part) = self.first(len) {
            let part_len = part.bv_len as usize;
            len -= part_len;
            // INVARIANT: `part` lies in what is left, and in the current `bio_vec`.
            self.left -= part_len;
            self.skip += part_len;
            // SAFETY: `first` has found something, so `vec` points to a `bio_vec`.
            if self.skip == unsafe { (*self.vec).bv_len } as usize {
                // SAFETY: One past a `bio_vec` of the array; read only if something is left.
                self.vec = unsafe { self.vec.add(1) };
                self.skip = 0;
            }
            self.next_array();
        }
    }

    /// An iterator for C to write up to `limit` bytes through, and how many it covers: those that
    /// lie in the current array. 0 at the end.
    pub(super) fn dest_iter(&self, limit: usize) -> (kernel_bindings::iov_iter, usize) {
        self.iter(bindings::ITER_DEST, limit)
    }

    /// As [`Cursor::dest_iter`], in the direction that C knows as `direction`.
    fn iter(&self, direction: u32, limit: usize) -> (kernel_bindings::iov_iter, usize) {
        let len = self.left.min(limit);
        let mut iter: kernel_bindings::iov_iter = Default::default();
        if len == 0 {
            return (iter, 0);
        }

        let mut vecs = 0;
        let mut covered = 0;
        while covered < self.skip + len {
            // SAFETY: The array describes `skip + left` bytes, so there is another `bio_vec` for
            // as long as they are not covered.
            let vec = unsafe { self.vec.add(vecs) };
            // SAFETY: `vec` is in the array, which by the invariant stays and does not change.
            covered += unsafe { (*vec).bv_len } as usize;
            vecs += 1;
        }

        // SAFETY: `vec` points to `vecs` valid `bio_vec`s, which cover `skip + len` bytes.
        unsafe { bindings::iov_iter_bvec(&mut iter, direction, self.vec, vecs, self.skip + len) };
        // SAFETY: `skip` lies inside the first `bio_vec`.
        unsafe { bindings::iov_iter_advance(&mut iter, self.skip) };
        (iter, len)
    }

    /// Copies the next bytes to `out`, as many as there are and fit, and moves past them. Returns
    /// how many.
    ///
    /// Whoever owns the data may write to it meanwhile; then either is copied, for each byte.
    pub fn copy_to(&mut self, out: &mut [u8]) -> usize {
        let mut copied = 0;
        while let Some(rest) = out.get_mut(copied..) {
            let (mut iter, len) = self.iter(bindings::ITER_SOURCE, rest.len());
            if len == 0 {
                break;
            }
            // SAFETY: `iter` covers `len` bytes, and `rest` has room for them.
            unsafe { bindings::_copy_from_iter(rest.as_mut_ptr().cast(), len, &mut iter) };
            self.advance(len);
            copied += len;
        }
        copied
    }

    /// Fills all bytes from here on with zeroes, and moves past them.
    pub fn zero(&mut self) {
        loop {
            let (mut iter, len) = self.iter(bindings::ITER_DEST, usize::MAX);
            if len == 0 {
                break;
            }
            // SAFETY: `iter` covers `len` bytes.
            unsafe { bindings::iov_iter_zero(len, &mut iter) };
            self.advance(len);
        }
    }

    /// Continues a CRC32C over the next `len` bytes, and moves past them.
    pub fn crc32c(&mut self, mut crc: u32, mut len: usize) -> u32 {
        while let Some(part) = self.first(len) {
            let mut offset = part.bv_offset as usize;
            let mut left = part.bv_len as usize;
            while left > 0 {
                let in_page = offset % kernel::page::PAGE_SIZE;
                let n = left.min(kernel::page::PAGE_SIZE - in_page);
                // SAFETY: A `bio_vec` names pages that follow one another.
                let page = unsafe { part.bv_page.add(offset / kernel::page::PAGE_SIZE) };
                // SAFETY: By the invariant the page is valid; it is unmapped before the next is
                // mapped.
                let base = unsafe { bindings::kmap_local_page(page) }.cast::<u8>();
                // SAFETY: `in_page + n` is inside the page. Whoever owns the data may write to it
                // meanwhile, as with any buffered I/O; C's checksum reads each byte once.
                crc = unsafe { bindings::crc32c(crc, base.wrapping_add(in_page).cast(), n) };
                // SAFETY: `base` is the last page that this task has mapped and not unmapped.
                unsafe { bindings::kunmap_local(base.cast()) };
                offset += n;
                left -= n;
            }
            len -= part.bv_len as usize;
            self.advance(part.bv_len as usize);
        }
        crc
    }
}
