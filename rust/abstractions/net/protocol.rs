// SPDX-License-Identifier: GPL-2.0

//! What a socket speaks.

/// The protocol that a socket is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// `IPPROTO_MPTCP`. If the peer does not speak it, the connection falls back to TCP.
    Mptcp,
    /// `IPPROTO_TCP`.
    Tcp,
}
