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
    },
    time::Delta, //
};

use super::{
    port::Port,
    queue::{
        Queue,
        Role, //
    },
    slots::Slots,
    BACKLOG,
    MDTS, //
};
use crate::abstractions::{
    nvmet::{
        command::Completed,
        port::Port as Settings,
        queue::CtrlId,
        status::Status,
        transport::{
            Transport,
            TRTYPE_MPTCP, //
        }, //
    },
    sockaddr::SockAddr,
    workqueue::{
        OwnedQueue,
        Workers, //
    }, //
};

/// The deepest queue that a host may have, as in the core (`NVMET_MAX_QUEUE_SIZE`), which does not
/// look at that of an admin queue.
const MAX_DEPTH: u16 = 1024;

/// The connections that there are.
struct Queues {
    /// Those that nobody has begun to release.
    list: KVVec<Arc<Queue>>,
    /// How many there are, those that are being released included.
    alive: usize,
}

/// The transport.
#[pin_data]
pub(crate) struct Target {
    /// What connections do their work on.
    io_queue: OwnedQueue,
    /// The priority of outgoing packets; 0 for the default.
    so_priority: i32,
    /// How long a connection looks for more to do before its work ends; 0 for not at all.
    idle_poll: Delta,
    last_id: Atomic<u32>,
    #[pin]
    queues: Mutex<Queues>,
    /// A connection has been released.
    #[pin]
    released: CondVar,
}

impl Target {
    /// A transport that is not registered yet. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`; `EINVAL` for a negative `so_priority`.
    pub(crate) fn new(so_priority: i32, idle_poll_period_usecs: u32) -> Result<Arc<Self>> {
        if so_priority < 0 {
            pr_err!("so_priority {so_priority} must not be negative\n");
            return Err(EINVAL);
        }
        Arc::pin_init(
            try_pin_init!(Self {
                io_queue: OwnedQueue::new_io(c"nvmet_mptcp_wq", Workers::PerCpu)?,
                so_priority,
                idle_poll: Delta::from_micros(idle_poll_period_usecs.into()),
                last_id: Atomic::new(0),
                queues <- new_mutex!(
                    Queues {
                        list: KVVec::new(),
                        alive: 0,
                    },
                    "nvmet_mptcp::Target::queues"
                ),
                released <- new_condvar!("nvmet_mptcp::Target::released"),
            }? Error),
            GFP_KERNEL,
        )
    }

    /// What connections do their work on.
    pub(super) fn io_queue(&self) -> &OwnedQueue {
        &self.io_queue
    }

    /// The priority of outgoing packets; 0 for the default.
    pub(super) fn so_priority(&self) -> i32 {
        self.so_priority
    }

    /// How long a connection looks for more to do before its work ends; 0 for not at all.
    pub(super) fn idle_poll(&self) -> Delta {
        self.idle_poll
    }

    /// A number for a connection that no other one has at the same time.
    pub(super) fn next_id(&self) -> u32 {
        self.last_id.fetch_add(1, Relaxed)
    }

    /// Adds a connection. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(super) fn add(&self, queue: Arc<Queue>) -> Result {
        let mut queues = self.queues.lock();
        queues.list.push(queue, GFP_KERNEL)?;
        queues.alive += 1;
        Ok(())
    }

    /// Removes a connection that is being released.
    pub(super) fn remove(&self, queue: &Arc<Queue>) {
        let mut queues = self.queues.lock();
        let at = queues
            .list
            .iter()
            .position(|other| Arc::ptr_eq(other, queue));
        if let Some(at) = at {
            let last = queues.list.len().saturating_sub(1);
            queues.list.swap(at, last);
            queues.list.pop();
        }
    }

    /// A connection has been released.
    pub(super) fn released(&self) {
        self.queues.lock().alive -= 1;
        self.released.notify_all();
    }

    /// Shuts the connections down that `select` selects.
    fn shutdown(&self, select: impl Fn(&Queue) -> bool) {
        for queue in self.queues.lock().list.iter() {
            if select(queue) {
                queue.shutdown();
            }
        }
    }

    /// How many connections of `port` wait to be released.
    fn closing(&self, port: &Arc<Port>) -> usize {
        let queues = self.queues.lock();
        queues
            .list
            .iter()
            .filter(|queue| queue.is_closing() && Arc::ptr_eq(queue.port(), port))
            .count()
    }
}

impl Transport for Target {
    type Module = crate::NvmetMptcp;
    type Port = Port;
    type Queue = Queue;

    const TRTYPE: u32 = TRTYPE_MPTCP;
    const MDTS: u8 = MDTS;

    fn add_port(self: ArcBorrow<'_, Self>, settings: &mut Settings<'_, Self>) -> Result<Arc<Port>> {
        Port::start(self.into(), settings)
    }

    fn remove_port(&self, port: Arc<Port>) {
        port.stop();
        self.shutdown(|queue| Arc::ptr_eq(queue.port(), &port));
    }

    fn completed(queue: &Arc<Queue>, command: Completed) {
        queue.completed(command);
    }

    /// Makes room for twice as many commands as the host may have under way, as the C driver does:
    /// a host may send the next one when it has seen an answer that we are not done with.
    fn install_queue(
        &self,
        queue: &Arc<Queue>,
        ctrl: CtrlId,
        qid: u16,
        depth: u16,
    ) -> Result<(), Status> {
        let id = queue.id();
        // A host that connects again and again must wait for what it leaves behind.
        if qid == 0 && self.closing(queue.port()) > BACKLOG as usize {
            pr_warn!("queue {id}: too many connections are still being released\n");
            return Err(Status::CONNECT_CTRL_BUSY);
        }
        if !(1..=MAX_DEPTH).contains(&depth) {
            pr_err!("queue {id}: depth {depth} must be 1 to {MAX_DEPTH}\n");
            return Err(Status::CONNECT_INVALID_PARAM);
        }
        let slots = Slots::for_queue(depth.saturating_mul(2)).map_err(|_| {
            pr_err!("queue {id}: no memory for {depth} commands\n");
            Status::INTERNAL
        })?;
        queue.install(Role { ctrl, qid }, slots);
        Ok(())
    }

    fn delete_ctrl(&self, ctrl: CtrlId) {
        self.shutdown(|queue| queue.role().is_some_and(|role| role.ctrl == ctrl));
    }

    fn discovery_addr(queue: &Queue) -> Option<SockAddr> {
        queue.port().is_wildcard().then(|| *queue.local_addr())
    }

    fn host_addr(&self, ctrl: CtrlId) -> Option<SockAddr> {
        let queues = self.queues.lock();
        queues
            .list
            .iter()
            .find(|queue| {
                queue
                    .role()
                    .is_some_and(|role| role.ctrl == ctrl && role.qid == 0)
            })
            .map(|queue| *queue.peer_addr())
    }

    fn unregistered(&self) {
        self.shutdown(|_| true);
        let mut queues = self.queues.lock();
        while queues.alive != 0 {
            self.released.wait(&mut queues);
        }
    }
}
