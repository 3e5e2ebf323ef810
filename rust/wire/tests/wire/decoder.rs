// SPDX-License-Identifier: GPL-2.0

//! Properties of the decoder.

use nvme_tcp_wire::{
    Decoder,
    Digests,
    Event,
    Fes,
    Input,
    Layout,
    Pdu,
    Role, //
};
use proptest::{
    collection::vec,
    prelude::*, //
};

use crate::{
    feeder::{
        expected,
        feed,
        stream, //
    },
    strategy::{
        digests,
        emit,
        icreq,
        icresp,
        layout,
        pda,
        pdu,
        pdus,
        role, //
    },
    Crate, //
};

/// A decoder for what a peer sends that keeps to `layout`.
fn established(role: Role, layout: &Layout) -> Decoder<Crate> {
    let mut decoder = Decoder::established(role, layout.digests);
    decoder.set_pda(layout.pda);
    decoder
}

/// Lengths of pieces, small ones preferred.
fn pieces() -> impl Strategy<Value = Vec<usize>> {
    vec(prop_oneof![3 => 1..10_usize, 1 => 10..2000_usize], 1..20)
}

/// A connection: the layout, and PDUs for one role.
fn connection() -> impl Strategy<Value = (Role, Layout, Vec<Pdu>)> {
    role().prop_flat_map(|role| (Just(role), layout(), pdus(role)))
}

/// A header with its digest, as `role` receives it.
fn digested_header() -> impl Strategy<Value = (Role, Layout, Pdu)> {
    role()
        .prop_flat_map(|role| (Just(role), any::<bool>(), pda(), pdu(role, 300)))
        .prop_filter("a TermReq has no digest", |(_, _, _, pdu)| {
            !matches!(pdu, Pdu::H2CTermReq(_) | Pdu::C2HTermReq(_))
        })
        .prop_map(|(role, data, pda, pdu)| {
            let digests = Digests { header: true, data };
            (role, Layout { digests, pda }, pdu)
        })
}

/// Something like a PDU: its first bytes are such as the decoder lets pass.
fn plausible() -> impl Strategy<Value = Vec<u8>> {
    let hlen = prop_oneof![Just(24_u8), Just(72), Just(128), any::<u8>()];
    let pdo = prop_oneof![
        Just(0_u8),
        Just(24),
        Just(28),
        Just(72),
        Just(76),
        any::<u8>()
    ];
    let plen = prop_oneof![
        Just(24_u32),
        Just(28),
        Just(72),
        Just(76),
        Just(128),
        24..400_u32,
        any::<u32>()
    ];
    let head = (0..=10_u8, 0..16_u8, hlen, pdo, plen);
    (head, vec(any::<u8>(), 0..200)).prop_map(|((code, flags, hlen, pdo, plen), tail)| {
        let mut bytes = vec![code, flags, hlen, pdo];
        bytes.extend(plen.to_le_bytes());
        bytes.extend(tail);
        bytes
    })
}

proptest! {
    /// However the stream is cut, the decoder finds the same PDUs and data in it.
    #[test]
    fn decodes_alike_however_cut(
        (role, layout, pdus) in connection(),
        pieces in pieces(),
    ) {
        let stream = stream(&pdus, &layout);
        let trace = feed(&mut established(role, &layout), &stream, &pieces);

        prop_assert_eq!(trace.error, None);
        prop_assert_eq!(trace.taken, stream.len());
        prop_assert_eq!(trace.events, expected(&pdus, &layout));
    }

    /// The same for bytes that mean nothing: the same events, then the same error.
    #[test]
    fn fails_alike_however_cut(
        role in role(),
        digests in digests(),
        open in any::<bool>(),
        bytes in vec(prop_oneof![plausible(), vec(any::<u8>(), 0..60)], 0..6),
        pieces in pieces(),
    ) {
        let decoder = || match open {
            true => Decoder::established(role, digests),
            false => Decoder::new(role),
        };
        let bytes = bytes.concat();
        let whole = feed(&mut decoder(), &bytes, &[usize::MAX]);
        let cut = feed(&mut decoder(), &bytes, &pieces);

        prop_assert_eq!(whole.events, cut.events);
        prop_assert_eq!(whole.error, cut.error);
        // Pieces may show the error before all of the bytes that were asked for have come.
        prop_assert!(cut.taken <= whole.taken);
    }

    /// A connection from its first byte on.
    #[test]
    fn opens_then_decodes(
        request in icreq(),
        pdus in pdus(Role::Controller),
        our_pda in pda(),
        pieces in pieces(),
    ) {
        let layout = Layout { digests: request.digests, pda: our_pda };
        let mut decoder = Decoder::new(Role::Controller);
        decoder.set_pda(our_pda);

        let first = stream(&[Pdu::ICReq(request)], &layout);
        let trace = feed(&mut decoder, &first, &pieces);
        prop_assert_eq!(trace.events, vec![(Event::Pdu(Pdu::ICReq(request)), vec![])]);

        decoder.set_digests(request.digests);
        let rest = stream(&pdus, &layout);
        let trace = feed(&mut decoder, &rest, &pieces);
        prop_assert_eq!(trace.error, None);
        prop_assert_eq!(trace.events, expected(&pdus, &layout));
    }

    /// Every wrong bit in a header or in its digest is found, and the connection ends before
    /// anything is made of it. (Bits of padding and data are covered by other digests or none.)
    #[test]
    fn finds_every_flipped_bit((role, layout, pdu) in digested_header()) {
        let mut header = [0; 160];
        let len = emit(&pdu, &layout, &mut header);
        let end = usize::from(pdu.kind().hlen()) + 4;
        prop_assert!(end <= len);

        for bit in 0..end * 8 {
            let mut bytes = header;
            bytes[bit / 8] ^= 1 << (bit % 8);
            // More than the header, so that a wrong length does not just wait for its end.
            let trace = feed(&mut established(role, &layout), &bytes, &[usize::MAX]);

            let error = trace.error.and_then(|error| error.fatal()).map(|error| error.fes);
            prop_assert!(trace.events.is_empty());
            prop_assert!(trace.error.is_some(), "bit {} of {:?}", bit, pdu);
            // The fields of the common header are judged before the digest can be.
            if bit >= 64 {
                prop_assert_eq!(error, Some(Fes::HeaderDigest));
            }
        }
    }

    /// Any number of bytes reported, right or wrong: an error at most, and then the same one.
    #[test]
    fn survives_any_advance(
        role in role(),
        digests in digests(),
        steps in vec(
            (any::<[u8; 32]>(), prop_oneof![9 => 0..40_usize, 1 => any::<usize>()]),
            1..60,
        ),
    ) {
        let mut decoder = Decoder::<Crate>::established(role, digests);
        let mut dead = None;
        for (bytes, n) in steps {
            if let Input::Bytes(to) = decoder.input() {
                for (to, from) in to.iter_mut().zip(bytes) {
                    *to = from;
                }
            }
            let result = decoder.advance(n);
            if dead.is_some() {
                prop_assert_eq!(result.err(), dead);
            }
            dead = result.err();
        }
        prop_assert!(decoder.header().len() <= 128);
    }

    /// A host finds its ICResp, and nothing else, at the start.
    #[test]
    fn host_opens_with_icresp(response in icresp(), pieces in pieces()) {
        let bytes = stream(&[Pdu::ICResp(response)], &Layout::default());
        let trace = feed(&mut Decoder::new(Role::Host), &bytes, &pieces);
        prop_assert_eq!(trace.events, vec![(Event::Pdu(Pdu::ICResp(response)), vec![])]);

        let trace = feed(&mut Decoder::new(Role::Controller), &bytes, &pieces);
        prop_assert!(trace.error.is_some());
    }
}
