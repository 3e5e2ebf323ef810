// SPDX-License-Identifier: GPL-2.0

//! Records of TLS: sending data in them, and those that are no data.
//!
//! C headers: [`include/net/tls_prot.h`](srctree/include/net/tls_prot.h),
//! [`include/uapi/linux/tls.h`](srctree/include/uapi/linux/tls.h)

use kernel::{
    bindings as kernel_bindings,
    error::to_result,
    fmt,
    prelude::*, //
};

use super::{
    segments::Segments,
    socket::Socket, //
};
use crate::bindings;

/// A record that is not data, which a peer may send between those that are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Record {
    /// Something is wrong, or the peer closes the connection.
    Alert {
        /// Whether the peer says that the connection is at its end.
        fatal: bool,
        /// What it is (RFC 8446, section 6).
        description: u8,
    },
    /// A part of a record of another type (RFC 8446, section 5.1).
    Other(u8),
}

impl Record {
    /// Whether the peer closes the connection, as one does in the end (`close_notify`).
    pub fn is_close(&self) -> bool {
        matches!(self, Self::Alert { description, .. }
            if u32::from(*description) == bindings::TLS_ALERT_DESC_CLOSE_NOTIFY)
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Alert { description, .. } => write!(f, "TLS Alert desc {description}"),
            Self::Other(kind) => write!(f, "TLS record {kind} unhandled"),
        }
    }
}

/// Room for the control message that says the type of a record.
#[repr(C)]
#[derive(Default)]
struct Control {
    header: kernel_bindings::cmsghdr,
    record_type: u8,
}

impl Control {
    /// For a record to be sent.
    fn of(record_type: u32) -> Self {
        Self {
            header: kernel_bindings::cmsghdr {
                cmsg_len: size_of::<kernel_bindings::cmsghdr>() + size_of::<u8>(),
                cmsg_level: bindings::SOL_TLS as i32,
                cmsg_type: bindings::TLS_SET_RECORD_TYPE as i32,
            },
            record_type: record_type as u8,
        }
    }

    /// The type of the record, if it was said.
    fn record_type(&self) -> Option<u8> {
        let said = self.header.cmsg_level == bindings::SOL_TLS as i32
            && self.header.cmsg_type == bindings::TLS_GET_RECORD_TYPE as i32;
        said.then_some(self.record_type)
    }
}

/// The most places in memory that one call of `sendmsg` copies from: a record of 64 KiB of single
/// pages, and what does not begin or end with a page.
const PLACES: usize = 20;

impl Socket {
    /// [`Socket::send`] for a socket that uses kTLS.
    ///
    /// The places are not given as pages, of which kTLS would take references. Those of a request
    /// of blk-mq, and of large allocations, have none to take: they would be freed with the record.
    /// So it copies, and encrypts what it has copied.
    pub(super) fn send_tls(&self, segments: &Segments<'_, '_>, size: usize) -> Result<usize> {
        let mut sent = 0usize;
        loop {
            let mut vecs = [kernel_bindings::kvec::default(); PLACES];
            let (count, len) = segments.map(sent, size, &mut vecs);
            let mut msg = kernel_bindings::msghdr {
                msg_flags: bindings::MSG_DONTWAIT,
                ..Default::default()
            };
            let source = bindings::ITER_SOURCE;
            // SAFETY: The iterator covers `count` places of `vecs`, with `len` bytes that are
            // valid while `segments` is borrowed, for the call that follows.
            unsafe {
                bindings::iov_iter_kvec(&mut msg.msg_iter, source, vecs.as_ptr(), count, len)
            };
            match self.send_msg(&mut msg) {
                Ok(taken) => {
                    sent = sent.saturating_add(taken);
                    if taken < len || sent >= segments.len() {
                        return Ok(sent);
                    }
                }
                // The next call will say it again.
                Err(_) if sent > 0 => return Ok(sent),
                // This is how kTLS says what MPTCP says by EAGAIN.
                Err(ENOMEM) => return Err(EAGAIN),
                Err(error) => return Err(error),
            }
        }
    }

    /// Tells the peer that the connection is about to be closed (`close_notify`), if it uses TLS
    /// and there is room. May sleep, but does not wait for the peer.
    ///
    /// Unlike `tls_handshake_close()` it does not signal SIGPIPE on a socket that is dead.
    pub(super) fn close_tls(&self) {
        if !self.is_tls() {
            return;
        }
        let alert = [
            bindings::TLS_ALERT_LEVEL_WARNING as u8,
            bindings::TLS_ALERT_DESC_CLOSE_NOTIFY as u8,
        ];
        let vec = kernel_bindings::kvec {
            iov_base: alert.as_ptr().cast_mut().cast(),
            iov_len: alert.len(),
        };
        let mut control = Control::of(bindings::TLS_RECORD_TYPE_ALERT);
        let mut msg: kernel_bindings::msghdr = Default::default();
        msg.__bindgen_anon_1.msg_control = (&raw mut control).cast();
        msg.msg_controllen = size_of::<Control>();
        msg.msg_flags = bindings::MSG_DONTWAIT;
        let (source, len) = (bindings::ITER_SOURCE, alert.len());
        // SAFETY: The iterator covers `alert`, through `vec`, for the call that follows.
        unsafe { bindings::iov_iter_kvec(&mut msg.msg_iter, source, &vec, 1, len) };
        // The peer may do without.
        let _ = self.send_msg(&mut msg);
    }

    /// Takes a record that is not data, or a part of one that is long. Does not wait for one.
    ///
    /// # Errors
    ///
    /// `EINVAL` if there is none; what receiving says.
    pub fn take_record(&self) -> Result<Record> {
        let mut bytes = [0u8; 256];
        let mut control = Control::default();
        let mut vec = kernel_bindings::kvec {
            iov_base: bytes.as_mut_ptr().cast(),
            iov_len: bytes.len(),
        };
        let mut msg: kernel_bindings::msghdr = Default::default();
        msg.__bindgen_anon_1.msg_control = (&raw mut control).cast();
        msg.msg_controllen = size_of::<Control>();
        let (len, flags) = (bytes.len(), bindings::MSG_DONTWAIT as i32);
        // SAFETY: The socket is alive; C writes at most `len` bytes through `vec`, and as many as
        // announced to `control`.
        let ret =
            unsafe { bindings::kernel_recvmsg(self.as_raw(), &mut msg, &mut vec, 1, len, flags) };
        to_result(ret)?;
        match control.record_type().map(u32::from) {
            Some(bindings::TLS_RECORD_TYPE_ALERT) => {
                let [level, description, ..] = bytes;
                Ok(Record::Alert {
                    fatal: u32::from(level) == bindings::TLS_ALERT_LEVEL_FATAL,
                    description,
                })
            }
            None | Some(bindings::TLS_RECORD_TYPE_DATA) => Err(EINVAL),
            Some(_) => Ok(Record::Other(control.record_type)),
        }
    }
}
