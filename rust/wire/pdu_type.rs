// SPDX-License-Identifier: GPL-2.0

//! The types of PDUs, and which side receives them.
//!
//! Specification: figure 10. C counterpart: `enum nvme_tcp_pdu_type`.

/// Which side of a connection we are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// We receive what controllers send.
    Host,
    /// We receive what hosts send.
    Controller,
}

/// The type of a PDU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PduType {
    /// Initialize Connection Request, the first PDU from a host.
    ICReq = 0x00,
    /// Initialize Connection Response, its answer.
    ICResp = 0x01,
    /// Host to Controller Terminate Connection Request.
    H2CTermReq = 0x02,
    /// Controller to Host Terminate Connection Request.
    C2HTermReq = 0x03,
    /// Command Capsule: a submission queue entry, perhaps with data.
    CapsuleCmd = 0x04,
    /// Response Capsule: a completion queue entry.
    CapsuleResp = 0x05,
    /// Host to Controller Data Transfer.
    H2CData = 0x06,
    /// Controller to Host Data Transfer.
    C2HData = 0x07,
    /// Ready to Transfer: a controller asks for data.
    R2T = 0x09,
}

impl PduType {
    /// The type with this code; [`None`] if the code is reserved.
    pub const fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            0x00 => Self::ICReq,
            0x01 => Self::ICResp,
            0x02 => Self::H2CTermReq,
            0x03 => Self::C2HTermReq,
            0x04 => Self::CapsuleCmd,
            0x05 => Self::CapsuleResp,
            0x06 => Self::H2CData,
            0x07 => Self::C2HData,
            0x09 => Self::R2T,
            _ => return None,
        })
    }

    /// The code as it stands in the common header.
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// HLEN, the length of the header without its digest in bytes.
    pub const fn hlen(self) -> u8 {
        match self {
            Self::ICReq | Self::ICResp => 128,
            Self::CapsuleCmd => 72,
            _ => 24,
        }
    }

    /// Which side receives PDUs of this type.
    pub const fn receiver(self) -> Role {
        if self.code() & 1 == 0 {
            Role::Controller
        } else {
            Role::Host
        }
    }

    /// Whether this is the PDU that opens a connection.
    pub(super) const fn is_ic(self) -> bool {
        matches!(self, Self::ICReq | Self::ICResp)
    }

    /// Whether this is the PDU that ends a connection.
    pub(super) const fn is_term_req(self) -> bool {
        matches!(self, Self::H2CTermReq | Self::C2HTermReq)
    }

    /// Whether the PDU has a header digest when the connection uses header digests.
    pub(super) const fn is_digested(self) -> bool {
        !self.is_ic() && !self.is_term_req()
    }

    /// Whether the PDU can have data that HLEN, PDO and PLEN delimit.
    pub(super) const fn can_have_data(self) -> bool {
        matches!(self, Self::CapsuleCmd | Self::H2CData | Self::C2HData)
    }
}

#[cfg(any(test, nvme_kunit))]
#[cfg_attr(nvme_kunit, ::kernel::macros::kunit_tests(nvme_tcp_wire_pdu_type))]
mod tests {
    use super::*;

    #[test]
    fn pdu_type_codes() {
        let mut known = 0;
        for code in 0..=u8::MAX {
            if let Some(kind) = PduType::from_code(code) {
                assert_eq!(kind.code(), code);
                known += 1;
            }
        }
        assert_eq!(known, 9);
        assert_eq!(PduType::from_code(0x08), None);
        assert_eq!(PduType::from_code(0x0a), None);
    }

    #[test]
    fn pdu_type_names_its_receiver() {
        for (kind, role) in [
            (PduType::ICReq, Role::Controller),
            (PduType::ICResp, Role::Host),
            (PduType::H2CTermReq, Role::Controller),
            (PduType::C2HTermReq, Role::Host),
            (PduType::CapsuleCmd, Role::Controller),
            (PduType::CapsuleResp, Role::Host),
            (PduType::H2CData, Role::Controller),
            (PduType::C2HData, Role::Host),
            (PduType::R2T, Role::Host),
        ] {
            assert_eq!(kind.receiver(), role);
        }
    }
}
