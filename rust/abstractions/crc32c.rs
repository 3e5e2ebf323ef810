// SPDX-License-Identifier: GPL-2.0

//! CRC32C, the checksum of NVMe/TCP digests.
//!
//! C header: [`include/linux/crc32.h`](srctree/include/linux/crc32.h)

use crate::bindings;

/// Continues `crc` over `bytes`, without inverting at either end.
pub fn update(crc: u32, bytes: &[u8]) -> u32 {
    // SAFETY: `bytes` is valid for reads of its length.
    unsafe { bindings::crc32c(crc, bytes.as_ptr().cast(), bytes.len()) }
}
