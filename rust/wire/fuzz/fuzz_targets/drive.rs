// SPDX-License-Identifier: GPL-2.0

//! What both targets do: run a decoder over the input, twice, cut differently.

use nvme_tcp_wire::{
    DecodeError,
    Decoder,
    Digests,
    Event,
    Input,
    Role,
    TermReq, //
};

use crate::crc::Crate;

/// Runs a decoder over `stream`, in pieces of at most `piece` bytes.
fn run(
    mut decoder: Decoder<Crate>,
    mut stream: &[u8],
    piece: usize,
) -> (Vec<Event>, Option<DecodeError>) {
    let mut events = Vec::new();
    while !stream.is_empty() {
        let n = match decoder.input() {
            Input::Bytes(to) => {
                assert!(!to.is_empty(), "alive, but wants nothing");
                let n = to.len().min(piece).min(stream.len());
                to[..n].copy_from_slice(&stream[..n]);
                n
            }
            Input::Payload(due) => {
                assert_ne!(due, 0, "no data, but wants them");
                stream.len().min(piece).min(due as usize)
            }
        };
        stream = &stream[n..];
        match decoder.advance(n) {
            Ok(event) => events.extend(event),
            Err(error) => {
                answer(&decoder, &error);
                return (events, Some(error));
            }
        }
    }
    (events, None)
}

/// Tells the peer: whatever went wrong, that must be possible.
fn answer(decoder: &Decoder<Crate>, error: &DecodeError) {
    let mut out = [0; TermReq::MAX_HEADER];
    if let Some(answer) = TermReq::answering(error) {
        let len = answer.emit(Role::Host, decoder.header(), &mut out);
        assert!(len.is_ok());
        assert_eq!(TermReq::parse(&out), Ok(answer));
    }
}

/// One input: its first byte chooses how, the rest is the stream.
pub(crate) fn drive(role: Role, input: &[u8]) {
    let Some((how, stream)) = input.split_first() else {
        return;
    };
    let decoder = || {
        let digests = Digests {
            header: how & 1 != 0,
            data: how & 2 != 0,
        };
        match how & 4 {
            0 => Decoder::established(role, digests),
            _ => Decoder::new(role),
        }
    };
    let whole = run(decoder(), stream, usize::MAX);
    let cut = run(decoder(), stream, usize::from(how >> 3).max(1));
    assert_eq!(whole, cut);
}
