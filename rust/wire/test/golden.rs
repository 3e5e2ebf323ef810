// SPDX-License-Identifier: GPL-2.0

//! Whole PDU headers, byte by byte: what the tests compare with.
//!
//! Put together by hand from the figures of the specification, with the values that Linux uses:
//! a host that connects, reads 4 KiB, writes 128 KiB and keeps the connection alive. `_DIGESTS`
//! is the same PDU on a connection with both digests, header digest included.
//!
//! `linux_pdus.rs` has what the C drivers really exchange.

use super::testing::patched;

/// `head`, followed by zeroes: the PDUs of the IC exchange are reserved bytes for the most part.
const fn extended<const N: usize, const LEN: usize>(head: [u8; N]) -> [u8; LEN] {
    let mut bytes = [0; LEN];
    let mut i = 0;
    while i < N {
        bytes[i] = head[i];
        i += 1;
    }
    bytes
}

/// `plain` with FLAGS, PDO and PLEN as both digests want them, and the header digest `hdgst`.
const fn digested<const N: usize, const LEN: usize>(
    plain: [u8; N],
    flags: u8,
    pdo: u8,
    plen: u32,
    hdgst: [u8; 4],
) -> [u8; LEN] {
    let bytes = patched(
        patched(patched(plain, 1, [flags]), 3, [pdo]),
        4,
        plen.to_le_bytes(),
    );
    patched(extended(bytes), N, hdgst)
}

/// The SQE of a CapsuleCmd.
pub(crate) fn sqe(pdu: &[u8; 72]) -> &[u8; 64] {
    // The last 64 of 72 bytes: the fallback is for the type only.
    pdu.last_chunk().unwrap_or(&[0; 64])
}

/// The CQE of a CapsuleResp.
pub(crate) fn cqe(pdu: &[u8; 24]) -> &[u8; 16] {
    pdu.last_chunk().unwrap_or(&[0; 16])
}

#[rustfmt::skip]
pub(crate) const ICREQ: [u8; 128] = extended([
    0x00,                                           // PDU-Type: ICReq
    0x00,                                           // FLAGS: reserved
    0x80,                                           // HLEN: 128
    0x00,                                           // PDO: reserved
    0x80, 0x00, 0x00, 0x00,                         // PLEN: 128
    0x00, 0x00,                                     // PFV: 0
    0x00,                                           // HPDA: 0, 4 bytes
    0x00,                                           // DGST: none
    0x00, 0x00, 0x00, 0x00,                         // MAXR2T: 0, one at a time
]);

/// DGST: header and data.
pub(crate) const ICREQ_DIGESTS: [u8; 128] = patched(ICREQ, 11, [0x03]);

#[rustfmt::skip]
pub(crate) const ICRESP: [u8; 128] = extended([
    0x01,                                           // PDU-Type: ICResp
    0x00,                                           // FLAGS: reserved
    0x80,                                           // HLEN: 128
    0x00,                                           // PDO: reserved
    0x80, 0x00, 0x00, 0x00,                         // PLEN: 128
    0x00, 0x00,                                     // PFV: 0
    0x00,                                           // CPDA: 0, 4 bytes
    0x00,                                           // DGST: none
    0x00, 0x00, 0x40, 0x00,                         // MAXH2CDATA: 4 MiB
]);

/// DGST: header and data.
pub(crate) const ICRESP_DIGESTS: [u8; 128] = patched(ICRESP, 11, [0x03]);

#[rustfmt::skip]
pub(crate) const CONNECT: [u8; 72] = [
    0x04,                                           // PDU-Type: CapsuleCmd
    0x00,                                           // FLAGS: none
    0x48,                                           // HLEN: 72
    0x48,                                           // PDO: 72
    0x48, 0x04, 0x00, 0x00,                         // PLEN: 72 + 1024
    0x7f,                                           // OPC: fabrics
    0x40,                                           // PSDT: SGL
    0x00, 0x10,                                     // CID: 1000h
    0x01,                                           // FCTYPE: Connect
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,       // reserved
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, // SGL1: offset 0
    0x00, 0x04, 0x00, 0x00,                         // SGL1: 1024 bytes
    0x00, 0x00, 0x00,                               // SGL1: reserved
    0x01,                                           // SGL1: data block, offset
    0x00, 0x00,                                     // RECFMT: 0
    0x00, 0x00,                                     // QID: 0, admin
    0x1f, 0x00,                                     // SQSIZE: 32 entries, less one
    0x00,                                           // CATTR: none
    0x00,                                           // reserved
    0x88, 0x13, 0x00, 0x00,                         // KATO: 5000 ms
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00,             // reserved
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
];

/// FLAGS: HDGSTF, DDGSTF.
pub(crate) const CONNECT_DIGESTS: [u8; 76] = digested(
    CONNECT,
    0x03,
    0x4c,
    72 + 4 + 1024 + 4,
    [0xdc, 0x59, 0x40, 0x4a],
);

#[rustfmt::skip]
pub(crate) const READ: [u8; 72] = [
    0x04,                                           // PDU-Type: CapsuleCmd
    0x00,                                           // FLAGS: none
    0x48,                                           // HLEN: 72
    0x00,                                           // PDO: no data
    0x48, 0x00, 0x00, 0x00,                         // PLEN: 72
    0x02,                                           // OPC: Read
    0x40,                                           // PSDT: SGL
    0x01, 0x20,                                     // CID: 2001h
    0x01, 0x00, 0x00, 0x00,                         // NSID: 1
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, // CDW2, CDW3
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, // MPTR
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, // SGL1: address, not used
    0x00, 0x10, 0x00, 0x00,                         // SGL1: 4096 bytes
    0x00, 0x00, 0x00,                               // SGL1: reserved
    0x5a,                                           // SGL1: transport data block, Ah
    0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, // SLBA: 8
    0x07, 0x00,                                     // NLB: 8 blocks, less one
    0x00, 0x00,                                     // CDW12, high half
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, // CDW13, CDW14
    0x00, 0x00, 0x00, 0x00,                         // CDW15
];

#[rustfmt::skip]
pub(crate) const C2HDATA: [u8; 24] = [
    0x07,                                           // PDU-Type: C2HData
    0x0c,                                           // FLAGS: LAST_PDU, SUCCESS
    0x18,                                           // HLEN: 24
    0x18,                                           // PDO: 24
    0x18, 0x10, 0x00, 0x00,                         // PLEN: 24 + 4096
    0x01, 0x20,                                     // CCCID: 2001h
    0x00, 0x00,                                     // reserved
    0x00, 0x00, 0x00, 0x00,                         // DATAO: 0
    0x00, 0x10, 0x00, 0x00,                         // DATAL: 4096
    0x00, 0x00, 0x00, 0x00,                         // reserved
];

/// FLAGS: HDGSTF, DDGSTF, LAST_PDU, SUCCESS.
pub(crate) const C2HDATA_DIGESTS: [u8; 28] = digested(
    C2HDATA,
    0x0f,
    0x1c,
    24 + 4 + 4096 + 4,
    [0xbf, 0x86, 0x5b, 0x14],
);

#[rustfmt::skip]
pub(crate) const WRITE: [u8; 72] = [
    0x04,                                           // PDU-Type: CapsuleCmd
    0x00,                                           // FLAGS: none
    0x48,                                           // HLEN: 72
    0x00,                                           // PDO: no data
    0x48, 0x00, 0x00, 0x00,                         // PLEN: 72
    0x01,                                           // OPC: Write
    0x40,                                           // PSDT: SGL
    0x02, 0x20,                                     // CID: 2002h
    0x01, 0x00, 0x00, 0x00,                         // NSID: 1
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, // CDW2, CDW3
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, // MPTR
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, // SGL1: address, not used
    0x00, 0x00, 0x02, 0x00,                         // SGL1: 128 KiB
    0x00, 0x00, 0x00,                               // SGL1: reserved
    0x5a,                                           // SGL1: transport data block, Ah
    0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, // SLBA: 256
    0xff, 0x00,                                     // NLB: 256 blocks, less one
    0x00, 0x00,                                     // CDW12, high half
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, // CDW13, CDW14
    0x00, 0x00, 0x00, 0x00,                         // CDW15
];

#[rustfmt::skip]
pub(crate) const R2T: [u8; 24] = [
    0x09,                                           // PDU-Type: R2T
    0x00,                                           // FLAGS: none
    0x18,                                           // HLEN: 24
    0x00,                                           // PDO: reserved
    0x18, 0x00, 0x00, 0x00,                         // PLEN: 24
    0x02, 0x20,                                     // CCCID: 2002h
    0x03, 0x00,                                     // TTAG: 3
    0x00, 0x00, 0x00, 0x00,                         // R2TO: 0
    0x00, 0x00, 0x02, 0x00,                         // R2TL: 128 KiB
    0x00, 0x00, 0x00, 0x00,                         // reserved
];

/// FLAGS: HDGSTF.
pub(crate) const R2T_DIGESTS: [u8; 28] =
    digested(R2T, 0x01, 0x00, 24 + 4, [0x6c, 0xb2, 0xbb, 0xa4]);

#[rustfmt::skip]
pub(crate) const H2CDATA: [u8; 24] = [
    0x06,                                           // PDU-Type: H2CData
    0x04,                                           // FLAGS: LAST_PDU
    0x18,                                           // HLEN: 24
    0x18,                                           // PDO: 24
    0x18, 0x00, 0x02, 0x00,                         // PLEN: 24 + 128 Ki
    0x02, 0x20,                                     // CCCID: 2002h
    0x03, 0x00,                                     // TTAG: 3
    0x00, 0x00, 0x00, 0x00,                         // DATAO: 0
    0x00, 0x00, 0x02, 0x00,                         // DATAL: 128 KiB
    0x00, 0x00, 0x00, 0x00,                         // reserved
];

/// FLAGS: HDGSTF, DDGSTF, LAST_PDU.
pub(crate) const H2CDATA_DIGESTS: [u8; 28] = digested(
    H2CDATA,
    0x07,
    0x1c,
    24 + 4 + 0x2_0000 + 4,
    [0x03, 0x7d, 0xa8, 0x0a],
);

#[rustfmt::skip]
pub(crate) const KEEP_ALIVE: [u8; 72] = extended([
    0x04,                                           // PDU-Type: CapsuleCmd
    0x00,                                           // FLAGS: none
    0x48,                                           // HLEN: 72
    0x00,                                           // PDO: no data
    0x48, 0x00, 0x00, 0x00,                         // PLEN: 72
    0x18,                                           // OPC: Keep Alive
    0x40,                                           // PSDT: SGL
    0x05, 0x30,                                     // CID: 3005h
    0x00, 0x00, 0x00, 0x00,                         // NSID: none
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, // CDW2, CDW3
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, // MPTR
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, // SGL1: address
    0x00, 0x00, 0x00, 0x00,                         // SGL1: no bytes
    0x00, 0x00, 0x00,                               // SGL1: reserved
    0x5a,                                           // SGL1: transport data block, Ah
]);

#[rustfmt::skip]
pub(crate) const KEEP_ALIVE_RESP: [u8; 24] = [
    0x05,                                           // PDU-Type: CapsuleResp
    0x00,                                           // FLAGS: none
    0x18,                                           // HLEN: 24
    0x00,                                           // PDO: reserved
    0x18, 0x00, 0x00, 0x00,                         // PLEN: 24
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, // result: 0
    0x06, 0x00,                                     // SQHD: 6
    0x00, 0x00,                                     // SQID: 0
    0x05, 0x30,                                     // CID: 3005h
    0x00, 0x00,                                     // status: success
];

/// FLAGS: HDGSTF.
pub(crate) const KEEP_ALIVE_RESP_DIGESTS: [u8; 28] = digested(
    KEEP_ALIVE_RESP,
    0x01,
    0x00,
    24 + 4,
    [0x6d, 0x77, 0xe7, 0x0d],
);

#[rustfmt::skip]
pub(crate) const C2HTERMREQ: [u8; 24] = [
    0x03,                                           // PDU-Type: C2HTermReq
    0x00,                                           // FLAGS: reserved
    0x18,                                           // HLEN: 24
    0x00,                                           // PDO: reserved
    0x30, 0x00, 0x00, 0x00,                         // PLEN: 24 + 24
    0x01, 0x00,                                     // FES: 01h, invalid PDU header field
    0x04, 0x00, 0x00, 0x00,                         // FEI: offset 4, PLEN
    0x00, 0x00, 0x00, 0x00, 0x00,                   // reserved
    0x00, 0x00, 0x00, 0x00, 0x00,
];

/// What follows [`C2HTERMREQ`]: the header of an H2CData that carries nothing.
#[rustfmt::skip]
pub(crate) const C2HTERMREQ_DATA: [u8; 24] = [
    0x06,                                           // PDU-Type: H2CData
    0x04,                                           // FLAGS: LAST_PDU
    0x18,                                           // HLEN: 24
    0x18,                                           // PDO: 24
    0x18, 0x00, 0x00, 0x00,                         // PLEN: 24
    0x02, 0x20,                                     // CCCID: 2002h
    0x03, 0x00,                                     // TTAG: 3
    0x00, 0x00, 0x00, 0x00,                         // DATAO: 0
    0x00, 0x00, 0x00, 0x00,                         // DATAL: 0
    0x00, 0x00, 0x00, 0x00,                         // reserved
];
