// SPDX-License-Identifier: GPL-2.0

//! What the decoder makes of a header that is damaged, and of one that is wrong.

#[cfg_attr(nvme_kunit, ::kernel::macros::kunit_tests(nvme_tcp_wire_damage))]
mod tests {
    use super::super::{
        super::{
            digest::{
                finish,
                Crc32c as _,
                CRC_SEED, //
            },
            error::Fes,
            pdu_type::Role, //
        },
        golden,
        testing::{
            decode,
            open,
            patched,
            refusal,
            Table,
            DIGESTED, //
        },
    };

    /// FES and FEI with which a controller refuses a CapsuleCmd with a digest.
    fn refused(pdu: &[u8]) -> Option<(Fes, u32)> {
        let error = refusal(&mut open(Role::Controller, DIGESTED.digests), pdu)?.fatal()?;
        Some((error.fes, error.fei))
    }

    #[test]
    fn damage_comes_before_what_is_wrong() {
        let digest = golden::CONNECT_DIGESTS[72..76].try_into().unwrap();
        // HLEN, PDO and PLEN.
        for (at, value) in [(2, 73), (3, 72), (5, 0)] {
            let damaged = patched(golden::CONNECT_DIGESTS, at, [value]);
            let want = (Fes::HeaderDigest, u32::from_le_bytes(digest));
            assert_eq!(refused(&damaged[..76]), Some(want));

            // The digest of what is wrong.
            let right = finish(Table::update(CRC_SEED, &damaged[..72]));
            let wrong = patched(damaged, 72, right);
            let mut controller = open(Role::Controller, DIGESTED.digests);
            assert_eq!(decode(&mut controller, &wrong[..75]), Ok([None; 4]));
            let field = (at as u32).min(4);
            let want = (Fes::InvalidHeaderField, field);
            assert_eq!(refused(&wrong[..76]), Some(want));
        }
    }

    #[test]
    fn damage_is_not_waited_for_without_a_digest() {
        // HDGSTF is not set, or the type is not known.
        for (at, value) in [(1, 2), (0, 0x2a)] {
            let wrong = patched(golden::CONNECT_DIGESTS, at, [value]);
            let want = (Fes::InvalidHeaderField, at as u32);
            assert_eq!(refused(&wrong[..8]), Some(want));
        }
    }
}
