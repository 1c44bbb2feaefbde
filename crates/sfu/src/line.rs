//! What the m-lines of a subscriber can carry: a peer tells it, the router plans with it.

use str0m::media::{MediaKind, Mid};

/// How far an m-line is negotiated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LineState {
    /// Nothing is sent, nothing is offered.
    Idle,
    /// Sending is offered and not answered yet.
    Offered,
    /// Both sides have agreed that the server sends.
    Sending,
    /// The client refused what was offered there.
    Declined,
    /// The client sends there itself, or does not receive on its slot.
    Unusable,
}

/// One m-line on which a subscriber can be sent a track.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Line {
    /// `a=mid`.
    pub(crate) mid: Mid,
    /// Audio or video.
    pub(crate) kind: MediaKind,
    /// How far it is negotiated.
    pub(crate) state: LineState,
}

/// The m-lines of a subscriber, in the order of the SDP.
#[derive(Debug, Clone, Default)]
pub(crate) struct Lines {
    /// Each of them once.
    pub(crate) lines: Vec<Line>,
    /// Whether media can flow to the subscriber: ICE and DTLS are done.
    pub(crate) is_connected: bool,
}

/// `a=msid` (RFC 8830): how a track is announced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Label {
    /// The stream's id.
    pub(crate) stream: String,
    /// The track's id.
    pub(crate) track: String,
}

impl Label {
    /// The CNAME of the stream's RTP (RFC 3550 section 6.5.1): one for all that a user sends, which receivers play in sync.
    pub(crate) fn cname(&self) -> &str {
        self.stream.split('/').next().unwrap_or_default()
    }
}

/// An RTP stream that a client is sent, as it is announced (RFC 5576). It stays that of its m-line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SentStream {
    /// That of its media.
    pub(crate) ssrc: u32,
    /// That of its retransmissions (RFC 4588), where the client takes any.
    pub(crate) repair: u32,
    /// The name of its source.
    pub(crate) cname: String,
}
