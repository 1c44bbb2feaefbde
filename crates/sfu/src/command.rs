//! What the hub asks of a shard.

/// What a track shows or lets hear.
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
    /// Whose.
    pub user: String,
    /// Which of theirs.
    pub source: Source,
    /// The most lines of picture that the tile can show. Kept for layers; nothing is chosen by it yet.
    pub max_height: Option<u32>,
}

/// What the hub asks of a shard. Identifiers are opaque strings; a transport belongs to one room for its life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// The client's offer: opens the peer if the transport is new, renegotiates otherwise. Answered by
    /// [`crate::Event::Answer`] or [`crate::Event::Refused`].
    Offer {
        /// The room.
        room: String,
        /// The peer's name, `sfu_…`.
        transport: String,
        /// Whose it is.
        user: String,
        /// The offer.
        sdp: String,
        /// Whether the recvonly m-lines of the offer are slots (else the client is a plain one).
        slots: bool,
        /// What the client sends where; m-lines that are not named follow the rule in [`Source`].
        tracks: Vec<TrackName>,
    },
    /// The client's answer to the last [`crate::Event::Offer`].
    Answer {
        /// The peer.
        transport: String,
        /// The answer.
        sdp: String,
    },
    /// A trickled candidate of the client.
    Candidate {
        /// The peer.
        transport: String,
        /// A candidate line with or without `a=` or `candidate:`; empty for the end of candidates.
        candidate: String,
    },
    /// Which videos a slots client wants, most wanted first. Empty: the most recent speakers.
    View {
        /// The peer.
        transport: String,
        /// The wanted.
        videos: Vec<WantedVideo>,
    },
    /// What the user said of themselves by UpdateState. `None`: not said, nothing changes. A peer that never said
    /// anything is forwarded whole.
    State {
        /// The peer.
        transport: String,
        /// Whether the microphone is muted: it is not forwarded and leaves its slots.
        is_muted: Option<bool>,
        /// Whether the camera is on: if not, it is not forwarded and leaves its slots. A screen is not affected.
        is_video_on: Option<bool>,
    },
    /// Closes one peer.
    Close {
        /// The peer.
        transport: String,
    },
    /// Closes every peer of the room.
    End {
        /// The room.
        room: String,
    },
}
