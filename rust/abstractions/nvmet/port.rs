// SPDX-License-Identifier: GPL-2.0

//! Ports, as the administrator describes them in configfs.
//!
//! C header: [`drivers/nvme/target/nvmet.h`](srctree/drivers/nvme/target/nvmet.h),
//! `struct nvmet_port`.

use core::{
    marker::PhantomData,
    ptr::NonNull, //
};

use kernel::{
    new_condvar,
    new_mutex,
    prelude::*,
    sync::{
        Arc,
        CondVar,
        Mutex, //
    },
    workqueue::{
        impl_has_work,
        new_work,
        Work,
        WorkItem, //
    }, //
};

use super::transport::Transport;
use crate::{
    abstractions::{
        key::KeySerial,
        net::address::Family, //
    },
    bindings, //
};

/// What a port wants of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tls {
    /// Whether hosts have to use it (`addr_treq` is `required`).
    pub(crate) required: bool,
    /// Where keys are looked up.
    pub(crate) keyring: Option<KeySerial>,
}

/// A port that is being enabled.
///
/// # Invariants
///
/// `raw` is valid for `'a`, and nobody changes its settings meanwhile.
pub(crate) struct Port<'a, T: Transport> {
    raw: NonNull<bindings::nvmet_port>,
    enabled: &'a Arc<Enabled>,
    _transport: PhantomData<fn() -> T>,
}

impl<'a, T: Transport> Port<'a, T> {
    /// # Safety
    ///
    /// The port of `enabled` is valid while the result lives, and the core, which is enabling it
    /// for the transport `T`, holds `nvmet_config_sem` for writing.
    pub(super) unsafe fn new(enabled: &'a Arc<Enabled>) -> Self {
        // INVARIANT: By the contract of this function; settings are changed with the lock held.
        Self {
            raw: enabled.raw,
            enabled,
            _transport: PhantomData,
        }
    }

    /// What connections to this port refer to it by.
    pub(crate) fn handle(&self) -> PortHandle<T> {
        PortHandle {
            enabled: self.enabled.clone(),
            _transport: PhantomData,
        }
    }

    fn addr(&self) -> &bindings::nvmf_disc_rsp_page_entry {
        // SAFETY: By the invariant the port is valid while `self` lives, and nobody changes this.
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

    /// What connections are encrypted with (`addr_tsas` is `tls1.3`), if they are.
    pub(crate) fn tls(&self) -> Option<Tls> {
        // SAFETY: Every variant of the union is bytes.
        let tcp = unsafe { self.addr().tsas.tcp.as_ref() };
        if u32::from(tcp.sectype) != bindings::NVMF_TCP_SECTYPE_TLS13 {
            return None;
        }
        let channel = bindings::NVMF_TREQ_REQUIRED | bindings::NVMF_TREQ_NOT_REQUIRED;
        // SAFETY: By the invariant the port is valid, and the field does not change.
        let keyring = unsafe { (*self.raw.as_ptr()).keyring };
        Some(Tls {
            required: u32::from(self.addr().treq) & channel == bindings::NVMF_TREQ_REQUIRED,
            // SAFETY: The port has a reference to it, or the field is null.
            keyring: unsafe { KeySerial::of(keyring) },
        })
    }

    /// How much data a capsule of an I/O queue may hold in bytes; [`None`] if the administrator
    /// leaves that to us (`param_inline_data_size`).
    pub(crate) fn inline_data_size(&self) -> Option<u32> {
        // SAFETY: By the invariant the port is valid, and nobody changes this.
        let bytes = unsafe { (*self.raw.as_ptr()).inline_data_size };
        bytes.try_into().ok()
    }

    /// Whether hosts are refused whose connections fell back to TCP (`param_no_fallback`).
    pub(crate) fn no_fallback(&self) -> bool {
        // SAFETY: By the invariant the port is valid, and nobody changes this.
        unsafe { (*self.raw.as_ptr()).no_fallback }
    }

    /// Sets how much data a capsule of an I/O queue may hold in bytes, which is what hosts are told
    /// (`IOCCSZ` of Identify Controller).
    pub(crate) fn set_inline_data_size(&mut self, bytes: u32) {
        let bytes = i32::try_from(bytes).unwrap_or(i32::MAX);
        // SAFETY: By the invariant the port is valid, and nobody looks at this yet.
        unsafe { (*self.raw.as_ptr()).inline_data_size = bytes };
    }
}

/// The text in an array, which ends it if no NUL does.
fn text(chars: &[u8]) -> &CStr {
    CStr::from_bytes_until_nul(chars).unwrap_or_default()
}

/// The [`SubQueue`](super::queue::SubQueue)s that there are for a port.
struct Users {
    count: usize,
    /// More may come.
    open: bool,
}

/// A port that the core has enabled, or is about to, and whoever uses it.
///
/// # Invariants
///
/// The port is alive while `users` is open or counts somebody. The core disables a port before it
/// frees it; from then on nobody is added, and `wait_work` is on the core's workqueue until the
/// last one has gone, for which `nvmet_port_release()` waits.
#[pin_data]
pub(super) struct Enabled {
    raw: NonNull<bindings::nvmet_port>,
    #[pin]
    users: Mutex<Users>,
    #[pin]
    unused: CondVar,
    #[pin]
    wait_work: Work<Enabled>,
}

impl_has_work! {
    impl HasWork<Self> for Enabled { self.wait_work }
}

// SAFETY: The pointer is only followed by users of the port, to what does not change while it is
// enabled; the rest may be sent.
unsafe impl Send for Enabled {}
// SAFETY: The pointer is only followed by users of the port, to what does not change while it is
// enabled; the rest may be shared.
unsafe impl Sync for Enabled {}

impl Enabled {
    /// May sleep.
    ///
    /// # Safety
    ///
    /// `raw` is valid until [`Enabled::close`] has been called, which happens before or while the
    /// core disables the port.
    pub(super) unsafe fn new(raw: NonNull<bindings::nvmet_port>) -> Result<Arc<Self>> {
        Arc::pin_init(
            pin_init!(Self {
                raw,
                users <- new_mutex!(
                    Users {
                        count: 0,
                        open: true,
                    },
                    "nvmet::Enabled::users"
                ),
                unused <- new_condvar!("nvmet::Enabled::unused"),
                wait_work <- new_work!("nvmet::Enabled::wait_work"),
            }),
            GFP_KERNEL,
        )
    }

    /// The port is being disabled: nobody can begin to use it, and it stays until those who do
    /// have stopped. May sleep, but does not wait for them.
    pub(super) fn close(self: &Arc<Self>) {
        self.users.lock().open = false;
        // INVARIANT: Called once, so the work was not queued before.
        let _ = super::workqueue().enqueue::<Arc<Self>, 0>(self.clone());
    }
}

impl WorkItem for Enabled {
    type Pointer = Arc<Self>;

    fn run(this: Arc<Self>) {
        let mut users = this.users.lock();
        while users.count != 0 {
            this.unused.wait(&mut users);
        }
    }
}

/// What connections to a port of the transport `T` refer to it by, for as long as they like.
pub(crate) struct PortHandle<T: Transport> {
    enabled: Arc<Enabled>,
    _transport: PhantomData<fn() -> T>,
}

impl<T: Transport> PortHandle<T> {
    /// Begins to use the port. May sleep.
    ///
    /// # Errors
    ///
    /// `ENODEV` if it has been disabled.
    pub(super) fn enter(&self) -> Result<PortUser> {
        let mut users = self.enabled.users.lock();
        if !users.open {
            return Err(ENODEV);
        }
        users.count = users.count.checked_add(1).ok_or(EOVERFLOW)?;
        // INVARIANT: It has just been counted.
        Ok(PortUser(self.enabled.clone()))
    }
}

/// Somebody who uses a port, which is alive until this is dropped.
///
/// # Invariants
///
/// It is counted in `users`.
pub(super) struct PortUser(Arc<Enabled>);

impl PortUser {
    /// The port as C knows it.
    pub(super) fn as_raw(&self) -> *mut bindings::nvmet_port {
        self.0.raw.as_ptr()
    }
}

impl Drop for PortUser {
    /// May sleep.
    fn drop(&mut self) {
        let mut users = self.0.users.lock();
        // By the invariant this does not underflow.
        users.count = users.count.saturating_sub(1);
        if users.count == 0 {
            self.0.unused.notify_all();
        }
    }
}
