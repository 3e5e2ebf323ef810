// SPDX-License-Identifier: GPL-2.0

//! TLS handshakes with pre-shared keys, which user space (`tlshd`) does for the kernel.
//!
//! This module does not support certificates.
//!
//! C header: [`include/net/handshake.h`](srctree/include/net/handshake.h)

use core::ffi::c_void;

use kernel::{
    error::to_result,
    new_condvar,
    new_mutex,
    prelude::*,
    sync::{
        Arc,
        CondVar,
        CondVarTimeoutResult,
        Mutex, //
    },
    time::msecs_to_jiffies, //
};

use super::socket::Socket;
use crate::{
    abstractions::key::KeySerial,
    bindings, //
};

impl Socket {
    /// Whether what is sent and received goes through kTLS. Does not sleep.
    pub fn is_tls(&self) -> bool {
        // SAFETY: The socket is alive, and one of TCP or MPTCP; C looks for null.
        unsafe { bindings::helper_sk_has_ulp(self.sk()) }
    }
}

/// Who wants to know when a handshake has ended.
pub trait Greeter: Send + Sync + 'static {
    /// It has: [`Handshake::result`] says how. Called in process context by what serves `tlshd`;
    /// may do no more than note something and queue work.
    fn ended(&self);
}

/// Nobody: somebody waits for it ([`Handshake::wait`]).
impl Greeter for () {
    fn ended(&self) {}
}

/// Which side of a handshake to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hello {
    /// The client, with this key.
    Client(KeySerial),
    /// The server, with the key of the identity that the client names.
    Server,
}

/// How to do a handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// The side.
    pub hello: Hello,
    /// Where keys are looked up; [`None`] for where `tlshd` is set up to.
    pub keyring: Option<KeySerial>,
    /// How long it may take, in seconds.
    pub timeout_secs: u32,
}

/// How far a handshake has come.
#[derive(Clone, Copy)]
enum Progress {
    UnderWay,
    /// It has ended, and the greeter is being told.
    Ended(Result<KeySerial>),
    /// The greeter has been told.
    Told(Result<KeySerial>),
}

/// What C refers to until a handshake has ended.
#[pin_data]
struct Shared<G> {
    greeter: G,
    #[pin]
    progress: Mutex<Progress>,
    #[pin]
    told: CondVar,
}

impl<G: Greeter> Shared<G> {
    fn end(&self, result: Result<KeySerial>) {
        *self.progress.lock() = Progress::Ended(result);
        self.greeter.ended();
        *self.progress.lock() = Progress::Told(result);
        self.told.notify_all();
    }
}

/// A handshake of a socket, taken back when dropped, if it is still under way.
///
/// Nobody else may use the socket meanwhile, and its functions have to be the original ones
/// ([`Hooked`](super::events::Hooked)): user space sends and receives over it.
///
/// # Invariants
///
/// C has been given a reference to `shared`, which [`ended`] or a handshake that is taken back
/// gives up.
pub struct Handshake<G: Greeter> {
    socket: Arc<Socket>,
    shared: Arc<Shared<G>>,
}

impl<G: Greeter> Handshake<G> {
    /// Has user space do a handshake on `socket`, and tell `greeter` when it is done. May sleep.
    ///
    /// # Errors
    ///
    /// `ESRCH` if there is nobody to do it in the socket's network namespace, `EAGAIN` if too many
    /// wait for that, `ENOMEM`, `EOPNOTSUPP` for a kernel without.
    pub fn start(socket: Arc<Socket>, terms: &Terms, greeter: G) -> Result<Self> {
        let shared = Arc::pin_init(
            pin_init!(Shared {
                greeter,
                progress <- new_mutex!(Progress::UnderWay, "net::tls::Shared::progress"),
                told <- new_condvar!("net::tls::Shared::told"),
            }),
            GFP_KERNEL,
        )?;
        let data = Arc::into_raw(shared.clone());
        let mut args = bindings::tls_handshake_args {
            ta_sock: socket.as_raw(),
            ta_done: Some(ended::<G>),
            ta_data: data.cast_mut().cast(),
            ta_keyring: KeySerial::into_raw(terms.keyring),
            ta_timeout_ms: terms.timeout_secs.saturating_mul(1000),
            ..Default::default()
        };
        let started = to_result(match terms.hello {
            Hello::Client(psk) => {
                args.ta_num_peerids = 1;
                args.ta_my_peerids = [KeySerial::into_raw(Some(psk)), 0, 0, 0, 0];
                // SAFETY: The socket is alive and has a file; C copies the arguments. What `data`
                // points to is valid until `ended` has been called, which knows its type.
                unsafe { bindings::helper_tls_client_hello_psk(&args) }
            }
            // SAFETY: As for the client.
            Hello::Server => unsafe { bindings::helper_tls_server_hello_psk(&args) },
        });
        started.inspect_err(|_| {
            // SAFETY: C has not kept the reference, and does not call `ended`.
            drop(unsafe { Arc::from_raw(data) });
        })?;
        // INVARIANT: C has the reference that `data` was.
        Ok(Self { socket, shared })
    }

    /// The key that was used, or why there is no TLS; [`None`] while the handshake is under way.
    /// May sleep.
    ///
    /// # Errors
    ///
    /// `EACCES` if the peer or the key was refused, and what else `tlshd` says; `ENOKEY` if it does
    /// not say which key it was, `EPROTO` if it says that all is well and it is not.
    pub fn result(&self) -> Option<Result<KeySerial>> {
        match *self.shared.progress.lock() {
            Progress::UnderWay => None,
            Progress::Ended(Ok(_)) | Progress::Told(Ok(_)) if !self.socket.is_tls() => {
                Some(Err(EPROTO))
            }
            Progress::Ended(result) | Progress::Told(result) => Some(result),
        }
    }

    /// Waits until the handshake has ended, for at most `secs` seconds. Sleeps.
    ///
    /// # Errors
    ///
    /// `ETIMEDOUT`; `ERESTARTSYS` after a signal.
    pub fn wait(&self, secs: u32) -> Result {
        let mut left = msecs_to_jiffies(secs.saturating_mul(1000));
        let mut progress = self.shared.progress.lock();
        while !matches!(*progress, Progress::Told(_)) {
            match self
                .shared
                .told
                .wait_interruptible_timeout(&mut progress, left)
            {
                CondVarTimeoutResult::Woken { jiffies } => left = jiffies,
                CondVarTimeoutResult::Timeout => return Err(ETIMEDOUT),
                CondVarTimeoutResult::Signal { .. } => return Err(ERESTARTSYS),
            }
        }
        Ok(())
    }
}

impl<G: Greeter> Drop for Handshake<G> {
    /// When this returns, the greeter is not called any more, and is not being called. May sleep,
    /// but does not wait for user space.
    fn drop(&mut self) {
        // SAFETY: The socket is alive.
        if unsafe { bindings::helper_tls_handshake_cancel(self.socket.sk()) } {
            // SAFETY: By the invariant C had this reference; it does not call `ended` now.
            drop(unsafe { Arc::from_raw(Arc::as_ptr(&self.shared)) });
            return;
        }
        // It has ended, or is about to.
        let mut progress = self.shared.progress.lock();
        while !matches!(*progress, Progress::Told(_)) {
            self.shared.told.wait(&mut progress);
        }
    }
}

/// The `tls_done_func_t` of handshakes.
///
/// # Safety
///
/// Called at most once for a handshake, with the `data` that [`Handshake::start`] made for this
/// `G`, of which it may give up the reference.
unsafe extern "C" fn ended<G: Greeter>(
    data: *mut c_void,
    status: c_int,
    peer: bindings::key_serial_t,
) {
    // SAFETY: By the contract of this function it is that of `start`, with its reference.
    let shared = unsafe { Arc::from_raw(data.cast::<Shared<G>>().cast_const()) };
    let result = to_result(status).and_then(|()| KeySerial::from_raw(peer).ok_or(ENOKEY));
    shared.end(result);
}
