// SPDX-License-Identifier: GPL-2.0

//! Ending requests that nobody answers: all of a tag set, or those of one queue while others go on.
//!
//! C header: [`include/linux/blk-mq.h`](srctree/include/linux/blk-mq.h),
//! `blk_mq_tagset_busy_iter()`. C counterpart: `nvme_cancel_tagset()`.

use core::ffi::c_void;

use kernel::bindings as kernel_bindings;

use super::{
    ctrl::Ctrl,
    ctrl_ops::Controller,
    request::RequestData, //
};
use crate::bindings;

/// Whose requests to end.
struct Owner {
    ctrl: *mut bindings::nvme_ctrl,
    /// The index of the queue among those of the tag set; all of them if there is none.
    index: Option<u32>,
}

impl<T: Controller> Ctrl<T> {
    /// Ends every request of the I/O queues that has been started, and waits for those that are
    /// being completed. The queues should be stopped: a request that a handle exists of is not
    /// completed before that is given up. May sleep.
    pub(crate) fn cancel_io_requests(&self) {
        // SAFETY: The controller is valid. Whoever allocates and frees tag sets does not do so
        // while it ends requests.
        let set = unsafe { (*self.as_raw()).tagset };
        // SAFETY: The core makes it null, or the tag set that is part of this controller.
        unsafe { self.cancel_all(set) };
    }

    /// As [`Ctrl::cancel_io_requests`], for the admin queue.
    pub(crate) fn cancel_admin_requests(&self) {
        // SAFETY: The controller is valid. Whoever allocates and frees tag sets does not do so
        // while it ends requests.
        let set = unsafe { (*self.as_raw()).admin_tagset };
        // SAFETY: The core makes it null, or the tag set that is part of this controller.
        unsafe { self.cancel_all(set) };
    }

    /// # Safety
    ///
    /// `set` is null or an allocated tag set of this controller.
    unsafe fn cancel_all(&self, set: *mut kernel_bindings::blk_mq_tag_set) {
        if set.is_null() {
            return;
        }
        let owner = Owner {
            ctrl: self.as_raw(),
            index: None,
        };
        // SAFETY: By the contract of this function it is such a tag set; its owner keeps its tags.
        unsafe { self.cancel_if(set, owner) };
        // SAFETY: By the contract of this function the tag set is allocated.
        unsafe { kernel_bindings::blk_mq_tagset_wait_completed_request(set) };
    }

    /// Ends every request of queue `qid` that has been started: one that a handle exists of is not
    /// completed before that is given up. The queue takes no requests any more, or ends those that
    /// it takes itself. May sleep; not for whoever changes the number of queues.
    pub(crate) fn cancel_requests_of(&self, qid: u16) {
        let (set, index) = self.tag_set_of(qid);
        let owner = Owner {
            ctrl: self.as_raw(),
            index: Some(index),
        };
        // SAFETY: The tag set is part of the controller.
        let lock = unsafe { &raw mut (*set).update_nr_hwq_lock };
        // The lock keeps the tags from being replaced: a task that does that has made sure that
        // there are no requests, so it does not wait for us.
        // SAFETY: The tag set is allocated before a queue takes requests, and the lock with it.
        unsafe { bindings::down_read(lock) };
        // SAFETY: The tag set is one of this controller, and allocated.
        unsafe { self.cancel_if(set, owner) };
        // SAFETY: This function has taken the lock.
        unsafe { bindings::up_read(lock) };
    }

    /// # Safety
    ///
    /// `set` is an allocated tag set of this controller, which `owner` names, and its tags stay.
    unsafe fn cancel_if(&self, set: *mut kernel_bindings::blk_mq_tag_set, mut owner: Owner) {
        let data = (&raw mut owner).cast();
        // SAFETY: By the contract of this function; `cancel` is called before this returns, with
        // requests of `Ctrl<T>` and with `owner`.
        unsafe { kernel_bindings::blk_mq_tagset_busy_iter(set, Some(cancel::<T>), data) };
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
    // SAFETY: By the contract of this function it is an `Owner`, which `cancel_if` keeps.
    let owner = unsafe { &*owner.cast::<Owner>() };
    // SAFETY: By the contract of this function the request stays.
    let hctx = unsafe { (*rq).mq_hctx };
    // SAFETY: A request that has been started has a context, which stays as long as its tag set.
    let index = unsafe { (*hctx).queue_num };
    if owner.index.is_some_and(|owner| owner != index) {
        return true;
    }
    // SAFETY: By the contract of this function it is a request of a `Ctrl<T>`.
    let data = unsafe { RequestData::<T::Queue>::from_request(rq) };
    // SAFETY: The request stays while this runs, and its data with it.
    if unsafe { data.as_ref() }.abandon() {
        // SAFETY: The request has been started; nobody uses or completes it any more. C names the
        // controller in a message.
        unsafe { bindings::nvme_cancel_request(rq, owner.ctrl.cast()) };
    }
    true
}
