// SPDX-License-Identifier: GPL-2.0

//! The way in: from the stream to commands that have all of their data.
//!
//! C counterparts: `nvmet_tcp_try_recv()` and what it calls.

use kernel::prelude::*;

use super::{
    io::Fault,
    mapping::{
        Limits,
        Mapping, //
    },
    pending::{
        Outcome,
        Payload, //
    },
    queue::Queue,
    send::Sender,
    slots::Slots,
    transport::Target,
    MAX_DATA, //
};
use crate::{
    abstractions::{
        inbox::Fifo,
        nvmet::{
            command::{
                Completed,
                Request, //
            },
            queue::SubQueue,
            status::Status, //
        },
        skb::SkbReader,
        socket::Socket, //
    },
    glue::KernelCrc,
    wire::{
        self,
        sqe,
        CapsuleCmd,
        Decoder,
        Event,
        H2CData,
        ICReq,
        ICResp,
        Input,
        Pda,
        Pdu,
        PduType,
        Role,
        PFV_1_0, //
    },
};

/// The other parts of a connection, for the receiver to work with.
pub(super) struct Context<'a> {
    pub(super) queue: &'a Queue,
    pub(super) sq: &'a mut SubQueue<Target>,
    pub(super) slots: &'a mut Slots,
    pub(super) send: &'a mut Sender,
}

/// What a connection is receiving.
pub(super) struct Receiver {
    decoder: Decoder<KernelCrc>,
    /// Whether data have digests.
    data_digest: bool,
    /// The data that come next, after the header of their PDU.
    payload: Option<Payload>,
    /// Commands that have all of their data.
    ready: Fifo<Request>,
    /// The first command that waits for memory.
    stalled: Option<Request>,
    /// Those behind it.
    waiting: Fifo<Request>,
}

impl Receiver {
    /// For a new connection, which begins with ICReq.
    pub(super) fn new() -> Self {
        Self {
            decoder: Decoder::new(Role::Controller),
            data_digest: false,
            payload: None,
            ready: Fifo::new(),
            stalled: None,
            waiting: Fifo::new(),
        }
    }

    /// The header of the PDU received last, or what has arrived of it.
    pub(super) fn header(&self) -> &[u8] {
        self.decoder.header()
    }

    /// Takes the next command to be executed.
    pub(super) fn next_ready(&mut self) -> Option<Request> {
        self.ready.pop()
    }

    /// Takes in everything that has arrived. Returns whether there was anything. May sleep, but
    /// does not wait for the peer.
    ///
    /// # Errors
    ///
    /// If the peer breaks the protocol, or the connection is lost. It is of no use then.
    pub(super) fn run(
        &mut self,
        socket: &Socket,
        context: &mut Context<'_>,
    ) -> Result<bool, Fault> {
        let mut fault = None;
        let read = socket.read(|skb| {
            self.feed(skb, context).map_err(|error| {
                fault = Some(error);
                EPROTO
            })
        });
        match (fault, read) {
            (Some(fault), _) => Err(fault),
            (None, read) => Ok(read? != 0),
        }
    }

    /// Takes in all of a packet. The socket lock is held, so commands are not executed here.
    fn feed(&mut self, skb: &mut SkbReader<'_>, context: &mut Context<'_>) -> Result<(), Fault> {
        while skb.remaining() > 0 {
            let taken = match (self.decoder.input(), &mut self.payload) {
                (Input::Bytes(to), _) => skb.copy_to(to)?,
                (Input::Payload(due), Some(payload)) => payload.take(skb, due, self.data_digest)?,
                // Every PDU with data sets `payload`, or is refused.
                (Input::Payload(_), None) => return Err(EINVAL.into()),
            };
            match self.decoder.advance(taken)? {
                Some(Event::Pdu(pdu)) => self.pdu(&pdu, context)?,
                Some(Event::Payload { digest }) => self.payload_end(digest, context)?,
                None => {}
            }
        }
        Ok(())
    }

    fn pdu(&mut self, pdu: &Pdu, context: &mut Context<'_>) -> Result<(), Fault> {
        match pdu {
            Pdu::ICReq(request) => self.ic_req(request, context),
            Pdu::CapsuleCmd(capsule) => self.capsule(capsule, context),
            Pdu::H2CData(data) => self.data(data, context),
            Pdu::H2CTermReq(request) => Err(Fault::Terminated(*request)),
            // The decoder refuses those that a host does not send.
            Pdu::ICResp(_)
            | Pdu::C2HTermReq(_)
            | Pdu::CapsuleResp(_)
            | Pdu::C2HData(_)
            | Pdu::R2T(_) => Err(wire::Error::unexpected(pdu.kind()).into()),
        }
    }

    /// Grants the digests and the alignment that the host asks for.
    fn ic_req(&mut self, request: &ICReq, context: &mut Context<'_>) -> Result<(), Fault> {
        self.decoder.set_digests(request.digests);
        self.data_digest = request.digests.data;
        let response = ICResp {
            pfv: PFV_1_0,
            cpda: Pda::DWORD,
            digests: request.digests,
            maxh2cdata: MAX_DATA,
        };
        context.send.open(&response, request.layout())
    }

    /// Starts a command.
    fn capsule(&mut self, capsule: &CapsuleCmd, context: &mut Context<'_>) -> Result<(), Fault> {
        // More commands at a time than the host said there would be are too many.
        let slot = context.slots.get()?;
        let slot = slot.ok_or(wire::Error::unexpected(PduType::CapsuleCmd))?;
        match slot.init(context.sq, &capsule.sqe) {
            Ok(request) => self.map(request, capsule.data_len, context),
            Err(refused) => {
                self.refuse(refused, capsule.data_len, context);
                Ok(())
            }
        }
    }

    /// Reads what a command says about its data, and sees to it that they come.
    fn map(
        &mut self,
        mut request: Request,
        capsule_len: u32,
        context: &mut Context<'_>,
    ) -> Result<(), Fault> {
        let limits = Limits::new(context.queue.role(), context.sq.inline_data_size());
        let mapping = match Mapping::of(request.sqe(), capsule_len, limits) {
            Ok(mapping) => mapping,
            Err(status) => {
                self.refuse(request.fail(status), capsule_len, context);
                return Ok(());
            }
        };
        match mapping {
            Mapping::None => self.ready.push(request),
            Mapping::InCapsule(len) => match context.slots.provide_now(&mut request, len) {
                Ok(()) => self.payload = Some(Payload::in_capsule(request)),
                Err(_) => self.refuse(request.fail(Status::INTERNAL), capsule_len, context),
            },
            // Those that came before are first.
            Mapping::Solicited | Mapping::ToHost if self.stalled.is_some() => {
                self.waiting.push(request);
            }
            Mapping::Solicited | Mapping::ToHost => {
                self.stalled = self.begin(request, context);
            }
        }
        Ok(())
    }

    /// Gives a command memory, and has it executed, or asks for its data. Hands it back if it has
    /// to wait.
    fn begin(&mut self, mut request: Request, context: &mut Context<'_>) -> Option<Request> {
        let len = sqe::sgl1(request.sqe()).len();
        match context.slots.provide(&mut request, len) {
            Ok(true) => {}
            Ok(false) => return Some(request),
            Err(_) => {
                context.send.answers().push(request.fail(Status::INTERNAL));
                return None;
            }
        }
        if sqe::transfers_to_controller(request.sqe()) {
            context.send.solicit(request);
        } else {
            self.ready.push(request);
        }
        None
    }

    /// Lets the commands begin that wait for memory, as far as there is some now. Returns whether
    /// any did.
    pub(super) fn resume(&mut self, context: &mut Context<'_>) -> bool {
        let mut resumed = false;
        while let Some(request) = self.stalled.take().or_else(|| self.waiting.pop()) {
            self.stalled = self.begin(request, context);
            if self.stalled.is_some() {
                break;
            }
            resumed = true;
        }
        resumed
    }

    /// Answers a command that has failed, when the data in its capsule have been received: a host
    /// that gets an answer takes the data back.
    fn refuse(&mut self, refused: Completed, capsule_len: u32, context: &mut Context<'_>) {
        if capsule_len == 0 {
            context.send.answers().push(refused);
        } else {
            self.payload = Some(Payload::discard(refused));
        }
    }

    /// Data for a command that asked for them.
    fn data(&mut self, data: &H2CData, context: &mut Context<'_>) -> Result<(), Fault> {
        let command = context
            .slots
            .take_awaited(data)
            .ok_or(data.unknown_ttag())?;
        self.payload = Some(command.accept(data)?);
        Ok(())
    }

    /// The data of a PDU have come.
    fn payload_end(
        &mut self,
        digest: Option<[u8; wire::DIGEST_LEN]>,
        context: &mut Context<'_>,
    ) -> Result<(), Fault> {
        let payload = self.payload.take().ok_or(EINVAL)?;
        match payload.finish(digest, context.queue.id()) {
            Outcome::Ready(request) => self.ready.push(request),
            Outcome::Failed(mut answer) => {
                context.slots.take_back(&mut answer);
                context.send.answers().push(answer);
            }
            Outcome::Awaited(command) => {
                context.slots.await_data(command).map_err(|_| EINVAL)?;
            }
        }
        Ok(())
    }
}
