// SPDX-License-Identifier: GPL-2.0

//! Fuzzes what a controller makes of the SGL of a command.

#![no_main]

use libfuzzer_sys::fuzz_target;
use nvme_tcp_wire::{
    mapping::{
        Limits,
        Mapping, //
    },
    sqe, //
};

fuzz_target!(|input: ([u8; sqe::LEN], u32, u16, u32, u32)| {
    let (sqe, capsule_len, qid, in_capsule, data) = input;
    for limits in [Limits::CONNECT, Limits::of_queue(qid, in_capsule, data)] {
        let len = sqe::sgl1(&sqe).len();
        match Mapping::of(&sqe, capsule_len, limits) {
            Ok(Mapping::InCapsule(in_capsule)) => {
                assert!(in_capsule == len && in_capsule == capsule_len);
                assert!(len <= limits.in_capsule.min(limits.data));
            }
            Ok(Mapping::None) => assert_eq!((len, capsule_len), (0, 0)),
            Ok(Mapping::Solicited | Mapping::ToHost) => {
                assert!(capsule_len == 0 && len != 0 && len <= limits.data);
            }
            Err(_) => {}
        }
    }
});
