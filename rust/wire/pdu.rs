// SPDX-License-Identifier: GPL-2.0

//! A PDU of any type.
//!
//! Specification: figure 10. C counterpart: `union nvme_tcp_pdu`.

use super::{
    capsule::{
        CapsuleCmd,
        CapsuleResp, //
    },
    ch::Ch,
    data::{
        C2HData,
        H2CData, //
    },
    error::Error,
    header::PduHeader,
    ic::{
        ICReq,
        ICResp, //
    },
    pdu_type::PduType,
    r2t::R2T,
    term::TermReq, //
};

/// The header of a PDU that was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pdu {
    /// Initialize Connection Request.
    ICReq(ICReq),
    /// Initialize Connection Response.
    ICResp(ICResp),
    /// Host to Controller Terminate Connection Request.
    H2CTermReq(TermReq),
    /// Controller to Host Terminate Connection Request.
    C2HTermReq(TermReq),
    /// Command Capsule.
    CapsuleCmd(CapsuleCmd),
    /// Response Capsule.
    CapsuleResp(CapsuleResp),
    /// Host to Controller Data Transfer.
    H2CData(H2CData),
    /// Controller to Host Data Transfer.
    C2HData(C2HData),
    /// Ready to Transfer.
    R2T(R2T),
}

/// Length of the longest header in bytes.
pub(super) const MAX_HLEN: usize = PduType::ICReq.hlen() as usize;

impl Pdu {
    /// Reads the PDU behind the common header `ch`, which begins `header`.
    ///
    /// # Errors
    ///
    /// As the `parse` of the type.
    pub(super) fn read(ch: &Ch, header: &[u8; MAX_HLEN]) -> Result<Self, Error> {
        Ok(match ch.kind {
            PduType::ICReq => Self::ICReq(ICReq::read(ch, header)?),
            PduType::ICResp => Self::ICResp(ICResp::read(ch, header)?),
            PduType::H2CTermReq => Self::H2CTermReq(TermReq::read(header)),
            PduType::C2HTermReq => Self::C2HTermReq(TermReq::read(header)),
            PduType::CapsuleCmd => Self::CapsuleCmd(CapsuleCmd::read(ch, header)?),
            PduType::CapsuleResp => Self::CapsuleResp(CapsuleResp::read(ch, header)?),
            PduType::H2CData => Self::H2CData(H2CData::read(ch, header)?),
            PduType::C2HData => Self::C2HData(C2HData::read(ch, header)?),
            PduType::R2T => Self::R2T(R2T::read(ch, header)?),
        })
    }

    /// The PDU's type.
    pub const fn kind(&self) -> PduType {
        match self {
            Self::ICReq(_) => PduType::ICReq,
            Self::ICResp(_) => PduType::ICResp,
            Self::H2CTermReq(_) => PduType::H2CTermReq,
            Self::C2HTermReq(_) => PduType::C2HTermReq,
            Self::CapsuleCmd(_) => PduType::CapsuleCmd,
            Self::CapsuleResp(_) => PduType::CapsuleResp,
            Self::H2CData(_) => PduType::H2CData,
            Self::C2HData(_) => PduType::C2HData,
            Self::R2T(_) => PduType::R2T,
        }
    }

    /// Length of the data that follow in bytes, without digest.
    pub const fn payload_len(&self) -> u32 {
        match self {
            Self::CapsuleCmd(pdu) => pdu.data_len,
            Self::H2CData(pdu) => pdu.datal,
            Self::C2HData(pdu) => pdu.datal,
            _ => 0,
        }
    }
}
