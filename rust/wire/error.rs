// SPDX-License-Identifier: GPL-2.0

//! What went wrong, as the peer is told and as the log shows it.
//!
//! Specification: section 3.5 (error handling model), figures 22 and 23 (FES and FEI).
//! C counterpart: `enum nvme_tcp_fatal_error_status`.

use core::fmt;

use super::{
    pdu_type::PduType,
    reason::Reason, //
};

/// Fatal Error Status: the code by which a TermReq names the error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fes {
    /// A header field has an illegal value; FEI is its offset (`NVME_TCP_FES_INVALID_PDU_HDR`).
    InvalidHeaderField = 0x01,
    /// A PDU came when it must not (`NVME_TCP_FES_PDU_SEQ_ERR`).
    PduSequence = 0x02,
    /// The header digest is wrong; FEI is the one received (`NVME_TCP_FES_HDR_DIGEST_ERR`).
    HeaderDigest = 0x03,
    /// Data outside of the command's buffer or of the R2T (`NVME_TCP_FES_DATA_OUT_OF_RANGE`).
    DataOutOfRange = 0x04,
    /// From a host: more R2Ts than MAXR2T; from a controller: more data in one H2CData than
    /// MAXH2CDATA. The two meanings share one code (`NVME_TCP_FES_R2T_LIMIT_EXCEEDED`,
    /// `NVME_TCP_FES_DATA_LIMIT_EXCEEDED`).
    LimitExceeded = 0x05,
    /// A parameter is legal but not supported; FEI is its offset
    /// (`NVME_TCP_FES_UNSUPPORTED_PARAM`).
    UnsupportedParameter = 0x06,
}

impl Fes {
    /// The code as it stands in a TermReq.
    pub const fn code(self) -> u16 {
        self as u16
    }

    /// The status behind a code that a peer sent; [`None`] if the code is reserved.
    pub const fn from_code(code: u16) -> Option<Self> {
        Some(match code {
            0x01 => Self::InvalidHeaderField,
            0x02 => Self::PduSequence,
            0x03 => Self::HeaderDigest,
            0x04 => Self::DataOutOfRange,
            0x05 => Self::LimitExceeded,
            0x06 => Self::UnsupportedParameter,
            _ => return None,
        })
    }
}

impl fmt::Display for Fes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InvalidHeaderField => "invalid PDU header field",
            Self::PduSequence => "PDU sequence error",
            Self::HeaderDigest => "header digest error",
            Self::DataOutOfRange => "data transfer out of range",
            Self::LimitExceeded => "R2T or data transfer limit exceeded",
            Self::UnsupportedParameter => "unsupported parameter",
        })
    }
}

/// A rule that the peer has broken, so that the connection cannot go on: what the specification
/// calls a fatal error.
///
/// Displays as one line, `reason (status, FEI value)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Error {
    /// The status for the TermReq.
    pub fes: Fes,
    /// Fatal Error Information for the TermReq: the offset of the field in bytes for 01h and
    /// 06h, the digest received for 03h, otherwise 0.
    pub fei: u32,
    /// The rule.
    pub reason: Reason,
}

impl Error {
    /// A header field at byte `offset` is illegal.
    pub(super) const fn header(offset: u32, reason: Reason) -> Self {
        Self {
            fes: Fes::InvalidHeaderField,
            fei: offset,
            reason,
        }
    }

    /// The parameter at byte `offset` is not supported.
    pub(super) const fn unsupported(offset: u32, reason: Reason) -> Self {
        Self {
            fes: Fes::UnsupportedParameter,
            fei: offset,
            reason,
        }
    }

    /// The PDU breaks the order of things.
    pub(super) const fn sequence(reason: Reason) -> Self {
        Self {
            fes: Fes::PduSequence,
            fei: 0,
            reason,
        }
    }

    /// The header digest is `got`, but the header's is `want`.
    pub(super) const fn header_digest(got: u32, want: u32) -> Self {
        Self {
            fes: Fes::HeaderDigest,
            fei: got,
            reason: Reason::HeaderDigest { got, want },
        }
    }

    /// The `len` bytes at `offset` reach past `end`.
    pub(super) const fn out_of_range(offset: u32, len: u32, end: u32) -> Self {
        Self {
            fes: Fes::DataOutOfRange,
            fei: 0,
            reason: Reason::OutOfRange { offset, len, end },
        }
    }

    /// A limit that was settled with the connection is exceeded.
    pub(super) const fn limit(reason: Reason) -> Self {
        Self {
            fes: Fes::LimitExceeded,
            fei: 0,
            reason,
        }
    }

    /// A PDU of type `kind` must not come now.
    ///
    /// For what only a driver can know: data for a command that transfers none, for example.
    pub const fn unexpected(kind: PduType) -> Self {
        Self::sequence(Reason::Unexpected(kind))
    }

    /// A command is said to have succeeded, and of its `want` bytes of data `got` have come.
    pub const fn short_of_data(got: u32, want: u32) -> Self {
        Self::sequence(Reason::ShortOfData { got, want })
    }

    /// A command was sent an R2T while another was open.
    pub const fn r2t_limit() -> Self {
        Self::limit(Reason::R2tOpen)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}, FEI {:#x})", self.reason, self.fes, self.fei)
    }
}

/// Why nothing more can be received on a connection.
///
/// Displays as one line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// The peer has broken a rule, and is told by a [`TermReq`](super::TermReq).
    Fatal(Error),
    /// A TermReq that is none. Section 3.5 wants it ignored: the connection is closed, and the
    /// peer is not told.
    BadTermReq {
        /// Its FLAGS, which should be zero.
        flags: u8,
        /// Its HLEN.
        hlen: u8,
        /// Its PLEN.
        plen: u32,
    },
    /// Ours: [`Decoder::advance`](super::Decoder::advance) was told of more bytes than
    /// [`Decoder::input`](super::Decoder::input) had asked for.
    Overrun {
        /// Bytes told.
        got: usize,
        /// Bytes asked for.
        asked: usize,
    },
}

impl DecodeError {
    /// `got` bytes were fed to a decoder that had asked for `asked`.
    pub(super) const fn overrun(got: usize, asked: usize) -> Self {
        Self::Overrun { got, asked }
    }

    /// The rule that the peer is to be told of, if there is one.
    pub const fn fatal(&self) -> Option<Error> {
        match self {
            Self::Fatal(error) => Some(*error),
            Self::BadTermReq { .. } | Self::Overrun { .. } => None,
        }
    }
}

impl From<Error> for DecodeError {
    fn from(error: Error) -> Self {
        Self::Fatal(error)
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fatal(error) => error.fmt(f),
            Self::BadTermReq { flags, hlen, plen } => write!(
                f,
                "malformed TermReq, FLAGS {flags:#x}, HLEN {hlen}, PLEN {plen}"
            ),
            Self::Overrun { got, asked } => write!(f, "fed {got} bytes, asked for {asked}"),
        }
    }
}

/// Why a PDU cannot be written: a mistake of our own.
///
/// Displays as one line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EmitError {
    /// The buffer is too small for the header.
    NoSpace {
        /// Size of the buffer in bytes.
        got: usize,
        /// Bytes needed.
        need: usize,
    },
    /// With this much data, PLEN would not fit its 32 bits.
    TooLong {
        /// Length of the data in bytes.
        data_len: u32,
    },
}

impl fmt::Display for EmitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSpace { got, need } => write!(f, "buffer of {got} bytes, need {need}"),
            Self::TooLong { data_len } => write!(f, "{data_len} data bytes overflow PLEN"),
        }
    }
}

#[cfg(any(test, nvme_kunit))]
#[cfg_attr(nvme_kunit, ::kernel::macros::kunit_tests(nvme_tcp_wire_error))]
mod tests {
    use super::super::{
        reason::Rule,
        test::{
            testing::Line, //
        }, //
    };
    use super::*;

    #[test]
    fn fes_codes() {
        for code in 0x01..=0x06 {
            assert_eq!(Fes::from_code(code).map(Fes::code), Some(code));
        }
        for code in [0x00, 0x07, 0x0100, u16::MAX] {
            assert_eq!(Fes::from_code(code), None);
        }
    }

    #[test]
    fn error_is_one_line() {
        let reason = Reason::Field {
            name: "PLEN",
            got: 30,
            rule: Rule::Is(24),
        };
        let line = Line::of(&Error::header(4, reason));

        let want = "PLEN 0x1e must be 0x18 (invalid PDU header field, FEI 0x4)";
        assert_eq!(line.as_str(), want);
    }

    #[test]
    fn error_says_whose_it_is() {
        let fatal = Error::unexpected(PduType::ICReq);
        assert_eq!(DecodeError::from(fatal).fatal(), Some(fatal));

        let overrun = DecodeError::Overrun { got: 25, asked: 24 };
        assert_eq!(overrun.fatal(), None);
        assert_eq!(Line::of(&overrun).as_str(), "fed 25 bytes, asked for 24");

        let bad = DecodeError::BadTermReq {
            flags: 1,
            hlen: 24,
            plen: 23,
        };
        assert_eq!(bad.fatal(), None);
        assert_eq!(
            Line::of(&bad).as_str(),
            "malformed TermReq, FLAGS 0x1, HLEN 24, PLEN 23"
        );
    }

    #[test]
    fn error_of_emit_is_one_line() {
        let short = EmitError::NoSpace { got: 23, need: 24 };
        assert_eq!(Line::of(&short).as_str(), "buffer of 23 bytes, need 24");
        let long = EmitError::TooLong { data_len: u32::MAX };
        assert_eq!(
            Line::of(&long).as_str(),
            "4294967295 data bytes overflow PLEN"
        );
    }
}
