//! What a shard tells the hub.

pub use str0m::media::MediaKind;

use crate::command::Source;

/// What is in one slot of a client that said `slots: true`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotAssignment {
    /// `a=mid` of the recvonly m-line.
    pub mid: String,
    /// Audio or video.
    pub kind: MediaKind,
    /// Whose track, and which; `None` while the slot is empty.
    pub track: Option<(String, Source)>,
}

/// Why a peer was closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseReason {
    /// By [`crate::Command::Close`] or [`crate::Command::End`].
    Command,
    /// ICE never connected, or was silent for [`crate::Limits::ice_silence`].
    IceTimeout,
    /// DTLS failed, or the client closed it.
    Dtls,
    /// A fault in the server that was confined to this peer.
    Fault,
}

impl CloseReason {
    /// The name in messages: `command`, `ice_timeout`, `dtls`, `fault`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Command => "command",
            Self::IceTimeout => "ice_timeout",
            Self::Dtls => "dtls",
            Self::Fault => "fault",
        }
    }
}

/// How it is with a peer's media path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransportState {
    /// ICE and DTLS are done: media flows. Again after a disconnection.
    Connected,
    /// ICE has lost the client. It may come back by itself or by an ICE restart.
    Disconnected,
    /// Gone for good. The transport's name may be used again by a new offer.
    Closed(CloseReason),
}

/// Why a command was refused. Nothing was changed by it, unless a [`TransportState::Closed`] says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalCode {
    /// The SDP or candidate cannot be used.
    InvalidSdp,
    /// A bound of [`crate::Limits`] is reached.
    RoomFull,
    /// The transport is not known (or belongs to another room or user).
    NotFound,
}

impl RefusalCode {
    /// The code in messages: `invalid_sdp`, `room_full`, `not_found`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidSdp => "invalid_sdp",
            Self::RoomFull => "room_full",
            Self::NotFound => "not_found",
        }
    }
}

/// What a shard tells the hub. Events of one transport are in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The answer to the client's offer. All of the server's candidates are in it.
    Answer {
        /// The room.
        room: String,
        /// The peer.
        transport: String,
        /// Whose it is.
        user: String,
        /// The answer.
        sdp: String,
    },
    /// The server's own offer to a plain client. At most one is unanswered.
    Offer {
        /// The room.
        room: String,
        /// The peer.
        transport: String,
        /// Whose it is.
        user: String,
        /// The offer.
        sdp: String,
    },
    /// The whole slot assignment of one client, after each change.
    Slots {
        /// The room.
        room: String,
        /// The peer.
        transport: String,
        /// Whose it is.
        user: String,
        /// Every slot, in the order of the m-lines.
        slots: Vec<SlotAssignment>,
    },
    /// Who speaks now in a room, loudest first, after each change.
    ActiveSpeakers {
        /// The room.
        room: String,
        /// The users.
        users: Vec<String>,
    },
    /// A change of a peer's media path.
    TransportState {
        /// The room.
        room: String,
        /// The peer.
        transport: String,
        /// Whose it is.
        user: String,
        /// How it is now.
        state: TransportState,
    },
    /// A command could not be done.
    Refused {
        /// The room; empty if the command named no known one.
        room: String,
        /// The peer as the command named it.
        transport: String,
        /// Whose it is; empty if not known.
        user: String,
        /// The kind of refusal.
        code: RefusalCode,
        /// What happened and what to do, for people.
        message: String,
    },
}
