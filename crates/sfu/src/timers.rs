//! Deadlines, the soonest first.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::hash::Hash;
use std::time::Instant;

/// One deadline for each key.
pub(crate) struct Timers<K> {
    heap: BinaryHeap<Reverse<(Instant, K)>>,
    soonest: HashMap<K, Instant>,
}

impl<K: Ord + Copy + Hash> Timers<K> {
    /// No deadlines.
    pub(crate) fn new() -> Self {
        Self {
            heap: BinaryHeap::new(),
            soonest: HashMap::new(),
        }
    }

    /// Sets the deadline of a key, unless a sooner one is set.
    pub(crate) fn arm(&mut self, at: Instant, key: K) {
        if self.soonest.get(&key).is_some_and(|armed| *armed <= at) {
            return;
        }
        self.soonest.insert(key, at);
        self.heap.push(Reverse((at, key)));
    }

    /// The soonest deadline, or an earlier time: one that was replaced by a sooner one is still in the heap.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse((at, _))| *at)
    }

    /// Takes a key whose deadline has come; it is no longer armed.
    pub(crate) fn pop(&mut self, now: Instant) -> Option<K> {
        while let Some(Reverse((at, key))) = self.heap.peek().copied() {
            if at > now {
                return None;
            }
            self.heap.pop();
            if self.soonest.get(&key) == Some(&at) {
                self.soonest.remove(&key);
                return Some(key);
            }
        }
        None
    }

    /// Forgets a key.
    pub(crate) fn disarm(&mut self, key: K) {
        self.soonest.remove(&key);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_sooner_deadline_counts() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut timers = Timers::new();
        timers.arm(at(20), 'a');
        timers.arm(at(10), 'a');
        timers.arm(at(30), 'a');
        timers.arm(at(15), 'b');
        assert_eq!(timers.next(), Some(at(10)));
        assert_eq!(timers.pop(at(9)), None);
        assert_eq!(timers.pop(at(40)), Some('a'));
        assert_eq!(timers.pop(at(40)), Some('b'));
        assert_eq!(timers.pop(at(40)), None);
        timers.arm(at(50), 'a');
        timers.disarm('a');
        assert_eq!(timers.pop(at(60)), None);
    }
}
