// SPDX-License-Identifier: GPL-2.0

//! Registering a transport with the NVMe core, and making its controllers.
//!
//! C header: [`drivers/nvme/host/fabrics.h`](srctree/drivers/nvme/host/fabrics.h)

use core::ptr::NonNull;

use kernel::{
    bindings as kernel_bindings,
    error::to_result,
    new_condvar,
    new_mutex,
    prelude::*,
    sync::{
        aref::ARef,
        Arc,
        ArcBorrow,
        CondVar,
        Mutex, //
    },
    types::Opaque,
    ModuleMetadata, //
};

use super::{
    ctrl::{
        Ctrl,
        State, //
    },
    ctrl_ops::{
        ctrl_ops,
        Controller, //
    },
    options::Options,
    status::Failure, //
};
use crate::{
    abstractions::registered::Registered,
    bindings, //
};

/// The options that a transport over IP understands.
const ALLOWED_OPTIONS: u32 = bindings::NVMF_OPT_TRSVCID
    | bindings::NVMF_OPT_RECONNECT_DELAY
    | bindings::NVMF_OPT_HOST_TRADDR
    | bindings::NVMF_OPT_CTRL_LOSS_TMO
    | bindings::NVMF_OPT_HDR_DIGEST
    | bindings::NVMF_OPT_DATA_DIGEST
    | bindings::NVMF_OPT_NR_WRITE_QUEUES
    | bindings::NVMF_OPT_NR_POLL_QUEUES
    | bindings::NVMF_OPT_TOS
    | bindings::NVMF_OPT_HOST_IFACE
    | bindings::NVMF_OPT_TLS
    | bindings::NVMF_OPT_KEYRING
    | bindings::NVMF_OPT_TLS_KEY
    | bindings::NVMF_OPT_CONCAT;

/// A fabrics transport of the host (`struct nvmf_transport_ops`).
#[vtable]
pub(crate) trait Transport: Sized + Send + Sync + 'static {
    /// The module that this is part of.
    type Module: ModuleMetadata;

    /// The transport's part of a controller.
    type Controller: Controller<Transport = Self>;

    /// The name of the transport, as users write it.
    const NAME: &'static CStr;

    /// The port to connect to if the user names none. Does not sleep.
    fn default_port(options: &Options) -> &'static CStr;

    /// Makes the transport's part of a controller, without connecting. May sleep.
    ///
    /// # Errors
    ///
    /// What is wrong with the options; `ENOMEM`.
    fn create_ctrl(&self, options: &Options) -> Result<Self::Controller>;
}

/// A transport that is registered until this is dropped, which removes its controllers.
///
/// # Invariants
///
/// `ops` of what is registered are registered with the core.
pub(crate) struct Registration<T: Transport>(Registered<Shared<T>>);

impl<T: Transport> Registration<T> {
    /// Registers a transport. May sleep.
    ///
    /// # Errors
    ///
    /// `EBUSY` if the module has registered one; `EINVAL` if the core does not take it; `ENOMEM`.
    pub(crate) fn new(transport: Arc<T>) -> Result<Self> {
        let shared = Arc::pin_init(
            pin_init!(Shared::<T> {
                transport,
                ops: Opaque::new(bindings::nvmf_transport_ops {
                    name: T::NAME.as_char_ptr(),
                    module: <T::Module as ModuleMetadata>::THIS_MODULE.as_ptr(),
                    required_opts: bindings::NVMF_OPT_TRADDR as i32,
                    allowed_opts: ALLOWED_OPTIONS as i32,
                    create_ctrl: Some(create_ctrl::<T>),
                    entry: Default::default(),
                }),
                ctrls <- new_mutex!(KVec::new(), "nvme_mptcp::Shared::ctrls"),
                count <- new_mutex!(0, "nvme_mptcp::Shared::count"),
                counted <- new_condvar!("nvme_mptcp::Shared::counted"),
            }),
            GFP_KERNEL,
        )?;
        let registered = Registered::new(shared)?;
        // SAFETY: The operations stay where they are until `drop` has unregistered them, and when
        // they are called the transport is there.
        to_result(unsafe { bindings::nvmf_register_transport(registered.ops.get()) })?;
        // INVARIANT: Just established.
        Ok(Self(registered))
    }
}

impl<T: Transport> Drop for Registration<T> {
    fn drop(&mut self) {
        // SAFETY: By the invariant they are registered. C waits for a create that is under way.
        unsafe { bindings::nvmf_unregister_transport(self.0.ops.get()) };
        self.0.delete_all();
    }
}

/// A transport that is registered, and its controllers.
#[pin_data]
pub(super) struct Shared<T: Transport> {
    transport: Arc<T>,
    ops: Opaque<bindings::nvmf_transport_ops>,
    /// Controllers that were created and not freed. The pointers do not count as references.
    #[pin]
    ctrls: Mutex<KVec<CtrlPtr<T>>>,
    /// How many controllers the core has a reference to, or somebody else.
    #[pin]
    count: Mutex<usize>,
    /// Tells of each change of `count`.
    #[pin]
    counted: CondVar,
}

// SAFETY: Any task may register the operations, and unregister them.
unsafe impl<T: Transport> Send for Shared<T> {}
// SAFETY: The core alone uses the operations; what else there is may be shared.
unsafe impl<T: Transport> Sync for Shared<T> {}

/// A controller that is in the list.
struct CtrlPtr<T: Transport>(NonNull<Ctrl<T::Controller>>);

// SAFETY: A controller may be used from any task.
unsafe impl<T: Transport> Send for CtrlPtr<T> {}

impl<T: Transport> Shared<T> {
    /// The transport that is registered.
    ///
    /// # Safety
    ///
    /// The core calls one of the functions of the transport, or of one of its controllers, for the
    /// life of the result.
    pub(super) unsafe fn get<'a>() -> ArcBorrow<'a, Self> {
        // SAFETY: Such calls come only between registering, before which the transport can be
        // found, and the end of `Registration::drop`, which waits until there is no controller.
        unsafe { Registered::get() }
    }

    /// Whether a controller serves what `options` ask for.
    fn has_match(&self, options: &Options) -> bool {
        // SAFETY: Controllers are alive while they are in the list.
        let matches = |ctrl: &CtrlPtr<T>| unsafe { ctrl.0.as_ref() }.matches(options);
        self.ctrls.lock().iter().any(matches)
    }

    fn add(&self, ctrl: &Ctrl<T::Controller>) -> Result {
        Ok(self.ctrls.lock().push(CtrlPtr(ctrl.into()), GFP_KERNEL)?)
    }

    /// Forgets a controller that is about to be freed.
    pub(super) fn forget(&self, ctrl: &Ctrl<T::Controller>) {
        self.ctrls
            .lock()
            .retain(|other| !core::ptr::eq(other.0.as_ptr(), ctrl));
    }

    /// Notes that a controller has been freed. The last that is done for it.
    pub(super) fn freed(&self) {
        self.count(|count| count.saturating_sub(1));
    }

    fn count(&self, change: impl FnOnce(usize) -> usize) {
        let mut count = self.count.lock();
        *count = change(*count);
        self.counted.notify_all();
    }

    /// Removes all controllers, and waits until they have been freed. One that is being removed
    /// already may be in the hands of another task (`delete_controller` in sysfs), and whoever made
    /// one has a reference as long as its file is open.
    fn delete_all(&self) {
        for ctrl in self.ctrls.lock().iter() {
            // SAFETY: Controllers are alive while they are in the list.
            unsafe { ctrl.0.as_ref() }.remove();
        }
        let mut count = self.count.lock();
        while *count > 0 {
            self.counted.wait(&mut count);
        }
        drop(count);
        // SAFETY: This task may sleep. The task that has freed the last controller may still be on
        // its way out of this module; afterwards it is not.
        unsafe { bindings::helper_synchronize_rcu_tasks() };
    }
}

/// Makes the memory of a controller and registers it with the core.
///
/// # Safety
///
/// `dev` is the device that the core wants as parent, and nobody else uses `options`.
unsafe fn alloc_ctrl<T: Transport>(
    dev: *mut kernel_bindings::device,
    shared: &Shared<T>,
    options: &Options,
) -> Result<ARef<Ctrl<T::Controller>>> {
    if options.trsvcid().is_none() {
        // SAFETY: There is none, and by the contract of this function nobody uses the options.
        unsafe { options.set_trsvcid(T::default_port(options)) }?;
    }
    let data = shared.transport.create_ctrl(options)?;
    if !options.duplicate_connect() && shared.has_match(options) {
        return Err(EALREADY);
    }

    let ctrl = KBox::pin_init(Ctrl::init(options, data), GFP_KERNEL)?;
    // SAFETY: What is pinned stays where it is until `free_ctrl` drops it.
    let ctrl = KBox::into_raw(unsafe { Pin::into_inner_unchecked(ctrl) });
    let ops = ctrl_ops::<T::Controller>();
    // SAFETY: The first field is the core's; the operations are static.
    to_result(unsafe { bindings::nvme_init_ctrl(ctrl.cast(), dev, ops, 0) }).inspect_err(|_| {
        // SAFETY: The core has not taken the controller; it came from `KBox::into_raw` above.
        drop(unsafe { KBox::from_raw(ctrl) });
    })?;
    shared.count(|count| count.saturating_add(1));
    // SAFETY: `KBox::into_raw` does not return null.
    let ctrl = unsafe { NonNull::new_unchecked(ctrl) };
    // SAFETY: The core has made one reference, for the caller of `nvme_init_ctrl`.
    Ok(unsafe { ARef::from_raw(ctrl) })
}

/// Sets a controller up that the core knows.
fn set_up<T: Transport>(shared: &Shared<T>, ctrl: &Ctrl<T::Controller>) -> Result {
    // SAFETY: The controller has been initialised.
    Failure::check(unsafe { bindings::nvme_add_ctrl(ctrl.as_raw()) }).map_err(Failure::to_error)?;

    let done = shared.add(ctrl).and_then(|()| {
        if ctrl.change_state(State::Connecting) {
            T::Controller::set_up(ctrl).map_err(Failure::to_error)
        } else {
            Err(EINTR)
        }
    });
    if done.is_err() {
        shared.forget(ctrl);
        // SAFETY: The controller has been added.
        unsafe { bindings::nvme_uninit_ctrl(ctrl.as_raw()) };
    }
    done
}

/// # Safety
///
/// Called by the core for a registered transport, with options that stay valid, and that belong to
/// the controller if one is returned.
unsafe extern "C" fn create_ctrl<T: Transport>(
    dev: *mut kernel_bindings::device,
    options: *mut bindings::nvmf_ctrl_options,
) -> *mut bindings::nvme_ctrl {
    let create = || -> Result<ARef<Ctrl<T::Controller>>> {
        // SAFETY: This is one of the functions of the transport.
        let shared = unsafe { Shared::<T>::get() };
        // SAFETY: By the contract of this function the options are valid.
        let options = unsafe { Options::from_raw(options) };
        // SAFETY: By the contract of this function the device is the one that the core wants, and
        // the options are not used by anybody else.
        let ctrl = unsafe { alloc_ctrl::<T>(dev, &shared, options) }?;
        set_up(&shared, &ctrl)?;
        ctrl.set_created();
        Ok(ctrl)
    };
    match create() {
        // The core takes over the reference.
        Ok(ctrl) => ARef::into_raw(ctrl).cast().as_ptr(),
        Err(error) => error.to_ptr(),
    }
}
