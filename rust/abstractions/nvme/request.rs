// SPDX-License-Identifier: GPL-2.0

//! Requests of the block layer that carry NVMe commands, as a transport holds them.
//!
//! Two parts of a transport work on a request at the same time: one sends its command and data,
//! the other receives its data and response. Each has a handle of its own, with state of its own,
//! and the request is completed when its response is known *and* no handle is left. So a peer that
//! answers a command before it has been sent entirely cannot make the sender read memory that has
//! been given back.
//!
//! C headers: [`include/linux/blk-mq.h`](srctree/include/linux/blk-mq.h),
//! [`drivers/nvme/host/nvme.h`](srctree/drivers/nvme/host/nvme.h)

use core::{
    cell::UnsafeCell,
    ptr::NonNull, //
};

use kernel::{
    bindings as kernel_bindings,
    sync::atomic::{
        ordering::{
            Full,
            Relaxed, //
        },
        Atomic, //
    }, //
};

use super::blk_mq::Operations;
use crate::{
    abstractions::{
        bvec::Cursor,
        llist::Link, //
    },
    bindings, //
};

pub(crate) use super::{
    request_recv::RecvRequest,
    request_send::SendRequest, //
};

/// Room for a command: 8 bytes for the transport, the submission queue entry, and what the
/// transport puts behind it.
pub(crate) const CAPSULE_LEN: usize = 144;

/// Where in the capsule the submission queue entry stands.
pub(super) const SQE_OFFSET: usize = 8;

/// A handle for sending exists.
pub(super) const SENDING: u32 = 1 << 0;
/// A handle for receiving exists.
pub(super) const RECEIVING: u32 = 1 << 1;
/// The outcome is known, or about to be: nobody else may set it.
pub(super) const CLAIMED: u32 = 1 << 2;
/// The request has been started and not been completed.
pub(super) const ACTIVE: u32 = 1 << 3;
/// The receiving side has a grant for the sending side.
pub(super) const GRANTED: u32 = 1 << 4;
/// Nobody waits for an answer any more: whoever completes the request must see that it happens.
pub(super) const ABANDONED: u32 = 1 << 5;
/// The request was answered, and fault injection has kept it from being completed
/// (`fail_io_timeout`). It stays with the block layer, which abandons it when its time is up.
const LOST: u32 = 1 << 6;

/// How a command ended.
#[derive(Clone, Copy, Default)]
pub(super) struct Outcome {
    /// The status field of the completion queue entry, with the phase bit, in CPU byte order.
    pub(super) status: u16,
    /// The command specific result, as on the wire.
    pub(super) result: u64,
}

impl Outcome {
    /// What a request has that nobody answered.
    pub(super) const ABORTED: Self = Self {
        status: (bindings::NVME_SC_HOST_ABORTED_CMD as u16) << 1,
        result: 0,
    };
}

/// Whether the block layer waits for a request that nobody holds, and whose outcome nobody knows.
fn is_unheld(state: u32) -> bool {
    state != 0 && state & (CLAIMED | SENDING | RECEIVING) == 0
}

/// The command of a request, with room before and behind it.
#[repr(C, align(8))]
pub(super) struct Capsule(pub(super) [u8; CAPSULE_LEN]);

/// What the sending side has.
pub(super) struct Sending<Q: Operations> {
    pub(super) capsule: Capsule,
    pub(super) state: Q::Send,
    /// The data that have not been sent.
    pub(super) unsent: Cursor<'static>,
}

/// What the receiving side has.
pub(super) struct Receiving<Q: Operations> {
    pub(super) state: Q::Recv,
    /// Where data go that have not come.
    pub(super) unreceived: Cursor<'static>,
}

/// What a request carries for the transport (the "PDU" of blk-mq).
///
/// # Invariants
///
/// - `sending` is used by the holder of `SENDING` alone, `receiving` by the holder of `RECEIVING`;
///   the capsule is also read by whoever deals with a request that has timed out.
/// - `grant` is written by the holder of `RECEIVING` if `GRANTED` is not set, and read by the
///   holder of `SENDING`, who clears it.
/// - `outcome` is [`Outcome::ABORTED`] when a request begins. It is written by a holder that sets
///   `CLAIMED`, before it gives up its handle, and read by whoever gives up the last one.
/// - `info` is written before the request is active.
#[repr(C)]
pub(super) struct RequestData<Q: Operations> {
    /// For the NVMe core, which expects it here.
    nvme: bindings::nvme_request,
    pub(super) state: Atomic<u32>,
    pub(super) link: UnsafeCell<Link>,
    pub(super) outcome: UnsafeCell<Outcome>,
    pub(super) info: UnsafeCell<Info>,
    pub(super) grant: UnsafeCell<Q::Grant>,
    pub(super) sending: UnsafeCell<Sending<Q>>,
    pub(super) receiving: UnsafeCell<Receiving<Q>>,
}

/// What does not change while a request is in flight.
#[derive(Clone, Copy, Default)]
pub(crate) struct Info {
    /// The command identifier.
    pub(crate) command_id: u16,
    /// The length of the data in bytes.
    pub(crate) data_len: u32,
    /// Whether data goes to the controller.
    pub(crate) is_write: bool,
    /// Whether it is not the block layer's: then there may be more memory than the command has
    /// data.
    pub(crate) is_passthrough: bool,
}

impl<Q: Operations> RequestData<Q> {
    /// The data of `rq`.
    ///
    /// # Safety
    ///
    /// `rq` is a valid request of a tag set that the controller of a `Q` allocated.
    pub(super) unsafe fn from_request(rq: *mut kernel_bindings::request) -> NonNull<Self> {
        // SAFETY: By the contract of this function `rq` is valid; its data follow it.
        let data = unsafe { bindings::blk_mq_rq_to_pdu(rq) };
        // SAFETY: What follows a request is not at address 0.
        unsafe { NonNull::new_unchecked(data.cast()) }
    }

    /// The request that `this` is the data of.
    pub(super) fn request(this: NonNull<Self>) -> *mut kernel_bindings::request {
        // SAFETY: `this` follows a request.
        unsafe { bindings::blk_mq_rq_from_pdu(this.as_ptr().cast()) }
    }

    /// Initialises the data of a request whose memory blk-mq has just allocated.
    ///
    /// # Safety
    ///
    /// Called once for `rq`, by blk-mq's `init_request`, of a tag set of `ctrl`.
    pub(super) unsafe fn init(rq: *mut kernel_bindings::request, ctrl: *mut bindings::nvme_ctrl) {
        // SAFETY: By the contract of this function `rq` is valid and of such a tag set.
        let this = unsafe { Self::from_request(rq) }.as_ptr();
        let entry = core::mem::offset_of!(Self, sending)
            + core::mem::offset_of!(Sending<Q>, capsule)
            + SQE_OFFSET;
        let data = Self {
            nvme: bindings::nvme_request {
                ctrl,
                cmd: this.wrapping_byte_add(entry).cast(),
                ..Default::default()
            },
            // No handle exists.
            state: Atomic::new(0),
            link: UnsafeCell::new(Link::default()),
            outcome: UnsafeCell::new(Outcome::default()),
            info: UnsafeCell::new(Info::default()),
            grant: UnsafeCell::new(Q::Grant::default()),
            sending: UnsafeCell::new(Sending {
                capsule: Capsule([0; CAPSULE_LEN]),
                state: Q::Send::default(),
                unsent: Cursor::empty(),
            }),
            receiving: UnsafeCell::new(Receiving {
                state: Q::Recv::default(),
                unreceived: Cursor::empty(),
            }),
        };
        // SAFETY: The tag set was made with room for this behind each request, which nobody uses
        // yet.
        unsafe { this.write(data) };
    }

    /// Drops what [`RequestData::init`] made.
    ///
    /// # Safety
    ///
    /// Called once for `rq`, by blk-mq's `exit_request`, when no handle exists.
    pub(super) unsafe fn exit(rq: *mut kernel_bindings::request) {
        // SAFETY: By the contract of this function `rq` is valid and of such a tag set.
        let this = unsafe { Self::from_request(rq) }.as_ptr();
        // SAFETY: `init` has written it, nobody has a handle, and it is not used again.
        unsafe { this.drop_in_place() };
    }

    /// Makes the state what `next` says, unless that is `None`. Returns the state before.
    ///
    /// Fully ordered: what was written before is seen by whoever sees the new state.
    fn change(&self, mut next: impl FnMut(u32) -> Option<u32>) -> Option<u32> {
        let mut old = self.state.load(Relaxed);
        loop {
            match self.state.cmpxchg(old, next(old)?, Full) {
                Ok(_) => return Some(old),
                Err(current) => old = current,
            }
        }
    }

    /// Adds and removes bits of the state if it is as `allowed` says. Returns the state before.
    ///
    /// Fully ordered, as [`RequestData::change`].
    pub(super) fn update(
        &self,
        set: u32,
        clear: u32,
        allowed: impl Fn(u32) -> bool,
    ) -> Option<u32> {
        self.change(|state| allowed(state).then_some((state & !clear) | set))
    }

    /// Ends the request without an answer: it is for the caller to complete if this returns `true`.
    /// Otherwise it is over already, or the holders of its handles complete it, if nobody has set
    /// another outcome with [`Outcome::ABORTED`].
    pub(super) fn abandon(&self) -> bool {
        let before = self.change(|state| match state {
            0 => None,
            _ if is_unheld(state) => Some(0),
            _ => Some(state | CLAIMED | ABANDONED),
        });
        before.is_some_and(is_unheld)
    }

    /// Sets the outcome, if nobody has. The caller holds a handle.
    pub(super) fn claim(&self, outcome: Outcome) {
        if self
            .update(CLAIMED, 0, |state| state & CLAIMED == 0)
            .is_some()
        {
            // SAFETY: Having set `CLAIMED`, this is the only writer; readers come only after the
            // handle that the caller holds is given up.
            unsafe { *self.outcome.get() = outcome };
        }
    }

    /// Gives up the handle `holder`, and completes the request if it was the last and the outcome
    /// is known.
    ///
    /// # Safety
    ///
    /// The caller holds `holder`, and does not use `this` afterwards.
    pub(super) unsafe fn release(this: NonNull<Self>, holder: u32) {
        // SAFETY: The contract of this function is that of `release_if`.
        unsafe { Self::release_if(this, holder, |_| true) };
    }

    /// As [`RequestData::release`], if the state is as `allowed` says. Returns whether it was.
    ///
    /// # Safety
    ///
    /// The caller holds `holder`, and does not use `this` afterwards if this returns `true`.
    pub(super) unsafe fn release_if(
        this: NonNull<Self>,
        holder: u32,
        allowed: impl Fn(u32) -> bool,
    ) -> bool {
        // SAFETY: `this` is valid, because a request with a handle is not completed.
        let data = unsafe { this.as_ref() };
        let rq = Self::request(this);
        let is_last = |state| state & CLAIMED != 0 && state & (SENDING | RECEIVING) == holder;
        // Asked once at most, and before the state changes: afterwards the request may be
        // somebody else's.
        let mut lost = None;

        let before = data.change(|state| {
            if !allowed(state) {
                return None;
            }
            if !is_last(state) {
                return Some(state & !holder);
            }
            // SAFETY: The handle that is being given up keeps the request valid.
            let fake = || unsafe { bindings::helper_blk_should_fake_timeout(rq) };
            let lost = state & ABANDONED == 0 && *lost.get_or_insert_with(fake);
            Some(if lost { LOST } else { 0 })
        });
        match before {
            None => return false,
            Some(before) if !is_last(before) => return true,
            Some(before) if before & ABANDONED == 0 && lost == Some(true) => return true,
            Some(_) => {}
        }

        // SAFETY: Written before the release of the handle of whoever wrote it. Nobody finds the
        // request any more, as its state is 0, and it is not used again before it is completed.
        let outcome = unsafe { *data.outcome.get() };
        let result = bindings::nvme_completion_nvme_result {
            bindgen_union_field: outcome.result,
            ..Default::default()
        };
        // SAFETY: The request was started and has not been completed; nobody uses it any more.
        if !unsafe { bindings::helper_nvme_complete_req(rq, outcome.status, result) } {
            // SAFETY: The request was started, and `helper_nvme_complete_req` has not completed it
            // but left that to us.
            unsafe { bindings::nvme_complete_rq(rq) };
        }
        true
    }

    /// The controller that the request belongs to.
    pub(super) fn ctrl(&self) -> *mut bindings::nvme_ctrl {
        self.nvme.ctrl
    }

    /// The submission queue entry.
    pub(super) fn command(&self) -> *mut bindings::nvme_command {
        self.nvme.cmd
    }

    /// What is known of the request.
    pub(super) fn info(&self) -> Info {
        // SAFETY: By the invariant it is not written while the request is in flight.
        unsafe { *self.info.get() }
    }
}
