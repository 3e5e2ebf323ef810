// SPDX-License-Identifier: GPL-2.0

//! Watches the paths of a controller: the log has a line when it loses some, has them back, or
//! falls back to TCP.
//!
//! MPTCP tells user space alone of its subflows, and that one does not answer is no event at all.
//! So this looks once a second, at all queues of the controller. A change is told when the next
//! look finds the same: the queues of a controller lose a link one after the other, and that is one
//! line. A path that comes and goes is told of less and less often.

use kernel::{
    dev_info,
    dev_warn,
    new_mutex,
    prelude::*,
    sync::{
        aref::ARef,
        Arc,
        Mutex, //
    },
    time::msecs_to_jiffies,
    workqueue::{
        impl_has_delayed_work,
        new_delayed_work,
        system_power_efficient,
        DelayedWork,
        WorkItem, //
    }, //
};

use super::{
    census::{
        Census,
        News,
        Teller, //
    },
    Ctrl, //
};
use crate::abstractions::{
    nvme::ctrl::State,
    workqueue::cancel_delayed_sync, //
};

/// How often to look, in ms.
const PERIOD_MS: u32 = 1000;

#[pin_data]
struct Shared {
    ctrl: ARef<Ctrl>,
    #[pin]
    teller: Mutex<Teller>,
    #[pin]
    work: DelayedWork<Self>,
}

impl_has_delayed_work! {
    impl HasDelayedWork<Self> for Shared { self.work }
}

impl Shared {
    fn look(&self) {
        let ctrl = &self.ctrl;
        let census = (ctrl.state() == State::Live).then(|| ctrl.census());
        let Some(news) = self.teller.lock().look(census) else {
            return;
        };
        let Some(Census {
            subflows,
            fallen_back,
            queues,
            ..
        }) = census
        else {
            return;
        };
        let device = ctrl.device();
        match news {
            News::Begins => {
                if let Some(shortage) = ctrl.settled_shortage() {
                    dev_info!(device, "{shortage}\n");
                }
            }
            News::Lost(most) => {
                dev_warn!(device, "lost subflows, {subflows} of {most} are left\n");
            }
            News::Back(most) => {
                dev_info!(
                    device,
                    "got subflows back, there are {subflows} of {most}\n"
                );
            }
            // That there was only plain TCP was told when it was connected.
            News::FellBack if ctrl.ways().lock().is_plain_tcp() => (),
            News::FellBack => {
                dev_warn!(
                    device,
                    "{fallen_back} of {queues} queues fell back to TCP\n"
                );
            }
        }
    }

    fn look_later(self: Arc<Self>) {
        // If it is queued already, that is soon enough.
        let _ = system_power_efficient().enqueue_delayed(self, msecs_to_jiffies(PERIOD_MS));
    }
}

impl WorkItem for Shared {
    type Pointer = Arc<Self>;

    fn run(this: Arc<Self>) {
        this.look();
        this.look_later();
    }
}

/// Watches a controller until this is dropped.
pub(super) struct Watch(Arc<Shared>);

impl Watch {
    /// Watches `ctrl` from now on. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(super) fn new(ctrl: &Ctrl) -> Result<Self> {
        let shared = Arc::pin_init(
            pin_init!(Shared {
                ctrl: ctrl.to_ref(),
                teller <- new_mutex!(Teller::default(), "nvme_mptcp::Watch::teller"),
                work <- new_delayed_work!("nvme_mptcp::Watch::work"),
            }),
            GFP_KERNEL,
        )?;
        shared.clone().look_later();
        Ok(Self(shared))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        cancel_delayed_sync::<Shared, 0>(&self.0);
    }
}
