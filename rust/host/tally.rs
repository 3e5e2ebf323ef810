// SPDX-License-Identifier: GPL-2.0

//! What a queue has seen, for whoever looks at it ([`observe`](super::observe)).
//!
//! Nothing is kept on the way of a PDU that costs more than adding to a word under a lock that is
//! held anyway.

use kernel::{
    device::Device,
    fmt,
    prelude::*, //
};

use super::fault::Fault;
use crate::abstractions::{
    counter::Counter,
    last_error::LastError, //
};

/// What a queue has seen since its controller was made.
#[pin_data]
pub(super) struct Tally {
    /// PDUs that were handed to the network. By the sender.
    pub(super) sent: Counter,
    /// PDUs that have come. By the receiver.
    pub(super) received: Counter,
    /// The longest that the controller took for a request in milliseconds, from when the block
    /// layer started it until it was answered. By the receiver.
    pub(super) longest: Counter,
    /// How many connections the queue has worked on. By whoever starts it.
    pub(super) connections: Counter,
    #[pin]
    last_error: LastError,
}

impl Tally {
    /// Nothing yet.
    pub(super) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            sent: Counter::new(),
            received: Counter::new(),
            longest: Counter::new(),
            connections: Counter::new(),
            last_error <- LastError::new(),
        })
    }

    /// Says in the log why the connection of queue `qid` cannot go on, and keeps it.
    pub(super) fn fault(&self, fault: &Fault, device: &Device, qid: u16) {
        fault.log(device, qid);
        self.last_error.keep(fmt!("{fault}"));
    }
}

/// One line for each figure, behind its name.
impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reconnects = self.connections.get().saturating_sub(1);
        writeln!(f, "pdus_sent {}", self.sent.get())?;
        writeln!(f, "pdus_received {}", self.received.get())?;
        writeln!(f, "longest_ms {}", self.longest.get())?;
        writeln!(f, "reconnects {reconnects}")?;
        f.write_fmt(fmt!("last_error {}\n", self.last_error))
    }
}
