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
    dev_warn, //
};

use super::{
    census::{
        Census,
        News,
        Teller, //
    },
    lookout::{
        Look,
        Lookout, //
    },
    Ctrl, //
};
use crate::abstractions::nvme::ctrl::State;

/// Watches a controller until this is dropped.
pub(super) type Watch = Lookout<Teller>;

impl Look for Teller {
    const PERIOD_MS: u32 = 1000;

    fn look_at(&mut self, ctrl: &Ctrl) {
        let census = (ctrl.state() == State::Live).then(|| ctrl.census());
        let Some(news) = self.look(census) else {
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
}
