// SPDX-License-Identifier: GPL-2.0

//! The host: controllers and queues of NVMe/TCP over MPTCP.
//!
//! | file | what it does |
//! |---|---|
//! | [`controller`] | makes controllers, recovers from errors, resets |
//! | [`set_up`] | the steps of setting a controller up and tearing it down |
//! | [`removal`], [`wait`] | bounds how long a removal waits for a controller |
//! | [`queue`] | the life of a queue |
//! | [`blk_mq`] | the queue as the block layer uses it |
//! | [`state`] | what a queue is, and what it may become |
//! | [`io`], [`progress`] | who works when: submitters, pollers, the work, and what wakes it |
//! | [`poll`] | who receives on a queue that is polled |
//! | [`connection`] | opens a connection and exchanges ICReq and ICResp |
//! | [`connect`], [`ways`] | by which of the ways that there are |
//! | [`tls`] | encrypts a connection |
//! | [`request`] | what a request carries, and what a command says of its data |
//! | [`send`], [`batch`] | commands and data, many PDUs at a time |
//! | [`async_event`] | Asynchronous Event Requests |
//! | [`bounce`] | a copy of what is sent, for digests of data |
//! | [`recv`] | responses, data and R2Ts |
//! | [`fault`] | why a connection cannot go on |
//! | [`tally`] | what a queue has seen |
//! | [`observe`] | what an administrator sees of it |
//! | [`lookout`] | looks at a controller regularly |
//! | [`watch`], [`census`] | lines about subflows that are lost and come back |
//! | [`cpu`] | which CPU a queue works on |
//! | [`paths`] | whether there are the paths that the administrator wants |
//! | [`options`] | what follows from the options of a connect |
//!
//! # The life of a request
//!
//! ```text
//!   (block layer) --queue_rq--> inbox --> Sender::waiting --> Batch --> (socket)
//!                                 ^                             |
//!                                 |    H2CData to come, or R2T  |
//!                                 +---- recv <-- R2T            +--> waiting, or given up
//!
//!   (socket) --> recv --find_request--> complete --> (block layer)
//! ```
//!
//! The upper line is one handle, [`SendRequest`](crate::abstractions::nvme::request::SendRequest),
//! of which a request has at most one: each arrow hands it over. The lower one is a handle that
//! lives for the handling of one PDU. The request is completed when it is answered and the first
//! has been given up.
//!
//! # Locks
//!
//! In the order in which they are taken:
//!
//! 1. `Queue::state`: the connection comes and goes.
//! 2. `Queue::receiver`.
//! 3. `Queue::sender`.
//! 4. if the connection is encrypted, the locks of kTLS, and
//! 5. the socket lock, inside [`Socket::send`](crate::abstractions::net::socket::Socket::send) and
//!    [`Socket::read`](crate::abstractions::net::socket::Socket::read).
//!
//! Under the lock of [`Host::ways`](controller::Host::ways) no other is taken, and under those of
//! [`Removal`](removal::Removal) none but the socket lock.
//!
//! Whoever polls cannot wait for any of them: he takes the receiver and then the spinlock of the
//! socket, inside [`Socket::try_read`](crate::abstractions::net::socket::Socket::try_read), if
//! nobody has them, and no other.
//!
//! Requests are completed with the receiver and the socket lock or its spinlock held. So whatever a
//! completion calls must not take any of these locks, nor sleep.
//!
//! Specification: NVMe over TCP transport 1.0. C counterpart: `drivers/nvme/host/tcp.c`.

#![deny(unsafe_code)]

mod async_event;
mod batch;
mod blk_mq;
mod bounce;
mod census;
mod connect;
pub(crate) mod connection;
pub(crate) mod controller;
pub(crate) mod cpu;
mod fault;
mod io;
mod lookout;
mod observe;
mod options;
mod paths;
mod poll;
mod progress;
pub(crate) mod queue;
pub(crate) mod recv;
mod removal;
pub(crate) mod request;
pub(crate) mod send;
pub(crate) mod set_up;
mod state;
mod tally;
mod tls;
mod wait;
mod watch;
mod ways;

use kernel::{
    cpu::nr_cpu_ids,
    prelude::*,
    sync::Arc, //
};

use crate::abstractions::{
    debugfs::Dir,
    nvme::parameters,
    workqueue::{
        OwnedQueue,
        Workers, //
    }, //
};

pub(crate) use controller::Host;

/// A controller, with the core's part.
pub(crate) type Ctrl = crate::abstractions::nvme::ctrl::Ctrl<Host>;

/// What all controllers share.
pub(crate) struct Context {
    /// Where queues do their work.
    workqueue: Arc<OwnedQueue>,
    /// Which CPUs they do it on.
    cpus: Arc<cpu::Load>,
    /// Where controllers are shown.
    debugfs: Dir,
}

impl Context {
    /// Allocates what all controllers share. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn new() -> Result<Self> {
        // Later the parameter can only change where the queues use it.
        let workers = match parameters::wq_unbound() {
            false => Workers::PerCpu,
            true => Workers::Unbound,
        };
        Ok(Self {
            workqueue: Arc::new(OwnedQueue::new_io(c"nvme_mptcp_wq", workers)?, GFP_KERNEL)?,
            cpus: Arc::new(cpu::Load::new(nr_cpu_ids())?, GFP_KERNEL)?,
            debugfs: Dir::new(c"nvme_mptcp", None)?,
        })
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // Work that was queued last may hold the last reference to its queue, and with it one to
        // the workqueue, which it must not be the one to destroy.
        self.workqueue.flush();
    }
}
