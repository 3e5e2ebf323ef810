// SPDX-License-Identifier: GPL-2.0

//! What all PDUs but the TermReqs have in common: how they are read and written.
//!
//! A PDU says what its fields behind the common header are; the rest is the same for all.
//!
//! Specification: section 3.6.2, figure 8.

use super::{
    ch::{
        self,
        Ch, //
    },
    digest::Crc32c,
    error::{
        DecodeError,
        EmitError,
        Error, //
    },
    layout::Layout,
    pdu_type::PduType, //
};

/// The command that a PDU belongs to, by what its `header` says; [`None`] if it belongs to none.
/// For those who only look on: nothing is checked.
pub fn command_id(header: &[u8]) -> Option<u16> {
    let at = match PduType::from_code(*header.first()?)? {
        PduType::CapsuleCmd => ch::CH_LEN + 2,
        PduType::CapsuleResp => ch::CH_LEN + 12,
        PduType::H2CData | PduType::C2HData | PduType::R2T => ch::CH_LEN,
        PduType::ICReq | PduType::ICResp | PduType::H2CTermReq | PduType::C2HTermReq => {
            return None
        }
    };
    header
        .get(at..)?
        .first_chunk()
        .copied()
        .map(u16::from_le_bytes)
}

/// A PDU that has a type of its own and a header of `HLEN` bytes.
///
/// TermReqs are not among them: they have two types, and their length varies.
pub trait PduHeader<const HLEN: usize>: Sized {
    /// The type.
    const TYPE: PduType;

    /// The most bytes that [`PduHeader::emit`] writes: the header and its digest, and if data can
    /// follow, padding.
    const MAX_HEADER: usize = Layout::max_header(Self::TYPE);

    /// Reads what is behind the common header `ch`, which begins `header`.
    ///
    /// # Errors
    ///
    /// 01h for an illegal field, 06h for one that is not supported.
    fn read<const N: usize>(ch: &Ch, header: &[u8; N]) -> Result<Self, Error>;

    /// Writes what is behind the common header. Reserved bytes are zero already.
    fn write(&self, header: &mut [u8; HLEN]);

    /// The FLAGS of this type; those of the digests are not the PDU's to know.
    fn flags(&self) -> u8 {
        0
    }

    /// Length of the data that follow in bytes, without digest.
    fn data_len(&self) -> u32 {
        0
    }

    /// Reads a PDU at the start of `header`, from which the header digest is not checked.
    ///
    /// # Errors
    ///
    /// As [`PduHeader::read`]; 01h for an illegal field of the common header, 02h for another PDU.
    fn parse<const N: usize>(header: &[u8; N], layout: &Layout) -> Result<Self, DecodeError> {
        let ch = Ch::parse_as(Self::TYPE, header, layout)?;
        Ok(Self::read(&ch, header)?)
    }

    /// Writes header, header digest and padding to the start of `out`. Returns the number of
    /// bytes that precede the data; without data, the length of the PDU.
    ///
    /// The PDUs of the IC exchange are the same with every layout.
    ///
    /// # Errors
    ///
    /// If `out` has no room for that, or the data do not fit PLEN.
    fn emit<C: Crc32c>(&self, layout: &Layout, out: &mut [u8]) -> Result<usize, EmitError> {
        const { assert!(HLEN == Self::TYPE.hlen() as usize) };
        self.write(ch::blank(out)?);
        ch::seal::<C, HLEN>(Self::TYPE, self.flags(), layout, self.data_len(), out)
    }
}
