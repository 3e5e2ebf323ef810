// SPDX-License-Identifier: GPL-2.0

//! How much memory hosts may hold.
//!
//! A host decides how long the memory of a command is in use: it need not take the data of its
//! reads, nor send those of its writes. So it is bounded for each connection, and less the less
//! there is left of what all have in common. Who wants more waits until it has less; nobody is
//! refused, and nobody waits for another connection.
//!
//! `docs/limits.md` states what follows from the numbers here.

use kernel::sync::{
    atomic::{
        ordering::Relaxed,
        Atomic, //
    },
    Arc, //
};

/// All connections together may have this part of the memory of the machine: about as much as TCP
/// takes for its buffers (`net.ipv4.tcp_mem`).
const SHARE_OF_RAM: usize = 8;

/// A connection may have this part of what the others leave. So one that takes all that it can get
/// leaves four fifths to the others, and however many do, each newcomer finds something.
const SHARE_OF_REST: usize = 4;

/// A connection may have this much in bytes: 512 reads of 128 KiB, which is more than a fast disk,
/// or a slow one with 10 ms at 5 GB/s, has under way.
const MOST: usize = 64 << 20;

/// The memory that all connections may hold.
pub(super) struct Pool {
    size: usize,
    used: Atomic<usize>,
}

impl Pool {
    /// A pool that suits a machine with `ram` bytes of memory.
    pub(super) fn new(ram: usize) -> Self {
        Self {
            size: ram / SHARE_OF_RAM,
            used: Atomic::new(0),
        }
    }

    fn rest(&self) -> usize {
        self.size.saturating_sub(self.used.load(Relaxed))
    }
}

/// The memory that a connection holds.
pub(super) struct Account {
    pool: Arc<Pool>,
    /// For the data of commands, in bytes.
    data: usize,
    /// For the commands themselves, in bytes.
    fixed: usize,
}

impl Account {
    /// For a new connection, which holds none.
    pub(super) fn new(pool: Arc<Pool>) -> Self {
        Self {
            pool,
            data: 0,
            fixed: 0,
        }
    }

    /// Whether no command of the connection has memory for data.
    pub(super) fn is_empty(&self) -> bool {
        self.data == 0
    }

    /// Whether a command may have `bytes` for its data now. One always may.
    pub(super) fn admits(&self, bytes: u32) -> bool {
        let most = (self.pool.rest() / SHARE_OF_REST).min(MOST);
        self.is_empty() || self.data.saturating_add(bytes as usize) <= most
    }

    /// A command has memory for its data.
    pub(super) fn take(&mut self, bytes: u32) {
        self.data = self.data.saturating_add(bytes as usize);
        self.pool.used.add(bytes as usize, Relaxed);
    }

    /// A command has given it back.
    pub(super) fn give(&mut self, bytes: u32) {
        let bytes = (bytes as usize).min(self.data);
        self.data -= bytes;
        let _ = self.pool.used.fetch_sub(bytes, Relaxed);
    }

    /// The connection has memory that it keeps until its end.
    pub(super) fn take_fixed(&mut self, bytes: usize) {
        self.fixed = self.fixed.saturating_add(bytes);
        self.pool.used.add(bytes, Relaxed);
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        // Neither sum is more than the memory of the machine.
        let held = self.data.saturating_add(self.fixed);
        let _ = self.pool.used.fetch_sub(held, Relaxed);
    }
}

#[cfg(nvme_kunit)]
#[::kernel::macros::kunit_tests(nvme_mptcp_target_budget)]
mod tests {
    use kernel::prelude::*;

    use super::*;

    /// A pool of `size` bytes.
    fn pool(size: usize) -> Result<Arc<Pool>> {
        Ok(Arc::new(Pool::new(size * SHARE_OF_RAM), GFP_KERNEL)?)
    }

    /// An account that has taken all that it could get, in pieces of `bytes`.
    fn greedy(pool: &Arc<Pool>, bytes: u32) -> Account {
        let mut account = Account::new(pool.clone());
        while account.admits(bytes) {
            account.take(bytes);
        }
        account
    }

    #[test]
    fn one_command_is_always_admitted() -> Result {
        let pool = pool(0)?;
        let mut account = Account::new(pool);
        assert!(account.admits(u32::MAX));
        account.take(1);
        assert!(!account.admits(1));
        account.give(1);
        assert!(account.admits(u32::MAX));
        Ok(())
    }

    #[test]
    fn the_greedy_leave_four_fifths() -> Result {
        let pool = pool(5_000)?;
        let account = greedy(&pool, 1);
        assert_eq!(account.data, 1_000);
        assert_eq!(pool.rest(), 4_000);
        Ok(())
    }

    #[test]
    fn every_newcomer_finds_something() -> Result {
        let pool = pool(1 << 20)?;
        let mut accounts = KVec::new();
        let mut last = usize::MAX;
        for _ in 0..20 {
            let account = greedy(&pool, 1);
            // More than the one that it is admitted anyway, and not more than the one before.
            assert!(account.data > 1 && account.data <= last);
            last = account.data;
            accounts.push(account, GFP_KERNEL)?;
        }
        assert!(pool.rest() > 0);
        Ok(())
    }

    #[test]
    fn nobody_has_more_than_the_most() -> Result {
        let pool = pool(1 << 40)?;
        let account = greedy(&pool, 1 << 20);
        assert_eq!(account.data, MOST);
        Ok(())
    }

    #[test]
    fn what_was_taken_is_given_back() -> Result {
        let pool = pool(1 << 20)?;
        let mut account = Account::new(pool.clone());
        account.take_fixed(100);
        account.take(3_000);
        assert_eq!(pool.rest(), (1 << 20) - 3_100);

        // More than there is, is not.
        account.give(1_000);
        account.give(u32::MAX);
        assert!(account.is_empty());
        assert_eq!(pool.rest(), (1 << 20) - 100);

        account.take(500);
        drop(account);
        assert_eq!(pool.rest(), 1 << 20);
        Ok(())
    }

    #[test]
    fn what_is_fixed_counts_for_all() -> Result {
        let pool = pool(5_000)?;
        let mut first = Account::new(pool.clone());
        first.take_fixed(2_500);
        assert!(first.is_empty());
        let second = greedy(&pool, 1);
        assert_eq!(second.data, 500);

        // More than the pool has leaves nothing, and nobody stuck.
        first.take_fixed(1 << 20);
        assert_eq!(pool.rest(), 0);
        assert!(!second.admits(1) && first.admits(u32::MAX));
        Ok(())
    }
}
