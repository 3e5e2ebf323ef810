// SPDX-License-Identifier: GPL-2.0

//! The paths of an MPTCP connection.
//!
//! C header: [`include/uapi/linux/mptcp.h`](srctree/include/uapi/linux/mptcp.h),
//! `struct mptcp_info`

/// Which paths a connection has, and which it could have: by what the administrator lets MPTCP use,
/// and within what limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paths {
    /// The subflows beyond the first.
    pub extra_subflows: u8,
    /// How many of them there may be.
    pub extra_subflows_limit: u8,
    /// The endpoints that subflows are opened from.
    pub endpoints: u8,
    /// How many addresses the peer has announced.
    pub announced: u8,
    /// How many of those may be used.
    pub announced_limit: u8,
}
