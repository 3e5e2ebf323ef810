// SPDX-License-Identifier: GPL-2.0

//! The data of one command, as the host accounts for them.
//!
//! The length of the command's data, and how much of them has been sent, are figures that the
//! request keeps anyway: they are passed in, not stored twice.
//!
//! Specification: section 3.3.2. C counterparts: `nvme_tcp_handle_c2h_data()`,
//! `nvme_tcp_setup_h2c_data_pdu()`.

use super::{
    data::{
        self,
        C2HData,
        H2CData, //
    },
    error::Error,
    r2t::R2T,
    reason::Reason, //
};

/// The bytes of an R2T that are still to be sent: from `at` to `end`.
///
/// # Invariants
///
/// `at` is less than `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Window {
    cccid: u16,
    ttag: u16,
    at: u32,
    end: u32,
}

/// The sending of a write command's data, as R2Ts ask for them.
///
/// Knows one R2T at a time, for a host that offers MAXR2T 0. Whether an R2T may ask for what it
/// asks for, [`Solicited`](super::Solicited) knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct H2cTransfer {
    open: Option<Window>,
}

impl H2cTransfer {
    /// A transfer for which nothing has been asked yet.
    pub const fn new() -> Self {
        Self { open: None }
    }

    /// Serves an R2T for data that have not been asked for before, the last one having been served.
    pub fn serve(&mut self, r2t: &R2T) {
        let R2T {
            cccid,
            ttag,
            r2to: at,
            r2tl,
        } = *r2t;
        let end = at.saturating_add(r2tl);
        // INVARIANT: Just checked.
        self.open = (at < end).then_some(Window {
            cccid,
            ttag,
            at,
            end,
        });
    }

    /// The next H2CData to send, with at most `max` bytes: the controller's MAXH2CDATA. LAST_PDU
    /// is set on the one with which the R2T is served.
    ///
    /// [`None`] if no R2T is open, or if `max` is 0.
    pub fn next(&mut self, max: u32) -> Option<H2CData> {
        let Window {
            cccid,
            ttag,
            at: datao,
            end,
        } = self.open?;
        let datal = end.checked_sub(datao)?.min(max);
        if datal == 0 {
            return None;
        }
        let at = datao.checked_add(datal)?;

        // INVARIANT: `datal` ends at `end` at the latest.
        self.open = (at != end).then_some(Window {
            cccid,
            ttag,
            at,
            end,
        });
        Some(H2CData {
            cccid,
            ttag,
            datao,
            datal,
            last: at == end,
        })
    }

    /// Whether an R2T is not served yet.
    pub const fn is_open(&self) -> bool {
        self.open.is_some()
    }
}

/// The receiving of a read command's data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct C2hTransfer {
    received: u32,
    last: bool,
}

impl C2hTransfer {
    /// A transfer of which nothing has been received yet.
    pub const fn new() -> Self {
        Self {
            received: 0,
            last: false,
        }
    }

    /// Accepts a C2HData for a command with `data_len` bytes of data.
    ///
    /// LAST_PDU may come early, because a controller that fails halfway stops halfway, and it
    /// may be missing on the bytes that complete the data, because the host of Linux has never
    /// asked for it. A command that succeeds with [`C2hTransfer::received`] less than its data
    /// is for the driver to judge.
    ///
    /// # Errors
    ///
    /// 02h if the data do not begin where the last ones ended, or come after LAST_PDU, 04h if
    /// they reach past the command's. The transfer is then as it was.
    pub fn data(&mut self, pdu: &C2HData, data_len: u32) -> Result<(), Error> {
        if self.last {
            return Err(Error::sequence(Reason::AfterLast));
        }
        let end = pdu
            .datao
            .checked_add(pdu.datal)
            .filter(|end| *end <= data_len)
            .ok_or_else(|| Error::out_of_range(pdu.datao, pdu.datal, data_len))?;
        if pdu.datao != self.received {
            return Err(data::not_contiguous(pdu.datao, self.received));
        }
        self.received = end;
        self.last = pdu.last;
        Ok(())
    }

    /// The number of bytes received, counting those announced by the last C2HData.
    pub const fn received(&self) -> u32 {
        self.received
    }
}

#[cfg(any(test, nvme_kunit))]
#[cfg_attr(nvme_kunit, ::kernel::macros::kunit_tests(nvme_tcp_wire_transfer_host))]
mod tests {
    use super::super::error::Fes;
    use super::*;

    fn r2t(r2to: u32, r2tl: u32) -> R2T {
        R2T {
            cccid: 0x2002,
            ttag: 3,
            r2to,
            r2tl,
        }
    }

    fn c2hdata(datao: u32, datal: u32, last: bool) -> C2HData {
        C2HData {
            cccid: 0x2001,
            datao,
            datal,
            last,
            success: false,
        }
    }

    #[test]
    fn h2c_one_r2t_in_chunks() {
        let mut transfer = H2cTransfer::new();
        assert_eq!(transfer.next(4096), None);

        transfer.serve(&r2t(0, 10_000));
        for (datao, datal, last) in [(0, 4096, false), (4096, 4096, false), (8192, 1808, true)] {
            assert!(transfer.is_open());
            let want = H2CData {
                cccid: 0x2002,
                ttag: 3,
                datao,
                datal,
                last,
            };
            assert_eq!(transfer.next(4096), Some(want));
        }
        assert!(!transfer.is_open());
        assert_eq!(transfer.next(4096), None);
    }

    #[test]
    fn h2c_figure_16() {
        let mut transfer = H2cTransfer::new();
        for (r2to, r2tl) in [(0, 3000), (3000, 8192), (11_192, 1096)] {
            transfer.serve(&r2t(r2to, r2tl));
            let pdu = transfer.next(u32::MAX);
            assert_eq!(pdu.map(|pdu| (pdu.datao, pdu.datal)), Some((r2to, r2tl)));
        }
        assert!(!transfer.is_open());
    }

    #[test]
    fn h2c_serves_no_more_than_there_can_be() {
        let mut transfer = H2cTransfer::new();
        transfer.serve(&r2t(7, 0));
        assert!(!transfer.is_open());
        transfer.serve(&r2t(u32::MAX - 1, u32::MAX));
        assert_eq!(transfer.next(u32::MAX).map(|pdu| pdu.datal), Some(1));
    }

    #[test]
    fn h2c_no_progress_without_room() {
        let mut transfer = H2cTransfer::new();
        transfer.serve(&r2t(0, 1));
        assert_eq!(transfer.next(0), None);
        assert_eq!(transfer.next(1).map(|pdu| pdu.last), Some(true));
    }

    #[test]
    fn c2h_figure_15() -> Result<(), Error> {
        let mut transfer = C2hTransfer::new();
        for (datao, datal, last) in [
            (0, 1000, false),
            (1000, 2000, false),
            (3000, 8192, false),
            (11_192, 1096, true),
        ] {
            assert_eq!(transfer.received(), datao);
            transfer.data(&c2hdata(datao, datal, last), 12_288)?;
        }
        assert_eq!(transfer.received(), 12_288);
        Ok(())
    }

    #[test]
    fn c2h_bounds() -> Result<(), Error> {
        let mut transfer = C2hTransfer::new();
        transfer.data(&c2hdata(0, 4096, false), 8192)?;
        for (datao, datal, fes) in [
            (0, 4096, Fes::PduSequence),
            (4095, 1, Fes::PduSequence),
            (4097, 1, Fes::PduSequence),
            (4096, 4097, Fes::DataOutOfRange),
            (4096, u32::MAX, Fes::DataOutOfRange),
            (8192, 1, Fes::DataOutOfRange),
            (u32::MAX, u32::MAX, Fes::DataOutOfRange),
        ] {
            let result = transfer.data(&c2hdata(datao, datal, false), 8192);
            assert_eq!(result.map_err(|e| e.fes), Err(fes));
            assert_eq!(transfer.received(), 4096);
        }
        transfer.data(&c2hdata(4096, 4096, false), 8192)
    }

    #[test]
    fn c2h_nothing_after_last() -> Result<(), Error> {
        let mut transfer = C2hTransfer::new();
        transfer.data(&c2hdata(0, 512, true), 8192)?;
        assert_eq!(transfer.received(), 512);

        let more = transfer.data(&c2hdata(512, 512, true), 8192);
        assert_eq!(more, Err(Error::sequence(Reason::AfterLast)));
        Ok(())
    }
}
