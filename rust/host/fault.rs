// SPDX-License-Identifier: GPL-2.0

//! Why a connection cannot go on, and who is told.
//!
//! C counterpart: what `nvme_tcp_error_recovery()` is called after.

use kernel::{
    dev_dbg,
    dev_err,
    device::Device,
    prelude::*, //
};

use crate::{
    abstractions::net::tls_record::Record,
    wire::{
        self,
        TermReq, //
    }, //
};

/// Why a connection cannot go on.
pub(super) enum Fault {
    /// The controller breaks a rule of the protocol; it is told which.
    Protocol(wire::DecodeError),
    /// The controller says that we do.
    Terminated(TermReq),
    /// The network takes nothing more.
    Send(Error),
    /// The network brings nothing more.
    Receive(Error),
    /// TLS brings what is not data: the controller closes the connection, or says why it must.
    Record(Record),
}

impl From<wire::DecodeError> for Fault {
    fn from(error: wire::DecodeError) -> Self {
        Self::Protocol(error)
    }
}

impl From<wire::Error> for Fault {
    fn from(error: wire::Error) -> Self {
        Self::Protocol(error.into())
    }
}

impl From<wire::EmitError> for Fault {
    fn from(_: wire::EmitError) -> Self {
        // There is room for every PDU, and no request has as much data as a PDU can carry.
        Self::Send(ENOSPC)
    }
}

impl From<Error> for Fault {
    /// What reading the socket says; who sends says so himself.
    fn from(error: Error) -> Self {
        Self::Receive(error)
    }
}

impl Fault {
    /// Says it in the log, of queue `qid`.
    pub(super) fn log(&self, device: &Device, qid: u16) {
        match self {
            Self::Protocol(error) => dev_err!(device, "queue {qid}: {error}\n"),
            Self::Terminated(pdu) => {
                dev_err!(device, "queue {qid}: ended by the controller: {pdu}\n");
            }
            Self::Send(error) => {
                let error = error.to_errno();
                dev_err!(device, "queue {qid}: failed to send request {error}\n");
            }
            Self::Receive(error) => {
                let error = error.to_errno();
                dev_err!(device, "queue {qid}: receive failed: {error}\n");
            }
            Self::Record(record) if record.is_close() => {
                dev_dbg!(device, "queue {qid}: closed by the controller\n");
            }
            Self::Record(record) => dev_err!(device, "queue {qid}: {record}\n"),
        }
    }
}
