// SPDX-License-Identifier: GPL-2.0

//! The subflows of a connection, one by one, for those who look at it.
//!
//! C header: [`include/net/mptcp.h`](srctree/include/net/mptcp.h),
//! `struct mptcp_subflow_details`

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
pub struct Subflow {
    id: u32,
    local: SockAddr,
    remote: SockAddr,
    tcp: bindings::tcp_info,
    backup: bool,
    stale: bool,
}

impl Subflow {
    /// Our address.
    pub fn local(&self) -> SockAddr {
        self.local
    }

    /// The peer's address.
    pub fn remote(&self) -> SockAddr {
        self.remote
    }

    /// Whether the subflow is up and has not stopped to answer.
    pub fn is_usable(&self) -> bool {
        !self.is_stale() && u32::from(self.tcp.tcpi_state) == bindings::TCP_ESTABLISHED
    }

    /// For how long nothing has come, not even an ACK.
    pub fn silence(&self) -> Delta {
        let tcp = &self.tcp;
        Delta::from_millis(tcp.tcpi_last_ack_recv.min(tcp.tcpi_last_data_recv).into())
    }

    /// Whether MPTCP has found that it does not answer, and sends nothing more over it for now.
    pub fn is_stale(&self) -> bool {
        self.stale
    }

    /// Whether it is only used if there is no other.
    pub fn is_backup(&self) -> bool {
        self.backup
    }
}

impl From<bindings::mptcp_subflow_details> for Subflow {
    fn from(details: bindings::mptcp_subflow_details) -> Self {
        let addrs = &details.info.addrs;
        // SAFETY: All variants of the union are plain bytes, which are there, if only as zeroes.
        let local = unsafe { addrs.__bindgen_anon_1.ss_local.as_ref() };
        // SAFETY: As above.
        let remote = unsafe { addrs.__bindgen_anon_2.ss_remote.as_ref() };
        Self {
            id: details.info.id,
            local: SockAddr::from_raw(*local),
            remote: SockAddr::from_raw(*remote),
            tcp: details.tcp,
            backup: details.backup,
            stale: details.stale,
        }
    }
}

/// One line of words, each figure behind its name; times in µs.
impl fmt::Display for Subflow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tcp = &self.tcp;
        f.write_fmt(fmt!(
            "{} {} {} sent {} received {} rtt {} rttvar {} ",
            self.id,
            self.local,
            self.remote,
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
    /// `ENOMEM`; `ENOTCONN` of plain TCP.
    pub fn subflow_list(&self) -> Result<KVec<Subflow>> {
        let mut list = KVec::with_capacity(MAX, GFP_KERNEL)?;
        if !self.is_mptcp() {
            list.push(self.tcp_subflow()?, GFP_KERNEL)?;
            return Ok(list);
        }
        let mut raw = super::room::<bindings::mptcp_subflow_details>(MAX)?;
        // SAFETY: This is an MPTCP socket, and alive; C fills in at most as many as there are.
        let count =
            unsafe { bindings::mptcp_get_subflows(self.sk(), raw.as_mut_ptr(), MAX as u32) };
        for raw in raw.into_iter().take(count as usize) {
            list.push(raw.into(), GFP_KERNEL)?;
        }
        Ok(list)
    }

    /// The one that a connection of plain TCP is.
    fn tcp_subflow(&self) -> Result<Subflow> {
        let mut tcp = Default::default();
        // SAFETY: A socket that is not of MPTCP is of TCP, and it is alive.
        unsafe { bindings::tcp_get_info(self.sk(), &mut tcp) };
        Ok(Subflow {
            id: 0,
            local: self.local_addr()?,
            remote: self.peer_addr()?,
            tcp,
            backup: false,
            stale: false,
        })
    }
}
