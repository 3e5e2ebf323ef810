// SPDX-License-Identifier: GPL-2.0

//! R2T: a controller is ready for the data of a command, or for a part of it.
//!
//! | byte | field |
//! |---|---|
//! | 9:8 | CCCID, identifier of the command |
//! | 11:10 | TTAG, tag for the H2CData that answer |
//! | 15:12 | R2TO, offset in the command's data |
//! | 19:16 | R2TL, length asked for |
//! | 23:20 | reserved |
//!
//! Specification: section 3.3.2.2 and 3.6.2.10, figure 28. C counterpart: `struct
//! nvme_tcp_r2t_pdu`.

use super::{
    ch::Ch,
    error::Error,
    header::PduHeader,
    pdu_type::PduType,
    reason::Rule, //
};

/// The fields.
pub(super) mod field {
    use super::super::field::Field;

    pub(in super::super) const CCCID: Field<u16, 8> = Field::new("CCCID");
    pub(in super::super) const TTAG: Field<u16, 10> = Field::new("TTAG");
    pub(in super::super) const R2TO: Field<u32, 12> = Field::new("R2TO");
    pub(in super::super) const R2TL: Field<u32, 16> = Field::new("R2TL");
}

/// Ready to Transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct R2T {
    /// The identifier of the command.
    pub cccid: u16,
    /// A tag of the controller's choice, which the H2CData have to repeat.
    pub ttag: u16,
    /// Offset of the data asked for in the command's data in bytes.
    pub r2to: u32,
    /// Length of the data asked for in bytes, not 0.
    pub r2tl: u32,
}

impl PduHeader<24> for R2T {
    const TYPE: PduType = PduType::R2T;

    fn read<const N: usize>(_: &Ch, header: &[u8; N]) -> Result<Self, Error> {
        let r2tl = field::R2TL.get(header);
        if r2tl == 0 {
            return Err(field::R2TL.invalid(r2tl, Rule::NotZero));
        }
        Ok(Self {
            cccid: field::CCCID.get(header),
            ttag: field::TTAG.get(header),
            r2to: field::R2TO.get(header),
            r2tl,
        })
    }

    fn write(&self, header: &mut [u8; 24]) {
        field::CCCID.put(header, self.cccid);
        field::TTAG.put(header, self.ttag);
        field::R2TO.put(header, self.r2to);
        field::R2TL.put(header, self.r2tl);
    }
}

impl R2T {
    /// The error for a CCCID that no command has.
    pub fn unknown_cccid(&self) -> Error {
        field::CCCID.invalid(self.cccid, Rule::Known)
    }
}

#[cfg(any(test, nvme_kunit))]
#[cfg_attr(nvme_kunit, ::kernel::macros::kunit_tests(nvme_tcp_wire_r2t))]
mod tests {
    use super::super::test::{
        golden,
        testing::{
            dirty,
            layout,
            patched,
            writes,
            Table,
            DIGESTED,
            PLAIN, //
        }, //
    };
    use super::*;

    const WRITE: R2T = R2T {
        cccid: 0x2002,
        ttag: 3,
        r2to: 0,
        r2tl: 0x2_0000,
    };

    /// The offset that is blamed when an R2T has `with` at byte `at`.
    fn blamed<const N: usize>(at: usize, with: [u8; N]) -> Option<u32> {
        let bytes = patched(golden::R2T, at, with);
        Some(R2T::parse(&bytes, &PLAIN).err()?.fatal()?.fei)
    }

    #[test]
    fn r2t_golden() {
        for (layout, bytes) in [(PLAIN, &golden::R2T[..]), (DIGESTED, &golden::R2T_DIGESTS)] {
            assert!(writes(bytes, |out| WRITE.emit::<Table>(&layout, out)));
        }
        assert_eq!(R2T::parse(&golden::R2T, &PLAIN), Ok(WRITE));
        assert_eq!(R2T::parse(&golden::R2T_DIGESTS, &DIGESTED), Ok(WRITE));
    }

    #[test]
    fn r2t_never_pads() {
        let mut out = dirty();
        assert_eq!(
            WRITE.emit::<Table>(&layout(true, true, 31), &mut out),
            Ok(28)
        );
        assert_eq!(out.first_chunk(), Some(&golden::R2T_DIGESTS));
    }

    #[test]
    fn r2t_bad_fields() {
        assert_eq!(blamed(1, [0x01]), Some(1));
        assert_eq!(blamed(2, [72]), Some(2));
        assert_eq!(blamed(4, [25]), Some(4));
        assert_eq!(blamed(16, [0; 4]), Some(16));
        // Reserved: flags, PDO, the tail.
        assert_eq!(blamed(1, [0xfe]), None);
        assert_eq!(blamed(3, [24]), None);
        assert_eq!(blamed(20, [0xff; 4]), None);
    }

    #[test]
    fn r2t_any_range_parses() {
        // What the range may be depends on the command: not decided here.
        for r2to in [0, 1, u32::MAX] {
            for r2tl in [1, u32::MAX] {
                let r2t = R2T {
                    r2to,
                    r2tl,
                    ..WRITE
                };
                let mut out = dirty();
                assert!(r2t.emit::<Table>(&PLAIN, &mut out).is_ok());
                assert_eq!(R2T::parse(&out, &PLAIN), Ok(r2t));
            }
        }
    }
}
