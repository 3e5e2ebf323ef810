// SPDX-License-Identifier: GPL-2.0

//! CapsuleCmd and CapsuleResp: commands and their completions.
//!
//! | byte | CapsuleCmd | CapsuleResp |
//! |---|---|---|
//! | 71:8 | CCSQE, submission queue entry | |
//! | 23:8 | | RCCQE, completion queue entry |
//!
//! Specification: sections 3.6.2.6 and 3.6.2.7, figures 24 and 25.
//! C counterparts: `struct nvme_tcp_cmd_pdu`, `struct nvme_tcp_rsp_pdu`.

use super::{
    ch::{
        self,
        Ch, //
    },
    cqe,
    digest::Crc32c,
    error::{
        EmitError,
        Error, //
    },
    field::{
        self,
        Field, //
    },
    header::PduHeader,
    layout::Layout,
    pdu_type::PduType,
    reason::Rule,
    sqe, //
};

/// The command identifier, inside of the completion queue entry.
const CID: Field<u16, 20> = Field::new("CID");

/// Command Capsule: a command, perhaps with its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CapsuleCmd {
    /// The submission queue entry; see [`sqe`] for its fields.
    pub sqe: [u8; sqe::LEN],
    /// Length of the in-capsule data in bytes.
    ///
    /// How much a controller takes (its `IOCCSZ`), and whether the SGL agrees, is not checked
    /// here: these are errors of the command, which gets a status, and not of the connection.
    pub data_len: u32,
}

impl PduHeader<72> for CapsuleCmd {
    const TYPE: PduType = PduType::CapsuleCmd;

    fn read<const N: usize>(ch: &Ch, header: &[u8; N]) -> Result<Self, Error> {
        Ok(Self {
            sqe: field::get::<8, { sqe::LEN }, N>(header),
            data_len: ch.data_len,
        })
    }

    fn write(&self, header: &mut [u8; 72]) {
        field::put::<8, { sqe::LEN }, 72>(header, self.sqe);
    }

    fn data_len(&self) -> u32 {
        self.data_len
    }
}

impl CapsuleCmd {
    /// The error for more data than any capsule has, of which there are `most` bytes: a stream that
    /// announces them is better ended than followed.
    pub const fn too_long(&self, most: u32) -> Error {
        Ch::too_long(self.data_len, most)
    }

    /// As [`PduHeader::emit`] around an SQE that stands in its place, bytes 8 to 71 of `buf`,
    /// already: a host has the block layer build it there.
    ///
    /// # Errors
    ///
    /// As [`PduHeader::emit`].
    pub fn seal<C: Crc32c>(
        layout: &Layout,
        data_len: u32,
        buf: &mut [u8],
    ) -> Result<usize, EmitError> {
        ch::seal::<C, 72>(PduType::CapsuleCmd, 0, layout, data_len, buf)
    }
}

/// Response Capsule: the completion of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CapsuleResp {
    /// The completion queue entry; see [`cqe`] for its fields.
    pub cqe: [u8; cqe::LEN],
}

impl PduHeader<24> for CapsuleResp {
    const TYPE: PduType = PduType::CapsuleResp;

    fn read<const N: usize>(_: &Ch, header: &[u8; N]) -> Result<Self, Error> {
        Ok(Self {
            cqe: field::get::<8, { cqe::LEN }, N>(header),
        })
    }

    fn write(&self, header: &mut [u8; 24]) {
        field::put::<8, { cqe::LEN }, 24>(header, self.cqe);
    }
}

impl CapsuleResp {
    /// The error for a command identifier that no command has.
    pub fn unknown_cid(&self) -> Error {
        CID.invalid(cqe::command_id(&self.cqe), Rule::Known)
    }
}

#[cfg(any(test, nvme_kunit))]
#[cfg_attr(nvme_kunit, ::kernel::macros::kunit_tests(nvme_tcp_wire_capsule))]
mod tests {
    use super::super::{
        error::Fes,
        test::{
            golden,
            testing::{
                dirty,
                layout,
                patched,
                writes,
                Table,
                DIGESTED,
                PLAIN, //
            }, //
        }, //
    };
    use super::*;

    fn connect() -> CapsuleCmd {
        CapsuleCmd {
            sqe: *golden::sqe(&golden::CONNECT),
            data_len: 1024,
        }
    }

    /// The offset that is blamed when a Connect has `with` at byte `at`.
    fn blamed<const N: usize>(layout: &Layout, at: usize, with: [u8; N]) -> Option<u32> {
        let bytes = patched(golden::CONNECT, at, with);
        Some(CapsuleCmd::parse(&bytes, layout).err()?.fatal()?.fei)
    }

    #[test]
    fn capsule_cmd_golden() {
        for (layout, bytes) in [
            (PLAIN, &golden::CONNECT[..]),
            (DIGESTED, &golden::CONNECT_DIGESTS),
        ] {
            assert!(writes(bytes, |out| connect().emit::<Table>(&layout, out)));
        }
        assert_eq!(CapsuleCmd::parse(&golden::CONNECT, &PLAIN), Ok(connect()));
        assert_eq!(
            CapsuleCmd::parse(&golden::CONNECT_DIGESTS, &DIGESTED),
            Ok(connect())
        );
    }

    #[test]
    fn capsule_cmd_seals_in_place() {
        for (digests, want) in [(PLAIN, 72), (DIGESTED, 76)] {
            let mut out = dirty();
            let mut buf = patched(dirty(), 8, connect().sqe);

            assert_eq!(connect().emit::<Table>(&digests, &mut out), Ok(want));
            assert_eq!(
                CapsuleCmd::seal::<Table>(&digests, 1024, &mut buf),
                Ok(want)
            );
            assert_eq!(out, buf);
        }
    }

    #[test]
    fn capsule_resp_unknown_cid() {
        let mut cqe = [0; cqe::LEN];
        cqe[12..14].copy_from_slice(&[0x05, 0x30]);
        let error = CapsuleResp { cqe }.unknown_cid();
        let reason = CID.reason(0x3005, Rule::Known);
        assert_eq!(error, Error::header(20, reason));
    }

    #[test]
    fn capsule_cmd_pads() {
        let mut out = dirty();
        let aligned = layout(true, false, 31);
        assert_eq!(connect().emit::<Table>(&aligned, &mut out), Ok(128));
        assert_eq!(out.get(76..128), Some(&[0; 52][..]));
        assert_eq!(out.last_chunk(), Some(&[0xa5; 32]));
        assert_eq!(CapsuleCmd::parse(&out, &aligned), Ok(connect()));
        // What is aligned to 128 bytes is aligned to 4, but not to 124.
        assert!(CapsuleCmd::parse(&out, &layout(true, false, 0)).is_ok());
        assert!(CapsuleCmd::parse(&out, &layout(true, false, 30)).is_err());
    }

    #[test]
    fn capsule_cmd_without_data() {
        let mut out = dirty();
        let read = CapsuleCmd {
            sqe: *golden::sqe(&golden::READ),
            data_len: 0,
        };
        assert_eq!(read.emit::<Table>(&PLAIN, &mut out), Ok(72));
        assert_eq!(out.first_chunk(), Some(&golden::READ));
        assert_eq!(CapsuleCmd::parse(&out, &PLAIN), Ok(read));

        // PDO and DDGSTF are without meaning then, so either value is accepted.
        let odd = patched(patched(golden::READ, 3, [72]), 1, [0x02]);
        assert_eq!(CapsuleCmd::parse(&odd, &PLAIN), Ok(read));
    }

    #[test]
    fn capsule_cmd_plen_bounds() {
        for (plen, data_len) in [
            (0, None),
            (71, None),
            (72, Some(0)),
            (73, Some(1)),
            (u32::MAX, Some(u32::MAX - 72)),
        ] {
            let bytes = patched(golden::CONNECT, 4, u32::to_le_bytes(plen));
            let parsed = CapsuleCmd::parse(&bytes, &PLAIN);
            assert_eq!(parsed.ok().map(|pdu| pdu.data_len), data_len);
        }

        // With a data digest, there must be room for it and a byte.
        let data = layout(false, true, 0);
        for (plen, data_len) in [(73, None), (76, None), (77, Some(1))] {
            let bytes = patched(golden::CONNECT, 4, u32::to_le_bytes(plen));
            let parsed = CapsuleCmd::parse(&patched(bytes, 1, [0x02]), &data);
            assert_eq!(parsed.ok().map(|pdu| pdu.data_len), data_len);
        }
    }

    #[test]
    fn capsule_cmd_bad_fields() {
        // HDGSTF and DDGSTF against what was settled.
        assert_eq!(blamed(&PLAIN, 1, [0x01]), Some(1));
        assert_eq!(blamed(&PLAIN, 1, [0x02]), Some(1));
        assert_eq!(blamed(&DIGESTED, 1, [0x00]), Some(1));
        assert_eq!(blamed(&DIGESTED, 1, [0x01]), Some(1));
        assert_eq!(blamed(&DIGESTED, 1, [0x02]), Some(1));
        // Reserved flags are ignored.
        assert_eq!(blamed(&PLAIN, 1, [0xfc]), None);

        assert_eq!(blamed(&PLAIN, 2, [24]), Some(2));
        for (pdo, fei) in [
            (0, Some(3)),
            (71, Some(3)),
            (72, None),
            (73, Some(3)),
            (252, None),
        ] {
            assert_eq!(blamed(&PLAIN, 3, [pdo]), fei);
        }
    }

    #[test]
    fn capsule_cmd_too_long() {
        let mut out = dirty();
        for (data_len, fits) in [
            (u32::MAX - 80, true),
            (u32::MAX - 79, false),
            (u32::MAX, false),
        ] {
            let command = CapsuleCmd {
                data_len,
                ..connect()
            };
            let sealed = command.emit::<Table>(&DIGESTED, &mut out);
            assert_eq!(sealed.is_ok(), fits);
            assert!(fits || sealed == Err(EmitError::TooLong { data_len }));
        }
    }

    #[test]
    fn capsule_cmd_with_too_much_data() {
        let error = connect().too_long(1023);
        assert_eq!((error.fes, error.fei), (Fes::InvalidHeaderField, 4));
    }

    #[test]
    fn capsule_resp_golden() {
        let response = CapsuleResp {
            cqe: *golden::cqe(&golden::KEEP_ALIVE_RESP),
        };
        assert_eq!(cqe::command_id(&response.cqe), 0x3005);

        for (layout, bytes) in [
            (PLAIN, &golden::KEEP_ALIVE_RESP[..]),
            (DIGESTED, &golden::KEEP_ALIVE_RESP_DIGESTS),
        ] {
            assert!(writes(bytes, |out| response.emit::<Table>(&layout, out)));
        }
        assert_eq!(
            CapsuleResp::parse(&golden::KEEP_ALIVE_RESP, &PLAIN),
            Ok(response)
        );
        assert_eq!(
            CapsuleResp::parse(&golden::KEEP_ALIVE_RESP_DIGESTS, &DIGESTED),
            Ok(response)
        );
    }

    #[test]
    fn capsule_resp_plen_bounds() {
        for (plen, legal) in [
            (0, false),
            (23, false),
            (24, true),
            (25, false),
            (28, false),
        ] {
            let bytes = patched(golden::KEEP_ALIVE_RESP, 4, u32::to_le_bytes(plen));
            let parsed = CapsuleResp::parse(&bytes, &PLAIN);
            assert_eq!(parsed.is_ok(), legal);
            assert!(
                legal
                    || parsed.is_err_and(|e| e
                        .fatal()
                        .is_some_and(|e| (e.fes, e.fei) == (Fes::InvalidHeaderField, 4)))
            );
        }
    }

    #[test]
    fn capsule_resp_needs_space() {
        let response = CapsuleResp { cqe: [0; 16] };
        let mut out = [0; 27];
        assert!(response.emit::<Table>(&PLAIN, &mut out).is_ok());
        assert!(response.emit::<Table>(&DIGESTED, &mut out).is_err());
    }
}
