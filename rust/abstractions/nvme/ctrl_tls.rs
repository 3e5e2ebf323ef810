// SPDX-License-Identifier: GPL-2.0

//! The keys of a controller whose connections are encrypted.
//!
//! All of this is for whoever sets the controller up or tears it down.
//!
//! C headers: [`drivers/nvme/host/nvme.h`](srctree/drivers/nvme/host/nvme.h), `tls_pskid`;
//! [`include/linux/nvme-keyring.h`](srctree/include/linux/nvme-keyring.h)

use kernel::prelude::*;

use super::{
    ctrl::Ctrl,
    ctrl_ops::Controller, //
};
use crate::{
    abstractions::key::KeySerial,
    bindings, //
};

impl<T: Controller> Ctrl<T> {
    /// The key that the user chose, or that authentication has made (`concat`).
    pub(crate) fn configured_psk(&self) -> Option<KeySerial> {
        // SAFETY: The options are valid. Besides the user, who cannot change it any more, only
        // authentication of the admin queue sets the field, for which whoever sets the controller
        // up waits, and `revoke_generated_psk`. Who writes a secret or `tls_configured_key` just
        // when the controller is set up anew starts authentication beside it: C has no lock for
        // that, and tcp.c the same race.
        let key = unsafe { (*self.options().as_raw()).tls_key };
        // SAFETY: The field has a reference to it, or is null.
        unsafe { KeySerial::of(key) }
    }

    /// The best key that there is for this host and this subsystem in the keyring that the user
    /// chose, or else in NVMe's own. May sleep.
    pub(crate) fn default_psk(&self) -> Option<KeySerial> {
        // SAFETY: The options are valid, and the field does not change.
        let keyring = unsafe { (*self.options().as_raw()).keyring };
        let host = self.options().host_nqn().as_char_ptr();
        let subsystem = self.subsystem_nqn().as_char_ptr();
        // SAFETY: The keyring is null or one that the options have a reference to; the names are
        // NUL-terminated, and stay as long as the options.
        let serial = unsafe { bindings::helper_nvme_tls_psk_default(keyring, host, subsystem) };
        KeySerial::from_raw(serial)
    }

    /// The keyring that the user chose, or else NVMe's own.
    pub(crate) fn keyring(&self) -> Option<KeySerial> {
        // SAFETY: The options are valid, and the field does not change.
        let keyring = unsafe { (*self.options().as_raw()).keyring };
        // SAFETY: The field has a reference to it, or is null.
        unsafe { KeySerial::of(keyring) }.or_else(KeySerial::nvme_keyring)
    }

    /// The key that the admin queue is encrypted with.
    pub(crate) fn negotiated_psk(&self) -> Option<KeySerial> {
        // SAFETY: The controller is valid; whoever sets it up or tears it down is alone.
        KeySerial::from_raw(unsafe { (*self.as_raw()).tls_pskid })
    }

    /// Notes the key that the admin queue is encrypted with, as sysfs shows it (`tls_key`).
    pub(crate) fn set_negotiated_psk(&self, psk: Option<KeySerial>) {
        // SAFETY: The controller is valid; whoever sets it up or tears it down is alone. Others
        // read the number as a whole.
        unsafe { (*self.as_raw()).tls_pskid = KeySerial::into_raw(psk) };
    }

    /// Revokes the key that authentication has made, if it has: the next connection of the admin
    /// queue makes another. May sleep.
    pub(crate) fn revoke_generated_psk(&self) {
        if self.options().concat() && self.configured_psk().is_some() {
            // SAFETY: The controller is valid, and there is such a key.
            unsafe { bindings::helper_nvme_auth_revoke_tls_key(self.as_raw()) };
        }
    }
}
