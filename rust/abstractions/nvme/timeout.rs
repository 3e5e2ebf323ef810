// SPDX-License-Identifier: GPL-2.0

//! Requests that have timed out.
//!
//! C header: [`include/linux/blk-mq.h`](srctree/include/linux/blk-mq.h), `blk_mq_ops.timeout`.

use kernel::{
    bindings as kernel_bindings,
    prelude::*, //
};

use super::{
    blk_mq::{
        self,
        Operations, //
    },
    ctrl::{
        Ctrl,
        Head, //
    },
    request::RequestData, //
};
use crate::bindings;

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

/// What the block layer does with a request that has timed out (`enum blk_eh_timer_return`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is completed: the transport has stopped its queue.
    Complete,
    /// It gets more time: something is under way that ends it.
    Wait,
}

/// Deals with a request of a queue `Q` that has timed out.
///
/// # Safety
///
/// Called by blk-mq, which keeps the request from being completed otherwise.
pub(super) unsafe fn timed_out<Q: Operations>(rq: *mut kernel_bindings::request) -> u32 {
    // SAFETY: By the contract of this function it is a request of a queue `Q`.
    let data = unsafe { RequestData::<Q>::from_request(rq) };
    // SAFETY: By the contract of this function the request stays while this runs.
    let data = unsafe { data.as_ref() };
    // SAFETY: `init_request` has set the controller, which has the tag set of the request.
    let ctrl = unsafe { Ctrl::<Q::Controller>::from_raw(data.ctrl()) };
    // SAFETY: The request stays while this runs.
    let hctx = unsafe { (*rq).mq_hctx };
    // SAFETY: A request that has been started has a context of its tag set, which stays as long as
    // there are requests.
    let queue = unsafe { blk_mq::queue::<Q>(hctx) };
    // SAFETY: The request has been started, and stays while this runs.
    let command = unsafe { expired(rq, ctrl, data) };

    match queue.timeout(ctrl, &command) {
        Verdict::Complete => {
            if data.abandon() {
                // SAFETY: The request has been started; nobody uses or completes it any more.
                unsafe { bindings::helper_nvmf_complete_timed_out_request(rq) };
            }
            bindings::blk_eh_timer_return_BLK_EH_DONE
        }
        Verdict::Wait => bindings::blk_eh_timer_return_BLK_EH_RESET_TIMER,
    }
}

/// What there is to say of a request.
///
/// # Safety
///
/// `rq`, whose data are `data`, is one of `ctrl`, has been started, and stays for `'a`.
unsafe fn expired<'a, Q: Operations>(
    rq: *mut kernel_bindings::request,
    ctrl: &Ctrl<Q::Controller>,
    data: &'a RequestData<Q>,
) -> Expired<'a> {
    // SAFETY: By the contract of this function the request stays.
    let request_queue = unsafe { (*rq).q };
    // SAFETY: The request queue stays as long as its requests.
    let set = unsafe { (*request_queue).tag_set };
    let is_io = set != ctrl.admin_tag_set.get();
    let command = data.command();
    // SAFETY: The command is part of the request's data, and does not change after the request has
    // been started, whoever sends it meanwhile.
    let name = unsafe { bindings::helper_nvme_opcode_str(is_io.into(), command) };
    Expired {
        // SAFETY: By the contract of this function the request stays.
        tag: unsafe { (*rq).tag },
        command_id: data.info().command_id,
        // SAFETY: The opcode is the first byte of every kind of command.
        opcode: unsafe { *command.cast() },
        // SAFETY: The names of commands are static.
        name: unsafe { CStr::from_char_ptr(name) },
    }
}

/// What `helper_nvme_timeout` calls, the `blk_mq_ops.timeout` of all queues.
///
/// # Safety
///
/// `rq` is a request of a `Ctrl` that has timed out, which blk-mq keeps from being completed
/// otherwise.
#[no_mangle]
unsafe extern "C" fn rust_nvme_request_timeout(rq: *mut kernel_bindings::request) -> u32 {
    // SAFETY: By the contract of this function the request is valid; its data follow it.
    let data = unsafe { bindings::blk_mq_rq_to_pdu(rq) };
    // SAFETY: The data of a request of a `Ctrl` begin with an `nvme_request`, which is initialised.
    let ctrl = unsafe { (*data.cast::<bindings::nvme_request>()).ctrl };
    // SAFETY: A controller has the tag set of the request, so it is alive, and every `Ctrl<T>`
    // begins with a `Head`.
    let timed_out = unsafe { (*ctrl.cast::<Head>()).timed_out };
    // SAFETY: The controller has made it of the type of its own queues.
    unsafe { timed_out(rq) }
}
