// SPDX-License-Identifier: GPL-2.0

//! H2CData and C2HData: the data of a command.
//!
//! | byte | H2CData | C2HData |
//! |---|---|---|
//! | 9:8 | CCCID, identifier of the command | same |
//! | 11:10 | TTAG, tag of the R2T that is answered | reserved |
//! | 15:12 | DATAO, offset in the command's data | same |
//! | 19:16 | DATAL, length of the data in this PDU | same |
//! | 23:20 | reserved | reserved |
//!
//! Specification: section 3.3.2, 3.6.2.8 and 3.6.2.9, figures 26 and 27. The specification wants
//! DATAO and DATAL to be multiples of dwords; the C drivers neither check nor ensure it, and
//! passthrough commands of odd length work with them, so it is not checked here either.
//! C counterpart: `struct nvme_tcp_data_pdu`.

use super::{
    ch::{
        Ch,
        LAST_PDU,
        SUCCESS, //
    },
    error::Error,
    header::PduHeader,
    pdu_type::PduType,
    reason::Rule, //
};

/// The fields of both PDUs.
pub(super) mod field {
    use super::super::field::Field;

    pub(in super::super) const CCCID: Field<u16, 8> = Field::new("CCCID");
    pub(in super::super) const TTAG: Field<u16, 10> = Field::new("TTAG");
    pub(in super::super) const DATAO: Field<u32, 12> = Field::new("DATAO");
    pub(in super::super) const DATAL: Field<u32, 16> = Field::new("DATAL");
}

/// Reads DATAL, which has to be what PLEN leaves for the data.
fn read_datal<const N: usize>(ch: &Ch, header: &[u8; N]) -> Result<u32, Error> {
    let datal = field::DATAL.get(header);
    if datal != ch.data_len {
        return Err(field::DATAL.invalid(datal, Rule::Is(ch.data_len)));
    }
    Ok(datal)
}

/// `flag` if it is `set`.
const fn flag(set: bool, flag: u8) -> u8 {
    if set {
        flag
    } else {
        0
    }
}

/// The error for data at `datao` when those at `want` are due.
pub(super) fn not_contiguous(datao: u32, want: u32) -> Error {
    Error::sequence(field::DATAO.reason(datao, Rule::Is(want)))
}

/// Host to Controller Data Transfer: data that an R2T asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct H2CData {
    /// The identifier of the command.
    pub cccid: u16,
    /// The tag of the R2T.
    pub ttag: u16,
    /// Offset of the data in the command's data in bytes.
    pub datao: u32,
    /// Length of the data in bytes, not 0.
    pub datal: u32,
    /// LAST_PDU: this is the last one that answers the R2T.
    pub last: bool,
}

impl PduHeader<24> for H2CData {
    const TYPE: PduType = PduType::H2CData;

    fn read<const N: usize>(ch: &Ch, header: &[u8; N]) -> Result<Self, Error> {
        Ok(Self {
            cccid: field::CCCID.get(header),
            ttag: field::TTAG.get(header),
            datao: field::DATAO.get(header),
            datal: read_datal(ch, header)?,
            last: ch.has(LAST_PDU),
        })
    }

    fn write(&self, header: &mut [u8; 24]) {
        field::CCCID.put(header, self.cccid);
        field::TTAG.put(header, self.ttag);
        field::DATAO.put(header, self.datao);
        field::DATAL.put(header, self.datal);
    }

    fn flags(&self) -> u8 {
        flag(self.last, LAST_PDU)
    }

    fn data_len(&self) -> u32 {
        self.datal
    }
}

impl H2CData {
    /// The error for a TTAG that no R2T has.
    pub fn unknown_ttag(&self) -> Error {
        field::TTAG.invalid(self.ttag, Rule::Known)
    }
}

/// Controller to Host Data Transfer: data that a command reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct C2HData {
    /// The identifier of the command.
    pub cccid: u16,
    /// Offset of the data in the command's data in bytes.
    pub datao: u32,
    /// Length of the data in bytes, not 0.
    pub datal: u32,
    /// LAST_PDU: this is the last one for the command.
    pub last: bool,
    /// SUCCESS: the command succeeded with a result of 0, and no CapsuleResp will say so.
    /// Not without `last`.
    pub success: bool,
}

impl PduHeader<24> for C2HData {
    const TYPE: PduType = PduType::C2HData;

    fn read<const N: usize>(ch: &Ch, header: &[u8; N]) -> Result<Self, Error> {
        Ok(Self {
            cccid: field::CCCID.get(header),
            datao: field::DATAO.get(header),
            datal: read_datal(ch, header)?,
            last: ch.has(LAST_PDU),
            success: ch.has(SUCCESS),
        })
    }

    fn write(&self, header: &mut [u8; 24]) {
        field::CCCID.put(header, self.cccid);
        field::DATAO.put(header, self.datao);
        field::DATAL.put(header, self.datal);
    }

    fn flags(&self) -> u8 {
        flag(self.last, LAST_PDU) | flag(self.success, SUCCESS)
    }

    fn data_len(&self) -> u32 {
        self.datal
    }
}

impl C2HData {
    /// The error for a CCCID that no command has.
    pub fn unknown_cccid(&self) -> Error {
        field::CCCID.invalid(self.cccid, Rule::Known)
    }
}

#[cfg(any(test, nvme_kunit))]
#[cfg_attr(nvme_kunit, ::kernel::macros::kunit_tests(nvme_tcp_wire_data))]
mod tests {
    use super::super::{
        reason::Reason,
        test::{
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
        }, //
    };
    use super::*;

    const READ: C2HData = C2HData {
        cccid: 0x2001,
        datao: 0,
        datal: 4096,
        last: true,
        success: true,
    };

    const WRITE: H2CData = H2CData {
        cccid: 0x2002,
        ttag: 3,
        datao: 0,
        datal: 0x2_0000,
        last: true,
    };

    /// The offset that is blamed when a C2HData has `with` at byte `at`.
    fn blamed<const N: usize>(at: usize, with: [u8; N]) -> Option<u32> {
        let bytes = patched(golden::C2HDATA, at, with);
        Some(C2HData::parse(&bytes, &PLAIN).err()?.fatal()?.fei)
    }

    #[test]
    fn c2hdata_golden() {
        for (layout, bytes) in [
            (PLAIN, &golden::C2HDATA[..]),
            (DIGESTED, &golden::C2HDATA_DIGESTS),
        ] {
            assert!(writes(bytes, |out| READ.emit::<Table>(&layout, out)));
        }
        assert_eq!(C2HData::parse(&golden::C2HDATA, &PLAIN), Ok(READ));
        assert_eq!(
            C2HData::parse(&golden::C2HDATA_DIGESTS, &DIGESTED),
            Ok(READ)
        );
    }

    #[test]
    fn h2cdata_golden() {
        for (layout, bytes) in [
            (PLAIN, &golden::H2CDATA[..]),
            (DIGESTED, &golden::H2CDATA_DIGESTS),
        ] {
            assert!(writes(bytes, |out| WRITE.emit::<Table>(&layout, out)));
        }
        assert_eq!(H2CData::parse(&golden::H2CDATA, &PLAIN), Ok(WRITE));
        assert_eq!(
            H2CData::parse(&golden::H2CDATA_DIGESTS, &DIGESTED),
            Ok(WRITE)
        );
    }

    #[test]
    fn data_pads_as_in_figure_8() {
        // CPDA 0Fh, no digests: 40 bytes of padding.
        let mut out = dirty();
        assert_eq!(
            WRITE.emit::<Table>(&layout(false, false, 15), &mut out),
            Ok(64)
        );
        assert_eq!(out.get(24..64), Some(&[0; 40][..]));
        assert_eq!(out.last_chunk(), Some(&[0xa5; 96]));

        // The buffer must have room for the padding, too.
        let mut out = [0; 63];
        assert!(WRITE
            .emit::<Table>(&layout(false, false, 15), &mut out)
            .is_err());
    }

    #[test]
    fn c2hdata_bad_fields() {
        assert_eq!(blamed(0, [0x08]), Some(0));
        assert_eq!(blamed(1, [0x0d]), Some(1));
        assert_eq!(blamed(1, [0x0e]), Some(1));
        assert_eq!(blamed(2, [28]), Some(2));
        for pdo in [0, 20, 23, 25, 255] {
            assert_eq!(blamed(3, [pdo]), Some(3));
        }
        for plen in [0, 24, 24 + 4095, 24 + 4097, u32::MAX] {
            // Up to PDO there is no room for data; beyond, it is DATAL that does not fit.
            let offset = if plen > 24 { 16 } else { 4 };
            assert_eq!(blamed(4, plen.to_le_bytes()), Some(offset));
        }
        for datal in [0, 1, 4095, 4097, u32::MAX] {
            assert_eq!(blamed(16, datal.to_le_bytes()), Some(16));
        }
    }

    #[test]
    fn c2hdata_success_needs_last() {
        for (flags, legal) in [(0x00, true), (0x04, true), (0x08, false), (0x0c, true)] {
            let parsed = C2HData::parse(&patched(golden::C2HDATA, 1, [flags]), &PLAIN);
            let want = Err(Error::header(1, Reason::SuccessWithoutLast).into());
            assert!(if legal {
                parsed.is_ok()
            } else {
                parsed == want
            });
        }
    }

    #[test]
    fn data_empty_is_refused() {
        // PLEN and DATAL agree, but a data PDU without data moves nothing forward.
        let empty = patched(golden::C2HDATA, 4, 24_u32.to_le_bytes());
        let empty = patched(empty, 16, [0; 4]);
        let error = C2HData::parse(&empty, &PLAIN).err();
        assert_eq!(error.and_then(|e| e.fatal()).map(|e| e.fei), Some(4));
    }

    #[test]
    fn data_unknown_names_the_field() {
        assert_eq!(READ.unknown_cccid().fei, 8);
        assert_eq!(WRITE.unknown_ttag().fei, 10);
    }
}
