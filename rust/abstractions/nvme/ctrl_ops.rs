// SPDX-License-Identifier: GPL-2.0

//! The core's way into a transport, for one of its controllers.
//!
//! C header: [`drivers/nvme/host/nvme.h`](srctree/drivers/nvme/host/nvme.h),
//! `struct nvme_ctrl_ops`.

use core::marker::PhantomData;

use kernel::{
    fmt::Write as _,
    prelude::*, //
};

use super::ctrl::{
    Controller,
    Ctrl, //
};
use crate::bindings;

/// The operations of controllers of `T`.
pub(super) fn ctrl_ops<T: Controller>() -> &'static bindings::nvme_ctrl_ops {
    &CtrlOps::<T>::OPS
}

struct CtrlOps<T>(PhantomData<T>);

impl<T: Controller> CtrlOps<T> {
    const OPS: bindings::nvme_ctrl_ops = bindings::nvme_ctrl_ops {
        name: kernel::str::as_char_ptr_in_const_context(T::NAME),
        module: <T::Module as kernel::ModuleMetadata>::THIS_MODULE.as_ptr(),
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
    /// Called by the core, like all of these, with the `raw` of a `Ctrl<T>` that is alive; here
    /// for the last time.
    unsafe extern "C" fn free_ctrl(raw: *mut bindings::nvme_ctrl) {
        // SAFETY: By the contract of this function.
        let ctrl = unsafe { Ctrl::<T>::from_raw(raw) };
        if ctrl.is_created() {
            T::registry().forget(ctrl);
            // SAFETY: A controller that was created owns its options.
            unsafe { bindings::nvmf_free_options(ctrl.options().as_raw()) };
        }
        // SAFETY: `alloc_ctrl` made it of a `KBox`, and nobody has a reference any more.
        drop(unsafe { KBox::from_raw(raw.cast::<Ctrl<T>>()) });
        T::registry().freed();
    }

    /// # Safety
    ///
    /// As above.
    unsafe extern "C" fn submit_async_event(raw: *mut bindings::nvme_ctrl) {
        // SAFETY: By the contract of this function.
        T::submit_async_event(unsafe { Ctrl::from_raw(raw) });
    }

    /// # Safety
    ///
    /// As above.
    unsafe extern "C" fn delete_ctrl(raw: *mut bindings::nvme_ctrl) {
        // SAFETY: By the contract of this function.
        T::delete(unsafe { Ctrl::from_raw(raw) });
    }

    /// # Safety
    ///
    /// As above.
    unsafe extern "C" fn stop_ctrl(raw: *mut bindings::nvme_ctrl) {
        // SAFETY: By the contract of this function.
        unsafe { Ctrl::<T>::from_raw(raw) }.stop_works();
    }

    /// # Safety
    ///
    /// As above; `buf` has room for `size` bytes.
    unsafe extern "C" fn get_address(
        raw: *mut bindings::nvme_ctrl,
        buf: *mut c_char,
        size: i32,
    ) -> i32 {
        // SAFETY: By the contract of this function.
        let len = unsafe { bindings::nvmf_get_address(raw, buf, size) };
        // SAFETY: By the contract of this function.
        let Some(source) = T::source_address(unsafe { Ctrl::from_raw(raw) }).and_then(|a| a.ip())
        else {
            return len;
        };
        // What C wrote ends with a newline, which moves to the end.
        let (Ok(at), Ok(size)) = (usize::try_from(len - 1), usize::try_from(size)) else {
            return len;
        };
        // SAFETY: By the contract of this function; C has written at least `at` bytes.
        let rest = unsafe {
            core::slice::from_raw_parts_mut(buf.cast::<u8>().add(at), size.saturating_sub(at))
        };
        let mut out = kernel::str::Formatter::new(rest);
        match writeln!(out, ",src_addr={source}") {
            Ok(()) => i32::try_from(at.saturating_add(out.bytes_written())).unwrap_or(len),
            Err(_) => len,
        }
    }

    /// # Safety
    ///
    /// As above.
    unsafe extern "C" fn get_virt_boundary(_raw: *mut bindings::nvme_ctrl, _admin: bool) -> usize {
        0
    }
}
