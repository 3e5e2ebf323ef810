// SPDX-License-Identifier: GPL-2.0

//! What the tests of this layer share. Not part of it otherwise.

use core::fmt;

use super::super::{
    decoder::{
        Decoder,
        Event,
        Input, //
    },
    digest::{
        Crc32c,
        Digests, //
    },
    error::{
        DecodeError,
        EmitError, //
    },
    layout::{
        Layout,
        Pda, //
    },
    pdu_type::{
        PduType,
        Role, //
    },
};

/// CRC32C from a table: the reflected polynomial 1EDC6F41h, a byte at a time.
pub(crate) struct Table;

const TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = (crc >> 1) ^ if crc & 1 == 0 { 0 } else { 0x82f6_3b78 };
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
};

impl Crc32c for Table {
    fn update(crc: u32, bytes: &[u8]) -> u32 {
        bytes.iter().fold(crc, |crc, byte| {
            let [low, ..] = crc.to_le_bytes();
            let entry = TABLE.get(usize::from(low ^ byte)).copied();
            (crc >> 8) ^ entry.unwrap_or_default()
        })
    }
}

/// No digests, no alignment beyond a dword: what Linux uses by default.
pub(crate) const PLAIN: Layout = layout(false, false, 0);

/// Both digests.
pub(crate) const DIGESTED: Layout = layout(true, true, 0);

/// A layout for tests; a PDA that is out of range is taken as 0.
pub(crate) const fn layout(header: bool, data: bool, pda: u8) -> Layout {
    let pda = match Pda::new(pda) {
        Some(pda) => pda,
        None => Pda::DWORD,
    };
    Layout {
        digests: Digests { header, data },
        pda,
    }
}

/// A buffer as `emit` may find it: full of something else, and larger than any header.
pub(crate) const fn dirty() -> [u8; 160] {
    [0xa5; 160]
}

/// Whether `emit` writes `bytes`, says how many they are, and touches nothing behind them.
pub(crate) fn writes(
    bytes: &[u8],
    emit: impl FnOnce(&mut [u8]) -> Result<usize, EmitError>,
) -> bool {
    let mut out = dirty();
    match emit(&mut out) {
        Ok(len) => out.get(..len) == Some(bytes) && out.get(len..) == dirty().get(len..),
        Err(_) => false,
    }
}

/// `bytes` with `N` of them replaced from offset `at` on: a golden PDU with one thing wrong.
pub(crate) const fn patched<const LEN: usize, const N: usize>(
    mut bytes: [u8; LEN],
    at: usize,
    with: [u8; N],
) -> [u8; LEN] {
    let mut i = 0;
    while i < N {
        bytes[at + i] = with[i];
        i += 1;
    }
    bytes
}

/// One line of text, as `Display` gives it.
pub(crate) struct Line {
    text: [u8; 96],
    len: usize,
}

impl Line {
    /// What `value` displays as; empty if it is longer than a line.
    pub(crate) fn of(value: &impl fmt::Display) -> Self {
        let mut line = Self {
            text: [0; 96],
            len: 0,
        };
        if fmt::write(&mut line, format_args!("{value}")).is_err() {
            line.len = 0;
        }
        line
    }

    /// The text.
    pub(crate) fn as_str(&self) -> &str {
        let text = self.text.get(..self.len).unwrap_or_default();
        core::str::from_utf8(text).unwrap_or_default()
    }
}

impl fmt::Write for Line {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        let rest = self.text.get_mut(self.len..).unwrap_or_default();
        let to = rest.get_mut(..s.len()).ok_or(fmt::Error)?;
        to.copy_from_slice(s.as_bytes());
        self.len = self.len.saturating_add(s.len());
        Ok(())
    }
}

/// What came out of a decoder, in order: no stream here has more.
pub(crate) type Events = [Option<Event>; 4];

/// A decoder for a connection that is open.
pub(crate) fn open(role: Role, digests: Digests) -> Decoder<Table> {
    Decoder::established(role, digests)
}

/// Number of bytes that the decoder would take now.
pub(crate) fn wanted(decoder: &mut Decoder<Table>) -> usize {
    match decoder.input() {
        Input::Bytes(bytes) => bytes.len(),
        Input::Payload(due) => due as usize,
    }
}

/// Feeds `stream` in pieces of at most `piece` bytes.
pub(crate) fn feed(
    decoder: &mut Decoder<Table>,
    mut stream: &[u8],
    piece: usize,
    events: &mut Events,
) -> Result<(), DecodeError> {
    let mut room = events.iter_mut();
    while !stream.is_empty() {
        let n = match decoder.input() {
            Input::Bytes(bytes) => {
                let n = bytes.len().min(piece).min(stream.len());
                for (to, from) in bytes.iter_mut().take(n).zip(stream) {
                    *to = *from;
                }
                n
            }
            Input::Payload(due) => piece.min(due as usize).min(stream.len()),
        };
        stream = stream.get(n..).unwrap_or_default();
        if let Some(event) = decoder.advance(n)? {
            if let Some(to) = room.next() {
                *to = Some(event);
            }
        }
    }
    Ok(())
}

/// All events of a stream that has to be legal.
pub(crate) fn decode(decoder: &mut Decoder<Table>, stream: &[u8]) -> Result<Events, DecodeError> {
    let mut events = [None; 4];
    feed(decoder, stream, usize::MAX, &mut events)?;
    Ok(events)
}

/// The type of the PDU, if it is the only event of a stream that has to be legal.
pub(crate) fn only(
    decoder: &mut Decoder<Table>,
    stream: &[u8],
) -> Result<Option<PduType>, DecodeError> {
    Ok(match decode(decoder, stream)? {
        [Some(Event::Pdu(pdu)), None, None, None] => Some(pdu.kind()),
        _ => None,
    })
}

/// The error of a stream that has to be illegal.
pub(crate) fn refusal(decoder: &mut Decoder<Table>, stream: &[u8]) -> Option<DecodeError> {
    decode(decoder, stream).err()
}
