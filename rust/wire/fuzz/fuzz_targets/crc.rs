// SPDX-License-Identifier: GPL-2.0

//! CRC32C for the fuzz targets, from a crate.

use nvme_tcp_wire::Crc32c;

pub(crate) struct Crate;

impl Crc32c for Crate {
    fn update(crc: u32, bytes: &[u8]) -> u32 {
        !crc32c::crc32c_append(!crc, bytes)
    }
}
