//! One part of a recording as a value: what was heard goes in, what is to be written comes out.

use std::collections::HashMap;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use sfu::{Heard, MediaKind, RecordingId, RoomId, Source, TapFormat, TapPeer, TapTrack};

use super::line::{EndReason, Line, VERSION};
use super::{mjr, names};

/// What is to be written.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Op {
    /// Append to `part.jsonl`.
    Line(Vec<u8>),
    /// Begin the file of a track.
    Create {
        /// The track.
        track: TapTrack,
        /// The name of its file.
        name: String,
        /// What it begins with.
        header: Vec<u8>,
    },
    /// Append a packet to the file of a track.
    Packet {
        /// The track.
        track: TapTrack,
        /// When it came, since the first of the track.
        ms: u32,
        /// The RTP packet.
        packet: Vec<u8>,
    },
    /// Nothing more comes in the file of a track.
    Close(TapTrack),
}

/// The beginning of a part, on both clocks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Beginning {
    /// `at` 0.
    pub(crate) at: Instant,
    /// The same moment, in microseconds since 1970.
    pub(crate) wall: u64,
}

impl Beginning {
    /// The part begins with something that happened at `at`; it is `now` on one clock and `wall` on the other.
    pub(crate) fn new(at: Instant, now: Instant, wall: SystemTime) -> Self {
        let wall = wall.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        Beginning {
            at,
            wall: micros(wall.saturating_sub(now.saturating_duration_since(at))),
        }
    }

    fn since(self, at: Instant) -> u64 {
        micros(at.saturating_duration_since(self.at))
    }
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Part {
    beginning: Beginning,
    /// When the first packet of each track came.
    tracks: HashMap<TapTrack, Instant>,
}

impl Part {
    pub(crate) fn new(beginning: Beginning) -> Self {
        Part {
            beginning,
            tracks: HashMap::new(),
        }
    }

    /// The first line.
    pub(crate) fn first_line(&self, recording: &RecordingId, room: &RoomId, node: &str) -> Vec<u8> {
        let line = Line::Part {
            at: 0,
            version: VERSION,
            recording: recording.as_str(),
            room: room.as_str(),
            node,
            wall: self.beginning.wall,
        };
        line.to_bytes()
    }

    /// The last line.
    pub(crate) fn last_line(&self, at: Instant, reason: EndReason) -> Vec<u8> {
        let at = self.beginning.since(at);
        let reason = reason.as_str();
        Line::End { at, reason }.to_bytes()
    }

    /// Something was heard: adds what is to be written for it to `ops`. [`Heard::Stopped`] adds nothing, see
    /// [`Self::last_line`].
    pub(crate) fn hear(&mut self, at: Instant, what: Heard, ops: &mut Vec<Op>) {
        match what {
            Heard::Packet { track, packet } => ops.extend(self.packet(at, track, packet)),
            Heard::Began {
                track,
                peer,
                source,
                format,
            } => self.begin(at, track, peer, source, &format, ops),
            Heard::Ended { track } => {
                self.tracks.remove(&track);
                let at = self.beginning.since(at);
                ops.push(Op::Line(Line::Ended { at, track: track.0 }.to_bytes()));
                ops.push(Op::Close(track));
            }
            Heard::Stopped(_) => {}
            what => ops.extend(line(self.beginning.since(at), &what).map(|line| Op::Line(line.to_bytes()))),
        }
    }

    fn packet(&self, at: Instant, track: TapTrack, packet: Vec<u8>) -> Option<Op> {
        let first = *self.tracks.get(&track)?;
        if !mjr::PACKET_BYTES.contains(&packet.len()) {
            return None; // no RTP packet
        }
        let ms = u32::try_from(at.saturating_duration_since(first).as_millis()).unwrap_or(u32::MAX);
        Some(Op::Packet { track, ms, packet })
    }

    fn begin(
        &mut self,
        at: Instant,
        track: TapTrack,
        peer: TapPeer,
        source: Source,
        format: &TapFormat,
        ops: &mut Vec<Op>,
    ) {
        self.tracks.insert(track, at);
        let name = names::track(track, source);
        let at = self.beginning.since(at);
        let line = Line::Track {
            at,
            track: track.0,
            peer: peer.0,
            source: source.as_str(),
            kind: match format.kind {
                MediaKind::Audio => "audio",
                MediaKind::Video => "video",
            },
            codec: format.codec,
            clock_rate: format.clock_rate,
            channels: format.channels,
            fmtp: &format.fmtp,
            ssrc: format.ssrc,
            file: &name,
        };
        ops.push(Op::Line(line.to_bytes()));
        let header = mjr::header(format, self.beginning.wall + at);
        ops.push(Op::Create { track, name, header });
    }
}

/// The line of what is only that.
fn line(at: u64, what: &Heard) -> Option<Line<'_>> {
    Some(match what {
        Heard::Joined { peer, user, name } => Line::Joined {
            at,
            peer: peer.0,
            user: user.as_str(),
            name,
        },
        Heard::Renamed { peer, name } => Line::Renamed { at, peer: peer.0, name },
        Heard::Left { peer } => Line::Left { at, peer: peer.0 },
        &Heard::Report { track, ntp, rtp } => Line::Report {
            at,
            track: track.0,
            ntp,
            rtp,
        },
        Heard::Paused { track } => Line::Paused { at, track: track.0 },
        Heard::Resumed { track } => Line::Resumed { at, track: track.0 },
        &Heard::Gap { track, lost } => Line::Gap {
            at,
            track: track.0,
            lost,
        },
        Heard::Speakers(users) => Line::Speakers {
            at,
            users: users.iter().map(|user| user.as_str()).collect(),
        },
        Heard::Packet { .. } | Heard::Began { .. } | Heard::Ended { .. } | Heard::Stopped(_) => return None,
    })
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
