// SPDX-License-Identifier: GPL-2.0

//! How a connection begins: until its host has shown what it speaks, and a TLS handshake has been
//! done if that is what it wants, there is little more of it than its socket.
//!
//! C counterparts: `nvmet_tcp_try_peek_pdu()`, `nvmet_tcp_tls_handshake()` and what follows it.

use kernel::{
    prelude::*,
    sync::Arc, //
};

use super::{
    connection::{
        Connection,
        State, //
    },
    io::Io, //
};
use crate::abstractions::{
    key::Psk,
    net::tls::{
        Greeter,
        Handshake,
        Hello,
        Terms, //
    },
    nvmet::{
        parameters,
        port::Tls, //
    }, //
};

/// The first byte of a TLS handshake: the type of the record that it is in (RFC 8446, section 5.1).
/// It is no type of a PDU.
const HANDSHAKE_RECORD: u8 = 22;

/// A handshake of a connection.
pub(super) type Greeting = Handshake<Waker>;

/// Has the connection look what has become of its handshake.
pub(super) struct Waker(Arc<Connection>);

impl Greeter for Waker {
    fn ended(&self) {
        self.0.wake();
    }
}

/// Why a connection does not become a queue.
enum Refusal {
    /// The host does not use TLS, and has to.
    Plain,
    /// User space does not begin a handshake.
    NotStarted(Error),
    /// The handshake has failed.
    Failed(Error),
    /// The connection is lost.
    Lost(Error),
}

impl Refusal {
    /// Says it in the log.
    fn log(&self, connection: &Connection) {
        let queue = connection.id;
        match self {
            Self::Lost(error) => pr_debug!("queue {queue}: lost before it began: {error:?}\n"),
            _ if !connection.port.complains() => {}
            Self::Plain => pr_err!("queue {queue}: the host does not use TLS, which is required\n"),
            Self::NotStarted(error) => {
                let error = error.to_errno();
                pr_err!("queue {queue}: failed to start TLS, err={error}\n");
            }
            Self::Failed(error) => {
                let error = error.to_errno();
                pr_err!("queue {queue}: TLS handshake failed, error {error}\n");
            }
        }
    }
}

/// What a connection that has begun to be one is to do.
enum Next {
    /// Wait for the host, or for user space.
    Wait,
    /// The same, but there may be nobody who wakes it.
    WaitShortly,
    /// Work, encrypted with this key, or not at all.
    Work(Option<Psk>),
}

impl Connection {
    /// Brings the connection up. If it is not yet, or will not be, returns whether to go on soon.
    pub(super) fn begin(self: &Arc<Self>, state: &mut State) -> Option<bool> {
        self.wakeup.look();
        let next = self.greet(state).inspect_err(|refusal| {
            refusal.log(self);
            self.shutdown();
        });
        let psk = match next {
            Ok(Next::Work(psk)) => psk,
            Ok(Next::Wait) => return Some(!self.wakeup.rest()),
            Ok(Next::WaitShortly) => {
                self.work_later();
                return Some(!self.wakeup.rest());
            }
            Err(_) => return Some(false),
        };
        self.port.greeters().remove(self);
        let io = self.port.strangers().add(self);
        match io.and_then(|()| Io::new(self, psk)) {
            Ok(io) => *state = State::Up(io),
            Err(error) => {
                if self.port.complains() {
                    pr_err!("queue {}: failed to set up: {error:?}\n", self.id);
                }
                self.shutdown();
                return Some(false);
            }
        }
        // There is what has been looked at just now.
        self.enqueue(self.wakeup.wake_for_data());
        None
    }

    /// Looks what the host says first, does a handshake if it wants one, and says what is next. May
    /// sleep, but does not wait for the host.
    ///
    /// # Errors
    ///
    /// Why the connection has come to its end.
    fn greet(self: &Arc<Self>, state: &mut State) -> Result<Next, Refusal> {
        match state {
            State::New => {
                let first = self.socket.peek().map_err(Refusal::Lost)?;
                match (first, self.port.tls()) {
                    (None, _) => Ok(Next::Wait),
                    (Some(HANDSHAKE_RECORD), Some(tls)) => self.begin_handshake(state, tls),
                    (Some(_), Some(tls)) if tls.required => Err(Refusal::Plain),
                    (Some(_), _) => Ok(Next::Work(None)),
                }
            }
            State::Greeting(handshake) => match handshake.result() {
                None => Ok(Next::Wait),
                Some(used) => {
                    let psk = used.and_then(Psk::lookup).map_err(Refusal::Failed)?;
                    *state = State::New;
                    // User space has needed the socket's own functions.
                    self.hook().map_err(Refusal::Lost)?;
                    Ok(Next::Work(Some(psk)))
                }
            },
            State::Up(_) | State::Released => Ok(Next::Wait),
        }
    }

    fn begin_handshake(self: &Arc<Self>, state: &mut State, tls: Tls) -> Result<Next, Refusal> {
        self.unhook();
        let terms = Terms {
            hello: Hello::Server,
            keyring: tls.keyring,
            timeout_secs: parameters::tls_handshake_timeout(),
        };
        match Handshake::start(self.socket.clone(), &terms, Waker(self.clone())) {
            Ok(handshake) => {
                *state = State::Greeting(handshake);
                Ok(Next::Wait)
            }
            // Others are before us.
            Err(EAGAIN) => Ok(Next::WaitShortly),
            Err(error) => Err(Refusal::NotStarted(error)),
        }
    }
}
