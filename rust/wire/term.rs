// SPDX-License-Identifier: GPL-2.0

//! H2CTermReq and C2HTermReq: one side found an error and wants the connection closed.
//!
//! | byte | field |
//! |---|---|
//! | 9:8 | FES, Fatal Error Status |
//! | 13:10 | FEI, Fatal Error Information |
//! | 23:14 | reserved |
//! | 24.. | the header of the PDU that was wrong, at most 128 bytes |
//!
//! Specification: sections 3.5, 3.6.2.4 and 3.6.2.5, figures 22 and 23. C counterpart: `struct
//! nvme_tcp_term_pdu`.

use core::fmt;

use super::{
    ch::{
        self,
        Ch, //
    },
    error::{
        DecodeError,
        EmitError,
        Error,
        Fes, //
    },
    layout::Layout,
    pdu_type::{
        PduType,
        Role, //
    }, //
};

mod field {
    use super::super::field::Field;

    pub(super) const FES: Field<u16, 8> = Field::new("FES");
    pub(super) const FEI: Field<u32, 10> = Field::new("FEI");
}

/// A TermReq of either direction; which one, the [`PduType`] says.
///
/// Displays as `FES code (meaning), FEI value`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TermReq {
    /// Fatal Error Status as sent; [`Fes::from_code`] knows the meaning.
    pub fes: u16,
    /// Fatal Error Information.
    pub fei: u32,
}

impl TermReq {
    /// HLEN for arrays.
    const LEN: usize = PduType::C2HTermReq.hlen() as usize;

    /// The most bytes that may follow the header.
    const MAX_DATA: usize = 128;

    /// The least PLEN (`NVME_TCP_MIN_C2HTERM_PLEN`).
    pub(super) const MIN_PLEN: u32 = 24;

    /// The largest PLEN (`NVME_TCP_MAX_C2HTERM_PLEN`).
    pub(super) const MAX_PLEN: u32 = 152;

    /// The most bytes that [`TermReq::emit`] writes.
    pub const MAX_HEADER: usize = Self::LEN + Self::MAX_DATA;

    /// The TermReq that `error` calls for; [`None`] if the peer is not to be told.
    pub const fn answering(error: &DecodeError) -> Option<Self> {
        match error.fatal() {
            Some(Error { fes, fei, .. }) => Some(Self {
                fes: fes.code(),
                fei,
            }),
            None => None,
        }
    }

    /// Reads a TermReq of either direction at the start of `header`.
    ///
    /// # Errors
    ///
    /// 02h for another PDU. [`DecodeError::BadTermReq`] for a length that
    /// no TermReq has: not to be answered.
    pub fn parse<const N: usize>(header: &[u8; N]) -> Result<Self, DecodeError> {
        let ch = Ch::parse(header, &Layout::default())?;
        if !ch.kind.is_term_req() {
            return Err(Error::unexpected(ch.kind).into());
        }
        Ok(Self::read(header))
    }

    /// Reads what is behind the common header.
    pub(super) fn read<const N: usize>(header: &[u8; N]) -> Self {
        Self {
            fes: field::FES.get(header),
            fei: field::FEI.get(header),
        }
    }

    /// Writes the TermReq that the side `from` sends, with the PDU header `offending`, of which
    /// at most 128 bytes are taken. Returns the length of the PDU in bytes.
    ///
    /// # Errors
    ///
    /// If `out` has no room for that.
    pub fn emit(&self, from: Role, offending: &[u8], out: &mut [u8]) -> Result<usize, EmitError> {
        let kind = match from {
            Role::Host => PduType::H2CTermReq,
            Role::Controller => PduType::C2HTermReq,
        };
        let (offending, _) = offending
            .split_at_checked(Self::MAX_DATA)
            .unwrap_or((offending, &[]));
        let need = Self::LEN.saturating_add(offending.len());
        // Not larger than MAX_PLEN, so the conversion cannot fail.
        let plen = u32::try_from(need).unwrap_or(Self::MAX_PLEN);

        let got = out.len();
        let (header, tail) = out
            .get_mut(..need)
            .and_then(|used| used.split_first_chunk_mut::<{ Self::LEN }>())
            .ok_or(EmitError::NoSpace { got, need })?;
        *header = [0; Self::LEN];
        ch::put(header, kind, plen);
        field::FES.put(header, self.fes);
        field::FEI.put(header, self.fei);
        for (to, from) in tail.iter_mut().zip(offending) {
            *to = *from;
        }
        Ok(need)
    }
}

impl fmt::Display for TermReq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FES {:02x}h (", self.fes)?;
        match Fes::from_code(self.fes) {
            Some(fes) => fes.fmt(f)?,
            None => f.write_str("reserved")?,
        }
        write!(f, "), FEI {:#x}", self.fei)
    }
}

#[cfg(any(test, nvme_kunit))]
#[cfg_attr(nvme_kunit, ::kernel::macros::kunit_tests(nvme_tcp_wire_term))]
mod tests {
    use super::super::test::{
        golden,
        testing::{
            dirty,
            patched,
            Line, //
        }, //
    };
    use super::*;

    const BAD_PLEN: TermReq = TermReq {
        fes: 0x01,
        fei: 0x04,
    };

    #[test]
    fn term_golden() {
        let mut out = dirty();
        let offending = &golden::C2HTERMREQ_DATA;
        assert_eq!(BAD_PLEN.emit(Role::Controller, offending, &mut out), Ok(48));
        assert_eq!(out.first_chunk(), Some(&golden::C2HTERMREQ));
        assert_eq!(out.get(24..48), Some(&golden::C2HTERMREQ_DATA[..]));
        assert_eq!(out.last_chunk(), Some(&[0xa5; 112]));
        assert_eq!(TermReq::parse(&out), Ok(BAD_PLEN));
    }

    #[test]
    fn term_direction() {
        let mut out = dirty();
        assert_eq!(BAD_PLEN.emit(Role::Host, &[], &mut out), Ok(24));
        assert_eq!(out.first_chunk(), Some(&[0x02, 0, 24, 0, 24, 0, 0, 0]));
        assert_eq!(TermReq::parse(&out), Ok(BAD_PLEN));
    }

    #[test]
    fn term_takes_128_bytes_at_most() {
        for (given, written) in [
            (0, 24),
            (1, 25),
            (127, 151),
            (128, 152),
            (129, 152),
            (160, 152),
        ] {
            let mut out = dirty();
            let offending = [0x5a; 160];
            let offending = offending.get(..given).unwrap_or_default();
            assert_eq!(BAD_PLEN.emit(Role::Host, offending, &mut out), Ok(written));
            assert_eq!(TermReq::parse(&out), Ok(BAD_PLEN));

            // It needs just as much space as it says.
            let short = out.get_mut(..written - 1).unwrap_or_default();
            assert!(BAD_PLEN.emit(Role::Host, offending, short).is_err());
        }
    }

    #[test]
    fn term_plen_bounds() {
        for (plen, legal) in [
            (0, false),
            (23, false),
            (24, true),
            (152, true),
            (153, false),
            (u32::MAX, false),
        ] {
            let bytes = patched(golden::C2HTERMREQ, 4, u32::to_le_bytes(plen));
            let parsed = TermReq::parse(&bytes);
            assert_eq!(parsed.is_ok(), legal);
            assert!(!parsed.is_err_and(|e| e.fatal().is_some()));
        }
        assert!(TermReq::parse(&patched(golden::C2HTERMREQ, 2, [28])).is_err());
        assert!(TermReq::parse(&patched(golden::C2HTERMREQ, 1, [0x01])).is_err());
    }

    #[test]
    fn term_answers_what_it_should() {
        let error = Error::header_digest(0x1234_5678, 0).into();
        let answer = TermReq {
            fes: 0x03,
            fei: 0x1234_5678,
        };
        assert_eq!(TermReq::answering(&error), Some(answer));

        let bad = patched(golden::C2HTERMREQ, 4, [0]);
        let answer = TermReq::parse(&bad).map_err(|e| TermReq::answering(&e));
        assert_eq!(answer, Err(None));
    }

    #[test]
    fn term_is_one_line() {
        let known = Line::of(&BAD_PLEN);
        assert_eq!(
            known.as_str(),
            "FES 01h (invalid PDU header field), FEI 0x4"
        );

        let reserved = TermReq {
            fes: 0xffff,
            fei: 0,
        };
        let reserved = Line::of(&reserved);
        assert_eq!(reserved.as_str(), "FES ffffh (reserved), FEI 0x0");
    }
}
