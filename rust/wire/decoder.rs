// SPDX-License-Identifier: GPL-2.0

//! The receive machine: cuts a stream of bytes into PDUs.
//!
//! It never sees the data of a command. It says how many bytes of them are due, and whoever
//! owns the socket moves them to where they belong and keeps the CRC. Likewise it cannot know
//! which commands there are, or how long they are: see the transfer types.
//!
//! C counterparts: `nvme_tcp_recv_skb()`, `nvmet_tcp_try_recv_pdu()`.

use core::marker::PhantomData;

use super::{
    ch::{
        Ch,
        CH_LEN, //
    },
    decoder_state::{
        advanced,
        remaining,
        State, //
    },
    digest::{
        finish,
        Crc32c,
        Digests,
        CRC_SEED,
        DIGEST_LEN, //
    },
    error::{
        DecodeError,
        Error, //
    },
    layout::{
        Layout,
        Pda, //
    },
    pdu::{
        Pdu,
        MAX_HLEN, //
    },
    pdu_type::{
        PduType,
        Role, //
    }, //
};

/// The shortest header of all PDUs in bytes. So much can be read before anything is known, and
/// it is all of the header for every PDU that a host receives after ICResp.
const MIN_HLEN: usize = PduType::R2T.hlen() as usize;

/// What the decoder wants next.
#[derive(Debug, PartialEq, Eq)]
pub enum Input<'a> {
    /// Bytes of headers, digests or padding. Fill some or all of it, from the start, then
    /// [`Decoder::advance`] by as many. Empty after an error.
    Bytes(&'a mut [u8]),
    /// This many bytes of data are due, at least one. Take some or all of them away, then
    /// [`Decoder::advance`] by as many.
    Payload(u32),
}

/// What has been received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A header is complete, its digest correct and its fields legal. If
    /// [`Pdu::payload_len`] is not zero, the data follow.
    Pdu(Pdu),
    /// The data of the PDU announced last are complete.
    Payload {
        /// The data digest as received, to compare with [`finish`]; [`None`] without digests.
        /// A mismatch is not an error of the connection (section 3.5): it fails the command.
        digest: Option<[u8; DIGEST_LEN]>,
    },
}

/// Decodes what one connection receives; the layer's documentation has an example.
///
/// # Invariants
///
/// In `State::Common`, `at` is less than `MIN_HLEN`. In `State::Header`, `at` is less than where
/// the header of `kind` ends, which is at most `MAX_HLEN`. In `State::Skip`, `left` is not zero and
/// `end` is less than `MAX_HLEN`. In `State::Payload`, `left` is not zero. In
/// `State::DataDigest`, `at` is less than `DIGEST_LEN`.
pub struct Decoder<C: Crc32c> {
    role: Role,
    /// The PDU that opens the connection has been received.
    open: bool,
    /// The digests of the connection, and the alignment that we asked for.
    layout: Layout,
    state: State,
    /// The header that is being received, or was last, and its digest.
    header: [u8; MAX_HLEN],
    /// How much of `header` is header.
    seen: usize,
    digest: [u8; DIGEST_LEN],
    // A decoder calls `C` but owns none.
    _crc: PhantomData<fn() -> C>,
}

impl<C: Crc32c> Decoder<C> {
    /// A decoder for a new connection.
    ///
    /// The first PDU has to be the peer's part of the IC exchange, or a TermReq. When it has
    /// come, and before more input is taken, [`Decoder::set_digests`] is due.
    pub const fn new(role: Role) -> Self {
        Self {
            role,
            open: false,
            layout: Layout {
                digests: Digests {
                    header: false,
                    data: false,
                },
                pda: Pda::DWORD,
            },
            // INVARIANT: 0 is less than `MIN_HLEN`.
            state: State::Common { at: 0 },
            header: [0; MAX_HLEN],
            seen: 0,
            digest: [0; DIGEST_LEN],
            _crc: PhantomData,
        }
    }

    /// A decoder for a connection whose IC exchange is over.
    pub const fn established(role: Role, digests: Digests) -> Self {
        let mut decoder = Self::new(role);
        decoder.open = true;
        decoder.layout.digests = digests;
        decoder
    }

    /// Sets the digests that the IC exchange settled, for the PDUs that follow.
    pub fn set_digests(&mut self, digests: Digests) {
        self.layout.digests = digests;
    }

    /// Sets the alignment of data that we asked the peer for. A dword if never called, as the C
    /// drivers want it.
    pub fn set_pda(&mut self, pda: Pda) {
        self.layout.pda = pda;
    }

    /// What to feed next.
    pub fn input(&mut self) -> Input<'_> {
        let bytes = match self.state {
            State::Common { at } => self.header.get_mut(at..MIN_HLEN),
            State::Header { kind, at, .. } => {
                let end = self.layout.header_end(kind);
                self.header.get_mut(at..end.into())
            }
            State::Skip { end, left, .. } => self.header.get_mut(end..).and_then(|scratch| {
                let len = scratch.len().min(usize::try_from(left).ok()?);
                scratch.get_mut(..len)
            }),
            State::Payload { left } => return Input::Payload(left),
            State::DataDigest { at } => self.digest.get_mut(at..),
            State::Dead(_) => None,
        };
        // By the invariants, there are no bytes only after an error.
        Input::Bytes(bytes.unwrap_or_default())
    }

    /// Takes note that `n` bytes of what [`Decoder::input`] asked for have been supplied.
    ///
    /// # Errors
    ///
    /// What is wrong with the stream, which is then at its end: the same error is returned from
    /// then on. [`DecodeError::Overrun`] if `n` is more than was asked for.
    pub fn advance(&mut self, n: usize) -> Result<Option<Event>, DecodeError> {
        self.step(n)
            .inspect_err(|error| self.state = State::Dead(*error))
    }

    /// Where the stream is in a PDU that has not come to its end, as a number that changes with
    /// each byte; [`None`] between PDUs, and after an error.
    pub fn midway(&self) -> Option<u32> {
        match self.state {
            State::Dead(_) | State::Common { at: 0 } => None,
            State::Common { at } | State::Header { at, .. } => u32::try_from(at).ok(),
            State::DataDigest { at } => u32::try_from(MAX_HLEN.saturating_add(at)).ok(),
            State::Skip { left, .. } | State::Payload { left } => Some(left),
        }
    }

    /// The header received last, or what has arrived of it, without digest: what a
    /// [`TermReq`](super::TermReq) about it has to contain.
    pub fn header(&self) -> &[u8] {
        self.header.get(..self.seen).unwrap_or_default()
    }

    fn step(&mut self, n: usize) -> Result<Option<Event>, DecodeError> {
        let (kind, ch, at) = match self.state {
            State::Dead(error) => return Err(error),
            // Nothing new: in particular, `header()` still shows the last PDU.
            _ if n == 0 => return Ok(None),
            State::Common { at } => {
                let at = advanced(at, n, MIN_HLEN)?;
                self.seen = at;
                if at < CH_LEN {
                    self.state = State::Common { at };
                    return Ok(None);
                }
                let (kind, ch) = self.admit()?;
                (kind, ch, at)
            }
            State::Header { kind, ch, at } => {
                let end = self.layout.header_end(kind);
                (kind, ch, advanced(at, n, end.into())?)
            }
            State::Skip { end, left, payload } => {
                let scratch = self.header.len().saturating_sub(end);
                // INVARIANT: `left` is not zero where it is kept, `end` is as it was.
                self.state = match remaining(left, n, scratch)? {
                    0 => State::at_payload(payload),
                    left => State::Skip { end, left, payload },
                };
                return Ok(None);
            }
            State::Payload { left } => {
                let left = remaining(left, n, usize::MAX)?;
                return Ok(self.in_payload(left));
            }
            State::DataDigest { at } => {
                let at = advanced(at, n, DIGEST_LEN)?;
                return Ok(self.in_data_digest(at));
            }
        };
        self.in_header(kind, ch, at)
    }

    /// Reads the common header, provided that a PDU of its type may come here and now. What else is
    /// wrong is only said when the digest of the header, if it has one, has been seen.
    fn admit(&self) -> Result<(PduType, Result<Ch, Error>), DecodeError> {
        let kind = Ch::kind(&self.header)?;
        if kind.receiver() != self.role {
            return Err(Ch::wrong_direction(kind).into());
        }
        // A TermReq may come at any time: it is also how an ICReq is refused.
        if !kind.is_term_req() && kind.is_ic() == self.open {
            return Err(Error::unexpected(kind).into());
        }
        match Ch::parse(&self.header, &self.layout) {
            Ok(ch) => Ok((kind, Ok(ch))),
            Err(DecodeError::Fatal(error)) if Ch::is_digested(kind, &self.header, &self.layout) => {
                Ok((kind, Err(error)))
            }
            Err(error) => Err(error),
        }
    }

    /// Waits for the rest of the header, then checks its digest and reads it.
    fn in_header(
        &mut self,
        kind: PduType,
        ch: Result<Ch, Error>,
        at: usize,
    ) -> Result<Option<Event>, DecodeError> {
        let (hlen, end) = (kind.hlen(), self.layout.header_end(kind));
        let (hlen, end) = (usize::from(hlen), usize::from(end));
        self.seen = at.min(hlen);
        if at < end {
            // INVARIANT: `at` is checked, and a header with its digest fits the buffer.
            self.state = State::Header { kind, ch, at };
            return Ok(None);
        }
        if hlen != end {
            self.check_header_digest(hlen)?;
        }
        let ch = ch?;
        let pdu = Pdu::read(&ch, &self.header)?;
        let skip = match pdu {
            Pdu::ICReq(_) | Pdu::ICResp(_) => {
                self.open = true;
                0
            }
            Pdu::H2CTermReq(_) | Pdu::C2HTermReq(_) => {
                ch.plen.saturating_sub(u32::from(ch.header_end))
            }
            _ if ch.data_len != 0 => u32::from(ch.pdo.saturating_sub(ch.header_end)),
            _ => 0,
        };
        // INVARIANT: `skip` is checked. An ICReq or ICResp, whose header fills the buffer, has
        // nothing behind it, so `end` is less than the size of the buffer.
        self.state = match skip {
            0 => State::at_payload(ch.data_len),
            left => State::Skip {
                end,
                left,
                payload: ch.data_len,
            },
        };
        Ok(Some(Event::Pdu(pdu)))
    }

    /// Waits for the rest of the data.
    fn in_payload(&mut self, left: u32) -> Option<Event> {
        if left != 0 {
            self.state = State::Payload { left };
            return None;
        }
        if self.layout.digests.data {
            self.state = State::DataDigest { at: 0 };
            return None;
        }
        self.state = State::Common { at: 0 };
        Some(Event::Payload { digest: None })
    }

    /// Waits for the rest of the data digest.
    fn in_data_digest(&mut self, at: usize) -> Option<Event> {
        if at < DIGEST_LEN {
            self.state = State::DataDigest { at };
            return None;
        }
        self.state = State::Common { at: 0 };
        let digest = Some(self.digest);
        Some(Event::Payload { digest })
    }

    /// Compares the digest behind the first `hlen` bytes of the buffer with theirs.
    fn check_header_digest(&self, hlen: usize) -> Result<(), Error> {
        let (header, rest) = self
            .header
            .split_at_checked(hlen)
            .unwrap_or((&self.header, &[]));
        // A header with its digest fits the buffer; if it did not, 0 would be wrong, too.
        let got = rest.first_chunk().copied().unwrap_or_default();
        let want = finish(C::update(CRC_SEED, header));
        if got != want {
            let (got, want) = (u32::from_le_bytes(got), u32::from_le_bytes(want));
            return Err(Error::header_digest(got, want));
        }
        Ok(())
    }
}
