// SPDX-License-Identifier: GPL-2.0

//! Receiving responses, data and R2Ts.
//!
//! C counterpart: `nvme_tcp_recv_skb()`.

use kernel::{
    dev_err,
    dev_warn,
    prelude::*,
    sync::Arc, //
};

use super::{
    connection::Connection,
    queue::Queue,
    Ctrl,
    Host, //
};
use crate::{
    abstractions::{
        nvme::{
            request::RecvRequest,
            status::{
                later,
                DATA_XFER_ERROR,
                TRANSIENT_TRANSPORT_ERROR, //
            }, //
        },
        skb::SkbReader, //
    },
    glue::KernelCrc,
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
        Role,
        CRC_SEED,
        DIGEST_LEN,
        R2T, //
    }, //
};

/// The data that are being received.
struct Incoming {
    command_id: u16,
    /// The CRC32C so far, if there are data digests.
    crc: Option<u32>,
    /// Whether they are the last of a command that has succeeded.
    success: bool,
}

/// Why receiving stopped for good.
enum Fault {
    /// The stream breaks a rule of the protocol.
    Protocol(wire::Error),
    /// A PDU is well-formed, but is about something that is not so.
    Unexpected(&'static str, u16),
    /// The controller has ended the connection.
    Terminated,
    /// The network stack has.
    Socket(Error),
}

impl From<wire::Error> for Fault {
    fn from(error: wire::Error) -> Self {
        Self::Protocol(error)
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Socket(error)
    }
}

/// The receiving side of a queue.
pub(crate) struct Receiver {
    qid: u16,
    connection: Option<Arc<Connection>>,
    decoder: KBox<Decoder<KernelCrc>>,
    incoming: Option<Incoming>,
    /// Whether nothing is received from the connection any more.
    ended: bool,
    /// How many requests this turn has completed.
    completed: u32,
}

impl Receiver {
    /// Makes a receiver without a connection.
    ///
    /// # Errors
    ///
    /// `ENOMEM`. May sleep.
    pub(crate) fn new(qid: u16) -> Result<Self> {
        Ok(Self {
            qid,
            connection: None,
            decoder: KBox::new(Decoder::new(Role::Host), GFP_KERNEL)?,
            incoming: None,
            ended: false,
            completed: 0,
        })
    }

    /// Receives over `connection` from now on, with the decoder that has seen ICResp.
    pub(crate) fn open(&mut self, connection: Arc<Connection>, decoder: KBox<Decoder<KernelCrc>>) {
        self.connection = Some(connection);
        self.decoder = decoder;
        self.incoming = None;
        self.ended = false;
    }

    /// Receives nothing any more.
    pub(crate) fn close(&mut self) {
        self.connection = None;
    }

    /// Receives nothing any more if the connection is broken, and returns it.
    pub(crate) fn end_if_broken(&mut self) -> Option<Arc<Connection>> {
        let connection = self.connection.as_ref().filter(|c| c.is_broken())?;
        self.ended = true;
        Some(connection.clone())
    }

    /// Receives what there is; says whether there was something.
    pub(crate) fn receive(&mut self, queue: &Arc<Queue>) -> bool {
        let Some(connection) = self.connection.clone().filter(|_| !self.ended) else {
            return false;
        };
        let mut fault = None;
        let received = connection.socket.read(|reader| {
            self.consume(&connection.ctrl, queue, reader)
                .map_err(|cause| {
                    fault = Some(cause);
                    EPROTO
                })
        });
        queue.count_completed(core::mem::take(&mut self.completed));
        let fault = match (fault, received) {
            (None, Ok(received)) => {
                if received > 0 {
                    // R2Ts may have made requests that are to be sent.
                    queue.flush();
                }
                return received > 0;
            }
            (None, Err(error)) => Fault::Socket(error),
            (Some(fault), _) => fault,
        };
        self.give_up(&connection, queue, fault);
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
                Some(Event::Payload { digest }) => self.payload(ctrl, digest)?,
            }
        }
        Ok(())
    }

    /// Finds the request that a PDU is about.
    fn find<'a>(&self, ctrl: &'a Ctrl, command_id: u16) -> Result<RecvRequest<'a, Host>, Fault> {
        ctrl.find_request(self.qid, command_id)
            .ok_or(Fault::Unexpected("no command in flight has id", command_id))
    }

    /// Copies data to where the request wants it.
    fn place(
        &mut self,
        ctrl: &Ctrl,
        reader: &mut SkbReader<'_>,
        left: u32,
    ) -> Result<usize, Fault> {
        let Some(mut incoming) = self.incoming.take() else {
            return Err(Fault::Unexpected("data without a header, of", 0));
        };
        let mut request = self.find(ctrl, incoming.command_id)?;
        let taken = request.receive(reader, left as usize, incoming.crc.as_mut())?;
        if taken == 0 {
            return Err(Fault::Unexpected(
                "more data than the request has room for, of",
                incoming.command_id,
            ));
        }
        self.incoming = Some(incoming);
        Ok(taken)
    }

    fn pdu(&mut self, ctrl: &Ctrl, queue: &Arc<Queue>, pdu: &Pdu) -> Result<(), Fault> {
        match pdu {
            Pdu::CapsuleResp(pdu) => self.response(ctrl, pdu),
            Pdu::C2HData(pdu) => self.data(ctrl, pdu),
            Pdu::R2T(pdu) => self.r2t(ctrl, queue, pdu),
            Pdu::C2HTermReq(pdu) => {
                let device = ctrl.device();
                dev_err!(
                    device,
                    "queue {}: ended by the controller: {pdu}\n",
                    self.qid
                );
                Err(Fault::Terminated)
            }
            // The decoder lets no others through.
            _ => Err(wire::Error::unexpected(pdu.kind()).into()),
        }
    }

    fn response(&mut self, ctrl: &Ctrl, pdu: &CapsuleResp) -> Result<(), Fault> {
        let command_id = cqe::command_id(&pdu.cqe);
        let status = cqe::status(&pdu.cqe);
        let result = pdu.cqe.first_chunk().copied().unwrap_or_default();
        if Ctrl::is_async_event(self.qid, command_id) {
            ctrl.complete_async_event(status, result);
            return Ok(());
        }

        let request = self.find(ctrl, command_id)?;
        let info = request.info();
        // Bit 0 is the phase, which has no meaning here.
        let success = status >> 1 == 0;
        if success && info.is_read && request.c2h.received() != info.data_len {
            return Err(Fault::Unexpected(
                "success without all the data, of",
                command_id,
            ));
        }
        self.complete(request, status, result);
        Ok(())
    }

    fn data(&mut self, ctrl: &Ctrl, pdu: &C2HData) -> Result<(), Fault> {
        let mut request = self.find(ctrl, pdu.cccid)?;
        let info = request.info();
        if info.is_write || info.data_len == 0 {
            return Err(Fault::Unexpected("data for what is no read,", pdu.cccid));
        }
        request.c2h.data(pdu, info.data_len)?;
        if pdu.success && info.is_read && request.c2h.received() != info.data_len {
            return Err(Fault::Unexpected(
                "success without all the data, of",
                pdu.cccid,
            ));
        }
        let digests = self
            .connection
            .as_ref()
            .is_some_and(|c| c.layout.digests.data);
        self.incoming = Some(Incoming {
            command_id: pdu.cccid,
            crc: digests.then_some(CRC_SEED),
            success: pdu.success,
        });
        Ok(())
    }

    /// The data of a PDU are complete.
    fn payload(&mut self, ctrl: &Ctrl, digest: Option<[u8; DIGEST_LEN]>) -> Result<(), Fault> {
        let Some(incoming) = self.incoming.take() else {
            return Ok(());
        };
        let mut request = self.find(ctrl, incoming.command_id)?;
        if let (Some(digest), Some(crc)) = (digest, incoming.crc) {
            if digest != finish(crc) {
                dev_warn!(
                    ctrl.device(),
                    "queue {}: command {:#06x}: data digest is {:#010x}, not {:#010x}\n",
                    self.qid,
                    incoming.command_id,
                    u32::from_le_bytes(digest),
                    u32::from_le_bytes(finish(crc))
                );
                request.corrupt = true;
            }
        }
        if incoming.success {
            self.complete(request, 0, [0; 8]);
        }
        Ok(())
    }

    fn complete(&mut self, request: RecvRequest<'_, Host>, status: u16, result: [u8; 8]) {
        self.completed = self.completed.saturating_add(1);
        // Bit 0 is the phase.
        let status = match status >> 1 {
            _ if request.corrupt => later(DATA_XFER_ERROR) << 1,
            TRANSIENT_TRANSPORT_ERROR => later(TRANSIENT_TRANSPORT_ERROR) << 1,
            _ => status,
        };
        request.complete(status, result);
    }

    fn r2t(&mut self, ctrl: &Ctrl, queue: &Arc<Queue>, pdu: &R2T) -> Result<(), Fault> {
        let mut request = self.find(ctrl, pdu.cccid)?;
        if !request.info().is_write {
            return Err(Fault::Unexpected("R2T for what is no write,", pdu.cccid));
        }
        match request.grant(Some(*pdu)) {
            Ok(Some(sender)) => {
                queue.inbox.push(sender);
                Ok(())
            }
            Ok(None) => Ok(()),
            Err(_) => Err(wire::Error::r2t_limit().into()),
        }
    }

    /// Ends the connection after a fault, and tells the controller why if it is to blame.
    fn give_up(&mut self, connection: &Connection, queue: &Arc<Queue>, fault: Fault) {
        let device = connection.ctrl.device();
        match fault {
            Fault::Protocol(error) => {
                dev_err!(device, "queue {}: {error}\n", self.qid);
                queue.terminate(connection, &error, self.decoder.header());
            }
            Fault::Unexpected(what, command_id) => {
                dev_err!(device, "queue {}: {what} {command_id:#06x}\n", self.qid);
            }
            Fault::Socket(error) => {
                let error = error.to_errno();
                dev_err!(device, "queue {}: receive failed: {error}\n", self.qid);
            }
            Fault::Terminated => {}
        }
        self.ended = true;
        connection.set_broken();
    }
}
