//! The shard: all rooms of one worker thread.

use std::net::SocketAddr;
use std::time::Instant;

use crate::{Command, Event, ShardConfig, ShardStats, Transport};

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
    stats: ShardStats,
}

impl Shard {
    /// An empty shard.
    pub fn new(_config: ShardConfig, _now: Instant) -> Self {
        Self {
            stats: ShardStats::default(),
        }
    }

    /// Does what the hub asks.
    pub fn command(&mut self, _now: Instant, _command: Command) {}

    /// Takes one packet that arrived from the network.
    pub fn receive(&mut self, _now: Instant, _transport: Transport, _source: SocketAddr, _packet: &[u8]) {}

    /// When [`Self::handle_timeout`] is due.
    pub fn next_timeout(&self) -> Option<Instant> {
        None
    }

    /// Tells that time has passed. Early or late calls do no harm.
    pub fn handle_timeout(&mut self, _now: Instant) {}

    /// The next packet to send.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        None
    }

    /// The next event for the hub.
    pub fn poll_event(&mut self) -> Option<Event> {
        None
    }

    /// The counters.
    pub fn stats(&self) -> ShardStats {
        self.stats
    }
}
