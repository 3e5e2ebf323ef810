// SPDX-License-Identifier: GPL-2.0

//! Kernel sockets that speak MPTCP, or the TCP that MPTCP fell back to.
//!
//! | file | what it has |
//! |---|---|
//! | [`address`] | addresses of IPv4 and IPv6 sockets |
//! | `callbacks` | the functions that a socket calls, replaced and put back |
//! | [`congestion`] | how congestion is controlled |
//! | [`endpoints`] | from where MPTCP opens subflows |
//! | [`events`] | what a connection tells its owner |
//! | [`listener`] | sockets that accept connections |
//! | [`mptcp`] | what MPTCP tells of a connection |
//! | [`namespace`] | network namespaces |
//! | [`options`] | options of sockets |
//! | [`paths`] | the paths of an MPTCP connection |
//! | [`protocol`] | what a socket speaks |
//! | [`read`] | reading what a socket has received where it lies |
//! | [`segments`] | bytes from many places for one `sendmsg` |
//! | [`skb`] | a part of a received packet |
//! | [`socket`] | the socket: made, connected, sent to, shut down, closed |
//! | [`subflows`] | the subflows of a connection, one by one |
//! | [`tls`] | TLS handshakes |
//! | [`tls_record`] | records of TLS |

use kernel::prelude::*;

pub mod address;
mod callbacks;
pub mod congestion;
pub mod endpoints;
pub mod events;
pub mod listener;
pub mod mptcp;
pub mod namespace;
pub mod options;
pub mod paths;
pub mod protocol;
pub mod read;
pub mod segments;
pub mod skb;
pub mod socket;
pub mod subflows;
pub mod tls;
pub mod tls_record;

/// Room for C to fill in up to `count` of something.
fn room<T: Default>(count: usize) -> Result<KVec<T>> {
    let mut room = KVec::with_capacity(count, GFP_KERNEL)?;
    for _ in 0..count {
        room.push(T::default(), GFP_KERNEL)?;
    }
    Ok(room)
}
