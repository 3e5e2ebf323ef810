// SPDX-License-Identifier: GPL-2.0

//! Why a connection cannot go on, and who is told.
//!
//! C counterpart: what `nvmet_tcp_fatal_error()` is called after.

use kernel::prelude::*;

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

impl Fault {
    /// Says it in the log, of the connection with the number `queue` that came in on `port`.
    pub(super) fn log(&self, port: &Port, queue: u32) {
        match self {
            Self::Lost(EPIPE | ECONNRESET) => pr_debug!("queue {queue}: connection lost\n"),
            Self::Record(record) if record.is_close() => {
                pr_debug!("queue {queue}: closed by the host\n");
            }
            _ if !port.complains() => {}
            Self::Protocol(error) => pr_err!("queue {queue}: {error}\n"),
            Self::Terminated(request) => {
                pr_err!("queue {queue}: host terminated the connection: {request}\n");
            }
            Self::Lost(error) => pr_err!("queue {queue}: connection lost: {error:?}\n"),
            Self::Record(record) => pr_err!("queue {queue}: {record}\n"),
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
