// SPDX-License-Identifier: GPL-2.0

//! Why a connection cannot go on, and who is told.
//!
//! C counterpart: what `nvmet_tcp_fatal_error()` is called after.

use kernel::{
    fmt,
    prelude::*, //
};

use super::port::Port;
use crate::{
    abstractions::net::tls_record::Record,
    wire::{
        self,
        TermReq, //
    }, //
};

/// Why a connection cannot go on.
pub(super) enum Fault {
    /// The host broke the protocol.
    Protocol(wire::DecodeError),
    /// The host says that we did.
    Terminated(TermReq),
    /// The connection is lost.
    Lost(Error),
    /// The host says by TLS that it closes the connection, or why it must.
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
        // There is room for every PDU, and no command has as much data as a PDU can carry.
        Self::Lost(ENOSPC)
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Lost(error)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Protocol(error) => write!(f, "{error}"),
            Self::Terminated(request) => write!(f, "host terminated the connection: {request}"),
            Self::Lost(EPIPE | ECONNRESET) => f.write_str("connection lost"),
            Self::Lost(error) => write!(f, "connection lost: {error:?}"),
            Self::Record(record) if record.is_close() => f.write_str("closed by the host"),
            Self::Record(record) => fmt::Display::fmt(record, f),
        }
    }
}

impl Fault {
    /// Says it in the log, of the connection with the number `queue` that came in on `port`.
    pub(super) fn log(&self, port: &Port, queue: u32) {
        match self {
            Self::Lost(EPIPE | ECONNRESET) => pr_debug!("queue {queue}: {self}\n"),
            Self::Record(record) if record.is_close() => pr_debug!("queue {queue}: {self}\n"),
            _ if !port.complains() => {}
            _ => pr_err!("queue {queue}: {self}\n"),
        }
    }

    /// What the host is told.
    pub(super) fn answer(&self) -> Option<TermReq> {
        match self {
            Self::Protocol(error) => TermReq::answering(error),
            Self::Terminated(_) | Self::Lost(_) | Self::Record(_) => None,
        }
    }

    /// Whether the controller cannot go on either: it can without a host that has gone.
    pub(super) fn is_fatal(&self) -> bool {
        match self {
            Self::Lost(EPIPE | ECONNRESET) => false,
            Self::Record(record) => !record.is_close(),
            _ => true,
        }
    }
}
