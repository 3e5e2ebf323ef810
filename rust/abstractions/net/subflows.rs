// SPDX-License-Identifier: GPL-2.0

//! The subflows of a connection, one by one, for those who look at it.
//!
//! C header: [`include/uapi/linux/mptcp.h`](srctree/include/uapi/linux/mptcp.h),
//! `struct mptcp_full_info`

use kernel::{
    fmt,
    prelude::*,
    time::Delta, //
};

use super::{
    address::SockAddr,
    socket::Socket, //
};
use crate::bindings;

/// The most subflows that are looked at; MPTCP has 8 beyond the first at most.
const MAX: usize = 16;

/// What is known of a subflow, or of a connection of plain TCP.
#[repr(transparent)]
pub struct Subflow(bindings::helper_subflow);

impl Subflow {
    /// Our address.
    pub fn local(&self) -> SockAddr {
        SockAddr::from_raw(self.0.local)
    }

    /// The peer's address.
    pub fn remote(&self) -> SockAddr {
        SockAddr::from_raw(self.0.remote)
    }

    /// Whether the subflow is up and has not stopped to answer.
    pub fn is_usable(&self) -> bool {
        !self.is_stale() && u32::from(self.0.tcp.tcpi_state) == bindings::TCP_ESTABLISHED
    }

    /// For how long nothing has come, not even an ACK.
    pub fn silence(&self) -> Delta {
        let tcp = &self.0.tcp;
        Delta::from_millis(tcp.tcpi_last_ack_recv.min(tcp.tcpi_last_data_recv).into())
    }

    /// Whether MPTCP has found that it does not answer, and sends nothing more over it for now.
    pub fn is_stale(&self) -> bool {
        self.0.stale
    }

    /// Whether it is only used if there is no other.
    pub fn is_backup(&self) -> bool {
        self.0.backup
    }
}

/// One line of words, each figure behind its name; times in µs.
impl fmt::Display for Subflow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tcp = &self.0.tcp;
        f.write_fmt(fmt!(
            "{} {} {} sent {} received {} rtt {} rttvar {} ",
            self.0.id,
            self.local(),
            self.remote(),
            tcp.tcpi_bytes_sent,
            tcp.tcpi_bytes_received,
            tcp.tcpi_rtt,
            tcp.tcpi_rttvar
        ))?;
        write!(
            f,
            "retransmitted {} of {} unacked {} cwnd {}",
            tcp.tcpi_total_retrans, tcp.tcpi_segs_out, tcp.tcpi_unacked, tcp.tcpi_snd_cwnd,
        )?;
        if self.is_backup() {
            f.write_str(" backup")?;
        }
        if self.is_stale() {
            f.write_str(" stale")?;
        }
        if u32::from(tcp.tcpi_state) != bindings::TCP_ESTABLISHED {
            write!(f, " state {}", tcp.tcpi_state)?;
        }
        Ok(())
    }
}

impl Socket {
    /// Whether nothing has come over any subflow for as long as `time`, although there are some.
    /// That means something after [`Socket::set_keepalive`]. May sleep.
    pub fn is_silent(&self, time: Delta) -> bool {
        self.subflow_list().is_ok_and(|subflows| {
            let silent = |subflow: &Subflow| subflow.silence() >= time;
            !subflows.is_empty() && subflows.iter().all(silent)
        })
    }

    /// The subflows that there are at this moment; one for a connection of plain TCP. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub fn subflow_list(&self) -> Result<KVec<Subflow>> {
        let mut list = KVec::with_capacity(MAX, GFP_KERNEL)?;
        for _ in 0..MAX {
            list.push(Subflow(Default::default()), GFP_KERNEL)?;
        }
        // SAFETY: The socket is alive, and one of MPTCP or TCP; there is room for as many, a
        // `Subflow` being what C fills in.
        let count =
            unsafe { bindings::helper_subflows(self.sk(), list.as_mut_ptr().cast(), MAX as u32) };
        list.truncate(count as usize);
        Ok(list)
    }
}
