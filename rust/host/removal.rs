// SPDX-License-Identifier: GPL-2.0

//! Removing a controller takes bounded time, even if it does not answer.
//!
//! Whoever removes a controller waits for those who reset it, connect it again or scan it, and they
//! wait for its answers: a minute for each command (`admin_timeout` of the core). The core does not
//! tell that a removal has begun before all of them are done, so this looks at it regularly, and
//! breaks the connections that hold the removal up.

use kernel::{
    dev_warn,
    new_mutex,
    prelude::*,
    sync::{
        atomic::{
            ordering::Relaxed,
            AtomicFlag, //
        },
        Arc,
        Mutex, //
    }, //
};

use super::{
    lookout::{
        Look,
        Lookout, //
    },
    queue::Queue,
    wait::{
        Need,
        Seen,
        Wait,
        PATIENCE,
        PERIOD_MS, //
    },
    Ctrl,
    Host, //
};
use crate::abstractions::{
    net::socket::Socket,
    nvme::ctrl::State, //
};

/// How long the commands of a shutdown may take each, in ms.
const SHUTDOWN_TIMEOUT_MS: u32 = PATIENCE * PERIOD_MS;

/// What removing a controller has to know of it.
#[pin_data]
pub(super) struct Removal {
    /// It is being reset or connected again.
    changing: AtomicFlag,
    /// Nobody but who removes it sends commands any more.
    shutting_down: AtomicFlag,
    /// A connection whose peer has to answer before a queue has it.
    #[pin]
    opening: Mutex<Option<Arc<Socket>>>,
    #[pin]
    vigil: Mutex<Option<Vigil>>,
}

impl Removal {
    /// Of a controller that is not removed yet.
    pub(super) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            changing: AtomicFlag::new(false),
            shutting_down: AtomicFlag::new(false),
            opening <- new_mutex!(None, "nvme_mptcp::Removal::opening"),
            vigil <- new_mutex!(None, "nvme_mptcp::Removal::vigil"),
        })
    }

    /// Looks at `ctrl` from now on, until [`Removal::begin_shutdown`]. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(super) fn watch(&self, ctrl: &Ctrl) -> Result {
        *self.vigil.lock() = Some(Vigil::new(ctrl, Wait::default())?);
        Ok(())
    }

    /// Does what `change` says to the controller: a removal does not wait for it longer than it
    /// takes to notice.
    pub(super) fn cuts_short(&self, change: impl FnOnce()) {
        self.changing.store(true, Relaxed);
        change();
        self.changing.store(false, Relaxed);
    }

    /// Does what `exchange` says on a connection that no queue has yet: a removal ends it.
    pub(super) fn cuts_off<R>(&self, socket: &Arc<Socket>, exchange: impl FnOnce() -> R) -> R {
        *self.opening.lock() = Some(socket.clone());
        let result = exchange();
        let socket = self.opening.lock().take();
        drop(socket);
        result
    }

    /// Nobody waits for the controller any more but who removes it, or it was never connected. Does
    /// not look at it any more. May sleep.
    pub(super) fn begin_shutdown(&self, ctrl: &Ctrl) {
        let vigil = self.vigil.lock().take();
        drop(vigil);
        self.shutting_down.store(true, Relaxed);
        ctrl.set_fabrics_timeout(SHUTDOWN_TIMEOUT_MS);
    }

    /// Whether nobody but who removes the controller sends commands any more. Does not sleep.
    pub(super) fn is_shutting_down(&self) -> bool {
        self.shutting_down.load(Relaxed)
    }
}

impl Queue {
    /// Ends the connection, if the queue works on one, and with it the requests of the queue. May
    /// sleep.
    fn cut_off(self: &Arc<Self>) {
        self.look(|_, connection| {
            if let Some(connection) = connection {
                connection.socket.shutdown();
                connection.set_broken();
            }
        });
        self.kick();
    }
}

impl Host {
    fn seen(&self, ctrl: &Ctrl) -> Seen {
        // A queue that is connected has its tags.
        let requests = |queue: &Arc<Queue>| {
            queue.look(|_, connection| connection.map_or(0, |_| ctrl.requests_in_flight(0)))
        };
        let queues = self.io_queues(0, u32::MAX);
        Seen {
            is_changing: self.removal().changing.load(Relaxed),
            waits: self.admin_queue().is_ok_and(|queue| requests(queue) > 0),
            received: queues.fold(0, |sum, queue| sum.wrapping_add(queue.tally.received.get())),
            kato: ctrl.keep_alive_secs(),
        }
    }

    /// Starts recovery if there is no sign of life of the controller, which has no keep alive, for
    /// as long as the parameter `peer_timeout` says.
    fn recover_if_silent(&self) {
        for queue in self.io_queues(0, u32::MAX) {
            queue.look(|_, connection| {
                let found = connection.and_then(|at| Some((at, at.silence()?)));
                if let Some((connection, secs)) = found {
                    let (device, id) = (connection.ctrl.device(), queue.id());
                    dev_warn!(
                        device,
                        "queue {id}: no sign of life of the controller for {secs} s\n"
                    );
                    connection.set_broken();
                }
            });
        }
    }

    fn cut_off(&self, need: Need) {
        let end = match need {
            Need::Nothing => return,
            Need::NoAdminQueue => 1,
            Need::NoQueues => u32::MAX,
        };
        for queue in self.io_queues(0, end) {
            queue.cut_off();
        }
        if let Some(socket) = &*self.removal().opening.lock() {
            socket.shutdown();
        }
    }
}

type Vigil = Lookout<Wait>;

impl Look for Wait {
    const PERIOD_MS: u32 = PERIOD_MS;

    fn look_at(&mut self, ctrl: &Ctrl) {
        match ctrl.state() {
            State::Deleting => ctrl.cut_off(self.look(ctrl.seen(ctrl))),
            State::Live if ctrl.keep_alive_secs() == 0 => ctrl.recover_if_silent(),
            _ => {}
        }
    }
}
