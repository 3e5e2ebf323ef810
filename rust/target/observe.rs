// SPDX-License-Identifier: GPL-2.0

//! What an administrator sees of a queue: `nvmet_mptcp/queue7` in debugfs, with the number that the
//! log has for it. Whoever reads it pays for it, and nobody else.

use kernel::{
    fmt,
    prelude::*,
    str::CString,
    sync::Arc, //
};

use super::{
    connection::Connection,
    io::Io, //
};
use crate::{
    abstractions::{
        debugfs::{
            File,
            Show, //
        },
        trace, //
    },
    wire::command_id,
    NvmetMptcp, //
};

impl Show for Connection {
    type Module = NvmetMptcp;

    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (state, id) = match (self.is_closing(), self.queue_id()) {
            (true, id) => ("closing", id),
            (false, id @ Some(_)) => ("live", id),
            (false, None) => ("new", None),
        };
        writeln!(f, "state {state}")?;
        if let Some(id) = id {
            writeln!(f, "controller {}", id.ctrl.cntlid())?;
            writeln!(f, "qid {}", id.qid)?;
        }
        writeln!(f, "cpu {}", self.wakeup.cpu())?;
        fmt::Display::fmt(&*self.tally, f)?;
        f.write_fmt(fmt!("connection {}\n", self.socket.protocol()))?;
        let Ok(subflows) = self.socket.subflow_list() else {
            return writeln!(f, "subflows ?");
        };
        writeln!(f, "subflows {}", subflows.len())?;
        for subflow in &subflows {
            f.write_fmt(fmt!("subflow {subflow}\n"))?;
        }
        Ok(())
    }
}

impl Connection {
    /// The number of the connection, and of the queue that it has become; for those who trace.
    pub(super) fn ids(&self) -> (u32, u16) {
        (self.id, self.queue_id().map_or(u16::MAX, |id| id.qid))
    }
}

impl Io {
    /// A PDU that has this header, for those who trace.
    pub(super) fn traced(&self, header: &[u8]) -> Option<trace::Pdu> {
        Some(trace::Pdu {
            id: self.id,
            qid: self.sq.qid(),
            header: *header.first_chunk()?,
            cid: command_id(header).unwrap_or(u16::MAX),
        })
    }
}

/// The file of a connection that has become a queue: a host that only connects gets none.
pub(super) fn file(connection: &Arc<Connection>) -> Result<File<Connection>> {
    let name = CString::try_from_fmt(fmt!("queue{}", connection.id))?;
    Ok(File::new(
        connection.target.debugfs(),
        &name,
        connection.clone(),
    ))
}
