// SPDX-License-Identifier: GPL-2.0

//! What is emitted parses back, under every layout.

use nvme_tcp_wire::{
    sqe,
    C2HData,
    CapsuleCmd,
    CapsuleResp,
    DecodeError,
    Digests,
    H2CData,
    ICReq,
    ICResp,
    Layout,
    Pda,
    Pdu,
    PduHeader,
    TermReq,
    R2T, //
};
use proptest::prelude::*;

use crate::{
    strategy::{
        emit,
        icreq,
        icresp,
        layout,
        pdu,
        role,
        sqe,
        try_emit, //
    },
    Crate, //
};

/// Parses a PDU of the type of `like`.
fn parse(like: &Pdu, header: &[u8; 160], layout: &Layout) -> Result<Pdu, DecodeError> {
    Ok(match like {
        Pdu::ICReq(_) => Pdu::ICReq(ICReq::parse(header, layout)?),
        Pdu::ICResp(_) => Pdu::ICResp(ICResp::parse(header, layout)?),
        Pdu::H2CTermReq(_) => Pdu::H2CTermReq(TermReq::parse(header)?),
        Pdu::C2HTermReq(_) => Pdu::C2HTermReq(TermReq::parse(header)?),
        Pdu::CapsuleCmd(_) => Pdu::CapsuleCmd(CapsuleCmd::parse(header, layout)?),
        Pdu::CapsuleResp(_) => Pdu::CapsuleResp(CapsuleResp::parse(header, layout)?),
        Pdu::H2CData(_) => Pdu::H2CData(H2CData::parse(header, layout)?),
        Pdu::C2HData(_) => Pdu::C2HData(C2HData::parse(header, layout)?),
        Pdu::R2T(_) => Pdu::R2T(R2T::parse(header, layout)?),
    })
}

/// Every combination of digests and alignment.
fn layouts() -> impl Iterator<Item = Layout> {
    (0..=Pda::MAX).flat_map(|raw| {
        [(false, false), (false, true), (true, false), (true, true)].map(|(header, data)| Layout {
            digests: Digests { header, data },
            pda: Pda::new(raw).unwrap(),
        })
    })
}

/// A PDU of any type.
fn any_pdu() -> impl Strategy<Value = Pdu> {
    // With header, the most padding and a digest, PLEN is just not too large.
    let max = u32::MAX - CapsuleCmd::MAX_HEADER as u32 - 4;
    prop_oneof![
        icreq().prop_map(Pdu::ICReq),
        icresp().prop_map(Pdu::ICResp),
        role().prop_flat_map(move |role| pdu(role, max)),
        role().prop_flat_map(move |role| pdu(role, 5000)),
    ]
}

proptest! {
    #[test]
    fn parses_back(pdu in any_pdu()) {
        for layout in layouts() {
            let mut out = [0xa5; 160];
            let len = emit(&pdu, &layout, &mut out);

            prop_assert_eq!(parse(&pdu, &out, &layout), Ok(pdu));
            // Aligned, if data follow, and nothing written beyond.
            prop_assert!(pdu.payload_len() == 0 || len % usize::from(layout.pda.align()) == 0);
            prop_assert!(out[len..].iter().all(|byte| *byte == 0xa5));
        }
    }

    /// No PDU passes for one of another type.
    #[test]
    fn is_nothing_else(pdu in any_pdu(), like in any_pdu(), layout in layout()) {
        let mut out = [0; 160];
        emit(&pdu, &layout, &mut out);
        let term = |pdu: &Pdu| matches!(pdu, Pdu::H2CTermReq(_) | Pdu::C2HTermReq(_));
        let same = pdu.kind() == like.kind() || term(&pdu) && term(&like);
        prop_assert_eq!(parse(&like, &out, &layout).is_ok(), same);
    }

    /// A buffer that is too small is refused, at every size.
    #[test]
    fn needs_its_space(pdu in any_pdu(), layout in layout()) {
        let mut out = [0; 160];
        let len = emit(&pdu, &layout, &mut out);
        for short in 0..len {
            let result = try_emit(&pdu, &layout, &mut out[..short]);
            prop_assert!(result.is_err());
        }
    }

    /// A capsule sealed around its SQE is the one that is emitted.
    #[test]
    fn seals_as_it_emits(sqe in sqe(), data_len in 0..5000_u32, layout in layout()) {
        let mut out = [0xa5; 160];
        let emitted = CapsuleCmd { sqe, data_len }.emit::<Crate>(&layout, &mut out);
        let mut buf = [0xa5; 160];
        buf[8..72].copy_from_slice(&sqe);
        prop_assert_eq!(CapsuleCmd::seal::<Crate>(&layout, data_len, &mut buf), emitted);
        prop_assert_eq!(buf, out);
    }

    /// Bytes that mean nothing are parsed to something or refused, but nothing else happens.
    #[test]
    fn parses_anything(
        like in any_pdu(),
        layout in layout(),
        bytes in proptest::collection::vec(any::<u8>(), 160),
        code in any::<bool>(),
    ) {
        let mut header: [u8; 160] = bytes.try_into().unwrap();
        if code {
            header[0] = like.kind().code();
            header[2] = like.kind().hlen();
        }
        if let Ok(pdu) = parse(&like, &header, &layout) {
            // Whatever was read can be written, and reads the same again. TermReqs differ in
            // what follows their header.
            let mut out = [0; 160];
            emit(&pdu, &layout, &mut out);
            prop_assert_eq!(parse(&pdu, &out, &layout), Ok(pdu));
        }
    }

    /// Any descriptor that NVMe/TCP has, in any SQE.
    #[test]
    fn sgl_reads_back(bytes in proptest::collection::vec(any::<u8>(), 64), kind in 0..3) {
        let mut sqe: [u8; 64] = bytes.try_into().unwrap();
        sqe[39] = [0x01, 0x5a, sqe[39]][kind as usize];
        let sgl = sqe::sgl1(&sqe);
        let (command_id, opcode) = (sqe::command_id(&sqe), sqe::opcode(&sqe));

        if !matches!(sgl, sqe::Sgl::Other { .. }) {
            sqe::set_sgl1(&mut sqe, sgl);
            prop_assert_eq!(sqe::sgl1(&sqe), sgl);
        }
        prop_assert_eq!(sqe::command_id(&sqe), command_id);
        prop_assert_eq!(sqe::opcode(&sqe), opcode);
    }
}
