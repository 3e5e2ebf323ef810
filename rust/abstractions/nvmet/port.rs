// SPDX-License-Identifier: GPL-2.0

//! Ports, as the administrator describes them in configfs.
//!
//! C header: [`drivers/nvme/target/nvmet.h`](srctree/drivers/nvme/target/nvmet.h),
//! `struct nvmet_port`.

use core::{
    marker::PhantomData,
    ptr::NonNull, //
};

use kernel::prelude::*;

use crate::{
    abstractions::sockaddr::Family,
    bindings, //
};

/// A port that is being enabled.
///
/// # Invariants
///
/// `raw` is valid for `'a`, and nobody changes its settings meanwhile.
pub(crate) struct Port<'a> {
    raw: NonNull<bindings::nvmet_port>,
    _port: PhantomData<&'a mut bindings::nvmet_port>,
}

impl Port<'_> {
    /// # Safety
    ///
    /// `raw` is valid while the result lives, and the core holds `nvmet_config_sem` for writing.
    pub(super) unsafe fn new(raw: NonNull<bindings::nvmet_port>) -> Self {
        // INVARIANT: By the contract of this function; settings are changed with the lock held.
        Self {
            raw,
            _port: PhantomData,
        }
    }

    /// What connections to this port refer to it by.
    pub(crate) fn handle(&self) -> PortHandle {
        // INVARIANT: The port is alive, see there for how long.
        PortHandle(self.raw)
    }

    fn addr(&self) -> &bindings::nvmf_disc_rsp_page_entry {
        // SAFETY: By the invariant.
        unsafe { &(*self.raw.as_ptr()).disc_addr }
    }

    /// The number by which users know the port.
    pub(crate) fn id(&self) -> u16 {
        u16::from_le(self.addr().portid)
    }

    /// The address family (`addr_adrfam`), or `None` if it is not IP.
    pub(crate) fn family(&self) -> Option<Family> {
        match u32::from(self.addr().adrfam) {
            bindings::NVMF_ADDR_FAMILY_IP4 => Some(Family::V4),
            bindings::NVMF_ADDR_FAMILY_IP6 => Some(Family::V6),
            _ => None,
        }
    }

    /// The address (`addr_traddr`) as it was written.
    pub(crate) fn traddr(&self) -> &CStr {
        text(&self.addr().traddr)
    }

    /// The TCP port (`addr_trsvcid`) as it was written.
    pub(crate) fn trsvcid(&self) -> &CStr {
        text(&self.addr().trsvcid)
    }

    /// Whether connections are to be encrypted (`addr_tsas` is `tls1.3`).
    pub(crate) fn wants_tls(&self) -> bool {
        // SAFETY: Every variant of the union is bytes.
        let tcp = unsafe { self.addr().tsas.tcp.as_ref() };
        u32::from(tcp.sectype) == bindings::NVMF_TCP_SECTYPE_TLS13
    }

    /// How much data a capsule of an I/O queue may hold in bytes; [`None`] if the administrator
    /// leaves that to us (`param_inline_data_size`).
    pub(crate) fn inline_data_size(&self) -> Option<u32> {
        // SAFETY: By the invariant.
        let bytes = unsafe { (*self.raw.as_ptr()).inline_data_size };
        bytes.try_into().ok()
    }

    /// Sets how much data a capsule of an I/O queue may hold in bytes, which is what hosts are told
    /// (`IOCCSZ` of Identify Controller).
    pub(crate) fn set_inline_data_size(&mut self, bytes: u32) {
        let bytes = i32::try_from(bytes).unwrap_or(i32::MAX);
        // SAFETY: By the invariant.
        unsafe { (*self.raw.as_ptr()).inline_data_size = bytes };
    }
}

/// The text in an array, which ends it if no NUL does.
fn text(chars: &[u8]) -> &CStr {
    CStr::from_bytes_until_nul(chars).unwrap_or_default()
}

/// A port that has been enabled.
///
/// # Invariants
///
/// The port is alive while there is a [`SubQueue`](super::queue::SubQueue) for it: the core
/// disables it first, upon which the transport releases its connections on the
/// [workqueue](super::workqueue), and `nvmet_port_release()` waits for that before it frees it.
#[derive(Clone, Copy)]
pub(crate) struct PortHandle(NonNull<bindings::nvmet_port>);

// SAFETY: The pointer is only followed to what does not change while the port is enabled.
unsafe impl Send for PortHandle {}
// SAFETY: As above.
unsafe impl Sync for PortHandle {}

impl PortHandle {
    /// The port as C knows it.
    pub(super) fn as_raw(self) -> *mut bindings::nvmet_port {
        self.0.as_ptr()
    }
}
