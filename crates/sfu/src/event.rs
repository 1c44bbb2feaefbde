//! What a shard tells the hub.

pub use str0m::media::MediaKind;

use crate::command::{RefusalCode, Source};
use crate::ids::{PeerId, RoomId, UserId};

/// What a shard tells the hub. Events to one peer are in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Whom to tell.
    pub to: Recipient,
    /// What.
    pub body: Body,
}

impl Event {
    /// Whether it says that a peer is closed: the last event of its transport, which must never be dropped.
    pub fn is_closed(&self) -> bool {
        matches!(self.body, Body::TransportState(TransportState::Closed(_)))
    }
}

/// Whom an event is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recipient {
    /// One peer.
    Peer(PeerId),
    /// Everyone in a room.
    Room(RoomId),
}

/// What an event says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// The answer to an offer that was [held](crate::Outcome::Held).
    Answer {
        /// The answer.
        sdp: String,
    },
    /// The server's own offer to a plain client. At most one is unanswered.
    Offer {
        /// The offer.
        sdp: String,
    },
    /// The whole slot assignment of one client, after each change, in the order of the m-lines.
    Slots(Vec<SlotAssignment>),
    /// The videos that a client is not sent now, since they do not fit through its line, after each change. What is paused goes
    /// on by itself when it fits.
    VideosPaused(Vec<(UserId, Source)>),
    /// The videos of which a client is sent less than its tiles want, since its line takes no more: after each change, once a
    /// second at most.
    VideosLimited(Vec<LimitedVideo>),
    /// Who speaks now in a room, loudest first, after each change.
    ActiveSpeakers(Vec<UserId>),
    /// What came into a room that is held to a rate, in kilobits a second, dropped or not: told each second.
    Inflow(u32),
    /// How many packets a room has brought in and sent out since it began, when the hub [asks](crate::Command::Weigh). Of two
    /// rooms of a shard, the one of which that grows faster costs more.
    Forwarded(u64),
    /// Which layers of each video that one client sends are wanted, after each change. A client that stops the others saves
    /// bits and power, and one that does not loses nothing.
    LayersWanted(Vec<WantedLayers>),
    /// A change of a peer's media path.
    TransportState(TransportState),
    /// More media came in than [`crate::Limits`] allow, and the rest is dropped. Told once, and again when the limit was kept for
    /// ten seconds.
    Limited(Scope),
    /// A track that a client is not sent, since it cannot decode it. Told once of each codec.
    NoCommonCodec(Undecodable),
    /// A command was refused, or a part of it.
    Refused {
        /// The kind of refusal.
        code: RefusalCode,
        /// What is wrong, for people.
        message: String,
    },
}

/// A track that a client cannot decode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undecodable {
    /// Whose.
    pub user: UserId,
    /// What it shows.
    pub source: Source,
    /// The codec that it is sent with, as in SDP.
    pub codec: String,
    /// The codecs that the client takes there, of those that the server knows, each once.
    pub accepted: Vec<String>,
}

/// What sends more than it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// One track, of this source.
    Track(Source),
    /// All that a peer sends.
    Peer,
    /// All that comes into a room.
    Room,
}

impl Scope {
    /// The name in messages: the source of a track, else `peer` or `room`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Track(source) => source.as_str(),
            Self::Peer => "peer",
            Self::Room => "room",
        }
    }
}

/// A video of which a client is sent less than its tile wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitedVideo {
    /// Whose.
    pub user: UserId,
    /// What it shows.
    pub source: Source,
    /// The height in pixels of the picture that is sent, if that is a smaller one than the tile wants.
    pub height: Option<u32>,
    /// Whether not all frames are sent.
    pub has_fewer_frames: bool,
}

/// The layers of one video that somebody is sent, or will be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedLayers {
    /// `a=mid` of the m-line on which the client sends the video.
    pub mid: String,
    /// What the video shows.
    pub source: Source,
    /// The RIDs of the layers, in the order of the offer; empty where the video has no RIDs.
    pub rids: Vec<String>,
    /// Whether any layer is.
    pub is_wanted: bool,
}

/// What is in one slot of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotAssignment {
    /// `a=mid` of the recvonly m-line.
    pub mid: String,
    /// Audio or video.
    pub kind: MediaKind,
    /// Whose track, and which; `None` while the slot is empty.
    pub track: Option<(UserId, Source)>,
}

/// The state of a peer's media path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransportState {
    /// ICE and DTLS are done: media flows. Again after a disconnection.
    Connected,
    /// ICE has lost the client. It may come back by itself or by an ICE restart.
    Disconnected,
    /// Gone for good. The transport's name may be used again by a new offer.
    Closed(CloseReason),
}

/// Why a peer was closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseReason {
    /// By [`crate::Command::Close`] or [`crate::Command::End`].
    Command,
    /// ICE never connected, or was silent for [`crate::Limits::ice_silence`].
    IceTimeout,
    /// DTLS failed, was not done in [`crate::Limits::ice_silence`], or the client closed it.
    Dtls,
    /// The client has no certificate that can be verified.
    Certificate,
    /// A fault in the server that was confined to this peer.
    Fault,
}

impl CloseReason {
    /// The name in messages: `command`, `ice_timeout`, `dtls`, `certificate`, `fault`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Command => "command",
            Self::IceTimeout => "ice_timeout",
            Self::Dtls => "dtls",
            Self::Certificate => "certificate",
            Self::Fault => "fault",
        }
    }
}
