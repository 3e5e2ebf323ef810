// SPDX-License-Identifier: GPL-2.0

//! Raw C interfaces that the `kernel` crate does not bind.
//!
//! The generated file holds only what `parameters` lists; every other type in it is the `kernel`
//! crate's own. Used by `abstractions` alone.

#![allow(
    clippy::all,
    clippy::cast_lossless,
    clippy::multiple_unsafe_ops_per_block,
    clippy::ptr_as_ptr,
    clippy::ref_as_ptr,
    missing_docs,
    non_camel_case_types,
    non_snake_case,
    non_upper_case_globals,
    unnecessary_transmutes,
    unreachable_pub,
    unsafe_op_in_unsafe_fn,
    dead_code,
    improper_ctypes
)]
#![expect(
    clippy::undocumented_unsafe_blocks,
    reason = "generated code has no comments"
)]

use pin_init::{
    MaybeZeroable,
    Zeroable, //
};

pub(crate) use kernel::{
    bindings::*,
    ffi, //
};

// `bindgen_parameters` of the kernel leaves these to the user of the generated file.
type __kernel_size_t = usize;
type __kernel_ssize_t = isize;
type __kernel_ptrdiff_t = isize;

// SAFETY: `__BindgenBitfieldUnit<Storage>` is a newtype around `Storage`.
unsafe impl<Storage> Zeroable for __BindgenBitfieldUnit<Storage> where Storage: Zeroable {}

include!(concat!(env!("NVME_MPTCP_BINDINGS"), "/generated.rs"));
