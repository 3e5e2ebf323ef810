// SPDX-License-Identifier: GPL-2.0

//! Keys of the kernel's key service, as far as TLS with pre-shared keys needs them: who they are,
//! never what they are.
//!
//! C headers: [`include/linux/key.h`](srctree/include/linux/key.h),
//! [`include/linux/nvme-keyring.h`](srctree/include/linux/nvme-keyring.h)

use core::{
    num::NonZero,
    ptr::NonNull, //
};

use kernel::{
    error::from_err_ptr,
    fmt,
    prelude::*, //
};

use crate::bindings;

/// The number by which users know a key (`key_serial_t`). It keeps nothing alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeySerial(NonZero<bindings::key_serial_t>);

impl KeySerial {
    /// What C means; 0 is no key.
    pub(super) fn from_raw(serial: bindings::key_serial_t) -> Option<Self> {
        NonZero::new(serial).map(Self)
    }

    /// What C means by `serial`.
    pub(super) fn into_raw(serial: Option<Self>) -> bindings::key_serial_t {
        serial.map_or(0, |serial| serial.0.get())
    }

    /// The serial of a key of C, if it is one.
    ///
    /// # Safety
    ///
    /// `key` is null or alive.
    pub(super) unsafe fn of(key: *const bindings::key) -> Option<Self> {
        // SAFETY: By the contract of this function; C looks for null, and the field does not
        // change.
        Self::from_raw(unsafe { bindings::helper_key_serial(key) })
    }

    /// The keyring of NVMe over TCP (`.nvme`); [`None`] if the kernel has none.
    pub fn nvme_keyring() -> Option<Self> {
        // SAFETY: It only returns a number.
        Self::from_raw(unsafe { bindings::helper_nvme_keyring_id() })
    }
}

impl fmt::Display for KeySerial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0.get())
    }
}

/// A reference to a pre-shared key.
///
/// # Invariants
///
/// The pointer is to a key, and one reference to it is ours.
pub struct Psk(NonNull<bindings::key>);

// SAFETY: Any task may use a key, and give up a reference to it.
unsafe impl Send for Psk {}
// SAFETY: What is offered reads what does not change.
unsafe impl Sync for Psk {}

impl Psk {
    /// The key that a TLS handshake was done with. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOKEY` if there is none with this number, `EKEYREVOKED` if it has been revoked.
    pub fn lookup(serial: KeySerial) -> Result<Self> {
        let serial = KeySerial::into_raw(Some(serial));
        // SAFETY: C takes any number.
        let key = from_err_ptr(unsafe { bindings::helper_nvme_tls_key_lookup(serial) })?;
        // INVARIANT: C has made a reference for its caller.
        NonNull::new(key).map(Self).ok_or(ENOKEY)
    }

    /// The key's number.
    pub fn serial(&self) -> Option<KeySerial> {
        // SAFETY: By the invariant the key is alive.
        unsafe { KeySerial::of(self.0.as_ptr()) }
    }

    /// Gives the reference to C.
    #[cfg(nvme_target)]
    pub(super) fn into_raw(self) -> *mut bindings::key {
        core::mem::ManuallyDrop::new(self).0.as_ptr()
    }
}

impl Drop for Psk {
    fn drop(&mut self) {
        // SAFETY: By the invariant the reference is ours; it is not used again.
        unsafe { bindings::key_put(self.0.as_ptr()) };
    }
}
