//! What a recording hears of a room, in order. A shard gives it out by [`crate::Shard::poll_tapped`]; whoever drives the
//! shard writes it down.

use std::time::Instant;

use str0m::media::MediaKind;

use crate::command::Source;
use crate::ids::{RecordingId, RoomId, UserId};

/// One thing that a recording hears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tapped {
    /// The room.
    pub room: RoomId,
    /// The recording.
    pub recording: RecordingId,
    /// When it happened, or arrived.
    pub at: Instant,
    /// What.
    pub what: Heard,
}

/// A peer in a recording: unique in a shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TapPeer(pub u32);

/// A track in a recording: unique in a shard. It has one SSRC and one codec from its beginning to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TapTrack(pub u32);

/// See [`Tapped`]. The first of a recording is [`Heard::Joined`], the last [`Heard::Stopped`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// A peer is recorded from now on.
    Joined {
        /// The peer.
        peer: TapPeer,
        /// Its user.
        user: UserId,
        /// The user's name, for people.
        name: String,
    },
    /// The user of a peer has another name.
    Renamed {
        /// The peer.
        peer: TapPeer,
        /// The name.
        name: String,
    },
    /// A peer is gone, or not recorded any more. Its tracks have ended.
    Left {
        /// The peer.
        peer: TapPeer,
    },
    /// A track begins: its first packet follows. While one of an m-line is sent, the one before it on the same m-line may
    /// still be open, for packets that come late.
    Began {
        /// The track.
        track: TapTrack,
        /// Whose it is.
        peer: TapPeer,
        /// What it carries.
        source: Source,
        /// The format of its packets.
        format: TapFormat,
    },
    /// A packet of a track.
    Packet {
        /// The track.
        track: TapTrack,
        /// The RTP packet, decrypted, with the extensions of [`AUDIO_LEVEL`] and [`VIDEO_ORIENTATION`] only (RFC 8285
        /// one-byte headers).
        packet: Vec<u8>,
    },
    /// A sender report of the publisher (RFC 3550 section 6.4.1), told before the packet that follows it.
    Report {
        /// The track.
        track: TapTrack,
        /// The NTP timestamp: seconds since 1900 in the upper half, fractions in the lower, right to a microsecond.
        ntp: u64,
        /// The RTP timestamp of the same moment.
        rtp: u32,
    },
    /// The user muted it.
    Paused {
        /// The track.
        track: TapTrack,
    },
    /// The user unmuted it.
    Resumed {
        /// The track.
        track: TapTrack,
    },
    /// Nothing more comes of a track.
    Ended {
        /// The track.
        track: TapTrack,
    },
    /// So many packets of a track were left out, since nobody took them in time.
    Gap {
        /// The track.
        track: TapTrack,
        /// How many.
        lost: u32,
    },
    /// Who speaks now, loudest first: of those who are recorded.
    Speakers(Vec<UserId>),
    /// Nothing more comes in this recording.
    Stopped(StopReason),
}

/// Why a recording stopped in a shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// By [`crate::Command::StopRecording`], or since another recording has begun in its room.
    Command,
    /// The last peer that was recorded is gone, or not recorded any more. The recording may begin anew.
    Empty,
}

/// What the packets of a track are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TapFormat {
    /// Audio or video.
    pub kind: MediaKind,
    /// The encoding name of `a=rtpmap`: `opus`, `VP8`, `VP9`, `H264`, `AV1`.
    pub codec: &'static str,
    /// The RTP clock rate, in Hz.
    pub clock_rate: u32,
    /// Of audio: its channels as negotiated.
    pub channels: Option<u8>,
    /// `a=fmtp` without the payload type; empty if there is none.
    pub fmtp: String,
    /// The SSRC.
    pub ssrc: u32,
}

/// The id under which a tapped packet carries the audio level (RFC 6464, `urn:ietf:params:rtp-hdrext:ssrc-audio-level`).
pub const AUDIO_LEVEL: u8 = 1;
/// The id under which a tapped packet carries the video orientation (`urn:3gpp:video-orientation`).
pub const VIDEO_ORIENTATION: u8 = 2;
