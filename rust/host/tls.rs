// SPDX-License-Identifier: GPL-2.0

//! Which connections are encrypted, with which keys, and the handshake.
//!
//! C counterparts: `nvme_tcp_alloc_admin_queue()`, `__nvme_tcp_alloc_io_queues()`,
//! `nvme_tcp_start_tls()`.

use kernel::{
    dev_err,
    dev_warn,
    prelude::*,
    sync::Arc, //
};

use super::Ctrl;
use crate::abstractions::{
    key::{
        KeySerial,
        Psk, //
    },
    net::{
        socket::Socket,
        tls::{
            Handshake,
            Hello,
            Terms, //
        }, //
    },
    nvme::parameters, //
};

/// The key for the connection of queue `qid`, or [`None`] if it is not to be encrypted.
///
/// # Errors
///
/// `ENOKEY` if there is none for a connection that has to be.
pub(super) fn psk(ctrl: &Ctrl, qid: u16) -> Result<Option<KeySerial>> {
    let options = ctrl.options();
    let found = match (qid, options.tls(), options.concat()) {
        (0, true, _) => ctrl
            .configured_psk()
            .or_else(|| ctrl.default_psk())
            .ok_or("no valid PSK found"),
        // There is none yet: authentication makes one, and the queue is connected once more.
        (0, false, true) => return Ok(ctrl.configured_psk()),
        (_, false, true) => generated_psk(ctrl),
        (_, true, _) => ctrl.negotiated_psk().ok_or("no PSK negotiated"),
        (_, false, false) => return Ok(None),
    };
    found.map(Some).map_err(|reason| {
        dev_err!(ctrl.device(), "{reason}\n");
        ENOKEY
    })
}

/// The key that authentication has made, if the admin queue is encrypted with it. The C driver goes
/// on without encryption if it is not.
fn generated_psk(ctrl: &Ctrl) -> core::result::Result<KeySerial, &'static str> {
    let generated = ctrl.configured_psk().ok_or("no PSK generated")?;
    match ctrl.negotiated_psk() == Some(generated) {
        true => Ok(generated),
        false => Err("Stale PSK id"),
    }
}

/// Encrypts the connection of queue `qid` with the key `psk`. Sleeps.
///
/// # Errors
///
/// `ESRCH` if there is no `tlshd`, `ETIMEDOUT` after the time that the parameter
/// `tls_handshake_timeout` says, `ERESTARTSYS` after a signal, `ENOKEY` or `EKEYREVOKED` if the key
/// is not there any more, and what `tlshd` says.
pub(super) fn start(ctrl: &Ctrl, qid: u16, socket: &Arc<Socket>, psk: KeySerial) -> Result {
    let device = ctrl.device();
    let timeout_secs = parameters::tls_handshake_timeout();
    let terms = Terms {
        hello: Hello::Client(psk),
        keyring: ctrl.keyring(),
        timeout_secs,
    };
    let handshake = Handshake::start(socket.clone(), &terms, ()).inspect_err(|error| {
        let error = error.to_errno();
        dev_err!(device, "queue {qid}: failed to start TLS: {error}\n");
    })?;
    handshake.wait(timeout_secs).inspect_err(|error| {
        let error = error.to_errno();
        dev_err!(device, "queue {qid}: TLS handshake failed, error {error}\n");
    })?;
    let used = handshake.result().unwrap_or(Err(ETIMEDOUT));
    let used = used.inspect_err(|error| {
        let error = error.to_errno();
        dev_err!(
            device,
            "queue {qid}: TLS handshake complete, error {error}\n"
        );
    })?;
    Psk::lookup(used).inspect_err(|_| {
        dev_warn!(device, "queue {qid}: Invalid key {used}\n");
    })?;
    if qid == 0 {
        ctrl.set_negotiated_psk(Some(used));
    }
    Ok(())
}
