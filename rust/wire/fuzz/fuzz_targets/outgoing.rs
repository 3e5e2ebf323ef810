// SPDX-License-Identifier: GPL-2.0

//! Fuzzes the send machine: wherever a socket stops, each byte is sent once, and in its turn.

#![no_main]

use std::ops::Range;

use libfuzzer_sys::fuzz_target;
use nvme_tcp_wire::{
    Outgoing,
    Parts, //
};

fn each(parts: Parts) -> [Range<usize>; 3] {
    [parts.head, parts.data, parts.tail]
}

fuzz_target!(|input: (usize, usize, usize, Vec<usize>)| {
    let (head, data, tail, steps) = input;
    let mut out = Outgoing::new(head, data, tail);
    for room in steps {
        let unsent = out.unsent();
        let before = out.parts();
        assert_eq!(before.total(), unsent);

        let sent = out.advance(room);
        assert_eq!(sent.total(), room.min(unsent));
        assert_eq!(out.unsent(), unsent - sent.total());

        let mut behind = 0;
        for ((before, sent), after) in each(before)
            .into_iter()
            .zip(each(sent))
            .zip(each(out.parts()))
        {
            assert_eq!((sent.start, sent.end), (before.start, after.start));
            assert_eq!(after.end, before.end);
            // Nothing before all that comes first.
            assert!(sent.is_empty() || behind == 0);
            behind += after.len();
        }
    }
});
