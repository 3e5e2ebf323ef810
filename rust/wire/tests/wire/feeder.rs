// SPDX-License-Identifier: GPL-2.0

//! Feeds streams to decoders, as a driver would, and writes down what comes out.

use nvme_tcp_wire::{
    finish,
    Crc32c,
    DecodeError,
    Decoder,
    Event,
    Input,
    Layout,
    Pdu,
    CRC_SEED, //
};

use crate::{
    strategy::emit,
    Crate, //
};

/// What came out of a decoder.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Trace {
    /// The events, each with the data that preceded it.
    pub(crate) events: Vec<(Event, Vec<u8>)>,
    /// How it ended, if it did.
    pub(crate) error: Option<DecodeError>,
    /// Bytes of the stream that were taken.
    pub(crate) taken: usize,
}

/// Feeds `stream` to `decoder`, in pieces of the lengths that `pieces` gives, over and over.
///
/// Panics if the decoder asks for nothing while it is alive: it would never get anywhere.
pub(crate) fn feed(decoder: &mut Decoder<Crate>, stream: &[u8], pieces: &[usize]) -> Trace {
    let mut trace = Trace::default();
    let mut data = Vec::new();
    let mut pieces = pieces.iter().cycle();

    while trace.taken < stream.len() {
        let piece = *pieces.next().unwrap();
        let rest = &stream[trace.taken..];
        let n = match decoder.input() {
            Input::Bytes(to) => {
                assert!(!to.is_empty());
                let n = to.len().min(piece).min(rest.len());
                to[..n].copy_from_slice(&rest[..n]);
                n
            }
            Input::Payload(due) => {
                assert_ne!(due, 0);
                let n = rest.len().min(piece).min(due as usize);
                data.extend_from_slice(&rest[..n]);
                n
            }
        };
        trace.taken += n;
        match decoder.advance(n) {
            Ok(None) => {}
            Ok(Some(event)) => trace.events.push((event, std::mem::take(&mut data))),
            Err(error) => {
                trace.error = Some(error);
                break;
            }
        }
    }
    trace
}

/// The bytes of `pdus` on a connection, their data filled with a count.
pub(crate) fn stream(pdus: &[Pdu], layout: &Layout) -> Vec<u8> {
    let mut stream = Vec::new();
    for (i, pdu) in pdus.iter().enumerate() {
        let mut header = [0xa5; 160];
        let len = emit(pdu, layout, &mut header);
        stream.extend_from_slice(&header[..len]);
        if pdu.payload_len() != 0 {
            let data = payload(i, pdu);
            stream.extend_from_slice(&data);
            if layout.digests.data {
                stream.extend(finish(Crate::update(CRC_SEED, &data)));
            }
        }
    }
    stream
}

/// What a decoder has to make of [`stream`].
pub(crate) fn expected(pdus: &[Pdu], layout: &Layout) -> Vec<(Event, Vec<u8>)> {
    let mut events = Vec::new();
    for (i, pdu) in pdus.iter().enumerate() {
        events.push((Event::Pdu(*pdu), Vec::new()));
        if pdu.payload_len() != 0 {
            let data = payload(i, pdu);
            let digest = finish(Crate::update(CRC_SEED, &data));
            let digest = layout.digests.data.then_some(digest);
            events.push((Event::Payload { digest }, data));
        }
    }
    events
}

/// The data of the `i`th PDU of a stream.
fn payload(i: usize, pdu: &Pdu) -> Vec<u8> {
    (0..pdu.payload_len())
        .map(|at| at as u8 ^ (i as u8) << 5)
        .collect()
}
