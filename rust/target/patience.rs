// SPDX-License-Identifier: GPL-2.0

//! How long a host may be silent whose connection is a queue: the parameter `peer_timeout`.
//!
//! With a keep alive timeout (KATO) the core ends the queues of a controller whose host is silent.
//! What it does not see is that a connection stops in the middle of a PDU while the keep alive of
//! its controller goes on; and without KATO it sees nothing. The C driver keeps both for ever.

use kernel::{
    prelude::*,
    sync::Arc,
    time::{
        msecs_to_jiffies,
        Delta,
        Instant,
        Monotonic, //
    },
    workqueue::WorkItem, //
};

use super::{
    connection::{
        Connection,
        State, //
    },
    io::Io,
    recv::Receiver,
    tally::Tally, //
};
use crate::abstractions::{
    net::socket::Socket,
    nvmet::parameters, //
};

/// How often to look in the time that a host has: as often as it is asked for a sign of life.
const LOOKS: u32 = Socket::PROBES;

/// What is known of a host's silence.
pub(super) struct Patience {
    /// How many seconds it may last.
    secs: u32,
    /// Whether the host is asked for signs of life, which say more than its silence.
    asks: bool,
    /// Where in the middle of a PDU the stream was at the last look, and since when.
    stop: Option<((u64, u32), Instant<Monotonic>)>,
}

impl Patience {
    /// With the host at the other end of `socket`, whose keep alive timeout is `kato` seconds, or
    /// 0; [`None`] if it has no end. May sleep.
    fn new(socket: &Socket, kato: u32) -> Option<Self> {
        let secs = match parameters::peer_timeout() {
            0 => return None,
            secs => secs.max(LOOKS),
        };
        Some(Self {
            secs,
            asks: kato == 0 && socket.set_keepalive(secs).is_ok(),
            stop: None,
        })
    }

    /// What the host has not done for too long.
    fn look(
        &mut self,
        receiver: &Receiver,
        tally: &Tally,
        socket: &Socket,
    ) -> Option<&'static str> {
        let most = Delta::from_secs(self.secs.into());
        let place = receiver.midway().map(|at| (tally.received.get(), at));
        self.stop = place.map(|place| match self.stop {
            Some(stop @ (last, _)) if last == place => stop,
            _ => (place, Instant::now()),
        });
        if self.stop.is_some_and(|(_, since)| since.elapsed() >= most) {
            return Some("nothing more of a PDU from the host");
        }
        (self.asks && socket.is_silent(most)).then_some("no sign of life of the host")
    }
}

impl Io {
    /// For how many seconds the host may be silent, and how it was; [`None`] if it may for ever.
    fn look(&mut self, socket: &Socket) -> Option<(u32, Option<&'static str>)> {
        let patience = self.patience.as_mut()?;
        let silence = patience.look(&self.receiver, &self.tally, socket);
        Some((patience.secs, silence))
    }
}

impl Connection {
    /// Looks from now on whether the host is silent: the connection has become the queue that `io`
    /// works for. May sleep.
    pub(super) fn lose_patience(self: &Arc<Self>, io: &mut Io) {
        io.patience = Patience::new(&self.socket, io.sq.keep_alive_secs());
        if let Some(patience) = &io.patience {
            self.look_later(patience.secs);
        }
    }

    /// Looks again in a part of `secs` seconds.
    fn look_later(self: &Arc<Self>, secs: u32) {
        let delay = msecs_to_jiffies(secs.saturating_mul(1000 / LOOKS));
        let _ = self
            .target
            .io_queue()
            .enqueue_delayed::<Arc<Self>, 4>(self.clone(), delay);
    }
}

impl WorkItem<4> for Connection {
    type Pointer = Arc<Self>;

    fn run(this: Arc<Self>) {
        let looked = match &mut *this.state.lock() {
            State::Up(io) => io.look(&this.socket),
            _ => None,
        };
        let Some((secs, silence)) = looked else {
            return;
        };
        let Some(what) = silence else {
            return this.look_later(secs);
        };
        if this.port.complains() {
            pr_warn!("queue {}: {what} for {secs} s\n", this.id);
        }
        this.shutdown();
    }
}
