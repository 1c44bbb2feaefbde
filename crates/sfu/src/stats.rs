//! Counters of a shard.

/// Counters since the start, and gauges. Cheap to copy.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ShardStats {
    /// Rooms now.
    pub rooms: usize,
    /// Peers now.
    pub peers: usize,
    /// Published tracks now.
    pub tracks: usize,
    /// Peers now whose line has shown a limit.
    pub peers_limited: usize,
    /// What those can be sent, together, in kbit/s.
    pub limited_kilobits: u64,
    /// Videos now that a peer is not sent, since they do not fit through its line.
    pub videos_paused: usize,
    /// Packets received.
    pub packets_in: u64,
    /// Their bytes.
    pub bytes_in: u64,
    /// Packets sent.
    pub packets_out: u64,
    /// Their bytes.
    pub bytes_out: u64,
    /// RTP packets received from publishers.
    pub rtp_in: u64,
    /// RTP packets received that were too long to be forwarded.
    pub rtp_oversized: u64,
    /// Packets dropped because their track, their peer or their room sent more than it may.
    pub media_limited: u64,
    /// RTP packets written to subscribers, without retransmissions.
    pub rtp_forwarded: u64,
    /// RTP packets told to recordings.
    pub rtp_tapped: u64,
    /// RTP packets left out of recordings because too much waited for [`crate::Shard::poll_tapped`].
    pub taps_dropped: u64,
    /// RTP packets left out of recordings because their peer has changed its SSRCs or formats too often.
    pub taps_refused: u64,
    /// Packets dropped because they were not STUN, DTLS, RTP or RTCP, were truncated, or were for no peer.
    pub packets_unknown: u64,
    /// Packets dropped because the transmit queue was full.
    pub transmits_dropped: u64,
    /// Events dropped because the event queue was full.
    pub events_dropped: u64,
    /// Plain STUN binding requests answered.
    pub stun_answered: u64,
    /// Plain STUN binding requests and ICE checks not answered, because there were too many in a second.
    pub stun_limited: u64,
    /// Keyframe requests sent to publishers.
    pub keyframe_requests: u64,
    /// Peers closed because their session panicked.
    pub faults: u64,
}
