// SPDX-License-Identifier: GPL-2.0

//! Failures of the NVMe core, which may be errors of Linux or statuses of a controller.

use kernel::prelude::*;

use super::{
    ctrl::Ctrl,
    ctrl_ops::Controller, //
};
use crate::bindings;

/// The transfer of data had an error (generic command status 04h).
pub(crate) const DATA_XFER_ERROR: u16 = bindings::NVME_SC_DATA_XFER_ERROR as u16;

/// The path to the controller has a problem, and the command may be sent on another (path related
/// status 70h).
pub(crate) const HOST_PATH_ERROR: u16 = bindings::NVME_SC_HOST_PATH_ERROR as u16;

/// The transport lost or damaged the data, and the command may be sent again (generic command
/// status 22h).
pub(crate) const TRANSIENT_TRANSPORT_ERROR: u16 = bindings::NVME_SC_TRANSIENT_TR_ERR as u16;

/// Command Retry Delay: which of the controller's three delays is to pass before the command is
/// sent again. 0 is none.
const CRD: u16 = bindings::NVME_STATUS_CRD as u16;

/// The last of the three delays, where a controller has none of its own, in units of 100 ms.
const DELAY: u16 = 5;

/// The status `status` (without a phase bit), to be tried again after a while and not at once.
///
/// The core tries a command six times. What damages its data on the way does not go away within
/// the millisecond that this takes, so the tries are spread over a few seconds. A controller that
/// asks for a delay itself gets what it asks for.
pub(crate) const fn later(status: u16) -> u16 {
    match status & CRD {
        0 => status | CRD,
        _ => status,
    }
}

impl<T: Controller> Ctrl<T> {
    /// Gives [`later`] a meaning, once the controller has been identified.
    pub(super) fn set_retry_delay(&self) {
        // SAFETY: The array is part of the controller.
        let delay = unsafe { &raw mut (*self.as_raw()).crdt[2] };
        // SAFETY: The controller is valid, and identified by this task.
        if unsafe { delay.read_volatile() } == 0 {
            // SAFETY: This task alone writes to it. The core reads the delay whenever it tries a
            // command again, and one that is 0 for a moment does not matter.
            unsafe { delay.write_volatile(DELAY) };
        }
    }
}

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
