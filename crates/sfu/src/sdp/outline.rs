//! What is kept of a client's SDP when it has been read.

use str0m::media::{Direction, MediaKind, Mid};

use super::finish::{Place, SessionSdp};
use super::scan::Scan;
use super::section::{IceCredentials, Red, Section};
use crate::rtp::EncodingName;

/// One m-line.
#[derive(Debug, Clone)]
pub(crate) struct Outlined {
    /// `a=mid`, as its writer wrote it; empty if there is none.
    pub(crate) mid: String,
    key: Mid,
    kind: Option<MediaKind>,
    direction: Direction,
    /// The m-line is not used.
    pub(crate) rejected: bool,
    /// What its writer sends at the same time; empty: one encoding.
    pub(crate) encodings: Vec<EncodingName>,
    /// Redundant audio.
    pub(crate) red: Option<Red>,
}

impl Outlined {
    fn of(section: &Section<'_>) -> Self {
        Self {
            mid: section.mid.to_string(),
            key: section.key(),
            kind: section.kind(),
            direction: section.direction,
            rejected: section.rejected,
            encodings: section.encodings(),
            red: section.red(),
        }
    }

    /// What stands for the mid in the session.
    pub(crate) fn key(&self) -> Mid {
        self.key
    }

    /// Audio or video; `None` for a data channel or something else.
    pub(crate) fn kind(&self) -> Option<MediaKind> {
        self.kind
    }

    /// Whether the writer will receive media on this m-line.
    pub(crate) fn receives(&self) -> bool {
        !self.rejected && matches!(self.direction, Direction::RecvOnly | Direction::SendRecv)
    }

    /// Whether the writer will send media on this m-line.
    pub(crate) fn sends(&self) -> bool {
        !self.rejected && matches!(self.direction, Direction::SendOnly | Direction::SendRecv)
    }
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Outline {
    /// Every m-line in order.
    pub(crate) sections: Vec<Outlined>,
    /// The mids of each BUNDLE group in its order.
    pub(crate) groups: Vec<Vec<String>>,
    /// The first fingerprint that can be verified: whose certificate it is, and so which connection's.
    pub(crate) fingerprint: Option<String>,
    /// The id of the session in `o=`; empty if there is none.
    pub(crate) session_id: String,
    places: Vec<Place>,
    ufrag: String,
    password: String,
}

impl Outline {
    /// What is kept of an SDP.
    pub(crate) fn of(scan: &Scan<'_>) -> Self {
        let owned = |mids: &Vec<&str>| mids.iter().map(ToString::to_string).collect();
        let groups = scan.groups.iter().map(owned).collect();
        Self {
            sections: scan.sections.iter().map(Outlined::of).collect(),
            groups,
            fingerprint: scan.fingerprint().map(str::to_string),
            session_id: scan.session_id.to_string(),
            places: Place::of_all(&scan.sections),
            ufrag: scan.transport.credentials.ufrag.to_string(),
            password: scan.transport.credentials.password.to_string(),
        }
    }

    /// The m-line of that key.
    pub(crate) fn section(&self, key: Mid) -> Option<&Outlined> {
        self.sections.iter().find(|section| section.key == key)
    }

    /// The places of m-lines of a kind that the session rejects in its answer, since it knows none of their formats.
    pub(crate) fn unknown(&self, kind: MediaKind, answer: &SessionSdp<'_>) -> Vec<usize> {
        let is_unknown = |section: &Outlined| {
            let is_used = section.kind == Some(kind) && (section.sends() || section.receives());
            is_used && answer.is_disabled(section.key)
        };
        let places = self.sections.iter().enumerate();
        places
            .filter(|(_, section)| is_unknown(section))
            .map(|(place, _)| place)
            .collect()
    }

    /// Rejects m-lines.
    pub(crate) fn reject(&mut self, is_rejected: impl Fn(Mid) -> bool) {
        let sections = self.sections.iter_mut();
        sections.for_each(|section| section.rejected |= is_rejected(section.key));
    }

    /// The credentials of ICE.
    pub(crate) fn credentials(&self) -> IceCredentials<'_> {
        IceCredentials {
            ufrag: &self.ufrag,
            password: &self.password,
        }
    }

    /// Takes the places of the m-lines, as they are used now.
    pub(crate) fn take_places(&mut self) -> Vec<Place> {
        let mut places = std::mem::take(&mut self.places);
        for (place, section) in places.iter_mut().zip(&self.sections) {
            place.is_rejected = section.rejected;
        }
        places
    }
}
