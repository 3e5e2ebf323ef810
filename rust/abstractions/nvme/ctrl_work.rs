// SPDX-License-Identifier: GPL-2.0

//! The works of a controller: recovery from errors, reconnection, reset.
//!
//! They do not hold references. The core stops a controller, which waits for them, before it gives
//! up its own reference.

use kernel::{
    bindings as kernel_bindings,
    container_of,
    dev_warn,
    prelude::*,
    sync::atomic::{
        ordering::Relaxed,
        Atomic, //
    }, //
};

use super::ctrl::{
    Controller,
    Ctrl,
    State, //
};
use crate::bindings;

impl<T: Controller> Ctrl<T> {
    /// Initialises the works.
    ///
    /// # Safety
    ///
    /// Called once, before anybody else uses the controller.
    pub(super) unsafe fn init_works(&self) {
        let reset_key = kernel::static_lock_class!();
        let recovery_key = kernel::static_lock_class!();
        let reconnection_key = kernel::static_lock_class!();
        let timer_key = kernel::static_lock_class!();
        // SAFETY: By the contract of this function; the functions are those of this type, and the
        // keys are static.
        unsafe {
            bindings::init_work_with_key(
                &raw mut (*self.as_raw()).reset_work,
                Some(reset::<T>),
                false,
                c"nvme_mptcp::Ctrl::reset".as_char_ptr(),
                reset_key.as_ptr(),
            );
            bindings::init_work_with_key(
                self.recovery.get(),
                Some(recover::<T>),
                false,
                c"nvme_mptcp::Ctrl::recovery".as_char_ptr(),
                recovery_key.as_ptr(),
            );
            bindings::init_work_with_key(
                &raw mut (*self.reconnection.get()).work,
                Some(reconnect::<T>),
                false,
                c"nvme_mptcp::Ctrl::reconnection".as_char_ptr(),
                reconnection_key.as_ptr(),
            );
            bindings::timer_init_key(
                &raw mut (*self.reconnection.get()).timer,
                Some(bindings::delayed_work_timer_fn),
                bindings::TIMER_IRQSAFE,
                c"nvme_mptcp::Ctrl::reconnection".as_char_ptr(),
                timer_key.as_ptr(),
            );
        }
    }

    /// Starts recovery from an error, unless the controller is being reset or removed already; says
    /// whether it did. From any context.
    pub(crate) fn start_recovery(&self) -> bool {
        if !self.change_state(State::Resetting) {
            return false;
        }
        dev_warn!(self.device(), "starting error recovery\n");
        // SAFETY: The work is initialised; whoever frees the controller waits for it.
        unsafe {
            bindings::queue_work_on(
                bindings::wq_misc_consts_WORK_CPU_UNBOUND as i32,
                bindings::nvme_reset_wq,
                self.recovery.get(),
            )
        };
        true
    }

    /// Waits for an asynchronous event that is being dealt with. May sleep.
    pub(crate) fn flush_async_event(&self) {
        // SAFETY: The core has initialised the work.
        unsafe { bindings::flush_work(&raw mut (*self.as_raw()).async_event_work) };
    }

    /// Takes the submission of Asynchronous Event Requests off its queue, or waits for it. May
    /// sleep.
    pub(crate) fn cancel_async_event(&self) {
        // SAFETY: The core has initialised the work.
        unsafe { bindings::cancel_work_sync(&raw mut (*self.as_raw()).async_event_work) };
    }

    /// Tries to reconnect after the delay that the user chose, if the core says that it is worth
    /// it after the failure `status` (0 for none); otherwise returns `false`.
    pub(crate) fn schedule_reconnect(&self, status: i32) -> bool {
        // SAFETY: The controller is valid.
        if !unsafe { bindings::nvmf_should_reconnect(self.as_raw(), status) } {
            return false;
        }
        let delay = self.options().reconnect_delay().saturating_mul(1000);
        // SAFETY: The work is initialised; whoever frees the controller waits for it.
        unsafe {
            bindings::queue_delayed_work_on(
                bindings::wq_misc_consts_WORK_CPU_UNBOUND as i32,
                bindings::nvme_wq,
                self.reconnection.get(),
                kernel::time::msecs_to_jiffies(delay),
            )
        };
        true
    }

    /// Waits for recovery, and calls a reconnection off.
    pub(super) fn stop_works(&self) {
        // SAFETY: The works are initialised.
        unsafe {
            bindings::flush_work(self.recovery.get());
            bindings::cancel_delayed_work_sync(self.reconnection.get());
        }
    }

    /// Counts an attempt to reconnect, and returns how many there have been.
    pub(crate) fn count_reconnect(&self) -> i32 {
        // SAFETY: The controller is valid; the works that count exclude each other by its state.
        unsafe {
            let count = &raw mut (*self.as_raw()).nr_reconnects;
            *count = (*count).saturating_add(1);
            *count
        }
    }

    /// Starts counting attempts to reconnect anew, and returns how many there were.
    pub(crate) fn reset_reconnects(&self) -> i32 {
        // SAFETY: As above; the sum is shown in sysfs.
        unsafe {
            let count = &raw mut (*self.as_raw()).nr_reconnects;
            let attempts = *count;
            Atomic::<isize>::from_ptr((&raw mut (*self.as_raw()).acc_reconnects).cast())
                .add(attempts as isize, Relaxed);
            *count = 0;
            attempts
        }
    }
}

/// # Safety
///
/// Called by the workqueue with the `reset_work` of a `Ctrl<T>`, which is alive.
unsafe extern "C" fn reset<T: Controller>(work: *mut kernel_bindings::work_struct) {
    // SAFETY: By the contract of this function.
    let raw = unsafe { container_of!(work, bindings::nvme_ctrl, reset_work) };
    // SAFETY: As above.
    T::reset(unsafe { Ctrl::<T>::from_raw(raw) });
}

/// # Safety
///
/// Called by the workqueue with the `recovery` of a `Ctrl<T>`, which is alive.
unsafe extern "C" fn recover<T: Controller>(work: *mut kernel_bindings::work_struct) {
    // SAFETY: By the contract of this function.
    let ctrl = unsafe {
        &*work
            .byte_sub(core::mem::offset_of!(Ctrl<T>, recovery))
            .cast::<Ctrl<T>>()
    };
    T::recover(ctrl);
}

/// # Safety
///
/// Called by the workqueue with the `work` of the `reconnection` of a `Ctrl<T>`, which is alive.
unsafe extern "C" fn reconnect<T: Controller>(work: *mut kernel_bindings::work_struct) {
    // SAFETY: By the contract of this function.
    let ctrl = unsafe {
        let delayed = container_of!(work, kernel_bindings::delayed_work, work);
        &*delayed
            .byte_sub(core::mem::offset_of!(Ctrl<T>, reconnection))
            .cast::<Ctrl<T>>()
    };
    T::reconnect(ctrl);
}
