// SPDX-License-Identifier: GPL-2.0

//! What the SGL of a command says about its data, and whether it agrees with the capsule.
//!
//! Specification: NVMe/TCP transport section 3.3.2. C counterpart: `nvmet_tcp_map_data()`, which
//! does not look at the length of the capsule.

use super::{
    connection::QueueId,
    ADMIN_INLINE_DATA_SIZE,
    CONNECT_DATA,
    MAX_DATA, //
};
use crate::{
    abstractions::nvmet::status::Status,
    wire::sqe::{
        self,
        Sgl, //
    }, //
};

/// How much data the commands of a connection may have, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limits {
    /// In a capsule.
    in_capsule: u32,
    /// At all.
    data: u32,
}

impl Limits {
    /// For a connection that has become `queue_id`, on a port where the capsules of I/O queues may hold
    /// `inline_data_size` bytes.
    pub(super) fn new(queue_id: Option<QueueId>, inline_data_size: u32) -> Self {
        match queue_id {
            None => Self {
                in_capsule: CONNECT_DATA,
                data: CONNECT_DATA,
            },
            Some(QueueId { qid: 0, .. }) => Self {
                in_capsule: inline_data_size.max(ADMIN_INLINE_DATA_SIZE),
                data: MAX_DATA,
            },
            Some(_) => Self {
                in_capsule: inline_data_size,
                data: MAX_DATA,
            },
        }
    }
}

/// How the data of a command are transferred.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mapping {
    /// There are none.
    None,
    /// To the controller, in the capsule: so many bytes, and not 0.
    InCapsule(u32),
    /// To the controller, in H2CData that are to be asked for.
    Solicited,
    /// To the host.
    ToHost,
}

impl Mapping {
    /// Reads the SGL of the command `sqe`, which came with `capsule_len` bytes of data.
    ///
    /// # Errors
    ///
    /// The status for a command that cannot be executed.
    pub(super) fn of(
        sqe: &[u8; sqe::LEN],
        capsule_len: u32,
        limits: Limits,
    ) -> Result<Self, Status> {
        let sgl = sqe::sgl1(sqe);
        let is_write = sqe::transfers_to_controller(sqe);

        if sgl.len() > limits.data {
            return Err(Status::SGL_INVALID_DATA);
        }
        match sgl {
            Sgl::InCapsule { .. } if !is_write => Err(Status::INVALID_FIELD),
            Sgl::InCapsule { offset, len } if offset != 0 || len > limits.in_capsule => {
                Err(Status::SGL_INVALID_OFFSET)
            }
            Sgl::InCapsule { len, .. } if len == capsule_len => Ok(Self::InCapsule(len)),
            Sgl::Null if capsule_len == 0 => Ok(Self::None),
            Sgl::Transport { .. } if capsule_len == 0 && is_write => Ok(Self::Solicited),
            Sgl::Transport { .. } if capsule_len == 0 => Ok(Self::ToHost),
            Sgl::Other { .. } => Err(Status::SGL_INVALID_TYPE),
            // The capsule has data that the SGL does not describe, or too few.
            Sgl::InCapsule { .. } | Sgl::Null | Sgl::Transport { .. } => {
                Err(Status::SGL_INVALID_DATA)
            }
        }
    }
}
