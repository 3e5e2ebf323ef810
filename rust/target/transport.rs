// SPDX-License-Identifier: GPL-2.0

//! The transport: what the core asks for, and all connections that there are.

use kernel::{
    new_condvar,
    new_mutex,
    prelude::*,
    sync::{
        atomic::{
            ordering::Relaxed,
            Atomic, //
        },
        Arc,
        ArcBorrow,
        CondVar,
        Mutex, //
    }, //
};

use super::{
    budget::Pool,
    connection::{
        Connection,
        QueueId, //
    },
    limits,
    port::Port, //
};
use crate::abstractions::{
    debugfs::Dir,
    net::address::SockAddr,
    nvmet::{
        command::Completed,
        data,
        port::Port as Settings,
        queue::CtrlId,
        transport::{
            Transport,
            TRTYPE_MPTCP, //
        }, //
    },
    workqueue::{
        OwnedQueue,
        Workers, //
    }, //
};

/// The transport.
#[pin_data]
pub(crate) struct Target {
    /// What connections do their work on.
    io_queue: OwnedQueue,
    last_id: Atomic<u32>,
    /// Where queues are shown.
    debugfs: Dir,
    pool: Arc<Pool>,
    /// The connections that there are, until they have been released.
    #[pin]
    connections: Mutex<KVVec<Arc<Connection>>>,
    /// A connection has been released.
    #[pin]
    released: CondVar,
}

impl Target {
    /// A transport that is not registered yet. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn new() -> Result<Arc<Self>> {
        Arc::pin_init(
            try_pin_init!(Self {
                io_queue: OwnedQueue::new_io(c"nvmet_mptcp_wq", Workers::PerCpu)?,
                last_id: Atomic::new(0),
                debugfs: Dir::new(c"nvmet_mptcp", None)?,
                pool: Arc::new(Pool::new(data::total_ram()), GFP_KERNEL)?,
                connections <- new_mutex!(KVVec::new(), "nvmet_mptcp::Target::connections"),
                released <- new_condvar!("nvmet_mptcp::Target::released"),
            }? Error),
            GFP_KERNEL,
        )
    }

    /// What connections do their work on.
    pub(super) fn io_queue(&self) -> &OwnedQueue {
        &self.io_queue
    }

    /// A number for a connection that no other one has at the same time.
    pub(super) fn next_id(&self) -> u32 {
        self.last_id.fetch_add(1, Relaxed)
    }

    /// Where queues are shown.
    pub(super) fn debugfs(&self) -> &Dir {
        &self.debugfs
    }

    /// The memory that all connections may hold.
    pub(super) fn pool(&self) -> &Arc<Pool> {
        &self.pool
    }

    /// Adds a connection. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(super) fn add(&self, connection: Arc<Connection>) -> Result {
        Ok(self.connections.lock().push(connection, GFP_KERNEL)?)
    }

    /// Removes a connection that has been released.
    pub(super) fn remove(&self, connection: &Arc<Connection>) {
        let mut connections = self.connections.lock();
        let at = connections
            .iter()
            .position(|other| Arc::ptr_eq(other, connection));
        if let Some(at) = at {
            let last = connections.len().saturating_sub(1);
            connections.swap(at, last);
            connections.pop();
        }
        self.released.notify_all();
    }

    /// Shuts the connections down that `select` selects.
    fn shutdown(&self, select: impl Fn(&Connection) -> bool) {
        for connection in self.connections.lock().iter() {
            if select(connection) {
                connection.shutdown();
            }
        }
    }

    /// How many connections of `port` have ended and are not released yet.
    pub(super) fn closing(&self, port: &Arc<Port>) -> usize {
        let connections = self.connections.lock();
        connections
            .iter()
            .filter(|connection| connection.is_closing() && Arc::ptr_eq(&connection.port, port))
            .count()
    }
}

#[vtable]
impl Transport for Target {
    type Module = crate::NvmetMptcp;
    type Port = Port;
    type Queue = Connection;

    const TRTYPE: u32 = TRTYPE_MPTCP;
    const MDTS: u8 = limits::MDTS;

    fn add_port(self: ArcBorrow<'_, Self>, settings: &mut Settings<'_, Self>) -> Result<Arc<Port>> {
        Port::start(self.into(), settings)
    }

    fn remove_port(&self, port: Arc<Port>) {
        port.stop();
        self.shutdown(|connection| Arc::ptr_eq(&connection.port, &port));
    }

    fn completed(connection: &Arc<Connection>, command: Completed) {
        connection.completed(command);
    }

    fn install_queue(&self, connection: &Arc<Connection>, ctrl: CtrlId, qid: u16) {
        connection.install(QueueId { ctrl, qid });
    }

    fn delete_ctrl(&self, ctrl: CtrlId) {
        for connection in self.connections.lock().iter() {
            if connection.queue_id().is_some_and(|id| id.ctrl == ctrl) {
                connection.part();
            }
        }
    }

    fn discovery_addr(connection: &Connection) -> Option<SockAddr> {
        connection.port.is_wildcard().then_some(connection.local)
    }

    fn host_addr(&self, ctrl: CtrlId) -> Option<SockAddr> {
        let connections = self.connections.lock();
        connections
            .iter()
            .filter(|connection| !connection.is_closing())
            .find(|connection| {
                connection
                    .queue_id()
                    .is_some_and(|id| id.ctrl == ctrl && id.qid == 0)
            })
            .map(|connection| connection.peer)
    }

    fn unregistered(&self) {
        self.shutdown(|_| true);
        let mut connections = self.connections.lock();
        while !connections.is_empty() {
            self.released.wait(&mut connections);
        }
    }
}
