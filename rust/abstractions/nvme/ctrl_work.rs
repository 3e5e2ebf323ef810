// SPDX-License-Identifier: GPL-2.0

//! The works of a controller: recovery from errors, reconnection, reset.
//!
//! Those of our own hold a reference to the controller while they are queued. That of reset is the
//! core's, which queues it and waits for it, and needs none.
//!
//! C counterparts: `nvme_tcp_error_recovery_work()`, `nvme_tcp_reconnect_ctrl_work()`,
//! `nvme_reset_ctrl_work()`.

use kernel::{
    bindings as kernel_bindings,
    container_of,
    dev_warn,
    prelude::*,
    sync::{
        aref::ARef,
        atomic::{
            ordering::Relaxed,
            Atomic, //
        }, //
    },
    workqueue::{
        impl_has_delayed_work,
        impl_has_work,
        Queue,
        WorkItem, //
    }, //
};

use super::{
    ctrl::{
        Ctrl,
        State, //
    },
    ctrl_ops::Controller, //
};
use crate::{
    abstractions::workqueue::{
        cancel_delayed_sync,
        flush, //
    },
    bindings, //
};

/// Which work recovers from an error.
pub(super) const RECOVERY: u64 = 1;

/// Which work tries to connect again.
pub(super) const RECONNECTION: u64 = 2;

impl_has_work! {
    impl{T: Controller} HasWork<Self, RECOVERY> for Ctrl<T> { self.recovery }
}

impl_has_delayed_work! {
    impl{T: Controller} HasDelayedWork<Self, RECONNECTION> for Ctrl<T> { self.reconnection }
}

impl<T: Controller> WorkItem<RECOVERY> for Ctrl<T> {
    type Pointer = ARef<Self>;

    fn run(this: ARef<Self>) {
        T::recover(&this);
    }
}

impl<T: Controller> WorkItem<RECONNECTION> for Ctrl<T> {
    type Pointer = ARef<Self>;

    fn run(this: ARef<Self>) {
        T::reconnect(&this);
    }
}

/// The core's workqueue for what may wait for a reset (`nvme_wq`).
fn workqueue() -> &'static Queue {
    // SAFETY: The core sets the variable when it is loaded, and does not change it before it is
    // unloaded, which it cannot be before this module.
    let queue = unsafe { bindings::nvme_wq };
    // SAFETY: The core makes the queue when it is loaded and destroys it when it is unloaded.
    unsafe { Queue::from_raw(queue) }
}

/// The core's workqueue for resets and what is like them (`nvme_reset_wq`).
fn reset_workqueue() -> &'static Queue {
    // SAFETY: The core sets the variable when it is loaded, and does not change it before it is
    // unloaded, which it cannot be before this module.
    let queue = unsafe { bindings::nvme_reset_wq };
    // SAFETY: The core makes the queue when it is loaded and destroys it when it is unloaded.
    unsafe { Queue::from_raw(queue) }
}

impl<T: Controller> Ctrl<T> {
    /// Starts recovery from an error, unless the controller is being reset or removed already; says
    /// whether it did. From any context.
    pub(crate) fn start_recovery(&self) -> bool {
        if !self.change_state(State::Resetting) {
            return false;
        }
        dev_warn!(self.device(), "starting error recovery\n");
        // Whoever has made it resetting is alone; it is not queued already.
        let _ = reset_workqueue().enqueue::<_, RECOVERY>(self.to_ref());
        true
    }

    /// Waits for an asynchronous event that is being dealt with. May sleep.
    pub(crate) fn flush_async_event(&self) {
        // SAFETY: The work is part of the controller.
        let work = unsafe { &raw mut (*self.as_raw()).async_event_work };
        // SAFETY: The core has initialised the work, which stays as long as `self`.
        unsafe { bindings::flush_work(work) };
    }

    /// Takes the submission of Asynchronous Event Requests off its queue, or waits for it. May
    /// sleep.
    pub(crate) fn cancel_async_event(&self) {
        // SAFETY: The work is part of the controller.
        let work = unsafe { &raw mut (*self.as_raw()).async_event_work };
        // SAFETY: The core has initialised the work, which stays as long as `self`.
        unsafe { bindings::cancel_work_sync(work) };
    }

    /// Tries to reconnect after the delay that the user chose, if the core says that it is worth
    /// it after the failure `status` (0 for none); otherwise returns `false`.
    pub(crate) fn schedule_reconnect(&self, status: i32) -> bool {
        // SAFETY: The controller is valid.
        if !unsafe { bindings::nvmf_should_reconnect(self.as_raw(), status) } {
            return false;
        }
        let delay = self.options().reconnect_delay().saturating_mul(1000);
        let delay = kernel::time::msecs_to_jiffies(delay);
        // If it is queued already, it will run as well.
        let _ = workqueue().enqueue_delayed::<_, RECONNECTION>(self.to_ref(), delay);
        true
    }

    /// Waits for recovery, and calls a reconnection off. May sleep.
    pub(super) fn stop_works(&self) {
        flush::<Self, RECOVERY>(self);
        cancel_delayed_sync::<Self, RECONNECTION>(self);
    }

    /// Counts an attempt to reconnect, and returns how many there have been.
    pub(crate) fn count_reconnect(&self) -> i32 {
        // SAFETY: The controller is valid; the works that count exclude each other by its state.
        let count = unsafe { &mut (*self.as_raw()).nr_reconnects };
        *count = count.saturating_add(1);
        *count
    }

    /// Starts counting attempts to reconnect anew. The sum of all is shown in sysfs.
    pub(crate) fn reset_reconnects(&self) {
        // SAFETY: The controller is valid; the works that count exclude each other by its state.
        let count = unsafe { &mut (*self.as_raw()).nr_reconnects };
        let attempts = core::mem::replace(count, 0);
        // SAFETY: The sum is part of the controller.
        let sum = unsafe { &raw mut (*self.as_raw()).acc_reconnects };
        // SAFETY: The sum is valid as long as `self`, and everybody uses it as an atomic.
        unsafe { Atomic::<isize>::from_ptr(sum.cast()) }.add(attempts as isize, Relaxed);
    }
}

/// Lets the core's work reset the transport's part of a controller. Before anybody else uses it.
pub(super) fn init_reset_work<T: Controller>(work: &mut kernel_bindings::work_struct) {
    let key = kernel::static_lock_class!();
    let name = c"nvme_mptcp::Ctrl::reset".as_char_ptr();
    // SAFETY: The work is ours to initialise, the function one for it, and name and key are static.
    unsafe { bindings::init_work_with_key(work, Some(reset::<T>), false, name, key.as_ptr()) };
}

/// # Safety
///
/// Called by the workqueue with the `reset_work` of a `Ctrl<T>`, which is alive.
unsafe extern "C" fn reset<T: Controller>(work: *mut kernel_bindings::work_struct) {
    // SAFETY: By the contract of this function it is that field of an `nvme_ctrl`.
    let raw = unsafe { container_of!(work, bindings::nvme_ctrl, reset_work) };
    // SAFETY: By the contract of this function the controller is alive.
    T::reset(unsafe { Ctrl::<T>::from_raw(raw) });
}
