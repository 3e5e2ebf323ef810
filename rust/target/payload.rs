// SPDX-License-Identifier: GPL-2.0

//! Commands whose data come from the host, and the data that are being received.

use kernel::prelude::*;

use super::{
    limits::MAX_DATA,
    port::Port, //
};
use crate::{
    abstractions::{
        net::skb::SkbReader,
        nvmet::{
            command::{
                Completed,
                Request, //
            },
            status::Status, //
        }, //
    },
    wire::{
        self,
        sqe,
        H2CData,
        R2tTransfer,
        CRC_SEED,
        DIGEST_LEN,
        R2T, //
    }, //
};

/// A command that waits for H2CData.
pub(super) struct Awaited {
    request: Request,
    transfer: R2tTransfer,
    /// Data came with a wrong digest. The host is told when it has sent all of them.
    damaged: bool,
}

impl Awaited {
    /// Makes `request` wait for its data. Also returns the R2T that asks for them, from which on
    /// they may come; [`None`] if there are no data.
    pub(super) fn new(request: Request) -> Option<(Self, R2T)> {
        let cccid = sqe::command_id(request.sqe());
        let len = sqe::sgl1(request.sqe()).len();
        let (transfer, r2t) = R2tTransfer::new(cccid, request.tag(), len)?;
        let this = Self {
            request,
            transfer,
            damaged: false,
        };
        Some((this, r2t))
    }

    /// The tag of its R2T.
    pub(super) fn tag(&self) -> u16 {
        self.request.tag()
    }

    /// Accepts data that have been announced.
    ///
    /// # Errors
    ///
    /// If they are not what was asked for.
    pub(super) fn accept(mut self, data: &H2CData) -> Result<Payload, wire::Error> {
        self.transfer.data(data, MAX_DATA)?;
        Ok(Payload::new(Destination::Awaited(self), data.datao))
    }

    /// What becomes of the command when data have come that were `damaged` or not.
    fn received(mut self, damaged: bool) -> Received {
        self.damaged |= damaged;
        if self.transfer.outstanding() == 0 {
            Received::all(self.request, self.damaged)
        } else {
            Received::Part(self)
        }
    }
}

/// Where data go.
enum Destination {
    /// To a command; they are in its capsule.
    Command(Request),
    /// To a command that asked for them.
    Awaited(Awaited),
    /// Nowhere; then the answer to the command, which failed without them.
    Discard(Completed),
}

/// The data of one PDU that are being received.
pub(super) struct Payload {
    /// Where in the command's data the next ones go.
    offset: u32,
    /// Over those that came.
    crc: u32,
    to: Destination,
}

impl Payload {
    fn new(to: Destination, offset: u32) -> Self {
        Self {
            offset,
            crc: CRC_SEED,
            to,
        }
    }

    /// Data in a capsule, which go to the start of the command's memory.
    pub(super) fn in_capsule(request: Request) -> Self {
        Self::new(Destination::Command(request), 0)
    }

    /// Data in the capsule of a command that has failed.
    pub(super) fn discard(answer: Completed) -> Self {
        Self::new(Destination::Discard(answer), 0)
    }

    /// Takes at most `due` bytes out of a packet, and returns how many; with their CRC if
    /// `digest`.
    ///
    /// # Errors
    ///
    /// `EFAULT` if the packet is shorter than it claims; `EOVERFLOW` if there is no room for data
    /// that have been accepted. Neither can be.
    pub(super) fn take(
        &mut self,
        skb: &mut SkbReader<'_>,
        due: u32,
        digest: bool,
    ) -> Result<usize> {
        let due = usize::try_from(due)?.min(skb.remaining());
        let request = match &self.to {
            Destination::Command(request) => request,
            Destination::Awaited(command) => &command.request,
            Destination::Discard(_) => return Ok(skb.skip(due)),
        };

        let mut memory = request.data(self.offset);
        let crc = digest.then_some(&mut self.crc);
        let taken = skb.copy_to_cursor(&mut memory, due, crc)?;
        if taken != due {
            return Err(EOVERFLOW);
        }
        self.offset = self
            .offset
            .checked_add(u32::try_from(taken)?)
            .ok_or(EOVERFLOW)?;
        Ok(taken)
    }

    /// All data of the PDU have come, with this digest.
    ///
    /// A wrong digest fails the command, which may then be sent again, and not the connection
    /// (section 3.5). `port` and `queue` are for the log.
    pub(super) fn finish(
        self,
        digest: Option<[u8; DIGEST_LEN]>,
        port: &Port,
        queue: u32,
    ) -> Received {
        let want = wire::finish(self.crc);
        let damage = digest.filter(|got| *got != want);
        match (damage, &self.to) {
            (None, _) | (_, Destination::Discard(_)) => {}
            (Some(got), _) if port.complains() => pr_err!(
                "queue {queue}: data digest {:#010x} must be {:#010x}\n",
                u32::from_le_bytes(got),
                u32::from_le_bytes(want)
            ),
            (Some(_), _) => {}
        }
        match self.to {
            Destination::Command(request) => Received::all(request, damage.is_some()),
            Destination::Awaited(command) => command.received(damage.is_some()),
            Destination::Discard(answer) => Received::Failed(answer),
        }
    }
}

/// What has been received for a command.
pub(super) enum Received {
    /// All of its data: it can be executed.
    All(Request),
    /// A part of them.
    Part(Awaited),
    /// Nothing that is of use: it has failed.
    Failed(Completed),
}

impl Received {
    /// All data of a command have come, but perhaps not as they were sent.
    fn all(request: Request, damaged: bool) -> Self {
        if damaged {
            Self::Failed(request.fail(Status::TRANSIENT_TRANSPORT))
        } else {
            Self::All(request)
        }
    }
}
