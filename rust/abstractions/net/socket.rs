// SPDX-License-Identifier: GPL-2.0

//! Kernel sockets that speak MPTCP, or the TCP that MPTCP fell back to.
//!
//! This module does not support datagrams, user memory or control messages.
//!
//! C headers: [`include/linux/net.h`](srctree/include/linux/net.h),
//! [`include/net/sock.h`](srctree/include/net/sock.h)

use core::ptr::NonNull;

use kernel::{
    bindings as kernel_bindings,
    error::{
        from_err_ptr,
        to_result, //
    },
    prelude::*, //
};

use super::{
    address::{
        Family,
        SockAddr, //
    },
    callbacks::state,
    namespace::Namespace,
    protocol::Protocol,
    segments::Segments, //
};
use crate::{
    abstractions::mm::NoIo,
    bindings, //
};

/// A socket with a file of its own, closed when dropped.
///
/// # Invariants
///
/// `0` points to a socket that has a `sk`, and whose `file` holds one reference, which is ours.
pub struct Socket(NonNull<kernel_bindings::socket>);

// SAFETY: Any task may use a socket, and give up the reference to its file.
unsafe impl Send for Socket {}
// SAFETY: Every operation that is offered takes the socket lock or is safe without it.
unsafe impl Sync for Socket {}

/// How much a socket may hold back a kernel that writes to it in order to free memory.
const ATOMIC: bindings::gfp_t = bindings::GFP_ATOMIC_RAW;

impl Socket {
    /// Makes a socket in `net` that the kernel uses for block I/O. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOPROTOOPT` if it is to be one of MPTCP, and that is disabled in `net`; what socket
    /// creation says otherwise.
    pub fn new(net: &Namespace, family: Family, protocol: Protocol) -> Result<Self> {
        let protocol = match protocol {
            Protocol::Mptcp => bindings::IPPROTO_MPTCP,
            Protocol::Tcp => bindings::IPPROTO_TCP,
        };
        let mut sock = core::ptr::null_mut();
        // SAFETY: `net` is alive and `sock` is a place for the result.
        to_result(unsafe {
            bindings::sock_create_kern(
                net.as_raw(),
                family.as_raw(),
                bindings::sock_type_SOCK_STREAM as i32,
                protocol as i32,
                &mut sock,
            )
        })?;

        // SAFETY: `sock_create_kern` succeeded, so the socket has a `sk`.
        let sk = unsafe { (*sock).sk }.cast::<bindings::sock>();
        // SAFETY: `sk` is new, so nobody else uses it.
        unsafe { Self::prepare_for_block_io(sk) };
        // SAFETY: `sock` is ours and not used again.
        unsafe { Self::with_file(sock) }
    }

    /// # Safety
    ///
    /// Nobody else has seen `sk`, which the kernel has made for itself.
    unsafe fn prepare_for_block_io(sk: *mut bindings::sock) {
        // SAFETY: By the contract of this function nobody has the lock.
        unsafe { bindings::helper_sock_reclassify(sk) };
        // SAFETY: A socket that the kernel made for itself does not hold its namespace yet.
        unsafe { bindings::sk_net_refcnt_upgrade(sk.cast()) };
        // SAFETY: By the contract of this function nobody allocates for `sk` yet.
        unsafe { (*sk).sk_allocation = ATOMIC };
        // SAFETY: By the contract of this function nobody allocates for `sk` yet.
        unsafe { (*sk).sk_use_task_frag = false };
        // SAFETY: `sk` is alive, and not marked yet.
        unsafe { bindings::sk_set_memalloc(sk.cast()) };
    }

    /// Gives a socket a file, as the TLS handshake and a synchronous close want it.
    ///
    /// # Safety
    ///
    /// The caller owns `sock`, which has a `sk` and no file, and gives it up.
    pub(super) unsafe fn with_file(sock: *mut kernel_bindings::socket) -> Result<Self> {
        // SAFETY: By the contract of this function; on error C has released the socket.
        from_err_ptr(unsafe {
            bindings::sock_alloc_file(sock, bindings::O_CLOEXEC as i32, core::ptr::null())
        })?;
        // INVARIANT: The file that was made holds the socket and one reference, which we keep.
        NonNull::new(sock).map(Self).ok_or(EINVAL)
    }

    /// The socket as C knows it.
    pub(super) fn as_raw(&self) -> *mut kernel_bindings::socket {
        self.0.as_ptr()
    }

    /// The protocol's half of the socket as C knows it.
    pub(super) fn sk(&self) -> *mut bindings::sock {
        // SAFETY: By the invariant the socket is alive; `sk` is not reassigned before its release.
        unsafe { (*self.as_raw()).sk }.cast()
    }

    /// Whether this is an MPTCP socket, which may have fallen back to TCP; otherwise it is a plain
    /// TCP socket, as MPTCP listeners accept them from peers that do not know MPTCP.
    pub fn is_mptcp(&self) -> bool {
        // SAFETY: The protocol of a socket does not change.
        u32::from(unsafe { (*self.sk()).sk_protocol }) == bindings::IPPROTO_MPTCP
    }

    /// Whether this is an IPv6 socket, to which there may be IPv4 peers, too.
    pub(super) fn is_ipv6(&self) -> bool {
        // SAFETY: The socket is alive, and its family does not change.
        let family = unsafe { (*self.sk()).__sk_common.skc_family };
        u32::from(family) == bindings::AF_INET6
    }

    /// Gives the socket a local address. May sleep.
    ///
    /// # Errors
    ///
    /// `EADDRINUSE`, `EADDRNOTAVAIL`, and what else the network says.
    pub fn bind(&self, addr: &SockAddr) -> Result {
        // SAFETY: The socket is alive; C copies the address.
        to_result(unsafe { bindings::kernel_bind(self.as_raw(), addr.as_raw(), SockAddr::LEN) })
    }

    /// Connects, or goes on with it, and waits for the time given to [`Socket::set_timeouts`]
    /// at most. Returns whether it is done; if not, it can be called again. Sleeps.
    ///
    /// # Errors
    ///
    /// `EINTR` after a signal, and what the network says.
    pub fn connect(&self, addr: &SockAddr) -> Result<bool> {
        // SAFETY: The socket is alive; C copies the address.
        let ret =
            unsafe { bindings::kernel_connect(self.as_raw(), addr.as_raw(), SockAddr::LEN, 0) };
        match to_result(ret) {
            Ok(()) => Ok(true),
            // This is how a blocking connect says that `sk_sndtimeo` has passed, for the first time
            // and later.
            Err(EINPROGRESS | EALREADY) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The local address. May sleep.
    ///
    /// # Errors
    ///
    /// What the protocol says.
    pub fn local_addr(&self) -> Result<SockAddr> {
        // SAFETY: The socket is alive; C fills in at most a `sockaddr_storage`.
        SockAddr::filled_by(|to| unsafe { bindings::kernel_getsockname(self.as_raw(), to) })
    }

    /// The peer's address. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOTCONN` if there is none any more.
    pub fn peer_addr(&self) -> Result<SockAddr> {
        // SAFETY: The socket is alive; C fills in at most a `sockaddr_storage`.
        SockAddr::filled_by(|to| unsafe { bindings::kernel_getpeername(self.as_raw(), to) })
    }

    /// Shuts both directions down: nothing is received any more, and a send fails. With TLS the
    /// peer is told, if there is room.
    ///
    /// May sleep. Calls the owner's [`closing`](super::events::Events::closing) before it returns.
    pub fn shutdown(&self) {
        self.close_tls();
        // An error means that there is no connection any more, which is what was asked for.
        // SAFETY: The socket is alive.
        let _ = unsafe {
            bindings::kernel_sock_shutdown(self.as_raw(), bindings::sock_shutdown_cmd_SHUT_RDWR)
        };
    }

    /// Whether the connection is up.
    pub fn is_established(&self) -> bool {
        // SAFETY: `self` keeps `sk` alive.
        unsafe { state(self.sk()) == bindings::TCP_ESTABLISHED }
    }

    /// Whether a third of the send buffer is free, so that it is worth sending.
    pub fn is_writeable(&self) -> bool {
        // SAFETY: The socket is alive; C looks at counters only.
        unsafe { bindings::helper_sk_stream_is_writeable(self.sk()) }
    }

    /// The CPU on which the stack last handled a packet of this connection, or -1.
    pub fn incoming_cpu(&self) -> i32 {
        // SAFETY: The socket is alive.
        unsafe { bindings::helper_sk_incoming_cpu(self.sk()) }
    }

    pub(super) fn send_msg(&self, msg: &mut kernel_bindings::msghdr) -> Result<usize> {
        // A dead socket would otherwise signal SIGPIPE to whatever task happens to send.
        msg.msg_flags |= bindings::MSG_NOSIGNAL;
        // SAFETY: The socket is alive, and the iterator in `msg` covers memory that is valid for
        // the call. MPTCP copies it; so does TCP without MSG_SPLICE_PAGES, and kTLS if the memory
        // is not in pages.
        let ret = unsafe { bindings::sock_sendmsg(self.as_raw(), msg) };
        to_result(ret)?;
        Ok(ret as usize)
    }

    /// Copies as many bytes into the send buffer as it takes now, at most `size` of them in one
    /// call of `sendmsg`, for each of which MPTCP chooses a subflow.
    ///
    /// Sleeps for locks, not for space. The memory may be reused when this returns.
    ///
    /// # Errors
    ///
    /// If nothing was taken: `EAGAIN` if there is no space, of which [`write_space`] says when
    /// there is, or no memory. `EPIPE` and others if the connection is gone.
    ///
    /// [`write_space`]: super::events::Events::write_space
    pub fn send(&self, segments: &Segments<'_, '_>, size: usize) -> Result<usize> {
        if self.is_tls() {
            return self.send_tls(segments, size);
        }
        let mut msg: kernel_bindings::msghdr = Default::default();
        segments.init_iter(&mut msg.msg_iter);
        let mut sent = 0usize;
        loop {
            let left = segments.len().saturating_sub(sent);
            let len = left.min(size);
            // SAFETY: The iterator has passed what has been sent, and `len` is not more than what
            // is left.
            unsafe { Segments::limit_iter(&mut msg.msg_iter, len) };
            // The protocol has changed them.
            msg.msg_flags = bindings::MSG_DONTWAIT;
            match self.send_msg(&mut msg) {
                Ok(taken) => {
                    sent = sent.saturating_add(taken);
                    if taken < len || len == left {
                        return Ok(sent);
                    }
                }
                // The next call will say it again.
                Err(_) if sent > 0 => return Ok(sent),
                Err(error) => return Err(error),
            }
        }
    }

    /// The bytes in the send buffer: those that the peer has not acknowledged, and what it takes
    /// to keep them. Does not sleep.
    pub fn in_flight(&self) -> usize {
        // SAFETY: `self` keeps `sk` alive, and the field is in it.
        let queued = unsafe { &raw const (*self.sk()).sk_wmem_queued };
        // SAFETY: `sk` is alive. C too reads the number without the lock.
        usize::try_from(unsafe { queued.read_volatile() }).unwrap_or(0)
    }

    /// Sends all of `bytes`, and waits for space. For the few bytes of a handshake. Sleeps.
    ///
    /// # Errors
    ///
    /// `ECONNRESET` if the connection took only a part, and what sending says.
    pub fn send_exact(&self, bytes: &[u8]) -> Result {
        let vec = kernel_bindings::kvec {
            iov_base: bytes.as_ptr().cast_mut().cast(),
            iov_len: bytes.len(),
        };
        let mut msg: kernel_bindings::msghdr = Default::default();
        // SAFETY: The iterator covers `bytes`, through `vec`, for the call that follows.
        unsafe {
            bindings::iov_iter_kvec(
                &mut msg.msg_iter,
                bindings::ITER_SOURCE,
                &vec,
                1,
                bytes.len(),
            )
        };
        if self.send_msg(&mut msg)? == bytes.len() {
            Ok(())
        } else {
            Err(ECONNRESET)
        }
    }

    /// Receives as many bytes as `out` holds, and waits for them. For handshakes. Sleeps.
    ///
    /// # Errors
    ///
    /// `ECONNRESET` if the stream ends before, `EAGAIN` if the time given to
    /// [`Socket::set_timeouts`] passes, and what receiving says.
    pub fn recv_exact(&self, out: &mut [u8]) -> Result {
        let mut vec = kernel_bindings::kvec {
            iov_base: out.as_mut_ptr().cast(),
            iov_len: out.len(),
        };
        let mut msg: kernel_bindings::msghdr = Default::default();
        let flags = bindings::MSG_WAITALL as i32;
        // SAFETY: The socket is alive; C writes at most the length of `out` through `vec`.
        let ret = unsafe {
            bindings::kernel_recvmsg(self.as_raw(), &mut msg, &mut vec, 1, out.len(), flags)
        };
        to_result(ret)?;
        if ret as usize == out.len() {
            Ok(())
        } else {
            Err(ECONNRESET)
        }
    }
}

impl Drop for Socket {
    /// Closes the socket before it returns, so that an address is free for the next one. Closing
    /// may allocate; it must not wait for I/O on a disk that may be this connection's.
    fn drop(&mut self) {
        let _scope = NoIo::enter();
        // SAFETY: By the invariant the socket is alive; the field does not change.
        let file = unsafe { (*self.as_raw()).file };
        // SAFETY: By the invariant the reference is ours and valid; not used again.
        unsafe { bindings::__fput_sync(file) };
    }
}
