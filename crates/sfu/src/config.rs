//! What a shard is started with.

use std::net::SocketAddr;
use std::time::Duration;

/// The transport protocol of a packet. Over TCP each packet is one RFC 4571 frame; the driver adds and removes the two length
/// octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Transport {
    /// UDP.
    Udp,
    /// TCP, with the server as the passive side (RFC 6544).
    TcpPassive,
}

/// An address that clients are told as a host candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalCandidate {
    /// The address as clients reach it: the public one where the node is behind a 1:1 NAT.
    pub addr: SocketAddr,
    /// The transport protocol.
    pub transport: Transport,
}

/// Bounds of a shard. What exceeds one is refused or dropped, never queued.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Peers of all rooms together.
    pub peers: usize,
    /// Length of an SDP in bytes.
    pub sdp_bytes: usize,
    /// m-lines of one SDP.
    pub media_lines: usize,
    /// Tracks one peer may publish.
    pub tracks: usize,
    /// Packets waiting for [`crate::Shard::send`].
    pub transmits: usize,
    /// Events waiting for [`crate::Shard::poll_event`].
    pub events: usize,
    /// What waits for [`crate::Shard::poll_tapped`].
    pub tapped: usize,
    /// Plain STUN binding requests answered each second, of all clients together (RFC 8489).
    pub stun_per_second: u32,
    /// Plain STUN binding requests answered each second for one source address, or for one IPv6 /64.
    pub stun_per_source: u32,
    /// ICE connectivity checks verified each second for one source address, or for one IPv6 /64. Many clients may be behind one
    /// address, each with some checks a second.
    pub checks_per_source: u32,
    /// Offers of one user that are read each second, twice as many at once; and answers that are wrong. A client that shares a
    /// screen while others come makes one or two.
    pub offers_per_user: u32,
    /// What one track may bring in, in kbit/s. Packets are bounded too, as if each had 400 bytes.
    pub track_kilobits: u32,
    /// The same for all that one peer sends, retransmissions and feedback included.
    pub peer_kilobits: u32,
    /// The same for all tracks of one room.
    pub room_kilobits: u32,
    /// How long ICE may be silent, or may take to connect, before the peer is closed.
    pub ice_silence: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            peers: 2_000,
            sdp_bytes: 256 * 1024,
            // An SDP of so many fits into a frame of 256 KiB. A plain client is offered no more than that; one that is to see
            // a larger room uses slots.
            media_lines: 110,
            tracks: 8,
            transmits: 16_384,
            events: 16_384,
            tapped: 4_096,
            stun_per_second: 1_000,
            stun_per_source: 50,
            checks_per_source: 1_000,
            offers_per_user: 2,
            // A screen in 4K takes 20 Mbit/s at most.
            track_kilobits: 40_000,
            peer_kilobits: 80_000,
            // What a network interface takes.
            room_kilobits: 1_000_000,
            ice_silence: Duration::from_secs(30),
        }
    }
}

/// What a shard needs to know.
#[derive(Debug, Clone)]
pub struct ShardConfig {
    /// The host candidates in every answer and offer, most preferred first.
    pub candidates: Vec<LocalCandidate>,
    /// The bounds.
    pub limits: Limits,
}
