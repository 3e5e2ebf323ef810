// SPDX-License-Identifier: GPL-2.0

//! The few fields of a completion queue entry that a transport reads.
//!
//! | byte | field |
//! |---|---|
//! | 7:0 | command specific result |
//! | 13:12 | CID, command identifier |
//! | 15:14 | status; bit 0 is the phase tag, which means nothing in a capsule |
//!
//! Specification: NVMe Base Specification 2.0, figure 90. C counterpart: `struct nvme_completion`.

use super::field::get;

/// Length of a completion queue entry in bytes.
pub const LEN: usize = 16;

/// The command specific result.
pub fn result(cqe: &[u8; LEN]) -> u64 {
    u64::from_le_bytes(get::<0, 8, LEN>(cqe))
}

/// The identifier of the command that completes.
pub fn command_id(cqe: &[u8; LEN]) -> u16 {
    u16::from_le_bytes(get::<12, 2, LEN>(cqe))
}

/// The status field with its phase tag, as `nvme_try_complete_req()` takes it (after conversion
/// to `__le16`). 0 or 1 is success.
pub fn status(cqe: &[u8; LEN]) -> u16 {
    u16::from_le_bytes(get::<14, 2, LEN>(cqe))
}

#[cfg(any(test, nvme_kunit))]
#[cfg_attr(nvme_kunit, ::kernel::macros::kunit_tests(nvme_tcp_wire_cqe))]
mod tests {
    use super::*;

    #[test]
    fn cqe_fields() {
        let cqe = [
            0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0xa0, 0xa1, 0xb0, 0xb1, 0x05, 0x30,
            0x02, 0x40,
        ];
        assert_eq!(result(&cqe), 0x0807_0605_0403_0201);
        assert_eq!(command_id(&cqe), 0x3005);
        assert_eq!(status(&cqe), 0x4002);
    }
}
