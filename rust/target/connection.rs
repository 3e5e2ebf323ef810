// SPDX-License-Identifier: GPL-2.0

//! A connection, which is a queue of a controller once the host has said of which.
//!
//! C counterpart: `struct nvmet_tcp_queue` and its life cycle.

use kernel::{
    new_mutex,
    prelude::*,
    sync::{
        atomic::AtomicFlag,
        Arc,
        Mutex,
        SetOnce, //
    },
    time::msecs_to_jiffies,
    workqueue::{
        impl_has_delayed_work,
        impl_has_work,
        new_delayed_work,
        new_work,
        DelayedWork,
        Work,
        WorkItem, //
    }, //
};

use super::{
    events::Callbacks,
    greeting::Greeting,
    io::Io,
    observe,
    port::Port,
    tally::Tally,
    transport::Target,
    wakeup::Wakeup, //
};
use crate::abstractions::{
    debugfs::File,
    llist::Inbox,
    net::{
        address::SockAddr,
        events::Hooked,
        socket::Socket, //
    },
    nvmet::{
        command::Completed,
        queue::CtrlId, //
    },
    workqueue::WorkCpu, //
};

/// How long to wait for memory that nobody announces, in ms.
const PAUSE_MS: u32 = 10;

/// Which queue of which controller a connection has become.
#[derive(Clone, Copy)]
pub(super) struct QueueId {
    /// The controller.
    pub(super) ctrl: CtrlId,
    /// The number of the queue; 0 is the admin queue.
    pub(super) qid: u16,
}

/// How far a connection has come.
pub(super) enum State {
    /// It has not done anything.
    New,
    /// User space does a TLS handshake.
    Greeting(Greeting),
    /// It works.
    Up(KBox<Io>),
    /// It has been released, and will not do anything any more.
    Released,
}

/// A connection.
///
/// Three things keep it alive until it is released: its socket callbacks, its submission queue,
/// and the list in [`Target`].
#[pin_data]
pub(crate) struct Connection {
    /// For the log.
    pub(super) id: u32,
    pub(super) target: Arc<Target>,
    /// Where it came in.
    pub(super) port: Arc<Port>,
    pub(super) socket: Arc<Socket>,
    /// Our address.
    pub(super) local: SockAddr,
    /// The host's address.
    pub(super) peer: SockAddr,
    queue_id: SetOnce<QueueId>,
    /// It ends when its answers have been sent.
    pub(super) parting: AtomicFlag,
    /// Its release has been queued.
    pub(super) closing: AtomicFlag,
    /// It has been given more time to become a queue.
    pub(super) extended: AtomicFlag,
    /// What it has seen.
    pub(super) tally: Arc<Tally>,
    /// Shows it.
    #[pin]
    pub(super) file: Mutex<Option<File<Connection>>>,
    pub(super) wakeup: Wakeup,
    /// Commands that the core has given back.
    pub(super) inbox: Inbox<Completed>,
    #[pin]
    pub(super) hooked: Mutex<Option<Hooked<Callbacks>>>,
    #[pin]
    pub(super) state: Mutex<State>,
    #[pin]
    io_work: Work<Connection, 0>,
    #[pin]
    release_work: Work<Connection, 1>,
    /// Queues `io_work`.
    #[pin]
    later_work: DelayedWork<Connection, 2>,
    /// Ends what does not become a queue.
    #[pin]
    deadline_work: DelayedWork<Connection, 3>,
    /// Ends a queue whose host is silent.
    #[pin]
    patience_work: DelayedWork<Connection, 4>,
}

impl_has_work! {
    impl HasWork<Self, 0> for Connection { self.io_work }
    impl HasWork<Self, 1> for Connection { self.release_work }
}

impl_has_delayed_work! {
    impl HasDelayedWork<Self, 2> for Connection { self.later_work }
    impl HasDelayedWork<Self, 3> for Connection { self.deadline_work }
    impl HasDelayedWork<Self, 4> for Connection { self.patience_work }
}

impl Connection {
    /// Takes a connection that has come in on `port` into service. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`, `ENOTCONN` if the host has gone again. The connection is closed then.
    pub(super) fn start(port: &Arc<Port>, socket: Socket) -> Result {
        let target = port.target();
        let connection = Arc::pin_init(
            try_pin_init!(Connection {
                id: target.next_id(),
                target: target.clone(),
                port: port.clone(),
                local: socket.local_addr()?,
                peer: socket.peer_addr()?,
                wakeup: Wakeup::new(socket.incoming_cpu()),
                socket: Arc::new(socket, GFP_KERNEL)?,
                queue_id: SetOnce::new(),
                parting: AtomicFlag::new(false),
                closing: AtomicFlag::new(false),
                extended: AtomicFlag::new(false),
                tally: Arc::pin_init(Tally::new(), GFP_KERNEL)?,
                file <- new_mutex!(None, "nvmet_mptcp::Connection::file"),
                inbox: Inbox::new(),
                hooked <- new_mutex!(None, "nvmet_mptcp::Connection::hooked"),
                state <- new_mutex!(State::New, "nvmet_mptcp::Connection::state"),
                io_work <- new_work!("nvmet_mptcp::Connection::io_work"),
                release_work <- new_work!("nvmet_mptcp::Connection::release_work"),
                later_work <- new_delayed_work!("nvmet_mptcp::Connection::later_work"),
                deadline_work <- new_delayed_work!("nvmet_mptcp::Connection::deadline_work"),
                patience_work <- new_delayed_work!("nvmet_mptcp::Connection::patience_work"),
            }? Error),
            GFP_KERNEL,
        )?;
        target.add(connection.clone())?;
        let begun = connection
            .limit_beginning()
            .and_then(|()| connection.hook());
        begun.inspect_err(|_| connection.close())
    }

    /// Lets the socket tell the connection what happens.
    pub(super) fn hook(self: &Arc<Self>) -> Result {
        let callbacks = Arc::new(Callbacks(self.clone()), GFP_KERNEL)?;
        {
            // A release that begins meanwhile, perhaps because of the first event, waits until the
            // callbacks are in their place.
            let mut hooked = self.hooked.lock();
            if self.is_closing() {
                return Err(ENOTCONN);
            }
            *hooked = Some(Hooked::new(self.socket.clone(), callbacks)?);
        }
        // What has happened before has not been told.
        if !self.socket.is_established() {
            return Err(ENOTCONN);
        }
        self.enqueue(self.wakeup.wake_for_data());
        Ok(())
    }

    /// Undoes [`Connection::hook`].
    pub(super) fn unhook(&self) {
        *self.hooked.lock() = None;
    }

    /// The queue that the connection has become; [`None`] if it is none yet.
    pub(super) fn queue_id(&self) -> Option<QueueId> {
        self.queue_id.copy()
    }

    /// The connection has become a queue. May sleep.
    pub(super) fn install(&self, queue_id: QueueId) {
        self.queue_id.populate(queue_id);
        self.port.strangers().remove(self);
    }

    /// Lets people look at the queue that the connection has become. May sleep.
    pub(super) fn show(self: &Arc<Self>) {
        // It works as well without.
        *self.file.lock() = observe::file(self).ok();
    }

    /// Takes a command back from the core. From any context.
    pub(super) fn completed(self: &Arc<Self>, command: Completed) {
        self.inbox.push(command);
        self.wake();
    }

    /// Has the work done. From any context.
    pub(super) fn wake(self: &Arc<Self>) {
        self.enqueue(self.wakeup.wake());
    }

    /// Queues the work where [`Wakeup`] says, if it says so: then it is not queued, and will not be
    /// by others. From any context.
    pub(super) fn enqueue(self: &Arc<Self>, cpu: Option<i32>) {
        if let Some(cpu) = cpu {
            let io_queue = self.target.io_queue();
            let _ = io_queue.enqueue_on::<Arc<Self>, 0>(WorkCpu::new(cpu), self.clone());
        }
    }

    /// Works until there is nothing to do, or for long enough. Returns whether to go on soon.
    fn work(self: &Arc<Self>, state: &mut State) -> bool {
        if !matches!(state, State::Up(_)) && !self.is_closing() {
            // Not done when the connection is accepted, as `state` must not be locked there.
            if let Some(go_on) = self.begin(state) {
                return go_on;
            }
        }
        let State::Up(io) = state else {
            return false;
        };
        match io.run(self) {
            Ok(go_on) => {
                if !go_on && io.sender.is_starved() {
                    self.work_later();
                }
                go_on
            }
            Err(fault) => {
                io.fail(&self.socket, &fault);
                self.shutdown();
                false
            }
        }
    }

    /// Has the work done after a while.
    pub(super) fn work_later(self: &Arc<Self>) {
        let delay = msecs_to_jiffies(PAUSE_MS);
        let _ = self
            .target
            .io_queue()
            .enqueue_delayed::<Arc<Self>, 2>(self.clone(), delay);
    }
}

impl WorkItem<0> for Connection {
    type Pointer = Arc<Self>;

    fn run(this: Arc<Self>) {
        let go_on = this.work(&mut this.state.lock());
        if go_on {
            this.enqueue(Some(this.wakeup.again()));
        }
    }
}

impl WorkItem<2> for Connection {
    type Pointer = Arc<Self>;

    fn run(this: Arc<Self>) {
        if this.is_parting() {
            return this.shutdown();
        }
        this.wake();
    }
}
