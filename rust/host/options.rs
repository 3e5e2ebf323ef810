// SPDX-License-Identifier: GPL-2.0

//! What follows from the options that the user connects with.

use kernel::prelude::*;

/// The port of the discovery service, when the user names none.
const DISCOVERY_PORT: &CStr = c"8009";

/// The port of other subsystems, when the user names none. `nvme-cli` names one for transports
/// that it knows.
const IO_PORT: &CStr = c"4420";

/// The most queues: their numbers have 16 bits.
const MAX_QUEUES: usize = u16::MAX as usize;

/// The port to connect to if the user gives none.
pub(super) const fn default_port(discovery: bool) -> &'static CStr {
    match discovery {
        true => DISCOVERY_PORT,
        false => IO_PORT,
    }
}

/// How many queues there may ever be, the admin queue among them, if so many are `wanted` for I/O,
/// writing and polling: of each type no more than there can be `cpus` online, and those may be more
/// at a reconnect than now.
pub(super) fn max_queues(wanted: [u32; 3], cpus: u32) -> usize {
    wanted
        .map(|wanted| wanted.min(cpus) as usize)
        .iter()
        .fold(1usize, |sum, count| sum.saturating_add(*count))
        .min(MAX_QUEUES)
}

#[cfg(nvme_kunit)]
#[::kernel::macros::kunit_tests(nvme_mptcp_host_options)]
mod tests {
    use super::*;

    #[test]
    fn default_port_is_that_of_the_service() {
        assert_eq!(default_port(true).to_bytes(), b"8009");
        assert_eq!(default_port(false).to_bytes(), b"4420");
    }

    #[test]
    fn max_queues_bounds() {
        for (wanted, cpus, count) in [
            ([0, 0, 0], 4, 1),
            ([1, 0, 0], 4, 2),
            ([4, 0, 0], 4, 5),
            ([5, 0, 0], 4, 5),
            ([4, 4, 4], 4, 13),
            ([8, 1, 2], 4, 8),
            ([u32::MAX; 3], 64, 193),
            ([u32::MAX; 3], u32::MAX, MAX_QUEUES),
        ] {
            assert_eq!(max_queues(wanted, cpus), count);
        }
    }
}
