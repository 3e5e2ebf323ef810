// SPDX-License-Identifier: GPL-2.0

//! The data of one command, as the controller accounts for them.
//!
//! Specification: section 3.3.2. C counterparts: `nvmet_setup_r2t_pdu()`,
//! `nvmet_tcp_handle_h2c_data_pdu()`, `nvmet_setup_c2h_data_pdu()`.

use super::{
    data::{
        self,
        C2HData,
        H2CData, //
    },
    error::Error,
    r2t::R2T,
    reason::{
        Reason,
        Rule, //
    }, //
};

/// The receiving of a write command's data: one R2T asks for all of them, in one piece. There is no
/// transfer without it, so data that were not asked for have none that they could belong to.
///
/// # Invariants
///
/// `received` is at most `data_len`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct R2tTransfer {
    cccid: u16,
    ttag: u16,
    received: u32,
    data_len: u32,
}

impl R2tTransfer {
    /// The transfer of the `data_len` bytes of command `cccid` under the tag `ttag`, and the R2T to
    /// send for them; [`None`] if there are no data to ask for.
    pub const fn new(cccid: u16, ttag: u16, data_len: u32) -> Option<(Self, R2T)> {
        if data_len == 0 {
            return None;
        }
        let transfer = Self {
            cccid,
            ttag,
            received: 0,
            data_len,
        };
        let r2t = R2T {
            cccid,
            ttag,
            r2to: 0,
            r2tl: data_len,
        };
        Some((transfer, r2t))
    }

    /// Accepts an H2CData, of which none may carry more than `maxh2cdata` bytes: what we
    /// announced in ICResp. Returns whether it completes the data.
    ///
    /// # Errors
    ///
    /// 01h for the identifier of another command or the tag of another R2T, 02h for data that do
    /// not begin where the last ones ended, or whose LAST_PDU is not set exactly if they complete
    /// the data, 04h for data out of range, 05h for too many in one PDU. The transfer is then as it
    /// was.
    pub fn data(&mut self, pdu: &H2CData, maxh2cdata: u32) -> Result<bool, Error> {
        if pdu.cccid != self.cccid {
            let want = Rule::Is(self.cccid.into());
            return Err(data::field::CCCID.invalid(pdu.cccid, want));
        }
        if pdu.ttag != self.ttag {
            let want = Rule::Is(self.ttag.into());
            return Err(data::field::TTAG.invalid(pdu.ttag, want));
        }
        if pdu.datal > maxh2cdata {
            let reason = data::field::DATAL.reason(pdu.datal, Rule::Max(maxh2cdata));
            return Err(Error::limit(reason));
        }
        let end = pdu
            .datao
            .checked_add(pdu.datal)
            .filter(|end| *end <= self.data_len)
            .ok_or_else(|| Error::out_of_range(pdu.datao, pdu.datal, self.data_len))?;
        if pdu.datao != self.received {
            return Err(data::not_contiguous(pdu.datao, self.received));
        }
        let complete = end == self.data_len;
        if pdu.last != complete {
            return Err(Error::sequence(Reason::MisplacedLast { got: pdu.last }));
        }
        // INVARIANT: `end` is checked.
        self.received = end;
        Ok(complete)
    }

    /// The number of bytes that are still to come, not counting those announced already.
    pub const fn outstanding(&self) -> u32 {
        // By the invariant, nothing saturates.
        self.data_len.saturating_sub(self.received)
    }
}

/// The sending of a read command's data.
///
/// # Invariants
///
/// `sent` is at most `data_len`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct C2hEmitter {
    cccid: u16,
    sent: u32,
    data_len: u32,
}

impl C2hEmitter {
    /// The transfer of the `data_len` bytes of command `cccid`.
    pub const fn new(cccid: u16, data_len: u32) -> Self {
        Self {
            cccid,
            sent: 0,
            data_len,
        }
    }

    /// The next C2HData to send, with at most `max` bytes: the protocol knows no limit.
    ///
    /// LAST_PDU is set on the one that completes the data. So is SUCCESS if `success`, which
    /// takes the place of the CapsuleResp, and may be said only to a host that does without
    /// SQHD (`sqhd_disabled`).
    ///
    /// [`None`] if all is sent, or if `max` is 0.
    pub fn next(&mut self, max: u32, success: bool) -> Option<C2HData> {
        let datao = self.sent;
        let datal = self.data_len.checked_sub(datao)?.min(max);
        if datal == 0 {
            return None;
        }
        // INVARIANT: `datal` is at most what is left.
        self.sent = datao.checked_add(datal)?;
        let last = self.sent == self.data_len;
        Some(C2HData {
            cccid: self.cccid,
            datao,
            datal,
            last,
            success: success && last,
        })
    }
}

#[cfg(any(test, nvme_kunit))]
#[cfg_attr(
    nvme_kunit,
    ::kernel::macros::kunit_tests(nvme_tcp_wire_transfer_controller)
)]
mod tests {
    use super::super::{
        error::Fes,
        pdu_type::PduType, //
    };
    use super::*;

    const MAXH2CDATA: u32 = 4096;

    fn h2cdata(datao: u32, datal: u32, last: bool) -> H2CData {
        H2CData {
            cccid: 0x2002,
            ttag: 3,
            datao,
            datal,
            last,
        }
    }

    /// A transfer of 10,000 bytes, of which the first 4096 have come.
    fn halfway() -> Result<R2tTransfer, Error> {
        let new = R2tTransfer::new(0x2002, 3, 10_000);
        let (mut transfer, _) = new.ok_or(Error::unexpected(PduType::R2T))?;
        transfer.data(&h2cdata(0, 4096, false), MAXH2CDATA)?;
        Ok(transfer)
    }

    #[test]
    fn r2t_transfer_asks_for_all() {
        for data_len in [1, 4096, u32::MAX] {
            let new = R2tTransfer::new(0x2002, 3, data_len);
            let want = R2T {
                cccid: 0x2002,
                ttag: 3,
                r2to: 0,
                r2tl: data_len,
            };
            assert_eq!(new.map(|(_, r2t)| r2t), Some(want));
            assert_eq!(new.map(|(new, _)| new.outstanding()), Some(data_len));
        }
        assert_eq!(R2tTransfer::new(0, 0, 0), None);
    }

    #[test]
    fn r2t_transfer_in_chunks() -> Result<(), Error> {
        let mut transfer = halfway()?;
        assert_eq!(transfer.outstanding(), 5904);
        assert!(!transfer.data(&h2cdata(4096, 4096, false), MAXH2CDATA)?);
        assert!(transfer.data(&h2cdata(8192, 1808, true), MAXH2CDATA)?);
        assert_eq!(transfer.outstanding(), 0);

        let more = transfer.data(&h2cdata(10_000, 1, true), MAXH2CDATA);
        assert_eq!(more.map_err(|e| e.fes), Err(Fes::DataOutOfRange));
        Ok(())
    }

    #[test]
    fn r2t_transfer_bounds() -> Result<(), Error> {
        for (datao, datal, last, fes) in [
            (0, 4096, false, Fes::PduSequence),
            (4095, 4096, false, Fes::PduSequence),
            (4097, 4096, false, Fes::PduSequence),
            (4096, 4097, false, Fes::LimitExceeded),
            (0, u32::MAX, true, Fes::LimitExceeded),
            (8192, 1809, true, Fes::DataOutOfRange),
            (10_000, 1, true, Fes::DataOutOfRange),
            (u32::MAX, 4096, true, Fes::DataOutOfRange),
            (4096, 4096, true, Fes::PduSequence),
        ] {
            let mut transfer = halfway()?;
            let result = transfer.data(&h2cdata(datao, datal, last), MAXH2CDATA);
            assert_eq!(result.map_err(|e| e.fes), Err(fes));
            assert_eq!(transfer, halfway()?);
        }
        Ok(())
    }

    #[test]
    fn r2t_transfer_last_must_be_set_at_the_end() -> Result<(), Error> {
        let mut transfer = halfway()?;
        transfer.data(&h2cdata(4096, 4096, false), MAXH2CDATA)?;
        let end = transfer.data(&h2cdata(8192, 1808, false), MAXH2CDATA);
        assert_eq!(
            end,
            Err(Error::sequence(Reason::MisplacedLast { got: false }))
        );
        Ok(())
    }

    #[test]
    fn r2t_transfer_names_the_field() -> Result<(), Error> {
        for (cccid, ttag, fei) in [(0x2001, 3, 8), (0x2002, 2, 10), (0, 0, 8)] {
            let pdu = H2CData {
                cccid,
                ttag,
                ..h2cdata(4096, 4096, false)
            };
            let result = halfway()?.data(&pdu, MAXH2CDATA);
            let want = (Fes::InvalidHeaderField, fei);
            assert_eq!(result.map_err(|e| (e.fes, e.fei)), Err(want));
        }
        Ok(())
    }

    #[test]
    fn c2h_emitter_in_chunks() {
        let mut emitter = C2hEmitter::new(0x2001, 10_000);
        for (datao, datal, last) in [(0, 4096, false), (4096, 4096, false), (8192, 1808, true)] {
            let want = C2HData {
                cccid: 0x2001,
                datao,
                datal,
                last,
                success: last,
            };
            assert_eq!(emitter.next(4096, true), Some(want));
        }
        assert_eq!(emitter.next(4096, true), None);
    }

    #[test]
    fn c2h_emitter_bounds() {
        assert_eq!(C2hEmitter::new(0, 0).next(u32::MAX, true), None);
        assert_eq!(C2hEmitter::new(0, 1).next(0, true), None);

        let pdu = C2hEmitter::new(0, u32::MAX).next(u32::MAX, false);
        assert_eq!(pdu.map(|pdu| (pdu.datal, pdu.last)), Some((u32::MAX, true)));
        assert_eq!(pdu.map(|pdu| pdu.success), Some(false));
    }
}
