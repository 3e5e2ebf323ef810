// SPDX-License-Identifier: GPL-2.0

//! Random values of the layer's types.

use nvme_tcp_wire::{
    C2HData,
    CapsuleCmd,
    CapsuleResp,
    Digests,
    EmitError,
    H2CData,
    ICReq,
    ICResp,
    Layout,
    Pda,
    Pdu,
    PduHeader,
    Role,
    TermReq,
    PFV_1_0,
    R2T, //
};
use proptest::{
    array::{
        uniform16,
        uniform32, //
    },
    collection::vec,
    prelude::*, //
};

use crate::Crate;

pub(crate) fn digests() -> impl Strategy<Value = Digests> {
    any::<(bool, bool)>().prop_map(|(header, data)| Digests { header, data })
}

pub(crate) fn pda() -> impl Strategy<Value = Pda> {
    (0..=Pda::MAX).prop_map(|raw| Pda::new(raw).unwrap())
}

pub(crate) fn layout() -> impl Strategy<Value = Layout> {
    (digests(), pda()).prop_map(|(digests, pda)| Layout { digests, pda })
}

pub(crate) fn icreq() -> impl Strategy<Value = ICReq> {
    (pda(), digests(), any::<u32>()).prop_map(|(hpda, digests, maxr2t)| ICReq {
        pfv: PFV_1_0,
        hpda,
        digests,
        maxr2t,
    })
}

pub(crate) fn icresp() -> impl Strategy<Value = ICResp> {
    (pda(), digests(), 1024..=u32::MAX / 4).prop_map(|(cpda, digests, dwords)| ICResp {
        pfv: PFV_1_0,
        cpda,
        digests,
        maxh2cdata: dwords * 4,
    })
}

pub(crate) fn sqe() -> impl Strategy<Value = [u8; 64]> {
    uniform32(any::<[u8; 2]>()).prop_map(|pairs| {
        let mut sqe = [0; 64];
        for (to, from) in sqe.iter_mut().zip(pairs.concat()) {
            *to = from;
        }
        sqe
    })
}

/// Any PDU that `role` may receive once the connection is open, with at most `max` bytes of
/// data.
pub(crate) fn pdu(role: Role, max: u32) -> BoxedStrategy<Pdu> {
    let term = any::<(u16, u32)>().prop_map(|(fes, fei)| TermReq { fes, fei });
    match role {
        Role::Controller => prop_oneof![
            term.prop_map(Pdu::H2CTermReq),
            (sqe(), 0..=max)
                .prop_map(|(sqe, data_len)| Pdu::CapsuleCmd(CapsuleCmd { sqe, data_len })),
            (any::<(u16, u16, u32, bool)>(), 1..=max).prop_map(
                |((cccid, ttag, datao, last), datal)| Pdu::H2CData(H2CData {
                    cccid,
                    ttag,
                    datao,
                    datal,
                    last,
                })
            ),
        ]
        .boxed(),
        Role::Host => prop_oneof![
            term.prop_map(Pdu::C2HTermReq),
            uniform16(any::<u8>()).prop_map(|cqe| Pdu::CapsuleResp(CapsuleResp { cqe })),
            (any::<(u16, u32, bool, bool)>(), 1..=max).prop_map(
                |((cccid, datao, last, success), datal)| Pdu::C2HData(C2HData {
                    cccid,
                    datao,
                    datal,
                    last,
                    success: success && last,
                })
            ),
            (any::<(u16, u16, u32)>(), 1..=u32::MAX).prop_map(|((cccid, ttag, r2to), r2tl)| {
                Pdu::R2T(R2T {
                    cccid,
                    ttag,
                    r2to,
                    r2tl,
                })
            }),
        ]
        .boxed(),
    }
}

pub(crate) fn role() -> impl Strategy<Value = Role> {
    prop_oneof![Just(Role::Host), Just(Role::Controller)]
}

/// Several PDUs for `role`.
pub(crate) fn pdus(role: Role) -> impl Strategy<Value = Vec<Pdu>> {
    vec(pdu(role, 300), 1..8)
}

/// Writes the header of `pdu` and what belongs between it and the data, if there is room for it.
pub(crate) fn try_emit(pdu: &Pdu, layout: &Layout, out: &mut [u8]) -> Result<usize, EmitError> {
    match pdu {
        Pdu::ICReq(pdu) => pdu.emit::<Crate>(layout, out),
        Pdu::ICResp(pdu) => pdu.emit::<Crate>(layout, out),
        Pdu::H2CTermReq(pdu) => pdu.emit(Role::Host, &[0x5a; 40], out),
        Pdu::C2HTermReq(pdu) => pdu.emit(Role::Controller, &[0x5a; 128], out),
        Pdu::CapsuleCmd(pdu) => pdu.emit::<Crate>(layout, out),
        Pdu::CapsuleResp(pdu) => pdu.emit::<Crate>(layout, out),
        Pdu::H2CData(pdu) => pdu.emit::<Crate>(layout, out),
        Pdu::C2HData(pdu) => pdu.emit::<Crate>(layout, out),
        Pdu::R2T(pdu) => pdu.emit::<Crate>(layout, out),
    }
}

/// As [`try_emit`], with room enough.
pub(crate) fn emit(pdu: &Pdu, layout: &Layout, out: &mut [u8]) -> usize {
    try_emit(pdu, layout, out).unwrap()
}
