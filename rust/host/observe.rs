// SPDX-License-Identifier: GPL-2.0

//! What an administrator sees of a controller: `nvme_mptcp/nvme0/queue1` in debugfs, one file for
//! each queue, and `nvme0/mptcp/` in sysfs. Whoever reads one pays for it, and nobody else.

use kernel::{
    fmt,
    prelude::*,
    str::CString,
    sync::{
        aref::ARef,
        Arc, //
    }, //
};

use super::{
    census::{
        Census,
        Teller, //
    },
    connection::Connection,
    paths::Shortage,
    queue::Queue,
    watch::Watch,
    Ctrl,
    Host, //
};
use crate::{
    abstractions::{
        debugfs::{
            Dir,
            File,
            Show, //
        },
        net::{
            endpoints::Endpoint,
            paths::Paths, //
        },
        nvme::attributes::Attributes, //
    },
    NvmeMptcp, //
};

/// A queue, as its file shows it.
struct QueueFile {
    ctrl: ARef<Ctrl>,
    queue: Arc<Queue>,
}

impl Show for QueueFile {
    type Module = NvmeMptcp;

    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let queue = &self.queue;
        queue.look(|state, connection| {
            writeln!(f, "state {state}")?;
            match queue.io_cpu.load().index() {
                Some(cpu) => writeln!(f, "cpu {cpu}")?,
                None => writeln!(f, "cpu any")?,
            }
            // A queue that is connected has its tags.
            let requests = connection.map_or(0, |_| self.ctrl.requests_in_flight(queue.id()));
            writeln!(f, "requests {requests}")?;
            fmt::Display::fmt(&*queue.tally, f)?;
            match connection {
                Some(connection) => show_connection(connection, f),
                None => writeln!(f, "connection none"),
            }
        })
    }
}

fn show_connection(connection: &Connection, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let socket = &connection.socket;
    f.write_fmt(fmt!("connection {}\n", socket.protocol()))?;
    let Ok(subflows) = socket.subflow_list() else {
        return writeln!(f, "subflows ?");
    };
    writeln!(f, "subflows {}", subflows.len())?;
    for subflow in &subflows {
        f.write_fmt(fmt!("subflow {subflow}\n"))?;
    }
    Ok(())
}

impl Queue {
    /// The paths of the connection, [`None`] of them if it is one of plain TCP; if there is one.
    /// Of the `endpoints` of its namespace, no subflow is opened from the one that it comes from
    /// itself. May sleep.
    fn paths(&self, endpoints: &[Endpoint]) -> Option<Option<Paths>> {
        self.look(|_, connection| {
            let socket = &connection?.socket;
            let local = socket.local_addr().ok()?;
            let own = endpoints.iter().any(|endpoint| endpoint.is_at(&local));
            Some(socket.paths().map(|paths| Paths {
                endpoints: paths.endpoints.saturating_sub(own.into()),
                ..paths
            }))
        })
    }

    /// How many addresses of the controller there are subflows to, beyond the first. May sleep.
    pub(super) fn peers(&self) -> usize {
        self.look(|_, connection| {
            let subflows = connection?.socket.subflow_list().ok()?;
            let addr = |at: usize| subflows.get(at).and_then(|subflow| subflow.remote().ip());
            let new = (1..subflows.len()).filter(|at| (0..*at).all(|old| addr(old) != addr(*at)));
            Some(new.count())
        })
        .unwrap_or(0)
    }

    /// What there is of subflows. May sleep.
    pub(super) fn census(&self) -> Census {
        self.look(|_, connection| {
            let socket = &connection?.socket;
            let subflows = socket.subflow_list().ok()?;
            let usable = subflows.iter().filter(|subflow| subflow.is_usable());
            let fewest = u32::try_from(usable.count()).ok()?;
            Some(Census {
                subflows: fewest,
                fewest,
                fallen_back: u32::from(socket.paths().is_none()),
                queues: 1,
            })
        })
        .unwrap_or_default()
    }
}

impl Host {
    /// The shortage of paths that there is to tell of when the controller has been set up: once.
    /// May sleep.
    pub(super) fn new_shortage(&self) -> Option<Shortage> {
        let queue = self.admin_queue().ok()?;
        // That there was only plain TCP was told when it was connected.
        if !queue.is_mptcp() {
            return None;
        }
        let endpoints = self.namespace().endpoints().ok()?;
        self.first(Shortage::of(queue.paths(&endpoints)?))
    }

    /// As [`Host::new_shortage`], when MPTCP has had the time to do what it can.
    pub(super) fn settled_shortage(&self) -> Option<Shortage> {
        let queue = self.admin_queue().ok()?;
        let endpoints = self.namespace().endpoints().ok()?;
        self.first(Shortage::of_settled(
            queue.paths(&endpoints)??,
            queue.peers(),
        ))
    }

    /// What all queues have. May sleep.
    pub(super) fn census(&self) -> Census {
        let mut sum = Census::default();
        for queue in self.io_queues(0, u32::MAX) {
            sum.add(queue.census());
        }
        sum
    }
}

impl Census {
    /// Adds those of a queue.
    pub(super) fn add(&mut self, other: Self) {
        if other.queues == 0 {
            return;
        }
        self.fewest = match self.queues {
            0 => other.fewest,
            _ => self.fewest.min(other.fewest),
        };
        self.subflows = self.subflows.saturating_add(other.subflows);
        self.fallen_back = self.fallen_back.saturating_add(other.fallen_back);
        self.queues = self.queues.saturating_add(other.queues);
    }
}

/// Who looks at a controller, until this is dropped.
pub(super) struct Observers {
    _files: KVec<File<QueueFile>>,
    _attributes: Attributes<Host>,
    _watch: Watch,
}

impl Observers {
    /// Makes the files of a controller below `root`, and watches its paths. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(super) fn new(ctrl: &Ctrl, root: &Dir) -> Result<Self> {
        let dir = Dir::new(ctrl.device().name(), Some(root))?;
        let mut files = KVec::new();
        for queue in ctrl.io_queues(0, u32::MAX) {
            let name = CString::try_from_fmt(fmt!("queue{}", queue.id()))?;
            let file = QueueFile {
                ctrl: ctrl.to_ref(),
                queue: queue.clone(),
            };
            let file = File::new(&dir, &name, Arc::new(file, GFP_KERNEL)?);
            files.push(file, GFP_KERNEL)?;
        }
        Ok(Self {
            _files: files,
            _attributes: Attributes::new(ctrl)?,
            _watch: Watch::new(ctrl, Teller::default())?,
        })
    }
}

/// Who looks at a controller over its life.
pub(super) enum Observed {
    /// Nobody yet.
    NotYet,
    /// These do.
    By(#[expect(dead_code, reason = "it is dropped")] Observers),
    /// Nobody any more: it is being removed.
    NotAnyMore,
}
