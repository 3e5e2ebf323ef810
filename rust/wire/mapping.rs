// SPDX-License-Identifier: GPL-2.0

//! What a command says about its data: a host says it, a controller sees whether it agrees with the
//! capsule the command came in, and with what the queue may transfer.
//!
//! What is wrong here is wrong with the command, which gets a status; the connection goes on.
//!
//! Specification: TCP transport section 3.3.2. C counterparts: `nvme_tcp_map_data()`, and
//! `nvmet_tcp_map_data()`, which does not look at the length of the capsule.

use super::sqe::{
    self,
    Sgl, //
};

/// The data in bytes that a capsule of an admin queue can hold in any case, and so can one with a
/// fabrics command (TCP transport section 3.3.2.1, `NVME_TCP_ADMIN_CCSZ`).
pub const ADMIN_IN_CAPSULE: u32 = 8192;

/// How much data the commands of a connection may have, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// In a capsule.
    pub in_capsule: u32,
    /// At all.
    pub data: u32,
}

impl Limits {
    /// Before a connection has become a queue: the data of a connect command (`struct
    /// nvmf_connect_data`), and nothing else.
    pub const CONNECT: Self = Self {
        in_capsule: 1024,
        data: 1024,
    };

    /// For queue `qid` of a controller that transfers `data` bytes at most, where the capsules of
    /// I/O queues hold `in_capsule` bytes of data.
    pub fn of_queue(qid: u16, in_capsule: u32, data: u32) -> Self {
        let in_capsule = match qid {
            0 => in_capsule.max(ADMIN_IN_CAPSULE),
            _ => in_capsule,
        };
        Self { in_capsule, data }
    }
}

/// Why a command cannot be executed: the statuses of the Base Specification, section 3.3.3.2.1 (in
/// C, `NVME_SC_*`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// Invalid Field in Command.
    InvalidField,
    /// Data SGL Length Invalid: more than may be transferred, or not as much as is in the capsule.
    SglLength,
    /// SGL Offset Invalid: not in the capsule.
    SglOffset,
    /// SGL Descriptor Type Invalid.
    SglType,
}

/// How the data of a command are transferred.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mapping {
    /// There are none.
    None,
    /// To the controller, in the capsule: so many bytes, and not 0.
    InCapsule(u32),
    /// To the controller, in H2CData that are to be asked for.
    Solicited,
    /// To the host.
    ToHost,
}

impl Mapping {
    /// Reads the SGL of the command `sqe`, which came with `capsule_len` bytes of data.
    ///
    /// # Errors
    ///
    /// The status for a command that cannot be executed.
    pub fn of(sqe: &[u8; sqe::LEN], capsule_len: u32, limits: Limits) -> Result<Self, Error> {
        let sgl = sqe::sgl1(sqe);
        let is_write = sqe::transfers_to_controller(sqe);

        if sgl.len() > limits.data {
            return Err(Error::SglLength);
        }
        match sgl {
            Sgl::InCapsule { .. } if !is_write => Err(Error::InvalidField),
            Sgl::InCapsule { offset, len } if offset != 0 || len > limits.in_capsule => {
                Err(Error::SglOffset)
            }
            Sgl::InCapsule { len, .. } if len == capsule_len => Ok(Self::InCapsule(len)),
            Sgl::Null if capsule_len == 0 => Ok(Self::None),
            Sgl::Transport { .. } if capsule_len == 0 && is_write => Ok(Self::Solicited),
            Sgl::Transport { .. } if capsule_len == 0 => Ok(Self::ToHost),
            Sgl::Other { .. } => Err(Error::SglType),
            // The capsule has data that the SGL does not describe, or too few.
            Sgl::InCapsule { .. } | Sgl::Null | Sgl::Transport { .. } => Err(Error::SglLength),
        }
    }
}

/// Says in the command `sqe` where its `data_len` bytes of data are: in the capsule, if they go to
/// the controller and there is room for them. Returns how many are.
///
/// The capsules of the queue hold `in_capsule` bytes of data.
pub fn describe(sqe: &mut [u8; sqe::LEN], data_len: u32, is_write: bool, in_capsule: u32) -> u32 {
    let room = match sqe::is_fabrics(sqe) {
        true => ADMIN_IN_CAPSULE,
        false => in_capsule,
    };
    let (sgl, in_capsule) = if data_len == 0 {
        (Sgl::Null, 0)
    } else if is_write && data_len <= room {
        let (offset, len) = (0, data_len);
        (Sgl::InCapsule { offset, len }, len)
    } else {
        (Sgl::Transport { len: data_len }, 0)
    };
    sqe::set_sgl1(sqe, sgl);
    in_capsule
}

#[cfg(any(test, nvme_kunit))]
#[cfg_attr(nvme_kunit, ::kernel::macros::kunit_tests(nvme_tcp_wire_mapping))]
mod tests {
    use super::super::test::golden;
    use super::*;

    const LIMITS: Limits = Limits {
        in_capsule: 8192,
        data: 1 << 20,
    };

    /// Maps a write or a read with `sgl`, which came with `capsule_len` bytes of data.
    fn map(write: bool, sgl: Sgl, capsule_len: u32) -> Result<Mapping, Error> {
        let command = if write { &golden::WRITE } else { &golden::READ };
        let mut sqe = *golden::sqe(command);
        sqe::set_sgl1(&mut sqe, sgl);
        Mapping::of(&sqe, capsule_len, LIMITS)
    }

    #[test]
    fn mapping_golden() {
        for (command, capsule_len, want) in [
            (&golden::CONNECT, 1024, Mapping::InCapsule(1024)),
            (&golden::READ, 0, Mapping::ToHost),
            (&golden::WRITE, 0, Mapping::Solicited),
            (&golden::KEEP_ALIVE, 0, Mapping::None),
        ] {
            let mapping = Mapping::of(golden::sqe(command), capsule_len, LIMITS);
            assert_eq!(mapping, Ok(want));
        }
    }

    #[test]
    fn mapping_agrees_with_the_capsule() {
        let in_capsule = Sgl::InCapsule {
            offset: 0,
            len: 512,
        };
        for (capsule_len, want) in [
            (511, Err(Error::SglLength)),
            (512, Ok(Mapping::InCapsule(512))),
            (513, Err(Error::SglLength)),
            (0, Err(Error::SglLength)),
        ] {
            assert_eq!(map(true, in_capsule, capsule_len), want);
        }
        // Data that nobody has spoken of.
        for sgl in [Sgl::Null, Sgl::Transport { len: 512 }] {
            for write in [false, true] {
                assert_eq!(map(write, sgl, 512), Err(Error::SglLength));
            }
        }
    }

    #[test]
    fn mapping_in_capsule_bounds() {
        for (offset, len, want) in [
            (0, 1, Ok(Mapping::InCapsule(1))),
            (0, 8192, Ok(Mapping::InCapsule(8192))),
            (0, 8193, Err(Error::SglOffset)),
            (1, 8191, Err(Error::SglOffset)),
            (u64::MAX, 1, Err(Error::SglOffset)),
            (0, LIMITS.data + 1, Err(Error::SglLength)),
        ] {
            let sgl = Sgl::InCapsule { offset, len };
            assert_eq!(map(true, sgl, len), want);
        }
        // A read that has its data with it.
        let sgl = Sgl::InCapsule { offset: 0, len: 1 };
        assert_eq!(map(false, sgl, 1), Err(Error::InvalidField));
    }

    #[test]
    fn mapping_transport_bounds() {
        for (len, legal) in [
            (1, true),
            (LIMITS.data, true),
            (LIMITS.data + 1, false),
            (u32::MAX, false),
        ] {
            for (write, want) in [(true, Mapping::Solicited), (false, Mapping::ToHost)] {
                let want = if legal {
                    Ok(want)
                } else {
                    Err(Error::SglLength)
                };
                assert_eq!(map(write, Sgl::Transport { len }, 0), want);
            }
        }
    }

    #[test]
    fn mapping_knows_two_descriptors() {
        // With a length that is not 0, which set_sgl1() does not write for these.
        let mut sqe = *golden::sqe(&golden::READ);
        for (byte, want) in [
            (0x5a, Ok(Mapping::ToHost)),
            (0x50, Err(Error::SglType)),
            (0x00, Err(Error::SglType)),
            (0xff, Err(Error::SglType)),
        ] {
            if let Some(kind) = sqe.get_mut(39) {
                *kind = byte;
            }
            assert_eq!(Mapping::of(&sqe, 0, LIMITS), want);
        }
    }

    #[test]
    fn describe_bounds() {
        let in_capsule = |len| Sgl::InCapsule { offset: 0, len };
        let transport = |len| Sgl::Transport { len };
        for (command, data_len, sgl) in [
            (&golden::WRITE, 0, Sgl::Null),
            (&golden::WRITE, 1, in_capsule(1)),
            (&golden::WRITE, 4096, in_capsule(4096)),
            (&golden::WRITE, 4097, transport(4097)),
            (&golden::READ, 1, transport(1)),
            // Fabrics commands have more room.
            (&golden::CONNECT, 4097, in_capsule(4097)),
            (&golden::CONNECT, 8192, in_capsule(8192)),
            (&golden::CONNECT, 8193, transport(8193)),
        ] {
            let mut sqe = *golden::sqe(command);
            let is_write = sqe::transfers_to_controller(&sqe);
            let len = describe(&mut sqe, data_len, is_write, 4096);
            assert_eq!(sqe::sgl1(&sqe), sgl);
            assert_eq!(
                len,
                if sgl == in_capsule(data_len) {
                    data_len
                } else {
                    0
                }
            );
        }
    }

    #[test]
    fn mapping_limits_of_queues() {
        for (qid, given, in_capsule) in [
            (0, 0, 8192),
            (0, 16_384, 16_384),
            (1, 0, 0),
            (1, 16_384, 16_384),
            (u16::MAX, 4096, 4096),
        ] {
            let data = 1 << 20;
            let want = Limits { in_capsule, data };
            assert_eq!(Limits::of_queue(qid, given, data), want);
        }
    }
}
