// SPDX-License-Identifier: GPL-2.0

//! What the target core asks of a transport, and registering one.
//!
//! C header: [`drivers/nvme/target/nvmet.h`](srctree/drivers/nvme/target/nvmet.h),
//! `struct nvmet_fabrics_ops`.

use kernel::{
    error::to_result,
    prelude::*,
    sync::{
        Arc,
        ArcBorrow, //
    },
    ModuleMetadata, //
};

use super::{
    command::Completed,
    fabrics_ops::ops,
    flush_workqueue,
    port::Port,
    queue::CtrlId, //
};
use crate::{
    abstractions::{
        net::address::SockAddr,
        registered::Registered, //
    },
    bindings, //
};

/// The transport type of MPTCP in discovery log pages and configfs.
pub(crate) const TRTYPE_MPTCP: u32 = bindings::NVMF_TRTYPE_MPTCP;

/// A fabrics transport of the target (`struct nvmet_fabrics_ops`).
///
/// All functions may sleep unless they say otherwise.
#[vtable]
pub(crate) trait Transport: Sized + Send + Sync + 'static {
    /// The module that this is part of.
    type Module: ModuleMetadata;

    /// What the transport keeps for a port.
    type Port: Send + Sync + 'static;

    /// What the transport keeps for a connection.
    type Queue: Send + Sync + 'static;

    /// The transport type.
    const TRTYPE: u32;

    /// The most data that a command may transfer: 4 KiB shifted left by this, as hosts are told
    /// (`MDTS` of Identify Controller, in units of `CAP.MPSMIN`, which is 4 KiB here).
    const MDTS: u8;

    /// Starts to listen. The core's `nvmet_config_sem` is held for writing.
    fn add_port(self: ArcBorrow<'_, Self>, port: &mut Port<'_, Self>) -> Result<Arc<Self::Port>>;

    /// Stops listening, and sees to it that the connections that came in on the port are released,
    /// for which the core waits before it frees the port. Its `nvmet_config_sem` is held for
    /// writing.
    fn remove_port(&self, port: Arc<Self::Port>);

    /// Takes back a command that the core has been given. In any context, up to softirq and with
    /// locks held: does not sleep.
    fn completed(queue: &Arc<Self::Queue>, command: Completed);

    /// A connection has been connected as queue `qid` of a controller. Called inside of
    /// [`Request::execute`](super::command::Request::execute).
    ///
    /// Too late to refuse: the core would keep a reference to the controller, and a connection that
    /// is half a queue of it. What the connection needs has to be there before its connect command
    /// is executed.
    fn install_queue(&self, queue: &Arc<Self::Queue>, ctrl: CtrlId, qid: u16);

    /// Shuts down the connections of a controller. The core may hold locks that executing a
    /// command takes.
    fn delete_ctrl(&self, ctrl: CtrlId);

    /// The address of the port of `queue` that a host is to be told of when it asks for the ports
    /// that there are; [`None`] for the one that the administrator gave the port.
    fn discovery_addr(queue: &Self::Queue) -> Option<SockAddr>;

    /// The address of the host of a controller, if it is connected.
    fn host_addr(&self, ctrl: CtrlId) -> Option<SockAddr>;

    /// Releases all connections and waits until that is done. There are no ports any more, and
    /// none will be added.
    fn unregistered(&self);
}

/// A transport that is registered until this is dropped.
///
/// # Invariants
///
/// The operations of `T` are registered with the core.
pub(crate) struct Registration<T: Transport>(Registered<T>);

impl<T: Transport> Registration<T> {
    /// Registers a transport. May sleep.
    ///
    /// # Errors
    ///
    /// `EBUSY` if the module has registered one; `EINVAL` if another module has one of this type.
    pub(crate) fn new(transport: Arc<T>) -> Result<Self> {
        let registered = Registered::new(transport)?;
        // SAFETY: The operations are static, and when they are called the transport is there.
        to_result(unsafe { bindings::nvmet_register_transport(ops::<T>()) })?;
        // INVARIANT: Just established.
        Ok(Self(registered))
    }
}

impl<T: Transport> Drop for Registration<T> {
    fn drop(&mut self) {
        // SAFETY: By the invariant they are registered. A port that is enabled would hold a
        // reference to the module, so there is none.
        unsafe { bindings::nvmet_unregister_transport(ops::<T>()) };
        self.0.unregistered();
        // Controllers whose last connection was released may have work under way that calls the
        // operations, and so may be the end of that release itself.
        flush_workqueue();
        // SAFETY: This task may sleep. The task that has told of the end of the last TLS handshake
        // may still be on its way out of this module; afterwards it is not.
        unsafe { bindings::helper_synchronize_rcu_tasks() };
    }
}
