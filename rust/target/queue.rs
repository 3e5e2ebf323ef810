// SPDX-License-Identifier: GPL-2.0

//! A connection, which is a queue of a controller once the host has said of which.
//!
//! C counterpart: `struct nvmet_tcp_queue` and its life cycle.

use kernel::{
    new_mutex,
    prelude::*,
    sync::{
        atomic::{
            ordering::{
                Full,
                Relaxed, //
            },
            AtomicFlag, //
        },
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
    bell::Bell,
    home::Home,
    io::Io,
    port::Port,
    transport::Target, //
};
use crate::abstractions::{
    events::{
        Events,
        Hooked, //
    },
    inbox::Inbox,
    nvmet::{
        self,
        command::Completed,
        queue::CtrlId, //
    },
    sockaddr::SockAddr,
    socket::Socket,
    workqueue::{
        cancel_delayed_sync,
        cancel_sync, //
    }, //
};

/// How long to wait for memory that nobody announces, in ms.
const PAUSE_MS: u32 = 10;

/// What a connection has become.
#[derive(Clone, Copy)]
pub(super) struct Role {
    /// A queue of this controller.
    pub(super) ctrl: CtrlId,
    /// The number of the queue; 0 is the admin queue.
    pub(super) qid: u16,
}

/// How far a connection has come.
enum Stage {
    /// It has not done anything.
    New,
    /// It works.
    Up(KBox<Io>),
    /// It will not do anything any more.
    Down,
}

/// A connection.
///
/// Three things keep it alive until it is released: its socket callbacks, its submission queue,
/// and the list in [`Target`].
#[pin_data]
pub(crate) struct Queue {
    /// For the log.
    id: u32,
    target: Arc<Target>,
    port: Arc<Port>,
    socket: Arc<Socket>,
    local: SockAddr,
    peer: SockAddr,
    role: SetOnce<Role>,
    /// Its release has been queued.
    closing: AtomicFlag,
    home: Home,
    bell: Bell,
    /// Commands that the core has given back.
    inbox: Inbox<Completed>,
    #[pin]
    hooked: Mutex<Option<Hooked<Doorbell>>>,
    #[pin]
    io: Mutex<Stage>,
    #[pin]
    io_work: Work<Queue, 0>,
    #[pin]
    release_work: Work<Queue, 1>,
    /// Queues `io_work`.
    #[pin]
    later_work: DelayedWork<Queue, 2>,
}

impl_has_work! {
    impl HasWork<Self, 0> for Queue { self.io_work }
    impl HasWork<Self, 1> for Queue { self.release_work }
}

impl_has_delayed_work! {
    impl HasDelayedWork<Self, 2> for Queue { self.later_work }
}

impl Queue {
    /// Takes a connection that has come in on `port` into service. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`, `ENOTCONN` if the host has gone again. The connection is closed then.
    pub(super) fn start(port: &Arc<Port>, socket: Socket) -> Result {
        let target = port.target();
        socket.set_nodelay()?;
        socket.set_no_linger()?;
        // The host's choice holds for both directions. Before the priority, which it changes.
        if socket.received_tos() > 0 {
            socket.set_tos(socket.received_tos())?;
        }
        if target.so_priority() > 0 {
            socket.set_priority(target.so_priority())?;
        }

        let queue = Arc::pin_init(
            try_pin_init!(Queue {
                id: target.next_id(),
                target: target.clone(),
                port: port.clone(),
                local: socket.local_addr()?,
                peer: socket.peer_addr()?,
                home: Home::new(socket.incoming_cpu()),
                socket: Arc::new(socket, GFP_KERNEL)?,
                role: SetOnce::new(),
                closing: AtomicFlag::new(false),
                bell: Bell::new(),
                inbox: Inbox::new(),
                hooked <- new_mutex!(None, "nvmet_mptcp::Queue::hooked"),
                io <- new_mutex!(Stage::New, "nvmet_mptcp::Queue::io"),
                io_work <- new_work!("nvmet_mptcp::Queue::io_work"),
                release_work <- new_work!("nvmet_mptcp::Queue::release_work"),
                later_work <- new_delayed_work!("nvmet_mptcp::Queue::later_work"),
            }? Error),
            GFP_KERNEL,
        )?;
        target.add(queue.clone())?;
        queue.hook().inspect_err(|_| queue.close())
    }

    /// Lets the socket tell the connection what happens.
    fn hook(self: &Arc<Self>) -> Result {
        let doorbell = Arc::new(Doorbell(self.clone()), GFP_KERNEL)?;
        {
            // A release that begins meanwhile, perhaps because of the first event, waits until the
            // callbacks are in their place.
            let mut hooked = self.hooked.lock();
            if self.is_closing() {
                return Err(ENOTCONN);
            }
            *hooked = Some(Hooked::new(self.socket.clone(), doorbell)?);
        }

        // What has happened before has not been told.
        if !self.socket.is_established() {
            return Err(ENOTCONN);
        }
        if self.bell.ring_for_data() {
            self.enqueue();
        }
        Ok(())
    }

    /// The number of the connection, for the log.
    pub(super) fn id(&self) -> u32 {
        self.id
    }

    /// The transport.
    pub(super) fn target(&self) -> &Target {
        &self.target
    }

    /// The port that the connection came in on.
    pub(super) fn port(&self) -> &Arc<Port> {
        &self.port
    }

    /// The connection.
    pub(super) fn socket(&self) -> &Socket {
        &self.socket
    }

    /// Our address.
    pub(super) fn local_addr(&self) -> &SockAddr {
        &self.local
    }

    /// The host's address.
    pub(super) fn peer_addr(&self) -> &SockAddr {
        &self.peer
    }

    /// What the connection has become; [`None`] if it is not a queue yet.
    pub(super) fn role(&self) -> Option<Role> {
        self.role.copy()
    }

    /// Commands that the core has given back.
    pub(super) fn inbox(&self) -> &Inbox<Completed> {
        &self.inbox
    }

    /// Rung when there is something to do.
    pub(super) fn bell(&self) -> &Bell {
        &self.bell
    }

    /// Whether the connection is being released.
    pub(super) fn is_closing(&self) -> bool {
        self.closing.load(Relaxed)
    }

    /// The connection has become a queue.
    pub(super) fn install(&self, role: Role) {
        self.role.populate(role);
    }

    /// Takes a command back from the core. From any context.
    pub(super) fn completed(self: &Arc<Self>, command: Completed) {
        self.inbox.push(command);
        if self.bell.ring() {
            self.enqueue();
        }
    }

    /// Queues the work, which is not queued and will not be by others. From any context.
    fn enqueue(self: &Arc<Self>) {
        let _ = self
            .target
            .io_queue()
            .enqueue_on::<Arc<Self>, 0>(self.home.cpu(), self.clone());
    }

    /// Works until there is nothing to do, or for long enough. Returns whether to go on soon.
    fn work(self: &Arc<Self>, stage: &mut Stage) -> bool {
        if matches!(stage, Stage::New) && !self.is_closing() {
            // Not done when the connection is accepted, as `Queue::io` must not be taken there.
            match Io::new(self) {
                Ok(io) => *stage = Stage::Up(io),
                Err(error) => {
                    pr_err!("queue {}: failed to set up: {error:?}\n", self.id);
                    self.shutdown();
                    return false;
                }
            }
        }
        let Stage::Up(io) = stage else {
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
    fn work_later(self: &Arc<Self>) {
        let delay = msecs_to_jiffies(PAUSE_MS);
        let _ = self
            .target
            .io_queue()
            .enqueue_delayed::<Arc<Self>, 2>(self.clone(), delay);
    }

    /// Begins the end of the connection. From any context.
    fn close(self: &Arc<Self>) {
        if !self.closing.xchg(true, Full) {
            let _ = nvmet::workqueue().enqueue::<Arc<Self>, 1>(self.clone());
        }
    }

    /// Ends the connection. May sleep, but does not wait until it is released.
    pub(super) fn shutdown(self: &Arc<Self>) {
        self.socket.shutdown();
        // The socket has told us, unless there was no connection any more.
        self.close();
    }
}

impl WorkItem<0> for Queue {
    type Pointer = Arc<Self>;

    fn run(this: Arc<Self>) {
        let go_on = this.work(&mut this.io.lock());
        if go_on {
            this.bell.ring();
            this.enqueue();
        }
    }
}

impl WorkItem<1> for Queue {
    type Pointer = Arc<Self>;

    /// Takes the connection apart; runs once, on the core's workqueue.
    fn run(this: Arc<Self>) {
        // No more events.
        let hooked = this.hooked.lock().take();
        drop(hooked);
        cancel_sync::<Self, 0>(&this);
        // No more commands: those that wait for data are forgotten, and those that the core has
        // are waited for.
        let stage = core::mem::replace(&mut *this.io.lock(), Stage::Down);
        drop(stage);
        cancel_delayed_sync::<Self, 2>(&this);
        // They may have queued the work again when they were done.
        cancel_sync::<Self, 0>(&this);
        this.target.remove(&this);
    }
}

impl WorkItem<2> for Queue {
    type Pointer = Arc<Self>;

    fn run(this: Arc<Self>) {
        if this.bell.ring() {
            this.enqueue();
        }
    }
}

/// Gets the events of a connection's socket.
struct Doorbell(Arc<Queue>);

impl Events for Doorbell {
    fn data_ready(&self) {
        self.0.home.data_came();
        if self.0.bell.ring_for_data() {
            self.0.enqueue();
        }
    }

    fn write_space(&self) {
        if self.0.bell.ring() {
            self.0.enqueue();
        }
    }

    fn closing(&self) {
        self.0.close();
    }
}
