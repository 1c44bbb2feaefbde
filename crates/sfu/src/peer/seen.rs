//! The STUN transactions of one client that were seen, to know a request that somebody sends again from elsewhere.
//!
//! There is no end to them: a client that keeps its path alive makes 1,440 an hour. The last ones are remembered, for some
//! hours of a call; what is older cannot be told from a new request, and costs whoever is at its address an answer and the
//! checks of one path. Memory grows only as requests come, up to 40 kB, of which an hour takes 10.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

use crate::stun::Transaction;

/// Transactions after which those before the last so many may be forgotten: as many as a set of a power of two holds.
const GENERATION: usize = 3_584;

/// See the module. Four octets stand for a transaction: of a million requests from new addresses one or two are taken for replayed
/// ones, which the client's next request makes good.
#[derive(Default)]
pub(super) struct Seen {
    hasher: RandomState,
    recent: HashSet<u32>,
    /// The generation before.
    older: HashSet<u32>,
}

impl Seen {
    pub(super) fn has(&self, transaction: &Transaction) -> bool {
        let tag = self.tag(transaction);
        self.recent.contains(&tag) || self.older.contains(&tag)
    }

    pub(super) fn note(&mut self, transaction: &Transaction) {
        let tag = self.tag(transaction);
        if self.recent.len() == GENERATION {
            self.older = std::mem::take(&mut self.recent);
        }
        self.recent.insert(tag);
    }

    fn tag(&self, transaction: &Transaction) -> u32 {
        self.hasher.hash_one(transaction) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transaction(number: usize) -> Transaction {
        let mut transaction = Transaction::default();
        transaction[..8].copy_from_slice(&number.to_be_bytes());
        transaction
    }

    #[test]
    fn the_last_ones_are_remembered_and_not_more() {
        let mut seen = Seen::default();
        let last = 10 * GENERATION;
        (0..last).for_each(|number| seen.note(&transaction(number)));
        let known = |range: std::ops::Range<usize>| range.filter(|number| seen.has(&transaction(*number))).count();
        assert_eq!(known(last - GENERATION..last), GENERATION);
        // One of half a million is taken for another one.
        assert!(known(0..last - 2 * GENERATION) <= 2 && known(last..2 * last) <= 2);
        assert!(seen.recent.capacity() + seen.older.capacity() <= 2 * GENERATION);
    }

    #[test]
    fn few_take_little_room() {
        let mut seen = Seen::default();
        (0..50).for_each(|number| seen.note(&transaction(number)));
        assert!(seen.recent.capacity() < 100 && seen.older.capacity() == 0);
    }
}
