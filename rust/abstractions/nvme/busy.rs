// SPDX-License-Identifier: GPL-2.0

//! How many requests a queue has in flight, counted when somebody asks.
//!
//! C header: [`include/linux/blk-mq.h`](srctree/include/linux/blk-mq.h),
//! `blk_mq_tagset_busy_iter()`.

use core::ffi::c_void;

use kernel::bindings as kernel_bindings;

use super::{
    ctrl::Ctrl,
    ctrl_ops::Controller, //
};
use crate::bindings;

/// What is counted.
struct Count {
    /// The index of the queue among those of the tag set.
    index: u32,
    requests: u32,
}

impl<T: Controller> Ctrl<T> {
    /// How many requests of queue `qid` have been started and not been completed. May sleep; not
    /// for whoever changes the number of queues. The queue is connected, and stays so: afterwards
    /// its tags may be freed.
    pub(crate) fn requests_in_flight(&self, qid: u16) -> u32 {
        let (_, index) = self.tag_set_of(qid);
        let set = match qid {
            // SAFETY: The controller is valid.
            0 => unsafe { (*self.as_raw()).admin_tagset },
            // SAFETY: The controller is valid.
            _ => unsafe { (*self.as_raw()).tagset },
        };
        if set.is_null() {
            return 0;
        }
        let mut count = Count { index, requests: 0 };
        // SAFETY: The tag set is allocated, as the core has it.
        let lock = unsafe { &raw mut (*set).update_nr_hwq_lock };
        // SAFETY: The lock is there as long as the tag set. It keeps the tags from being replaced.
        unsafe { bindings::down_read(lock) };
        let data = (&raw mut count).cast();
        // SAFETY: The tag set is allocated, and its tags stay; `add` is called with `count` before
        // this returns.
        unsafe { kernel_bindings::blk_mq_tagset_busy_iter(set, Some(add), data) };
        // SAFETY: This function has taken the lock.
        unsafe { bindings::up_read(lock) };
        count.requests
    }
}

/// # Safety
///
/// Called by blk-mq with a request that has been started, and a reference to it; `count` is a
/// [`Count`] that nobody else uses.
unsafe extern "C" fn add(rq: *mut kernel_bindings::request, count: *mut c_void) -> bool {
    // SAFETY: By the contract of this function.
    let count = unsafe { &mut *count.cast::<Count>() };
    // SAFETY: By the contract of this function the request stays.
    let hctx = unsafe { (*rq).mq_hctx };
    // SAFETY: A request that has been started has a context, which stays as long as its tag set.
    if unsafe { (*hctx).queue_num } == count.index {
        count.requests = count.requests.saturating_add(1);
    }
    true
}
