//! The peers of a shard: found by transport, driven in turn, and closed by themselves where their session panics, or what reads their packets.

use std::collections::{HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use slotmap::SlotMap;

use crate::budget::{Budget, Verdict};
use crate::command::{Refusal, RefusalCode};
use crate::ids::{PeerId, PeerKey, TransportId};
use crate::peer::{Fault, OutletKey, Peer, Room};
use crate::router::{Delivery, PeerLine, Prepared};
use crate::rtp::{Incoming, Outgoing};

struct Entry {
    /// Apart, since it has some ten kilobytes: the table makes room for twice as many when it is full.
    peer: Box<Peer>,
    /// Whether it is in [`Peers::waiting`].
    is_waiting: bool,
    /// Whether its session has something to do, too.
    wakes_session: bool,
    /// For all that it sends.
    budget: Budget,
}

/// See the module.
#[derive(Default)]
pub(super) struct Peers {
    entries: SlotMap<PeerKey, Entry>,
    by_transport: HashMap<TransportId, PeerKey>,
    /// Peers to be driven: something was written.
    waiting: VecDeque<PeerKey>,
    /// Peers whose session has panicked, to be closed.
    faulty: Vec<PeerKey>,
}

impl Peers {
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn get(&self, key: PeerKey) -> Option<&Peer> {
        self.entries.get(key).map(|entry| &*entry.peer)
    }

    pub(super) fn get_mut(&mut self, key: PeerKey) -> Option<&mut Peer> {
        self.entries.get_mut(key).map(|entry| &mut *entry.peer)
    }

    /// Takes a packet out of a peer's budget.
    pub(super) fn spend(&mut self, now: Instant, key: PeerKey, bytes: usize) -> Verdict {
        let entry = self.entries.get_mut(key);
        entry.map_or(Verdict::Over, |entry| entry.budget.take(now, bytes))
    }

    /// The peer of a transport.
    pub(super) fn by_transport(&self, transport: &TransportId) -> Option<PeerKey> {
        self.by_transport.get(transport).copied()
    }

    /// The peer of a transport that has to be open.
    ///
    /// # Errors
    /// [`RefusalCode::NotFound`]
    pub(super) fn find(&self, transport: &TransportId) -> Result<PeerKey, Refusal> {
        self.by_transport(transport).ok_or_else(|| Refusal {
            to: None,
            code: RefusalCode::NotFound,
            message: "this transport is not open: send an offer first".into(),
        })
    }

    /// Whose peers these are.
    pub(super) fn ids(&self) -> impl Iterator<Item = &PeerId> {
        self.entries.values().map(|entry| entry.peer.id())
    }

    pub(super) fn insert(&mut self, peer: Peer, budget: Budget) -> PeerKey {
        let transport = peer.id().transport.clone();
        let key = self.entries.insert(Entry {
            peer: Box::new(peer),
            is_waiting: false,
            wakes_session: false,
            budget,
        });
        self.by_transport.insert(transport, key);
        key
    }

    pub(super) fn remove(&mut self, key: PeerKey) -> Option<Peer> {
        let peer = *self.entries.remove(key)?.peer;
        let transport = &peer.id().transport;
        // It may be a newer peer's by now.
        if self.by_transport.get(transport) == Some(&key) {
            self.by_transport.remove(transport);
        }
        Some(peer)
    }

    /// Does something with a peer. After a fault it is closed by itself, when the present call has done its work.
    pub(super) fn enter<T>(&mut self, key: PeerKey, act: impl FnOnce(&mut Peer) -> Result<T, Fault>) -> Option<T> {
        let entered = act(self.get_mut(key)?);
        if entered.is_err() {
            self.faulty.push(key);
        }
        entered.ok()
    }

    /// Does something with a peer by what its client has sent. Should it panic at that, the peer is closed by itself, when the
    /// present call has done its work, and nobody else notices.
    pub(super) fn confine<T>(&mut self, key: PeerKey, act: impl FnOnce(&mut Peer) -> T) -> Option<T> {
        let peer = self.get_mut(key)?;
        // A peer that panicked may be inconsistent: it is only closed. `act` leaves nothing else half done.
        let done = catch_unwind(AssertUnwindSafe(|| act(peer)));
        if done.is_err() {
            self.faulty.push(key);
        }
        done.ok()
    }

    /// A session has panicked.
    pub(super) fn set_faulty(&mut self, key: PeerKey) {
        self.faulty.push(key);
    }

    /// The next peer to be closed because its session has panicked.
    pub(super) fn pop_faulty(&mut self) -> Option<PeerKey> {
        self.faulty.pop()
    }

    /// Puts a peer last in line to be driven, with its session.
    pub(super) fn wake(&mut self, key: PeerKey) {
        if let Some(entry) = self.entries.get_mut(key) {
            entry.wakes_session = true;
            self.line_up(key);
        }
    }

    /// Puts a peer last in line to be driven.
    pub(super) fn line_up(&mut self, key: PeerKey) {
        if let Some(entry) = self.entries.get_mut(key)
            && !std::mem::replace(&mut entry.is_waiting, true)
        {
            self.waiting.push_back(key);
        }
    }

    /// Whether a peer waits to be driven.
    pub(super) fn has_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Drives the peer that has waited longest. Gives also whether its session has gone on. `None`: none waits.
    pub(super) fn drive_next(&mut self, now: Instant) -> Option<(PeerKey, bool)> {
        let key = self.waiting.pop_front()?;
        let entry = self.entries.get_mut(key);
        let wakes_session = entry.is_some_and(|entry| {
            entry.is_waiting = false;
            std::mem::take(&mut entry.wakes_session)
        });
        let has_advanced = wakes_session && self.enter(key, |peer| peer.advance(now)).is_some();
        Some((key, has_advanced))
    }

    /// Brings a packet to an m-line once more.
    pub(super) fn deliver_again(&mut self, key: PeerKey, outlet: OutletKey, outgoing: Outgoing) {
        if let Some(entry) = self.entries.get_mut(key) {
            entry.peer.write_again(outlet, outgoing);
            self.line_up(key);
        }
    }

    /// Brings a packet to an m-line.
    pub(super) fn deliver(&mut self, now: Instant, line: &mut PeerLine, incoming: &Arc<Incoming>) -> Delivery {
        let Some(entry) = self.entries.get_mut(line.peer) else {
            return Delivery::Dropped;
        };
        let peer = &mut entry.peer;
        if !peer.carries_media() {
            return Delivery::Dropped;
        }
        let is_video = incoming.params.spec().codec.is_video();
        if is_video && line.stream.changes_with(incoming) {
            // What waits of the source or size before would only delay this one.
            let next = line.outlet.and_then(|outlet| peer.drop_waiting(outlet));
            next.into_iter().for_each(|next| line.stream.rewind(next));
        }
        let has_no_room = is_video
            && match peer.room() {
                Room::Free => false,
                Room::Begun => line.stream.begins_picture(incoming),
                Room::Full => true,
            };
        if has_no_room {
            // What is left out now is not missed: the next keyframe for which there is room goes on with the numbers.
            line.stream.interrupt();
            return Delivery::Dropped;
        }
        let payload = || peer.payload_for(line.mid, &incoming.params);
        let write = match line.stream.prepare(now, incoming, payload) {
            Prepared::Write(write) => write,
            Prepared::NeedsKeyframe => return Delivery::NeedsKeyframe,
            Prepared::NoCommonCodec => return Delivery::NoCommonCodec,
            Prepared::Drop => return Delivery::Dropped,
        };
        let written = peer.write(line.mid, &mut line.outlet, write);
        if !std::mem::replace(&mut entry.is_waiting, true) {
            self.waiting.push_back(line.peer);
        }
        match written {
            Ok(true) => Delivery::Written,
            Ok(false) => Delivery::Dropped,
            Err(Fault) => {
                self.faulty.push(line.peer);
                Delivery::Dropped
            }
        }
    }
}
