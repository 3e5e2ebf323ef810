// SPDX-License-Identifier: GPL-2.0

//! What the wire layer, which does not know the kernel, needs of it: CRC32C, and lines for the log.

use kernel::fmt;

use crate::{
    abstractions::crc32c,
    wire, //
};

/// CRC32C as the kernel computes it.
pub(crate) struct KernelCrc;

impl wire::Crc32c for KernelCrc {
    fn update(crc: u32, bytes: &[u8]) -> u32 {
        crc32c::update(crc, bytes)
    }
}

impl fmt::Display for wire::Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        core::fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for wire::DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        core::fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for wire::TermReq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        core::fmt::Display::fmt(self, f)
    }
}
