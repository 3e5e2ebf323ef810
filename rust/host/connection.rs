// SPDX-License-Identifier: GPL-2.0

//! Opening a connection: the socket, and the exchange of ICReq and ICResp.
//!
//! C counterparts: `nvme_tcp_alloc_queue()`, `nvme_tcp_init_connection()`.

use kernel::{
    dev_err,
    dev_warn,
    prelude::*,
    sync::{
        aref::ARef,
        atomic::{
            ordering::{
                Acquire,
                Release, //
            },
            Atomic, //
        },
        Arc, //
    },
    time::Delta, //
};

use super::{
    connect::connect,
    tally::Tally,
    tls,
    Ctrl, //
};
use crate::{
    abstractions::{
        net::socket::Socket,
        nvme::{
            ctrl::State,
            parameters, //
        },
        trace, //
    },
    wire::{
        command_id,
        DecodeError,
        Decoder,
        Digests,
        Event,
        ICReq,
        ICResp,
        Input,
        Layout,
        Pda,
        Pdu,
        PduHeader,
        Role,
        TermReq,
        PFV_1_0, //
    },
    wire_deps::KernelCrc, //
};

/// A connection to a controller that has agreed on its parameters.
pub(crate) struct Connection {
    /// The controller.
    pub(crate) ctrl: ARef<Ctrl>,
    /// The number of the queue.
    qid: u16,
    /// The socket.
    pub(crate) socket: Arc<Socket>,
    /// What the PDUs look like that are sent.
    pub(crate) layout: Layout,
    /// The bytes of data that the controller takes in one H2CData PDU.
    pub(crate) maxh2cdata: u32,
    /// What its queue has seen.
    pub(super) tally: Arc<Tally>,
    /// For how many seconds the controller may be silent; 0 if keep alive, or nobody, says that.
    patience: u32,
    /// Whether it is of no use any more.
    broken: Atomic<bool>,
}

impl Connection {
    /// Opens a connection for queue `qid`, and returns it with a decoder for what follows.
    ///
    /// # Errors
    ///
    /// What [`connect`] says; what [`tls::psk`] and [`tls::start`] say; `EPROTO` if the controller
    /// does not speak the protocol; `ENODEV` if it is being removed.
    pub(super) fn open(
        ctrl: &Ctrl,
        qid: u16,
        tally: &Arc<Tally>,
    ) -> Result<(Self, Decoder<KernelCrc>)> {
        if ctrl.state() == State::Deleting {
            return Err(ENODEV);
        }
        let psk = tls::psk(ctrl, qid)?;
        let socket = Arc::new(connect(ctrl, qid)?, GFP_KERNEL)?;
        let request = ICReq {
            pfv: PFV_1_0,
            hpda: Pda::DWORD,
            digests: Digests {
                header: ctrl.options().hdr_digest(),
                data: ctrl.options().data_digest(),
            },
            maxr2t: 0,
        };
        let mut decoder = Decoder::new(Role::Host);
        let greet = || {
            if let Some(psk) = psk {
                tls::start(ctrl, qid, &socket, psk)?;
            }
            exchange(ctrl, qid, &socket, &request, &mut decoder)
        };
        let greeted = ctrl.removal().cuts_off(&socket, greet);
        let (response, layout) = greeted.inspect_err(|_| socket.shutdown())?;
        decoder.set_digests(layout.digests);

        let this = Self {
            ctrl: ctrl.to_ref(),
            qid,
            patience: patience(ctrl, &socket),
            socket,
            layout,
            maxh2cdata: response.maxh2cdata,
            tally: tally.clone(),
            broken: Atomic::new(false),
        };
        Ok((this, decoder))
    }

    /// A PDU that has this header, for those who trace.
    pub(super) fn traced(&self, header: &[u8]) -> Option<trace::Pdu> {
        let (id, qid) = self.id();
        Some(trace::Pdu {
            id,
            qid,
            header: *header.first_chunk()?,
            cid: command_id(header).unwrap_or(u16::MAX),
        })
    }

    /// The numbers of controller and queue.
    pub(super) fn id(&self) -> (u32, u16) {
        (self.ctrl.instance(), self.qid)
    }

    /// Notes that the connection is of no use any more, and starts recovery, unless the controller
    /// is being set up, reset or removed already. From any context.
    pub(crate) fn set_broken(&self) {
        // Before the controller's state is looked at: who makes it live looks at this afterwards.
        self.broken.store(true, Release);
        self.ctrl.start_recovery();
    }

    /// For how many seconds there has been no sign of life of the controller, if that is too long.
    /// May sleep.
    pub(super) fn silence(&self) -> Option<u32> {
        let secs = self.patience;
        (secs > 0 && self.socket.is_silent(Delta::from_secs(secs.into()))).then_some(secs)
    }

    /// Whether the connection is of no use any more.
    pub(crate) fn is_broken(&self) -> bool {
        self.broken.load(Acquire)
    }

    /// Whether, the connection being broken, somebody will end the requests of queue `qid` soon,
    /// and have them tried again. The admin queue's do not wait for that: it may be just them that
    /// a reset waits for.
    pub(crate) fn is_recovered(&self, qid: u16) -> bool {
        qid != 0 && matches!(self.ctrl.state(), State::Live | State::Resetting)
    }
}

/// For how many seconds a controller may be silent that has no keep alive, and is asked for signs
/// of life therefore (the parameter `peer_timeout`); 0 if it may for ever.
fn patience(ctrl: &Ctrl, socket: &Socket) -> u32 {
    match parameters::peer_timeout() {
        0 => 0,
        secs if ctrl.keep_alive_secs() == 0 && socket.set_keepalive(secs).is_ok() => {
            secs.max(Socket::PROBES)
        }
        // If there is no keep alive either, the next command notices that it is gone.
        _ => 0,
    }
}

/// Sends ICReq, and waits for ICResp, which it returns with what the PDUs look like that follow.
fn exchange(
    ctrl: &Ctrl,
    qid: u16,
    socket: &Socket,
    request: &ICReq,
    decoder: &mut Decoder<KernelCrc>,
) -> Result<(ICResp, Layout)> {
    let mut out = KBox::new([0u8; ICReq::MAX_HEADER], GFP_KERNEL)?;
    let len = request
        .emit::<KernelCrc>(&Layout::default(), &mut out[..])
        .map_err(|_| EINVAL)?;
    socket
        .send_exact(out.get(..len).ok_or(EINVAL)?)
        .inspect_err(|error| {
            dev_err!(
                ctrl.device(),
                "queue {qid}: failed to send icreq, error {}\n",
                error.to_errno()
            );
        })?;

    loop {
        let len = match decoder.input() {
            Input::Bytes(bytes) => {
                socket.recv_exact(bytes).inspect_err(|error| {
                    dev_err!(
                        ctrl.device(),
                        "queue {qid}: failed to receive icresp, error {}\n",
                        error.to_errno()
                    );
                    if let Ok(record) = socket.take_record() {
                        dev_err!(ctrl.device(), "queue {qid}: {record}\n");
                    }
                })?;
                bytes.len()
            }
            Input::Payload(_) => return Err(EPROTO),
        };
        let error = match decoder.advance(len) {
            Ok(None) => continue,
            Ok(Some(Event::Pdu(Pdu::ICResp(response)))) => match response.layout(request) {
                Ok(layout) => return Ok((response, layout)),
                Err(error) => error.into(),
            },
            Ok(Some(Event::Pdu(Pdu::C2HTermReq(reason)))) => {
                dev_warn!(
                    ctrl.device(),
                    "queue {qid}: refused by the controller: {reason}\n"
                );
                return Err(ECONNREFUSED);
            }
            Ok(Some(_)) => return Err(EPROTO),
            Err(error) => error,
        };
        dev_err!(ctrl.device(), "queue {qid}: {error}\n");
        refuse(socket, &error, decoder.header());
        return Err(EPROTO);
    }
}

/// Tells the controller what is wrong with the PDU whose header is `offending`: no ICResp.
fn refuse(socket: &Socket, error: &DecodeError, offending: &[u8]) {
    let Some(request) = TermReq::answering(error) else {
        return;
    };
    let Ok(mut out) = KBox::new([0u8; TermReq::MAX_HEADER], GFP_KERNEL) else {
        return;
    };
    if let Ok(len) = request.emit(Role::Host, offending, &mut out[..]) {
        // The connection is at its end; if this fails, the controller does without.
        let _ = socket.send_exact(out.get(..len).unwrap_or_default());
    }
}
