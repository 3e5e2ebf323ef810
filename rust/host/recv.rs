// SPDX-License-Identifier: GPL-2.0

//! Receiving responses, data and R2Ts.
//!
//! C counterpart: `nvme_tcp_recv_skb()`.

use core::mem;

use kernel::{
    dev_warn,
    prelude::*,
    sync::Arc, //
};

use super::{
    connection::Connection,
    fault::Fault,
    queue::Queue,
    Ctrl, //
};
use crate::{
    abstractions::{
        counter::Tick,
        net::{
            read::Found,
            skb::SkbReader, //
        },
        nvme::{
            request::RecvRequest,
            status::{
                later,
                DATA_XFER_ERROR,
                TRANSIENT_TRANSPORT_ERROR, //
            }, //
        },
        trace, //
    },
    wire::{
        self,
        cqe,
        finish,
        C2HData,
        CapsuleResp,
        Decoder,
        Event,
        Input,
        Pdu,
        PduType,
        CRC_SEED,
        DIGEST_LEN,
        R2T, //
    },
    wire_deps::KernelCrc, //
};

/// The data that are being received.
struct Incoming {
    command_id: u16,
    /// The CRC32C so far, if there are data digests.
    crc: Option<u32>,
    /// Whether they are the last of a command that has succeeded.
    success: bool,
}

/// Whether a queue goes on receiving.
enum State {
    /// It does.
    Receiving,
    /// Whoever polls has found a fault, and the work deals with it.
    Faulty(Fault),
    /// It does not.
    Ended,
}

/// The receiving side of a queue, while the queue is started.
pub(super) struct Receiver {
    qid: u16,
    connection: Arc<Connection>,
    decoder: KBox<Decoder<KernelCrc>>,
    incoming: Option<Incoming>,
    state: State,
    /// How many requests this turn has completed.
    completed: u32,
}

impl Receiver {
    /// Receives over `connection`, with the decoder that has seen ICResp, for queue `qid`.
    pub(super) fn new(
        qid: u16,
        connection: Arc<Connection>,
        decoder: KBox<Decoder<KernelCrc>>,
    ) -> Self {
        Self {
            qid,
            connection,
            decoder,
            incoming: None,
            state: State::Receiving,
            completed: 0,
        }
    }

    /// Receives nothing any more if the connection is broken, and returns it.
    pub(super) fn end_if_broken(&mut self) -> Option<Arc<Connection>> {
        if self.connection.is_broken() {
            self.state = State::Ended;
        }
        matches!(self.state, State::Ended).then(|| self.connection.clone())
    }

    /// As [`Receiver::receive`], but does not sleep, and does not take all at once. Says whether it
    /// got at the socket and can do so again.
    pub(super) fn receive_polled(&mut self, queue: &Arc<Queue>) -> bool {
        if !matches!(self.state, State::Receiving) || self.connection.is_broken() {
            return false;
        }
        let connection = self.connection.clone();
        let received = connection
            .socket
            .try_read(|reader| self.consume(&connection.ctrl, queue, reader));
        queue.count_completed(mem::take(&mut self.completed));
        match received {
            Ok(found) => {
                if found == Some(Found::Data) {
                    queue.flush_later();
                }
                found.is_some()
            }
            Err(fault) => {
                self.state = State::Faulty(fault);
                queue.pollers.forget();
                queue.kick();
                false
            }
        }
    }

    /// Receives what there is; says whether there was something.
    pub(super) fn receive(&mut self, queue: &Arc<Queue>) -> bool {
        let connection = self.connection.clone();
        if !matches!(self.state, State::Receiving) {
            if let State::Faulty(fault) = mem::replace(&mut self.state, State::Ended) {
                self.give_up(&connection, queue, &fault);
            }
            return false;
        }
        let received = connection
            .socket
            .read(|reader| self.consume(&connection.ctrl, queue, reader));
        queue.count_completed(mem::take(&mut self.completed));
        match received {
            Ok(Found::Nothing) => {}
            Ok(Found::Data) => {
                // R2Ts may have made requests that are to be sent.
                queue.flush();
                return true;
            }
            Ok(Found::Record(record)) => self.give_up(&connection, queue, &Fault::Record(record)),
            Err(fault) => self.give_up(&connection, queue, &fault),
        }
        false
    }

    /// Takes the bytes of one packet.
    fn consume(
        &mut self,
        ctrl: &Ctrl,
        queue: &Arc<Queue>,
        reader: &mut SkbReader<'_>,
    ) -> Result<(), Fault> {
        while reader.remaining() > 0 {
            let taken = match self.decoder.input() {
                Input::Bytes(bytes) => reader.copy_to(bytes)?,
                Input::Payload(left) => self.place(ctrl, reader, left)?,
            };
            match self.decoder.advance(taken)? {
                None => {}
                Some(Event::Pdu(pdu)) => self.pdu(ctrl, queue, &pdu)?,
                Some(Event::Payload { digest }) => self.payload(ctrl, queue, digest)?,
            }
        }
        Ok(())
    }

    /// Finds the request with this command identifier, which the controller names in a PDU that it
    /// must not have sent if there is none: then that is an `unknown` one.
    fn find<'a>(
        &self,
        ctrl: &'a Ctrl,
        command_id: u16,
        unknown: impl FnOnce() -> wire::Error,
    ) -> Result<RecvRequest<'a, Queue>, wire::Error> {
        ctrl.find_request(self.qid, command_id).ok_or_else(unknown)
    }

    /// Copies data to where the request wants it.
    fn place(
        &mut self,
        ctrl: &Ctrl,
        reader: &mut SkbReader<'_>,
        left: u32,
    ) -> Result<usize, Fault> {
        // The header was checked when it came; what has become wrong since is the controller's
        // doing, too: it has sent the response before the data.
        let early = || wire::Error::unexpected(PduType::C2HData);
        let mut incoming = self.incoming.take().ok_or_else(early)?;
        let mut request = self.find(ctrl, incoming.command_id, early)?;
        let taken = request.receive(reader, left as usize, incoming.crc.as_mut())?;
        if taken == 0 {
            return Err(early().into());
        }
        self.incoming = Some(incoming);
        Ok(taken)
    }

    fn pdu(&mut self, ctrl: &Ctrl, queue: &Arc<Queue>, pdu: &Pdu) -> Result<(), Fault> {
        queue.tally.received.add(1);
        trace::pdu_received(|| self.connection.traced(self.decoder.header()));
        match pdu {
            Pdu::CapsuleResp(pdu) => Ok(self.response(ctrl, queue, pdu)?),
            Pdu::C2HData(pdu) => Ok(self.data(ctrl, pdu)?),
            Pdu::R2T(pdu) => Ok(self.r2t(ctrl, queue, pdu)?),
            Pdu::C2HTermReq(pdu) => Err(Fault::Terminated(*pdu)),
            // The decoder lets no others through.
            _ => Err(wire::Error::unexpected(pdu.kind()).into()),
        }
    }

    fn response(
        &mut self,
        ctrl: &Ctrl,
        queue: &Queue,
        pdu: &CapsuleResp,
    ) -> Result<(), wire::Error> {
        let command_id = cqe::command_id(&pdu.cqe);
        let status = cqe::status(&pdu.cqe);
        let result = pdu.cqe.first_chunk().copied().unwrap_or_default();
        if self.qid == 0 && command_id == Ctrl::ASYNC_EVENT_COMMAND_ID {
            if !queue.async_event.complete() {
                return Err(pdu.unknown_cid());
            }
            ctrl.complete_async_event(status, result);
            return Ok(());
        }

        let request = self.find(ctrl, command_id, || pdu.unknown_cid())?;
        // Bit 0 is the phase, which has no meaning here.
        if status >> 1 == 0 {
            request.check_complete()?;
        }
        self.complete(request, status, result);
        Ok(())
    }

    fn data(&mut self, ctrl: &Ctrl, pdu: &C2HData) -> Result<(), wire::Error> {
        let mut request = self.find(ctrl, pdu.cccid, || pdu.unknown_cccid())?;
        let info = request.info();
        if info.is_write || info.data_len == 0 {
            return Err(wire::Error::unexpected(PduType::C2HData));
        }
        request.c2h.data(pdu, info.data_len)?;
        if pdu.success {
            request.check_complete()?;
        }
        self.incoming = Some(Incoming {
            command_id: pdu.cccid,
            crc: self.connection.layout.digests.data.then_some(CRC_SEED),
            success: pdu.success,
        });
        Ok(())
    }

    /// The data of a PDU are complete.
    fn payload(
        &mut self,
        ctrl: &Ctrl,
        queue: &Queue,
        digest: Option<[u8; DIGEST_LEN]>,
    ) -> Result<(), wire::Error> {
        let Some(incoming) = self.incoming.take() else {
            return Ok(());
        };
        let early = || wire::Error::unexpected(PduType::C2HData);
        let mut request = self.find(ctrl, incoming.command_id, early)?;
        if let (Some(digest), Some(crc)) = (digest, incoming.crc) {
            request.corrupt |= digest != finish(crc);
            if digest != finish(crc) && queue.complaints.allows(c"nvme_mptcp: data digests") {
                dev_warn!(
                    ctrl.device(),
                    "queue {}: command {:#06x}: data digest is {:#010x}, not {:#010x}\n",
                    self.qid,
                    incoming.command_id,
                    u32::from_le_bytes(digest),
                    u32::from_le_bytes(finish(crc))
                );
            }
        }
        if incoming.success {
            self.complete(request, 0, [0; 8]);
        }
        Ok(())
    }

    fn complete(&mut self, request: RecvRequest<'_, Queue>, status: u16, result: [u8; 8]) {
        self.completed = self.completed.saturating_add(1);
        let took = Tick::now().ms_since(request.started());
        self.connection.tally.longest.raise(took);
        // Bit 0 is the phase.
        let status = match status >> 1 {
            _ if request.corrupt => later(DATA_XFER_ERROR) << 1,
            TRANSIENT_TRANSPORT_ERROR => later(TRANSIENT_TRANSPORT_ERROR) << 1,
            _ => status,
        };
        request.complete(status, result);
    }

    fn r2t(&mut self, ctrl: &Ctrl, queue: &Arc<Queue>, pdu: &R2T) -> Result<(), wire::Error> {
        let mut request = self.find(ctrl, pdu.cccid, || pdu.unknown_cccid())?;
        if !request.info().is_write {
            return Err(wire::Error::unexpected(PduType::R2T));
        }
        request.solicited.r2t(pdu)?;
        match request.grant(Some(*pdu)) {
            Ok(Some(sender)) => {
                queue.inbox.push(sender);
                Ok(())
            }
            Ok(None) => Ok(()),
            Err(_) => Err(wire::Error::r2t_limit()),
        }
    }

    /// Ends the connection after a fault, and tells the controller why if it is to blame. Sleeps.
    fn give_up(&mut self, connection: &Connection, queue: &Arc<Queue>, fault: &Fault) {
        queue.tally.fault(fault, connection.ctrl.device(), self.qid);
        if let Fault::Protocol(error) = fault {
            queue.terminate(connection, error, self.decoder.header());
        }
        self.state = State::Ended;
        connection.set_broken();
    }
}
