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
        },
        Arc, //
    },
    types::Opaque, //
};

use super::{
    options::Options,
    request::{
        Info,
        RecvRequest,
        SendRequest, //
    },
    status::Failure,
    transport::Registry, //
};
use crate::{
    abstractions::net::address::SockAddr,
    bindings, //
};

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

/// The command of a request that has timed out.
pub(crate) struct Expired<'a> {
    /// The tag of the request.
    pub(crate) tag: i32,
    /// The command identifier: the tag, and a generation.
    pub(crate) command_id: u16,
    /// The opcode.
    pub(crate) opcode: u8,
    /// The name of the command.
    pub(crate) name: &'a CStr,
}

/// What the block layer does with a request that has timed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TimedOut {
    /// It is completed: the transport has stopped its queue.
    Complete,
    /// It gets more time: something is under way that ends it.
    Wait,
}

/// A fabrics transport, seen from one of its controllers.
///
/// All functions may sleep unless they say otherwise.
pub(crate) trait Controller: Sized + Send + Sync + 'static {
    /// The module that this is part of.
    type Module: kernel::ModuleMetadata;

    /// What all controllers share.
    type Context: Send + Sync + 'static;

    /// A queue, the admin queue being number 0.
    type Queue: Send + Sync + 'static;

    /// What the sending side keeps for each request.
    type Send: Default + Send;

    /// What the receiving side keeps for each request.
    type Recv: Default + Send;

    /// What the receiving side tells the sending side when the peer wants more data.
    type Grant: Copy + Default + Send;

    /// The most data that a command has, in bytes, even if the controller names no limit.
    const MAX_DATA: u32;

    /// The name of the transport, as users write it.
    const NAME: &'static CStr;

    /// The controllers of this transport.
    fn registry() -> &'static Registry<Self>;

    /// The port to connect to if the user names none.
    fn default_port(options: &Options) -> &'static CStr;

    /// Makes the transport's part of a controller, without connecting.
    fn new(context: &Self::Context, options: &Options) -> Result<Self>;

    /// The queue with number `qid`.
    fn queue(&self, qid: usize) -> Option<&Arc<Self::Queue>>;

    /// Connects the queues and makes the controller live; `new` if it never was.
    fn set_up(ctrl: &Ctrl<Self>, new: bool) -> core::result::Result<(), Failure>;

    /// Tears the connections down, after an error, and sees to it that they are made again.
    fn recover(ctrl: &Ctrl<Self>);

    /// Tries to make the connections again.
    fn reconnect(ctrl: &Ctrl<Self>);

    /// Tears the connections down in an orderly way, and makes them again.
    fn reset(ctrl: &Ctrl<Self>);

    /// Tears the connections down in an orderly way, for good.
    fn delete(ctrl: &Ctrl<Self>);

    /// Sends an Asynchronous Event Request.
    fn submit_async_event(ctrl: &Ctrl<Self>);

    /// The address that the admin queue is connected from.
    fn source_address(ctrl: &Ctrl<Self>) -> Option<SockAddr>;

    /// Whether the queue is connected. Does not sleep.
    fn is_live(queue: &Self::Queue) -> bool;

    /// Fills in what the transport has to say in the submission queue entry, and what its sending
    /// side begins with. There is no handle yet.
    fn prepare(queue: &Self::Queue, info: &Info, entry: &mut [u8; 64], state: &mut Self::Send);

    /// Takes a request to send; `last` if no other follows at once.
    fn queue_rq(queue: &Arc<Self::Queue>, request: SendRequest<Self>, last: bool);

    /// Says that no other request follows those of which none was `last`.
    fn commit_rqs(queue: &Arc<Self::Queue>);

    /// How many requests have been completed since the last call. Does not sleep.
    fn poll(queue: &Arc<Self::Queue>) -> u32;

    /// Deals with a request that has timed out.
    fn timed_out(ctrl: &Ctrl<Self>, queue: &Arc<Self::Queue>, command: &Expired<'_>) -> TimedOut;
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
    /// [`T::timed_out`](Controller::timed_out), for a C function that does not know `T`.
    pub(super) timeout: unsafe fn(*mut kernel_bindings::request) -> u32,
    #[pin]
    pub(super) admin_tag_set: Opaque<kernel_bindings::blk_mq_tag_set>,
    #[pin]
    pub(super) io_tag_set: Opaque<kernel_bindings::blk_mq_tag_set>,
    #[pin]
    pub(super) recovery: Opaque<kernel_bindings::work_struct>,
    #[pin]
    pub(super) reconnection: Opaque<kernel_bindings::delayed_work>,
    /// How many I/O queues there are of each type. Changed by whoever sets the controller up.
    pub(super) io_queues: UnsafeCell<[u32; 3]>,
    /// Whether the controller, once created, owns its options.
    pub(super) created: Atomic<bool>,
    data: T,
}

// SAFETY: The core's part is made to be used from any task; the transport's part is `Send`.
unsafe impl<T: Controller> Send for Ctrl<T> {}
// SAFETY: As above, and `Sync`. `io_queues` is changed only while nobody reads it.
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
                // SAFETY: `raw` is a place for a controller. Zeroes are what C starts from.
                unsafe {
                    raw.write_bytes(0, 1);
                    (*raw).opts = options.as_raw();
                    (*raw).queue_count = options
                        .nr_io_queues()
                        .saturating_add(options.nr_write_queues())
                        .saturating_add(options.nr_poll_queues())
                        .saturating_add(1);
                    // The core bounds the queue size to 16..=1024.
                    (*raw).sqsize = options.queue_size().saturating_sub(1) as u16;
                    (*raw).kato = options.kato();
                    // The core lowers it to what the controller says.
                    (*raw).max_hw_sectors = T::MAX_DATA >> bindings::SECTOR_SHIFT;
                }
            }),
            timeout: super::blk_mq::timed_out::<T>,
            admin_tag_set <- Opaque::zeroed(),
            io_tag_set <- Opaque::zeroed(),
            recovery <- Opaque::zeroed(),
            reconnection <- Opaque::zeroed(),
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
        // SAFETY: By the contract of this function.
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
        // SAFETY: By the type invariant the device lives as long as the controller.
        unsafe { Device::from_raw((*self.as_raw()).device) }
    }

    /// The options of the connect.
    pub(crate) fn options(&self) -> &Options {
        // SAFETY: By the type invariant.
        unsafe { Options::from_raw((*self.as_raw()).opts) }
    }

    /// The NQN of the subsystem.
    pub(crate) fn subsystem_nqn(&self) -> &CStr {
        // SAFETY: The string lives as long as the controller.
        unsafe { CStr::from_char_ptr(bindings::helper_nvmf_ctrl_subsysnqn(self.as_raw())) }
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
    pub(crate) fn find_request(&self, qid: u16, command_id: u16) -> Option<RecvRequest<'_, T>> {
        let (set, index) = match qid.checked_sub(1) {
            None => (self.admin_tag_set.get(), 0),
            Some(index) => (self.io_tag_set.get(), u32::from(index)),
        };
        // SAFETY: The tag set is allocated before a queue receives, and freed after that.
        unsafe {
            if index >= (*set).nr_hw_queues || (*set).tags.is_null() {
                return None;
            }
            let tags = *(*set).tags.add(index as usize);
            if tags.is_null() {
                return None;
            }
            RecvRequest::find(tags, command_id)
        }
    }

    /// Whether responses to `command_id` on queue `qid` are asynchronous events.
    pub(crate) fn is_async_event(qid: u16, command_id: u16) -> bool {
        // The upper four bits of an identifier are a generation, the others the tag.
        qid == 0 && u32::from(command_id & 0xfff) >= bindings::NVME_AQ_BLK_MQ_DEPTH
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
