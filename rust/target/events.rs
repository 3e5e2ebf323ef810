// SPDX-License-Identifier: GPL-2.0

//! What the socket of a connection tells it.

use kernel::{
    cpu::CpuId,
    sync::Arc, //
};

use super::connection::Connection;
use crate::abstractions::{
    net::events::Events,
    trace, //
};

/// Gets the events of a connection's socket.
pub(super) struct Callbacks(pub(super) Arc<Connection>);

impl Events for Callbacks {
    fn data_ready(&self) {
        let connection = &self.0;
        trace::data_ready(|| connection.ids());
        // In softirq; or where the caller may be moved to another CPU at any time: then it does not
        // matter which.
        connection.wakeup.data_came(CpuId::current().as_u32());
        connection.enqueue(connection.wakeup.wake_for_data());
    }

    fn write_space(&self) {
        let connection = &self.0;
        trace::write_space(|| connection.ids());
        connection.enqueue(connection.wakeup.wake());
    }

    fn closing(&self) {
        trace::closing(|| self.0.ids());
        self.0.close();
    }
}
