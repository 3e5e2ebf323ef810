// SPDX-License-Identifier: GPL-2.0

//! Fuzzes the decoder of a controller.

#![no_main]

mod crc;
mod drive;

use libfuzzer_sys::fuzz_target;
use nvme_tcp_wire::Role;

fuzz_target!(|input: &[u8]| drive::drive(Role::Controller, input));
