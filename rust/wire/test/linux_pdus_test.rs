// SPDX-License-Identifier: GPL-2.0

//! What the C drivers sent, through the decoder and out of `emit` again: the same bytes.

use super::{
    super::{
        decoder::{
            Decoder,
            Event,
            Input, //
        },
        header::PduHeader,
        layout::Layout,
        pdu::Pdu,
        pdu_type::PduType, //
    },
    golden,
    linux_pdus,
    testing::{
        writes,
        Table,
        DIGESTED,
        PLAIN, //
    }, //
};

/// Decodes a header and its digest, which are all of `bytes`.
fn decode(layout: &Layout, bytes: &[u8]) -> Option<Pdu> {
    let kind = PduType::from_code(*bytes.first()?)?;
    // The PDUs that settle the digests have none themselves.
    let mut decoder = if kind.is_ic() {
        Decoder::<Table>::new(kind.receiver())
    } else {
        Decoder::established(kind.receiver(), layout.digests)
    };
    let mut rest = bytes;
    let mut event = None;
    while let (None, Input::Bytes(to)) = (event, decoder.input()) {
        let (now, later) = rest.split_at_checked(to.len())?;
        to.copy_from_slice(now);
        rest = later;
        event = decoder.advance(now.len()).ok()?;
    }
    match event {
        Some(Event::Pdu(pdu)) if rest.is_empty() => Some(pdu),
        _ => None,
    }
}

/// Whether `pdu` is emitted as `bytes`.
fn emits(pdu: &Pdu, layout: &Layout, bytes: &[u8]) -> bool {
    writes(bytes, |out| match pdu {
        Pdu::ICReq(pdu) => pdu.emit::<Table>(layout, out),
        Pdu::ICResp(pdu) => pdu.emit::<Table>(layout, out),
        Pdu::CapsuleCmd(pdu) => pdu.emit::<Table>(layout, out),
        Pdu::CapsuleResp(pdu) => pdu.emit::<Table>(layout, out),
        Pdu::H2CData(pdu) => pdu.emit::<Table>(layout, out),
        Pdu::C2HData(pdu) => pdu.emit::<Table>(layout, out),
        Pdu::R2T(pdu) => pdu.emit::<Table>(layout, out),
        // The C drivers send none.
        Pdu::H2CTermReq(_) | Pdu::C2HTermReq(_) => Ok(0),
    })
}

/// The first header that does not survive.
fn mangled<'a>(layout: &Layout, headers: &[&'a [u8]]) -> Option<&'a [u8]> {
    let survives =
        |bytes: &[u8]| decode(layout, bytes).is_some_and(|pdu| emits(&pdu, layout, bytes));
    headers.iter().copied().find(|bytes| !survives(bytes))
}

#[cfg_attr(nvme_kunit, ::kernel::macros::kunit_tests(nvme_tcp_wire_linux_pdus))]
mod tests {
    use super::*;

    #[test]
    fn linux_pdus_survives() {
        // ICReq, ten commands, H2CData; ICResp, CapsuleResp, C2HData, R2T.
        for (layout, headers, len) in [
            (PLAIN, linux_pdus::PLAIN_HOST, 12),
            (PLAIN, linux_pdus::PLAIN_CONTROLLER, 4),
            (DIGESTED, linux_pdus::DIGESTS_HOST, 12),
            (DIGESTED, linux_pdus::DIGESTS_CONTROLLER, 4),
        ] {
            assert_eq!(headers.len(), len);
            assert_eq!(mangled(&layout, headers), None);
        }
    }

    #[test]
    fn linux_pdus_ic_is_golden() {
        for (headers, golden) in [
            (linux_pdus::PLAIN_HOST, &golden::ICREQ),
            (linux_pdus::PLAIN_CONTROLLER, &golden::ICRESP),
            (linux_pdus::DIGESTS_HOST, &golden::ICREQ_DIGESTS),
            (linux_pdus::DIGESTS_CONTROLLER, &golden::ICRESP_DIGESTS),
        ] {
            assert_eq!(headers.first(), Some(&&golden[..]));
        }
    }
}
