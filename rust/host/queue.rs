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
        impl_has_work,
        new_work,
        Work, //
    }, //
};

use super::{
    connection::Connection,
    cpu,
    recv::Receiver,
    request::{
        self,
        SendState, //
    },
    send::Sender,
    work::Watcher,
    Context,
    Ctrl,
    Host, //
};
use crate::{
    abstractions::{
        events::Hooked,
        inbox::Inbox,
        nvme::{
            request::{
                Info,
                SendRequest, //
            },
            status::Failure, //
        },
        sockaddr::SockAddr,
        workqueue::{
            cancel_sync,
            AtomicWorkCpu,
            OwnedQueue,
            WorkCpu, //
        }, //
    },
    wire::Decoder, //
};

/// The connection of a queue.
enum Link {
    /// There is none.
    Down,
    /// ICReq and ICResp have been exchanged.
    Open(Arc<Connection>, KBox<Decoder<crate::glue::KernelCrc>>),
    /// Commands can be sent and responses received.
    Started(Arc<Connection>, Hooked<Watcher>),
}

/// A queue, the admin queue being number 0.
#[pin_data]
pub(crate) struct Queue {
    id: u16,
    pub(super) workqueue: Arc<OwnedQueue>,
    cpus: Arc<cpu::Load>,
    /// Whether the Connect command has succeeded.
    live: Atomic<bool>,
    /// Requests that have been completed since somebody polled.
    pub(super) completed: Atomic<u32>,
    /// Whether an Asynchronous Event Request is to be sent.
    pub(super) async_event: Atomic<bool>,
    /// The bytes of data that fit into a capsule.
    in_capsule: Atomic<u32>,
    /// The CPU to work on.
    pub(super) io_cpu: AtomicWorkCpu,
    /// Requests that are to be sent.
    pub(super) inbox: Inbox<SendRequest<Host>>,
    #[pin]
    link: Mutex<Link>,
    #[pin]
    pub(super) receiver: Mutex<Receiver>,
    #[pin]
    pub(super) sender: Mutex<Sender>,
    #[pin]
    io_work: Work<Self>,
}

impl_has_work! {
    impl HasWork<Self> for Queue { self.io_work }
}

impl Queue {
    /// Makes a queue without a connection. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn new(context: &Context, id: u16) -> Result<Arc<Self>> {
        let receiver = Receiver::new(id)?;
        let sender = Sender::new(id)?;
        Arc::pin_init(
            pin_init!(Self {
                id,
                workqueue: context.workqueue.clone(),
                cpus: context.cpus.clone(),
                live: Atomic::new(false),
                completed: Atomic::new(0),
                async_event: Atomic::new(false),
                in_capsule: Atomic::new(0),
                io_cpu: AtomicWorkCpu::new(WorkCpu::UNBOUND),
                inbox: Inbox::new(),
                link <- new_mutex!(Link::Down, "nvme_mptcp::Queue::link"),
                receiver <- new_mutex!(receiver, "nvme_mptcp::Queue::receiver"),
                sender <- new_mutex!(sender, "nvme_mptcp::Queue::sender"),
                io_work <- new_work!("nvme_mptcp::Queue::io_work"),
            }),
            GFP_KERNEL,
        )
    }

    /// Opens the connection.
    ///
    /// # Errors
    ///
    /// What [`Connection::open`] says.
    pub(crate) fn open(&self, ctrl: &Ctrl) -> Result {
        let (connection, decoder) = Connection::open(ctrl, self.id)?;
        self.sender.lock().reserve(&connection.layout)?;
        let in_capsule = match self.id {
            0 => request::ADMIN_IN_CAPSULE,
            _ => ctrl.in_capsule_len(),
        };
        self.in_capsule.store(in_capsule, Relaxed);
        *self.link.lock() = Link::Open(
            Arc::new(connection, GFP_KERNEL)?,
            KBox::new(decoder, GFP_KERNEL)?,
        );
        Ok(())
    }

    /// Lets commands be sent, and sends Connect.
    ///
    /// # Errors
    ///
    /// `ENOTCONN` if the connection is not open; what the controller says to Connect. The queue is
    /// stopped then.
    pub(crate) fn start(self: &Arc<Self>, ctrl: &Ctrl) -> core::result::Result<(), Failure> {
        self.hook()?;
        if self.id != 0 {
            self.io_cpu.replace(self.cpus.choose(ctrl, self.id));
        }
        // What came before the callbacks were there has woken nobody.
        self.kick();

        let connected = match self.id {
            0 => ctrl.connect_admin_queue(),
            id => ctrl.connect_io_queue(id),
        };
        let done = connected.and_then(|()| Ok(self.set_live()?));
        if let Err(failure) = done {
            let (id, code) = (self.id, failure.code());
            dev_err!(ctrl.device(), "failed to connect queue: {id} ret={code}\n");
            self.stop();
        }
        done
    }

    /// Hands the connection to receiver and sender, and hears of its events.
    fn hook(self: &Arc<Self>) -> Result {
        let mut link = self.link.lock();
        let Link::Open(connection, _) = &*link else {
            return Err(ENOTCONN);
        };
        // All that may fail comes first: then the connection is still the link's alone.
        let watcher = Arc::new(Watcher::new(self.clone(), connection.clone()), GFP_KERNEL)?;
        let hooked = Hooked::new(connection.socket.clone(), watcher)?;
        // Of a request that an earlier connection did not come to.
        self.async_event.store(false, Release);

        *link = match core::mem::replace(&mut *link, Link::Down) {
            Link::Open(connection, decoder) => {
                self.receiver.lock().open(connection.clone(), decoder);
                self.sender.lock().open(connection.clone());
                Link::Started(connection, hooked)
            }
            other => other,
        };
        Ok(())
    }

    /// Lets commands other than Connect be sent.
    ///
    /// # Errors
    ///
    /// `ENOTCONN` if the queue has been stopped meanwhile, or its connection is broken.
    fn set_live(&self) -> Result {
        let link = self.link.lock();
        match &*link {
            Link::Started(connection, _) if !connection.is_broken() => {
                self.live.store(true, Release);
                Ok(())
            }
            _ => Err(ENOTCONN),
        }
    }

    /// Closes the connection: nothing is sent or received any more, and requests that wait to
    /// be sent fail. When this returns, no handle of a request of this queue exists.
    pub(crate) fn stop(self: &Arc<Self>) {
        let mut link = self.link.lock();
        let (connection, hooked) = match core::mem::replace(&mut *link, Link::Down) {
            Link::Started(connection, hooked) => (connection, hooked),
            other => {
                *link = other;
                return;
            }
        };
        self.live.store(false, Release);
        connection.socket.shutdown();
        drop(hooked);
        self.receiver.lock().close();
        self.sender.lock().close();
        cancel_sync(self);
        self.fail_inbox();

        self.cpus.release(self.io_cpu.replace(WorkCpu::UNBOUND));
    }

    /// Whether there is a connection that was not started.
    pub(crate) fn is_open(&self) -> bool {
        matches!(*self.link.lock(), Link::Open(..))
    }

    /// Closes a connection that was not started.
    pub(crate) fn close(&self) {
        let mut link = self.link.lock();
        if matches!(*link, Link::Open(..)) {
            *link = Link::Down;
        }
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
        match &*self.link.lock() {
            Link::Started(connection, _) => self.is_live() && !connection.is_broken(),
            _ => false,
        }
    }

    /// The address that the queue is connected from.
    pub(crate) fn source_address(&self) -> Option<SockAddr> {
        match &*self.link.lock() {
            Link::Started(connection, _) => connection.socket.local_addr().ok(),
            _ => None,
        }
    }

    /// Says in the command of a request where its data are.
    pub(crate) fn prepare(&self, info: &Info, entry: &mut [u8; 64], state: &mut SendState) {
        request::prepare(info, entry, state, self.in_capsule.load(Relaxed));
    }
}
