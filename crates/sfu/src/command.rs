//! What the hub asks of a shard, and the answers.

use crate::event::{Body, Event, Recipient};
use crate::ids::{PeerId, RecordingId, RoomId, TransportId, UserId};

/// What a track carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Source {
    /// The first audio track, unless named otherwise.
    Microphone,
    /// The first video track, unless named otherwise.
    Camera,
    /// A shared screen: every further video track, unless named otherwise.
    Screen,
    /// The sound of a shared screen: every further audio track, unless named otherwise.
    ScreenAudio,
}

impl Source {
    /// The name in messages: `microphone`, `camera`, `screen`, `screen-audio`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Microphone => "microphone",
            Self::Camera => "camera",
            Self::Screen => "screen",
            Self::ScreenAudio => "screen-audio",
        }
    }

    /// The source of that name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Microphone, Self::Camera, Self::Screen, Self::ScreenAudio]
            .into_iter()
            .find(|source| source.as_str() == name)
    }
}

/// Names the track that a client sends on one m-line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrackName {
    /// `a=mid` of the m-line.
    pub mid: String,
    /// What is sent there.
    pub source: Source,
}

/// A video that a client wants in one of its video slots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedVideo {
    /// Whose video.
    pub user: UserId,
    /// Which of the user's.
    pub source: Source,
    /// The height in pixels of the tile that shows it: of several layers the smallest that fills it is sent. `None`: the
    /// largest.
    pub max_height: Option<u32>,
}

/// What the hub asks of a shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// The client's offer: opens the peer if the transport is new, renegotiates otherwise.
    Offer {
        /// The peer.
        peer: PeerId,
        /// The offer.
        sdp: String,
        /// Whether the recvonly m-lines of the offer are slots, whose tracks change without SDP. Fixed by a peer's first
        /// offer.
        slots: bool,
        /// What the client sends on which m-line; those not named follow the rule in [`Source`].
        tracks: Vec<TrackName>,
        /// The user's name, for people. Of a peer's first offer; [`Command::Record`] changes it.
        name: String,
        /// As of [`Command::Record`], from the first packet on. `None` changes nothing.
        recording: Option<RecordingId>,
    },
    /// The client's answer to the last [`Body::Offer`].
    Answer {
        /// The peer.
        transport: TransportId,
        /// The answer.
        sdp: String,
    },
    /// A trickled candidate of the client.
    Candidate {
        /// The peer.
        transport: TransportId,
        /// A candidate line with or without `a=` or `candidate:`; empty for the end of candidates.
        candidate: String,
    },
    /// Which videos a client with slots wants, most wanted first. Empty: those of the most recent speakers.
    View {
        /// The peer.
        transport: TransportId,
        /// The videos.
        videos: Vec<WantedVideo>,
    },
    /// What the user said by UpdateState. `None`: not said, nothing changes. All media of a user who never said anything is
    /// forwarded.
    State {
        /// The peer.
        transport: TransportId,
        /// Whether the microphone is muted: it is not forwarded and leaves its slots.
        is_muted: Option<bool>,
        /// Whether the camera is on: if not, it is not forwarded and leaves its slots. A screen is not affected.
        is_video_on: Option<bool>,
    },
    /// What the user may not publish, whatever their client says and sends: it is not forwarded and leaves its slots.
    Block {
        /// The peer.
        transport: TransportId,
        /// All that is blocked from now on.
        sources: Vec<Source>,
    },
    /// Records what a peer publishes, or nothing of it any more.
    Record {
        /// The peer.
        transport: TransportId,
        /// The recording. One that was stopped does not begin again, and changes nothing. One that is not the room's
        /// stops that one.
        recording: Option<RecordingId>,
        /// The user's name as it is by now. Empty: as it was.
        name: String,
    },
    /// Stops a recording, if it runs, and for good: it never begins again in this shard.
    StopRecording {
        /// The room.
        room: RoomId,
        /// The recording.
        recording: RecordingId,
    },
    /// Holds a room, if it is open, to a rate below the shard's own limit, for all that comes into it.
    Limit {
        /// The room.
        room: RoomId,
        /// Kilobits a second.
        kilobits: u32,
    },
    /// Tells of each room how much is forwarded in it: [`Body::Forwarded`].
    Weigh,
    /// Closes one peer, if it is open.
    Close {
        /// The peer.
        transport: TransportId,
    },
    /// Closes every peer of the room.
    End {
        /// The room.
        room: RoomId,
    },
}

impl Command {
    /// Of which client it is; `None`: of none, but about a room or all of them.
    pub fn transport(&self) -> Option<&TransportId> {
        match self {
            Self::Offer { peer, .. } => Some(&peer.transport),
            Self::Answer { transport, .. }
            | Self::Candidate { transport, .. }
            | Self::View { transport, .. }
            | Self::State { transport, .. }
            | Self::Block { transport, .. }
            | Self::Record { transport, .. }
            | Self::Close { transport } => Some(transport),
            Self::StopRecording { .. } | Self::Limit { .. } | Self::Weigh | Self::End { .. } => None,
        }
    }
}

/// What an accepted command led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The answer to the client's offer. All of the server's candidates are in it.
    Answer {
        /// The peer.
        to: PeerId,
        /// The answer.
        sdp: String,
    },
    /// Its SDP is to be read: the outcome is that of [`crate::Shard::finish_reading`].
    Reading,
    /// The offer crossed one of the server's. [`Body::Answer`] or [`Body::Refused`] follows, unless the client answers the
    /// server's offer first: then it offers again.
    Held,
    /// It is done, and there is nothing to say.
    Done,
}

impl Outcome {
    /// The event that tells the client, if there is something to tell.
    pub fn into_event(self) -> Option<Event> {
        match self {
            Self::Answer { to, sdp } => Some(Event {
                to: Recipient::Peer(to),
                body: Body::Answer { sdp },
            }),
            Self::Reading | Self::Held | Self::Done => None,
        }
    }
}

/// Why a command was refused. Nothing was changed by it, unless a [`crate::TransportState::Closed`] says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Whose command it was; `None` if the transport is not open.
    pub to: Option<PeerId>,
    /// The kind of refusal.
    pub code: RefusalCode,
    /// What is wrong, for people.
    pub message: String,
}

impl Refusal {
    /// The event that tells the client, if it is known which.
    pub fn into_event(self) -> Option<Event> {
        let (code, message) = (self.code, self.message);
        self.to.map(|to| Event {
            to: Recipient::Peer(to),
            body: Body::Refused { code, message },
        })
    }
}

/// The kind of a [`Refusal`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalCode {
    /// The SDP cannot be used.
    InvalidSdp,
    /// The shard has as many peers as [`crate::Limits`] allow.
    RoomFull,
    /// The transport is not open, or belongs to another user or room.
    NotFound,
    /// The command did not get through to the shard: its queue was full.
    Overloaded,
    /// DTLS has failed, and the peer is closed: another offer by the same certificate is served an older version, or the message
    /// says why none would do.
    Dtls,
    /// The SDP is taken but for m-lines that are rejected, since the server knows none of their formats.
    NoCommonCodec,
    /// A track is not sent, since the client's answer rejects its m-line.
    Declined,
    /// A fault in the server; the peer is closed.
    Internal,
}

impl RefusalCode {
    /// The code in messages: `invalid_sdp`, `room_full`, `not_found`, `overloaded`, `dtls`, `no_common_codec`, `declined`,
    /// `internal`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidSdp => "invalid_sdp",
            Self::RoomFull => "room_full",
            Self::NotFound => "not_found",
            Self::Overloaded => "overloaded",
            Self::Dtls => "dtls",
            Self::NoCommonCodec => "no_common_codec",
            Self::Declined => "declined",
            Self::Internal => "internal",
        }
    }
}
