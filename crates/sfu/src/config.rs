//! What a shard is told once, at its start.

use std::net::SocketAddr;
use std::time::Duration;

/// How a packet travels. Over TCP each packet is one RFC 4571 frame; the driver adds and removes the two length octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Transport {
    /// UDP.
    Udp,
    /// ICE-TCP, the server's side being passive (RFC 6544).
    TcpPassive,
}

/// An address that is told to the clients as a host candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalCandidate {
    /// The address as clients reach it: the public one where the node is behind a 1:1 NAT.
    pub addr: SocketAddr,
    /// How it is reached.
    pub transport: Transport,
}

/// Bounds of a shard. What is over a bound is refused or dropped, never queued.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Peers of all rooms together.
    pub peers: usize,
    /// Longest SDP taken, in bytes.
    pub sdp_bytes: usize,
    /// m-lines of one peer, both directions together.
    pub media_lines: usize,
    /// Tracks one peer may publish.
    pub tracks: usize,
    /// Packets waiting for [`crate::Shard::poll_transmit`].
    pub transmits: usize,
    /// Events waiting for [`crate::Shard::poll_event`].
    pub events: usize,
    /// Answers to STUN requests of strangers, a second, all together (RFC 8489 section 2: a plain binding server).
    pub stun_per_second: u32,
    /// How long ICE may be silent, or take to connect, before the peer is closed.
    pub ice_silence: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            peers: 2_000,
            sdp_bytes: 256 * 1024,
            // An SDP of so many fits the hub's frame of 256 KiB. A plain client is offered no more than that: who wants to
            // see a larger room uses slots.
            media_lines: 110,
            tracks: 8,
            transmits: 16_384,
            events: 16_384,
            stun_per_second: 1_000,
            ice_silence: Duration::from_secs(30),
        }
    }
}

/// What a shard needs to know of its surroundings.
#[derive(Debug, Clone)]
pub struct ShardConfig {
    /// The host candidates in every answer and offer, most wanted first.
    pub candidates: Vec<LocalCandidate>,
    /// The bounds.
    pub limits: Limits,
}
