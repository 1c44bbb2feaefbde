//! The shard: all rooms of one worker thread.

mod clock;
mod commands;
mod media;
mod membership;
mod negotiation;
mod packets;
mod subscriptions;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use slotmap::SlotMap;

use crate::bucket::Bucket;
use crate::config::{ShardConfig, Transport};
use crate::demux::Demux;
use crate::egress::Sink;
use crate::event::Event;
use crate::ids::{PeerKey, RoomKey, SinkKey};
use crate::peer::{Peer, SessionMaker};
use crate::queue::Queue;
use crate::room::Room;
use crate::stats::ShardStats;
use crate::timers::Timers;
use clock::Timer;

/// A packet to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transmit {
    /// How.
    pub transport: Transport,
    /// Where to.
    pub destination: SocketAddr,
    /// The packet, without RFC 4571 length octets.
    pub contents: Vec<u8>,
}

/// All rooms of one worker thread. See the crate's documentation for how to drive it.
pub struct Shard {
    config: ShardConfig,
    sessions: SessionMaker,
    now: Instant,
    demux: Demux,
    strangers: Bucket,
    peers: SlotMap<PeerKey, Peer>,
    rooms: SlotMap<RoomKey, Room>,
    sinks: SlotMap<SinkKey, Sink>,
    by_transport: HashMap<Arc<str>, PeerKey>,
    by_room: HashMap<Arc<str>, RoomKey>,
    timers: Timers<Timer>,
    dirty: VecDeque<PeerKey>,
    /// Peers whose session panicked; ended when the present call has done its work.
    torn: Vec<PeerKey>,
    transmits: Queue<Transmit>,
    events: Queue<Event>,
    stats: ShardStats,
}

impl Shard {
    /// An empty shard.
    pub fn new(config: ShardConfig, now: Instant) -> Self {
        Self {
            sessions: SessionMaker::new(config.candidates.clone()),
            now,
            demux: Demux::default(),
            strangers: Bucket::new(config.limits.stun_per_second, now),
            peers: SlotMap::with_key(),
            rooms: SlotMap::with_key(),
            sinks: SlotMap::with_key(),
            by_transport: HashMap::new(),
            by_room: HashMap::new(),
            timers: Timers::new(),
            dirty: VecDeque::new(),
            torn: Vec::new(),
            transmits: Queue::new(config.limits.transmits),
            events: Queue::new(config.limits.events),
            stats: ShardStats::default(),
            config,
        }
    }

    /// When [`Self::handle_timeout`] is due.
    pub fn next_timeout(&self) -> Option<Instant> {
        if self.dirty.is_empty() {
            self.timers.next()
        } else {
            Some(self.now)
        }
    }

    /// The next packet to send.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        // A session is driven when what the last one sent was taken: so many as subscribe do not fill the queue.
        let transmit = loop {
            match self.transmits.pop() {
                Some(transmit) => break transmit,
                None if self.drive_next() => {}
                None => return None,
            }
        };
        self.stats.packets_out += 1;
        self.stats.bytes_out += transmit.contents.len() as u64;
        Some(transmit)
    }

    /// The next TCP address that is no peer's any more: what it was sent before is the last. At most some thousand wait.
    pub fn poll_forgotten(&mut self) -> Option<SocketAddr> {
        self.demux.poll_forgotten()
    }

    /// The next event for the hub.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.flush();
        self.events.pop()
    }

    /// The counters.
    pub fn stats(&self) -> ShardStats {
        ShardStats {
            rooms: self.rooms.len(),
            peers: self.peers.len(),
            tracks: self.rooms.values().map(|room| room.tracks.len()).sum(),
            transmits_dropped: self.transmits.dropped(),
            events_dropped: self.events.dropped(),
            ..self.stats
        }
    }

    fn advance_clock(&mut self, now: Instant) {
        self.now = self.now.max(now);
    }
}
