//! The m-lines on which a peer is sent others' tracks, and what is agreed about each (RFC 9429 section 5).
//!
//! A plain client's m-line is given another track only after it was negotiated `inactive` in between: that
//! is what makes a browser announce the new track.

use str0m::media::{MediaKind, Mid};

use crate::ids::{SinkKey, TrackKey};

/// One such m-line.
#[derive(Debug)]
pub struct Line {
    /// `a=mid`.
    pub mid: Mid,
    /// Audio or video.
    pub kind: MediaKind,
    /// Whether it is a slot: always sending, its track changes by message.
    pub slot: bool,
    /// Where its packets are renumbered.
    pub sink: SinkKey,
    /// The track it is for.
    pub track: Option<TrackKey>,
    /// `a=msid`: stream id and track id.
    pub label: (String, String),
    /// Whether the last completed negotiation has the server send.
    pub sending: bool,
    /// What the outstanding offer says about sending, if it says something.
    pub offered: Option<bool>,
    /// Whether the outstanding offer made this m-line.
    pub made_by_offer: bool,
    /// The client does not want it.
    pub declined: bool,
    /// Whether the client's last offer or answer has it receive there.
    pub receivable: bool,
    /// The client's last offer has it send there: browsers put an added track on an m-line that they only received on.
    /// The server sends elsewhere, and here again when the client stops.
    pub theirs: bool,
}

impl Line {
    /// A line that is not sending and is for no track.
    pub fn idle(mid: Mid, kind: MediaKind, slot: bool, sink: SinkKey) -> Self {
        Self {
            mid,
            kind,
            slot,
            sink,
            track: None,
            label: (String::new(), String::new()),
            sending: false,
            offered: None,
            made_by_offer: false,
            declined: false,
            receivable: true,
            theirs: false,
        }
    }

    /// Whether a track may be put there.
    pub fn is_free(&self) -> bool {
        let settled = self.track.is_none() && !self.sending && self.offered.is_none();
        settled && !self.declined && !self.slot && !self.theirs
    }

    /// Whether it will be free after a negotiation.
    pub fn is_draining(&self) -> bool {
        self.track.is_none() && !self.slot && !self.declined && (self.sending || self.offered == Some(true))
    }

    /// Whether what is agreed is not what is wanted.
    pub fn wants_offer(&self) -> bool {
        !self.slot && !self.declined && self.track.is_some() != self.sending
    }

    /// Whether it is a slot of that kind that can be used.
    pub fn is_slot_of(&self, kind: MediaKind) -> bool {
        self.slot && self.kind == kind && self.receivable
    }

    /// Whether packets of the track may be sent.
    pub fn is_open(&self) -> bool {
        self.sending && self.track.is_some()
    }
}

/// All of a peer's lines.
#[derive(Debug, Default)]
pub struct Lines(pub Vec<Line>);

impl Lines {
    /// The line of that mid.
    pub fn by_mid(&mut self, mid: Mid) -> Option<&mut Line> {
        self.0.iter_mut().find(|line| line.mid == mid)
    }

    /// The line that is for a track.
    pub fn by_track(&mut self, track: TrackKey) -> Option<&mut Line> {
        self.0.iter_mut().find(|line| line.track == Some(track))
    }

    /// A line of that kind where a track may be put.
    pub fn free(&mut self, kind: MediaKind) -> Option<&mut Line> {
        self.0.iter_mut().find(|line| line.kind == kind && line.is_free())
    }

    /// How many lines of that kind will be free after a negotiation.
    pub fn draining(&self, kind: MediaKind) -> usize {
        self.0
            .iter()
            .filter(|line| line.kind == kind && line.is_draining())
            .count()
    }

    /// Whether an offer is needed.
    pub fn want_offer(&self) -> bool {
        self.0.iter().any(Line::wants_offer)
    }

    /// The slots of a kind, in the order of the m-lines.
    pub fn slots(&self, kind: MediaKind) -> impl Iterator<Item = &Line> {
        self.0.iter().filter(move |line| line.is_slot_of(kind))
    }
}
