// SPDX-License-Identifier: GPL-2.0

//! Header and data digests.
//!
//! Both are CRC32C, and both stand on the wire as four bytes behind what they cover: HDGST
//! behind the PDU header, DDGST behind the data. Padding is covered by neither.
//!
//! Specification: section 3.3.1.1. C counterpart: `nvme_tcp_hdgst()`.

/// Length of a digest in bytes (`NVME_TCP_DIGEST_LENGTH`).
pub const DIGEST_LEN: usize = 4;

/// What a digest's CRC starts with.
pub const CRC_SEED: u32 = !0;

/// CRC32C, supplied by whoever embeds this layer: the kernel has instructions for it.
pub trait Crc32c {
    /// Continues `crc` over `bytes`, without inversion before or after, as the kernel's
    /// `crc32c()` does.
    fn update(crc: u32, bytes: &[u8]) -> u32;
}

/// Turns a CRC, begun with [`CRC_SEED`], into the digest as it stands on the wire.
pub const fn finish(crc: u32) -> [u8; DIGEST_LEN] {
    (!crc).to_le_bytes()
}

/// Which digests a connection uses, or is asked to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Digests {
    /// HDGST: every PDU but ICReq, ICResp and the TermReqs has a header digest.
    pub header: bool,
    /// DDGST: every PDU with data has a data digest.
    pub data: bool,
}

impl Digests {
    /// `HDGST_ENABLE` in the DGST field (`NVME_TCP_HDR_DIGEST_ENABLE`).
    const HEADER: u8 = 1 << 0;
    /// `DDGST_ENABLE` in the DGST field (`NVME_TCP_DATA_DIGEST_ENABLE`).
    const DATA: u8 = 1 << 1;

    /// Reads the DGST field of an ICReq or ICResp. The other bits are reserved and ignored.
    pub(super) const fn from_bits(bits: u8) -> Self {
        Self {
            header: bits & Self::HEADER != 0,
            data: bits & Self::DATA != 0,
        }
    }

    /// The value for the DGST field.
    pub(super) const fn bits(self) -> u8 {
        let header = if self.header { Self::HEADER } else { 0 };
        let data = if self.data { Self::DATA } else { 0 };
        header | data
    }
}

#[cfg(any(test, nvme_kunit))]
#[cfg_attr(nvme_kunit, ::kernel::macros::kunit_tests(nvme_tcp_wire_digest))]
mod tests {
    use super::super::test::testing::Table;
    use super::*;

    #[test]
    fn digest_check_value() {
        // The check value of CRC-32C/iSCSI, and the 32 zeroes of RFC 3720, B.4.
        let crc = Table::update(CRC_SEED, b"123456789");
        assert_eq!(finish(crc), 0xe306_9283_u32.to_le_bytes());

        let crc = Table::update(CRC_SEED, &[0; 32]);
        assert_eq!(finish(crc), [0xaa, 0x36, 0x91, 0x8a]);
    }

    #[test]
    fn digest_in_pieces() {
        let crc = Table::update(Table::update(CRC_SEED, b"1234"), b"56789");
        assert_eq!(crc, Table::update(CRC_SEED, b"123456789"));
        assert_eq!(Table::update(crc, b""), crc);
    }

    #[test]
    fn digest_bits() {
        for bits in 0..=3 {
            assert_eq!(Digests::from_bits(bits).bits(), bits);
            assert_eq!(Digests::from_bits(bits | 0xfc).bits(), bits);
        }
    }
}
