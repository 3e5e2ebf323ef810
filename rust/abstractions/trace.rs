// SPDX-License-Identifier: GPL-2.0

//! Tracepoints. While one is off, a call is one instruction that does nothing, and what it would
//! tell is not made up.
//!
//! `kernel::tracepoint` is for those that the kernel's own bindings have; these have ours.
//!
//! C header: [`include/linux/tracepoint.h`](srctree/include/linux/tracepoint.h)

#[cfg(CONFIG_TRACEPOINTS)]
use kernel::bindings as kernel_bindings;

use crate::bindings;

/// A PDU on its way.
pub(crate) struct Pdu {
    /// Which controller of the host, or which queue of the target.
    pub(crate) id: u32,
    /// The number of the queue.
    pub(crate) qid: u16,
    /// Its common header.
    pub(crate) header: [u8; 8],
    /// The command that it belongs to.
    pub(crate) cid: u16,
}

/// Whether a tracepoint of C is on.
#[cfg(CONFIG_TRACEPOINTS)]
macro_rules! is_on {
    ($tracepoint:ident) => {{
        // SAFETY: It is the key of a tracepoint that C defines.
        unsafe {
            kernel::jump_label::static_branch_unlikely!(
                bindings::$tracepoint,
                kernel_bindings::tracepoint,
                key
            )
        }
    }};
}

/// Defines a function that tells of a PDU.
macro_rules! pdu {
    ($name:ident, $key:ident, $call:ident, $doc:literal) => {
        #[doc = $doc]
        #[inline(always)]
        pub(crate) fn $name(pdu: impl FnOnce() -> Option<Pdu>) {
            #[cfg(CONFIG_TRACEPOINTS)]
            {
                if let Some(pdu) = is_on!($key).then(pdu).flatten() {
                    // SAFETY: C copies the eight bytes of a header.
                    unsafe { bindings::$call(pdu.id, pdu.qid, pdu.header.as_ptr(), pdu.cid) };
                }
            }
            #[cfg(not(CONFIG_TRACEPOINTS))]
            let _ = pdu;
        }
    };
}

/// Defines a function that tells of an event of a socket: of controller or queue `id`.
macro_rules! socket {
    ($name:ident, $key:ident, $call:ident, $doc:literal) => {
        #[doc = $doc]
        #[inline(always)]
        pub(crate) fn $name(of: impl FnOnce() -> (u32, u16)) {
            #[cfg(CONFIG_TRACEPOINTS)]
            {
                if let Some((id, qid)) = is_on!($key).then(of) {
                    // SAFETY: C takes two numbers.
                    unsafe { bindings::$call(id, qid) };
                }
            }
            #[cfg(not(CONFIG_TRACEPOINTS))]
            let _ = of;
        }
    };
}

/// Tells of a call of `sk_data_ready`, as all do who have a function there.
///
/// # Safety
///
/// `sk` is alive.
#[inline(always)]
pub(super) unsafe fn sk_data_ready(sk: *mut bindings::sock) {
    #[cfg(CONFIG_TRACEPOINTS)]
    {
        if is_on!(__tracepoint_sk_data_ready) {
            // SAFETY: By the contract of this function.
            unsafe { bindings::helper_trace_sk_data_ready(sk) };
        }
    }
    #[cfg(not(CONFIG_TRACEPOINTS))]
    let _ = sk;
}

#[rustfmt::skip]
#[cfg(nvme_host)]
mod events {
    use super::*;

    pdu!(pdu_sent, __tracepoint_nvme_mptcp_pdu_sent, rust_do_trace_nvme_mptcp_pdu_sent,
         "A PDU is handed to the network.");
    pdu!(pdu_received, __tracepoint_nvme_mptcp_pdu_received, rust_do_trace_nvme_mptcp_pdu_received,
         "The header of a PDU has come.");
    socket!(data_ready, __tracepoint_nvme_mptcp_data_ready, rust_do_trace_nvme_mptcp_data_ready,
            "There may be something to receive.");
    socket!(write_space, __tracepoint_nvme_mptcp_write_space, rust_do_trace_nvme_mptcp_write_space,
            "There is room to send again.");
    socket!(closing, __tracepoint_nvme_mptcp_closing, rust_do_trace_nvme_mptcp_closing,
            "The connection is being closed, or is broken.");
}

#[rustfmt::skip]
#[cfg(nvme_target)]
mod events {
    use super::*;

    pdu!(pdu_sent, __tracepoint_nvmet_mptcp_pdu_sent, rust_do_trace_nvmet_mptcp_pdu_sent,
         "A PDU is handed to the network.");
    pdu!(pdu_received, __tracepoint_nvmet_mptcp_pdu_received,
         rust_do_trace_nvmet_mptcp_pdu_received,
         "The header of a PDU has come.");
    socket!(data_ready, __tracepoint_nvmet_mptcp_data_ready, rust_do_trace_nvmet_mptcp_data_ready,
            "There may be something to receive.");
    socket!(write_space, __tracepoint_nvmet_mptcp_write_space,
            rust_do_trace_nvmet_mptcp_write_space,
            "There is room to send again.");
    socket!(closing, __tracepoint_nvmet_mptcp_closing, rust_do_trace_nvmet_mptcp_closing,
            "The connection is being closed, or is broken.");
}

pub(crate) use events::*;
