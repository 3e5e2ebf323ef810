// SPDX-License-Identifier: GPL-2.0

//! The way in: from the stream to commands that have all of their data.
//!
//! C counterparts: `nvmet_tcp_try_recv()` and what it calls.

use kernel::prelude::*;

use super::{
    connection::Connection,
    fault::Fault,
    io::Io,
    limits::MAX_DATA,
    payload::{
        Awaited,
        Payload,
        Received, //
    }, //
};
use crate::{
    abstractions::{
        llist::Fifo,
        net::{
            read::Found,
            skb::SkbReader,
            tls_record::Record, //
        },
        nvmet::{
            command::{
                Completed,
                Request, //
            },
            status::Status, //
        },
        trace, //
    },
    wire::{
        self,
        mapping::{
            self,
            Limits,
            Mapping, //
        },
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
    wire_deps::KernelCrc, //
};

impl From<mapping::Error> for Status {
    fn from(error: mapping::Error) -> Self {
        match error {
            mapping::Error::InvalidField => Self::INVALID_FIELD,
            mapping::Error::SglLength => Self::SGL_INVALID_DATA,
            mapping::Error::SglOffset => Self::SGL_INVALID_OFFSET,
            mapping::Error::SglType => Self::SGL_INVALID_TYPE,
        }
    }
}

/// What a connection is receiving.
pub(super) struct Receiver {
    decoder: Decoder<KernelCrc>,
    /// Whether data have digests.
    data_digest: bool,
    limits: Limits,
    /// The data that come next, after the header of their PDU.
    payload: Option<Payload>,
    /// Commands that wait for H2CData, by tag.
    awaited: KVVec<Option<Awaited>>,
    /// Commands that wait for memory.
    waiting: Fifo<Request>,
    /// Commands that have all of their data.
    ready: Fifo<Request>,
    /// The rest of what has arrived is to wait until what has been taken in is dealt with.
    pausing: bool,
    /// There was a record of TLS of a type that is not known here, and the log says so.
    strange: bool,
}

impl Receiver {
    /// What room for a command takes of memory in bytes.
    pub(super) const PLACE: usize = size_of::<Option<Awaited>>();

    /// For a new connection, which begins with ICReq and a connect command. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(super) fn new(limits: Limits) -> Result<Self> {
        let mut receiver = Self {
            decoder: Decoder::new(Role::Controller),
            data_digest: false,
            limits,
            payload: None,
            awaited: KVVec::new(),
            waiting: Fifo::new(),
            ready: Fifo::new(),
            pausing: false,
            strange: false,
        };
        receiver.reserve(1)?;
        Ok(receiver)
    }

    /// Makes room for `count` commands. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(super) fn reserve(&mut self, count: u16) -> Result {
        let more = usize::from(count).saturating_sub(self.awaited.len());
        self.awaited.reserve(more, GFP_KERNEL)?;
        for _ in 0..more {
            self.awaited.push(None, GFP_KERNEL)?;
        }
        Ok(())
    }

    /// Lets commands have as much data as `limits` says.
    pub(super) fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// The header of the PDU received last, or what has arrived of it.
    pub(super) fn header(&self) -> &[u8] {
        self.decoder.header()
    }

    /// Where the stream is in a PDU that has not come to its end, if it is in one.
    pub(super) fn midway(&self) -> Option<u32> {
        self.decoder.midway()
    }

    /// Takes the next command to be executed.
    pub(super) fn next_ready(&mut self) -> Option<Request> {
        self.ready.pop()
    }

    /// Keeps a command until its data come.
    ///
    /// # Errors
    ///
    /// `EINVAL` if there is one with its tag, which cannot be.
    pub(super) fn await_data(&mut self, command: Awaited) -> Result {
        match self.awaited.get_mut(usize::from(command.tag())) {
            Some(place @ None) => {
                *place = Some(command);
                Ok(())
            }
            _ => Err(EINVAL),
        }
    }
}

impl Io {
    /// Takes in everything that has arrived; before the connection is a queue, which takes more
    /// than one command, no more than a PDU of it. Returns whether there was anything. May sleep,
    /// but does not wait for the peer.
    ///
    /// # Errors
    ///
    /// If the peer breaks the protocol, or the connection is lost. It is of no use then.
    pub(super) fn receive(&mut self, connection: &Connection) -> Result<bool, Fault> {
        let socket = &connection.socket;
        let is_queue = connection.queue_id().is_some();
        let found = socket.read(|skb| self.feed(skb, is_queue))?;
        let paused = core::mem::replace(&mut self.receiver.pausing, false);
        if paused || found != Found::Nothing && socket.is_tls() {
            // More may follow, of which nobody tells. The work, which this is, looks once more.
            let _ = connection.wakeup.wake_for_data();
        }
        match found {
            Found::Nothing => Ok(false),
            Found::Data => Ok(true),
            Found::Record(record @ Record::Alert { .. }) => Err(Fault::Record(record)),
            Found::Record(record) => {
                if !self.receiver.strange {
                    pr_err!("queue {}: {record}\n", self.id);
                }
                self.receiver.strange = true;
                Ok(true)
            }
        }
    }

    /// Takes in a packet, all of it if the connection is a queue. The socket lock is held, so
    /// commands are not executed here.
    fn feed(&mut self, skb: &mut SkbReader<'_>, is_queue: bool) -> Result<(), Fault> {
        while skb.remaining() > 0 && !self.receiver.pausing {
            let receiver = &mut self.receiver;
            let taken = match (receiver.decoder.input(), &mut receiver.payload) {
                (Input::Bytes(to), _) => skb.copy_to(to)?,
                (Input::Payload(due), Some(payload)) => {
                    payload.take(skb, due, receiver.data_digest)?
                }
                // Every PDU with data sets `payload`, or is refused.
                (Input::Payload(_), None) => return Err(EINVAL.into()),
            };
            match receiver.decoder.advance(taken)? {
                Some(Event::Pdu(pdu)) => self.pdu(&pdu)?,
                Some(Event::Payload { digest }) => self.payload_end(digest)?,
                None => continue,
            }
            self.receiver.pausing = !is_queue;
        }
        Ok(())
    }

    fn pdu(&mut self, pdu: &Pdu) -> Result<(), Fault> {
        self.tally.received.add(1);
        trace::pdu_received(|| self.traced(self.receiver.header()));
        match pdu {
            Pdu::ICReq(request) => self.ic_req(request),
            Pdu::CapsuleCmd(capsule) => self.capsule_cmd(capsule),
            Pdu::H2CData(data) => self.h2c_data(data),
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
    fn ic_req(&mut self, request: &ICReq) -> Result<(), Fault> {
        self.receiver.decoder.set_digests(request.digests);
        self.receiver.data_digest = request.digests.data;
        let response = ICResp {
            pfv: PFV_1_0,
            cpda: Pda::DWORD,
            digests: request.digests,
            maxh2cdata: MAX_DATA,
        };
        self.tally.sent.add(1);
        self.sender.open(&response, request.layout())
    }

    /// Starts a command.
    fn capsule_cmd(&mut self, capsule: &CapsuleCmd) -> Result<(), Fault> {
        self.tally.commands.add(1);
        if capsule.data_len > MAX_DATA {
            return Err(capsule.too_long(MAX_DATA).into());
        }
        // More commands at a time than the host said there would be are too many.
        let slot = self.slots.get()?;
        let slot = slot.ok_or(wire::Error::unexpected(PduType::CapsuleCmd))?;
        match slot.init(&mut self.sq, &capsule.sqe) {
            Ok(request) => self.map(request, capsule.data_len),
            Err(refused) => self.refuse(refused, capsule.data_len),
        }
        Ok(())
    }

    /// Reads what a command says about its data, and sees to it that they come.
    fn map(&mut self, mut request: Request, capsule_len: u32) {
        let receiver = &mut self.receiver;
        match Mapping::of(request.sqe(), capsule_len, receiver.limits) {
            Ok(Mapping::None) => receiver.ready.push(request),
            Ok(Mapping::InCapsule(len)) => match self.slots.provide_now(&mut request, len) {
                Ok(()) => receiver.payload = Some(Payload::in_capsule(request)),
                Err(_) => self.refuse(request.fail(Status::INTERNAL), capsule_len),
            },
            // Those that came before are first.
            Ok(Mapping::Solicited | Mapping::ToHost) if !receiver.waiting.is_empty() => {
                receiver.waiting.push(request);
            }
            Ok(Mapping::Solicited | Mapping::ToHost) => {
                if let Err(request) = self.begin(request) {
                    self.receiver.waiting.push(request);
                }
            }
            Err(error) => self.refuse(request.fail(error.into()), capsule_len),
        }
    }

    /// Answers a command that has failed, when the data in its capsule have been received: a host
    /// that gets an answer takes the data back.
    fn refuse(&mut self, refused: Completed, capsule_len: u32) {
        if capsule_len == 0 {
            self.sender.answer(refused);
        } else {
            self.receiver.payload = Some(Payload::discard(refused));
        }
    }

    /// Gives a command memory, and has it executed, or asks for its data. Hands it back if it has
    /// to wait.
    fn begin(&mut self, mut request: Request) -> Result<(), Request> {
        let len = sqe::sgl1(request.sqe()).len();
        match self.slots.provide(&mut request, len) {
            Ok(false) => return Err(request),
            Ok(true) if sqe::transfers_to_controller(request.sqe()) => self.sender.solicit(request),
            Ok(true) => self.receiver.ready.push(request),
            Err(_) => self.sender.answer(request.fail(Status::INTERNAL)),
        }
        Ok(())
    }

    /// Lets the commands begin that wait for memory, as far as there is some now. Returns whether
    /// any did.
    pub(super) fn resume(&mut self) -> bool {
        let mut resumed = false;
        while let Some(request) = self.receiver.waiting.pop() {
            if let Err(request) = self.begin(request) {
                self.receiver.waiting.push_front(request);
                break;
            }
            resumed = true;
        }
        resumed
    }

    /// Data for a command that asked for them.
    fn h2c_data(&mut self, data: &H2CData) -> Result<(), Fault> {
        let place = self.receiver.awaited.get_mut(usize::from(data.ttag));
        let command = place.and_then(Option::take).ok_or(data.unknown_ttag())?;
        self.receiver.payload = Some(command.accept(data)?);
        Ok(())
    }

    /// The data of a PDU have come.
    fn payload_end(&mut self, digest: Option<[u8; wire::DIGEST_LEN]>) -> Result<(), Fault> {
        let payload = self.receiver.payload.take().ok_or(EINVAL)?;
        match payload.finish(digest, &self.port, self.id) {
            Received::All(request) => self.receiver.ready.push(request),
            Received::Part(command) => self.receiver.await_data(command)?,
            Received::Failed(mut command) => {
                self.slots.take_back(&mut command);
                self.sender.answer(command);
            }
        }
        Ok(())
    }
}
