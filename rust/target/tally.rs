// SPDX-License-Identifier: GPL-2.0

//! What a connection has seen, for whoever looks at it ([`observe`](super::observe)). All of it is
//! kept by the connection's work.

use kernel::{
    fmt,
    prelude::*, //
};

use super::{
    fault::Fault,
    port::Port, //
};
use crate::abstractions::{
    counter::Counter,
    last_error::LastError, //
};

/// What a connection has seen.
#[pin_data]
pub(super) struct Tally {
    /// PDUs that were handed to the network.
    pub(super) sent: Counter,
    /// PDUs that have come.
    pub(super) received: Counter,
    /// Those of them that were commands.
    pub(super) commands: Counter,
    /// Commands whose answers were handed to the network.
    pub(super) answers: Counter,
    /// The longest that there was something to send and no room for it, in milliseconds.
    pub(super) longest: Counter,
    #[pin]
    last_error: LastError,
}

impl Tally {
    /// Nothing yet.
    pub(super) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            sent: Counter::new(),
            received: Counter::new(),
            commands: Counter::new(),
            answers: Counter::new(),
            longest: Counter::new(),
            last_error <- LastError::new(),
        })
    }

    /// Says in the log why the connection with the number `queue`, that came in on `port`, cannot
    /// go on, and keeps it.
    pub(super) fn fault(&self, fault: &Fault, port: &Port, queue: u32) {
        fault.log(port, queue);
        self.last_error.keep(fmt!("{fault}"));
    }
}

/// One line for each figure, behind its name.
impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let requests = self.commands.get().saturating_sub(self.answers.get());
        writeln!(f, "requests {requests}")?;
        writeln!(f, "pdus_sent {}", self.sent.get())?;
        writeln!(f, "pdus_received {}", self.received.get())?;
        writeln!(f, "longest_ms {}", self.longest.get())?;
        f.write_fmt(fmt!("last_error {}\n", self.last_error))
    }
}
