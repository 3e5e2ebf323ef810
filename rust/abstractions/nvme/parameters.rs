// SPDX-License-Identifier: GPL-2.0

//! The parameters of the host module, which the administrator may change at any time.
//!
//! They are declared in C: the module macro of Rust has none that can be written.

use crate::{
    abstractions::net::congestion::Congestion,
    bindings, //
};

/// The priority of the packets of new connections, if positive (`so_priority`).
pub(crate) fn so_priority() -> i32 {
    // SAFETY: C reads a number.
    unsafe { bindings::helper_nvme_so_priority() }
}

/// Whether queues that are started work on any CPU (`wq_unbound`).
pub(crate) fn wq_unbound() -> bool {
    // SAFETY: C reads a flag.
    unsafe { bindings::helper_nvme_wq_unbound() }
}

/// How many seconds a TLS handshake may take (`tls_handshake_timeout`).
pub(crate) fn tls_handshake_timeout() -> u32 {
    // SAFETY: C reads a number.
    unsafe { bindings::helper_nvme_tls_handshake_timeout() }
}

/// How many seconds a peer without keep alive may be silent; 0 for any number (`peer_timeout`).
pub(crate) fn peer_timeout() -> u32 {
    // SAFETY: C reads a number.
    unsafe { bindings::helper_nvme_peer_timeout() }
}

/// The congestion control of new connections, if it is not to be that of their network namespace
/// (`congestion`). May sleep.
pub(crate) fn congestion() -> Option<Congestion> {
    Congestion::from_c(|name| {
        // SAFETY: C fills in as many bytes as there are.
        unsafe { bindings::helper_nvme_congestion(name.as_mut_ptr()) }
    })
}
