// SPDX-License-Identifier: GPL-2.0

//! Properties of the wire layer as a whole, tried on random input.
//!
//! What a single PDU looks like is tested beside its source, in the kernel too. Here are the
//! statements that no list of examples can make: nothing panics, every split of a stream decodes
//! alike, what was emitted parses back, every byte of a command is moved once.

// A test may panic; it is how it fails.
#![allow(clippy::indexing_slicing, clippy::unwrap_used)]

mod decoder;
mod entries;
mod errors;
mod feeder;
mod mapping;
mod outgoing;
mod round_trip;
mod strategy;
mod transfer;

use nvme_tcp_wire::Crc32c;

/// CRC32C from a crate of that name: not the table that the unit tests use, so that the two
/// check each other.
pub(crate) struct Crate;

impl Crc32c for Crate {
    fn update(crc: u32, bytes: &[u8]) -> u32 {
        // The crate inverts on both sides, the kernel on neither.
        !crc32c::crc32c_append(!crc, bytes)
    }
}
