//! What is forwarded to whom: rooms, tracks, subscriptions, speakers and slots. It knows peers by their keys only; what it
//! wants of them it gives as outcomes.

mod allocation;
mod assignment;
mod bandwidth;
mod beginning;
#[cfg(test)]
mod crowd;
mod dynacast;
mod encoding;
mod forwarding;
mod holes;
mod inflow;
mod keyframes;
mod ladder;
mod layers;
mod open_track;
mod outgoing_stream;
mod publishing;
mod rates;
mod recorded;
mod recording;
mod room;
mod selecting;
mod selection;
#[cfg(test)]
mod simulation;
mod slots;
mod speakers;
mod subscription;
#[cfg(test)]
mod switches;
mod tap;
mod tape;
#[cfg(test)]
mod tests;
mod thinning;
mod track;

use std::collections::{HashMap, VecDeque};
use std::time::Instant;

use slotmap::{SecondaryMap, SlotMap};
use str0m::media::Mid;

pub(crate) use bandwidth::Allotment;
pub(crate) use forwarding::Delivery;
pub(crate) use keyframes::KeyframeRequest;
pub(crate) use outgoing_stream::Prepared;
pub(crate) use subscription::PeerLine;
pub(crate) use track::Published;

use crate::bucket::Bucket;
use crate::budget::Budget;
use crate::config::Limits;
use crate::ids::{PeerKey, RoomId, RoomKey, SubscriptionKey, TrackKey, UserId};
use crate::rtp::SenderClock;
use crate::timers::Timers;
use bandwidth::{Bandwidth, BandwidthStats};
use beginning::A_SECOND;
use inflow::Inflow;
use recorded::Recorded;
use recording::Stopped;
use room::{Life, Room};
use selection::EncodingIndex;
use speakers::TICK;
use subscription::Subscription;
use tape::Tape;

/// A peer as a member of a room.
struct Member {
    room: RoomKey,
    user: UserId,
    /// The user's name, for people.
    name: String,
    /// What it publishes.
    published: Vec<(Mid, TrackKey)>,
    /// What it is sent, in the order of its m-lines.
    subscriptions: Vec<(Mid, SubscriptionKey)>,
    /// Tracks whose m-line it declined. Not offered again before its own next offer.
    refused: Vec<TrackKey>,
    /// What it was last told to be in its slots.
    told: Vec<(Mid, Option<TrackKey>)>,
    /// It was told which of its layers are wanted.
    is_told_layers: bool,
    /// What is known of it where it is recorded.
    recorded: Option<Recorded>,
    /// Its clock, as its sender reports tell it.
    clock: SenderClock,
    /// The videos that it wants, the most wanted first. Empty: those of the room, in the room's order.
    videos: Vec<TrackKey>,
    /// How much it can be sent, where its line has shown a limit.
    bandwidth: Option<Bandwidth>,
    /// Bounds the bytes of what was kept that it is sent.
    catches_up: Bucket,
}

impl Member {
    /// What it is sent on an m-line.
    fn subscription(&self, mid: Mid) -> Option<SubscriptionKey> {
        let (_, key) = self.subscriptions.iter().find(|(line, _)| *line == mid)?;
        Some(*key)
    }
}

/// What a deadline is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Due {
    /// The speakers of a room are put in order.
    Speakers(RoomKey),
    /// A keyframe request that was put off.
    Keyframe(RoomKey, TrackKey, EncodingIndex),
    /// A layer of a track may not be wanted any more.
    Demand(RoomKey, TrackKey),
    /// What a peer can be sent is divided anew.
    Allotment(PeerKey),
    /// What came into a room is told.
    Inflow(RoomKey),
}

/// The speakers of a room were looked at.
pub(crate) struct SpeakersUpdate {
    /// The room: it may be stale now.
    pub(crate) room: RoomKey,
    /// Who speaks now, if that has changed.
    pub(crate) active: Option<(RoomId, Vec<UserId>)>,
}

/// See the module.
pub(crate) struct Router {
    rooms: SlotMap<RoomKey, Room>,
    by_id: HashMap<RoomId, RoomKey>,
    members: SecondaryMap<PeerKey, Member>,
    subscriptions: SlotMap<SubscriptionKey, Subscription>,
    timers: Timers<Due>,
    requests: Vec<KeyframeRequest>,
    /// Subscriptions that begin with what was kept.
    beginning: Vec<(RoomKey, SubscriptionKey)>,
    /// Tracks whose layers may be wanted otherwise than before.
    stale_demands: Vec<(RoomKey, TrackKey)>,
    /// Publishers that do not know which of their layers are wanted.
    untold_layers: Vec<PeerKey>,
    allotments: VecDeque<Allotment>,
    /// What came into rooms, to be told.
    inflows: Vec<(RoomId, u32)>,
    limited: BandwidthStats,
    tape: Tape,
    stopped: Stopped,
    /// In all rooms: it is asked for often.
    track_count: usize,
    track_kilobits: u32,
    room_kilobits: u32,
}

impl Router {
    /// A router without rooms.
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            rooms: SlotMap::with_key(),
            by_id: HashMap::new(),
            members: SecondaryMap::new(),
            subscriptions: SlotMap::with_key(),
            timers: Timers::new(),
            requests: Vec::new(),
            beginning: Vec::new(),
            stale_demands: Vec::new(),
            untold_layers: Vec::new(),
            allotments: VecDeque::new(),
            inflows: Vec::new(),
            limited: BandwidthStats::default(),
            tape: Tape::new(limits.tapped),
            stopped: Stopped::default(),
            track_count: 0,
            track_kilobits: limits.track_kilobits,
            room_kilobits: limits.room_kilobits,
        }
    }

    /// How many rooms there are.
    pub(crate) fn room_count(&self) -> usize {
        self.rooms.len()
    }

    /// How many tracks are published.
    pub(crate) fn track_count(&self) -> usize {
        self.track_count
    }

    /// All rooms.
    pub(crate) fn rooms(&self) -> Vec<RoomId> {
        self.by_id.keys().cloned().collect()
    }

    /// All rooms, with the packets that were forwarded in each.
    pub(crate) fn weights(&self) -> impl Iterator<Item = (&RoomId, u64)> {
        self.rooms.values().map(|room| (&room.id, room.forwarded))
    }

    /// Takes a peer into a room, which begins with its first one.
    pub(crate) fn join(&mut self, now: Instant, peer: PeerKey, room: &RoomId, user: UserId, name: String) {
        let key = match self.by_id.get(room) {
            Some(key) => *key,
            None => {
                let inflow = Inflow::new(Budget::new(self.room_kilobits, now));
                let key = self.rooms.insert(Room::new(room.clone(), inflow));
                self.by_id.insert(room.clone(), key);
                key
            }
        };
        self.rooms[key].peers.push(peer);
        self.members.insert(
            peer,
            Member {
                room: key,
                user,
                name,
                published: Vec::new(),
                subscriptions: Vec::new(),
                refused: Vec::new(),
                told: Vec::new(),
                is_told_layers: false,
                recorded: None,
                clock: SenderClock::default(),
                videos: Vec::new(),
                bandwidth: None,
                catches_up: Bucket::new(A_SECOND, now),
            },
        );
    }

    /// Takes a peer out of its room with all that it publishes and is sent. A room ends with its last peer. Gives the room if
    /// it goes on.
    pub(crate) fn leave(&mut self, now: Instant, peer: PeerKey) -> Option<RoomKey> {
        let key = self.members.get(peer)?.room;
        self.record_no_more(now, peer);
        self.forget_bandwidth(peer);
        // Nobody is left to miss a track of a room that ends.
        if self.rooms[key].life != Life::Ending {
            for (_, track) in std::mem::take(&mut self.members[peer].published) {
                self.unpublish(now, key, track);
            }
        }
        for (_, subscription) in std::mem::take(&mut self.members[peer].subscriptions) {
            self.unsubscribe(key, subscription);
        }
        self.members.remove(peer);
        let room = &mut self.rooms[key];
        room.peers.retain(|other| *other != peer);
        if !room.peers.is_empty() {
            return Some(key);
        }
        let room = self.rooms.remove(key)?;
        self.track_count -= room.tracks.len();
        self.by_id.remove(&room.id);
        self.timers.disarm(Due::Speakers(key));
        self.timers.disarm(Due::Inflow(key));
        None
    }

    /// Begins to end a room: nobody in it is sent anything any more. Gives its peers, to be closed.
    pub(crate) fn end(&mut self, room: &RoomId) -> Vec<PeerKey> {
        let room = self.by_id.get(room).and_then(|key| self.rooms.get_mut(*key));
        room.map_or_else(Vec::new, |room| {
            room.life = Life::Ending;
            room.peers.clone()
        })
    }

    /// The room of a peer.
    pub(crate) fn room_of(&self, peer: PeerKey) -> Option<RoomKey> {
        self.members.get(peer).map(|member| member.room)
    }

    /// The peers of a room whose assignments have to be looked at again, once after each change.
    pub(crate) fn take_stale(&mut self, room: RoomKey) -> Vec<PeerKey> {
        match self.rooms.get_mut(room) {
            Some(room) if room.life == Life::Stale => {
                room.life = Life::Settled;
                room.order_videos();
                room.peers.clone()
            }
            _ => Vec::new(),
        }
    }

    /// When [`Self::handle_timeout`] is due.
    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// Does what is due.
    pub(crate) fn handle_timeout(&mut self, now: Instant) -> Vec<SpeakersUpdate> {
        let mut updates = Vec::new();
        // Bounded: what is armed anew is not due before `now` has moved.
        let due: Vec<Due> = std::iter::from_fn(|| self.timers.pop(now)).collect();
        for due in due {
            match due {
                Due::Speakers(room) => updates.extend(self.order_speakers(now, room)),
                Due::Keyframe(room, track, layer) => self.request_put_off(now, room, track, layer),
                Due::Demand(room, track) => self.set_demand_stale(room, track),
                Due::Allotment(peer) => self.allot(now, peer),
                Due::Inflow(room) => self.measure(now, room),
            }
        }
        updates
    }

    fn order_speakers(&mut self, now: Instant, key: RoomKey) -> Option<SpeakersUpdate> {
        let room = self.rooms.get_mut(key)?;
        let changes = room.speakers.tick(now);
        if changes.stage {
            room.set_stale();
        }
        if !room.speakers.is_quiet() {
            self.timers.arm(now + TICK, Due::Speakers(key));
        }
        let active = changes
            .active
            .then(|| (room.id.clone(), room.active_speakers(|_| true)));
        self.tell_speakers(now, key);
        Some(SpeakersUpdate { room: key, active })
    }
}
