// SPDX-License-Identifier: GPL-2.0

//! Whether a controller has the paths that the administrator seems to want.
//!
//! Which paths connections have is MPTCP's business, whose limits are two more subflows and no
//! address of the peer by default, and nobody is told when that is less than there could be.

use kernel::fmt;

use crate::abstractions::net::paths::Paths;

/// Why a connection has fewer paths than it could have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shortage {
    /// It is one of plain TCP.
    Fallback,
    /// There are as many subflows as there may be, and fewer than endpoints or announced addresses.
    Subflows(Paths),
    /// The controller has announced more addresses than may be used.
    Announced(Paths),
    /// There is one path, and nobody has told MPTCP of others.
    Unasked,
    /// There are subflows to so many of the addresses that the controller has announced.
    Unreached(usize, Paths),
}

impl Shortage {
    /// What there is to say of a connection with these paths, or with none of MPTCP.
    pub(super) fn of(paths: Option<Paths>) -> Option<Self> {
        let Some(paths) = paths else {
            return Some(Self::Fallback);
        };
        let limit = paths.extra_subflows_limit;
        if paths.extra_subflows >= limit && limit < paths.endpoints.max(paths.announced) {
            return Some(Self::Subflows(paths));
        }
        (paths.announced > paths.announced_limit).then_some(Self::Announced(paths))
    }

    /// What there is to say when MPTCP has had the time to do what it can, and the connection has
    /// these paths, to `peers` addresses beyond the first.
    pub(super) fn of_settled(paths: Paths, peers: usize) -> Option<Self> {
        if let Some(shortage) = Self::of(Some(paths)) {
            return Some(shortage);
        }
        if paths.extra_subflows == 0 && paths.endpoints == 0 && paths.announced == 0 {
            return Some(Self::Unasked);
        }
        // With fewer subflows than may be, it is not the limit that stops MPTCP.
        let limited = paths.extra_subflows >= paths.extra_subflows_limit;
        (!limited && peers < usize::from(paths.announced)).then_some(Self::Unreached(peers, paths))
    }
}

impl fmt::Display for Shortage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fallback => f.write_str(
                "fell back to TCP: the controller, or something on the way, does not speak MPTCP",
            ),
            Self::Subflows(Paths {
                extra_subflows_limit: limit,
                endpoints,
                announced,
                ..
            }) => write!(
                f,
                "MPTCP may open {limit} more subflows, for {endpoints} endpoints and {announced} \
                 announced addresses (ip mptcp limits set subflows)",
            ),
            Self::Announced(Paths {
                announced,
                announced_limit: limit,
                ..
            }) => write!(
                f,
                "MPTCP may use {limit} of {announced} addresses that the controller has announced \
                 (ip mptcp limits set add_addr_accepted)",
            ),
            Self::Unasked => f.write_str(
                "1 subflow: MPTCP has no endpoint to open more from (ip mptcp endpoint add)",
            ),
            Self::Unreached(
                peers,
                Paths {
                    extra_subflows,
                    announced,
                    ..
                },
            ) => {
                let subflows = u32::from(*extra_subflows).saturating_add(1);
                write!(
                    f,
                    "{subflows} subflows: to {peers} of {announced} addresses that the controller \
                     has announced; does its port listen on all of them?",
                )
            }
        }
    }
}

#[cfg(nvme_kunit)]
#[::kernel::macros::kunit_tests(nvme_mptcp_host_paths)]
mod tests {
    use super::*;

    fn paths(subflows: [u8; 2], endpoints: u8, announced: [u8; 2]) -> Paths {
        Paths {
            extra_subflows: subflows[0],
            extra_subflows_limit: subflows[1],
            endpoints,
            announced: announced[0],
            announced_limit: announced[1],
        }
    }

    #[test]
    fn nothing_to_say() {
        for paths in [
            // Nobody wants more than one path, with the default limits.
            paths([0, 2], 0, [0, 0]),
            paths([2, 2], 2, [0, 0]),
            paths([3, 8], 3, [0, 0]),
            paths([3, 8], 0, [3, 8]),
            paths([6, 8], 3, [3, 3]),
            // Endpoints that lead nowhere, or are of another family.
            paths([1, 2], 6, [0, 0]),
            // A path manager in user space has no limits.
            paths([3, 0], 0, [0, 0]),
        ] {
            assert_eq!(Shortage::of(Some(paths)), None);
        }
    }

    #[test]
    fn too_low_limits() {
        for few in [
            paths([2, 2], 3, [0, 0]),
            paths([0, 0], 1, [0, 0]),
            paths([2, 2], 0, [3, 8]),
            // The other limit would be the next.
            paths([2, 2], 3, [3, 0]),
        ] {
            assert_eq!(Shortage::of(Some(few)), Some(Shortage::Subflows(few)));
        }
        for few in [
            paths([0, 2], 0, [3, 0]),
            paths([2, 8], 0, [3, 2]),
            paths([3, 8], 3, [1, 0]),
            paths([0, 255], 0, [255, 254]),
        ] {
            assert_eq!(Shortage::of(Some(few)), Some(Shortage::Announced(few)));
        }
    }

    #[test]
    fn what_is_known_later() {
        let of = Shortage::of_settled;
        assert_eq!(of(paths([0, 2], 0, [0, 0]), 0), Some(Shortage::Unasked));
        let few = paths([3, 8], 3, [3, 8]);
        assert_eq!(of(few, 0), Some(Shortage::Unreached(0, few)));
        assert_eq!(of(few, 2), Some(Shortage::Unreached(2, few)));
        assert_eq!(of(paths([6, 8], 3, [3, 8]), 3), None);
        assert_eq!(of(paths([3, 8], 3, [0, 0]), 0), None);
        // The limit stops it.
        let few = paths([3, 3], 3, [3, 8]);
        assert_eq!(of(few, 0), None);
        let few = paths([2, 2], 3, [0, 0]);
        assert_eq!(of(few, 0), Some(Shortage::Subflows(few)));
    }

    #[test]
    fn no_mptcp() {
        assert_eq!(Shortage::of(None), Some(Shortage::Fallback));
    }
}
