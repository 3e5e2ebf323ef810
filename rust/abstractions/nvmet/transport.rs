// SPDX-License-Identifier: GPL-2.0

//! What the target core asks of a transport.
//!
//! C header: [`drivers/nvme/target/nvmet.h`](srctree/drivers/nvme/target/nvmet.h),
//! `struct nvmet_fabrics_ops`.

use core::{
    marker::PhantomData,
    ptr::NonNull, //
};

use kernel::{
    error::{
        from_result,
        to_result, //
    },
    module::this_module,
    prelude::*,
    str::CString,
    sync::{
        atomic::{
            ordering::{
                Acquire,
                Full,
                Release, //
            },
            Atomic, //
        },
        Arc,
        ArcBorrow, //
    },
    ModuleMetadata, //
};

use super::{
    command::Completed,
    port::{
        Enabled,
        Port, //
    },
    queue::{
        CtrlId,
        Inner, //
    }, //
};
use crate::{
    abstractions::net::address::SockAddr,
    bindings, //
};

/// The transport type of MPTCP in discovery log pages and configfs.
pub(crate) const TRTYPE_MPTCP: u32 = bindings::NVMF_TRTYPE_MPTCP;

/// A fabrics transport of the target.
///
/// All functions may sleep unless they say otherwise.
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

/// The transport that is registered, as a pointer to a `T: Transport`.
///
/// A module has one transport; C gives its operations nothing to tell several apart by.
static DRIVER: Atomic<usize> = Atomic::new(0);

/// A transport that is registered until this is dropped.
///
/// # Invariants
///
/// `DRIVER` is the pointer that `Arc::into_raw` made of an `Arc<T>` that is ours.
pub(crate) struct Registration<T: Transport>(NonNull<T>);

// SAFETY: It is an `Arc<T>`.
unsafe impl<T: Transport> Send for Registration<T> {}
// SAFETY: As above.
unsafe impl<T: Transport> Sync for Registration<T> {}

impl<T: Transport> Registration<T> {
    /// Registers a transport. May sleep.
    ///
    /// # Errors
    ///
    /// `EBUSY` if the module has registered one; `EINVAL` if another module has one of this type.
    pub(crate) fn new(driver: Arc<T>) -> Result<Self> {
        let raw = Arc::into_raw(driver).cast_mut();
        if DRIVER.cmpxchg(0, raw.expose_provenance(), Full).is_err() {
            // SAFETY: It came from `Arc::into_raw`, just above.
            drop(unsafe { Arc::from_raw(raw) });
            return Err(EBUSY);
        }
        // SAFETY: The operations are static, and as they are called the driver is there.
        let registered = to_result(unsafe { bindings::nvmet_register_transport(ops::<T>()) });
        if let Err(error) = registered {
            DRIVER.store(0, Release);
            // SAFETY: It came from `Arc::into_raw`, and no operation has been called.
            drop(unsafe { Arc::from_raw(raw) });
            return Err(error);
        }
        // INVARIANT: Just established.
        // SAFETY: `Arc::into_raw` does not return null.
        Ok(Self(unsafe { NonNull::new_unchecked(raw) }))
    }
}

impl<T: Transport> Drop for Registration<T> {
    fn drop(&mut self) {
        // SAFETY: It is registered. A port that is enabled would hold a reference to the module,
        // so there is none.
        unsafe { bindings::nvmet_unregister_transport(ops::<T>()) };
        // SAFETY: By the invariant it is alive.
        unsafe { self.0.as_ref() }.unregistered();
        // Controllers whose last connection was released may have work under way that calls the
        // operations, and so may be the end of that release itself.
        // SAFETY: The core's workqueue is there for as long as the core is.
        unsafe { bindings::__flush_workqueue(bindings::nvmet_wq) };
        DRIVER.store(0, Release);
        // SAFETY: By the invariant. No operation is called any more.
        drop(unsafe { Arc::from_raw(self.0.as_ptr()) });
    }
}

/// What `priv` of a port points to.
struct AddedPort<T: Transport> {
    port: Arc<T::Port>,
    enabled: Arc<Enabled>,
}

/// The operations of a transport.
pub(super) fn ops<T: Transport>() -> *const bindings::nvmet_fabrics_ops {
    &Operations::<T>::TABLE
}

/// The operations, for C to call.
struct Operations<T: Transport>(PhantomData<T>);

impl<T: Transport> Operations<T> {
    const TABLE: bindings::nvmet_fabrics_ops = bindings::nvmet_fabrics_ops {
        owner: this_module::<T::Module>().as_ptr(),
        type_: T::TRTYPE,
        msdbd: 1,
        queue_response: Some(Self::queue_response),
        add_port: Some(Self::add_port),
        remove_port: Some(Self::remove_port),
        delete_ctrl: Some(Self::delete_ctrl),
        install_queue: Some(Self::install_queue),
        disc_traddr: Some(Self::disc_traddr),
        host_traddr: Some(Self::host_traddr),
        get_mdts: Some(Self::get_mdts),
        ..pin_init::zeroed()
    };

    /// The transport that is registered.
    ///
    /// # Safety
    ///
    /// One of the operations is being called, for the life of the result.
    unsafe fn driver<'a>() -> ArcBorrow<'a, T> {
        let driver = core::ptr::with_exposed_provenance::<T>(DRIVER.load(Acquire));
        // SAFETY: Operations are called only between registering, which sets the pointer first,
        // and the end of `Registration::drop`, which frees it last. It came from `Arc::into_raw`.
        unsafe { ArcBorrow::from_raw(driver) }
    }

    /// # Safety
    ///
    /// `nvmet_enable_port()` calls this with a port that is its own.
    unsafe extern "C" fn add_port(raw: *mut bindings::nvmet_port) -> i32 {
        from_result(|| {
            let raw = NonNull::new(raw).ok_or(EINVAL)?;
            // SAFETY: `remove_port` closes it, or this function does.
            let enabled = unsafe { Enabled::new(raw) }?;
            // Nothing that could fail is done once the transport has added the port.
            let place = KBox::<AddedPort<T>>::new_uninit(GFP_KERNEL)?;
            // SAFETY: By the contract of this function.
            let mut settings = unsafe { Port::<T>::new(&enabled) };
            // SAFETY: This is one of the operations.
            let added = unsafe { Self::driver() }.add_port(&mut settings);
            let port = added.inspect_err(|_| enabled.close())?;
            let added = place.write(AddedPort { port, enabled });
            // SAFETY: `priv` of a port is the transport's.
            unsafe { (*raw.as_ptr()).priv_ = KBox::into_raw(added).cast() };
            Ok(0)
        })
    }

    /// # Safety
    ///
    /// `nvmet_disable_port()` calls this once for a port for which `add_port` succeeded.
    unsafe extern "C" fn remove_port(raw: *mut bindings::nvmet_port) {
        // SAFETY: The port is alive.
        let added = unsafe { (*raw).priv_ }.cast::<AddedPort<T>>();
        // SAFETY: `add_port` has set `priv`, which nobody else uses.
        let AddedPort { port, enabled } = KBox::into_inner(unsafe { KBox::from_raw(added) });
        // SAFETY: This is one of the operations.
        unsafe { Self::driver() }.remove_port(port);
        enabled.close();
    }

    /// # Safety
    ///
    /// The core calls this once for a request that [`Request::execute`] gave it, or inside of
    /// one of the calls that [`Completed::from_core`] knows of.
    ///
    /// [`Request::execute`]: super::command::Request::execute
    unsafe extern "C" fn queue_response(req: *mut bindings::nvmet_req) {
        // SAFETY: The request is valid until it is given back. `sq` was set when it was accepted.
        let sq = unsafe { (*req).sq };
        // SAFETY: By the contract of this function; all requests are in slots.
        if let Some(command) = unsafe { Completed::from_core(req) } {
            // SAFETY: The queue is not dropped before the core, after this returns, lets go of it
            // for the request.
            let owner = unsafe { Inner::<T>::owner(sq) };
            T::completed(owner, command);
        }
    }

    /// # Safety
    ///
    /// The core calls this with a controller that is alive.
    unsafe extern "C" fn delete_ctrl(ctrl: *mut bindings::nvmet_ctrl) {
        // SAFETY: This is one of the operations.
        unsafe { Self::driver() }.delete_ctrl(CtrlId::of(ctrl));
    }

    /// # Safety
    ///
    /// The core calls this while it executes a connect command that came in on `sq`, which it has
    /// connected to a controller.
    unsafe extern "C" fn install_queue(sq: *mut bindings::nvmet_sq) -> u16 {
        // SAFETY: `sq` is alive, and changed by connect commands only, of which this is one.
        let (ctrl, qid) = unsafe { ((*sq).ctrl, (*sq).qid) };
        // SAFETY: The command that is being executed keeps the queue.
        let owner = unsafe { Inner::<T>::owner(sq) };
        // SAFETY: This is one of the operations.
        unsafe { Self::driver() }.install_queue(owner, CtrlId::of(ctrl), qid);
        0
    }

    /// # Safety
    ///
    /// None: it looks at nothing.
    unsafe extern "C" fn get_mdts(_ctrl: *const bindings::nvmet_ctrl) -> u8 {
        T::MDTS
    }

    /// # Safety
    ///
    /// The core calls this while it executes `req`, with the port that it came in on, which may
    /// have been disabled meanwhile, and a buffer of `NVMF_TRADDR_SIZE` bytes.
    unsafe extern "C" fn disc_traddr(
        req: *mut bindings::nvmet_req,
        raw: *mut bindings::nvmet_port,
        out: *mut u8,
    ) {
        // SAFETY: `sq` of a request that is being executed is set, and kept by the request.
        let queue = unsafe { Inner::<T>::owner((*req).sq) };
        // SAFETY: The port is alive as long as the queue, which uses it.
        let given = unsafe { (*raw).disc_addr.traddr };
        // SAFETY: By the contract of this function there is room for as many bytes.
        let out = unsafe { zeroed(out, given.len()) };

        let own = T::discovery_addr(queue).and_then(|addr| print(&addr).ok());
        match own {
            Some(own) => copy_text(own.to_bytes_with_nul(), out),
            None => out.copy_from_slice(&given),
        }
    }

    /// # Safety
    ///
    /// The core calls this with a controller that is alive, and a buffer of `len` bytes.
    unsafe extern "C" fn host_traddr(
        ctrl: *mut bindings::nvmet_ctrl,
        out: *mut u8,
        len: usize,
    ) -> isize {
        // SAFETY: This is one of the operations.
        let driver = unsafe { Self::driver() };
        let text = driver
            .host_addr(CtrlId::of(ctrl))
            .ok_or(EINVAL)
            .and_then(|addr| print(&addr));
        match text {
            Ok(text) => {
                // SAFETY: By the contract of this function there is room for `len` bytes.
                let out = unsafe { zeroed(out, len) };
                copy_text(text.to_bytes_with_nul(), out);
                text.to_bytes().len() as isize
            }
            Err(error) => error.to_errno() as isize,
        }
    }
}

/// A buffer of C, filled with zeroes: it is on the stack and not initialised, and all of it may go
/// to a host.
///
/// # Safety
///
/// There is room for `len` bytes at `out`, which nobody else uses for `'a`.
unsafe fn zeroed<'a>(out: *mut u8, len: usize) -> &'a mut [u8] {
    // SAFETY: By the contract of this function there is room for them.
    unsafe { out.write_bytes(0, len) };
    // SAFETY: They were just initialised, and by the contract of this function nobody else uses
    // them.
    unsafe { core::slice::from_raw_parts_mut(out, len) }
}

/// The IP address as text, without the port.
fn print(addr: &SockAddr) -> Result<CString> {
    let ip = addr.ip().ok_or(EAFNOSUPPORT)?;
    CString::try_from_fmt(fmt!("{}", format_args!("{ip}")))
}

/// Copies text with its NUL, or what fits.
fn copy_text(text: &[u8], out: &mut [u8]) {
    for (to, from) in out.iter_mut().zip(text) {
        *to = *from;
    }
    if let Some(last) = out.last_mut() {
        *last = 0;
    }
}
