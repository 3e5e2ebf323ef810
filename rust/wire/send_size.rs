// SPDX-License-Identifier: GPL-2.0

//! How many bytes to give to the network in one call.
//!
//! MPTCP chooses a subflow for what each `sendmsg` brings, and gives that subflow up to 64 KiB of
//! it before it chooses again. So the size of a call decides how an I/O is spread:
//!
//! - Large calls save instructions, and leave an I/O of 64 KiB to one link, which on 100 Mbit/s
//!   takes 5 ms for it while the others may be idle. And the bytes behind it, which other links
//!   carry sooner, have to wait for it: they are one stream.
//! - Small calls spread each I/O over all links.
//!
//! While little is on its way, the links have room, and how long an I/O takes is what counts: calls
//! are small. When all links have something to do anyway, they are as large as can be.
//!
//! The figures are those that did best on four links of 100 Mbit/s; of connections that differ in
//! how much of a single large I/O each link gets, the median counted.

/// What is given to a subflow when the links have room: four of these are an I/O of 64 KiB.
const SMALL: usize = 16 << 10;

/// What MPTCP gives to a subflow at a time.
const BURST: usize = 64 << 10;

/// Fewer bytes than this on their way leave links idle: what eight I/Os of 64 KiB are, and the
/// acknowledgements that are late.
const SHALLOW: usize = 896 << 10;

/// So many bytes on their way keep all links busy.
const DEEP: usize = 1200 << 10;

/// The most bytes for one call on a connection with `subflows` subflows, of which `outstanding`
/// bytes are on their way or wait to be sent.
pub const fn send_size(subflows: u32, outstanding: usize) -> usize {
    if subflows <= 1 || outstanding >= DEEP {
        usize::MAX
    } else if outstanding >= SHALLOW {
        BURST
    } else {
        SMALL
    }
}

#[cfg(any(test, wire_kunit))]
#[cfg_attr(wire_kunit, ::kernel::macros::kunit_tests(nvme_tcp_wire_send_size))]
mod tests {
    use super::*;

    #[test]
    fn send_size_follows_what_is_outstanding() {
        for (outstanding, want) in [
            (0, SMALL),
            (1, SMALL),
            (512 << 10, SMALL),
            (SHALLOW - 1, SMALL),
            (SHALLOW, BURST),
            (1 << 20, BURST),
            (DEEP - 1, BURST),
            (DEEP, usize::MAX),
            (usize::MAX, usize::MAX),
        ] {
            for subflows in [2, 4, 7, u32::MAX] {
                assert_eq!(send_size(subflows, outstanding), want);
            }
        }
    }

    #[test]
    fn send_size_of_one_link_saves_calls() {
        for subflows in [0, 1] {
            assert_eq!(send_size(subflows, 0), usize::MAX);
            assert_eq!(send_size(subflows, SHALLOW), usize::MAX);
        }
    }
}
