// SPDX-License-Identifier: GPL-2.0

//! Fuzzes the headers: whatever parses can be written, and reads the same again.

#![no_main]

mod crc;

use libfuzzer_sys::fuzz_target;
use nvme_tcp_wire::{
    cqe,
    sqe,
    C2HData,
    CapsuleCmd,
    CapsuleResp,
    Digests,
    H2CData,
    ICReq,
    ICResp,
    Layout,
    Pda,
    PduHeader,
    Role,
    TermReq,
    R2T, //
};

/// As long as the longest header with its digest and padding.
type Bytes = [u8; 160];

fn check<const HLEN: usize, P>(bytes: &Bytes, layout: &Layout) -> Option<P>
where
    P: PduHeader<HLEN> + PartialEq + std::fmt::Debug,
{
    let pdu = P::parse(bytes, layout).ok()?;
    let mut out = [0; 160];
    let len = pdu.emit::<crc::Crate>(layout, &mut out);
    assert!(len.is_ok_and(|len| len <= P::MAX_HEADER));
    assert_eq!(P::parse(&out, layout).as_ref(), Ok(&pdu));
    Some(pdu)
}

fuzz_target!(|input: (Bytes, u8, bool, bool)| {
    let (bytes, pda, header, data) = input;
    let layout = Layout {
        digests: Digests { header, data },
        pda: Pda::new(pda % 32).unwrap_or_default(),
    };
    check::<128, ICReq>(&bytes, &layout);
    check::<128, ICResp>(&bytes, &layout);
    check::<24, H2CData>(&bytes, &layout);
    check::<24, C2HData>(&bytes, &layout);
    check::<24, R2T>(&bytes, &layout);
    if let Some(command) = check::<72, CapsuleCmd>(&bytes, &layout) {
        let _ = (sqe::sgl1(&command.sqe), sqe::connect(&command.sqe));
    }
    if let Some(response) = check::<24, CapsuleResp>(&bytes, &layout) {
        let _ = (cqe::status(&response.cqe), cqe::result(&response.cqe));
    }
    if let Ok(request) = TermReq::parse(&bytes) {
        let mut out = [0; TermReq::MAX_HEADER];
        for from in [Role::Host, Role::Controller] {
            assert!(request.emit(from, &bytes, &mut out).is_ok());
            assert_eq!(TermReq::parse(&out), Ok(request));
        }
    }
});
