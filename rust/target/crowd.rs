// SPDX-License-Identifier: GPL-2.0

//! Connections that are not queues yet: how many of a port there may be, and how long they may
//! take.
//!
//! The C driver lets them stay as long as they like.

use kernel::{
    prelude::*,
    sync::{
        atomic::ordering::Relaxed,
        Arc,
        Mutex, //
    },
    time::msecs_to_jiffies,
    workqueue::WorkItem, //
};

use super::connection::{
    Connection,
    State, //
};
use crate::abstractions::nvmet::parameters;

/// How many connections of a port may be in a TLS handshake, or before one. Each handshake is a
/// process of `tlshd`.
pub(super) const MOST_HANDSHAKES: usize = 128;

/// How many connections of a port may have said nothing yet, without TLS, and how many may work
/// without being a queue yet. A host connects all its I/O queues, of which it has up to 128, before
/// it says what they are, and all hosts do when the target is back after a while.
pub(super) const MOST_STRANGERS: usize = 1024;

/// How many seconds a connection that works, or that needs no TLS handshake before, has until it is
/// a queue.
const CONNECT_TIMEOUT: u32 = 30;

/// Connections of a port that wait for their hosts, the oldest first. There is a bound to how many
/// there are, as each of them costs memory.
#[pin_data]
pub(super) struct Crowd {
    most: usize,
    /// What there are too many of, for the log.
    what: &'static str,
    #[pin]
    members: Mutex<KVec<Arc<Connection>>>,
}

impl Crowd {
    /// None, and never more than `most`.
    pub(super) fn new(most: usize, what: &'static str) -> impl PinInit<Self> {
        pin_init!(Self {
            most,
            what,
            members <- kernel::new_mutex!(KVec::new(), "nvmet_mptcp::Crowd::members"),
        })
    }

    /// Adds a connection. If there are too many, the oldest one has to go: a host that means it is
    /// through before that. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(super) fn add(&self, connection: &Arc<Connection>) -> Result {
        let oldest = {
            let mut members = self.members.lock();
            members.push(connection.clone(), GFP_KERNEL)?;
            match members.len() > self.most {
                true => members.remove(0).ok(),
                false => None,
            }
        };
        if let Some(oldest) = oldest {
            if oldest.port.complains() {
                pr_warn!("queue {}: dropped, too many {}\n", oldest.id, self.what);
            }
            oldest.shutdown();
        }
        Ok(())
    }

    /// Forgets a connection that has come further, or never will.
    pub(super) fn remove(&self, connection: &Connection) {
        let mut members = self.members.lock();
        members.retain(|other| !core::ptr::eq(&raw const **other, connection));
    }
}

impl Connection {
    /// Bounds how long the connection may take until it is a queue, and how many others there are
    /// beside it.
    pub(super) fn limit_beginning(self: &Arc<Self>) -> Result {
        self.port.greeters().add(self)?;
        let secs = match self.port.tls() {
            Some(_) => parameters::tls_handshake_timeout(),
            None => CONNECT_TIMEOUT,
        };
        self.end_after(secs);
        Ok(())
    }

    /// Ends the connection after `secs` seconds, if it is not a queue by then.
    fn end_after(self: &Arc<Self>, secs: u32) {
        let delay = msecs_to_jiffies(secs.saturating_mul(1000));
        let _ = self
            .target
            .io_queue()
            .enqueue_delayed::<Arc<Self>, 3>(self.clone(), delay);
    }
}

impl WorkItem<3> for Connection {
    type Pointer = Arc<Self>;

    /// The time has passed that a connection has until it is a queue; with TLS, until it works,
    /// from when on it gets the time that it has without.
    fn run(this: Arc<Self>) {
        if this.queue_id().is_some() || this.is_closing() {
            return;
        }
        let tls = this.port.tls().is_some();
        let what = match &*this.state.lock() {
            State::New if tls => "TLS handshake timeout: nothing from the host",
            State::Greeting(_) => "TLS handshake timeout",
            State::Up(_) if tls && !this.extended.xchg(true, Relaxed) => {
                return this.end_after(CONNECT_TIMEOUT);
            }
            State::New => "nothing from the host",
            State::Up(_) => "the host has not connected a queue in time",
            State::Released => return,
        };
        if this.port.complains() {
            pr_warn!("queue {}: {what}\n", this.id);
        }
        this.shutdown();
    }
}
