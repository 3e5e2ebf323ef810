// SPDX-License-Identifier: GPL-2.0

//! The few fields of a submission queue entry that a transport reads or writes.
//!
//! | byte | field |
//! |---|---|
//! | 0 | OPC, opcode |
//! | 1 | flags; bits 7:6 are PSDT |
//! | 3:2 | CID, command identifier |
//! | 4 | FCTYPE, in a fabrics command |
//! | 39:24 | SGL1: address (8 bytes), length (4), reserved (3), descriptor type (1) |
//! | 43:42 | QID, in a connect command |
//! | 45:44 | SQSIZE, in a connect command: the number of entries less 1 |
//!
//! Specification: NVMe Base Specification 2.0, figures 86 and 87 (SQE), sections 4.1.2 (SGL) and
//! 6.3 (Connect); TCP transport section 3.3.2 (which descriptors there are). C counterparts:
//! `struct nvme_command`, `struct nvmf_connect_command`.

use super::field::{
    get,
    put, //
};

/// Length of a submission queue entry in bytes.
pub const LEN: usize = 64;

/// The opcode that all fabrics commands share (`nvme_fabrics_command`).
const FABRICS: u8 = 0x7f;

/// The type of the fabrics command Connect (`nvme_fabrics_type_connect`).
const CONNECT: u8 = 0x01;

/// PSDT 01b: data are described by SGLs, metadata, if any, by one buffer
/// (`NVME_CMD_SGL_METABUF`).
const PSDT_SGL: u8 = 0x40;

/// Data Block descriptor, sub type offset: data in the capsule.
const TYPE_IN_CAPSULE: u8 = 0x01;

/// Transport Data Block descriptor, sub type Ah: data in PDUs of their own.
const TYPE_TRANSPORT: u8 = 0x5a;

/// Where the data of a command are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sgl {
    /// The command has no data. A descriptor of length 0 says so, whatever its type.
    Null,
    /// In the capsule, `len` bytes from `offset` of its data on.
    InCapsule {
        /// Offset in the in-capsule data in bytes.
        offset: u64,
        /// Length in bytes.
        len: u32,
    },
    /// In C2HData PDUs, or in H2CData PDUs that R2Ts ask for.
    Transport {
        /// Length in bytes.
        len: u32,
    },
    /// A descriptor that NVMe/TCP does not have: an error of the command, not of the connection.
    Other {
        /// The descriptor type and sub type.
        kind: u8,
    },
}

impl Sgl {
    /// The length of the command's data in bytes.
    pub const fn len(self) -> u32 {
        match self {
            Self::InCapsule { len, .. } | Self::Transport { len } => len,
            Self::Null | Self::Other { .. } => 0,
        }
    }

    /// Whether the command has no data that a transport could move.
    pub const fn is_empty(self) -> bool {
        self.len() == 0
    }
}

/// The opcode.
pub fn opcode(sqe: &[u8; LEN]) -> u8 {
    let [opcode] = get::<0, 1, LEN>(sqe);
    opcode
}

/// Whether this is a fabrics command.
pub fn is_fabrics(sqe: &[u8; LEN]) -> bool {
    opcode(sqe) == FABRICS
}

/// The command identifier.
pub fn command_id(sqe: &[u8; LEN]) -> u16 {
    u16::from_le_bytes(get::<2, 2, LEN>(sqe))
}

/// What a connect command asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connect {
    /// The number of the queue; 0 is the admin queue.
    pub qid: u16,
    /// The number of entries of its submission queue less 1.
    pub sqsize: u16,
}

/// Reads a connect command; [`None`] if it is another one.
pub fn connect(sqe: &[u8; LEN]) -> Option<Connect> {
    let [fctype] = get::<4, 1, LEN>(sqe);
    (is_fabrics(sqe) && fctype == CONNECT).then(|| Connect {
        qid: u16::from_le_bytes(get::<42, 2, LEN>(sqe)),
        sqsize: u16::from_le_bytes(get::<44, 2, LEN>(sqe)),
    })
}

/// Whether the command's data, if it has any, go from host to controller (`nvme_is_write()`).
pub fn transfers_to_controller(sqe: &[u8; LEN]) -> bool {
    let [fctype] = get::<4, 1, LEN>(sqe);
    let code = match is_fabrics(sqe) {
        true => fctype,
        false => opcode(sqe),
    };
    code & 1 != 0
}

/// Reads SGL1.
pub fn sgl1(sqe: &[u8; LEN]) -> Sgl {
    let offset = u64::from_le_bytes(get::<24, 8, LEN>(sqe));
    let len = u32::from_le_bytes(get::<32, 4, LEN>(sqe));
    let [kind] = get::<39, 1, LEN>(sqe);
    match (kind, len) {
        (_, 0) => Sgl::Null,
        (TYPE_IN_CAPSULE, len) => Sgl::InCapsule { offset, len },
        (TYPE_TRANSPORT, len) => Sgl::Transport { len },
        (kind, _) => Sgl::Other { kind },
    }
}

/// Writes SGL1, and PSDT to say that it is one.
///
/// [`Sgl::Null`] becomes a transport descriptor of length 0, as in the C driver.
pub fn set_sgl1(sqe: &mut [u8; LEN], sgl: Sgl) {
    let (offset, kind) = match sgl {
        Sgl::InCapsule { offset, .. } => (offset, TYPE_IN_CAPSULE),
        Sgl::Null | Sgl::Transport { .. } => (0, TYPE_TRANSPORT),
        Sgl::Other { kind } => (0, kind),
    };
    let [flags] = get::<1, 1, LEN>(sqe);
    put::<1, 1, LEN>(sqe, [flags | PSDT_SGL]);
    put::<24, 8, LEN>(sqe, offset.to_le_bytes());
    put::<32, 4, LEN>(sqe, sgl.len().to_le_bytes());
    put::<36, 4, LEN>(sqe, [0, 0, 0, kind]);
}

#[cfg(any(test, nvme_kunit))]
#[cfg_attr(nvme_kunit, ::kernel::macros::kunit_tests(nvme_tcp_wire_sqe))]
mod tests {
    use super::super::test::golden;
    use super::*;

    #[test]
    fn sqe_golden_connect() {
        let sqe = golden::sqe(&golden::CONNECT);
        assert_eq!(opcode(sqe), 0x7f);
        assert_eq!(command_id(sqe), 0x1000);
        assert!(transfers_to_controller(sqe));

        let want = Sgl::InCapsule {
            offset: 0,
            len: 1024,
        };
        assert_eq!(sgl1(sqe), want);

        let want = Connect { qid: 0, sqsize: 31 };
        assert_eq!(connect(sqe), Some(want));
    }

    #[test]
    fn sqe_golden_others() {
        let read = golden::sqe(&golden::READ);
        assert_eq!(opcode(read), 0x02);
        assert_eq!(connect(read), None);
        assert!(!transfers_to_controller(read));
        assert_eq!(sgl1(read), Sgl::Transport { len: 4096 });

        let write = golden::sqe(&golden::WRITE);
        assert_eq!(opcode(write), 0x01);
        assert!(transfers_to_controller(write));
        assert_eq!(sgl1(write), Sgl::Transport { len: 0x2_0000 });

        assert_eq!(sgl1(golden::sqe(&golden::KEEP_ALIVE)), Sgl::Null);
    }

    #[test]
    fn sqe_set_sgl1() {
        let sgls = [
            Sgl::Null,
            Sgl::InCapsule { offset: 0, len: 1 },
            Sgl::InCapsule {
                offset: u64::MAX,
                len: u32::MAX,
            },
            Sgl::Transport { len: 1 },
            Sgl::Transport { len: u32::MAX },
        ];
        for sgl in sgls {
            let mut sqe = [0xa5; LEN];
            set_sgl1(&mut sqe, sgl);
            assert_eq!(sgl1(&sqe), sgl);
            // PSDT is or-ed in, and nothing else is touched.
            assert_eq!(sqe.first_chunk(), Some(&[0xa5, 0xe5, 0xa5, 0xa5]));
            assert_eq!(sqe.get(4..24), Some(&[0xa5; 20][..]));
            assert_eq!(sqe.last_chunk(), Some(&[0xa5; 24]));
        }
    }

    #[test]
    fn sqe_other_descriptor() {
        let mut sqe = [0; LEN];
        put::<32, 4, LEN>(&mut sqe, [1, 0, 0, 0]);
        for kind in [0x00, 0x02, 0x10, 0x40, 0x50, 0x51, 0xff] {
            put::<39, 1, LEN>(&mut sqe, [kind]);
            assert_eq!(sgl1(&sqe), Sgl::Other { kind });
            assert!(sgl1(&sqe).is_empty());
        }
    }

    #[test]
    fn sqe_direction_of_fabrics_commands() {
        // Property Set, Connect, Property Get, Authentication Send and Receive.
        for (fctype, write) in [
            (0x00, false),
            (0x01, true),
            (0x04, false),
            (0x05, true),
            (0x06, false),
        ] {
            let mut sqe = [0; LEN];
            put::<0, 1, LEN>(&mut sqe, [FABRICS]);
            put::<4, 1, LEN>(&mut sqe, [fctype]);
            assert_eq!(transfers_to_controller(&sqe), write);
        }
    }
}
