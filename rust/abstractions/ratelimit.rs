// SPDX-License-Identifier: GPL-2.0

//! Bounds for messages that others can cause.
//!
//! C header: [`include/linux/ratelimit.h`](srctree/include/linux/ratelimit.h)

use kernel::{
    bindings as kernel_bindings,
    prelude::*,
    types::Opaque, //
};

use crate::bindings;

/// Says when there have been enough messages for a while (`struct ratelimit_state`).
///
/// # Invariants
///
/// `state` is initialised.
#[pin_data]
pub(crate) struct RateLimit {
    #[pin]
    state: Opaque<kernel_bindings::ratelimit_state>,
}

// SAFETY: C uses a lock, and does not care about tasks.
unsafe impl Send for RateLimit {}
// SAFETY: C uses a lock.
unsafe impl Sync for RateLimit {}

impl RateLimit {
    /// Ten messages in five seconds, as `printk_ratelimited()` has it.
    pub(crate) fn new() -> impl PinInit<Self> {
        // INVARIANT: C initialises it.
        pin_init!(Self {
            // SAFETY: The place is ours, and stays where it is.
            state <- Opaque::ffi_init(|state| unsafe {
                bindings::helper_ratelimit_state_init(state)
            }),
        })
    }

    /// Whether a message may be written. Those that may not are counted; the log tells their number
    /// afterwards, with `name`.
    pub(crate) fn allows(&self, name: &'static CStr) -> bool {
        // SAFETY: By the invariant the state is initialised, and the name ends with a NUL.
        unsafe { kernel_bindings::___ratelimit(self.state.get(), name.as_char_ptr()) != 0 }
    }
}
