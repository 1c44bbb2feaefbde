//! A queue with a bound. When it is full, the newest item is dropped and counted.

use std::collections::VecDeque;

/// A first-in first-out queue of at most `bound` items.
pub struct Queue<T> {
    items: VecDeque<T>,
    bound: usize,
    dropped: u64,
}

impl<T> Queue<T> {
    /// An empty queue.
    pub fn new(bound: usize) -> Self {
        Self {
            items: VecDeque::new(),
            bound,
            dropped: 0,
        }
    }

    /// Adds an item, or drops it when the queue is full. Says whether it was added.
    pub fn push(&mut self, item: T) -> bool {
        if self.items.len() >= self.bound {
            self.dropped += 1;
            return false;
        }
        self.items.push_back(item);
        true
    }

    /// Adds an item whether there is room or not. Only for items whose number is bounded by something else.
    pub fn push_always(&mut self, item: T) {
        self.items.push_back(item);
    }

    /// The oldest item.
    pub fn pop(&mut self) -> Option<T> {
        self.items.pop_front()
    }

    /// How many items were dropped so far.
    pub fn dropped(&self) -> u64 {
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
