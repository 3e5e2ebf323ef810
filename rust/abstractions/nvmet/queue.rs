// SPDX-License-Identifier: GPL-2.0

//! The submission and completion queue of a connection.
//!
//! C header: [`drivers/nvme/target/nvmet.h`](srctree/drivers/nvme/target/nvmet.h),
//! `struct nvmet_sq`, `struct nvmet_cq`.

use core::marker::PhantomPinned;

use kernel::{
    error::to_result,
    prelude::*,
    sync::Arc,
    types::Opaque, //
};

use super::{
    fabrics_ops,
    port::{
        PortHandle,
        PortUser, //
    },
    transport::Transport, //
};
use crate::{
    abstractions::key::Psk,
    bindings, //
};

/// A controller, by identity: what it was when a queue was connected to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CtrlId {
    address: usize,
    cntlid: u16,
}

impl CtrlId {
    /// # Safety
    ///
    /// `ctrl` is alive.
    pub(super) unsafe fn of(ctrl: *mut bindings::nvmet_ctrl) -> Self {
        Self {
            address: ctrl.addr(),
            // SAFETY: By the contract of this function; the field does not change.
            cntlid: unsafe { (*ctrl).cntlid },
        }
    }

    /// The identifier that the host knows it by.
    pub(crate) fn cntlid(self) -> u16 {
        self.cntlid
    }
}

/// What C sees.
///
/// # Invariants
///
/// `sq` and `cq` are initialised. `sq.ctrl` is null or a controller that `sq` holds a reference
/// to.
#[pin_data]
pub(super) struct Inner<T: Transport> {
    #[pin]
    sq: Opaque<bindings::nvmet_sq>,
    #[pin]
    cq: Opaque<bindings::nvmet_cq>,
    port: PortUser,
    owner: Arc<T::Queue>,
    #[pin]
    _pin: PhantomPinned,
}

impl<T: Transport> Inner<T> {
    /// The owner of a queue that C mentions.
    ///
    /// # Safety
    ///
    /// `sq` is that of a [`SubQueue<T>`], which is not dropped while the result lives.
    pub(super) unsafe fn owner<'a>(sq: *mut bindings::nvmet_sq) -> &'a Arc<T::Queue> {
        let sq = Opaque::cast_from(sq).cast_mut();
        // SAFETY: By the contract of this function, `sq` is inside of an `Inner<T>`.
        let this = unsafe { kernel::container_of!(sq, Self, sq) };
        // SAFETY: By the contract of this function it is alive; the field does not change.
        unsafe { &(*this).owner }
    }
}

/// A submission queue and its completion queue.
///
/// It keeps its owner alive: to release a connection is to drop this.
pub(crate) struct SubQueue<T: Transport>(Pin<KBox<Inner<T>>>);

// SAFETY: C locks what it needs to, and what is read here without a lock needs `&mut self` or does
// not change.
unsafe impl<T: Transport> Send for SubQueue<T> {}

impl<T: Transport> SubQueue<T> {
    /// Makes the queues of a connection to `port`, not connected to a controller yet. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`; `ENODEV` if the port has been disabled.
    pub(crate) fn new(owner: Arc<T::Queue>, port: &PortHandle<T>) -> Result<Self> {
        let port = port.enter()?;
        let inner = KBox::try_pin_init(
            try_pin_init!(Inner {
                sq: Opaque::zeroed(),
                cq: Opaque::zeroed(),
                port,
                owner,
                _pin: PhantomPinned,
            }),
            GFP_KERNEL,
        )?;
        // SAFETY: The completion queue is zeroed, as C wants it, and will not move.
        unsafe { bindings::nvmet_cq_init(inner.cq.get()) };
        // SAFETY: The submission queue is zeroed, as C wants it, and will not move; the completion
        // queue, which it refers to, is freed after it.
        to_result(unsafe { bindings::nvmet_sq_init(inner.sq.get(), inner.cq.get()) })?;
        // INVARIANT: Both are initialised. Had the second failed, the first, which owns nothing
        // yet, would just be freed.
        Ok(Self(inner))
    }

    /// Lets the core know the key that the connection is encrypted with. Once, and before a command
    /// is executed.
    pub(crate) fn set_psk(&mut self, psk: Psk) {
        // SAFETY: The queue is alive, and has no key yet. The core looks at the field when it
        // executes a command, which borrows `self` mutably, too. It gives the reference up in
        // `drop`.
        unsafe { bindings::helper_nvmet_sq_set_tls_key(self.sq_raw(), psk.into_raw()) };
    }

    /// The submission queue as C knows it.
    pub(super) fn sq_raw(&self) -> *mut bindings::nvmet_sq {
        self.0.sq.get()
    }

    /// The port as C knows it.
    pub(super) fn port_raw(&self) -> *mut bindings::nvmet_port {
        self.0.port.as_raw()
    }

    /// The operations that requests on this queue are completed by.
    pub(super) fn ops(&self) -> *const bindings::nvmet_fabrics_ops {
        fabrics_ops::ops::<T>()
    }

    /// How much data a capsule may hold in bytes.
    pub(crate) fn inline_data_size(&self) -> u32 {
        // SAFETY: The port is alive; the setting does not change while it is enabled.
        let bytes = unsafe { (*self.port_raw()).inline_data_size };
        bytes.try_into().unwrap_or(0)
    }

    /// The number of the queue; 0 also before it has one.
    pub(crate) fn qid(&self) -> u16 {
        // SAFETY: The queue is alive. It is set when a connect command is executed, which borrows
        // `self` mutably.
        unsafe { (*self.sq_raw()).qid }
    }

    /// Whether the host does without the submission queue head pointer in completions, so that a
    /// successful one need not be sent if something else says that there is one.
    pub(crate) fn sqhd_disabled(&self) -> bool {
        // SAFETY: The queue is alive. It is set when a connect command is executed, which borrows
        // `self` mutably.
        unsafe { (*self.sq_raw()).sqhd_disabled }
    }

    /// The keep alive timeout of the controller that the queue is connected to in seconds, or 0 if
    /// there is none.
    pub(crate) fn keep_alive_secs(&self) -> u32 {
        // SAFETY: The queue is alive. The controller is set and reset when a connect command is
        // executed, which borrows `self` mutably.
        let ctrl = unsafe { (*self.sq_raw()).ctrl };
        if ctrl.is_null() {
            return 0;
        }
        // SAFETY: By the invariant the controller is alive.
        let kato = unsafe { &raw const (*ctrl).kato };
        // SAFETY: As above. A command on another queue may change the number at any time, which is
        // read as a whole.
        unsafe { kato.read_volatile() }
    }

    /// Puts the controller, if the queue is connected to one, into the state "fatal error", in
    /// which the core tears all of its connections down. May sleep.
    pub(crate) fn fatal_error(&mut self) {
        // SAFETY: The queue is alive. The controller is set and reset when a connect command is
        // executed, which borrows `self` mutably, too.
        let ctrl = unsafe { (*self.sq_raw()).ctrl };
        if !ctrl.is_null() {
            // SAFETY: By the invariant the controller is alive.
            unsafe { bindings::nvmet_ctrl_fatal_error(ctrl) };
        }
    }
}

impl<T: Transport> Drop for SubQueue<T> {
    /// Disconnects from the controller, after waiting for all commands that came in on the queue
    /// and are not done. Sleeps.
    fn drop(&mut self) {
        // SAFETY: By the invariant it is initialised; it is not used again.
        unsafe { bindings::nvmet_sq_destroy(self.0.sq.get()) };
        // SAFETY: The memory of the queue is still there, and no controller refers to it any more.
        unsafe { bindings::helper_nvmet_sq_put_tls_key(self.0.sq.get()) };
        // SAFETY: By the invariant it is initialised. The reference from then is ours.
        unsafe { bindings::nvmet_cq_put(self.0.cq.get()) };
    }
}
