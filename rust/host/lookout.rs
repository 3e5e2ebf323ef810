// SPDX-License-Identifier: GPL-2.0

//! Looking at a controller regularly.

use kernel::{
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

use super::Ctrl;
use crate::abstractions::workqueue::cancel_delayed_sync;

/// What remembers what it has seen, and does something about it.
pub(super) trait Look: Send + Unpin + 'static {
    /// How often to look, in ms.
    const PERIOD_MS: u32;

    /// Looks once. May sleep.
    fn look_at(&mut self, ctrl: &Ctrl);
}

#[pin_data]
struct Shared<L: Look> {
    ctrl: ARef<Ctrl>,
    #[pin]
    look: Mutex<L>,
    #[pin]
    work: DelayedWork<Self>,
}

impl_has_delayed_work! {
    impl{L: Look} HasDelayedWork<Self> for Shared<L> { self.work }
}

impl<L: Look> Shared<L> {
    fn look_later(self: Arc<Self>) {
        // If it is queued already, that is soon enough.
        let _ = system_power_efficient().enqueue_delayed(self, msecs_to_jiffies(L::PERIOD_MS));
    }
}

impl<L: Look> WorkItem for Shared<L> {
    type Pointer = Arc<Self>;

    fn run(this: Arc<Self>) {
        this.look.lock().look_at(&this.ctrl);
        this.look_later();
    }
}

/// Looks at a controller until this is dropped.
pub(super) struct Lookout<L: Look>(Arc<Shared<L>>);

impl<L: Look> Lookout<L> {
    /// Has `look` look at `ctrl`, for the first time after a period. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(super) fn new(ctrl: &Ctrl, look: L) -> Result<Self> {
        let shared = Arc::pin_init(
            pin_init!(Shared {
                ctrl: ctrl.to_ref(),
                look <- new_mutex!(look, "nvme_mptcp::Lookout::look"),
                work <- new_delayed_work!("nvme_mptcp::Lookout::work"),
            }),
            GFP_KERNEL,
        )?;
        shared.clone().look_later();
        Ok(Self(shared))
    }
}

impl<L: Look> Drop for Lookout<L> {
    fn drop(&mut self) {
        cancel_delayed_sync::<Shared<L>, 0>(&self.0);
    }
}
