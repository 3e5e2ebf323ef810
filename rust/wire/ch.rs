// SPDX-License-Identifier: GPL-2.0

//! The common header (CH), the first eight bytes of every PDU.
//!
//! | byte | field |
//! |---|---|
//! | 0 | PDU-Type |
//! | 1 | FLAGS, which digests there are, and what the type adds |
//! | 2 | HLEN, length of the header without its digest; fixed for each type |
//! | 3 | PDO, offset of the data in the PDU |
//! | 7:4 | PLEN, length of the whole PDU |
//!
//! Specification: section 3.6.2.1, figure 19. C counterpart: `struct nvme_tcp_hdr`.

use super::{
    digest::{
        finish,
        Crc32c,
        CRC_SEED, //
    },
    error::{
        DecodeError,
        EmitError,
        Error, //
    },
    layout::Layout,
    pdu_type::PduType,
    reason::{
        Reason,
        Rule, //
    },
    term::TermReq, //
};

mod field {
    use super::super::field::Field;

    pub(super) const TYPE: Field<u8, 0> = Field::new("PDU-Type");
    pub(super) const FLAGS: Field<u8, 1> = Field::new("FLAGS");
    pub(super) const HLEN: Field<u8, 2> = Field::new("HLEN");
    pub(super) const PDO: Field<u8, 3> = Field::new("PDO");
    pub(super) const PLEN: Field<u32, 4> = Field::new("PLEN");
}

/// Length of the common header in bytes.
pub(super) const CH_LEN: usize = 8;

/// HDGSTF: a header digest follows the header (`NVME_TCP_F_HDGST`).
pub(super) const HDGSTF: u8 = 1 << 0;
/// DDGSTF: a data digest follows the data, if there are data (`NVME_TCP_F_DDGST`).
pub(super) const DDGSTF: u8 = 1 << 1;
/// LAST_PDU: the last data PDU of a command or R2T (`NVME_TCP_F_DATA_LAST`).
pub(super) const LAST_PDU: u8 = 1 << 2;
/// SUCCESS: no CapsuleResp will follow this C2HData (`NVME_TCP_F_DATA_SUCCESS`).
pub(super) const SUCCESS: u8 = 1 << 3;

/// A common header that was received and found legal.
///
/// # Invariants
///
/// HLEN was the one of the type. FLAGS, PDO and PLEN agree with each other and with the layout
/// against which they were checked: of the PDU's `plen` bytes, the header with its digest, the
/// padding and the data digest leave `data_len`, and if that is not zero, the data begin at
/// `pdo`, not before `header_end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ch {
    pub(super) kind: PduType,
    pub(super) flags: u8,
    pub(super) pdo: u8,
    /// Length of the header and its digest.
    pub(super) header_end: u8,
    pub(super) plen: u32,
    pub(super) data_len: u32,
}

impl Ch {
    /// Reads the type of the PDU that begins with `header`.
    ///
    /// # Errors
    ///
    /// 01h if there is no such type.
    pub(super) fn kind<const N: usize>(header: &[u8; N]) -> Result<PduType, Error> {
        let code = field::TYPE.get(header);
        PduType::from_code(code)
            .ok_or_else(|| Error::header(field::TYPE.offset(), Reason::UnknownType(code)))
    }

    /// The error for a PDU of type `kind` that came from the wrong side.
    pub(super) const fn wrong_direction(kind: PduType) -> Error {
        Error::header(field::TYPE.offset(), Reason::WrongDirection(kind))
    }

    /// Whether a PDU of type `kind` has a digest behind its header, and says so.
    pub(super) fn is_digested<const N: usize>(
        kind: PduType,
        header: &[u8; N],
        layout: &Layout,
    ) -> bool {
        layout.has_header_digest(kind) && field::FLAGS.get(header) & HDGSTF != 0
    }

    /// The error for `data_len` bytes of data, where there may be `most`.
    pub(super) const fn too_long(data_len: u32, most: u32) -> Error {
        let reason = Reason::TooMuchData {
            got: data_len,
            most,
        };
        Error::header(field::PLEN.offset(), reason)
    }

    /// Reads the common header at the start of `header`.
    ///
    /// Checks fields in their order, because the TermReq has to name the first that is wrong.
    ///
    /// # Errors
    ///
    /// 01h with the offset of the illegal field. Reserved fields and bits are not looked at.
    pub(super) fn parse<const N: usize>(
        header: &[u8; N],
        layout: &Layout,
    ) -> Result<Self, DecodeError> {
        let kind = Self::kind(header)?;
        let flags = field::FLAGS.get(header);
        let hlen = field::HLEN.get(header);
        let pdo = field::PDO.get(header);
        let plen = field::PLEN.get(header);

        if kind.is_term_req() {
            // Section 3.5: one with a wrong length is ignored, not reported. Nor is one believed
            // that claims to have a digest: the type of a data PDU is but one bit away.
            let plens = TermReq::MIN_PLEN..=TermReq::MAX_PLEN;
            if hlen != kind.hlen() || !plens.contains(&plen) || flags & HDGSTF != 0 {
                return Err(DecodeError::BadTermReq { flags, hlen, plen });
            }
            // INVARIANT: What follows the header of a TermReq is not data in the sense of the
            // other PDUs: neither PDO nor a digest belongs to it.
            return Ok(Self {
                kind,
                flags,
                pdo,
                header_end: hlen,
                plen,
                data_len: 0,
            });
        }

        let header_end = layout.header_end(kind);
        let has_data = match kind {
            PduType::H2CData | PduType::C2HData => true,
            PduType::CapsuleCmd => plen > u32::from(header_end),
            _ => false,
        };

        if kind.is_digested() {
            // Without data, DDGSTF means nothing: figure 24 lets it be set all the same.
            let mask = if has_data { HDGSTF | DDGSTF } else { HDGSTF };
            let want = digest_flags(kind, layout) & mask;
            if flags & mask != want {
                return Err(field::FLAGS
                    .invalid(flags & mask, Rule::Is(want.into()))
                    .into());
            }
        }
        if kind == PduType::C2HData && flags & SUCCESS != 0 && flags & LAST_PDU == 0 {
            return Err(Error::header(field::FLAGS.offset(), Reason::SuccessWithoutLast).into());
        }

        if hlen != kind.hlen() {
            return Err(field::HLEN
                .invalid(hlen, Rule::Is(kind.hlen().into()))
                .into());
        }

        if has_data {
            if pdo < header_end {
                return Err(field::PDO.invalid(pdo, Rule::Min(header_end.into())).into());
            }
            let align = layout.pda.align();
            // `None` would be a division by zero, and an alignment is at least 4.
            if pdo.checked_rem(align) != Some(0) {
                return Err(field::PDO
                    .invalid(pdo, Rule::MultipleOf(align.into()))
                    .into());
            }
        }

        let data_len = if has_data {
            // The data digest, if any, follows at least one byte of data.
            let around = u32::from(pdo).saturating_add(layout.data_digest_len(1));
            match plen.checked_sub(around) {
                Some(data_len) if data_len != 0 => data_len,
                _ => {
                    let least = Rule::Min(around.saturating_add(1));
                    return Err(field::PLEN.invalid(plen, least).into());
                }
            }
        } else {
            if plen != u32::from(header_end) {
                return Err(field::PLEN
                    .invalid(plen, Rule::Is(header_end.into()))
                    .into());
            }
            0
        };

        // INVARIANT: Every part was checked above.
        Ok(Self {
            kind,
            flags,
            pdo,
            header_end,
            plen,
            data_len,
        })
    }

    /// Reads the common header of a PDU that has to be of type `kind`.
    ///
    /// # Errors
    ///
    /// As [`Ch::parse`], and 02h for a legal PDU of another type.
    pub(super) fn parse_as<const N: usize>(
        kind: PduType,
        header: &[u8; N],
        layout: &Layout,
    ) -> Result<Self, DecodeError> {
        let ch = Self::parse(header, layout)?;
        if ch.kind != kind {
            return Err(Error::unexpected(ch.kind).into());
        }
        Ok(ch)
    }

    /// Whether all bits of `flag` are set.
    pub(super) const fn has(&self, flag: u8) -> bool {
        self.flags & flag == flag
    }
}

/// The digest flags of a PDU of type `kind` that has data if it can.
const fn digest_flags(kind: PduType, layout: &Layout) -> u8 {
    let header = if layout.has_header_digest(kind) {
        HDGSTF
    } else {
        0
    };
    let data = if layout.digests.data && kind.can_have_data() {
        DDGSTF
    } else {
        0
    };
    header | data
}

/// The first `N` bytes of `out`, cleared, to write a PDU header into.
///
/// # Errors
///
/// If there are fewer.
pub(super) fn blank<const N: usize>(out: &mut [u8]) -> Result<&mut [u8; N], EmitError> {
    let got = out.len();
    let header = out
        .first_chunk_mut()
        .ok_or(EmitError::NoSpace { got, need: N })?;
    *header = [0; N];
    Ok(header)
}

/// Writes the common header of a PDU without data.
pub(super) fn put<const N: usize>(header: &mut [u8; N], kind: PduType, plen: u32) {
    field::TYPE.put(header, kind.code());
    field::HLEN.put(header, kind.hlen());
    field::PLEN.put(header, plen);
}

/// Completes a PDU around the type-specific part of its header, which stands in `out` already:
/// writes the common header, the header digest and the padding.
///
/// `flags` are those beyond the digests. Returns the offset at which the data belong, which
/// without data is the length of the PDU.
///
/// # Errors
///
/// If `out` is smaller than that offset, or PLEN would overflow.
pub(super) fn seal<C: Crc32c, const HLEN: usize>(
    kind: PduType,
    flags: u8,
    layout: &Layout,
    data_len: u32,
    out: &mut [u8],
) -> Result<usize, EmitError> {
    let has_data = data_len != 0;
    let start = if has_data {
        layout.data_offset(kind)
    } else {
        layout.header_end(kind)
    };
    let plen = u32::from(start)
        .checked_add(data_len)
        .and_then(|len| len.checked_add(layout.data_digest_len(data_len)))
        .ok_or(EmitError::TooLong { data_len })?;
    let mask = if has_data { HDGSTF | DDGSTF } else { HDGSTF };

    let (got, need) = (out.len(), usize::from(start));
    let (header, tail) = out
        .get_mut(..need)
        .and_then(|used| used.split_first_chunk_mut::<HLEN>())
        .ok_or(EmitError::NoSpace { got, need })?;

    put(header, kind, plen);
    field::FLAGS.put(header, flags | digest_flags(kind, layout) & mask);
    field::PDO.put(header, if has_data { start } else { 0 });

    tail.fill(0);
    if layout.has_header_digest(kind) {
        if let Some(digest) = tail.first_chunk_mut() {
            *digest = finish(C::update(CRC_SEED, header));
        }
    }
    Ok(need)
}
