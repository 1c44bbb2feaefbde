//! Which worker holds which room. A room lives wholly on one worker, from its first offer until its last peer is gone.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

#[derive(Debug)]
struct Room {
    worker: usize,
    /// Offers that are on their way to the worker.
    offered: usize,
    /// Transports that have a peer, and whose each is.
    open: HashMap<String, String>,
}

/// The table, shared by the caller, who asks, and the workers, who tell of peers that came and went.
#[derive(Debug)]
pub struct Rooms {
    rooms: Mutex<HashMap<String, Room>>,
    workers: usize,
}

impl Rooms {
    /// Empty, for so many workers (at least one).
    pub fn new(workers: usize) -> Self {
        Rooms {
            rooms: Mutex::default(),
            workers,
        }
    }

    /// The worker for an offer in `room`: where the room is, else the one with the fewest peers. To be followed by
    /// [`Self::withdrawn`] if the offer could not be handed over.
    pub fn offer(&self, room: &str) -> usize {
        let mut rooms = self.lock();
        if let Some(known) = rooms.get_mut(room) {
            known.offered += 1;
            return known.worker;
        }
        let mut load = vec![0; self.workers];
        for known in rooms.values() {
            load[known.worker] += known.open.len() + known.offered;
        }
        let worker = (0..self.workers).min_by_key(|&worker| load[worker]).unwrap_or(0);
        rooms.insert(
            room.to_owned(),
            Room {
                worker,
                offered: 1,
                open: HashMap::new(),
            },
        );
        worker
    }

    /// An offer was not handed over.
    pub fn withdrawn(&self, room: &str) {
        self.change(room, |known| known.offered = known.offered.saturating_sub(1));
    }

    /// The worker where `room` is.
    pub fn worker(&self, room: &str) -> Option<usize> {
        self.lock().get(room).map(|known| known.worker)
    }

    /// The worker took `user`'s offer of `transport` from its queue. True if there was no peer of that name.
    pub fn taken(&self, room: &str, transport: &str, user: &str) -> bool {
        let mut is_new = false;
        self.change(room, |known| {
            known.offered = known.offered.saturating_sub(1);
            is_new = known.open.insert(transport.to_owned(), user.to_owned()).is_none();
        });
        is_new
    }

    /// The peer is gone.
    pub fn gone(&self, room: &str, transport: &str) {
        self.change(room, |known| {
            known.open.remove(transport);
        });
    }

    /// The rooms on `worker`, and whose transports are open in each.
    pub fn on(&self, worker: usize) -> Vec<(String, HashMap<String, String>)> {
        let rooms = self.lock();
        let here = rooms.iter().filter(|(_, known)| known.worker == worker);
        here.map(|(room, known)| (room.clone(), known.open.clone())).collect()
    }

    fn change(&self, room: &str, change: impl FnOnce(&mut Room)) {
        let mut rooms = self.lock();
        if let Some(known) = rooms.get_mut(room) {
            change(known);
            if known.offered == 0 && known.open.is_empty() {
                rooms.remove(room);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Room>> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_stays_on_its_worker_and_new_ones_go_to_the_idlest() {
        let rooms = Rooms::new(2);
        assert_eq!(rooms.offer("a"), 0);
        assert_eq!(rooms.offer("b"), 1);
        assert_eq!(rooms.offer("b"), 1);
        assert_eq!(rooms.offer("c"), 0);
        assert_eq!(rooms.offer("a"), 0);
        assert_eq!(rooms.worker("b"), Some(1));
        assert_eq!(rooms.worker("d"), None);
    }

    #[test]
    fn a_room_is_forgotten_with_its_last_peer_unless_an_offer_is_on_its_way() {
        let rooms = Rooms::new(1);
        rooms.offer("a");
        assert!(rooms.taken("a", "t", "u"));
        rooms.offer("a");
        rooms.gone("a", "t");
        assert_eq!(rooms.worker("a"), Some(0));
        assert!(rooms.taken("a", "t", "u"));
        rooms.offer("a");
        assert!(!rooms.taken("a", "t", "u"));
        rooms.gone("a", "t");
        assert_eq!(rooms.worker("a"), None);
    }

    #[test]
    fn an_offer_that_was_not_handed_over_leaves_nothing() {
        let rooms = Rooms::new(1);
        rooms.offer("a");
        rooms.withdrawn("a");
        assert_eq!(rooms.worker("a"), None);
    }
}
