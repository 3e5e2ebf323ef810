// SPDX-License-Identifier: GPL-2.0

//! The rules that a peer may break, for the log.

use core::fmt;

use super::pdu_type::PduType;

/// What a field had to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Exactly this.
    Is(u32),
    /// This or more.
    Min(u32),
    /// This or less.
    Max(u32),
    /// A multiple of this.
    MultipleOf(u32),
    /// Anything but zero.
    NotZero,
    /// The identifier of something that exists.
    Known,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Is(want) => write!(f, "must be {want:#x}"),
            Self::Min(min) => write!(f, "must be at least {min:#x}"),
            Self::Max(max) => write!(f, "must be at most {max:#x}"),
            Self::MultipleOf(unit) => write!(f, "must be a multiple of {unit}"),
            Self::NotZero => f.write_str("must not be zero"),
            Self::Known => f.write_str("names nothing known"),
        }
    }
}

/// The rule that a peer has broken, with the values for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// A field breaks a rule.
    Field {
        /// The field's name in the specification.
        name: &'static str,
        /// Its value.
        got: u32,
        /// The rule.
        rule: Rule,
    },
    /// No PDU has this type.
    UnknownType(u8),
    /// A PDU of this type only ever travels the other way.
    WrongDirection(PduType),
    /// A PDU of this type must not come now.
    Unexpected(PduType),
    /// A C2HData says SUCCESS, but not that it is the last one.
    SuccessWithoutLast,
    /// A C2HData for a command whose last one has been received.
    AfterLast,
    /// An H2CData with LAST_PDU set before, or not set at, the end of what the R2T asked for.
    MisplacedLast {
        /// Whether it was set.
        got: bool,
    },
    /// The header digest does not match the header.
    HeaderDigest {
        /// The digest received.
        got: u32,
        /// The digest computed.
        want: u32,
    },
    /// A capsule has more data than any may have.
    TooMuchData {
        /// Its bytes of data.
        got: u32,
        /// The most that there may be.
        most: u32,
    },
    /// An R2T for a command whose last one is not served yet: we offer MAXR2T 0, one at a time.
    R2tOpen,
    /// A command is said to have succeeded before all of its data have come.
    ShortOfData {
        /// The bytes that have.
        got: u32,
        /// The bytes of the command.
        want: u32,
    },
    /// The range of bytes reaches past the end of the buffer or of the R2T.
    OutOfRange {
        /// Offset of the range in the command's data.
        offset: u32,
        /// Its length in bytes.
        len: u32,
        /// The first offset that does not belong to the peer.
        end: u32,
    },
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field { name, got, rule } => write!(f, "{name} {got:#x} {rule}"),
            Self::UnknownType(raw) => write!(f, "unknown PDU type {raw:#x}"),
            Self::WrongDirection(kind) => write!(f, "{kind:?} sent in the wrong direction"),
            Self::Unexpected(kind) => write!(f, "unexpected {kind:?}"),
            Self::SuccessWithoutLast => f.write_str("C2HData with SUCCESS but without LAST_PDU"),
            Self::AfterLast => f.write_str("C2HData after the one with LAST_PDU"),
            Self::MisplacedLast { got: true } => f.write_str("LAST_PDU set too early"),
            Self::MisplacedLast { got: false } => f.write_str("LAST_PDU missing"),
            Self::HeaderDigest { got, want } => {
                write!(f, "header digest {got:#010x} must be {want:#010x}")
            }
            Self::TooMuchData { got, most } => {
                write!(
                    f,
                    "{got:#x} bytes of data in a capsule, at most {most:#x} may be"
                )
            }
            Self::R2tOpen => f.write_str("R2T while another is open"),
            Self::ShortOfData { got, want } => {
                write!(f, "success after {got:#x} of {want:#x} bytes of data")
            }
            Self::OutOfRange { offset, len, end } => {
                write!(f, "{len:#x} bytes at {offset:#x} reach past {end:#x}")
            }
        }
    }
}
