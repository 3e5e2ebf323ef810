// SPDX-License-Identifier: GPL-2.0

//! The ways by which a controller can be reached, and in which order they are tried.
//!
//! An attempt to set a controller up begins as the user has asked for, with MPTCP, so that what
//! has been mended is used again. If that leads nowhere, it goes on with the other paths, that of
//! the last connection first, and plain TCP comes last. What has led to the controller is where
//! the other queues of the attempt begin.

use kernel::{
    fmt,
    prelude::*, //
};

use crate::abstractions::net::protocol::Protocol;

/// How many other addresses of a controller are remembered.
const MAX_PEERS: usize = 8;

/// Where a connection comes from and goes to. `E` is an endpoint of MPTCP, `A` an address of the
/// controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Path<E, A> {
    /// As the user has asked for; the rest is up to the routing table.
    Asked,
    /// From an endpoint, to the address that was asked for.
    From(E),
    /// To another address of the controller.
    To(A),
}

/// A path, and what is spoken on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Way<E, A> {
    pub(super) protocol: Protocol,
    pub(super) path: Path<E, A>,
}

impl<E, A> Way<E, A> {
    /// The first one.
    const ASKED: Self = Self {
        protocol: Protocol::Mptcp,
        path: Path::Asked,
    };
}

impl<E: fmt::Display, A: fmt::Display> fmt::Display for Way<E, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.protocol {
            Protocol::Mptcp => "MPTCP",
            Protocol::Tcp => "plain TCP",
        })?;
        match &self.path {
            Path::Asked => Ok(()),
            Path::From(endpoint) => {
                f.write_str(" from ")?;
                endpoint.fmt(f)
            }
            Path::To(peer) => {
                f.write_str(" to ")?;
                peer.fmt(f)
            }
        }
    }
}

/// What a controller remembers of its ways.
pub(super) struct Ways<E, A> {
    /// That of the last connection.
    last: Way<E, A>,
    /// Whether that was made in this attempt.
    settled: bool,
    /// Other addresses of the controller, that which was seen last first.
    peers: KVec<A>,
}

impl<E: Copy + PartialEq, A: Copy + PartialEq> Ways<E, A> {
    /// Nothing but what the user has asked for.
    pub(super) fn new() -> Self {
        Self {
            last: Way::ASKED,
            settled: false,
            peers: KVec::new(),
        }
    }

    /// Begins an attempt to set the controller up.
    pub(super) fn begin(&mut self) {
        self.settled = false;
    }

    /// Remembers an address of the controller that is not the one that was asked for.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(super) fn learn(&mut self, peer: A) -> Result {
        self.peers.retain(|known| *known != peer);
        self.peers.truncate(MAX_PEERS - 1);
        self.peers.reserve(1, GFP_KERNEL)?;
        self.peers
            .insert_within_capacity(0, peer)
            .map_err(|_| ENOMEM)
    }

    /// The way to begin with.
    pub(super) fn first(&self) -> Way<E, A> {
        match self.settled {
            true => self.last,
            false => Way::ASKED,
        }
    }

    /// All paths there are, each once, in the order in which they are to be tried.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(super) fn paths(&self, endpoints: impl Iterator<Item = E>) -> Result<KVec<Path<E, A>>> {
        let mut paths = KVec::new();
        let mut add = |path| match paths.contains(&path) {
            true => Ok(()),
            false => paths.push(path, GFP_KERNEL),
        };
        add(Path::Asked)?;
        add(self.last.path)?;
        for endpoint in endpoints {
            add(Path::From(endpoint))?;
        }
        for peer in self.peers.iter() {
            add(Path::To(*peer))?;
        }
        Ok(paths)
    }

    /// A connection has been made. Returns whether there is something to tell: it goes by another
    /// way than was asked for, or as asked for again.
    pub(super) fn settle(&mut self, way: Way<E, A>) -> bool {
        let usual = way == Way::ASKED && self.last == Way::ASKED;
        let known = self.settled && way == self.last;
        self.last = way;
        self.settled = true;
        !usual && !known
    }

    /// Whether the last connection was one of plain TCP from the beginning.
    pub(super) fn is_plain_tcp(&self) -> bool {
        self.last.protocol == Protocol::Tcp
    }
}

#[cfg(nvme_kunit)]
#[::kernel::macros::kunit_tests(nvme_mptcp_host_ways)]
mod tests {
    use super::*;

    type Way = super::Way<u8, u16>;
    type Path = super::Path<u8, u16>;

    const ASKED: Way = Way::ASKED;
    const FROM: Way = Way {
        protocol: Protocol::Mptcp,
        path: Path::From(2),
    };
    const TCP: Way = Way {
        protocol: Protocol::Tcp,
        path: Path::From(2),
    };

    #[test]
    fn every_path_once_in_order() -> Result {
        let mut ways = Ways::<u8, u16>::new();
        let paths = |ways: &Ways<u8, u16>| ways.paths([1, 2, 3].into_iter());
        let [from1, from2, from3] = [1, 2, 3].map(Path::From);
        assert!(*paths(&ways)? == [Path::Asked, from1, from2, from3]);

        ways.learn(20)?;
        ways.learn(30)?;
        ways.learn(20)?;
        let peers = [20, 30].map(Path::To);
        assert!(*paths(&ways)? == [Path::Asked, from1, from2, from3, peers[0], peers[1]]);

        // What has worked comes early, even if the endpoint is gone.
        ways.settle(FROM);
        assert!(*paths(&ways)? == [Path::Asked, from2, from1, from3, peers[0], peers[1]]);
        assert!(*ways.paths([].into_iter())? == [Path::Asked, from2, peers[0], peers[1]]);
        Ok(())
    }

    #[test]
    fn peers_are_bounded_and_the_oldest_goes() -> Result {
        let mut ways = Ways::<u8, u16>::new();
        for peer in 0..100 {
            ways.learn(peer)?;
        }
        let paths = ways.paths([].into_iter())?;
        assert_eq!(paths.len(), 1 + MAX_PEERS);
        assert_eq!(paths.get(1).copied(), Some(Path::To(99)));
        assert_eq!(paths.last().copied(), Some(Path::To(92)));
        Ok(())
    }

    #[test]
    fn an_attempt_begins_as_asked_and_its_queues_as_it_has_settled() {
        let mut ways = Ways::<u8, u16>::new();
        assert_eq!(ways.first(), ASKED);
        ways.settle(TCP);
        assert_eq!(ways.first(), TCP);
        ways.begin();
        assert_eq!(ways.first(), ASKED);
    }

    #[test]
    fn a_way_is_told_once_an_attempt() {
        let mut ways = Ways::<u8, u16>::new();
        for (way, told) in [(ASKED, false), (ASKED, false), (FROM, true), (FROM, false)] {
            assert_eq!(ways.settle(way), told);
        }
        ways.begin();
        for (way, told) in [(FROM, true), (TCP, true), (TCP, false)] {
            assert_eq!(ways.settle(way), told);
            assert_eq!(ways.is_plain_tcp(), way == TCP);
        }
        ways.begin();
        for (way, told) in [(ASKED, true), (ASKED, false)] {
            assert_eq!(ways.settle(way), told);
        }
        ways.begin();
        assert!(!ways.settle(ASKED));
    }
}
