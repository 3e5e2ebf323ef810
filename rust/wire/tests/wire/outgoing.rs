// SPDX-License-Identifier: GPL-2.0

//! Whatever a socket takes at a time, what it has been given is the stream.

use nvme_tcp_wire::{
    Outgoing,
    Parts, //
};
use proptest::prelude::*;

/// The bytes of one item: no byte of the whole stream is like another of the same item.
fn item() -> impl Strategy<Value = [Vec<u8>; 3]> {
    let part = |most| prop::collection::vec(any::<u8>(), 0..most);
    (part(153), part(600), part(29)).prop_map(|(head, data, tail)| [head, data, tail])
}

fn outgoing([head, data, tail]: &[Vec<u8>; 3]) -> Outgoing {
    Outgoing::new(head.len(), data.len(), tail.len())
}

/// The bytes that `parts` stand for.
fn bytes([head, data, tail]: &[Vec<u8>; 3], parts: Parts) -> Vec<u8> {
    [&head[parts.head], &data[parts.data], &tail[parts.tail]].concat()
}

proptest! {
    /// The model: all bytes in a row, of which the first `n` have been sent.
    #[test]
    fn is_a_position_in_the_bytes(item in item(), takes in prop::collection::vec(0usize..700, 0..12)) {
        let all = item.concat();
        let mut out = outgoing(&item);
        let mut sent = 0;
        for take in takes {
            prop_assert_eq!(bytes(&item, out.parts()), &all[sent..]);
            prop_assert_eq!(out.parts().total(), out.unsent());
            let taken = take.min(all.len() - sent);

            let parts = out.advance(take);
            prop_assert_eq!(parts.total(), taken);
            prop_assert_eq!(bytes(&item, parts), &all[sent..sent + taken]);
            sent += taken;
            prop_assert_eq!(out.is_sent(), sent == all.len());
            prop_assert_eq!(out.is_begun(), sent > 0 && sent < all.len());
        }
    }

    /// What goes out of several items, of which at most the first is begun, is their bytes in a
    /// row, however much a socket takes of what it is offered.
    #[test]
    fn batches_keep_the_stream(
        items in prop::collection::vec(item(), 1..8),
        takes in prop::collection::vec(1usize..1500, 1..64),
    ) {
        let mut outgoing: Vec<_> = items.iter().map(outgoing).collect();
        let mut stream = Vec::new();
        for take in takes.iter().cycle().take(6000) {
            let offered: Vec<u8> = items
                .iter()
                .zip(&outgoing)
                .flat_map(|(item, out)| bytes(item, out.parts()))
                .collect();
            if offered.is_empty() {
                break;
            }
            let taken = offered.len().min(*take);
            stream.extend_from_slice(&offered[..taken]);

            let mut left = taken;
            for out in &mut outgoing {
                left -= out.advance(left).total();
            }
            prop_assert_eq!(left, 0);
            let first = outgoing.iter().position(|out| !out.is_sent());
            let begun = outgoing.iter().position(Outgoing::is_begun);
            prop_assert!(begun.is_none() || begun == first);
        }
        prop_assert_eq!(stream, items.concat().concat());
    }

    /// Lengths and steps of any size: nothing panics, and nothing is sent twice.
    #[test]
    fn any_lengths(lens in any::<[usize; 3]>(), takes in any::<[usize; 4]>()) {
        let mut out = Outgoing::new(lens[0], lens[1], lens[2]);
        for take in takes {
            let before = out.unsent();
            let taken = out.advance(take).total();
            prop_assert_eq!(taken, before.min(take));
            prop_assert_eq!(out.unsent(), before - taken);
        }
    }
}
