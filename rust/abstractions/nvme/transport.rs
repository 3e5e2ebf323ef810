// SPDX-License-Identifier: GPL-2.0

//! Registering a transport with the NVMe core, and making its controllers.
//!
//! C header: [`drivers/nvme/host/fabrics.h`](srctree/drivers/nvme/host/fabrics.h)

use core::{
    marker::PhantomData,
    ptr::NonNull, //
};

use kernel::{
    bindings as kernel_bindings,
    new_condvar,
    new_mutex,
    prelude::*,
    sync::{
        aref::ARef,
        atomic::{
            ordering::{
                Acquire,
                Release, //
            },
            Atomic, //
        },
        CondVar,
        Mutex, //
    },
    types::Opaque, //
};

use super::{
    ctrl::{
        Controller,
        Ctrl,
        State, //
    },
    ctrl_ops::ctrl_ops,
    options::Options,
    status::Failure, //
};
use crate::bindings;

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

/// The controllers of a transport, and what they share. There is one, in a `static`.
///
/// # Invariants
///
/// The pointer is null or came from `KBox::into_raw`, and is valid while the transport is
/// registered.
pub(crate) struct Registry<T: Controller> {
    shared: Atomic<*mut Shared<T>>,
}

/// What a [`Registry`] points to.
#[pin_data]
struct Shared<T: Controller> {
    context: T::Context,
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

struct CtrlPtr<T: Controller>(NonNull<Ctrl<T>>);

// SAFETY: A controller may be used from any task.
unsafe impl<T: Controller> Send for CtrlPtr<T> {}

impl<T: Controller> Registry<T> {
    /// A registry without a transport.
    pub(crate) const fn new() -> Self {
        // INVARIANT: Null.
        Self {
            shared: Atomic::new(core::ptr::null_mut()),
        }
    }

    /// Forgets a controller that is about to be freed.
    pub(super) fn forget(&self, ctrl: &Ctrl<T>) {
        if let Some(shared) = self.shared() {
            shared.forget(ctrl);
        }
    }

    /// Notes that a controller has been freed. The last that is done for it.
    pub(super) fn freed(&self) {
        if let Some(shared) = self.shared() {
            shared.count(|count| count.saturating_sub(1));
        }
    }

    fn shared(&self) -> Option<&Shared<T>> {
        // SAFETY: By the type invariant; callers are functions of a registered transport.
        unsafe { self.shared.load(Acquire).as_ref() }
    }
}

impl<T: Controller> Shared<T> {
    /// Whether a controller serves what `options` ask for.
    fn has_match(&self, options: &Options) -> bool {
        // SAFETY: Controllers are alive while they are in the list.
        let matches = |ctrl: &CtrlPtr<T>| unsafe { ctrl.0.as_ref() }.matches(options);
        self.ctrls.lock().iter().any(matches)
    }

    fn add(&self, ctrl: &Ctrl<T>) -> Result {
        Ok(self.ctrls.lock().push(CtrlPtr(ctrl.into()), GFP_KERNEL)?)
    }

    fn forget(&self, ctrl: &Ctrl<T>) {
        self.ctrls
            .lock()
            .retain(|other| !core::ptr::eq(other.0.as_ptr(), ctrl));
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

/// A transport that is registered until this is dropped, which removes its controllers.
#[pin_data(PinnedDrop)]
pub(crate) struct Registration<T: Controller> {
    #[pin]
    ops: Opaque<bindings::nvmf_transport_ops>,
    _transport: PhantomData<T>,
}

// SAFETY: Registering and unregistering may happen in different tasks.
unsafe impl<T: Controller> Send for Registration<T> {}
// SAFETY: Nothing can be done with a shared reference.
unsafe impl<T: Controller> Sync for Registration<T> {}

impl<T: Controller> Registration<T> {
    /// Registers the transport. May sleep.
    ///
    /// # Errors
    ///
    /// `EBUSY` if it is registered already, `ENOMEM`.
    pub(crate) fn new(context: T::Context) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            ops <- Opaque::try_ffi_init(|ops: *mut bindings::nvmf_transport_ops| {
                let registry = T::registry();
                if registry.shared().is_some() {
                    return Err(EBUSY);
                }
                let shared = KBox::pin_init(
                    pin_init!(Shared::<T> {
                        context,
                        ctrls <- new_mutex!(KVec::new(), "nvme_mptcp::Registry::ctrls"),
                        count <- new_mutex!(0, "nvme_mptcp::Registry::count"),
                        counted <- new_condvar!("nvme_mptcp::Registry::counted"),
                    }),
                    GFP_KERNEL,
                )?;
                // SAFETY: What is pinned stays where it is until it is dropped in `drop`.
                let shared = KBox::into_raw(unsafe { Pin::into_inner_unchecked(shared) });
                // INVARIANT: From `KBox::into_raw`; dropped after unregistering.
                registry.shared.store(shared, Release);

                // SAFETY: `ops` is a place for the operations, which stay until they are
                // unregistered.
                let ret = unsafe {
                    ops.write(bindings::nvmf_transport_ops {
                        name: T::NAME.as_char_ptr(),
                        module: <T::Module as kernel::ModuleMetadata>::THIS_MODULE.as_ptr(),
                        required_opts: bindings::NVMF_OPT_TRADDR as i32,
                        allowed_opts: ALLOWED_OPTIONS as i32,
                        create_ctrl: Some(create_ctrl::<T>),
                        entry: Default::default(),
                    });
                    bindings::nvmf_register_transport(ops)
                };
                if ret != 0 {
                    registry.shared.store(core::ptr::null_mut(), Release);
                    // SAFETY: From `KBox::into_raw` above, and nobody else has it.
                    drop(unsafe { KBox::from_raw(shared) });
                    return Err(Error::from_errno(ret));
                }
                Ok(())
            }),
            _transport: PhantomData,
        })
    }
}

#[pinned_drop]
impl<T: Controller> PinnedDrop for Registration<T> {
    fn drop(self: Pin<&mut Self>) {
        let registry = T::registry();
        // SAFETY: Registered by `new`. C waits for a create that is under way.
        unsafe { bindings::nvmf_unregister_transport(self.ops.get()) };
        if let Some(shared) = registry.shared() {
            shared.delete_all();
        }
        let shared = registry.shared.load(Acquire);
        registry.shared.store(core::ptr::null_mut(), Release);
        // SAFETY: From `KBox::into_raw` in `new`. No controller is left that could use it, and
        // none can be created.
        drop(unsafe { KBox::from_raw(shared) });
    }
}

/// Makes the memory of a controller and registers it with the core.
///
/// # Safety
///
/// `dev` is the device that the core wants as parent, and nobody else uses `options`.
unsafe fn alloc_ctrl<T: Controller>(
    dev: *mut kernel_bindings::device,
    shared: &Shared<T>,
    options: &Options,
) -> Result<ARef<Ctrl<T>>> {
    if options.trsvcid().is_none() {
        // SAFETY: There is none, and by the contract of this function nobody uses the options.
        unsafe { options.set_trsvcid(T::default_port(options)) }?;
    }
    let data = T::new(&shared.context, options)?;
    if !options.duplicate_connect() && shared.has_match(options) {
        return Err(EALREADY);
    }

    let ctrl = KBox::pin_init(Ctrl::init(options, data), GFP_KERNEL)?;
    // SAFETY: Nobody else has the controller yet.
    unsafe { ctrl.init_works() };
    // SAFETY: What is pinned stays where it is until `free_ctrl` drops it.
    let ctrl = KBox::into_raw(unsafe { Pin::into_inner_unchecked(ctrl) });
    // SAFETY: The first field is the core's; the operations are static.
    let ret = unsafe { bindings::nvme_init_ctrl(ctrl.cast(), dev, ctrl_ops::<T>(), 0) };
    if ret != 0 {
        // SAFETY: The core has not taken the controller; from `KBox::into_raw` above.
        drop(unsafe { KBox::from_raw(ctrl) });
        return Err(Error::from_errno(ret));
    }
    shared.count(|count| count.saturating_add(1));
    // SAFETY: The core has made one reference, for the caller of `nvme_init_ctrl`.
    Ok(unsafe { ARef::from_raw(NonNull::new_unchecked(ctrl)) })
}

/// Sets a controller up that the core knows.
fn set_up<T: Controller>(shared: &Shared<T>, ctrl: &Ctrl<T>) -> Result {
    // SAFETY: The controller has been initialised.
    Failure::check(unsafe { bindings::nvme_add_ctrl(ctrl.as_raw()) }).map_err(Failure::to_error)?;

    let done = shared.add(ctrl).and_then(|()| {
        if ctrl.change_state(State::Connecting) {
            T::set_up(ctrl, true).map_err(Failure::to_error)
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
unsafe extern "C" fn create_ctrl<T: Controller>(
    dev: *mut kernel_bindings::device,
    options: *mut bindings::nvmf_ctrl_options,
) -> *mut bindings::nvme_ctrl {
    let create = || -> Result<ARef<Ctrl<T>>> {
        let shared = T::registry().shared().ok_or(ENODEV)?;
        // SAFETY: By the contract of this function.
        let ctrl = unsafe { alloc_ctrl::<T>(dev, shared, Options::from_raw(options)) }?;
        set_up(shared, &ctrl)?;
        ctrl.set_created();
        Ok(ctrl)
    };
    match create() {
        // The core takes over the reference.
        Ok(ctrl) => ARef::into_raw(ctrl).cast().as_ptr(),
        Err(error) => error.to_ptr(),
    }
}
