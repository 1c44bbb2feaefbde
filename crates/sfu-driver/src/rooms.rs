//! Which worker holds which room. A room lives wholly on one worker, from its first offer until its last peer is gone.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use sfu::RoomId;

#[derive(Debug)]
struct Room {
    worker: usize,
    /// Offers on their way to the worker.
    offers: usize,
    /// Whether the worker has a peer in it.
    is_open: bool,
}

/// The table, shared by the caller, who asks, and the workers, who tell when a room has ended. Who is in a room only the
/// worker's shard knows.
#[derive(Debug)]
pub(crate) struct Rooms {
    rooms: Mutex<HashMap<RoomId, Room>>,
    /// The peers of each worker.
    peers: Vec<AtomicUsize>,
}

impl Rooms {
    /// No rooms, for so many workers (at least one).
    pub(crate) fn new(workers: usize) -> Self {
        Rooms {
            rooms: Mutex::default(),
            peers: (0..workers).map(|_| AtomicUsize::new(0)).collect(),
        }
    }

    /// The worker for an offer in `room`: where the room is, else the one with the fewest peers. To be followed by
    /// [`Self::withdraw`] if the offer could not be handed over.
    pub(crate) fn offer(&self, room: &RoomId) -> usize {
        let mut rooms = self.lock();
        if let Some(known) = rooms.get_mut(room) {
            known.offers += 1;
            return known.worker;
        }
        let mut load: Vec<usize> = self.peers.iter().map(|peers| peers.load(Ordering::Relaxed)).collect();
        for known in rooms.values() {
            load[known.worker] += known.offers;
        }
        let worker = (0..load.len()).min_by_key(|&worker| load[worker]).unwrap_or(0);
        rooms.insert(
            room.clone(),
            Room {
                worker,
                offers: 1,
                is_open: false,
            },
        );
        worker
    }

    /// An offer was not handed over.
    pub(crate) fn withdraw(&self, room: &RoomId) {
        self.change(room, |known| known.offers = known.offers.saturating_sub(1));
    }

    /// The worker where `room` is.
    pub(crate) fn worker(&self, room: &RoomId) -> Option<usize> {
        self.lock().get(room).map(|known| known.worker)
    }

    /// The worker takes an offer from its queue. [`Self::ended`] follows if the offer opens no peer.
    pub(crate) fn take(&self, room: &RoomId) {
        self.change(room, |known| {
            known.offers = known.offers.saturating_sub(1);
            known.is_open = true;
        });
    }

    /// The room has no peer.
    pub(crate) fn ended(&self, room: &RoomId) {
        self.change(room, |known| known.is_open = false);
    }

    /// How many peers a worker has.
    pub(crate) fn set_peers(&self, worker: usize, peers: usize) {
        self.peers[worker].store(peers, Ordering::Relaxed);
    }

    /// A worker has lost all its rooms.
    pub(crate) fn reset(&self, worker: usize) {
        self.set_peers(worker, 0);
        self.lock().retain(|_, known| {
            known.is_open &= known.worker != worker;
            known.is_open || known.offers > 0
        });
    }

    fn change(&self, room: &RoomId, change: impl FnOnce(&mut Room)) {
        let mut rooms = self.lock();
        if let Some(known) = rooms.get_mut(room) {
            change(known);
            if known.offers == 0 && !known.is_open {
                rooms.remove(room);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<RoomId, Room>> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_stays_on_its_worker_and_new_ones_go_to_the_idlest() {
        let rooms = Rooms::new(2);
        assert_eq!(rooms.offer(&"a".into()), 0);
        assert_eq!(rooms.offer(&"b".into()), 1);
        assert_eq!(rooms.offer(&"b".into()), 1);
        assert_eq!(rooms.offer(&"c".into()), 0);
        assert_eq!(rooms.offer(&"a".into()), 0);
        assert_eq!(rooms.worker(&"b".into()), Some(1));
        assert_eq!(rooms.worker(&"d".into()), None);
        rooms.set_peers(1, 1);
        assert_eq!(rooms.offer(&"d".into()), 0);
        rooms.set_peers(0, 9);
        assert_eq!(rooms.offer(&"e".into()), 1);
    }

    #[test]
    fn a_room_is_forgotten_at_its_end_unless_an_offer_is_on_its_way() {
        let (rooms, a) = (Rooms::new(1), RoomId::from("a"));
        rooms.offer(&a);
        rooms.take(&a);
        rooms.offer(&a);
        rooms.ended(&a);
        assert_eq!(rooms.worker(&a), Some(0));
        rooms.take(&a);
        rooms.ended(&a);
        assert_eq!(rooms.worker(&a), None);
    }

    #[test]
    fn an_offer_that_was_not_handed_over_leaves_nothing() {
        let (rooms, a) = (Rooms::new(1), RoomId::from("a"));
        rooms.offer(&a);
        rooms.withdraw(&a);
        assert_eq!(rooms.worker(&a), None);
    }

    #[test]
    fn a_worker_that_has_lost_its_rooms_keeps_those_that_are_offered() {
        let (rooms, lost, offered) = (Rooms::new(1), RoomId::from("lost"), RoomId::from("offered"));
        rooms.offer(&lost);
        rooms.take(&lost);
        rooms.offer(&offered);
        rooms.reset(0);
        assert_eq!((rooms.worker(&lost), rooms.worker(&offered)), (None, Some(0)));
    }
}
