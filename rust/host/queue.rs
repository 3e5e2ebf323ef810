// SPDX-License-Identifier: GPL-2.0

//! The life of a queue.
//!
//! A queue object lives as long as its controller. Its connection comes and goes.
//!
//! C counterparts: `nvme_tcp_start_queue()`, `nvme_tcp_stop_queue()`.

use kernel::{
    dev_err,
    new_mutex,
    prelude::*,
    sync::{
        atomic::{
            ordering::{
                Acquire,
                Relaxed,
                Release, //
            },
            Atomic, //
        },
        Arc,
        Mutex, //
    },
    workqueue::{
        impl_has_delayed_work,
        impl_has_work,
        new_delayed_work,
        new_work,
        DelayedWork,
        Work, //
    }, //
};

use super::{
    async_event::AsyncEventSlot,
    connection::Connection,
    cpu,
    io::Watcher,
    poll::Pollers,
    recv::Receiver,
    send::Sender,
    state::State,
    tally::Tally,
    Context,
    Ctrl, //
};
use crate::{
    abstractions::{
        cpu::OnlineCpu,
        llist::Inbox,
        mm::NoIo,
        net::{
            address::SockAddr,
            events::Hooked, //
        },
        nvme::{
            parameters,
            request::SendRequest,
            status::Failure, //
        },
        ratelimit::RateLimit,
        workqueue::{
            cancel_delayed_sync,
            cancel_sync,
            AtomicWorkCpu,
            OwnedQueue,
            WorkCpu, //
        }, //
    },
    wire::{
        mapping::ADMIN_IN_CAPSULE,
        Decoder, //
    },
    wire_deps::KernelCrc, //
};

/// A connection that is open, and what has decoded its ICResp.
struct Open(Arc<Connection>, KBox<Decoder<KernelCrc>>);

/// A connection that the queue works on, and hears of the events of.
struct Started(Arc<Connection>, Hooked<Watcher>);

/// A queue, the admin queue being number 0.
#[pin_data]
pub(crate) struct Queue {
    id: u16,
    pub(super) workqueue: Arc<OwnedQueue>,
    cpus: Arc<cpu::Load>,
    /// What it has seen.
    pub(super) tally: Arc<Tally>,
    /// Requests that have been completed since somebody polled.
    pub(super) completed: Atomic<u32>,
    /// Whether somebody polls.
    pub(super) pollers: Pollers,
    /// The Asynchronous Event Request, of the admin queue.
    pub(super) async_event: AsyncEventSlot,
    /// The bytes of data that fit into a capsule.
    pub(super) in_capsule: Atomic<u32>,
    /// The CPU to work on.
    pub(super) io_cpu: AtomicWorkCpu,
    /// Requests that are to be sent.
    pub(super) inbox: Inbox<SendRequest<Queue>>,
    /// What the queue is; changed by [`Queue::change`] alone.
    #[pin]
    state: Mutex<State<Open, Started>>,
    /// Whether that is [`State::Live`], for those who cannot wait.
    live: Atomic<bool>,
    /// Bounds what a controller can make the log say while the connection goes on.
    #[pin]
    pub(super) complaints: RateLimit,
    /// While the queue is started.
    #[pin]
    pub(super) receiver: Mutex<Option<Receiver>>,
    #[pin]
    pub(super) sender: Mutex<Sender>,
    #[pin]
    io_work: Work<Self, 0>,
    /// Queues `io_work`.
    #[pin]
    later_work: DelayedWork<Self, 1>,
}

impl_has_work! {
    impl HasWork<Self, 0> for Queue { self.io_work }
}

impl_has_delayed_work! {
    impl HasDelayedWork<Self, 1> for Queue { self.later_work }
}

impl Queue {
    /// Makes a queue without a connection. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn new(context: &Context, id: u16) -> Result<Arc<Self>> {
        let sender = Sender::new(id)?;
        let tally = Arc::pin_init(Tally::new(), GFP_KERNEL)?;
        Arc::pin_init(
            pin_init!(Self {
                id,
                workqueue: context.workqueue.clone(),
                cpus: context.cpus.clone(),
                tally,
                completed: Atomic::new(0),
                pollers: Pollers::new(),
                async_event: AsyncEventSlot::new(),
                in_capsule: Atomic::new(0),
                io_cpu: AtomicWorkCpu::new(WorkCpu::UNBOUND),
                inbox: Inbox::new(),
                state <- new_mutex!(State::Down, "nvme_mptcp::Queue::state"),
                live: Atomic::new(false),
                complaints <- RateLimit::new(),
                receiver <- new_mutex!(None, "nvme_mptcp::Queue::receiver"),
                sender <- new_mutex!(sender, "nvme_mptcp::Queue::sender"),
                io_work <- new_work!("nvme_mptcp::Queue::io_work"),
                later_work <- new_delayed_work!("nvme_mptcp::Queue::later_work"),
            }),
            GFP_KERNEL,
        )
    }

    /// Changes what the queue is.
    fn change<R>(&self, change: impl FnOnce(&mut State<Open, Started>) -> R) -> R {
        let mut state = self.state.lock();
        let result = change(&mut state);
        self.live.store(state.is_live(), Release);
        result
    }

    /// Opens the connection. May sleep.
    ///
    /// # Errors
    ///
    /// What [`Connection::open`] says; `EISCONN` if the queue is started.
    pub(crate) fn open(&self, ctrl: &Ctrl) -> Result {
        let (connection, decoder) = Connection::open(ctrl, self.id, &self.tally)?;
        self.sender.lock().reserve(&connection.layout)?;
        let in_capsule = match self.id {
            0 => ADMIN_IN_CAPSULE,
            _ => ctrl.in_capsule_len(),
        };
        self.in_capsule.store(in_capsule, Relaxed);
        let open = Open(
            Arc::new(connection, GFP_KERNEL)?,
            KBox::new(decoder, GFP_KERNEL)?,
        );
        self.change(|state| state.open(open)).map_err(|_| EISCONN)
    }

    /// Lets commands be sent, and sends Connect. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOTCONN` if the connection is not open; what the controller says to Connect. The queue is
    /// stopped then.
    pub(crate) fn start(self: &Arc<Self>, ctrl: &Ctrl) -> core::result::Result<(), Failure> {
        self.hook()?;
        if self.id != 0 {
            self.io_cpu.replace(self.choose_cpu(ctrl));
        }
        // What came before the callbacks were there has woken nobody.
        self.kick();

        let connected = match self.id {
            0 => ctrl.connect_admin_queue(),
            id => ctrl.connect_io_queue(id),
        };
        let done = connected.and_then(|()| Ok(self.go_live()?));
        if let Err(failure) = done {
            let (id, code) = (self.id, failure.code());
            dev_err!(ctrl.device(), "failed to connect queue: {id} ret={code}\n");
            self.stop();
        }
        done
    }

    /// Hands the connection to receiver and sender, and hears of its events.
    fn hook(self: &Arc<Self>) -> Result {
        self.change(|state| {
            let State::Open(Open(connection, _)) = state else {
                return Err(ENOTCONN);
            };
            // All that may fail comes first: then the connection is still the state's alone.
            let watcher = Watcher::new(self.clone(), connection.clone());
            let watcher = Arc::new(watcher, GFP_KERNEL)?;
            let hooked = Hooked::new(connection.socket.clone(), watcher)?;
            // Of a request that an earlier connection did not come to.
            self.async_event.clear();
            self.tally.connections.add(1);

            state.start(|Open(connection, decoder)| {
                let receiver = Receiver::new(self.id, connection.clone(), decoder);
                *self.receiver.lock() = Some(receiver);
                self.sender.lock().open(connection.clone());
                Started(connection, hooked)
            });
            Ok(())
        })
    }

    /// Lets commands other than Connect be sent.
    ///
    /// # Errors
    ///
    /// `ENOTCONN` if the queue has been stopped meanwhile, or its connection is broken.
    fn go_live(&self) -> Result {
        self.change(|state| match state.started() {
            Some(Started(connection, _)) if !connection.is_broken() => state.go_live(),
            _ => false,
        })
        .then_some(())
        .ok_or(ENOTCONN)
    }

    /// Closes the connection: nothing is sent or received any more, and requests that wait to
    /// be sent fail. When this returns, no handle of a request of this queue exists. May sleep.
    pub(crate) fn stop(self: &Arc<Self>) {
        // Who stops it at the same time waits until it has been stopped.
        self.change(|state| {
            let Some(Started(connection, hooked)) = state.stop() else {
                return;
            };
            self.live.store(false, Release);
            connection.socket.shutdown();
            drop(hooked);
            *self.receiver.lock() = None;
            // Nobody can look any more, so the work does not wait for them.
            self.pollers.forget();
            self.sender.lock().close(&self.inbox);
            cancel_sync::<Self, 0>(self);
            cancel_delayed_sync::<Self, 1>(self);
            // It may have been queued by the other, or by whoever sent last.
            cancel_sync::<Self, 0>(self);
            // Of whoever was about to submit.
            self.sender.lock().close(&self.inbox);

            let cpu = self.io_cpu.replace(WorkCpu::UNBOUND);
            if let Some(cpu) = cpu.index() {
                self.cpus.release(cpu);
            }
        });
    }

    /// Where the work is done: on one of the CPUs that are online and whose requests come here, or
    /// on any (the parameter `wq_unbound`).
    fn choose_cpu(&self, ctrl: &Ctrl) -> WorkCpu {
        if parameters::wq_unbound() {
            return WorkCpu::UNBOUND;
        }
        let served = OnlineCpu::all().filter(|cpu| ctrl.serves_cpu(self.id, *cpu));
        let cpu = self.cpus.choose(served, OnlineCpu::id);
        cpu.map_or(WorkCpu::UNBOUND, WorkCpu::from)
    }

    /// Whether there is a connection that was not started.
    pub(crate) fn is_open(&self) -> bool {
        self.state.lock().is_open()
    }

    /// Closes a connection that was not started.
    pub(crate) fn close(&self) {
        self.change(State::close);
    }

    /// The number of the queue.
    pub(crate) fn id(&self) -> u16 {
        self.id
    }

    /// Whether commands can be sent. Does not sleep.
    pub(crate) fn is_live(&self) -> bool {
        self.live.load(Acquire)
    }

    /// Whether commands can be sent and the connection is whole. May sleep.
    pub(crate) fn is_up(&self) -> bool {
        match &*self.state.lock() {
            State::Live(Started(connection, _)) => !connection.is_broken(),
            _ => false,
        }
    }

    /// Shows what the queue is, and the connection that it works on. May sleep.
    pub(super) fn look<R>(&self, f: impl FnOnce(&'static str, Option<&Connection>) -> R) -> R {
        // What waits for this disk must not keep the lock from whoever brings it back.
        let _scope = NoIo::enter();
        let state = self.state.lock();
        match state.started() {
            None => f(state.name(), None),
            Some(Started(connection, _)) if connection.is_broken() => f("broken", Some(connection)),
            Some(Started(connection, _)) => f(state.name(), Some(connection)),
        }
    }

    /// The address that the queue is connected from. May sleep.
    pub(crate) fn source_address(&self) -> Option<SockAddr> {
        self.look(|_, connection| connection?.socket.local_addr().ok())
    }
}
