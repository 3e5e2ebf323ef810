// SPDX-License-Identifier: GPL-2.0

//! A port that listens for connections.
//!
//! C counterpart: `struct nvmet_tcp_port`.

use kernel::{
    new_mutex,
    prelude::*,
    sync::{
        Arc,
        Mutex, //
    },
    workqueue::{
        impl_has_work,
        new_work,
        Work,
        WorkItem, //
    }, //
};

use super::{
    connection::Connection,
    crowd::{
        Crowd,
        MOST_HANDSHAKES,
        MOST_STRANGERS, //
    },
    limits::{
        self,
        MAX_DATA, //
    },
    transport::Target, //
};
use crate::abstractions::{
    net::{
        address::SockAddr,
        listener::{
            Accept,
            Listener, //
        },
        namespace::Namespace,
        socket::Socket, //
    },
    nvmet::{
        self,
        parameters,
        port::{
            Port as Settings,
            PortHandle,
            Tls, //
        }, //
    },
    ratelimit::RateLimit,
    workqueue::cancel_sync, //
};

/// How many connections may wait to be accepted.
const BACKLOG: i32 = 128;

/// A port.
#[pin_data]
pub(crate) struct Port {
    target: Arc<Target>,
    handle: PortHandle<Target>,
    id: u16,
    addr: SockAddr,
    tls: Option<Tls>,
    /// Connections of plain TCP are refused.
    no_fallback: bool,
    /// Bounds what hosts can make the log say.
    #[pin]
    complaints: RateLimit,
    /// Connections that have not said anything yet, or are in a TLS handshake.
    #[pin]
    greeters: Crowd,
    /// Connections that work, and are not queues yet.
    #[pin]
    strangers: Crowd,
    /// `None` before and after it listens.
    #[pin]
    listener: Mutex<Option<Listener<Callbacks>>>,
    #[pin]
    accept_work: Work<Port>,
}

impl_has_work! {
    impl HasWork<Self> for Port { self.accept_work }
}

impl Port {
    /// Starts to listen, in the network namespace of the current task. May sleep.
    ///
    /// # Errors
    ///
    /// `EINVAL` for an address that is none, `EADDRINUSE` and whatever else the network says.
    pub(super) fn start(
        target: Arc<Target>,
        settings: &mut Settings<'_, Target>,
    ) -> Result<Arc<Self>> {
        let id = settings.id();
        let family = settings.family().ok_or(EINVAL).inspect_err(|_| {
            pr_err!("port {id}: addr_adrfam must be ipv4 or ipv6\n");
        })?;
        let (traddr, trsvcid) = (settings.traddr(), settings.trsvcid());
        let addr = SockAddr::parse(&Namespace::current(), family, traddr, Some(trsvcid))
            .inspect_err(|_| {
                pr_err!("port {id}: malformed address {traddr:?} or service {trsvcid:?}\n");
            })?;
        let inline_data_size = settings.inline_data_size();
        if inline_data_size.is_some_and(|bytes| bytes > MAX_DATA) {
            pr_warn!("port {id}: param_inline_data_size is too large, reducing to {MAX_DATA}\n");
        }
        settings.set_inline_data_size(limits::inline_data_size(inline_data_size));

        let tls = settings.tls();
        let (most, greeting) = match tls {
            Some(_) => (MOST_HANDSHAKES, "TLS handshakes are under way"),
            None => (MOST_STRANGERS, "hosts have said nothing yet"),
        };
        let port = Arc::pin_init(
            try_pin_init!(Port {
                target,
                handle: settings.handle(),
                id,
                addr,
                tls,
                no_fallback: settings.no_fallback(),
                complaints <- RateLimit::new(),
                greeters <- Crowd::new(most, greeting),
                strangers <- Crowd::new(MOST_STRANGERS, "connections are not queues yet"),
                listener <- new_mutex!(None, "nvmet_mptcp::Port::listener"),
                accept_work <- new_work!("nvmet_mptcp::Port::accept_work"),
            }),
            GFP_KERNEL,
        )?;
        let callbacks = Arc::new(Callbacks(port.clone()), GFP_KERNEL)?;
        let listener =
            Listener::new(family, &addr, BACKLOG, set_options, callbacks).inspect_err(|error| {
                match *error {
                    ENOPROTOOPT => {
                        pr_err!("port {id}: MPTCP is disabled here (sysctl net.mptcp.enabled)\n")
                    }
                    error => pr_err!("port {id}: cannot listen on {addr}: {error:?}\n"),
                }
            })?;

        *port.listener.lock() = Some(listener);
        // Whoever connected before that found nobody to accept.
        port.kick();
        pr_info!("enabling port {id} ({addr})\n");
        Ok(port)
    }

    /// Stops listening. Connections that have been accepted stay. May sleep.
    pub(super) fn stop(self: &Arc<Self>) {
        let listener = self.listener.lock().take();
        drop(listener);
        cancel_sync::<Self, 0>(self);
    }

    /// The transport.
    pub(super) fn target(&self) -> &Arc<Target> {
        &self.target
    }

    /// What the core knows the port by.
    pub(super) fn handle(&self) -> &PortHandle<Target> {
        &self.handle
    }

    /// What connections are encrypted with, if they are.
    pub(super) fn tls(&self) -> Option<Tls> {
        self.tls
    }

    /// The connections that have not said anything yet, or are in a TLS handshake.
    pub(super) fn greeters(&self) -> &Crowd {
        &self.greeters
    }

    /// The connections that work, and are not queues yet.
    pub(super) fn strangers(&self) -> &Crowd {
        &self.strangers
    }

    /// Whether the log may say what is wrong with a host: there is a bound to how often.
    pub(super) fn complains(&self) -> bool {
        self.complaints.allows(c"nvmet_mptcp: bad hosts")
    }

    /// Whether the port serves a connection: it may be told to serve those of MPTCP alone. Says who
    /// is refused, and why. May sleep.
    pub(super) fn admits(&self, socket: &Socket) -> bool {
        if !self.no_fallback || socket.paths().is_some() {
            return true;
        }
        if self.complains() {
            let id = self.id;
            let reason = match socket.is_mptcp() {
                true => "its connection fell back to TCP",
                false => "it does not speak MPTCP",
            };
            match socket.peer_addr() {
                Ok(peer) => pr_warn!("port {id}: refused the host {peer}: {reason}\n"),
                Err(_) => pr_warn!("port {id}: refused a host that has gone: {reason}\n"),
            }
        }
        false
    }

    /// Whether the port listens on all addresses, so that its own says nothing.
    pub(super) fn is_wildcard(&self) -> bool {
        self.addr.is_any()
    }

    /// Has somebody accept connections. From any context.
    fn kick(self: &Arc<Self>) {
        let _ = nvmet::workqueue().enqueue::<Arc<Self>, 0>(self.clone());
    }

    /// Uses the congestion control that the administrator wants, if the kernel has it. May sleep.
    fn control_congestion(&self, socket: &Socket) {
        let Some(congestion) = parameters::congestion() else {
            return;
        };
        match socket.set_congestion(&congestion) {
            Err(error) if self.complains() => {
                let error = error.to_errno();
                pr_warn!("congestion={congestion}: the kernel does not use it ({error})\n");
            }
            _ => {}
        }
    }

    /// Accepts the next connection. Returns whether there may be more.
    fn accept(self: &Arc<Self>, listener: &Listener<Callbacks>) -> bool {
        let id = self.id;
        let socket = match listener.accept() {
            Ok(socket) => socket,
            Err(EAGAIN) => return false,
            Err(EPROTOTYPE) => {
                if self.complains() {
                    pr_warn!("port {id}: a host without MPTCP needs a fixed kernel_accept()\n");
                }
                return true;
            }
            Err(error) => {
                pr_warn!("port {id}: failed to accept a connection: {error:?}\n");
                return false;
            }
        };
        let prepared = prepare(&socket);
        self.control_congestion(&socket);
        if self.admits(&socket) {
            let started = prepared.and_then(|()| Connection::start(self, socket));
            match started {
                Err(error) if self.complains() => {
                    pr_err!("port {id}: failed to start a queue: {error:?}\n");
                }
                _ => {}
            }
        }
        true
    }
}

/// Sets the options that sockets have, whether they listen or are accepted. May sleep.
fn set_options(socket: &Socket) -> Result {
    socket.set_nodelay()?;
    if socket.is_mptcp() {
        // A kernel that lacks them has its own.
        let _ = socket.set_path_timeouts();
    }
    let priority = parameters::so_priority();
    if priority > 0 {
        socket.set_priority(priority)?;
    }
    Ok(())
}

/// Sets the options of a connection. May sleep.
fn prepare(socket: &Socket) -> Result {
    socket.set_no_linger()?;
    // The host's choice holds for both directions. Before the priority, which it changes.
    if socket.received_tos() > 0 {
        socket.set_tos(socket.received_tos())?;
    }
    set_options(socket)
}

impl WorkItem for Port {
    type Pointer = Arc<Self>;

    fn run(this: Arc<Self>) {
        let guard = this.listener.lock();
        let Some(listener) = guard.as_ref() else {
            return;
        };
        for _ in 0..BACKLOG {
            if !this.accept(listener) {
                return;
            }
        }
        // Whoever wants to stop the port gets a chance.
        this.kick();
    }
}

/// Gets the events of a port's socket.
struct Callbacks(Arc<Port>);

impl Accept for Callbacks {
    fn connection_ready(&self) {
        self.0.kick();
    }
}
