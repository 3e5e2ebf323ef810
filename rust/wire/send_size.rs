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
//! While little is on its way, the links have room, and how long an I/O takes is what counts: it is
//! sent in parts. When all links have something to do anyway, calls are as large as can be. So they
//! are for large I/Os, which are more than a burst for each link by themselves.
//!
//! What is on its way does not tell how deep the queue of the other side is: where the CPU is the
//! limit and not the links, everything is acknowledged at once, and one I/O is there at a time.
//! Each part costs some 5000 instructions, so an I/O of 128 KiB is sent in three and not in eight.
//!
//! The figures are those that did best on four links of 100 Mbit/s; of connections that differ in
//! how much of a single large I/O each link gets, the median counted.

/// What is given to a subflow when the links have room: four of these are an I/O of 64 KiB.
const SMALL: usize = 16 << 10;

/// So many bytes on their way keep all links busy: more than eight I/Os of 64 KiB are, and the
/// acknowledgments that are late.
const DEEP: usize = 1 << 20;

/// The most bytes for one call on a connection with `subflows` subflows, of which `outstanding`
/// bytes are on their way or wait to be sent; the largest of the I/Os that wait has `longest` bytes
/// of data.
pub const fn send_size(subflows: u32, outstanding: usize, longest: usize) -> usize {
    if subflows <= 1 || outstanding >= DEEP {
        return usize::MAX;
    }
    let part = (longest / 2).saturating_sub(SMALL);
    if part > SMALL {
        part
    } else {
        SMALL
    }
}

#[cfg(any(test, nvme_kunit))]
#[cfg_attr(nvme_kunit, ::kernel::macros::kunit_tests(nvme_tcp_wire_send_size))]
mod tests {
    use super::*;

    #[test]
    fn send_size_is_a_part_of_an_io() {
        for (longest, want) in [
            (0, SMALL),
            (4 << 10, SMALL),
            (64 << 10, SMALL),
            (96 << 10, 32 << 10),
            (128 << 10, 48 << 10),
            (1 << 20, 496 << 10),
        ] {
            for subflows in [2, 4, 7, u32::MAX] {
                for outstanding in [0, 512 << 10, DEEP - 1] {
                    assert_eq!(send_size(subflows, outstanding, longest), want);
                }
            }
        }
        assert!(send_size(2, 0, usize::MAX) > SMALL);
    }

    #[test]
    fn send_size_of_busy_links_saves_calls() {
        for outstanding in [DEEP, DEEP + 1, usize::MAX] {
            for longest in [0, 4 << 10, 64 << 10, usize::MAX] {
                assert_eq!(send_size(4, outstanding, longest), usize::MAX);
            }
        }
    }

    #[test]
    fn send_size_of_one_link_saves_calls() {
        for subflows in [0, 1] {
            for outstanding in [0, 64 << 10, DEEP] {
                assert_eq!(send_size(subflows, outstanding, 64 << 10), usize::MAX);
            }
        }
    }
}
