// SPDX-License-Identifier: GPL-2.0

//! The way out: answers to commands, as PDUs.
//!
//! C counterparts: `nvmet_tcp_try_send()` and what it calls.

use kernel::prelude::*;

use super::{
    batch::{
        Batch,
        Item, //
    },
    fault::Fault,
    io::Io,
    payload::Awaited, //
};
use crate::{
    abstractions::{
        counter::Tick,
        llist::Fifo,
        net::{
            mptcp::Subflows,
            segments::SegmentBuffer,
            socket::Socket, //
        },
        nvmet::command::{
            Completed,
            Request, //
        },
        trace, //
    },
    wire::{
        self,
        cqe,
        sqe,
        C2hEmitter,
        CapsuleResp,
        ICResp,
        Layout,
        PduHeader,
        Role,
        TermReq,
        CRC_SEED,
        DIGEST_LEN, //
    },
    wire_deps::KernelCrc, //
};

/// The most places in memory that are sent from at a time: enough for a megabyte of single pages.
const PLACES: usize = 272;

/// How often to send before looking at what has come in.
const BUDGET: u32 = 8;

/// What a connection has to send.
pub(super) struct Sender {
    layout: Layout,
    /// Commands whose data are to be asked for.
    to_solicit: Fifo<Request>,
    /// Commands that have been completed.
    answers: Fifo<Completed>,
    batch: Batch,
    places: SegmentBuffer,
    subflows: Subflows,
    starved: bool,
    /// Since when there has been no room.
    blocked: Option<Tick>,
}

impl Sender {
    /// For a new connection. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(super) fn new() -> Result<Self> {
        Ok(Self {
            layout: Layout::default(),
            to_solicit: Fifo::new(),
            answers: Fifo::new(),
            batch: Batch::new()?,
            places: SegmentBuffer::new(PLACES)?,
            subflows: Subflows::new(),
            starved: false,
            blocked: None,
        })
    }

    /// Asks for the data of a command, for which it has memory.
    pub(super) fn solicit(&mut self, command: Request) {
        self.to_solicit.push(command);
    }

    /// Answers a command that has been completed.
    pub(super) fn answer(&mut self, command: Completed) {
        self.answers.push(command);
    }

    /// Sends ICResp, and lays out all that follows as the host wants it.
    ///
    /// # Errors
    ///
    /// If there is no room, which there is on a new connection.
    pub(super) fn open(&mut self, response: &ICResp, layout: Layout) -> Result<(), Fault> {
        let item = Item::new(|out| response.emit::<KernelCrc>(&self.layout, out))?;
        self.batch.push(item)?;
        self.layout = layout;
        Ok(())
    }

    /// Whether the last send found no memory although there was room. If nothing is in flight whose
    /// acknowledgment would be an event, there is none: MPTCP, unlike TCP, does not lend a
    /// connection the memory for one packet.
    pub(super) fn is_starved(&self) -> bool {
        self.starved
    }

    /// Sends as much of the batch as the socket takes. Returns how many bytes.
    fn send_batch(&mut self, socket: &Socket) -> Result<usize> {
        let mut segments = self.places.begin();
        self.batch.add_to(&mut segments);
        let len = segments.len();
        if len == 0 {
            return Ok(0);
        }
        let size = wire::send_size(
            self.subflows.count(socket),
            socket.in_flight().saturating_add(len),
            self.batch.longest(),
        );
        socket.send(&segments, size)
    }

    /// All data of a command in one C2HData, and CapsuleResp unless that says `success`.
    fn c2h_data(&self, command: Completed, success: bool) -> Result<Item, Fault> {
        let len = command.data_len();
        let header = C2hEmitter::new(cqe::command_id(command.cqe()), len)
            .next(len, success)
            .ok_or(EINVAL)?;
        let digest = self.layout.digests.data.then(|| {
            let crc = command.data(0).crc32c(CRC_SEED, len as usize);
            wire::finish(crc)
        });
        let response = (!success).then_some(CapsuleResp {
            cqe: *command.cqe(),
        });
        Item::with_data(
            command,
            |out| Ok(header.emit::<KernelCrc>(&self.layout, out)?),
            |out| self.behind_data(digest, response, out),
        )
    }

    /// Writes what follows data. Returns how many bytes.
    fn behind_data(
        &self,
        digest: Option<[u8; DIGEST_LEN]>,
        response: Option<CapsuleResp>,
        out: &mut [u8],
    ) -> Result<usize, Fault> {
        let mut len = 0;
        let mut rest = out;
        if let Some(digest) = digest {
            let (to, behind) = rest.split_first_chunk_mut().ok_or(ENOSPC)?;
            *to = digest;
            len = DIGEST_LEN;
            rest = behind;
        }
        if let Some(response) = response {
            // As much as there is room for, so the sum does not overflow.
            len += response.emit::<KernelCrc>(&self.layout, rest)?;
        }
        Ok(len)
    }
}

impl Io {
    /// Sends as much as the socket takes. Returns whether it took anything.
    ///
    /// May sleep, but does not wait for the peer. If something is left, there is an event when
    /// there is room again, unless [`Sender::is_starved`].
    ///
    /// # Errors
    ///
    /// If the connection is lost.
    pub(super) fn send(&mut self, socket: &Socket) -> Result<bool, Fault> {
        let mut progress = false;
        self.sender.starved = false;
        for _ in 0..BUDGET {
            self.fill()?;
            let sender = &mut self.sender;
            match sender.send_batch(socket) {
                Ok(0) => break,
                Ok(sent) => {
                    sender.starved = false;
                    if let Some(since) = sender.blocked.take() {
                        self.tally.longest.raise(Tick::now().ms_since(since));
                    }
                    sender
                        .batch
                        .advance(sent, &mut self.slots, &mut self.receiver)?;
                }
                // Room that was made just before the socket noted that we wait for it wakes nobody.
                Err(EAGAIN) if socket.is_writeable() && !sender.starved => sender.starved = true,
                Err(EAGAIN) => {
                    sender.blocked.get_or_insert_with(Tick::now);
                    break;
                }
                Err(error) => return Err(error.into()),
            }
            progress = true;
        }
        Ok(progress)
    }

    /// Fills the batch with what there is to send.
    fn fill(&mut self) -> Result<(), Fault> {
        while self.sender.batch.has_room() {
            // R2Ts first: the host has data, and nothing happens until they come.
            let item = if let Some(request) = self.sender.to_solicit.pop() {
                self.r2t(request)?
            } else if let Some(command) = self.sender.answers.pop() {
                self.response(command)?
            } else {
                break;
            };
            trace::pdu_sent(|| self.traced(item.header()));
            self.sender.batch.push(item)?;
        }
        Ok(())
    }

    /// Asks for the data of a command, which waits for them when that has been sent.
    fn r2t(&self, request: Request) -> Result<Item, Fault> {
        self.tally.sent.add(1);
        let (command, r2t) = Awaited::new(request).ok_or(EINVAL)?;
        let layout = &self.sender.layout;
        let write = |out: &mut [u8]| r2t.emit::<KernelCrc>(layout, out);
        Ok(Item::asking(command, write)?)
    }

    /// Answers a command. Unless its data have to be sent, its slot is free afterwards.
    fn response(&mut self, command: Completed) -> Result<Item, Fault> {
        self.tally.sent.add(1);
        self.tally.answers.add(1);
        if sends_data(&command) {
            // SUCCESS says that there is a completion without a result.
            let success = self.sq.sqhd_disabled() && cqe::result(command.cqe()) == 0;
            if !success {
                self.tally.sent.add(1);
                trace::pdu_sent(|| self.traced_response(*command.cqe()));
            }
            return self.sender.c2h_data(command, success);
        }
        let cqe = *command.cqe();
        self.slots.recycle(command);
        let layout = &self.sender.layout;
        Ok(Item::new(|out| {
            CapsuleResp { cqe }.emit::<KernelCrc>(layout, out)
        })?)
    }

    /// The CapsuleResp behind data, for those who trace.
    fn traced_response(&self, cqe: [u8; cqe::LEN]) -> Option<trace::Pdu> {
        let mut out = [0; CapsuleResp::MAX_HEADER];
        let response = CapsuleResp { cqe };
        response
            .emit::<KernelCrc>(&self.sender.layout, &mut out)
            .ok()?;
        self.traced(&out)
    }

    /// Tells the host, after the PDU that is being sent and instead of all others, what was wrong
    /// with the one that was received last.
    ///
    /// If the socket has no room for that now, the host will not be told.
    ///
    /// # Errors
    ///
    /// If there is no room, which there always is.
    pub(super) fn terminate(&mut self, socket: &Socket, request: &TermReq) -> Result<(), Fault> {
        let header = self.receiver.header();
        let item = Item::new(|out| request.emit(Role::Controller, header, out))?;
        self.sender.batch.push_last(item)?;
        while let Ok(sent @ 1..) = self.sender.send_batch(socket) {
            let (slots, receiver) = (&mut self.slots, &mut self.receiver);
            self.sender.batch.advance(sent, slots, receiver)?;
        }
        Ok(())
    }
}

/// Whether a command's data are sent to the host.
pub(super) fn sends_data(command: &Completed) -> bool {
    command.data_len() != 0 && !sqe::transfers_to_controller(command.sqe()) && succeeded(command)
}

/// Whether a command has succeeded. The lowest bit is not part of the status.
fn succeeded(command: &Completed) -> bool {
    cqe::status(command.cqe()) >> 1 == 0
}
