// SPDX-License-Identifier: GPL-2.0

//! Why a connection cannot go on, and who is told.
//!
//! C counterpart: what `nvme_tcp_error_recovery()` is called after.

use kernel::{
    dev_dbg,
    dev_err,
    device::Device,
    fmt,
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

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Protocol(error) => write!(f, "{error}"),
            Self::Terminated(pdu) => write!(f, "ended by the controller: {pdu}"),
            Self::Send(error) => write!(f, "failed to send request {}", error.to_errno()),
            Self::Receive(error) => write!(f, "receive failed: {}", error.to_errno()),
            Self::Record(record) if record.is_close() => f.write_str("closed by the controller"),
            Self::Record(record) => fmt::Display::fmt(record, f),
        }
    }
}

impl Fault {
    /// Says it in the log, of queue `qid`.
    pub(super) fn log(&self, device: &Device, qid: u16) {
        match self {
            Self::Record(record) if record.is_close() => dev_dbg!(device, "queue {qid}: {self}\n"),
            _ => dev_err!(device, "queue {qid}: {self}\n"),
        }
    }
}
