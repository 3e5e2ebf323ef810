// SPDX-License-Identifier: GPL-2.0

//! What the user asked for when connecting.
//!
//! C header: [`drivers/nvme/host/fabrics.h`](srctree/drivers/nvme/host/fabrics.h)

use kernel::{
    prelude::*,
    types::Opaque, //
};

use crate::bindings;

/// The options of a connect (`struct nvmf_ctrl_options`).
///
/// # Invariants
///
/// The strings are NUL-terminated or null, and change in [`Options::set_trsvcid`] only. The number
/// of I/O queues and the key that authentication makes are the only other things that the NVMe core
/// changes while a controller exists.
#[repr(transparent)]
pub(crate) struct Options(Opaque<bindings::nvmf_ctrl_options>);

/// Makes a getter for a string.
macro_rules! string_option {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        pub(crate) fn $name(&self) -> Option<&CStr> {
            let raw = self.0.get();
            // SAFETY: The options are valid.
            let string = unsafe { (*raw).$name };
            // SAFETY: By the type invariant it is NUL-terminated, and stays as long as the options.
            (!string.is_null()).then(|| unsafe { CStr::from_char_ptr(string) })
        }
    };
}

/// Makes a getter for a plain value.
macro_rules! value_option {
    ($(#[$meta:meta])* $name:ident: $type:ty) => {
        $(#[$meta])*
        pub(crate) fn $name(&self) -> $type {
            let raw = self.0.get();
            // SAFETY: The options are valid.
            unsafe { (*raw).$name }
        }
    };
}

impl Options {
    /// Wraps the options as C has them.
    ///
    /// # Safety
    ///
    /// `raw` is valid for `'a`.
    pub(super) unsafe fn from_raw<'a>(raw: *mut bindings::nvmf_ctrl_options) -> &'a Self {
        // SAFETY: By the contract of this function; the type is transparent.
        unsafe { &*raw.cast() }
    }

    /// The options as C has them.
    pub(super) fn as_raw(&self) -> *mut bindings::nvmf_ctrl_options {
        self.0.get()
    }

    string_option!(
        /// The address to connect to.
        traddr
    );
    string_option!(
        /// The port to connect to.
        trsvcid
    );
    string_option!(
        /// The address to connect from.
        host_traddr
    );
    string_option!(
        /// The network device to connect through.
        host_iface
    );
    value_option!(
        /// Whether the discovery subsystem is meant.
        discovery_nqn: bool
    );
    value_option!(
        /// Whether to connect even if there is a controller for the same subsystem at this address.
        duplicate_connect: bool
    );
    value_option!(
        /// Whether headers have digests.
        hdr_digest: bool
    );
    value_option!(
        /// Whether data has digests.
        data_digest: bool
    );
    value_option!(
        /// The type of service, or -1.
        tos: i32
    );
    value_option!(
        /// The entries of an I/O queue.
        queue_size: usize
    );
    value_option!(
        /// The keep alive timeout in seconds.
        kato: u32
    );
    value_option!(
        /// The I/O queues for reading and, if there are none for writing, writing.
        nr_io_queues: u32
    );
    value_option!(
        /// The I/O queues for writing.
        nr_write_queues: u32
    );
    value_option!(
        /// The I/O queues for polling.
        nr_poll_queues: u32
    );
    value_option!(
        /// The seconds between attempts to reconnect.
        reconnect_delay: u32
    );
    value_option!(
        /// The attempts to reconnect before giving up, or -1 for any number.
        max_reconnects: i32
    );
    value_option!(
        /// Whether connections are encrypted, with a key that is there.
        tls: bool
    );
    value_option!(
        /// Whether connections are encrypted, with a key that authentication makes.
        concat: bool
    );

    /// The NQN of this host.
    pub(crate) fn host_nqn(&self) -> &CStr {
        // SAFETY: The options are valid.
        let host = unsafe { (*self.0.get()).host };
        // SAFETY: The NVMe core gives every set of options a host, and a reference to it.
        let nqn = unsafe { &raw const (*host).nqn };
        // SAFETY: The NQN is an array that ends with NUL, and does not change.
        unsafe { CStr::from_char_ptr(nqn.cast()) }
    }

    /// Sets the port, which the user has not given.
    ///
    /// # Errors
    ///
    /// `ENOMEM`. May sleep.
    ///
    /// # Safety
    ///
    /// There is no port, and nobody else uses the options yet.
    pub(super) unsafe fn set_trsvcid(&self, port: &CStr) -> Result {
        let raw = self.0.get();
        // SAFETY: `port` is NUL-terminated.
        let copy = unsafe { bindings::kstrdup(port.as_char_ptr(), bindings::GFP_KERNEL) };
        if copy.is_null() {
            return Err(ENOMEM);
        }
        // SAFETY: The options are valid, by the contract of this function nobody reads them, and no
        // string is lost; the NVMe core frees the new one.
        unsafe { (*raw).trsvcid = copy };
        // SAFETY: The options are valid, and by the contract of this function nobody reads them.
        unsafe { (*raw).mask |= bindings::NVMF_OPT_TRSVCID };
        Ok(())
    }
}
