// SPDX-License-Identifier: GPL-2.0

//! The life of a controller: made, recovered from errors, reset, removed.
//!
//! C counterparts: `nvme_tcp_alloc_ctrl()`, `nvme_tcp_error_recovery_work()`,
//! `nvme_reset_ctrl_work()`.

use kernel::{
    cpu::nr_cpu_ids,
    dev_info,
    new_mutex,
    prelude::*,
    sync::{
        aref::ARef,
        atomic::{
            ordering::Relaxed,
            AtomicFlag, //
        },
        Arc,
        Mutex, //
    }, //
};

use super::{
    connect::Ways,
    observe::{
        Observed,
        Observers, //
    },
    options::{
        default_port,
        max_queues, //
    },
    paths::Shortage,
    queue::Queue,
    removal::Removal,
    set_up::{
        set_up,
        tear_down,
        tear_down_admin_queue,
        tear_down_io_queues, //
    },
    Context,
    Ctrl, //
};
use crate::{
    abstractions::{
        debugfs::Dir,
        net::{
            address::{
                Family,
                SockAddr, //
            },
            namespace::Namespace, //
        },
        nvme::{
            attributes::Figure,
            ctrl::State,
            ctrl_ops::Controller,
            options::Options,
            status::Failure,
            transport::Transport, //
        }, //
    },
    NvmeMptcp, //
};

type Outcome = core::result::Result<(), Failure>;

/// The transport's part of a controller.
pub(crate) struct Host {
    /// The network namespace of whoever connected, for the first connection and all others.
    namespace: ARef<Namespace>,
    remote: SockAddr,
    source: Option<SockAddr>,
    /// By which ways it was reached, and others that there may be.
    ways: Pin<KBox<Mutex<Ways>>>,
    /// Where it is shown.
    debugfs: Dir,
    /// Who looks at it.
    observed: Pin<KBox<Mutex<Observed>>>,
    /// A shortage of paths has been told.
    shortage_told: AtomicFlag,
    /// What bounds how long its removal takes.
    removal: Pin<KBox<Removal>>,
    /// The admin queue, and as many I/O queues as there may ever be.
    queues: KVec<Arc<Queue>>,
}

impl Host {
    /// The network namespace in which connections are made.
    pub(crate) fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    /// The address to connect to.
    pub(crate) fn remote(&self) -> &SockAddr {
        &self.remote
    }

    /// The address to connect from, if the user chose one.
    pub(crate) fn source(&self) -> Option<&SockAddr> {
        self.source.as_ref()
    }

    /// The ways to the controller that are known.
    pub(super) fn ways(&self) -> &Mutex<Ways> {
        &self.ways
    }

    /// The admin queue, which is always there.
    pub(crate) fn admin_queue(&self) -> core::result::Result<&Arc<Queue>, Failure> {
        self.queues.first().ok_or(ENODEV.into())
    }

    /// What bounds how long the controller's removal takes.
    pub(super) fn removal(&self) -> &Removal {
        &self.removal
    }

    /// Lets people look at the controller from now on, unless it is being removed. May sleep.
    pub(super) fn observe(&self, ctrl: &Ctrl) {
        let mut observed = self.observed.lock();
        if let Observed::NotYet = *observed {
            // It works as well without.
            if let Ok(observers) = Observers::new(ctrl, &self.debugfs) {
                *observed = Observed::By(observers);
            }
        }
    }

    /// Lets nobody look any more, and waits for those who do. May sleep.
    fn hide(&self) {
        let before = core::mem::replace(&mut *self.observed.lock(), Observed::NotAnyMore);
        drop(before);
    }

    /// Passes a shortage of paths on that is to be told of, if none has been.
    pub(super) fn first(&self, shortage: Option<Shortage>) -> Option<Shortage> {
        shortage.filter(|_| !self.shortage_told.xchg(true, Relaxed))
    }

    /// The I/O queues with numbers from `first` up to and without `end`.
    pub(crate) fn io_queues(&self, first: u32, end: u32) -> impl Iterator<Item = &Arc<Queue>> {
        let len = self.queues.len();
        let first = (first as usize).min(len);
        let end = (end as usize).clamp(first, len);
        self.queues.get(first..end).unwrap_or_default().iter()
    }
}

fn parse_address(namespace: &Namespace, options: &Options) -> Result<(SockAddr, Option<SockAddr>)> {
    let (Some(addr), port) = (options.traddr(), options.trsvcid()) else {
        return Err(EINVAL);
    };
    let remote = SockAddr::parse(namespace, Family::Any, addr, port).inspect_err(|_| {
        let port = port.unwrap_or(c"");
        pr_err!("malformed address passed: {addr}:{port}\n");
    })?;
    let source = options.host_traddr().map(|addr| {
        SockAddr::parse(namespace, Family::Any, addr, None).inspect_err(|_| {
            pr_err!("malformed src address passed: {addr}\n");
        })
    });
    Ok((remote, source.transpose()?))
}

#[vtable]
impl Transport for Context {
    type Module = NvmeMptcp;
    type Controller = Host;

    const NAME: &'static CStr = c"mptcp";

    fn default_port(options: &Options) -> &'static CStr {
        default_port(options.discovery_nqn())
    }

    fn create_ctrl(&self, options: &Options) -> Result<Host> {
        let namespace = Namespace::current();
        let (remote, source) = parse_address(&namespace, options)?;
        if let Some(device) = options.host_iface() {
            if !namespace.has_device(device) {
                pr_err!("invalid interface passed: {device}\n");
                return Err(ENODEV);
            }
        }

        let wanted = [
            options.nr_io_queues(),
            options.nr_write_queues(),
            options.nr_poll_queues(),
        ];
        let count = max_queues(wanted, nr_cpu_ids());
        let mut queues = KVec::with_capacity(count, GFP_KERNEL)?;
        for qid in 0..count {
            queues.push(Queue::new(self, u16::try_from(qid)?)?, GFP_KERNEL)?;
        }
        Ok(Host {
            namespace,
            remote,
            source,
            ways: KBox::pin_init(
                new_mutex!(Ways::new(), "nvme_mptcp::Host::ways"),
                GFP_KERNEL,
            )?,
            debugfs: self.debugfs.clone(),
            observed: KBox::pin_init(
                new_mutex!(Observed::NotYet, "nvme_mptcp::Host::observed"),
                GFP_KERNEL,
            )?,
            shortage_told: AtomicFlag::new(false),
            removal: KBox::pin_init(Removal::new(), GFP_KERNEL)?,
            queues,
        })
    }
}

#[vtable]
impl Controller for Host {
    type Transport = Context;
    type Queue = Queue;

    /// What nvmet takes with NVMe/TCP; more ends the connection or fails for good, and MDTS 0 is
    /// all that it says of that.
    const MAX_DATA: u32 = 4 << 20;

    fn queue(&self, qid: usize) -> Option<&Arc<Queue>> {
        self.queues.get(qid)
    }

    fn set_up(ctrl: &Ctrl) -> Outcome {
        ctrl.removal().watch(ctrl)?;
        ctrl.observe(ctrl);
        set_up(ctrl, true).inspect_err(|_| {
            ctrl.hide();
            ctrl.removal().begin_shutdown(ctrl);
        })?;
        let (remote, subsystem) = (ctrl.remote(), ctrl.subsystem_nqn());
        let host = ctrl.options().host_nqn();
        dev_info!(
            ctrl.device(),
            "new ctrl: NQN \"{subsystem}\", addr {remote}, hostnqn: {host}\n"
        );
        Ok(())
    }

    fn recover(ctrl: &Ctrl) {
        ctrl.revoke_generated_psk();
        ctrl.stop_keep_alive();
        ctrl.flush_async_event();
        tear_down_io_queues(ctrl, false);
        // Requests fail or wait, as the core decides, while there is no connection.
        ctrl.unquiesce_io_queues();
        tear_down_admin_queue(ctrl, false);
        ctrl.unquiesce_admin_queue();
        ctrl.stop_auth();

        // If that is not possible, the controller is being removed.
        if ctrl.change_state(State::Connecting) {
            reconnect_or_remove(ctrl, 0);
        }
    }

    fn reconnect(ctrl: &Ctrl) {
        ctrl.removal().cuts_short(|| reconnect(ctrl));
    }

    fn reset(ctrl: &Ctrl) {
        ctrl.removal().cuts_short(|| reset(ctrl));
    }

    fn delete_ctrl(ctrl: &Ctrl) {
        ctrl.hide();
        ctrl.removal().begin_shutdown(ctrl);
        tear_down(ctrl, true);
    }

    fn submit_async_event(ctrl: &Ctrl) {
        if let Ok(queue) = ctrl.admin_queue() {
            queue.submit_async_event();
        }
    }

    fn source_address(ctrl: &Ctrl) -> Option<SockAddr> {
        ctrl.admin_queue().ok()?.source_address()
    }

    fn figure(ctrl: &Ctrl, figure: Figure) -> u32 {
        let census = ctrl.census();
        match figure {
            Figure::Subflows => census.fewest,
            Figure::Fallback => census.fallen_back,
        }
    }
}

/// Tries to make the connections again.
fn reconnect(ctrl: &Ctrl) {
    let attempt = ctrl.count_reconnect();
    let most = ctrl.options().max_reconnects();
    match set_up(ctrl, false) {
        Ok(()) => {
            let device = ctrl.device();
            dev_info!(
                device,
                "Successfully reconnected (attempt {attempt}/{most})\n"
            );
            ctrl.reset_reconnects();
        }
        Err(failure) => {
            let device = ctrl.device();
            dev_info!(device, "Failed reconnect attempt {attempt}/{most}\n");
            reconnect_or_remove(ctrl, failure.code());
        }
    }
}

/// Makes the connections anew.
fn reset(ctrl: &Ctrl) {
    ctrl.revoke_generated_psk();
    ctrl.stop();
    tear_down(ctrl, false);
    if !ctrl.change_state(State::Connecting) {
        return;
    }
    if let Err(failure) = set_up(ctrl, false) {
        ctrl.count_reconnect();
        reconnect_or_remove(ctrl, failure.code());
    }
}

/// Tries again later, unless the failure `status` or the number of attempts says that it is over.
fn reconnect_or_remove(ctrl: &Ctrl, status: i32) {
    // If it is being reset or removed, somebody else goes on.
    if ctrl.state() != State::Connecting {
        return;
    }
    if ctrl.schedule_reconnect(status) {
        let delay = ctrl.options().reconnect_delay();
        dev_info!(ctrl.device(), "Reconnecting in {delay} seconds...\n");
    } else {
        dev_info!(ctrl.device(), "Removing controller ({status})...\n");
        ctrl.remove();
    }
}
