// SPDX-License-Identifier: GPL-2.0

//! The tests of the decoder, apart for their length.

use super::{
    super::{
        data::C2HData,
        decoder::{
            Decoder,
            Event,
            Input, //
        },
        digest::Digests,
        error::{
            DecodeError,
            Error, //
        },
        header::PduHeader,
        pdu_type::{
            PduType,
            Role, //
        }, //
    },
    golden,
    testing::{
        decode,
        feed,
        only,
        open,
        refusal,
        wanted,
        Table,
        DIGESTED, //
    }, //
};

/// A C2HData with four bytes of data.
fn short_read() -> C2HData {
    C2HData {
        cccid: 0x2001,
        datao: 0,
        datal: 4,
        last: true,
        success: false,
    }
}

#[cfg_attr(nvme_kunit, ::kernel::macros::kunit_tests(nvme_tcp_wire_decoder))]
mod tests {
    use super::super::{
        super::{
            capsule::CapsuleCmd,
            error::Fes,
            layout::Pda,
            pdu::Pdu,
            reason::Reason, //
        },
        testing::{
            dirty,
            layout,
            patched,
            PLAIN, //
        }, //
    };
    use super::*;

    const NONE: Digests = PLAIN.digests;
    const BOTH: Digests = DIGESTED.digests;

    #[test]
    fn decoder_host_takes_headers_whole() -> Result<(), DecodeError> {
        let mut host = open(Role::Host, NONE);
        assert_eq!(wanted(&mut host), 24);
        assert_eq!(only(&mut host, &golden::R2T)?, Some(PduType::R2T));
        assert_eq!(wanted(&mut host), 24);

        assert_eq!(
            only(&mut host, &golden::KEEP_ALIVE_RESP)?,
            Some(PduType::CapsuleResp)
        );

        assert_eq!(only(&mut host, &golden::C2HDATA)?, Some(PduType::C2HData));
        assert_eq!(host.input(), Input::Payload(4096));
        Ok(())
    }

    #[test]
    fn decoder_host_with_digests() -> Result<(), DecodeError> {
        // 24 and then 4, not 28 at once: a C2HTermReq has no digest and may be the last there is.
        let mut host = open(Role::Host, BOTH);
        assert_eq!(wanted(&mut host), 24);
        assert_eq!(decode(&mut host, &golden::R2T_DIGESTS[..24])?, [None; 4]);
        assert_eq!(wanted(&mut host), 4);
        assert_eq!(
            only(&mut host, &golden::R2T_DIGESTS[24..])?,
            Some(PduType::R2T)
        );
        Ok(())
    }

    #[test]
    fn decoder_controller_opens() -> Result<(), DecodeError> {
        let mut controller = Decoder::<Table>::new(Role::Controller);
        assert_eq!(wanted(&mut controller), 24);
        assert_eq!(
            only(&mut controller, &golden::ICREQ_DIGESTS)?,
            Some(PduType::ICReq)
        );

        controller.set_digests(BOTH);
        assert_eq!(
            only(&mut controller, &golden::CONNECT_DIGESTS)?,
            Some(PduType::CapsuleCmd)
        );
        assert_eq!(controller.input(), Input::Payload(1024));
        Ok(())
    }

    #[test]
    fn decoder_host_opens() -> Result<(), DecodeError> {
        let mut host = Decoder::<Table>::new(Role::Host);
        assert_eq!(only(&mut host, &golden::ICRESP)?, Some(PduType::ICResp));
        assert_eq!(
            only(&mut host, &golden::KEEP_ALIVE_RESP)?,
            Some(PduType::CapsuleResp)
        );
        Ok(())
    }

    #[test]
    fn decoder_wants_ic_first_and_once() {
        let mut host = Decoder::<Table>::new(Role::Host);
        let error = refusal(&mut host, &golden::R2T);
        assert_eq!(error, Some(Error::unexpected(PduType::R2T).into()));

        let mut controller = Decoder::<Table>::new(Role::Controller);
        let error = refusal(&mut controller, &golden::CONNECT);
        assert_eq!(error, Some(Error::unexpected(PduType::CapsuleCmd).into()));

        let mut controller = open(Role::Controller, NONE);
        let error = refusal(&mut controller, &golden::ICREQ);
        assert_eq!(error, Some(Error::unexpected(PduType::ICReq).into()));

        let mut host = open(Role::Host, NONE);
        let error = refusal(&mut host, &golden::ICRESP);
        assert_eq!(error, Some(Error::unexpected(PduType::ICResp).into()));
    }

    #[test]
    fn decoder_direction() {
        let error = refusal(&mut open(Role::Host, NONE), &golden::H2CDATA);
        let want = Error::header(0, Reason::WrongDirection(PduType::H2CData)).into();
        assert_eq!(error, Some(want));

        let error = refusal(&mut open(Role::Controller, NONE), &golden::R2T);
        let want = Error::header(0, Reason::WrongDirection(PduType::R2T)).into();
        assert_eq!(error, Some(want));
    }

    #[test]
    fn decoder_judges_after_eight_bytes() -> Result<(), DecodeError> {
        let mut controller = Decoder::<Table>::new(Role::Controller);
        assert_eq!(decode(&mut controller, b"GET / H")?, [None; 4]);
        let error = refusal(&mut controller, b"T");
        let want = Error::header(0, Reason::UnknownType(b'G')).into();
        assert_eq!(error, Some(want));
        assert_eq!(controller.header(), b"GET / HT");
        Ok(())
    }

    #[test]
    fn decoder_header_digest() {
        let bad = patched(golden::R2T_DIGESTS, 24, [0xde, 0xad, 0xbe, 0xef]);
        let error = refusal(&mut open(Role::Host, BOTH), &bad).and_then(|e| e.fatal());
        assert_eq!(error.map(|e| e.fes), Some(Fes::HeaderDigest));
        assert_eq!(error.map(|e| e.fei), Some(0xefbe_adde));
    }

    #[test]
    fn decoder_payload_and_digest() -> Result<(), DecodeError> {
        let mut pdu = dirty();
        let start = short_read()
            .emit::<Table>(&DIGESTED, &mut pdu)
            .unwrap_or_default();
        // What is dirty behind the header serves as data and digest.
        let stream = pdu.get(..start + 8).unwrap_or_default();
        let want = [
            Some(Event::Pdu(Pdu::C2HData(short_read()))),
            Some(Event::Payload {
                digest: Some([0xa5; 4]),
            }),
            None,
            None,
        ];

        for piece in 1..=40 {
            let mut host = open(Role::Host, BOTH);
            let mut events = [None; 4];
            feed(&mut host, stream, piece, &mut events)?;
            assert_eq!(events, want);
            assert_eq!(wanted(&mut host), 24);
        }
        Ok(())
    }

    #[test]
    fn decoder_payload_without_digest() -> Result<(), DecodeError> {
        let mut pdu = dirty();
        let start = short_read()
            .emit::<Table>(&PLAIN, &mut pdu)
            .unwrap_or_default();
        let stream = pdu.get(..start + 4).unwrap_or_default();
        let events = decode(&mut open(Role::Host, NONE), stream)?;
        assert!(matches!(
            events,
            [
                Some(Event::Pdu(_)),
                Some(Event::Payload { digest: None }),
                None,
                None
            ]
        ));
        Ok(())
    }

    #[test]
    fn decoder_skips_padding() -> Result<(), DecodeError> {
        // More padding than any alignment needs, and than the decoder has scratch space for.
        let pdo = 252;
        let command = patched(golden::CONNECT, 3, [pdo]);
        let command = patched(command, 4, u32::to_le_bytes(252 + 4));

        for piece in [1, 7, 100, 1000] {
            let mut controller = open(Role::Controller, NONE);
            let mut events = [None; 4];
            feed(&mut controller, &command, piece, &mut events)?;
            feed(&mut controller, &[0x5a; 252 - 72], piece, &mut [None; 4])?;
            assert_eq!(controller.header(), &command);
            assert_eq!(controller.input(), Input::Payload(4));

            let command = CapsuleCmd {
                sqe: *golden::sqe(&command),
                data_len: 4,
            };
            assert_eq!(
                events,
                [Some(Event::Pdu(Pdu::CapsuleCmd(command))), None, None, None]
            );
        }
        Ok(())
    }

    #[test]
    fn decoder_wants_our_alignment() {
        let mut pdu = dirty();
        let aligned = layout(false, false, 3);
        let emitted = short_read().emit::<Table>(&aligned, &mut pdu);
        assert_eq!(emitted, Ok(32));

        for (pda, legal) in [
            (0, true),
            (1, true),
            (3, true),
            (7, true),
            (8, false),
            (31, false),
        ] {
            let mut host = open(Role::Host, NONE);
            host.set_pda(Pda::new(pda).unwrap_or_default());
            let stream = pdu.get(..24).unwrap_or_default();
            assert_eq!(decode(&mut host, stream).is_ok(), legal);
        }
    }

    #[test]
    fn decoder_term_req_at_any_time() -> Result<(), DecodeError> {
        for mut host in [Decoder::new(Role::Host), open(Role::Host, BOTH)] {
            // The event comes with the header, whether or not the rest does.
            assert_eq!(
                only(&mut host, &golden::C2HTERMREQ)?,
                Some(PduType::C2HTermReq)
            );
            assert_eq!(decode(&mut host, &golden::C2HTERMREQ_DATA)?, [None; 4]);
            assert_eq!(host.header(), &golden::C2HTERMREQ);
            assert_eq!(wanted(&mut host), 24);
        }

        let bad = patched(golden::C2HTERMREQ, 4, [153]);
        let error = refusal(&mut Decoder::new(Role::Host), &bad);
        assert!(matches!(error, Some(DecodeError::BadTermReq { .. })));
        Ok(())
    }

    #[test]
    fn decoder_header_stays_until_the_next() -> Result<(), DecodeError> {
        let mut host = open(Role::Host, BOTH);
        decode(&mut host, &golden::R2T_DIGESTS)?;
        assert_eq!(host.header(), &golden::R2T_DIGESTS[..24]);
        host.advance(0)?;
        assert_eq!(host.header(), &golden::R2T_DIGESTS[..24]);

        decode(&mut host, &golden::C2HDATA_DIGESTS[..3])?;
        assert_eq!(host.header(), &golden::C2HDATA_DIGESTS[..3]);
        Ok(())
    }

    #[test]
    fn decoder_overrun_is_an_error() {
        let mut host = open(Role::Host, NONE);
        let overrun = DecodeError::Overrun { got: 25, asked: 24 };
        assert_eq!(host.advance(25), Err(overrun));

        for n in [usize::MAX, 4097] {
            let mut host = open(Role::Host, NONE);
            assert!(decode(&mut host, &golden::C2HDATA).is_ok());
            let asked = 4096;
            let overrun = DecodeError::Overrun { got: n, asked };
            assert_eq!(host.advance(n), Err(overrun));
        }
    }

    #[test]
    fn decoder_stays_dead() {
        let mut host = open(Role::Host, NONE);
        let error = refusal(&mut host, &golden::ICREQ);
        assert!(error.is_some());
        for n in [0, 1, 24, usize::MAX] {
            assert_eq!(wanted(&mut host), 0);
            assert_eq!(host.advance(n).err(), error);
        }
        assert_eq!(host.header(), &golden::ICREQ[..24]);
    }
    #[test]
    fn decoder_tells_where_it_is_in_a_pdu() -> Result<(), DecodeError> {
        let mut host = open(Role::Host, BOTH);
        let mut before = host.midway();
        assert_eq!(before, None);
        for byte in golden::C2HDATA_DIGESTS.iter().chain(&[0; 4096 + 4]) {
            feed(&mut host, &[*byte], 1, &mut [None; 4])?;
            assert_ne!(host.midway(), before);
            before = host.midway();
        }
        assert_eq!(before, None);
        Ok(())
    }
}
