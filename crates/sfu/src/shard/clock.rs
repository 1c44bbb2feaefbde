//! What happens by itself when time passes.

use std::time::{Duration, Instant};

use super::Shard;
use crate::event::CloseReason;
use crate::ids::{PeerKey, RoomKey, TrackKey};
use crate::room::TICK;

/// So long an offer waits for more to go with it: many who join at once are one negotiation.
pub(super) const GATHER: Duration = Duration::from_millis(20);
/// An offer that is not answered within so long is made again: it, or its answer, may have been lost on the way.
const UNANSWERED: Duration = Duration::from_secs(10);
/// So long a client's offer that crossed one of the server's is held. A polite client answers the server's within a round
/// trip, and the time that a phone needs for many m-lines, and offers again; for any other its own has to be taken.
pub(super) const GLARE: Duration = Duration::from_secs(2);

/// What a deadline is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Timer {
    /// A session's own.
    Session(PeerKey),
    /// A peer's path or offer.
    Peer(PeerKey),
    /// The speakers of a room.
    Speakers(RoomKey),
    /// The keyframe requests for a track that were put off.
    Keyframe(RoomKey, TrackKey),
}

impl Shard {
    /// Tells that time has passed. Early or late calls do no harm.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.advance_clock(now);
        // Bounded: what is armed anew is not due before `now` has moved.
        let mut due = Vec::new();
        while let Some(timer) = self.timers.pop(self.now) {
            due.push(timer);
        }
        for timer in due {
            match timer {
                Timer::Session(peer) => self.mark_dirty(peer),
                Timer::Peer(peer) => self.check_peer(peer),
                Timer::Speakers(room) => self.order_speakers(room),
                Timer::Keyframe(room, track) => self.ask_put_off(room, track),
            }
        }
        self.end_torn();
    }

    /// Sets the timer of a peer by what it waits for.
    pub(super) fn arm_peer(&mut self, key: PeerKey) {
        let Some(peer) = self.peers.get(key) else {
            return;
        };
        let unanswered = peer.offer_sent_at().map(|sent| sent + UNANSWERED);
        let held = peer.held.as_ref().map(|held| held.until);
        let soonest = [peer.watch.deadline(), peer.offer_at, unanswered, held]
            .into_iter()
            .flatten()
            .min();
        if let Some(at) = soonest {
            self.timers.arm(at, Timer::Peer(key));
        }
    }

    fn check_peer(&mut self, key: PeerKey) {
        let now = self.now;
        let Some(peer) = self.peers.get_mut(key) else {
            return;
        };
        if peer.watch.deadline().is_some_and(|at| at <= now) {
            self.close(key, CloseReason::IceTimeout);
            return;
        }
        if peer.held.as_ref().is_some_and(|held| held.until <= now) {
            self.take_held(key);
        } else if peer.offer_sent_at().is_some_and(|sent| sent + UNANSWERED <= now) {
            self.offer_again(key);
        }
        if self
            .peers
            .get(key)
            .is_some_and(|peer| peer.offer_at.is_some_and(|at| at <= now))
        {
            self.make_offer(key);
        }
        self.arm_peer(key);
    }

    fn order_speakers(&mut self, key: RoomKey) {
        let now = self.now;
        let Some(room) = self.rooms.get_mut(key) else {
            return;
        };
        let changes = room.speakers.tick(now);
        room.stale |= changes.stage;
        if !room.speakers.is_quiet() {
            self.timers.arm(now + TICK, Timer::Speakers(key));
        }
        if changes.active {
            self.tell_speakers(key);
        }
        self.refresh(key);
    }
}
