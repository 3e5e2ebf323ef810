// SPDX-License-Identifier: GPL-2.0

//! What the target core calls of a transport.
//!
//! C header: [`drivers/nvme/target/nvmet.h`](srctree/drivers/nvme/target/nvmet.h),
//! `struct nvmet_fabrics_ops`.

use core::{
    marker::PhantomData,
    ptr::NonNull, //
};

use kernel::{
    error::from_result,
    module::this_module,
    prelude::*,
    str::CString,
    sync::{
        Arc,
        ArcBorrow, //
    }, //
};

use super::{
    command::Completed,
    port::{
        Enabled,
        Port, //
    },
    queue::{
        CtrlId,
        Inner, //
    },
    transport::Transport, //
};
use crate::{
    abstractions::{
        net::address::SockAddr,
        registered::Registered, //
    },
    bindings, //
};

/// What `priv` of a port points to.
struct AddedPort<T: Transport> {
    port: Arc<T::Port>,
    enabled: Arc<Enabled>,
}

/// The table of a transport.
pub(super) fn ops<T: Transport>() -> *const bindings::nvmet_fabrics_ops {
    &Operations::<T>::TABLE
}

struct Operations<T: Transport>(PhantomData<T>);

impl<T: Transport> Operations<T> {
    const TABLE: bindings::nvmet_fabrics_ops = bindings::nvmet_fabrics_ops {
        owner: this_module::<T::Module>().as_ptr(),
        type_: T::TRTYPE,
        msdbd: 1,
        queue_response: Some(Self::queue_response),
        add_port: Some(Self::add_port),
        remove_port: Some(Self::remove_port),
        delete_ctrl: Some(Self::delete_ctrl),
        install_queue: Some(Self::install_queue),
        disc_traddr: Some(Self::disc_traddr),
        host_traddr: Some(Self::host_traddr),
        get_mdts: Some(Self::get_mdts),
        ..pin_init::zeroed()
    };

    /// The transport that is registered.
    ///
    /// # Safety
    ///
    /// One of the operations is being called, for the life of the result.
    unsafe fn transport<'a>() -> ArcBorrow<'a, T> {
        // SAFETY: Operations are called only between registering, before which the transport can be
        // found, and the end of `Registration::drop`, after which it cannot.
        unsafe { Registered::get() }
    }

    /// # Safety
    ///
    /// `nvmet_enable_port()` calls this with a port that is its own.
    unsafe extern "C" fn add_port(raw: *mut bindings::nvmet_port) -> i32 {
        from_result(|| {
            let raw = NonNull::new(raw).ok_or(EINVAL)?;
            // SAFETY: The port stays until the core has disabled it, before which `remove_port`
            // closes it, or this function does.
            let enabled = unsafe { Enabled::new(raw) }?;
            // Nothing that could fail is done once the transport has added the port.
            let place = KBox::<AddedPort<T>>::new_uninit(GFP_KERNEL)?;
            // SAFETY: By the contract of this function the core is enabling the port for `T`, which
            // it does with `nvmet_config_sem` held.
            let mut settings = unsafe { Port::<T>::new(&enabled) };
            // SAFETY: This is one of the operations.
            let transport = unsafe { Self::transport() };
            let added = transport.add_port(&mut settings);
            let port = added.inspect_err(|_| enabled.close())?;
            let added = place.write(AddedPort { port, enabled });
            // SAFETY: `priv` of a port is the transport's.
            unsafe { (*raw.as_ptr()).priv_ = KBox::into_raw(added).cast() };
            Ok(0)
        })
    }

    /// # Safety
    ///
    /// `nvmet_disable_port()` calls this once for a port for which `add_port` succeeded.
    unsafe extern "C" fn remove_port(raw: *mut bindings::nvmet_port) {
        // SAFETY: The port is alive.
        let added = unsafe { (*raw).priv_ }.cast::<AddedPort<T>>();
        // SAFETY: `add_port` has set `priv`, which nobody else uses.
        let AddedPort { port, enabled } = KBox::into_inner(unsafe { KBox::from_raw(added) });
        // SAFETY: This is one of the operations.
        unsafe { Self::transport() }.remove_port(port);
        enabled.close();
    }

    /// # Safety
    ///
    /// The core calls this once for a request that [`Request::execute`] gave it, or inside of
    /// one of the calls that [`Completed::from_core`] knows of.
    ///
    /// [`Request::execute`]: super::command::Request::execute
    unsafe extern "C" fn queue_response(req: *mut bindings::nvmet_req) {
        // SAFETY: The request is valid until it is given back. `sq` was set when it was accepted.
        let sq = unsafe { (*req).sq };
        // SAFETY: By the contract of this function; all requests are in slots.
        if let Some(command) = unsafe { Completed::from_core(req) } {
            // SAFETY: The queue is not dropped before the core, after this returns, lets go of it
            // for the request.
            let owner = unsafe { Inner::<T>::owner(sq) };
            T::completed(owner, command);
        }
    }

    /// # Safety
    ///
    /// The core calls this with a controller that is alive.
    unsafe extern "C" fn delete_ctrl(ctrl: *mut bindings::nvmet_ctrl) {
        // SAFETY: By the contract of this function.
        let id = unsafe { CtrlId::of(ctrl) };
        // SAFETY: This is one of the operations.
        unsafe { Self::transport() }.delete_ctrl(id);
    }

    /// # Safety
    ///
    /// The core calls this while it executes a connect command that came in on `sq`, which it has
    /// connected to a controller.
    unsafe extern "C" fn install_queue(sq: *mut bindings::nvmet_sq) -> u16 {
        // SAFETY: `sq` is alive, and changed by connect commands only, of which this is one.
        let ctrl = unsafe { (*sq).ctrl };
        // SAFETY: `sq` is alive, and changed by connect commands only, of which this is one.
        let qid = unsafe { (*sq).qid };
        // SAFETY: The command that is being executed keeps the queue.
        let owner = unsafe { Inner::<T>::owner(sq) };
        // SAFETY: `sq` has been connected to the controller, and has a reference to it.
        let id = unsafe { CtrlId::of(ctrl) };
        // SAFETY: This is one of the operations.
        unsafe { Self::transport() }.install_queue(owner, id, qid);
        0
    }

    /// # Safety
    ///
    /// None: it looks at nothing.
    unsafe extern "C" fn get_mdts(_ctrl: *const bindings::nvmet_ctrl) -> u8 {
        T::MDTS
    }

    /// # Safety
    ///
    /// The core calls this while it executes `req`, with the port that it came in on, which may
    /// have been disabled meanwhile, and a buffer of `NVMF_TRADDR_SIZE` bytes.
    unsafe extern "C" fn disc_traddr(
        req: *mut bindings::nvmet_req,
        raw: *mut bindings::nvmet_port,
        out: *mut u8,
    ) {
        // SAFETY: By the contract of this function the request is being executed.
        let sq = unsafe { (*req).sq };
        // SAFETY: `sq` of a request that is being executed is set, and kept by the request.
        let queue = unsafe { Inner::<T>::owner(sq) };
        // SAFETY: The port is alive as long as the queue, which uses it.
        let given = unsafe { (*raw).disc_addr.traddr };
        // SAFETY: By the contract of this function there is room for as many bytes.
        let out = unsafe { zeroed(out, given.len()) };

        let own = T::discovery_addr(queue).and_then(|addr| print(&addr).ok());
        match own {
            Some(own) => copy_text(own.to_bytes_with_nul(), out),
            None => out.copy_from_slice(&given),
        }
    }

    /// # Safety
    ///
    /// The core calls this with a controller that is alive, and a buffer of `len` bytes.
    unsafe extern "C" fn host_traddr(
        ctrl: *mut bindings::nvmet_ctrl,
        out: *mut u8,
        len: usize,
    ) -> isize {
        // SAFETY: This is one of the operations.
        let transport = unsafe { Self::transport() };
        // SAFETY: By the contract of this function.
        let id = unsafe { CtrlId::of(ctrl) };
        let text = transport
            .host_addr(id)
            .ok_or(EINVAL)
            .and_then(|addr| print(&addr));
        match text {
            Ok(text) => {
                // SAFETY: By the contract of this function there is room for `len` bytes.
                let out = unsafe { zeroed(out, len) };
                copy_text(text.to_bytes_with_nul(), out);
                text.to_bytes().len() as isize
            }
            Err(error) => error.to_errno() as isize,
        }
    }
}

/// A buffer of C, filled with zeroes: it is on the stack and not initialised, and all of it may go
/// to a host.
///
/// # Safety
///
/// There is room for `len` bytes at `out`, which nobody else uses for `'a`.
unsafe fn zeroed<'a>(out: *mut u8, len: usize) -> &'a mut [u8] {
    // SAFETY: By the contract of this function there is room for them.
    unsafe { out.write_bytes(0, len) };
    // SAFETY: They were just initialised, and by the contract of this function nobody else uses
    // them.
    unsafe { core::slice::from_raw_parts_mut(out, len) }
}

/// The IP address as text, without the port.
fn print(addr: &SockAddr) -> Result<CString> {
    let ip = addr.ip().ok_or(EAFNOSUPPORT)?;
    CString::try_from_fmt(fmt!("{}", format_args!("{ip}")))
}

/// Copies text with its NUL, or what fits.
fn copy_text(text: &[u8], out: &mut [u8]) {
    for (to, from) in out.iter_mut().zip(text) {
        *to = *from;
    }
    if let Some(last) = out.last_mut() {
        *last = 0;
    }
}
