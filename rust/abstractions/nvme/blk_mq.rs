// SPDX-License-Identifier: GPL-2.0

//! The block layer's way into a transport.
//!
//! C header: [`include/linux/blk-mq.h`](srctree/include/linux/blk-mq.h), `struct blk_mq_ops`.

use core::marker::PhantomData;

use kernel::{
    bindings as kernel_bindings,
    prelude::*,
    sync::{
        Arc,
        ArcBorrow, //
    }, //
};

use super::{
    ctrl::{
        Controller,
        Ctrl,
        Expired,
        TimedOut, //
    },
    request::{
        RequestData,
        SendRequest, //
    }, //
};
use crate::bindings;

/// The operations of the admin queue.
pub(super) fn admin_ops<T: Controller>() -> &'static kernel_bindings::blk_mq_ops {
    &OperationsVTable::<T>::ADMIN
}

/// The operations of the I/O queues.
pub(super) fn io_ops<T: Controller>() -> &'static kernel_bindings::blk_mq_ops {
    &OperationsVTable::<T>::IO
}

struct OperationsVTable<T>(PhantomData<T>);

impl<T: Controller> OperationsVTable<T> {
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
        commit_rqs: Some(Self::commit_rqs),
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
        poll: Some(Self::poll),
        map_queues: Some(Self::map_queues),
        ..Self::ADMIN
    };

    /// The queue that a hardware context stands for.
    ///
    /// # Safety
    ///
    /// `hctx` is valid for `'a`, between `init_hctx` and `exit_hctx`.
    unsafe fn queue<'a>(hctx: *mut kernel_bindings::blk_mq_hw_ctx) -> ArcBorrow<'a, T::Queue> {
        // SAFETY: `init_hctx` put a reference there, which stays until `exit_hctx`.
        unsafe { ArcBorrow::from_raw((*hctx).driver_data.cast()) }
    }

    /// # Safety
    ///
    /// Called by blk-mq with a request that is to be sent; may sleep (`BLK_MQ_F_BLOCKING`).
    unsafe extern "C" fn queue_rq(
        hctx: *mut kernel_bindings::blk_mq_hw_ctx,
        bd: *const kernel_bindings::blk_mq_queue_data,
    ) -> kernel_bindings::blk_status_t {
        // SAFETY: By the contract of this function.
        let (rq, last, queue) = unsafe { ((*bd).rq, (*bd).last, Self::queue(hctx)) };
        // SAFETY: `init_request` has set the controller; the namespace, or null, is the disk's.
        unsafe {
            let ctrl = (*bindings::blk_mq_rq_to_pdu(rq).cast::<bindings::nvme_request>()).ctrl;
            if !bindings::helper_nvme_check_ready(ctrl, rq, T::is_live(&queue)) {
                return bindings::nvme_fail_nonready_command(ctrl, rq);
            }
            let status = bindings::nvme_setup_cmd((*(*hctx).queue).queuedata.cast(), rq);
            if status != 0 {
                return status;
            }
        }
        // SAFETY: The request is set up, and started just below.
        let mut request = unsafe { SendRequest::<T>::new(rq) };
        let info = request.info();
        let (entry, state) = request.entry_and_state();
        T::prepare(&queue, &info, entry, state);
        // SAFETY: The request is set up; nobody can end it before it is activated.
        unsafe {
            bindings::helper_nvme_start_request(rq);
            request.activate();
        }
        T::queue_rq(&queue.into(), request, last);
        bindings::BLK_STS_OK as kernel_bindings::blk_status_t
    }

    /// # Safety
    ///
    /// Called by blk-mq after requests of which none was the last.
    unsafe extern "C" fn commit_rqs(hctx: *mut kernel_bindings::blk_mq_hw_ctx) {
        // SAFETY: By the contract of this function.
        T::commit_rqs(&unsafe { Self::queue(hctx) }.into());
    }

    /// # Safety
    ///
    /// Called by blk-mq on behalf of somebody who waits for a request by polling.
    ///
    /// `hctx` is what the request says, read when it may have ended already (`blk_rq_poll()`): null,
    /// or, if the request is somebody else's by now, one of any of the queues of this tag set.
    unsafe extern "C" fn poll(
        hctx: *mut kernel_bindings::blk_mq_hw_ctx,
        _iob: *mut kernel_bindings::io_comp_batch,
    ) -> i32 {
        // SAFETY: By the contract of this function it is valid if it is not null. The type does not
        // change, and the queue is there from `init_hctx` to `exit_hctx`.
        let is_polled = !hctx.is_null()
            && unsafe {
                u32::from((*hctx).type_) == bindings::hctx_type_HCTX_TYPE_POLL
                    && !(*hctx).driver_data.is_null()
            };
        if !is_polled {
            // An error ends the loop: whoever waits looks at the request again.
            return EAGAIN.to_errno();
        }
        // SAFETY: By the contract of this function, and it is not null.
        let completed = T::poll(&unsafe { Self::queue(hctx) }.into());
        i32::try_from(completed).unwrap_or(i32::MAX)
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
        let ctrl = unsafe { Ctrl::<T>::from_raw(data.cast()) };
        match ctrl.queue(index.saturating_add(FIRST) as usize) {
            Some(queue) => {
                // SAFETY: `hctx` is new; the field is the driver's.
                unsafe { (*hctx).driver_data = Arc::into_raw(queue.clone()).cast_mut().cast() };
                0
            }
            None => EINVAL.to_errno(),
        }
    }

    /// # Safety
    ///
    /// Called by blk-mq once for an `hctx` that is not used any more.
    unsafe extern "C" fn exit_hctx(hctx: *mut kernel_bindings::blk_mq_hw_ctx, _index: u32) {
        // SAFETY: The field is the driver's, and nobody changes it meanwhile.
        let queue = unsafe { core::mem::replace(&mut (*hctx).driver_data, core::ptr::null_mut()) };
        // SAFETY: `init_hctx` made the pointer; it is not used again.
        drop(unsafe { Arc::from_raw(queue.cast::<T::Queue>()) });
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
        // SAFETY: By the contract of this function. The core makes the controller the tag set's
        // `driver_data`.
        unsafe { RequestData::<T>::init(rq, (*set).driver_data.cast()) };
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
        // SAFETY: By the contract of this function; requests that are freed are not in flight.
        unsafe { RequestData::<T>::exit(rq) };
    }

    /// # Safety
    ///
    /// Called by blk-mq to distribute CPUs over the queues of `set`.
    unsafe extern "C" fn map_queues(set: *mut kernel_bindings::blk_mq_tag_set) {
        // SAFETY: As in `init_request`. The only tag set that asks for this is that for I/O.
        unsafe { Ctrl::<T>::from_raw((*set).driver_data.cast()).map_queues() };
    }
}

/// Deals with a request of `Ctrl<T>` that has timed out.
///
/// # Safety
///
/// Called by blk-mq, which keeps the request from being completed otherwise.
pub(super) unsafe fn timed_out<T: Controller>(rq: *mut kernel_bindings::request) -> u32 {
    // SAFETY: By the contract of this function. The request's data stays while this runs.
    let (ctrl, data, queue) = unsafe {
        let data = RequestData::<T>::from_request(rq).as_ref();
        let ctrl = Ctrl::<T>::from_raw(data.ctrl());
        let queue = OperationsVTable::<T>::queue((*rq).mq_hctx);
        (ctrl, data, queue)
    };
    // SAFETY: By the contract of this function. A command does not change after the request has been
    // started, whoever sends it meanwhile; names are static.
    let command = unsafe {
        let is_admin = (*(*rq).q).tag_set == ctrl.admin_tag_set.get();
        let raw = (*bindings::blk_mq_rq_to_pdu(rq).cast::<bindings::nvme_request>()).cmd;
        Expired {
            tag: (*rq).tag,
            command_id: data.info().command_id,
            // The first byte of every kind of command.
            opcode: *raw.cast(),
            name: CStr::from_char_ptr(bindings::helper_nvme_opcode_str((!is_admin).into(), raw)),
        }
    };
    match T::timed_out(ctrl, &queue.into(), &command) {
        TimedOut::Complete => {
            if data.abandon() {
                // SAFETY: The request has been started; nobody uses or completes it any more.
                unsafe { bindings::helper_nvmf_complete_timed_out_request(rq) };
            }
            bindings::blk_eh_timer_return_BLK_EH_DONE
        }
        TimedOut::Wait => bindings::blk_eh_timer_return_BLK_EH_RESET_TIMER,
    }
}

/// What `helper_nvme_timeout` calls.
///
/// # Safety
///
/// `rq` is a request of a `Ctrl`, that has timed out.
#[no_mangle]
unsafe extern "C" fn rust_nvme_request_timeout(rq: *mut kernel_bindings::request) -> u32 {
    /// The beginning of every `Ctrl<T>`.
    #[repr(C)]
    struct Head {
        raw: bindings::nvme_ctrl,
        timeout: unsafe fn(*mut kernel_bindings::request) -> u32,
    }
    // SAFETY: Every `Ctrl<T>` begins with a `Head`, and made its own function of it.
    unsafe {
        let ctrl = (*bindings::blk_mq_rq_to_pdu(rq).cast::<bindings::nvme_request>()).ctrl;
        ((*ctrl.cast::<Head>()).timeout)(rq)
    }
}
