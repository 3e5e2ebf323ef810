// SPDX-License-Identifier: GPL-2.0

//! What a transport asks of the NVMe core while it sets a controller up and tears it down.
//!
//! The order in which C drivers call these is part of the contract; see
//! `drivers/nvme/host/fabrics.c` and the C transports. All of them may sleep.
//!
//! C header: [`drivers/nvme/host/nvme.h`](srctree/drivers/nvme/host/nvme.h)

use kernel::{
    prelude::*,
    time::msecs_to_jiffies, //
};

use super::{
    blk_mq,
    ctrl::Ctrl,
    ctrl_ops::Controller,
    options::Options,
    request::RequestData,
    status::Failure, //
};
use crate::bindings;

type Outcome = core::result::Result<(), Failure>;

/// Makes methods that do nothing but call C with the controller.
macro_rules! core_calls {
    ($($(#[$meta:meta])* fn $name:ident => $c:ident;)*) => {
        $(
            $(#[$meta])*
            pub(crate) fn $name(&self) {
                // SAFETY: The controller is valid.
                unsafe { bindings::$c(self.as_raw()) };
            }
        )*
    };
}

/// Starting and stopping what the core does with a controller.
impl<T: Controller> Ctrl<T> {
    core_calls! {
        /// Lets the core use a controller that is live: keep alive, scanning, events.
        fn start => nvme_start_ctrl;
        /// Stops what [`Ctrl::start`] started.
        fn stop => nvme_stop_ctrl;
        /// Stops keep alive commands.
        fn stop_keep_alive => nvme_stop_keep_alive;
        /// Stops authentication.
        fn stop_auth => nvme_auth_stop;
        /// Removes the controller, in the background.
        fn remove => nvme_delete_ctrl;

        /// Keeps new requests of the I/O queues from being dispatched.
        fn quiesce_io_queues => nvme_quiesce_io_queues;
        /// Undoes [`Ctrl::quiesce_io_queues`].
        fn unquiesce_io_queues => nvme_unquiesce_io_queues;
        /// Waits for timeouts and works of the I/O queues that are under way.
        fn sync_io_queues => nvme_sync_io_queues;
        /// Keeps new requests of the admin queue from being dispatched.
        fn quiesce_admin_queue => nvme_quiesce_admin_queue;
        /// Undoes [`Ctrl::quiesce_admin_queue`].
        fn unquiesce_admin_queue => nvme_unquiesce_admin_queue;

        /// Frees the tags of the I/O queues.
        fn remove_io_tag_set => nvme_remove_io_tag_set;
        /// Frees the tags of the admin queue.
        fn remove_admin_tag_set => nvme_remove_admin_tag_set;

        /// Keeps new requests from entering the I/O queues.
        fn start_freeze => nvme_start_freeze;
        /// Undoes [`Ctrl::start_freeze`].
        fn unfreeze => nvme_unfreeze;
    }

    /// Waits for timeouts and works of the admin queue that are under way.
    pub(crate) fn sync_admin_queue(&self) {
        // SAFETY: The controller is valid; the field is set and reset by whoever sets it up.
        let queue = unsafe { (*self.as_raw()).admin_q };
        if !queue.is_null() {
            // SAFETY: The admin queue exists as long as its tag set, and that until this returns.
            unsafe { bindings::blk_sync_queue(queue) };
        }
    }

    /// Bounds how long each of the fabrics commands may take that are sent from now on, in
    /// milliseconds: Connect, and those for properties. Does not sleep.
    pub(crate) fn set_fabrics_timeout(&self, ms: u32) {
        // SAFETY: The controller is valid; the field is set and reset by whoever sets it up.
        let queue = unsafe { (*self.as_raw()).fabrics_q };
        if let (false, Ok(timeout)) = (queue.is_null(), u32::try_from(msecs_to_jiffies(ms))) {
            // SAFETY: The queue exists until the controller is freed.
            unsafe { bindings::blk_queue_rq_timeout(queue, timeout) };
        }
    }

    /// Waits until no request is in the I/O queues; `false` if that takes longer than a request
    /// may take.
    pub(crate) fn wait_freeze(&self) -> bool {
        // SAFETY: The controller is valid.
        unsafe { bindings::nvme_wait_freeze_timeout(self.as_raw()) != 0 }
    }

    /// Sends the Connect command on the admin queue, and authenticates.
    pub(crate) fn connect_admin_queue(&self) -> Outcome {
        // SAFETY: The controller is valid and its admin tag set allocated.
        Failure::check(unsafe { bindings::nvmf_connect_admin_queue(self.as_raw()) })
    }

    /// Sends the Connect command on I/O queue `qid`, and authenticates.
    pub(crate) fn connect_io_queue(&self, qid: u16) -> Outcome {
        // SAFETY: The controller is valid and its I/O tag set allocated.
        Failure::check(unsafe { bindings::nvmf_connect_io_queue(self.as_raw(), qid) })
    }

    /// Enables the controller (CC.EN), and waits until it is ready.
    pub(crate) fn enable(&self) -> Outcome {
        // SAFETY: The controller is valid.
        Failure::check(unsafe { bindings::nvme_enable_ctrl(self.as_raw()) })
    }

    /// Disables the controller, or shuts it down. That it does not answer is no error.
    pub(crate) fn disable(&self, shutdown: bool) {
        // SAFETY: The controller is valid.
        let _ = unsafe { bindings::nvme_disable_ctrl(self.as_raw(), shutdown) };
    }

    /// Identifies the controller, once it is enabled.
    pub(crate) fn init_finish(&self) -> Outcome {
        // SAFETY: The controller is valid.
        Failure::check(unsafe { bindings::nvme_init_ctrl_finish(self.as_raw(), false) })?;
        self.set_retry_delay();
        Ok(())
    }

    /// Allocates the tags of the admin queue.
    pub(crate) fn alloc_admin_tag_set(&self) -> Outcome {
        // SAFETY: The controller is valid; the tag set is part of it and not allocated. The
        // operations know requests with this much data.
        Failure::check(unsafe {
            bindings::nvme_alloc_admin_tag_set(
                self.as_raw(),
                self.admin_tag_set.get(),
                blk_mq::admin_ops::<T::Queue>(),
                size_of::<RequestData<T::Queue>>() as u32,
            )
        })
    }

    /// Allocates the tags of the I/O queues.
    pub(crate) fn alloc_io_tag_set(&self) -> Outcome {
        let nr_maps = if self.options().nr_poll_queues() > 0 {
            bindings::hctx_type_HCTX_MAX_TYPES
        } else {
            bindings::hctx_type_HCTX_TYPE_POLL
        };
        // SAFETY: The controller is valid; the tag set is part of it and not allocated. The
        // operations know requests with this much data.
        Failure::check(unsafe {
            bindings::nvme_alloc_io_tag_set(
                self.as_raw(),
                self.io_tag_set.get(),
                blk_mq::io_ops::<T::Queue>(),
                nr_maps,
                size_of::<RequestData<T::Queue>>() as u32,
            )
        })
    }

    /// The number of queues, the admin queue included.
    pub(crate) fn queue_count(&self) -> u32 {
        // SAFETY: The controller is valid.
        unsafe { (*self.as_raw()).queue_count }
    }

    /// The number of I/O queues that have tags.
    pub(crate) fn tagged_io_queues(&self) -> u32 {
        // SAFETY: The tag set is part of the controller.
        unsafe { (*self.io_tag_set.get()).nr_hw_queues }
    }

    /// Gives as many I/O queues tags as there are, while the queues are frozen.
    pub(crate) fn update_io_queue_tags(&self) {
        let count = self.queue_count().saturating_sub(1);
        // SAFETY: The tag set is allocated.
        unsafe { bindings::blk_mq_update_nr_hw_queues(self.io_tag_set.get(), count as i32) };
    }
}

/// What controllers say of themselves.
impl<T: Controller> Ctrl<T> {
    /// The bytes of data that fit into a command capsule of an I/O queue.
    pub(crate) fn in_capsule_len(&self) -> u32 {
        // SAFETY: The controller is valid. IOCCSZ counts units of 16 bytes, the first four of
        // which are the submission queue entry.
        let ioccsz = unsafe { (*self.as_raw()).ioccsz };
        ioccsz.saturating_mul(16).saturating_sub(64)
    }

    /// The offset of data in a command capsule; transports expect 0.
    pub(crate) fn in_capsule_offset(&self) -> u16 {
        // SAFETY: The controller is valid.
        unsafe { (*self.as_raw()).icdoff }
    }

    /// The keep alive timeout in seconds, or 0 if there is none.
    pub(crate) fn keep_alive_secs(&self) -> u32 {
        // SAFETY: The controller is valid.
        unsafe { (*self.as_raw()).kato }
    }

    /// Whether the controller supports SGLs.
    pub(crate) fn supports_sgls(&self) -> bool {
        // SAFETY: The controller is valid.
        unsafe { bindings::helper_nvme_ctrl_sgl_supported(self.as_raw()) }
    }

    /// The entries of an I/O queue.
    pub(crate) fn queue_size(&self) -> u32 {
        // SAFETY: The controller is valid.
        u32::from(unsafe { (*self.as_raw()).sqsize }).saturating_add(1)
    }

    /// Bounds the entries of an I/O queue by the commands that the controller takes at a time, and
    /// returns that number if it was less.
    pub(crate) fn clamp_queue_size(&self) -> Option<u32> {
        // SAFETY: The controller is valid.
        let maxcmd = u32::from(unsafe { (*self.as_raw()).maxcmd });
        if self.queue_size() <= maxcmd {
            return None;
        }
        // SAFETY: The controller is valid, and set up by this task alone.
        unsafe { (*self.as_raw()).sqsize = maxcmd.saturating_sub(1) as u16 };
        Some(maxcmd)
    }

    /// Whether another controller of `self`'s transport serves the same host and subsystem at the
    /// same address as `options` ask for.
    pub(super) fn matches(&self, options: &Options) -> bool {
        // SAFETY: Both are valid.
        unsafe { bindings::nvmf_ip_options_match(self.as_raw(), options.as_raw()) }
    }
}
