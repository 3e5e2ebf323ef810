// SPDX-License-Identifier: GPL-2.0

//! The data of a write that a controller asks for, as the host accounts for them.
//!
//! Specification: section 3.3.2. C counterpart: `nvme_tcp_handle_r2t()`.

use super::{
    error::Error,
    r2t::{
        self,
        R2T, //
    },
    reason::Rule, //
};

/// How much of a command's data a controller has asked for, and may.
///
/// # Invariants
///
/// `asked` is at most `total`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Solicited {
    asked: u32,
    total: u32,
}

impl Solicited {
    /// For a command of whose data `total` bytes are to be asked for: those that are not in its
    /// capsule, and go to the controller.
    pub const fn new(total: u32) -> Self {
        // INVARIANT: 0 is the least there is.
        Self { asked: 0, total }
    }

    /// Accepts an R2T.
    ///
    /// # Errors
    ///
    /// 01h if nothing is asked for, 02h if the R2T does not begin where the last one ended, 04h
    /// if it reaches past the data. Nothing is asked for then.
    pub fn r2t(&mut self, r2t: &R2T) -> Result<(), Error> {
        let R2T { r2to, r2tl, .. } = *r2t;
        if r2tl == 0 {
            return Err(r2t::field::R2TL.invalid(r2tl, Rule::NotZero));
        }
        if r2to != self.asked {
            let reason = r2t::field::R2TO.reason(r2to, Rule::Is(self.asked));
            return Err(Error::sequence(reason));
        }
        // Which status this is, the specification leaves open for an R2T. 04h is the nearest.
        let end = r2to
            .checked_add(r2tl)
            .filter(|end| *end <= self.total)
            .ok_or_else(|| Error::out_of_range(r2to, r2tl, self.total))?;
        // INVARIANT: Just checked.
        self.asked = end;
        Ok(())
    }

    /// Checks that all data have been asked for, which a command that has succeeded must have been.
    ///
    /// # Errors
    ///
    /// 02h if not.
    pub fn check_complete(&self) -> Result<(), Error> {
        match self.asked == self.total {
            true => Ok(()),
            false => Err(Error::short_of_data(self.asked, self.total)),
        }
    }
}

#[cfg(any(test, nvme_kunit))]
#[cfg_attr(nvme_kunit, ::kernel::macros::kunit_tests(nvme_tcp_wire_solicited))]
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

    /// The status with which `total` bytes, of which `asked` have been asked for, refuse an R2T.
    fn refusal(r2to: u32, r2tl: u32, total: u32, asked: u32) -> Option<Fes> {
        let before = Solicited { asked, total };
        let mut data = before;
        let error = data.r2t(&r2t(r2to, r2tl)).err()?;
        assert_eq!(data, before);
        Some(error.fes)
    }

    #[test]
    fn solicited_bounds() {
        assert_eq!(refusal(0, 1, 1, 0), None);
        assert_eq!(refusal(0, u32::MAX, u32::MAX, 0), None);
        assert_eq!(refusal(u32::MAX - 1, 1, u32::MAX, u32::MAX - 1), None);

        assert_eq!(refusal(0, 0, 4096, 0), Some(Fes::InvalidHeaderField));
        assert_eq!(refusal(1, 1, 4096, 0), Some(Fes::PduSequence));
        assert_eq!(refusal(0, 1, 4096, 1), Some(Fes::PduSequence));
        assert_eq!(refusal(0, 1, 0, 0), Some(Fes::DataOutOfRange));
        assert_eq!(refusal(0, 4097, 4096, 0), Some(Fes::DataOutOfRange));
        assert_eq!(refusal(1, u32::MAX, u32::MAX, 1), Some(Fes::DataOutOfRange));
        let max = u32::MAX;
        assert_eq!(refusal(max, max, max, max), Some(Fes::DataOutOfRange));
    }

    #[test]
    fn solicited_figure_16() -> Result<(), Error> {
        let mut data = Solicited::new(12_288);
        for (r2to, r2tl) in [(0, 3000), (3000, 8192), (11_192, 1096)] {
            assert_eq!(
                data.check_complete(),
                Err(Error::short_of_data(r2to, 12_288))
            );
            data.r2t(&r2t(r2to, r2tl))?;
        }
        data.check_complete()
    }

    #[test]
    fn solicited_nothing_is_complete() {
        assert_eq!(Solicited::new(0).check_complete(), Ok(()));
    }
}
