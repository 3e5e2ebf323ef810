// SPDX-License-Identifier: GPL-2.0

//! The memory that a command's data go through.
//!
//! C header: [`include/linux/scatterlist.h`](srctree/include/linux/scatterlist.h), `sgl_alloc()`.

use kernel::{
    bindings as kernel_bindings,
    page::PAGE_SIZE,
    prelude::*, //
};

use crate::{
    abstractions::bvec::Cursor,
    bindings, //
};

/// Lists for at most this many pages are kept for the next command.
const KEEP: usize = 32;

/// How hard to try to get memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effort {
    /// What can be had without much reclaim: there will be another chance.
    Gentle,
    /// Everything but killing somebody for it.
    Hard,
}

impl Effort {
    const fn gfp(self) -> bindings::gfp_t {
        match self {
            Self::Gentle => bindings::GFP_SGL_GENTLE,
            Self::Hard => bindings::GFP_SGL_HARD,
        }
    }
}

/// The memory of the machine in bytes.
pub(crate) fn total_ram() -> usize {
    // SAFETY: It reads a counter.
    let pages = unsafe { bindings::helper_totalram_pages() };
    pages.saturating_mul(PAGE_SIZE)
}

/// Pages for the data of one command, and room to describe them, which stays when they are freed.
///
/// # Invariants
///
/// - `sg` is null, or a list that `sgl_alloc` made and that is ours; `vecs` then has one entry for
///   each of its `nents`, in order. If `sg` is null, `vecs` is empty.
/// - Every entry but the last describes the whole of a page.
/// - All entries together describe `len` bytes.
pub(super) struct Data {
    sg: *mut bindings::scatterlist,
    nents: u32,
    len: usize,
    vecs: KVec<kernel_bindings::bio_vec>,
}

// SAFETY: The pages and the list belong to `Data`, and may be used and freed from any task.
unsafe impl Send for Data {}

impl Data {
    /// No memory.
    pub(super) const fn new() -> Self {
        // INVARIANT: There is no list.
        Self {
            sg: core::ptr::null_mut(),
            nents: 0,
            len: 0,
            vecs: KVec::new(),
        }
    }

    /// Allocates `len` bytes, in place of those that there are. May sleep, and fails silently.
    ///
    /// With `zeroed`, nothing that was in the pages before can be seen.
    pub(super) fn alloc(&mut self, len: u32, zeroed: bool, effort: Effort) -> Result {
        self.free();
        let zero = if zeroed { bindings::__GFP_ZERO } else { 0 };
        let mut nents = 0;
        // SAFETY: `nents` is a place for the result.
        let sg = unsafe { bindings::sgl_alloc(len.into(), effort.gfp() | zero, &mut nents) };
        if sg.is_null() {
            return Err(ENOMEM);
        }
        let flags = match effort {
            Effort::Gentle => GFP_NOWAIT,
            Effort::Hard => GFP_KERNEL,
        };
        let reserved = self.vecs.reserve(nents as usize, flags | __GFP_NOWARN);
        if reserved.is_err() {
            // SAFETY: It was just made, and nobody else has seen it.
            unsafe { bindings::sgl_free(sg) };
            return Err(ENOMEM);
        }
        // SAFETY: The list has `nents` entries, and `vecs`, which is empty, room for as many.
        unsafe { bindings::helper_sgl_to_bvecs(sg, nents, self.vecs.as_mut_ptr()) };
        // SAFETY: The entries were just written.
        unsafe { self.vecs.inc_len(nents as usize) };
        // INVARIANT: Without an order, `sgl_alloc` makes the list of single pages, all of them
        // full up to the last.
        self.sg = sg;
        self.nents = nents;
        self.len = len as usize;
        Ok(())
    }

    /// Frees the pages.
    pub(super) fn free(&mut self) {
        if self.sg.is_null() {
            return;
        }
        // SAFETY: By the invariant the list is ours, and it is not used again.
        unsafe { bindings::sgl_free(self.sg) };
        // INVARIANT: There is no list any more.
        self.sg = core::ptr::null_mut();
        self.nents = 0;
        self.len = 0;
        if self.vecs.capacity() > KEEP {
            self.vecs = KVec::new();
        } else {
            self.vecs.clear();
        }
    }

    /// The list as C knows it, and the number of its entries.
    pub(super) fn as_raw(&self) -> (*mut bindings::scatterlist, u32) {
        (self.sg, self.nents)
    }

    /// How many bytes there are.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The memory from `offset` on; nothing if that is past the end.
    pub(super) fn cursor(&self, offset: usize) -> Cursor<'_> {
        let Some(left) = self.len.checked_sub(offset).filter(|left| *left != 0) else {
            return Cursor::empty();
        };
        let Some(vecs) = self.vecs.get(offset / PAGE_SIZE..) else {
            return Cursor::empty();
        };
        let skip = offset % PAGE_SIZE;
        // SAFETY: By the invariant all entries before the one that `offset` lies in are whole
        // pages, so those from there on describe what is left and the `skip` bytes before it.
        // They and the pages stay for as long as `self` is borrowed.
        let mut cursor = unsafe { Cursor::new(vecs.as_ptr(), left + skip, core::ptr::null_mut()) };
        cursor.advance(skip);
        cursor
    }
}

impl Drop for Data {
    fn drop(&mut self) {
        self.free();
    }
}
