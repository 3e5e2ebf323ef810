// SPDX-License-Identifier: GPL-2.0

//! What only tests use: PDUs to compare with, helpers, and the tests that are too long to stand
//! beside what they test.
//!
//! | file | what |
//! |---|---|
//! | `golden.rs` | PDUs put together by hand from the specification |
//! | `linux_pdus.rs`, `linux_pdus_test.rs` | PDUs that the C drivers sent |
//! | `decoder_test.rs`, `damage_test.rs` | the tests of the decoder |
//! | `testing.rs` | what tests share: CRC32C, layouts, a decoder that is fed |
//!
//! Properties, which are tried on random input and need crates for it, are in `tests/`.

mod damage_test;
mod decoder_test;
pub(super) mod golden;
mod linux_pdus;
mod linux_pdus_test;
pub(super) mod testing;
