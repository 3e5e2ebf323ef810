// SPDX-License-Identifier: GPL-2.0

//! What a connection needs in order to become a queue of a controller.
//!
//! C counterpart: `nvmet_tcp_install_queue()`, which refuses when the core has taken the queue in
//! already; what the core does not take back then is half a controller. So it is here, before the
//! core hears of the command.

use kernel::prelude::*;

use super::{
    queue::Queue,
    slots::Slots,
    BACKLOG, //
};
use crate::{
    abstractions::nvmet::status::Status,
    wire::sqe::{
        self,
        Connect, //
    }, //
};

/// The deepest admin queue that there is (NVMe Base Specification, Connect).
const MAX_ADMIN_DEPTH: u16 = 4096;

/// The deepest I/O queue, as in the core (`NVMET_MAX_QUEUE_SIZE`), which tells hosts (`MQES`).
const MAX_IO_DEPTH: u16 = 1024;

/// Makes room for the commands of the queue that `queue` is to become by the command `sqe`. Returns
/// how many there may be. May sleep.
///
/// That is twice as many as the host may have under way, as the C driver does: it may send the next
/// one when it has seen an answer that we are not done with.
///
/// # Errors
///
/// The status to refuse the command with.
pub(super) fn prepare(
    queue: &Queue,
    sqe: &[u8; sqe::LEN],
    slots: &mut Slots,
) -> Result<u16, Status> {
    let id = queue.id();
    let Connect { qid, sqsize } = sqe::connect(sqe).ok_or(Status::INVALID_FIELD)?;

    // A host that connects again and again must wait for what it leaves behind.
    if qid == 0 && queue.target().closing(queue.port()) > BACKLOG as usize {
        pr_warn!("queue {id}: too many connections are still being released\n");
        return Err(Status::CONNECT_CTRL_BUSY);
    }
    let most = match qid {
        0 => MAX_ADMIN_DEPTH,
        _ => MAX_IO_DEPTH,
    };
    // The core has its own word for a size of 0.
    let depth = sqsize.saturating_add(1);
    if depth > most {
        pr_err!("queue {id}: depth {depth} must not be more than {most}\n");
        return Err(Status::CONNECT_INVALID_PARAM);
    }
    let count = depth.saturating_mul(2);
    slots.reserve(count).map_err(|_| {
        pr_err!("queue {id}: no memory for {depth} commands\n");
        Status::INTERNAL
    })?;
    Ok(count)
}
