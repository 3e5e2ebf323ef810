// SPDX-License-Identifier: GPL-2.0

//! ICReq and ICResp: the exchange that opens a connection.
//!
//! | byte | ICReq | ICResp |
//! |---|---|---|
//! | 9:8 | PFV, PDU format version | same |
//! | 10 | HPDA, alignment of data sent to the host | CPDA, of data sent to the controller |
//! | 11 | DGST, digests requested | digests enabled |
//! | 15:12 | MAXR2T, open R2Ts per command, less one | MAXH2CDATA, data bytes per H2CData |
//! | 127:16 | reserved | reserved |
//!
//! Specification: sections 3.1, 3.6.2.2 and 3.6.2.3, figures 20 and 21.
//! C counterparts: `struct nvme_tcp_icreq_pdu`, `struct nvme_tcp_icresp_pdu`.

use super::{
    ch::Ch,
    digest::Digests,
    error::Error,
    field::Field,
    header::PduHeader,
    layout::{
        Layout,
        Pda, //
    },
    pdu_type::PduType,
    reason::Rule, //
};

mod field {
    use super::super::field::Field;

    pub(super) const PFV: Field<u16, 8> = Field::new("PFV");
    pub(super) const HPDA: Field<u8, 10> = Field::new("HPDA");
    pub(super) const CPDA: Field<u8, 10> = Field::new("CPDA");
    pub(super) const DGST: Field<u8, 11> = Field::new("DGST");
    pub(super) const MAXR2T: Field<u32, 12> = Field::new("MAXR2T");
    pub(super) const MAXH2CDATA: Field<u32, 12> = Field::new("MAXH2CDATA");
}

/// The PDU format version that this layer speaks (`NVME_TCP_PFV_1_0`).
pub const PFV_1_0: u16 = 0;

/// The least MAXH2CDATA that a controller may announce in bytes (`NVME_TCP_MIN_MAXH2CDATA`).
pub const MIN_MAXH2CDATA: u32 = 4096;

/// Reads PFV, of which there is one value yet.
fn read_pfv<const N: usize>(header: &[u8; N]) -> Result<u16, Error> {
    match field::PFV.get(header) {
        PFV_1_0 => Ok(PFV_1_0),
        other => Err(field::PFV.unsupported(other, Rule::Is(PFV_1_0.into()))),
    }
}

/// Reads HPDA or CPDA.
fn read_pda<const N: usize>(field: Field<u8, 10>, header: &[u8; N]) -> Result<Pda, Error> {
    let raw = field.get(header);
    Pda::new(raw).ok_or_else(|| field.invalid(raw, Rule::Max(Pda::MAX.into())))
}

/// Reads MAXH2CDATA, which has to be large enough, and a multiple of dwords.
fn read_maxh2cdata<const N: usize>(header: &[u8; N]) -> Result<u32, Error> {
    let maxh2cdata = field::MAXH2CDATA.get(header);
    if maxh2cdata < MIN_MAXH2CDATA {
        return Err(field::MAXH2CDATA.invalid(maxh2cdata, Rule::Min(MIN_MAXH2CDATA)));
    }
    if maxh2cdata & 3 != 0 {
        return Err(field::MAXH2CDATA.invalid(maxh2cdata, Rule::MultipleOf(4)));
    }
    Ok(maxh2cdata)
}

/// Initialize Connection Request: what a host asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ICReq {
    /// PDU format version.
    pub pfv: u16,
    /// The alignment that the host wants for data sent to it.
    pub hpda: Pda,
    /// The digests that the host asks for.
    pub digests: Digests,
    /// The number of R2Ts that the host can keep open for one command, less one.
    pub maxr2t: u32,
}

impl PduHeader<128> for ICReq {
    const TYPE: PduType = PduType::ICReq;

    fn read<const N: usize>(_: &Ch, header: &[u8; N]) -> Result<Self, Error> {
        Ok(Self {
            pfv: read_pfv(header)?,
            hpda: read_pda(field::HPDA, header)?,
            digests: Digests::from_bits(field::DGST.get(header)),
            maxr2t: field::MAXR2T.get(header),
        })
    }

    fn write(&self, header: &mut [u8; 128]) {
        field::PFV.put(header, self.pfv);
        field::HPDA.put(header, self.hpda.raw());
        field::DGST.put(header, self.digests.bits());
        field::MAXR2T.put(header, self.maxr2t);
    }
}

impl ICReq {
    /// How a controller that grants this request has to lay out what it sends.
    pub const fn layout(&self) -> Layout {
        Layout {
            digests: self.digests,
            pda: self.hpda,
        }
    }
}

/// Initialize Connection Response: what a controller grants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ICResp {
    /// PDU format version.
    pub pfv: u16,
    /// The alignment that the controller wants for data sent to it.
    pub cpda: Pda,
    /// The digests that the connection uses.
    pub digests: Digests,
    /// The most data that one H2CData may carry in bytes.
    pub maxh2cdata: u32,
}

impl PduHeader<128> for ICResp {
    const TYPE: PduType = PduType::ICResp;

    fn read<const N: usize>(_: &Ch, header: &[u8; N]) -> Result<Self, Error> {
        Ok(Self {
            pfv: read_pfv(header)?,
            cpda: read_pda(field::CPDA, header)?,
            digests: Digests::from_bits(field::DGST.get(header)),
            maxh2cdata: read_maxh2cdata(header)?,
        })
    }

    fn write(&self, header: &mut [u8; 128]) {
        field::PFV.put(header, self.pfv);
        field::CPDA.put(header, self.cpda.raw());
        field::DGST.put(header, self.digests.bits());
        field::MAXH2CDATA.put(header, self.maxh2cdata);
    }
}

impl ICResp {
    /// How the host that sent `request` has to lay out what it sends.
    ///
    /// # Errors
    ///
    /// 01h if the digests are not those requested. A controller must not enable what was not
    /// asked for; it may refuse what was, but who asked for a digest wants it, so that the C
    /// driver gives up then and so do we.
    pub fn layout(&self, request: &ICReq) -> Result<Layout, Error> {
        if self.digests != request.digests {
            let want = Rule::Is(request.digests.bits().into());
            return Err(field::DGST.invalid(self.digests.bits(), want));
        }
        Ok(Layout {
            digests: self.digests,
            pda: self.cpda,
        })
    }
}

#[cfg(any(test, nvme_kunit))]
#[cfg_attr(nvme_kunit, ::kernel::macros::kunit_tests(nvme_tcp_wire_ic))]
mod tests {
    use super::super::{
        error::Fes,
        test::{
            golden,
            testing::{
                patched,
                writes,
                Table,
                DIGESTED,
                PLAIN, //
            }, //
        }, //
    };
    use super::*;

    const BOTH: Digests = DIGESTED.digests;

    fn request(digests: Digests) -> ICReq {
        ICReq {
            pfv: PFV_1_0,
            hpda: Pda::default(),
            digests,
            maxr2t: 0,
        }
    }

    fn response(digests: Digests) -> ICResp {
        ICResp {
            pfv: PFV_1_0,
            cpda: Pda::default(),
            digests,
            maxh2cdata: 0x40_0000,
        }
    }

    /// Status and offset with which an ICReq that has `with` at byte `at` is refused.
    fn refusal<const N: usize>(at: usize, with: [u8; N]) -> Option<(Fes, u32)> {
        let error = ICReq::parse(&patched(golden::ICREQ, at, with), &PLAIN)
            .err()?
            .fatal()?;
        Some((error.fes, error.fei))
    }

    #[test]
    fn ic_parse_golden() {
        let plain = Digests::default();
        assert_eq!(ICReq::parse(&golden::ICREQ, &PLAIN), Ok(request(plain)));
        assert_eq!(
            ICReq::parse(&golden::ICREQ_DIGESTS, &PLAIN),
            Ok(request(BOTH))
        );
        assert_eq!(ICResp::parse(&golden::ICRESP, &PLAIN), Ok(response(plain)));
        assert_eq!(
            ICResp::parse(&golden::ICRESP_DIGESTS, &PLAIN),
            Ok(response(BOTH))
        );
    }

    #[test]
    fn ic_emit_golden() {
        // Whatever the layout.
        assert!(writes(&golden::ICREQ_DIGESTS, |out| request(BOTH)
            .emit::<Table>(&DIGESTED, out)));
        assert!(writes(&golden::ICRESP_DIGESTS, |out| response(BOTH)
            .emit::<Table>(&PLAIN, out)));
    }

    #[test]
    fn ic_emit_short_buffer() {
        let mut out = [0xa5; 127];
        assert!(request(BOTH).emit::<Table>(&PLAIN, &mut out).is_err());
        assert!(response(BOTH).emit::<Table>(&PLAIN, &mut out).is_err());
        assert_eq!(out, [0xa5; 127]);
    }

    #[test]
    fn icreq_bad_fields() {
        let invalid = |offset| Some((Fes::InvalidHeaderField, offset));

        assert_eq!(refusal(0, [0x08]), invalid(0));
        assert_eq!(refusal(2, [127]), invalid(2));
        assert_eq!(refusal(2, [129]), invalid(2));
        for plen in [0, 127, 129, u32::MAX] {
            assert_eq!(refusal(4, plen.to_le_bytes()), invalid(4));
        }
        for pfv in [1, 0x0100, u16::MAX] {
            let want = Some((Fes::UnsupportedParameter, 8));
            assert_eq!(refusal(8, pfv.to_le_bytes()), want);
        }
        assert_eq!(refusal(10, [32]), invalid(10));
        assert_eq!(refusal(10, [255]), invalid(10));
        assert_eq!(refusal(10, [31]), None);
    }

    #[test]
    fn icreq_first_bad_field_wins() {
        let fei = |bytes| Some(ICReq::parse(bytes, &PLAIN).err()?.fatal()?.fei);
        let bytes = patched(patched(golden::ICREQ, 8, [1]), 10, [99]);
        assert_eq!(fei(&bytes), Some(8));
        let bytes = patched(bytes, 2, [0]);
        assert_eq!(fei(&bytes), Some(2));
    }

    #[test]
    fn icreq_ignores_reserved() {
        let bytes = patched(golden::ICREQ, 1, [0xff]);
        let bytes = patched(bytes, 3, [0xff]);
        let bytes = patched(bytes, 11, [0xfc]);
        let bytes = patched(bytes, 16, [0xff; 112]);
        assert_eq!(
            ICReq::parse(&bytes, &PLAIN),
            ICReq::parse(&golden::ICREQ, &PLAIN)
        );
    }

    #[test]
    fn icresp_maxh2cdata_bounds() {
        for (maxh2cdata, legal) in [
            (0, false),
            (1, false),
            (4095, false),
            (4096, true),
            (4097, false),
            (4098, false),
            (4100, true),
            (u32::MAX - 3, true),
            (u32::MAX, false),
        ] {
            let bytes = patched(golden::ICRESP, 12, maxh2cdata.to_le_bytes());
            assert_eq!(ICResp::parse(&bytes, &PLAIN).is_ok(), legal);
        }
    }

    #[test]
    fn icresp_must_grant_what_was_asked() {
        for asked in 0..=3 {
            for granted in 0..=3 {
                let asked = Digests::from_bits(asked);
                let granted = Digests::from_bits(granted);
                let layout = response(granted).layout(&request(asked));

                assert_eq!(layout.is_ok(), asked == granted);
                assert_eq!(layout.err().map_or(11, |e| e.fei), 11);
            }
        }
    }
}
