// SPDX-License-Identifier: GPL-2.0

//! The block layer's way into a transport.
//!
//! C header: [`include/linux/blk-mq.h`](srctree/include/linux/blk-mq.h), `struct blk_mq_ops`.

use core::{
    marker::PhantomData,
    mem::ManuallyDrop, //
};

use kernel::{
    bindings as kernel_bindings,
    error::VTABLE_DEFAULT_ERROR,
    prelude::*,
    sync::Arc, //
};

use super::{
    ctrl::Ctrl,
    ctrl_ops::Controller,
    request::{
        Info,
        RequestData,
        SendRequest, //
    },
    timeout::{
        Expired,
        Verdict, //
    }, //
};
use crate::bindings;

/// A queue of a controller, as the block layer uses it (`struct blk_mq_ops`).
///
/// All functions may sleep unless they say otherwise.
#[vtable]
pub(crate) trait Operations: Sized + Send + Sync + 'static {
    /// The transport's part of the controller that has the queue.
    type Controller: Controller<Queue = Self>;

    /// What the sending side keeps for each request.
    type Send: Default + Send;

    /// What the receiving side keeps for each request.
    type Recv: Default + Send;

    /// What the receiving side tells the sending side when the peer wants more data.
    type Grant: Copy + Default + Send;

    /// The opcode of Keep Alive, of the admin queue.
    const KEEP_ALIVE: u8 = bindings::nvme_admin_opcode_nvme_admin_keep_alive as u8;

    /// Whether the queue of `ctrl` is connected, so that it takes more than the Connect command; if
    /// it is the admin queue, a command with this `opcode`. Does not sleep.
    fn is_live(&self, ctrl: &Ctrl<Self::Controller>, opcode: u8) -> bool;

    /// Fills in what the transport has to say in the submission queue entry, and what its sending
    /// side begins with. There is no handle yet. Does not sleep.
    fn prepare(&self, info: &Info, entry: &mut [u8; 64], state: &mut Self::Send) -> Self::Recv;

    /// Takes a request to send; `last` if no other follows at once.
    fn queue_rq(self: &Arc<Self>, request: SendRequest<Self>, last: bool);

    /// No other request follows those of which none was `last`.
    fn commit_rqs(self: &Arc<Self>) {
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Completes requests if some have been answered. Returns how many have been completed since
    /// the last call, here or elsewhere. Does not sleep: whoever polls may do so inside an RCU
    /// read-side section (`iocb_bio_iopoll()`).
    fn poll(self: &Arc<Self>) -> u32 {
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Deals with a request that has timed out.
    fn timeout(self: &Arc<Self>, ctrl: &Ctrl<Self::Controller>, command: &Expired<'_>) -> Verdict;
}

/// The request has been taken, and is completed by whoever took it.
const BLK_STS_OK: kernel_bindings::blk_status_t =
    bindings::BLK_STS_OK as kernel_bindings::blk_status_t;

/// The table of the admin queue.
pub(super) fn admin_ops<Q: Operations>() -> &'static kernel_bindings::blk_mq_ops {
    &OperationsVTable::<Q>::ADMIN
}

/// The table of the I/O queues.
pub(super) fn io_ops<Q: Operations>() -> &'static kernel_bindings::blk_mq_ops {
    &OperationsVTable::<Q>::IO
}

/// The queue that a hardware context stands for.
///
/// # Safety
///
/// `hctx` is one of a tag set of a controller with queues `Q`, between `init_hctx` and `exit_hctx`,
/// and stays there while the result lives.
pub(super) unsafe fn queue<Q: Operations>(
    hctx: *mut kernel_bindings::blk_mq_hw_ctx,
) -> ManuallyDrop<Arc<Q>> {
    // SAFETY: By the contract of this function `hctx` is valid. The field is the driver's, and does
    // not change meanwhile.
    let queue = unsafe { (*hctx).driver_data };
    // SAFETY: `init_hctx` has put a reference there, which stays until `exit_hctx`; here it is only
    // borrowed, because what is made of it is not dropped.
    ManuallyDrop::new(unsafe { Arc::from_raw(queue.cast()) })
}

struct OperationsVTable<Q>(PhantomData<Q>);

impl<Q: Operations> OperationsVTable<Q> {
    const NONE: kernel_bindings::blk_mq_ops = kernel_bindings::blk_mq_ops {
        queue_rq: None,
        commit_rqs: None,
        queue_rqs: None,
        get_budget: None,
        put_budget: None,
        set_rq_budget_token: None,
        get_rq_budget_token: None,
        timeout: None,
        poll: None,
        complete: None,
        init_hctx: None,
        exit_hctx: None,
        init_request: None,
        exit_request: None,
        cleanup_rq: None,
        busy: None,
        map_queues: None,
        #[cfg(CONFIG_BLK_DEBUG_FS)]
        show_rq: None,
    };

    const ADMIN: kernel_bindings::blk_mq_ops = kernel_bindings::blk_mq_ops {
        queue_rq: Some(Self::queue_rq),
        commit_rqs: if Q::HAS_COMMIT_RQS {
            Some(Self::commit_rqs)
        } else {
            None
        },
        timeout: Some(bindings::helper_nvme_timeout),
        complete: Some(bindings::nvme_complete_rq),
        init_hctx: Some(Self::init_hctx::<0>),
        exit_hctx: Some(Self::exit_hctx),
        init_request: Some(Self::init_request),
        exit_request: Some(Self::exit_request),
        ..Self::NONE
    };

    const IO: kernel_bindings::blk_mq_ops = kernel_bindings::blk_mq_ops {
        init_hctx: Some(Self::init_hctx::<1>),
        poll: if Q::HAS_POLL { Some(Self::poll) } else { None },
        map_queues: Some(Self::map_queues),
        ..Self::ADMIN
    };

    /// # Safety
    ///
    /// Called by blk-mq with a request that is to be sent; may sleep (`BLK_MQ_F_BLOCKING`).
    unsafe extern "C" fn queue_rq(
        hctx: *mut kernel_bindings::blk_mq_hw_ctx,
        bd: *const kernel_bindings::blk_mq_queue_data,
    ) -> kernel_bindings::blk_status_t {
        // SAFETY: By the contract of this function `bd` is valid.
        let rq = unsafe { (*bd).rq };
        // SAFETY: By the contract of this function `bd` is valid.
        let last = unsafe { (*bd).last };
        // SAFETY: Requests come between `init_hctx` and `exit_hctx`.
        let queue = unsafe { queue::<Q>(hctx) };

        // SAFETY: By the contract of this function the request is ours to set up.
        if let Err(status) = unsafe { Self::set_up(hctx, rq, &queue) } {
            return status;
        }
        // SAFETY: The request is set up, and started just below.
        let request = unsafe { SendRequest::<Q>::new(rq, &queue) };
        // SAFETY: The request is set up; nobody can end it before it is activated.
        unsafe { bindings::helper_nvme_start_request(rq) };
        // SAFETY: The request has been started.
        unsafe { request.activate() };
        queue.queue_rq(request, last);
        BLK_STS_OK
    }

    /// Has the core say whether a request may be sent now, and set its command up.
    ///
    /// # Errors
    ///
    /// What the block layer is to be told of a request that is not sent; `BLK_STS_OK` if the core
    /// has completed it.
    ///
    /// # Safety
    ///
    /// blk-mq has given `rq` to `hctx` to be sent.
    unsafe fn set_up(
        hctx: *mut kernel_bindings::blk_mq_hw_ctx,
        rq: *mut kernel_bindings::request,
        queue: &Q,
    ) -> core::result::Result<(), kernel_bindings::blk_status_t> {
        // SAFETY: By the contract of this function it is a request of a controller with queues `Q`.
        let data = unsafe { RequestData::<Q>::from_request(rq) };
        // SAFETY: `init_request` has initialised the data, which stay as long as the request.
        let data = unsafe { data.as_ref() };
        let ctrl = data.ctrl();
        // SAFETY: The command is part of the request's data. That of a request of the admin queue
        // is there already, and the opcode is the first byte of every kind of command.
        let opcode = unsafe { *data.command().cast::<u8>() };
        // SAFETY: The controller has the tag set of the request, so it is alive.
        let live = queue.is_live(unsafe { Ctrl::from_raw(ctrl) }, opcode);
        // SAFETY: The controller has the tag set of the request, so it is alive.
        if !unsafe { bindings::helper_nvme_check_ready(ctrl, rq, live) } {
            // SAFETY: The controller is alive, and the request ours and not started.
            return Err(unsafe { bindings::nvme_fail_nonready_command(ctrl, rq) });
        }
        // SAFETY: By the contract of this function the context is valid.
        let request_queue = unsafe { (*hctx).queue };
        // SAFETY: A context's request queue stays as long as the context.
        let namespace = unsafe { (*request_queue).queuedata };
        // SAFETY: The namespace is that of the request queue, or null; the request is ours and not
        // started.
        match unsafe { bindings::nvme_setup_cmd(namespace.cast(), rq) } {
            BLK_STS_OK => Ok(()),
            status => Err(status),
        }
    }

    /// # Safety
    ///
    /// Called by blk-mq after requests of which none was the last.
    unsafe extern "C" fn commit_rqs(hctx: *mut kernel_bindings::blk_mq_hw_ctx) {
        // SAFETY: Requests come between `init_hctx` and `exit_hctx`.
        unsafe { queue::<Q>(hctx) }.commit_rqs();
    }

    /// # Safety
    ///
    /// Called by blk-mq on behalf of somebody who waits for a request by polling.
    ///
    /// `hctx` is what the request says, read when it may have ended already (`blk_rq_poll()`):
    /// null, or, if the request is somebody else's by now, one of any of the queues of this tag
    /// set.
    unsafe extern "C" fn poll(
        hctx: *mut kernel_bindings::blk_mq_hw_ctx,
        _iob: *mut kernel_bindings::io_comp_batch,
    ) -> i32 {
        // SAFETY: By the contract of this function it is null or one of this tag set.
        if !unsafe { Self::is_polled(hctx) } {
            // An error ends the loop: whoever waits looks at the request again.
            return EAGAIN.to_errno();
        }
        // SAFETY: It has a queue, which is there from `init_hctx` to `exit_hctx`.
        let completed = unsafe { queue::<Q>(hctx) }.poll();
        i32::try_from(completed).unwrap_or(i32::MAX)
    }

    /// Whether a context is one of a queue for polling.
    ///
    /// # Safety
    ///
    /// `hctx` is null or a context of this tag set.
    unsafe fn is_polled(hctx: *mut kernel_bindings::blk_mq_hw_ctx) -> bool {
        if hctx.is_null() {
            return false;
        }
        // SAFETY: By the contract of this function it is valid. The type does not change.
        let kind = u32::from(unsafe { (*hctx).type_ });
        // SAFETY: By the contract of this function it is valid. The field is the driver's.
        let queue = unsafe { (*hctx).driver_data };
        kind == bindings::hctx_type_HCTX_TYPE_POLL && !queue.is_null()
    }

    /// # Safety
    ///
    /// Called by blk-mq once for a new `hctx`, with the controller as `data`.
    unsafe extern "C" fn init_hctx<const FIRST: u32>(
        hctx: *mut kernel_bindings::blk_mq_hw_ctx,
        data: *mut c_void,
        index: u32,
    ) -> i32 {
        // SAFETY: The core makes the controller the tag set's `driver_data`.
        let ctrl = unsafe { Ctrl::<Q::Controller>::from_raw(data.cast()) };
        match ctrl.queue(index.saturating_add(FIRST) as usize) {
            Some(queue) => {
                let queue = Arc::into_raw(queue.clone()).cast_mut().cast();
                // SAFETY: `hctx` is new; the field is the driver's.
                unsafe { (*hctx).driver_data = queue };
                0
            }
            None => EINVAL.to_errno(),
        }
    }

    /// # Safety
    ///
    /// Called by blk-mq once for an `hctx` that is not used any more.
    unsafe extern "C" fn exit_hctx(hctx: *mut kernel_bindings::blk_mq_hw_ctx, _index: u32) {
        // SAFETY: By the contract of this function nobody else uses the field, the driver's.
        let place = unsafe { &mut (*hctx).driver_data };
        let queue = core::mem::replace(place, core::ptr::null_mut());
        // SAFETY: `init_hctx` made the pointer; it is not used again.
        drop(unsafe { Arc::from_raw(queue.cast::<Q>()) });
    }

    /// # Safety
    ///
    /// Called by blk-mq once for a new request of `set`.
    unsafe extern "C" fn init_request(
        set: *mut kernel_bindings::blk_mq_tag_set,
        rq: *mut kernel_bindings::request,
        _index: u32,
        _numa_node: i32,
    ) -> i32 {
        // SAFETY: By the contract of this function the tag set is valid.
        let ctrl = unsafe { (*set).driver_data };
        // SAFETY: The core makes the controller the tag set's `driver_data`. The request is new.
        unsafe { RequestData::<Q>::init(rq, ctrl.cast()) };
        0
    }

    /// # Safety
    ///
    /// Called by blk-mq once for a request that is about to be freed.
    unsafe extern "C" fn exit_request(
        _set: *mut kernel_bindings::blk_mq_tag_set,
        rq: *mut kernel_bindings::request,
        _index: u32,
    ) {
        // SAFETY: By the contract of this function; a request that is freed is not in flight.
        unsafe { RequestData::<Q>::exit(rq) };
    }

    /// # Safety
    ///
    /// Called by blk-mq to distribute CPUs over the queues of `set`.
    unsafe extern "C" fn map_queues(set: *mut kernel_bindings::blk_mq_tag_set) {
        // SAFETY: By the contract of this function the tag set is valid.
        let ctrl = unsafe { (*set).driver_data };
        // SAFETY: The core makes the controller the tag set's `driver_data`.
        let ctrl = unsafe { Ctrl::<Q::Controller>::from_raw(ctrl.cast()) };
        // SAFETY: The only tag set that asks for this is that for I/O.
        unsafe { ctrl.map_queues() };
    }
}
