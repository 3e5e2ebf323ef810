// SPDX-License-Identifier: GPL-2.0

//! What is said about errors, to the peer and in the log.

use nvme_tcp_wire::{
    DecodeError,
    Decoder,
    Digests,
    Fes,
    Layout,
    Pdu,
    Role,
    TermReq, //
};
use proptest::{
    collection::vec,
    prelude::*, //
};

use crate::{
    feeder::feed,
    strategy::{
        digests,
        emit,
        pdu,
        role, //
    },
    Crate, //
};

/// The error with which a header is refused that begins `bytes`.
fn error(role: Role, digests: Digests, bytes: &[u8]) -> Option<DecodeError> {
    let mut decoder = Decoder::<Crate>::established(role, digests);
    let trace = feed(&mut decoder, bytes, &[usize::MAX]);
    trace.error.filter(|_| trace.events.is_empty())
}

/// Where the field begins that has byte `at` of a header with data.
fn field_of(at: usize) -> u32 {
    match at {
        0..=3 => at as u32,
        4..=7 => 4,
        8..=9 => 8,
        10..=11 => 10,
        _ => at as u32 / 4 * 4,
    }
}

proptest! {
    /// Whatever a peer sends, the log gets one line of it, and of a length that one can read.
    #[test]
    fn errors_are_one_line(
        role in role(),
        digests in digests(),
        code in 0..12_u8,
        flags in 0..16_u8,
        bytes in vec(any::<u8>(), 160),
    ) {
        let mut bytes = bytes;
        bytes[0] = code;
        bytes[1] = flags;
        if let Some(error) = error(role, digests, &bytes) {
            let line = error.to_string();
            prop_assert!(!line.is_empty() && line.len() < 120, "{}", line);
            prop_assert!(line.chars().all(|c| !c.is_control()), "{:?}", line);
        }
        let line = TermReq { fes: u16::from(code), fei: u32::from(flags) }.to_string();
        prop_assert!(line.len() < 120 && line.chars().all(|c| !c.is_control()));
    }

    /// The peer is told what is in the error, with as much of the header as fits, and can read it.
    #[test]
    fn answers_say_what_was_wrong(
        role in role(),
        digests in digests(),
        bytes in vec(any::<u8>(), 160),
        offending in vec(any::<u8>(), 0..200),
    ) {
        let Some(error) = error(role, digests, &bytes) else {
            return Ok(());
        };
        let answer = TermReq::answering(&error);
        prop_assert_eq!(answer.is_some(), error.fatal().is_some());
        if let (Some(answer), Some(error)) = (answer, error.fatal()) {
            let mut out = [0xa5; 160];
            let len = answer.emit(role, &offending, &mut out).unwrap();

            prop_assert_eq!(TermReq::parse(&out), Ok(answer));
            prop_assert_eq!(Fes::from_code(answer.fes), Some(error.fes));
            prop_assert_eq!(answer.fei, error.fei);
            prop_assert_eq!(&out[24..len], &offending[..offending.len().min(128)]);
            prop_assert!(out[len..].iter().all(|byte| *byte == 0xa5));
        }
    }

    /// One wrong byte in a legal header is blamed on its field, or on one that it has to agree with.
    #[test]
    fn blames_the_wrong_field(
        (role, pdu) in role().prop_flat_map(|role| (Just(role), pdu(role, 300))),
        at in 0..24_usize,
        flip in 1..=u8::MAX,
    ) {
        let mut bytes = [0; 160];
        emit(&pdu, &Layout::default(), &mut bytes);
        bytes[at] ^= flip;
        let Some(error) = error(role, Digests::default(), &bytes) else {
            return Ok(());
        };
        let Some(error) = error.fatal() else {
            // A TermReq that is none, or anything that has become one.
            let term = matches!(pdu, Pdu::H2CTermReq(_) | Pdu::C2HTermReq(_));
            prop_assert!(at == 0 || term);
            return Ok(());
        };
        match error.fes {
            Fes::InvalidHeaderField => {
                // PDO and PLEN say how much data there are, and so does DATAL.
                let partners: &[u32] = match field_of(at) {
                    3 => &[3, 4, 16],
                    4 => &[3, 4, 16],
                    // As a PDU of another type, anything may be wrong with it.
                    0 => &[0, 1, 2, 3, 4, 8, 10, 12, 16],
                    field => &[field],
                };
                prop_assert!(partners.contains(&error.fei), "byte {} of {:?}: {}", at, pdu, error);
            }
            // Another type, which may not come now.
            Fes::PduSequence => prop_assert_eq!(at, 0),
            _ => prop_assert!(false, "byte {} of {:?}: {}", at, pdu, error),
        }
    }
}
