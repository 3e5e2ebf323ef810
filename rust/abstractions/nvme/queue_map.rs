// SPDX-License-Identifier: GPL-2.0

//! Which CPUs' requests go to which I/O queue.
//!
//! The Connect command of a queue can only be sent from a CPU that the queue serves, that is
//! online, and that is not isolated (`blk_mq_alloc_request_hctx()`). The block layer deals queues
//! out to all CPUs that are possible, so it may leave one to CPUs that are not there; here there
//! are no more queues of a type than CPUs that they can be connected from, and each gets one of
//! those.
//!
//! C counterparts: `nvmf_map_queues()`, `blk_mq_map_queues()`.

use kernel::{
    bindings as kernel_bindings,
    cpu::nr_cpu_ids,
    dev_err,
    prelude::*,
    sync::atomic::{
        ordering::Relaxed,
        Atomic, //
    }, //
};

use super::{
    ctrl::Ctrl,
    ctrl_ops::Controller,
    queue_share::{
        share_out,
        Cpu,
        Dealer, //
    },
    status::Failure, //
};
use crate::{
    abstractions::cpu::{
        self,
        OnlineCpu, //
    },
    bindings, //
};

/// The queue that each CPU uses for one type of requests.
#[derive(Clone, Copy)]
struct Map<'a> {
    /// For each number of a CPU the index of a queue.
    queues: &'a [Atomic<u32>],
    /// The index of the first queue of this type.
    first: u32,
    /// How many queues of this type there are.
    count: u32,
}

impl<'a> Map<'a> {
    /// The map of requests of `kind` in `set`, if there are such.
    ///
    /// # Safety
    ///
    /// `set` is a tag set of the NVMe core that stays for `'a`.
    unsafe fn new(set: *mut kernel_bindings::blk_mq_tag_set, kind: u32) -> Option<Self> {
        // SAFETY: By the contract of this function the tag set stays, and this is an array in it.
        let map = unsafe { (*set).map.get(kind as usize)? };
        if map.mq_map.is_null() || map.nr_queues == 0 {
            return None;
        }
        // SAFETY: The array has an entry for each number of a CPU, and is freed with the set. The
        // block layer reads it at any time, and writes it when it asks for a map.
        let queues =
            unsafe { core::slice::from_raw_parts(map.mq_map.cast(), nr_cpu_ids() as usize) };
        Some(Self {
            queues,
            first: map.queue_offset,
            count: map.nr_queues,
        })
    }

    /// Whether requests from `cpu` go to the queue with this index.
    fn serves(&self, index: u32, cpu: u32) -> bool {
        self.queues
            .get(cpu as usize)
            .is_some_and(|queue| queue.load(Relaxed) == index)
    }

    /// Whether the queue with this index can be connected at this moment.
    fn is_served(&self, index: u32) -> bool {
        OnlineCpu::all().any(|cpu| can_connect(cpu) && self.serves(index, cpu.id()))
    }

    /// Deals the queues out anew, if one of them cannot be connected.
    ///
    /// A CPU may come or go meanwhile. So it is for the caller to look whether a queue is served.
    fn deal_out(&self) {
        let end = self.first.saturating_add(self.count);
        if (self.first..end).all(|index| self.is_served(index)) {
            return;
        }
        let mut dealer = Dealer::new(self.count, able_cpus());
        for (cpu, queue) in (0..).zip(self.queues) {
            let nr = dealer.deal(what_can(cpu));
            // What is there is the index of a queue at any time: others read it meanwhile.
            queue.store(self.first.saturating_add(nr), Relaxed);
        }
    }

    /// Serves CPUs as `other` does, which has the same queues.
    fn follow(&self, other: &Self) {
        for (queue, other) in self.queues.iter().zip(other.queues) {
            queue.store(other.load(Relaxed), Relaxed);
        }
    }
}

/// Whether a Connect command can be sent from this CPU.
fn can_connect(cpu: OnlineCpu) -> bool {
    !cpu.is_isolated()
}

/// What the CPU with the number `cpu` can do for a queue at this moment.
fn what_can(cpu: u32) -> Cpu {
    if OnlineCpu::new(cpu).is_some_and(can_connect) {
        Cpu::Able
    } else if cpu::is_possible(cpu) {
        Cpu::Possible
    } else {
        Cpu::Absent
    }
}

/// How many queues of one type can be connected, each from a CPU of its own; at least 1.
fn able_cpus() -> u32 {
    let able = OnlineCpu::all().filter(|cpu| can_connect(*cpu)).count();
    u32::try_from(able).unwrap_or(u32::MAX).max(1)
}

impl<T: Controller> Ctrl<T> {
    /// Agrees with the controller on a number of I/O queues, sees how many serve what, and returns
    /// the number. May sleep.
    ///
    /// # Errors
    ///
    /// What the controller says; `ENOMEM` if it grants none.
    pub(crate) fn set_up_io_queue_count(&self) -> core::result::Result<u32, Failure> {
        let options = self.options().as_raw();
        // SAFETY: The options are valid.
        let mut count = unsafe { bindings::helper_nvmf_nr_io_queues(options) } as i32;
        // SAFETY: The controller is valid; C changes `count` to what is granted.
        Failure::check(unsafe { bindings::nvme_set_queue_count(self.as_raw(), &mut count) })?;
        let count = u32::try_from(count).unwrap_or(0);
        if count == 0 {
            dev_err!(self.device(), "unable to set any I/O queues\n");
            return Err(ENOMEM.into());
        }
        // More could not be connected: CPUs have gone since the options were given, or are
        // isolated.
        let options = self.options();
        let wanted = [
            options.nr_io_queues(),
            options.nr_write_queues(),
            options.nr_poll_queues(),
        ];
        let types = share_out(count, wanted.map(|wanted| wanted.min(able_cpus())));
        let count = types.into_iter().fold(0, u32::saturating_add);
        // SAFETY: Whoever sets a controller up does so alone, and blk-mq reads the numbers only
        // when it asks it to.
        unsafe { *self.io_queues.get() = types };
        // SAFETY: The controller is valid, and set up by this task alone.
        unsafe { (*self.as_raw()).queue_count = count.saturating_add(1) };
        Ok(count)
    }

    /// Deals the I/O queues out to the CPUs.
    ///
    /// # Safety
    ///
    /// Called by the block layer when it wants a map of the tag set for I/O.
    pub(super) unsafe fn map_queues(&self) {
        let set = self.io_tag_set.get();
        // C leaves the number of polled queues as it is if there are none.
        // SAFETY: The tag set is part of the controller. By the contract of this function the block
        // layer waits for the map.
        unsafe { (*set).map[bindings::hctx_type_HCTX_TYPE_POLL as usize].nr_queues = 0 };
        // SAFETY: The block layer waits for the map; `io_queues` are three numbers, as C wants
        // them, that are not changed meanwhile.
        unsafe { bindings::nvmf_map_queues(set, self.as_raw(), self.io_queues.get().cast()) };

        let map = |kind| {
            // SAFETY: The tag set is part of the controller.
            unsafe { Map::new(set, kind) }
        };
        let default = map(bindings::hctx_type_HCTX_TYPE_DEFAULT);
        if let Some(default) = &default {
            default.deal_out();
        }
        match (default, map(bindings::hctx_type_HCTX_TYPE_READ)) {
            // One queue must not be of two types.
            (Some(default), Some(read)) if read.first == default.first => read.follow(&default),
            (_, Some(read)) => read.deal_out(),
            (_, None) => {}
        }
        if let Some(poll) = map(bindings::hctx_type_HCTX_TYPE_POLL) {
            poll.deal_out();
        }
    }

    /// The map of the type of I/O queue `qid`, and the queue's index.
    fn map_of(&self, qid: u16) -> Option<(Map<'_>, u32)> {
        // SAFETY: Changed only before queues are made.
        let [default, read, _] = unsafe { *self.io_queues.get() };
        let index = u32::from(qid).checked_sub(1)?;
        let kind = if index < default {
            bindings::hctx_type_HCTX_TYPE_DEFAULT
        } else if index < default.saturating_add(read) {
            bindings::hctx_type_HCTX_TYPE_READ
        } else {
            bindings::hctx_type_HCTX_TYPE_POLL
        };
        // SAFETY: The tag set is part of the controller.
        Some((unsafe { Map::new(self.io_tag_set.get(), kind) }?, index))
    }

    /// Whether requests from `cpu` go to I/O queue `qid`.
    pub(crate) fn serves_cpu(&self, qid: u16, cpu: OnlineCpu) -> bool {
        self.map_of(qid)
            .is_some_and(|(map, index)| map.serves(index, cpu.id()))
    }

    /// Whether I/O queue `qid` can be connected at this moment.
    pub(crate) fn is_served(&self, qid: u16) -> bool {
        self.map_of(qid)
            .is_some_and(|(map, index)| map.is_served(index))
    }

    /// Whether requests may come to I/O queue `qid`, now or when more CPUs are online.
    pub(crate) fn is_mapped(&self, qid: u16) -> bool {
        self.map_of(qid).is_some_and(|(map, index)| {
            (0..nr_cpu_ids()).any(|cpu| cpu::is_possible(cpu) && map.serves(index, cpu))
        })
    }
}
