// SPDX-License-Identifier: GPL-2.0

//! Controllers of the NVMe host core, for fabrics transports.
//!
//! C headers: [`drivers/nvme/host/nvme.h`](srctree/drivers/nvme/host/nvme.h),
//! [`drivers/nvme/host/fabrics.h`](srctree/drivers/nvme/host/fabrics.h)

use core::{
    cell::UnsafeCell,
    ops::Deref,
    ptr::NonNull, //
};

use kernel::{
    bindings as kernel_bindings,
    device::Device,
    prelude::*,
    sync::{
        aref::{
            ARef,
            AlwaysRefCounted, //
        },
        atomic::{
            ordering::{
                Acquire,
                Release, //
            },
            Atomic, //
        }, //
    },
    types::Opaque,
    workqueue::{
        new_delayed_work,
        new_work,
        DelayedWork,
        Work, //
    }, //
};

use super::{
    attributes::{
        figure,
        Figure, //
    },
    ctrl_ops::Controller,
    ctrl_work::{
        self,
        RECONNECTION,
        RECOVERY, //
    },
    options::Options,
    request::RecvRequest,
    timeout::timed_out, //
};
use crate::bindings;

/// The state of a controller (`enum nvme_ctrl_state`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Made, not used yet.
    New,
    /// Serves I/O.
    Live,
    /// Its connections are being torn down.
    Resetting,
    /// Its connections are being made.
    Connecting,
    /// It is being removed, or dead.
    Deleting,
}

/// A controller: the core's part, tag sets and works, and the transport's part.
///
/// # Invariants
///
/// - `raw` is initialised by `nvme_init_ctrl`, and its reference count keeps the whole alive.
/// - `options` of `raw` are valid.
#[repr(C)]
#[pin_data]
pub(crate) struct Ctrl<T: Controller> {
    #[pin]
    raw: Opaque<bindings::nvme_ctrl>,
    /// [`timed_out`] and [`figure`] for `T`, for C functions that do not know it. They stand where
    /// [`Head`] says.
    timed_out: unsafe fn(*mut kernel_bindings::request) -> u32,
    figure: unsafe fn(*mut bindings::nvme_ctrl, Figure) -> u32,
    #[pin]
    pub(super) admin_tag_set: Opaque<kernel_bindings::blk_mq_tag_set>,
    #[pin]
    pub(super) io_tag_set: Opaque<kernel_bindings::blk_mq_tag_set>,
    #[pin]
    pub(super) recovery: Work<Self, RECOVERY>,
    #[pin]
    pub(super) reconnection: DelayedWork<Self, RECONNECTION>,
    /// How many I/O queues there are of each type. Changed by whoever sets the controller up.
    pub(super) io_queues: UnsafeCell<[u32; 3]>,
    /// Whether the controller, once created, owns its options.
    pub(super) created: Atomic<bool>,
    data: T,
}

/// The beginning of every `Ctrl<T>`.
#[repr(C)]
pub(super) struct Head {
    raw: bindings::nvme_ctrl,
    pub(super) timed_out: unsafe fn(*mut kernel_bindings::request) -> u32,
    pub(super) figure: unsafe fn(*mut bindings::nvme_ctrl, Figure) -> u32,
}

// SAFETY: The core's part is made to be used from any task; the transport's part is `Send`.
unsafe impl<T: Controller> Send for Ctrl<T> {}
// SAFETY: The core's part is made to be used by several tasks; the transport's part is `Sync`, and
// `io_queues` is changed only while nobody reads it.
unsafe impl<T: Controller> Sync for Ctrl<T> {}

impl<T: Controller> Deref for Ctrl<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.data
    }
}

// SAFETY: The device of a controller counts references, and frees it through `free_ctrl`.
unsafe impl<T: Controller> AlwaysRefCounted for Ctrl<T> {
    fn inc_ref(&self) {
        // SAFETY: `self` is alive.
        unsafe { bindings::helper_nvme_get_ctrl(self.as_raw()) };
    }

    unsafe fn dec_ref(this: NonNull<Self>) {
        // SAFETY: By the contract of this function the caller gives up a reference of its own;
        // `raw` is the first field.
        unsafe { bindings::helper_nvme_put_ctrl(this.cast().as_ptr()) };
    }
}

impl<T: Controller> Ctrl<T> {
    /// Prepares the memory of a controller; `nvme_init_ctrl` comes next.
    pub(super) fn init(options: &Options, data: T) -> impl PinInit<Self> + use<'_, T> {
        pin_init!(Self {
            raw <- Opaque::ffi_init(|raw: *mut bindings::nvme_ctrl| {
                // SAFETY: `raw` is a place for a controller.
                unsafe { raw.write_bytes(0, 1) };
                // SAFETY: Nobody else has the place. Zeroes are what C starts from.
                let ctrl = unsafe { &mut *raw };
                ctrl.opts = options.as_raw();
                ctrl.queue_count = options
                    .nr_io_queues()
                    .saturating_add(options.nr_write_queues())
                    .saturating_add(options.nr_poll_queues())
                    .saturating_add(1);
                // The core bounds the queue size to 16..=1024.
                ctrl.sqsize = options.queue_size().saturating_sub(1) as u16;
                ctrl.kato = options.kato();
                // The core lowers it to what the controller says.
                ctrl.max_hw_sectors = T::MAX_DATA >> bindings::SECTOR_SHIFT;
                ctrl_work::init_reset_work::<T>(&mut ctrl.reset_work);
            }),
            timed_out: timed_out::<T::Queue>,
            figure: figure::<T>,
            admin_tag_set <- Opaque::zeroed(),
            io_tag_set <- Opaque::zeroed(),
            recovery <- new_work!("nvme_mptcp::Ctrl::recovery"),
            reconnection <- new_delayed_work!("nvme_mptcp::Ctrl::reconnection"),
            io_queues: UnsafeCell::new([0; 3]),
            created: Atomic::new(false),
            data,
        })
    }

    /// The controller that the core's part belongs to.
    ///
    /// # Safety
    ///
    /// `raw` is the first field of a `Ctrl<T>` that is valid for `'a`.
    pub(super) unsafe fn from_raw<'a>(raw: *mut bindings::nvme_ctrl) -> &'a Self {
        // SAFETY: By the contract of this function it points to a `Ctrl<T>`, the first field being
        // at the address of the whole.
        unsafe { &*raw.cast() }
    }

    /// The core's part.
    pub(super) fn as_raw(&self) -> *mut bindings::nvme_ctrl {
        self.raw.get()
    }

    /// A reference of one's own.
    pub(crate) fn to_ref(&self) -> ARef<Self> {
        self.into()
    }

    /// The device, for messages.
    pub(crate) fn device(&self) -> &Device {
        // SAFETY: The controller is valid, and the field set by `nvme_init_ctrl`.
        let device = unsafe { (*self.as_raw()).device };
        // SAFETY: By the type invariant the device lives as long as the controller.
        unsafe { Device::from_raw(device) }
    }

    /// The number of the controller, as in `nvme0`.
    pub(crate) fn instance(&self) -> u32 {
        // SAFETY: The controller is valid, and the field does not change.
        unsafe { (*self.as_raw()).instance as u32 }
    }

    /// The options of the connect.
    pub(crate) fn options(&self) -> &Options {
        // SAFETY: The controller is valid, and the field does not change.
        let options = unsafe { (*self.as_raw()).opts };
        // SAFETY: By the type invariant the options are valid.
        unsafe { Options::from_raw(options) }
    }

    /// The NQN of the subsystem.
    pub(crate) fn subsystem_nqn(&self) -> &CStr {
        // SAFETY: The controller is valid, and has options.
        let nqn = unsafe { bindings::helper_nvmf_ctrl_subsysnqn(self.as_raw()) };
        // SAFETY: The string lives as long as the controller.
        unsafe { CStr::from_char_ptr(nqn) }
    }

    /// The state at this moment. Does not sleep.
    pub(crate) fn state(&self) -> State {
        // SAFETY: The controller is valid.
        match unsafe { bindings::helper_nvme_ctrl_state(self.as_raw()) } {
            bindings::nvme_ctrl_state_NVME_CTRL_NEW => State::New,
            bindings::nvme_ctrl_state_NVME_CTRL_LIVE => State::Live,
            bindings::nvme_ctrl_state_NVME_CTRL_RESETTING => State::Resetting,
            bindings::nvme_ctrl_state_NVME_CTRL_CONNECTING => State::Connecting,
            _ => State::Deleting,
        }
    }

    /// Goes to another state; `false` if the core does not allow that from the current one. From
    /// any context.
    pub(crate) fn change_state(&self, state: State) -> bool {
        let state = match state {
            State::New => bindings::nvme_ctrl_state_NVME_CTRL_NEW,
            State::Live => bindings::nvme_ctrl_state_NVME_CTRL_LIVE,
            State::Resetting => bindings::nvme_ctrl_state_NVME_CTRL_RESETTING,
            State::Connecting => bindings::nvme_ctrl_state_NVME_CTRL_CONNECTING,
            State::Deleting => bindings::nvme_ctrl_state_NVME_CTRL_DELETING,
        };
        // SAFETY: The controller is valid.
        unsafe { bindings::nvme_change_ctrl_state(self.as_raw(), state) }
    }

    /// Finds the request in flight on queue `qid` that has `command_id`, unless somebody receives
    /// for it at the moment. Does not sleep.
    pub(crate) fn find_request(
        &self,
        qid: u16,
        command_id: u16,
    ) -> Option<RecvRequest<'_, T::Queue>> {
        let (set, index) = self.tag_set_of(qid);
        // SAFETY: The tag set is part of the controller.
        let count = unsafe { (*set).nr_hw_queues };
        // SAFETY: The tag set is part of the controller.
        let all = unsafe { (*set).tags };
        if index >= count || all.is_null() {
            return None;
        }
        // SAFETY: The tag set is allocated before a queue receives, and freed after that. The array
        // has an entry for each of its queues.
        let tags = unsafe { *all.wrapping_add(index as usize) };
        if tags.is_null() {
            return None;
        }
        // SAFETY: They are the tags of a queue of `self`, which stay as long as the queue receives.
        unsafe { RecvRequest::find(tags, command_id) }
    }

    /// The tag set that queue `qid` belongs to, and the queue's index there.
    pub(super) fn tag_set_of(&self, qid: u16) -> (*mut kernel_bindings::blk_mq_tag_set, u32) {
        match qid.checked_sub(1) {
            None => (self.admin_tag_set.get(), 0),
            Some(index) => (self.io_tag_set.get(), u32::from(index)),
        }
    }

    /// The command identifier of Asynchronous Event Requests.
    pub(crate) const ASYNC_EVENT_COMMAND_ID: u16 = bindings::NVME_AQ_BLK_MQ_DEPTH as u16;

    /// Reports an asynchronous event; `status` and `result` as in [`RecvRequest::complete`].
    pub(crate) fn complete_async_event(&self, status: u16, result: [u8; 8]) {
        let mut result = bindings::nvme_completion_nvme_result {
            bindgen_union_field: u64::from_ne_bytes(result),
            ..Default::default()
        };
        // SAFETY: The controller is valid; C copies the result.
        unsafe { bindings::nvme_complete_async_event(self.as_raw(), status.to_le(), &mut result) };
    }

    /// Marks the controller as created: from now on it frees its options.
    pub(super) fn set_created(&self) {
        self.created.store(true, Release);
    }

    /// Whether the controller was created.
    pub(super) fn is_created(&self) -> bool {
        self.created.load(Acquire)
    }
}
