// SPDX-License-Identifier: GPL-2.0

//! What a controller makes of the SGLs that hosts send.

use nvme_tcp_wire::{
    mapping::{
        self,
        Limits,
        Mapping, //
    },
    sqe::{
        self,
        Sgl, //
    }, //
};
use proptest::prelude::*;

use crate::strategy::sqe;

fn limits() -> impl Strategy<Value = Limits> {
    (0..20_000_u32, 0..2_000_000_u32).prop_map(|(in_capsule, data)| Limits { in_capsule, data })
}

/// A command with any SGL, one that NVMe/TCP has for the most part.
fn command() -> impl Strategy<Value = [u8; sqe::LEN]> {
    let kind = prop_oneof![4 => Just(0x01), 4 => Just(0x5a), 1 => any::<u8>()];
    let offset = prop_oneof![4 => Just(0), 1 => any::<u64>()];
    let len = prop_oneof![1 => Just(0), 6 => 0..20_000_u32, 1 => any::<u32>()];
    (sqe(), kind, offset, len).prop_map(|(mut sqe, kind, offset, len)| {
        sqe[24..32].copy_from_slice(&offset.to_le_bytes());
        sqe[32..36].copy_from_slice(&len.to_le_bytes());
        sqe[39] = kind;
        sqe
    })
}

proptest! {
    /// Whatever is accepted stays within all limits, takes all of the capsule, and no more than it.
    #[test]
    fn maps_nothing_beyond_the_limits(
        sqe in command(),
        limits in limits(),
        capsule_len in 0..20_000_u32,
        agree in any::<bool>(),
    ) {
        let sgl = sqe::sgl1(&sqe);
        let capsule_len = match sgl {
            Sgl::InCapsule { len, .. } if agree => len,
            _ if agree => 0,
            _ => capsule_len,
        };
        let write = sqe::transfers_to_controller(&sqe);
        match Mapping::of(&sqe, capsule_len, limits) {
            Ok(Mapping::None) => {
                prop_assert_eq!(sgl.len(), 0);
                prop_assert_eq!(capsule_len, 0);
            }
            Ok(Mapping::InCapsule(len)) => {
                prop_assert_eq!(sgl, Sgl::InCapsule { offset: 0, len });
                prop_assert!(write);
                prop_assert!(len != 0 && len == capsule_len);
                prop_assert!(len <= limits.in_capsule && len <= limits.data);
            }
            Ok(mapping) => {
                let len = sgl.len();
                prop_assert_eq!(sgl, Sgl::Transport { len });
                prop_assert_eq!(capsule_len, 0);
                prop_assert!(len != 0 && len <= limits.data);
                prop_assert_eq!(mapping == Mapping::Solicited, write);
            }
            Err(_) => {
                // And what is refused would not have been legal.
                let legal = match sgl {
                    Sgl::Null => capsule_len == 0,
                    Sgl::Transport { len } => capsule_len == 0 && len <= limits.data,
                    Sgl::InCapsule { offset, len } => {
                        write
                            && offset == 0
                            && len == capsule_len
                            && len <= limits.in_capsule.min(limits.data)
                    }
                    Sgl::Other { .. } => false,
                };
                prop_assert!(!legal);
            }
        }
    }

    /// What a host of ours says, a controller of ours understands, if both know the same limits.
    #[test]
    fn describes_what_maps(
        sqe in sqe(),
        qid in any::<u16>(),
        in_capsule in 0..20_000_u32,
        data_len in prop_oneof![Just(0), 1..30_000_u32],
    ) {
        let mut described = sqe;
        let is_write = sqe::transfers_to_controller(&sqe);
        // A host asks with what the controller grants, which is more on an admin queue.
        let limits = Limits::of_queue(qid, in_capsule, 30_000);
        let capsule_len = mapping::describe(&mut described, data_len, is_write, limits.in_capsule);
        // Fabrics commands on an I/O queue are left out: Connect alone has data, in little room.
        prop_assume!(!sqe::is_fabrics(&sqe) || qid == 0);

        let want = match (data_len, is_write, capsule_len) {
            (0, _, 0) => Mapping::None,
            (len, true, in_capsule) if in_capsule == len => Mapping::InCapsule(len),
            (_, true, 0) => Mapping::Solicited,
            (_, _, _) => Mapping::ToHost,
        };
        prop_assert_eq!(Mapping::of(&described, capsule_len, limits), Ok(want));
        prop_assert!(capsule_len == 0 || capsule_len <= limits.in_capsule && is_write);

        // Nothing else of the command is touched.
        described[1] = sqe[1];
        described[24..40].copy_from_slice(&sqe[24..40]);
        prop_assert_eq!(described, sqe);
    }

    /// An admin queue never grants less than the specification promises, an I/O queue never more
    /// than the administrator does.
    #[test]
    fn limits_keep_promises(qid in any::<u16>(), in_capsule in any::<u32>(), data in any::<u32>()) {
        let limits = Limits::of_queue(qid, in_capsule, data);
        prop_assert_eq!(limits.data, data);
        match qid {
            0 => prop_assert!(limits.in_capsule >= in_capsule.max(8192)),
            _ => prop_assert_eq!(limits.in_capsule, in_capsule),
        }
    }
}
