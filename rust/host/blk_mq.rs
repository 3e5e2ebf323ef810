// SPDX-License-Identifier: GPL-2.0

//! The queue as the block layer uses it.
//!
//! C counterparts: `nvme_tcp_queue_rq()`, `nvme_tcp_commit_rqs()`, `nvme_tcp_poll()`,
//! `nvme_tcp_timeout()`.

use kernel::{
    dev_warn,
    prelude::*,
    sync::{
        atomic::ordering::Relaxed,
        Arc, //
    }, //
};

use super::{
    controller::Host,
    queue::Queue,
    request::{
        self,
        Grant,
        RecvState,
        SendState, //
    },
    Ctrl, //
};
use crate::{
    abstractions::nvme::{
        blk_mq::Operations,
        ctrl::State,
        request::{
            Info,
            SendRequest, //
        },
        timeout::{
            Expired,
            Verdict, //
        }, //
    },
    wire::PduType, //
};

#[vtable]
impl Operations for Queue {
    type Controller = Host;
    type Send = SendState;
    type Recv = RecvState;
    type Grant = Grant;

    /// Whoever removes a controller waits for those who set it up or scan it, who may go on for as
    /// long as it answers them. So the admin queue turns them away, and lets keep alive pass.
    fn is_live(&self, ctrl: &Ctrl, opcode: u8) -> bool {
        let removed = || ctrl.state() == State::Deleting && !ctrl.removal().is_shutting_down();
        let turned_away = || self.id() == 0 && opcode != Self::KEEP_ALIVE && removed();
        Queue::is_live(self) && !turned_away()
    }

    fn prepare(&self, info: &Info, entry: &mut [u8; 64], state: &mut SendState) -> RecvState {
        request::prepare(info, entry, state, self.in_capsule.load(Relaxed))
    }

    fn queue_rq(self: &Arc<Self>, request: SendRequest<Self>, last: bool) {
        self.inbox.push(request);
        if last {
            self.flush();
        }
    }

    fn commit_rqs(self: &Arc<Self>) {
        self.flush();
    }

    fn poll(self: &Arc<Self>) -> u32 {
        self.receive_polled();
        self.completed.xchg(0, Relaxed)
    }

    fn timeout(self: &Arc<Self>, ctrl: &Ctrl, command: &Expired<'_>) -> Verdict {
        dev_warn!(
            ctrl.device(),
            "I/O tag {} ({:04x}) type {} opcode {:#x} ({}) QID {} timeout\n",
            command.tag,
            command.command_id,
            PduType::CapsuleCmd as u8,
            command.opcode,
            command.name,
            self.id()
        );
        if ctrl.state() == State::Live {
            // Recovery ends this request among all others.
            ctrl.start_recovery();
            return Verdict::Wait;
        }
        // Whoever sets the controller up or tears it down waits for this request, and cannot be
        // waited for.
        self.stop();
        Verdict::Complete
    }
}
