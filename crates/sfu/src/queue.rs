//! A bounded queue. When it is full, the newest item is dropped and counted.

use std::collections::VecDeque;

/// A first-in first-out queue of at most `bound` items.
pub(crate) struct Queue<T> {
    items: VecDeque<T>,
    bound: usize,
    dropped: u64,
}

impl<T> Queue<T> {
    /// An empty queue.
    pub(crate) fn new(bound: usize) -> Self {
        Self {
            items: VecDeque::new(),
            bound,
            dropped: 0,
        }
    }

    /// Adds an item, or drops it when the queue is full. Gives whether it was added.
    pub(crate) fn push(&mut self, item: T) -> bool {
        if !self.has_room() {
            self.dropped += 1;
            return false;
        }
        self.items.push_back(item);
        true
    }

    /// Adds an item even to a full queue. Only for items whose number is bounded otherwise.
    pub(crate) fn push_always(&mut self, item: T) {
        self.items.push_back(item);
    }

    /// Takes the oldest item.
    pub(crate) fn pop(&mut self) -> Option<T> {
        self.items.pop_front()
    }

    /// Whether [`Self::push`] adds an item.
    pub(crate) fn has_room(&self) -> bool {
        self.items.len() < self.bound
    }

    /// How many items were dropped so far.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_is_dropped_when_full() {
        let mut queue = Queue::new(2);
        assert!(queue.push(1) && queue.push(2) && !queue.push(3));
        queue.push_always(4);
        assert_eq!(
            (queue.pop(), queue.pop(), queue.pop(), queue.pop()),
            (Some(1), Some(2), Some(4), None)
        );
        assert_eq!(queue.dropped(), 1);
    }
}
