// SPDX-License-Identifier: GPL-2.0

//! Workqueues of one's own, and waiting for work.
//!
//! Adds to [`kernel::workqueue`] what it lacks: allocation, a CPU to run on, cancelling.
//!
//! C header: [`include/linux/workqueue.h`](srctree/include/linux/workqueue.h)

use core::{
    ops::Deref,
    ptr::NonNull, //
};

use kernel::{
    container_of,
    cpu::CpuId,
    prelude::*,
    sync::{
        aref::{
            ARef,
            AlwaysRefCounted, //
        },
        atomic::{
            ordering::Relaxed,
            Atomic, //
        },
        Arc, //
    },
    workqueue::{
        HasDelayedWork,
        HasWork,
        Queue,
        RawWorkItem,
        Work,
        WorkItem, //
    }, //
};

use super::cpu::OnlineCpu;
use crate::bindings;

/// A CPU, or none in particular, for work to run on.
///
/// Work that is queued for a CPU which never was online does not run: it has no workers. Those of a
/// CPU that was online once stay, and go on elsewhere while it is offline.
///
/// # Invariants
///
/// It is `WORK_CPU_UNBOUND` or the number of a CPU that is or was online.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkCpu(i32);

impl WorkCpu {
    /// No CPU in particular.
    // INVARIANT: As required.
    pub const UNBOUND: Self = Self(bindings::wq_misc_consts_WORK_CPU_UNBOUND as i32);

    /// The given CPU, or none in particular if the number is none of a CPU that is online (sockets
    /// say -1 when they do not know).
    pub fn new(cpu: i32) -> Self {
        u32::try_from(cpu)
            .ok()
            .and_then(OnlineCpu::new)
            .map_or(Self::UNBOUND, Self::from)
    }

    /// The CPU as an index, if it is one in particular.
    pub fn index(self) -> Option<usize> {
        (self != Self::UNBOUND)
            .then(|| usize::try_from(self.0).ok())
            .flatten()
    }

    /// Whether the caller runs on this CPU at the moment.
    pub fn is_current(self) -> bool {
        // The answer may be stale when it is used.
        u32::try_from(self.0) == Ok(CpuId::current().as_u32())
    }
}

impl From<OnlineCpu> for WorkCpu {
    fn from(cpu: OnlineCpu) -> Self {
        // INVARIANT: By the invariant of `cpu`. The number of a CPU fits.
        i32::try_from(cpu.id()).map_or(Self::UNBOUND, Self)
    }
}

/// A [`WorkCpu`] that several tasks read while one changes it.
///
/// # Invariants
///
/// It holds the number of a [`WorkCpu`].
pub struct AtomicWorkCpu(Atomic<i32>);

impl AtomicWorkCpu {
    /// Holds `cpu`.
    pub const fn new(cpu: WorkCpu) -> Self {
        // INVARIANT: As required.
        Self(Atomic::new(cpu.0))
    }

    /// The CPU.
    pub fn load(&self) -> WorkCpu {
        // INVARIANT: By the invariant of `self`.
        WorkCpu(self.0.load(Relaxed))
    }

    /// Puts `cpu` in its place, and returns what was there.
    pub fn replace(&self, cpu: WorkCpu) -> WorkCpu {
        // INVARIANT: By the invariant of `self`.
        WorkCpu(self.0.xchg(cpu.0, Relaxed))
    }
}

/// Where the work of a workqueue is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Workers {
    /// On the CPU that it is queued on.
    PerCpu,
    /// On any of the CPUs that sysfs allows (`cpumask`).
    Unbound,
}

/// A workqueue that is destroyed when dropped.
///
/// # Invariants
///
/// The pointer came from `alloc_workqueue` and is not destroyed before `drop`.
pub struct OwnedQueue(NonNull<bindings::workqueue_struct>);

// SAFETY: Any task may destroy a workqueue, unless it is one that works for it.
unsafe impl Send for OwnedQueue {}
// SAFETY: Workqueues may be used from any task.
unsafe impl Sync for OwnedQueue {}

impl OwnedQueue {
    /// Allocates a workqueue for I/O: high priority, usable under memory pressure, visible in
    /// sysfs.
    ///
    /// # Errors
    ///
    /// `ENOMEM`. May sleep.
    pub fn new_io(name: &'static CStr, workers: Workers) -> Result<Self> {
        let flags = bindings::wq_flags_WQ_MEM_RECLAIM
            | bindings::wq_flags_WQ_HIGHPRI
            | bindings::wq_flags_WQ_SYSFS
            | match workers {
                Workers::PerCpu => bindings::wq_flags_WQ_PERCPU,
                Workers::Unbound => bindings::wq_flags_WQ_UNBOUND,
            };
        // SAFETY: `%s` consumes one NUL-terminated string, which is what is passed.
        let queue = unsafe {
            bindings::alloc_workqueue_noprof(c"%s".as_char_ptr(), flags, 0, name.as_char_ptr())
        };
        // INVARIANT: Fresh from `alloc_workqueue`.
        NonNull::new(queue).map(Self).ok_or(ENOMEM)
    }

    /// Waits until all work has been done that is queued now. May sleep.
    pub fn flush(&self) {
        // SAFETY: By the invariant the queue is valid.
        unsafe { bindings::__flush_workqueue(self.0.as_ptr()) };
    }

    /// Queues work for a CPU; hands the reference back if the work is queued already.
    pub fn enqueue_on<W, const ID: u64>(&self, cpu: WorkCpu, work: W) -> W::EnqueueOutput
    where
        W: RawWorkItem<ID> + Send + 'static,
    {
        let queue_work = |work| {
            // SAFETY: By the invariants the queue is valid and the CPU has workers; `__enqueue`
            // gives a valid work that stays until it has run, if it is queued.
            unsafe { bindings::queue_work_on(cpu.0, self.0.as_ptr(), work) }
        };
        // SAFETY: `queue_work` returns `false` only if the work is queued already. `W` may be sent,
        // and has no lifetime.
        unsafe { work.__enqueue(queue_work) }
    }
}

impl Deref for OwnedQueue {
    type Target = Queue;

    fn deref(&self) -> &Queue {
        // SAFETY: By the invariant the queue lives at least as long as `self`.
        unsafe { Queue::from_raw(self.0.as_ptr()) }
    }
}

impl Drop for OwnedQueue {
    fn drop(&mut self) {
        // SAFETY: By the invariant the queue is valid. Nobody can queue on it any more, because
        // queueing borrows `self`; C waits for what is queued.
        unsafe { bindings::destroy_workqueue(self.0.as_ptr()) };
    }
}

/// The pointer to its item that work holds while it is queued.
///
/// # Safety
///
/// `RawWorkItem::__enqueue` gives the raw pointer to the item away, if it has queued the work, and
/// [`QueuedPointer::from_queued`] takes it back.
pub unsafe trait QueuedPointer<T> {
    /// Takes the pointer back from work that will not run.
    ///
    /// # Safety
    ///
    /// `item` was given away by `__enqueue`, and nobody else takes it back.
    unsafe fn from_queued(item: NonNull<T>) -> Self;
}

// SAFETY: `__enqueue` uses `Arc::into_raw`.
unsafe impl<T> QueuedPointer<T> for Arc<T> {
    unsafe fn from_queued(item: NonNull<T>) -> Self {
        // SAFETY: By the contract of this function it came from `Arc::into_raw`.
        unsafe { Arc::from_raw(item.as_ptr()) }
    }
}

// SAFETY: `__enqueue` uses `ARef::into_raw`.
unsafe impl<T: AlwaysRefCounted> QueuedPointer<T> for ARef<T> {
    unsafe fn from_queued(item: NonNull<T>) -> Self {
        // SAFETY: By the contract of this function it came from `ARef::into_raw`.
        unsafe { ARef::from_raw(item) }
    }
}

/// The work of `owner`, as C knows it: initialised, and valid as long as `owner` is borrowed.
fn raw_work<T, const ID: u64>(owner: &T) -> *mut bindings::work_struct
where
    T: HasWork<T, ID>,
{
    // SAFETY: `owner` is a valid value that holds the work.
    let work = unsafe { T::raw_get_work(NonNull::from(owner).as_ptr()) };
    // SAFETY: `work` points to a valid `Work`.
    unsafe { Work::raw_get(work) }
}

/// Waits until work that is queued has run. May sleep.
pub fn flush<T, const ID: u64>(owner: &T)
where
    T: WorkItem<ID> + HasWork<T, ID>,
{
    // SAFETY: The work is initialised and stays while `owner` is borrowed.
    unsafe { bindings::flush_work(raw_work::<T, ID>(owner)) };
}

/// Takes work off its queue, and waits for it if it is running. May sleep.
///
/// The work may be queued again afterwards, so callers first stop whoever queues it.
pub fn cancel_sync<T, const ID: u64>(owner: &T)
where
    T: WorkItem<ID, Pointer: QueuedPointer<T>> + HasWork<T, ID>,
{
    // SAFETY: The work is initialised and stays while `owner` is borrowed.
    if unsafe { bindings::cancel_work_sync(raw_work::<T, ID>(owner)) } {
        // SAFETY: The work was queued and will not run.
        drop(unsafe { T::Pointer::from_queued(owner.into()) });
    }
}

/// As [`cancel_sync`], for work that may be waiting for its time.
pub fn cancel_delayed_sync<T, const ID: u64>(owner: &T)
where
    T: WorkItem<ID, Pointer: QueuedPointer<T>> + HasDelayedWork<T, ID>,
{
    let work = raw_work::<T, ID>(owner);
    // SAFETY: `HasDelayedWork` says that it is part of a `delayed_work`.
    let work = unsafe { container_of!(work, bindings::delayed_work, work) };
    // SAFETY: The work is initialised and stays while `owner` is borrowed.
    if unsafe { bindings::cancel_delayed_work_sync(work) } {
        // SAFETY: The work was queued and will not run.
        drop(unsafe { T::Pointer::from_queued(owner.into()) });
    }
}
