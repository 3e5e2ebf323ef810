// SPDX-License-Identifier: GPL-2.0

//! How a connection begins on a port that knows TLS: until its host has shown what it speaks, and a
//! handshake has been done, there is little more of it than its socket.
//!
//! C counterparts: `nvmet_tcp_try_peek_pdu()`, `nvmet_tcp_tls_handshake()` and what follows it.

use kernel::{
    prelude::*,
    sync::{
        Arc,
        Mutex, //
    },
    time::msecs_to_jiffies,
    workqueue::WorkItem, //
};

use super::{
    connection::{
        Connection,
        State, //
    },
    io::Io,
    limits, //
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
    /// Says it in the log, of the connection with the number `queue`.
    fn log(&self, queue: u32) {
        match self {
            Self::Plain => pr_err!("queue {queue}: the host does not use TLS, which is required\n"),
            Self::NotStarted(error) => {
                let error = error.to_errno();
                pr_err!("queue {queue}: failed to start TLS, err={error}\n");
            }
            Self::Failed(error) => {
                let error = error.to_errno();
                pr_err!("queue {queue}: TLS handshake failed, error {error}\n");
            }
            Self::Lost(error) => pr_debug!("queue {queue}: lost before it began: {error:?}\n"),
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
            refusal.log(self.id);
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
        match Io::new(self, psk) {
            Ok(io) => *state = State::Up(io),
            Err(error) => {
                pr_err!("queue {}: failed to set up: {error:?}\n", self.id);
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
        let Some(tls) = self.port.tls() else {
            return Ok(Next::Work(None));
        };
        match state {
            State::New => match self.socket.peek().map_err(Refusal::Lost)? {
                None => Ok(Next::Wait),
                Some(HANDSHAKE_RECORD) => self.begin_handshake(state, tls),
                Some(_) if tls.required => Err(Refusal::Plain),
                Some(_) => Ok(Next::Work(None)),
            },
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

    /// Bounds how long the connection may take until it works, if its port knows TLS.
    pub(super) fn limit_greeting(self: &Arc<Self>) -> Result {
        if self.port.tls().is_none() {
            return Ok(());
        }
        self.port.greeters().add(self)?;
        let delay = msecs_to_jiffies(parameters::tls_handshake_timeout().saturating_mul(1000));
        let _ = self
            .target
            .io_queue()
            .enqueue_delayed::<Arc<Self>, 3>(self.clone(), delay);
        Ok(())
    }
}

impl WorkItem<3> for Connection {
    type Pointer = Arc<Self>;

    /// The time for the greeting has passed.
    fn run(this: Arc<Self>) {
        let id = this.id;
        match &*this.state.lock() {
            State::New => pr_warn!("queue {id}: TLS handshake timeout: nothing from the host\n"),
            State::Greeting(_) => pr_warn!("queue {id}: TLS handshake timeout\n"),
            State::Up(_) | State::Released => return,
        }
        this.shutdown();
    }
}

/// The connections of a port that do not work yet, the oldest first. There is a bound to how many
/// there are: each of them costs memory, and a process of `tlshd`.
#[pin_data]
pub(super) struct Greeters {
    #[pin]
    waiting: Mutex<KVec<Arc<Connection>>>,
}

impl Greeters {
    /// None.
    pub(super) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            waiting <- kernel::new_mutex!(KVec::new(), "nvmet_mptcp::Greeters::waiting"),
        })
    }

    /// Adds a connection. If there are too many, the oldest one has to go: a host that means it is
    /// through before that. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    fn add(&self, connection: &Arc<Connection>) -> Result {
        let oldest = {
            let mut waiting = self.waiting.lock();
            waiting.push(connection.clone(), GFP_KERNEL)?;
            match limits::is_crowded(waiting.len()) {
                true => waiting.remove(0).ok(),
                false => None,
            }
        };
        if let Some(oldest) = oldest {
            pr_warn!(
                "queue {}: dropped, too many TLS handshakes are under way\n",
                oldest.id
            );
            oldest.shutdown();
        }
        Ok(())
    }

    /// Forgets a connection that works now, or never will.
    pub(super) fn remove(&self, connection: &Arc<Connection>) {
        let mut waiting = self.waiting.lock();
        waiting.retain(|other| !Arc::ptr_eq(other, connection));
    }
}
