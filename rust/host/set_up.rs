// SPDX-License-Identifier: GPL-2.0

//! Setting a controller's queues up, and tearing them down.
//!
//! The order of the steps is that of the C transports, on which the NVMe core relies.
//!
//! C counterparts: `nvme_tcp_setup_ctrl()`, `nvme_tcp_teardown_ctrl()` and what they call.

use kernel::{
    dev_err,
    dev_info,
    dev_warn,
    prelude::*, //
};

use super::Ctrl;
use crate::abstractions::nvme::{
    ctrl::State,
    status::Failure, //
};

type Outcome = core::result::Result<(), Failure>;

/// How often the I/O queues are dealt out to the CPUs, if CPUs come or go meanwhile, before an
/// attempt to connect is given up.
const MAX_DEALS: u32 = 4;

/// Connects the queues, and makes the controller live.
pub(crate) fn set_up(ctrl: &Ctrl, new: bool) -> Outcome {
    ctrl.ways().lock().begin();
    // The next attempt begins with another key: the controller may have forgotten this one.
    set_up_queues(ctrl, new).inspect_err(|_| ctrl.revoke_generated_psk())?;
    // By now the path manager has done for the admin queue what it could do.
    ctrl.learn_peers();
    if let Some(shortage) = ctrl.new_shortage() {
        dev_info!(ctrl.device(), "{shortage}\n");
    }
    Ok(())
}

fn set_up_queues(ctrl: &Ctrl, new: bool) -> Outcome {
    set_up_admin_queue(ctrl, new)?;
    let done = set_up_again_for_tls(ctrl).and_then(|()| finish_set_up(ctrl, new));
    if done.is_err() {
        ctrl.stop_keep_alive();
        tear_down_admin_queue(ctrl, new);
    }
    done
}

/// Whether the admin queue has only been connected to make a key for the next time.
fn has_new_psk(ctrl: &Ctrl) -> bool {
    ctrl.options().concat() && ctrl.negotiated_psk().is_none()
}

/// Connects the admin queue once more, encrypted with the key that authentication has just made, if
/// the user asks for that (secure channel concatenation).
fn set_up_again_for_tls(ctrl: &Ctrl) -> Outcome {
    if !has_new_psk(ctrl) {
        return Ok(());
    }
    ctrl.stop_keep_alive();
    tear_down_admin_queue(ctrl, false);
    if ctrl.configured_psk().is_none() {
        dev_err!(ctrl.device(), "no PSK generated\n");
        return Err(ENOKEY.into());
    }
    set_up_admin_queue(ctrl, false)
}

/// What follows when the admin queue works.
fn finish_set_up(ctrl: &Ctrl, new: bool) -> Outcome {
    check_features(ctrl)?;
    let has_io = ctrl.queue_count() > 1;
    if has_io {
        set_up_io_queues(ctrl, new)?;
    }
    if let Err(error) = go_live(ctrl) {
        if has_io {
            tear_down_io_queues(ctrl, new);
        }
        return Err(error.into());
    }
    ctrl.start();
    // What broke after the first look, and could not start recovery then, does it now.
    if !is_up(ctrl) {
        ctrl.start_recovery();
    }
    Ok(())
}

/// Makes the controller live, if all its queues are up.
///
/// # Errors
///
/// `ENOTCONN` if a queue is not up, `EINVAL` if the controller is being removed.
fn go_live(ctrl: &Ctrl) -> Result {
    if !is_up(ctrl) {
        return Err(ENOTCONN);
    }
    match ctrl.change_state(State::Live) {
        true => Ok(()),
        false => Err(EINVAL),
    }
}

/// Whether all queues are up that requests may come to.
fn is_up(ctrl: &Ctrl) -> bool {
    let end = match ctrl.queue_count() {
        0 | 1 => 1,
        _ => ctrl.tagged_io_queues().saturating_add(1),
    };
    ctrl.admin_queue().is_ok_and(|queue| queue.is_up())
        && ctrl
            .io_queues(1, end)
            .all(|queue| queue.is_up() || !ctrl.is_mapped(queue.id()))
}

/// Checks what the controller says of itself.
fn check_features(ctrl: &Ctrl) -> Outcome {
    if ctrl.in_capsule_offset() != 0 {
        dev_err!(ctrl.device(), "icdoff is not supported!\n");
        return Err(EOPNOTSUPP.into());
    }
    if !ctrl.supports_sgls() {
        dev_err!(ctrl.device(), "Mandatory sgls are not supported!\n");
        return Err(EOPNOTSUPP.into());
    }
    let (wanted, granted) = (ctrl.options().queue_size(), ctrl.queue_size());
    if wanted > granted as usize {
        let device = ctrl.device();
        dev_warn!(
            device,
            "queue_size {wanted} > ctrl sqsize {granted}, clamping down\n"
        );
    }
    if let Some(most) = ctrl.clamp_queue_size() {
        let device = ctrl.device();
        dev_warn!(
            device,
            "sqsize {granted} > ctrl maxcmd {most}, clamping down\n"
        );
    }
    Ok(())
}

fn set_up_admin_queue(ctrl: &Ctrl, new: bool) -> Outcome {
    let queue = ctrl.admin_queue()?;
    ctrl.set_negotiated_psk(None);
    queue.open(ctrl)?;
    if new {
        ctrl.alloc_admin_tag_set().inspect_err(|_| queue.close())?;
    }
    let done = queue.start(ctrl).and_then(|()| {
        enable(ctrl).inspect_err(|_| {
            queue.stop();
            ctrl.cancel_admin_requests();
        })
    });
    if done.is_err() {
        if new {
            ctrl.remove_admin_tag_set();
        }
        ctrl.cancel_async_event();
        queue.close();
    }
    done
}

fn enable(ctrl: &Ctrl) -> Outcome {
    if has_new_psk(ctrl) {
        return Ok(());
    }
    ctrl.enable()?;
    ctrl.unquiesce_admin_queue();
    ctrl.init_finish().inspect_err(|_| {
        ctrl.quiesce_admin_queue();
        ctrl.sync_admin_queue();
    })
}

fn set_up_io_queues(ctrl: &Ctrl, new: bool) -> Outcome {
    let count = ctrl.set_up_io_queue_count()?;
    dev_info!(ctrl.device(), "creating {count} I/O queues.\n");
    let end = count.saturating_add(1);

    for queue in ctrl.io_queues(1, end) {
        if let Err(error) = queue.open(ctrl) {
            close_io_queues(ctrl);
            return Err(error.into());
        }
    }
    if new {
        ctrl.alloc_io_tag_set()
            .inspect_err(|_| close_io_queues(ctrl))?;
    }
    let done = start_io_queues(ctrl, new, end);
    if done.is_err() {
        stop_io_queues(ctrl);
        ctrl.cancel_io_requests();
        if new {
            ctrl.remove_io_tag_set();
        }
        close_io_queues(ctrl);
    }
    done
}

/// Starts the queues that have tags, gives tags to as many queues as there are now, and starts the
/// rest of them.
fn start_io_queues(ctrl: &Ctrl, new: bool, end: u32) -> Outcome {
    let tagged = ctrl.tagged_io_queues().saturating_add(1).min(end);
    // New tags have just been dealt out to the CPUs that are online.
    let mut done = start_served_queues(ctrl, tagged)? && new;
    for _ in 0..MAX_DEALS {
        if done {
            close_io_queues(ctrl);
            return Ok(());
        }
        deal_io_queues_out(ctrl)?;
        let tagged = ctrl.tagged_io_queues().saturating_add(1);
        done = start_served_queues(ctrl, tagged).inspect_err(|_| quiesce_io(ctrl))?;
    }
    quiesce_io(ctrl);
    Err(EXDEV.into())
}

/// Starts the I/O queues below number `end` that have not been and that can be connected. Returns
/// whether all others serve no CPU; if not, the CPUs of one are all offline or about to be.
fn start_served_queues(ctrl: &Ctrl, end: u32) -> core::result::Result<bool, Failure> {
    let mut done = true;
    for queue in ctrl.io_queues(1, end) {
        if queue.is_live() {
            continue;
        }
        if !ctrl.is_served(queue.id()) {
            done &= !ctrl.is_mapped(queue.id());
            continue;
        }
        if !queue.is_open() {
            queue.open(ctrl)?;
        }
        match queue.start(ctrl) {
            Ok(()) => {}
            // Its last CPU has just gone (EXDEV), or is going (EAGAIN).
            Err(failure) if [EXDEV, EAGAIN].map(Failure::from).contains(&failure) => done = false,
            Err(failure) => return Err(failure),
        }
    }
    Ok(done)
}

/// Gives tags to as many I/O queues as there are now, and deals them out to the CPUs that are
/// online now.
fn deal_io_queues_out(ctrl: &Ctrl) -> Outcome {
    ctrl.start_freeze();
    ctrl.unquiesce_io_queues();
    let frozen = ctrl.wait_freeze();
    if frozen {
        ctrl.update_io_queue_tags();
    }
    ctrl.unfreeze();
    if !frozen {
        quiesce_io(ctrl);
        return Err(ENODEV.into());
    }
    Ok(())
}

fn quiesce_io(ctrl: &Ctrl) {
    ctrl.quiesce_io_queues();
    ctrl.sync_io_queues();
}

fn stop_io_queues(ctrl: &Ctrl) {
    for queue in ctrl.io_queues(1, ctrl.queue_count()) {
        queue.stop();
    }
}

fn close_io_queues(ctrl: &Ctrl) {
    for queue in ctrl.io_queues(1, ctrl.queue_count()) {
        queue.close();
    }
}

/// Stops the I/O queues and ends their requests; `remove` if they will not be started again.
pub(crate) fn tear_down_io_queues(ctrl: &Ctrl, remove: bool) {
    if ctrl.queue_count() <= 1 {
        return;
    }
    quiesce_io(ctrl);
    stop_io_queues(ctrl);
    ctrl.cancel_io_requests();
    if remove {
        ctrl.unquiesce_io_queues();
        ctrl.remove_io_tag_set();
    }
    close_io_queues(ctrl);
}

/// Stops the admin queue and ends its requests; `remove` if it will not be started again.
pub(crate) fn tear_down_admin_queue(ctrl: &Ctrl, remove: bool) {
    let Ok(queue) = ctrl.admin_queue() else {
        return;
    };
    ctrl.learn_peers();
    ctrl.quiesce_admin_queue();
    ctrl.sync_admin_queue();
    queue.stop();
    ctrl.cancel_admin_requests();
    if remove {
        ctrl.unquiesce_admin_queue();
        ctrl.remove_admin_tag_set();
    }
    ctrl.cancel_async_event();
    queue.close();
    ctrl.set_negotiated_psk(None);
}

/// Tears a controller down that may still answer.
pub(crate) fn tear_down(ctrl: &Ctrl, shutdown: bool) {
    tear_down_io_queues(ctrl, shutdown);
    ctrl.quiesce_admin_queue();
    ctrl.disable(shutdown);
    tear_down_admin_queue(ctrl, shutdown);
}
