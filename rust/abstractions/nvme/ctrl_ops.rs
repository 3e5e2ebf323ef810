// SPDX-License-Identifier: GPL-2.0

//! The core's way into a transport, for one of its controllers.
//!
//! C header: [`drivers/nvme/host/nvme.h`](srctree/drivers/nvme/host/nvme.h),
//! `struct nvme_ctrl_ops`.

use core::marker::PhantomData;

use kernel::{
    fmt::Write as _,
    prelude::*,
    sync::Arc,
    ModuleMetadata, //
};

use super::{
    attributes::Figure,
    blk_mq::Operations,
    ctrl::Ctrl,
    status::Failure,
    transport::{
        Shared,
        Transport, //
    }, //
};
use crate::{
    abstractions::net::address::SockAddr,
    bindings, //
};

/// The transport's part of a controller, as the core uses it (`struct nvme_ctrl_ops`), and as its
/// works do ([`ctrl_work`](super::ctrl_work)).
///
/// All functions may sleep.
#[vtable]
pub(crate) trait Controller: Sized + Send + Sync + 'static {
    /// The transport.
    type Transport: Transport<Controller = Self>;

    /// A queue, the admin queue being number 0.
    type Queue: Operations<Controller = Self>;

    /// The most data that a command has, in bytes, even if the controller names no limit.
    const MAX_DATA: u32;

    /// The queue with number `qid`. Does not sleep.
    fn queue(&self, qid: usize) -> Option<&Arc<Self::Queue>>;

    /// Connects the queues for the first time, and makes the controller live.
    fn set_up(ctrl: &Ctrl<Self>) -> core::result::Result<(), Failure>;

    /// Tears the connections down, after an error, and sees to it that they are made again.
    fn recover(ctrl: &Ctrl<Self>);

    /// Tries to make the connections again.
    fn reconnect(ctrl: &Ctrl<Self>);

    /// Tears the connections down in an orderly way, and makes them again.
    fn reset(ctrl: &Ctrl<Self>);

    /// Tears the connections down in an orderly way, for good.
    fn delete_ctrl(ctrl: &Ctrl<Self>);

    /// Sends an Asynchronous Event Request.
    fn submit_async_event(ctrl: &Ctrl<Self>);

    /// The address that the admin queue is connected from.
    fn source_address(ctrl: &Ctrl<Self>) -> Option<SockAddr>;

    /// A figure for sysfs.
    fn figure(ctrl: &Ctrl<Self>, figure: Figure) -> u32;
}

/// The table of controllers of `T`.
pub(super) fn ctrl_ops<T: Controller>() -> &'static bindings::nvme_ctrl_ops {
    &CtrlOps::<T>::OPS
}

struct CtrlOps<T>(PhantomData<T>);

impl<T: Controller> CtrlOps<T> {
    const OPS: bindings::nvme_ctrl_ops = bindings::nvme_ctrl_ops {
        name: kernel::str::as_char_ptr_in_const_context(T::Transport::NAME),
        module: <<T::Transport as Transport>::Module as ModuleMetadata>::THIS_MODULE.as_ptr(),
        flags: bindings::NVME_F_FABRICS | bindings::NVME_F_BLOCKING,
        dev_attr_groups: core::ptr::null_mut(),
        reg_read32: Some(bindings::nvmf_reg_read32),
        reg_write32: Some(bindings::nvmf_reg_write32),
        reg_read64: Some(bindings::nvmf_reg_read64),
        free_ctrl: Some(Self::free_ctrl),
        submit_async_event: Some(Self::submit_async_event),
        subsystem_reset: Some(bindings::nvmf_subsystem_reset),
        delete_ctrl: Some(Self::delete_ctrl),
        stop_ctrl: Some(Self::stop_ctrl),
        get_address: Some(Self::get_address),
        print_device_info: None,
        supports_pci_p2pdma: None,
        get_virt_boundary: Some(Self::get_virt_boundary),
    };

    /// # Safety
    ///
    /// Called by the core, like all that follow, with the `raw` of a `Ctrl<T>` that is alive; here
    /// for the last time.
    unsafe extern "C" fn free_ctrl(raw: *mut bindings::nvme_ctrl) {
        // SAFETY: A controller is freed before its transport is unregistered.
        let shared = unsafe { Shared::<T::Transport>::get() };
        // SAFETY: By the contract of this function the controller is alive.
        let ctrl = unsafe { Ctrl::<T>::from_raw(raw) };
        if ctrl.is_created() {
            shared.forget(ctrl);
            // SAFETY: A controller that was created owns its options.
            unsafe { bindings::nvmf_free_options(ctrl.options().as_raw()) };
        }
        // SAFETY: `alloc_ctrl` made it of a `KBox`, and nobody has a reference any more.
        drop(unsafe { KBox::from_raw(raw.cast::<Ctrl<T>>()) });
        shared.freed();
    }

    /// # Safety
    ///
    /// That of [`Self::free_ctrl`], but not for the last time.
    unsafe extern "C" fn submit_async_event(raw: *mut bindings::nvme_ctrl) {
        // SAFETY: By the contract of this function the controller is alive.
        T::submit_async_event(unsafe { Ctrl::from_raw(raw) });
    }

    /// # Safety
    ///
    /// That of [`Self::free_ctrl`], but not for the last time.
    unsafe extern "C" fn delete_ctrl(raw: *mut bindings::nvme_ctrl) {
        // SAFETY: By the contract of this function the controller is alive.
        T::delete_ctrl(unsafe { Ctrl::from_raw(raw) });
    }

    /// # Safety
    ///
    /// That of [`Self::free_ctrl`], but not for the last time.
    unsafe extern "C" fn stop_ctrl(raw: *mut bindings::nvme_ctrl) {
        // SAFETY: By the contract of this function the controller is alive.
        unsafe { Ctrl::<T>::from_raw(raw) }.stop_works();
    }

    /// # Safety
    ///
    /// That of [`Self::free_ctrl`], but not for the last time; `buf` has room for `size` bytes.
    unsafe extern "C" fn get_address(
        raw: *mut bindings::nvme_ctrl,
        buf: *mut c_char,
        size: i32,
    ) -> i32 {
        // SAFETY: By the contract of this function there is room for as many bytes.
        let len = unsafe { bindings::nvmf_get_address(raw, buf, size) };
        // SAFETY: By the contract of this function the controller is alive.
        let ctrl = unsafe { Ctrl::<T>::from_raw(raw) };
        let Some(source) = T::source_address(ctrl).and_then(|addr| addr.ip()) else {
            return len;
        };
        // What C wrote ends with a newline, which moves to the end.
        let (Ok(at), Ok(size)) = (usize::try_from(len - 1), usize::try_from(size)) else {
            return len;
        };
        let rest = buf.cast::<u8>().wrapping_add(at);
        // SAFETY: C has written at least `at` of the `size` bytes that there is room for by the
        // contract of this function, and nobody else uses the buffer.
        let rest = unsafe { core::slice::from_raw_parts_mut(rest, size.saturating_sub(at)) };
        let mut out = kernel::str::Formatter::new(rest);
        match writeln!(out, ",src_addr={source}") {
            Ok(()) => i32::try_from(at.saturating_add(out.bytes_written())).unwrap_or(len),
            Err(_) => len,
        }
    }

    /// # Safety
    ///
    /// None: it looks at nothing.
    unsafe extern "C" fn get_virt_boundary(_raw: *mut bindings::nvme_ctrl, _admin: bool) -> usize {
        0
    }
}
