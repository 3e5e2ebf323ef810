// SPDX-License-Identifier: GPL-2.0

//! Failures of the NVMe core, which may be errors of Linux or statuses of a controller.

use kernel::prelude::*;

use crate::bindings;

/// The transfer of data had an error (generic command status 04h).
pub(crate) const DATA_XFER_ERROR: u16 = bindings::NVME_SC_DATA_XFER_ERROR as u16;

/// The path to the controller has a problem, and the command may be sent on another (path related
/// status 70h).
pub(crate) const HOST_PATH_ERROR: u16 = bindings::NVME_SC_HOST_PATH_ERROR as u16;

/// Why setting up a controller failed: a negative errno, or a positive status of the controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Failure(i32);

impl Failure {
    /// Turns what C returns, 0 for success, into a result.
    pub(super) fn check(ret: i32) -> core::result::Result<(), Self> {
        match ret {
            0 => Ok(()),
            failure => Err(Self(failure)),
        }
    }

    /// The number as C has it.
    pub(crate) fn code(self) -> i32 {
        self.0
    }

    /// An errno: a controller's status becomes `EIO`.
    pub(super) fn to_error(self) -> Error {
        if self.0 < 0 {
            Error::from_errno(self.0)
        } else {
            EIO
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self(error.to_errno())
    }
}
