//! Peers come and go, and what they are sent follows.

use std::time::Instant;

use str0m::media::Mid;

use super::Shard;
use super::clock::Timer;
use crate::budget::Budget;
use crate::event::{Body, CloseReason, Event, Recipient, TransportState, WantedLayers};
use crate::ids::{PeerId, PeerKey, RoomKey};
use crate::peer::{ClientOffer, Mode, Peer, PeerDue};

impl Shard {
    /// Opens a peer, which joins its room.
    pub(super) fn open(&mut self, id: PeerId, offer: &ClientOffer) -> PeerKey {
        let (room, user, now) = (id.room.clone(), id.user.clone(), self.clock.now());
        let silence = self.config.limits.ice_silence;
        let budget = Budget::new(self.config.limits.peer_kilobits, now);
        let peer = Peer::new(id, offer.mode, &self.sessions, silence, now);
        let key = self.peers.insert(peer, budget);
        self.router.join(now, key, &room, user, offer.name.clone());
        self.arm(key);
        key
    }

    /// Closes a peer. Its last packets tell the client, its last event tells the hub why.
    pub(super) fn close(&mut self, key: PeerKey, reason: CloseReason) {
        let Some(peer) = self.take_out(key, reason != CloseReason::Fault) else {
            return;
        };
        self.events.push_always(Event {
            to: Recipient::Peer(peer.id().clone()),
            body: Body::TransportState(TransportState::Closed(reason)),
        });
        self.leave(key);
    }

    fn leave(&mut self, key: PeerKey) {
        if let Some(room) = self.router.leave(self.clock.now(), key) {
            self.refresh(room);
        }
    }

    /// Puts a new peer in the place of one whose client has made a new connection. The hub is told nothing, and what the
    /// client said and wants still holds.
    pub(super) fn replace(&mut self, key: PeerKey, offer: &ClientOffer) -> Option<PeerKey> {
        // In this order the room does not end in between, and no key is used again before the router has let go of it.
        let new = self.open(self.peers.get(key)?.id().clone(), offer);
        let old = self.take_out(key, true)?;
        self.router.inherit_recording(self.clock.now(), key, new);
        self.router.leave(self.clock.now(), key);
        self.peers.get_mut(new)?.inherit(old);
        Some(new)
    }

    /// A peer whose first offer was refused was never open.
    pub(super) fn forget_unopened(&mut self, key: PeerKey) {
        if self.take_out(key, false).is_some() {
            self.leave(key);
        }
    }

    /// Takes a peer out of everything but its room.
    fn take_out(&mut self, key: PeerKey, tells_client: bool) -> Option<Peer> {
        let mut peer = self.peers.remove(key)?;
        if tells_client {
            peer.close();
            for last in peer.last_transmits(self.clock.now()) {
                self.transmit(last);
            }
        }
        self.demux.forget(key);
        self.clock.forget(key);
        Some(peer)
    }

    /// Sets the timer of a peer.
    pub(super) fn arm(&mut self, key: PeerKey) {
        let Some(peer) = self.peers.get(key) else {
            return;
        };
        // Where packets may leave already, the peer is in line to be driven.
        let leave_at = peer.leave_at().filter(|at| *at > self.clock.now());
        let patient = self.clock.patiently(peer.patient_deadline());
        let soonest = peer.deadline().into_iter().chain(leave_at).fold(patient, Instant::min);
        self.clock.arm(soonest, Timer::Peer(key));
    }

    pub(super) fn peer_due(&mut self, key: PeerKey) {
        let now = self.clock.now();
        while let Some(due) = self.peers.get(key).and_then(|peer| peer.due(now)) {
            match due {
                PeerDue::Close(reason) => return self.close(key, reason),
                PeerDue::CheckPaths => self.check_paths(key),
                PeerDue::ReadNext => self.go_on_reading(key),
                PeerDue::TakeHeldOffer => self.take_held(key),
                PeerDue::Report => self.report(key),
                PeerDue::GoOn => self.go_on(key),
                PeerDue::RepeatOffer => self.repeat_offer(key),
                PeerDue::MakeOffer => self.make_offer(key),
            }
        }
        if self.peers.get(key).and_then(Peer::leave_at).is_some_and(|at| at <= now) {
            self.peers.line_up(key);
        }
        self.arm(key);
    }

    /// Changes what a user has muted, or may not publish.
    pub(super) fn pause(&mut self, key: PeerKey, change: impl FnOnce(&mut Peer)) {
        let now = self.clock.now();
        if let Some(peer) = self.peers.get_mut(key) {
            change(peer);
            self.router.pause(now, key, peer.pauses());
        }
        if let Some(room) = self.router.room_of(key) {
            self.refresh(room);
        }
    }

    /// Looks again at what everyone in a room is sent, if something has changed.
    pub(super) fn refresh(&mut self, room: RoomKey) {
        for key in self.router.take_stale(room) {
            match self.peers.get(key).map(Peer::mode) {
                Some(Mode::Slots) => self.refill_slots(key),
                Some(Mode::Plain) => self.plan_offer(key),
                None => {}
            }
        }
    }

    /// Fills a client's slots anew, and tells it if something has changed.
    pub(super) fn refill_slots(&mut self, key: PeerKey) {
        let now = self.clock.now();
        let Some(peer) = self.peers.get(key).filter(|peer| peer.mode() == Mode::Slots) else {
            return;
        };
        self.router.fill_slots(now, key, &peer.lines(), peer.view());
        self.tell_slots(key);
    }

    /// Tells a client what is in its slots, if it was told otherwise before.
    pub(super) fn tell_slots(&mut self, key: PeerKey) {
        let has_slots = |peer: &&Peer| peer.mode() == Mode::Slots && peer.has_negotiated();
        let Some(peer) = self.peers.get(key).filter(has_slots) else {
            return;
        };
        if let Some(mut slots) = self.router.tell_slots(key, &peer.lines()) {
            for slot in &mut slots {
                slot.mid = peer.mid(Mid::from(&*slot.mid));
            }
            self.tell(key, Body::Slots(slots));
        }
    }

    /// Tells a client which layers of its videos are wanted.
    pub(super) fn tell_layers(&mut self, key: PeerKey, mut videos: Vec<WantedLayers>) {
        if let Some(peer) = self.peers.get(key) {
            for video in &mut videos {
                video.mid = peer.mid(Mid::from(&*video.mid));
            }
            self.tell(key, Body::LayersWanted(videos));
        }
    }

    /// Plans an offer to a plain client that is sent too little or too much.
    pub(super) fn plan_offer(&mut self, key: PeerKey) {
        let now = self.clock.now();
        let Some(peer) = self.peers.get_mut(key).filter(|peer| peer.can_plan_offer()) else {
            return;
        };
        if self.router.needs_offer(key, &peer.lines()) {
            peer.plan_offer(now);
            self.arm(key);
        }
    }
}
