// SPDX-License-Identifier: GPL-2.0

//! Reading what a socket has received where it lies.
//!
//! C header: [`include/net/sock.h`](srctree/include/net/sock.h), `sk_read_actor_t`.

use core::ptr;

use kernel::{
    bindings as kernel_bindings,
    error::to_result,
    prelude::*, //
};

use super::{
    skb::SkbReader,
    socket::Socket,
    tls_record::Record, //
};
use crate::bindings;

/// What a read has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// Nothing, or the end of the stream.
    Nothing,
    /// Data, all that there were. With TLS more may follow, behind a record that is not data.
    Data,
    /// A record of TLS that is not data. More may follow.
    Record(Record),
}

/// About how many bytes are read at a time while others wait for the spinlock of the socket.
const TRY_LIMIT: usize = 64 << 10;

impl Socket {
    /// Hands everything that has been received to `actor`, piece by piece, without copying it
    /// first (`read_sock`). Sleeps for the socket lock, not for data.
    ///
    /// `actor` runs with the socket lock held. While it is on the stack, C may call the owner's
    /// [`data_ready`](super::events::Events::data_ready) and
    /// [`closing`](super::events::Events::closing). An `actor` that does not consume all it is
    /// shown has had enough: the rest stays where it is, and nobody tells of it again.
    ///
    /// # Errors
    ///
    /// What `actor` returns, or what the protocol says. After an error of `actor` bytes may be
    /// lost, and the connection is of no use any more.
    pub fn read<F, E>(&self, actor: F) -> Result<Found, E>
    where
        F: FnMut(&mut SkbReader<'_>) -> Result<(), E>,
        E: From<Error>,
    {
        let mut context = ReadContext::<F, E> { actor, error: None };
        let (mut desc, actor) = context.for_c(usize::MAX);
        let sk = self.sk();
        // SAFETY: `self` keeps `sk` alive, and callers may sleep.
        unsafe { bindings::lock_sock_nested(sk, 0) };
        // SAFETY: The operations of a socket are static.
        let read_sock = unsafe { (*self.ops()).read_sock };
        let ret = match read_sock {
            // SAFETY: The lock is held, `desc` and through it `context` live until this returns,
            // and the actor is the one that knows the type of `context`.
            Some(read_sock) => unsafe { read_sock(sk.cast(), &mut desc, actor) },
            None => EOPNOTSUPP.to_errno(),
        };
        // SAFETY: `self` keeps `sk` alive, and this function has taken its lock.
        unsafe { bindings::release_sock(sk) };

        match context.result(ret)? {
            Ok(0) => Ok(Found::Nothing),
            Ok(_) => Ok(Found::Data),
            // This is how kTLS says that there is nothing.
            Err(EAGAIN) => Ok(Found::Nothing),
            // This is how it says that the next record is not data.
            Err(EINVAL) if self.is_tls() => Ok(Found::Record(self.take_record()?)),
            Err(error) => Err(error.into()),
        }
    }

    /// As [`Socket::read`], but does not sleep, nor hand over all at once. Returns [`None`] if
    /// there may be something that cannot be read so: somebody else uses the socket, or it is not
    /// an MPTCP socket, or encrypted.
    ///
    /// `actor` runs with the spinlock of the socket held, and must not sleep. The owner is not
    /// called meanwhile.
    ///
    /// # Errors
    ///
    /// Those of [`Socket::read`].
    pub fn try_read<F, E>(&self, actor: F) -> Result<Option<Found>, E>
    where
        F: FnMut(&mut SkbReader<'_>) -> Result<(), E>,
        E: From<Error>,
    {
        if !self.is_mptcp() || self.is_tls() {
            return Ok(None);
        }
        let mut context = ReadContext::<F, E> { actor, error: None };
        let (mut desc, actor) = context.for_c(TRY_LIMIT);
        let sk = self.sk().cast();
        // SAFETY: `self` keeps `sk` alive, an MPTCP socket; `desc` and through it `context` live
        // until this returns, and the actor is the one that knows the type of `context`.
        let ret = unsafe { bindings::mptcp_read_sock_nowait(sk, &mut desc, actor) };
        match context.result(ret)? {
            Ok(0) => Ok(Some(Found::Nothing)),
            Ok(_) => Ok(Some(Found::Data)),
            Err(EAGAIN) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The first byte that has been received and not read, which stays where it is; [`None`] if
    /// there is none, at the end of the stream too. May sleep, but does not wait for data.
    ///
    /// # Errors
    ///
    /// What receiving says.
    pub fn peek(&self) -> Result<Option<u8>> {
        let mut byte = 0u8;
        let mut vec = kernel_bindings::kvec {
            iov_base: (&raw mut byte).cast(),
            iov_len: 1,
        };
        let mut msg: kernel_bindings::msghdr = Default::default();
        let flags = (bindings::MSG_PEEK | bindings::MSG_DONTWAIT) as i32;
        // SAFETY: The socket is alive; C writes at most one byte through `vec`.
        let ret =
            unsafe { bindings::kernel_recvmsg(self.as_raw(), &mut msg, &mut vec, 1, 1, flags) };
        match to_result(ret) {
            Ok(()) => Ok((ret == 1).then_some(byte)),
            Err(EAGAIN) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The operations of the socket at this moment: kTLS replaces them.
    fn ops(&self) -> *const kernel_bindings::proto_ops {
        // SAFETY: By the invariant of `Socket` it is alive, and the field is in it.
        let ops = unsafe { &raw const (*self.as_raw()).ops };
        // SAFETY: The socket is alive. C too reads the pointer while others may replace it.
        unsafe { ops.read_volatile() }
    }
}

/// What C hands through to [`read_actor`].
struct ReadContext<F, E> {
    actor: F,
    error: Option<E>,
}

impl<F, E> ReadContext<F, E>
where
    F: FnMut(&mut SkbReader<'_>) -> Result<(), E>,
{
    /// What makes C hand it through, to the function that knows its type; for reading that ends
    /// after about `limit` bytes.
    fn for_c(
        &mut self,
        limit: usize,
    ) -> (
        kernel_bindings::read_descriptor_t,
        kernel_bindings::sk_read_actor_t,
    ) {
        let desc = kernel_bindings::read_descriptor_t {
            written: 0,
            count: limit,
            arg: kernel_bindings::read_descriptor_t__bindgen_ty_1 {
                data: ptr::from_mut(self).cast(),
            },
            error: 0,
        };
        (desc, Some(read_actor::<F, E>))
    }

    /// What has come of reading, given what C has returned.
    ///
    /// # Errors
    ///
    /// What the actor has returned.
    fn result(self, ret: i32) -> Result<Result<i32>, E> {
        match self.error {
            Some(error) => Err(error),
            None => Ok(to_result(ret).map(|()| ret)),
        }
    }
}

/// The `sk_read_actor_t` of [`Socket::read`] and [`Socket::try_read`].
///
/// # Safety
///
/// Called by `read_sock` with the `desc` that was given to it, whose `data` points to a
/// `ReadContext<F, E>` that nobody else uses meanwhile, and with `len` bytes of `skb` from
/// `offset`.
unsafe extern "C" fn read_actor<F, E>(
    desc: *mut kernel_bindings::read_descriptor_t,
    skb: *mut kernel_bindings::sk_buff,
    offset: u32,
    len: usize,
) -> i32
where
    F: FnMut(&mut SkbReader<'_>) -> Result<(), E>,
{
    // SAFETY: By the contract of this function `desc` is that of the reader, which waits for us, as
    // does C in between.
    let desc = unsafe { &mut *desc };
    // SAFETY: `ReadContext::for_c` has set this variant of the union.
    let context = unsafe { desc.arg.data }.cast::<ReadContext<F, E>>();
    // SAFETY: By the contract of this function it is the context of the reader, which waits for us.
    let context = unsafe { &mut *context };
    // SAFETY: `skb` holds the announced bytes, and stays until the actor returns.
    let mut reader = unsafe { SkbReader::new(skb, offset, len) };

    match (context.actor)(&mut reader) {
        Ok(()) => {
            // At 0 C ends. TCP does not, if the actor left something, but shows it that again.
            desc.count = match reader.remaining() {
                0 => desc.count.saturating_sub(reader.consumed() as usize),
                _ => 0,
            };
            reader.consumed() as i32
        }
        Err(error) => {
            context.error = Some(error);
            // C hands through what is negative; the reader returns what there is instead.
            EPROTO.to_errno()
        }
    }
}
