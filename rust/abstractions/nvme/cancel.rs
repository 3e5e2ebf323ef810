// SPDX-License-Identifier: GPL-2.0

//! Ending the requests of one queue while others go on.
//!
//! C header: [`include/linux/blk-mq.h`](srctree/include/linux/blk-mq.h)

use core::ffi::c_void;

use kernel::bindings as kernel_bindings;

use super::{
    ctrl::{
        Controller,
        Ctrl, //
    },
    request::RequestData, //
};
use crate::bindings;

/// Whose requests to end.
struct Owner {
    ctrl: *mut bindings::nvme_ctrl,
    /// The index of the queue among those of the tag set.
    index: u32,
}

impl<T: Controller> Ctrl<T> {
    /// Ends every request of queue `qid` that has been started: one that a handle exists of is not
    /// completed before that is given up. The queue takes no requests any more, or ends those that
    /// it takes itself. May sleep; not for whoever changes the number of queues.
    pub(crate) fn cancel_requests_of(&self, qid: u16) {
        let (set, index) = match qid.checked_sub(1) {
            None => (self.admin_tag_set.get(), 0),
            Some(index) => (self.io_tag_set.get(), u32::from(index)),
        };
        let mut owner = Owner {
            ctrl: self.as_raw(),
            index,
        };
        // SAFETY: The tag set is part of the controller, and allocated before a queue takes
        // requests. The lock keeps its tags from being replaced: a task that does that has made
        // sure that there are no requests, so it does not wait for us.
        unsafe {
            bindings::down_read(&raw mut (*set).update_nr_hwq_lock);
            kernel_bindings::blk_mq_tagset_busy_iter(
                set,
                Some(cancel::<T>),
                (&raw mut owner).cast(),
            );
            bindings::up_read(&raw mut (*set).update_nr_hwq_lock);
        }
    }
}

/// # Safety
///
/// Called by blk-mq with a request of a tag set of a `Ctrl<T>` that has been started, and a
/// reference to it; `owner` is an [`Owner`] that names that controller.
unsafe extern "C" fn cancel<T: Controller>(
    rq: *mut kernel_bindings::request,
    owner: *mut c_void,
) -> bool {
    // SAFETY: By the contract of this function.
    let owner = unsafe { &*owner.cast::<Owner>() };
    // SAFETY: By the contract of this function; a request that has been started has a context.
    let index = unsafe { (*(*rq).mq_hctx).queue_num };
    if index != owner.index {
        return true;
    }
    // SAFETY: By the contract of this function.
    let data = unsafe { RequestData::<T>::from_request(rq) };
    // SAFETY: The request stays while this runs.
    if unsafe { data.as_ref() }.abandon() {
        // SAFETY: The request has been started; nobody uses or completes it any more.
        unsafe { bindings::nvme_cancel_request(rq, owner.ctrl.cast()) };
    }
    true
}
