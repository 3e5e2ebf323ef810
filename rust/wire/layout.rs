// SPDX-License-Identifier: GPL-2.0

//! Where header digest, padding and data sit in the PDUs of one direction.
//!
//! Specification: sections 3.3 (alignment) and 3.3.1.1 (digests), figure 8.

use super::{
    digest::{
        Digests,
        DIGEST_LEN, //
    },
    pdu_type::PduType, //
};

/// PDU Data Alignment, HPDA or CPDA: what a receiver wants PDO to be a multiple of.
///
/// On the wire it is a number of dwords less one.
///
/// # Invariants
///
/// The raw value is at most [`Pda::MAX`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pda(u8);

impl Pda {
    /// The largest raw value: 128 bytes.
    pub const MAX: u8 = 31;

    /// The least alignment, 4 bytes, which is what Linux asks for.
    pub const DWORD: Self = Self(0);

    /// Takes the value as it stands on the wire; [`None`] if it is larger than [`Pda::MAX`].
    pub const fn new(raw: u8) -> Option<Self> {
        if raw > Self::MAX {
            return None;
        }
        // INVARIANT: Just checked.
        Some(Self(raw))
    }

    /// The value for the wire.
    pub const fn raw(self) -> u8 {
        self.0
    }

    /// The alignment in bytes, 4 to 128.
    pub const fn align(self) -> u8 {
        // By the invariant, nothing saturates.
        self.0.saturating_add(1).saturating_mul(4)
    }
}

/// What the exchange of ICReq and ICResp settled about the PDUs of one direction: the digests of
/// the connection, and the alignment that the receiver of the direction asked for.
///
/// To send, take the peer's PDA, which is what [`ICReq::layout`](super::ICReq::layout) and
/// [`ICResp::layout`](super::ICResp::layout) return. A [`Decoder`](super::Decoder) takes ours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    /// Which digests there are.
    pub digests: Digests,
    /// The alignment of data.
    pub pda: Pda,
}

impl Layout {
    /// Whether a PDU of type `kind` has a header digest.
    pub(super) const fn has_header_digest(&self, kind: PduType) -> bool {
        self.digests.header && kind.is_digested()
    }

    /// Length of header and header digest of a PDU of type `kind` in bytes.
    pub(super) const fn header_end(&self, kind: PduType) -> u8 {
        let digest = if self.has_header_digest(kind) {
            DIGEST_LEN as u8
        } else {
            0
        };
        // The longest header that has a digest is CapsuleCmd's, so nothing saturates.
        kind.hlen().saturating_add(digest)
    }

    /// The offset of the data in a PDU of type `kind`, if it has data: the smallest legal PDO.
    pub(super) const fn data_offset(&self, kind: PduType) -> u8 {
        match self
            .header_end(kind)
            .checked_next_multiple_of(self.pda.align())
        {
            Some(offset) => offset,
            // Not reachable: less than 128 bytes, rounded up to a multiple of at most 128.
            None => u8::MAX,
        }
    }

    /// The largest value of [`Layout::data_offset`] for a PDU of type `kind`.
    ///
    /// Not simply the largest alignment: an alignment of 72 takes a header of 76 bytes to 144.
    const fn max_data_offset(kind: PduType) -> usize {
        let digests = Digests {
            header: true,
            data: true,
        };
        let mut max = 0;
        let mut pda = Pda::DWORD;
        while pda.0 < Pda::MAX {
            // INVARIANT: At most `Pda::MAX` by the condition of the loop.
            pda = Pda(pda.0.saturating_add(1));
            let offset = Self { digests, pda }.data_offset(kind);
            if offset > max {
                max = offset;
            }
        }
        max as usize
    }

    /// The most bytes of a PDU of type `kind` that precede its data: header, digest and padding; if
    /// it cannot have data, all of it.
    pub(super) const fn max_header(kind: PduType) -> usize {
        if kind.can_have_data() {
            return Self::max_data_offset(kind);
        }
        let digests = Digests {
            header: true,
            data: false,
        };
        let pda = Pda::DWORD;
        Self { digests, pda }.header_end(kind) as usize
    }

    /// Length in bytes of the data digest behind `data_len` bytes of data.
    pub(super) const fn data_digest_len(&self, data_len: u32) -> u32 {
        if self.digests.data && data_len != 0 {
            DIGEST_LEN as u32
        } else {
            0
        }
    }
}

#[cfg(any(test, nvme_kunit))]
#[cfg_attr(nvme_kunit, ::kernel::macros::kunit_tests(nvme_tcp_wire_layout))]
mod tests {
    use super::*;

    #[test]
    fn pda_bounds() {
        for (raw, align) in [(0, 4), (1, 8), (2, 12), (15, 64), (30, 124), (31, 128)] {
            assert_eq!(Pda::new(raw).map(Pda::align), Some(align));
            assert_eq!(Pda::new(raw).map(Pda::raw), Some(raw));
        }
        for raw in [32, 33, 127, 255] {
            assert_eq!(Pda::new(raw), None);
        }
    }

    #[test]
    fn layout_data_offset() {
        // PDA, HDGST, and where data then begin in a C2HData and in a CapsuleCmd. The cases of
        // the specification's figures 8 and 9 are among them.
        for (pda, header, c2h, cmd) in [
            (0, false, 24, 72),
            (0, true, 28, 76),
            (1, true, 32, 80),
            (2, false, 24, 72),
            (3, false, 32, 80),
            (4, true, 40, 80),
            (15, false, 64, 128),
            (18, false, 76, 76),
            (18, true, 76, 76),
            (31, true, 128, 128),
        ] {
            let digests = Digests {
                header,
                data: false,
            };
            let layout = Pda::new(pda).map(|pda| Layout { digests, pda });
            let offset = |kind| layout.map(|layout| layout.data_offset(kind));

            assert_eq!(offset(PduType::C2HData), Some(c2h));
            assert_eq!(offset(PduType::CapsuleCmd), Some(cmd));
        }
    }

    #[test]
    fn layout_data_offset_is_limited() {
        for raw in 0..=Pda::MAX {
            let pda = Pda::new(raw).unwrap_or_default();
            for header in [false, true] {
                let digests = Digests {
                    header,
                    data: false,
                };
                let layout = Layout { digests, pda };
                for kind in [PduType::CapsuleCmd, PduType::H2CData, PduType::C2HData] {
                    let offset = layout.data_offset(kind);
                    assert_eq!(offset.checked_rem(pda.align()), Some(0));
                    assert!(offset >= layout.header_end(kind));
                    assert!(usize::from(offset) <= Layout::max_data_offset(kind));
                }
            }
        }
    }

    #[test]
    fn layout_max_header() {
        for (kind, len) in [
            (PduType::ICReq, 128),
            (PduType::ICResp, 128),
            (PduType::CapsuleCmd, 144),
            (PduType::CapsuleResp, 28),
            (PduType::H2CData, 128),
            (PduType::C2HData, 128),
            (PduType::R2T, 28),
        ] {
            assert_eq!(Layout::max_header(kind), len);
        }
    }

    #[test]
    fn layout_never_digests_ic_and_term() {
        let layout = Layout {
            digests: Digests {
                header: true,
                data: true,
            },
            pda: Pda::default(),
        };
        assert_eq!(layout.header_end(PduType::ICReq), 128);
        assert_eq!(layout.header_end(PduType::ICResp), 128);
        assert_eq!(layout.header_end(PduType::H2CTermReq), 24);
        assert_eq!(layout.header_end(PduType::C2HTermReq), 24);
        assert_eq!(layout.header_end(PduType::R2T), 28);
    }
}
