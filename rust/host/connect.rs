// SPDX-License-Identifier: GPL-2.0

//! Connecting to a controller by one of the ways that there are ([`Ways`](super::ways::Ways)).
//!
//! The first way has a lead. If it is of no use, the others are tried side by side with MPTCP, and
//! then with plain TCP. With the 17 paths that there can be, it is over after 9 seconds.

use kernel::{
    dev_err,
    dev_info,
    dev_warn,
    prelude::*,
    time::{
        Delta,
        Instant,
        Monotonic, //
    }, //
};

use super::{
    queue::Queue,
    ways,
    Ctrl,
    Host, //
};
use crate::abstractions::{
    net::{
        address::SockAddr,
        endpoints::Endpoint,
        protocol::Protocol,
        socket::Socket,
        subflows::Subflow, //
    },
    nvme::{
        ctrl::State,
        parameters, //
    }, //
};

pub(super) type Way = ways::Way<Endpoint, SockAddr>;
pub(super) type Path = ways::Path<Endpoint, SockAddr>;
pub(super) type Ways = ways::Ways<Endpoint, SockAddr>;

/// How long a way may take. Enough for the answer to a SYN, and to the next one, which goes out
/// after a second. The fourth, by default, would be without MP_CAPABLE; if it were answered, the
/// kernel would take the path for one that drops MPTCP, and do without on all connections of the
/// network namespace for an hour.
const PATIENCE: Delta = Delta::from_millis(1250);

/// How much later than the one before a way is begun.
const LEAD: Delta = Delta::from_millis(100);

/// For how long each of those that are under way is waited for in turn, in milliseconds.
const TURN_MS: u32 = 10;

/// How long sending the first bytes may take, in milliseconds.
const SEND_TIMEOUT_MS: u32 = 2500;

/// How long to wait for ICResp, in milliseconds.
const ICRESP_TIMEOUT_MS: u32 = 10_000;

/// What the send buffer holds at most, in bytes; the kernel doubles the number for its overhead.
///
/// Left alone it grows with the windows of the subflows, each of which may then have several
/// megabytes queued that its link takes a tenth of a second to carry, while other links idle: the
/// scheduler of MPTCP goes by estimates, and what is behind those megabytes in the stream has to
/// wait for them. On four links of 100 Mbit/s that halves the speed of writes. Twice this much
/// keeps 4 × 25 Gbit/s busy at a round trip of 160 µs, for each queue.
const SEND_BUFFER: i32 = 1 << 20;

/// Connects a socket for queue `qid`. Sleeps.
///
/// # Errors
///
/// What the network said to the first way, if none leads to the controller; `EINTR` after a signal,
/// `ENODEV` if the controller is being removed, `ENOMEM`.
pub(super) fn connect(ctrl: &Ctrl, qid: u16) -> Result<Socket> {
    let mut race = Race::new(ctrl);
    let (way, socket) = race.find().inspect_err(|error| {
        dev_err!(
            ctrl.device(),
            "failed to connect socket: {} (queue {qid})\n",
            error.to_errno()
        );
    })?;
    if ctrl.ways().lock().settle(way) {
        match race.error {
            Some(error) => dev_info!(
                ctrl.device(),
                "queue {qid}: connected with {way}, as other ways fail ({})\n",
                error.to_errno()
            ),
            None => dev_info!(ctrl.device(), "queue {qid}: connected with {way} again\n"),
        }
    }
    control_congestion(ctrl, qid, &socket);
    socket.set_timeouts(SEND_TIMEOUT_MS, ICRESP_TIMEOUT_MS);
    Ok(socket)
}

/// Uses the congestion control that the administrator wants, if the kernel has it. An MPTCP socket
/// only finds that out when it has a subflow.
fn control_congestion(ctrl: &Ctrl, qid: u16, socket: &Socket) {
    let Some(congestion) = parameters::congestion() else {
        return;
    };
    match socket.set_congestion(&congestion) {
        Err(error) if qid == 0 => dev_warn!(
            ctrl.device(),
            "congestion={congestion}: the kernel does not use it ({})\n",
            error.to_errno()
        ),
        _ => {}
    }
}

impl Host {
    /// Remembers the other addresses of the controller that the admin queue has subflows to. May
    /// sleep.
    pub(super) fn learn_peers(&self) {
        let subflows = self.admin_queue().ok().and_then(|queue| queue.subflows());
        for subflow in subflows.into_iter().flatten() {
            let peer = subflow.remote();
            if peer.ip() != self.remote().ip() {
                // Without memory there are fewer to choose from.
                let _ = self.ways().lock().learn(peer);
            }
        }
    }
}

impl Queue {
    /// Whether it was connected with MPTCP, whatever has become of that. May sleep.
    pub(super) fn is_mptcp(&self) -> bool {
        self.look(|_, connection| connection.is_some_and(|at| at.socket.is_mptcp()))
    }

    /// The subflows of its connection, if there is one. May sleep.
    fn subflows(&self) -> Option<KVec<Subflow>> {
        self.look(|_, connection| connection?.socket.subflow_list().ok())
    }
}

/// A socket that is being connected.
struct Runner {
    way: Way,
    socket: Socket,
    since: Instant<Monotonic>,
}

/// Some that are being connected at the same time.
struct Race<'a> {
    ctrl: &'a Ctrl,
    /// That which has waited longest for its turn first.
    runners: KVec<Runner>,
    /// Why the first way that failed has failed.
    error: Option<Error>,
}

impl<'a> Race<'a> {
    fn new(ctrl: &'a Ctrl) -> Self {
        Self {
            ctrl,
            runners: KVec::new(),
            error: None,
        }
    }

    /// Finds a way that leads to the controller.
    fn find(&mut self) -> Result<(Way, Socket)> {
        let first = self.ctrl.ways().lock().first();
        if let Some(found) = self.run([first].into_iter())? {
            return Ok(found);
        }
        let paths = paths(self.ctrl)?;
        for protocol in [Protocol::Mptcp, Protocol::Tcp] {
            let others = paths.iter().map(|path| Way {
                protocol,
                path: *path,
            });
            let Some(found) = self.run(others.filter(|way| *way != first))? else {
                continue;
            };
            // Perhaps nobody was there a moment ago, with MPTCP or without.
            let better = Way {
                protocol: Protocol::Mptcp,
                ..found.0
            };
            if found.0 != better && first.protocol == Protocol::Mptcp {
                return Ok(self.run([better].into_iter())?.unwrap_or(found));
            }
            return Ok(found);
        }
        Err(self.error.unwrap_or(EHOSTUNREACH))
    }

    /// Tries `ways`, and returns the one that was there first, if one was.
    fn run(&mut self, ways: impl Iterator<Item = Way>) -> Result<Option<(Way, Socket)>> {
        self.runners.clear();
        for way in ways {
            match new_socket(self.ctrl, &way) {
                Ok(socket) => {
                    let since = Instant::now();
                    self.runners
                        .push(Runner { way, socket, since }, GFP_KERNEL)?;
                }
                Err(error) => self.failed(error),
            }
            if let Some(found) = self.wait(LEAD)? {
                return Ok(Some(found));
            }
        }
        self.wait(PATIENCE)
    }

    /// Waits until one of those that run is there, for `time` at most.
    fn wait(&mut self, time: Delta) -> Result<Option<(Way, Socket)>> {
        let since = Instant::<Monotonic>::now();
        while since.elapsed() < time {
            let Ok(runner) = self.runners.remove(0) else {
                break;
            };
            if self.ctrl.state() == State::Deleting {
                return Err(ENODEV);
            }
            match runner.socket.connect(peer(self.ctrl, &runner.way.path)) {
                Ok(true) => return Ok(Some((runner.way, runner.socket))),
                Ok(false) if runner.since.elapsed() < PATIENCE => {
                    self.runners.push(runner, GFP_KERNEL)?;
                }
                Ok(false) => self.failed(ETIMEDOUT),
                Err(error) if [EINTR, ERESTARTSYS].contains(&error) => return Err(error),
                Err(error) => self.failed(error),
            }
        }
        Ok(None)
    }

    fn failed(&mut self, error: Error) {
        self.error.get_or_insert(error);
    }
}

/// All paths there are to the controller. Endpoints are no alternative to a source that the user
/// has chosen.
fn paths(ctrl: &Ctrl) -> Result<KVec<Path>> {
    let endpoints = match ctrl.source().is_some() || ctrl.options().host_iface().is_some() {
        true => KVec::new(),
        false => ctrl.namespace().endpoints()?,
    };
    let family = ctrl.remote().family();
    let fitting = endpoints
        .iter()
        .filter(|endpoint| endpoint.family() == family);
    ctrl.ways().lock().paths(fitting.copied())
}

/// Where `path` leads.
fn peer<'a>(ctrl: &'a Ctrl, path: &'a Path) -> &'a SockAddr {
    match path {
        Path::Asked | Path::From(_) => ctrl.remote(),
        Path::To(peer) => peer,
    }
}

/// Makes a socket as the options of the controller and `way` say.
fn new_socket(ctrl: &Ctrl, way: &Way) -> Result<Socket> {
    let options = ctrl.options();
    let family = peer(ctrl, &way.path).family().ok_or(EAFNOSUPPORT)?;
    let socket = Socket::new(ctrl.namespace(), family, way.protocol)?;

    socket.set_timeouts(TURN_MS, ICRESP_TIMEOUT_MS);
    socket.set_nodelay()?;
    // What could not be sent before a connection is given up must not be sent later, when the
    // commands have been sent again over another one.
    socket.set_no_linger()?;
    // A kernel that lacks them has its own.
    let _ = socket.set_path_timeouts();
    // Without the capability it takes, the kernel's own size has to do.
    let _ = socket.set_send_buffer(SEND_BUFFER);
    if options.tos() >= 0 {
        socket.set_tos(options.tos())?;
    }
    let priority = parameters::so_priority();
    if priority > 0 {
        socket.set_priority(priority)?;
    }
    if let Path::From(endpoint) = &way.path {
        socket.bind_to_endpoint(endpoint)?;
    }
    if let Some(source) = ctrl.source() {
        socket.bind(source)?;
    }
    if let Some(device) = options.host_iface() {
        socket.bind_to_device(device)?;
    }
    Ok(socket)
}
