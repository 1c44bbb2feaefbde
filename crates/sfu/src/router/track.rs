//! A published track.

use std::time::Instant;

use str0m::media::{MediaKind, Mid};

use super::keyframes::KeyframeRequest;
use crate::budget::Budget;
use crate::command::Source;
use crate::congestion::Meter;
use crate::ids::{PeerKey, SubscriptionKey, UserId};
use crate::line::Label;
use crate::rtp::{Encodings, History, StreamClock};
use crate::throttle::Throttle;

/// What a client sends on one m-line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Published {
    /// `a=mid`.
    pub(crate) mid: Mid,
    /// Audio or video.
    pub(crate) kind: MediaKind,
    /// What it carries.
    pub(crate) source: Source,
}

/// A published track.
pub(super) struct Track {
    pub(super) publisher: PeerKey,
    pub(super) user: UserId,
    pub(super) published: Published,
    /// Its user muted it: it is not forwarded.
    pub(super) is_paused: bool,
    /// Where it is forwarded to.
    pub(super) subscribers: Vec<SubscriptionKey>,
    pub(super) keyframes: Throttle,
    pub(super) budget: Budget,
    /// Which of the streams on its m-line is forwarded.
    pub(super) encodings: Encodings,
    /// The clock of that stream.
    pub(super) clock: StreamClock,
    /// What can be sent again.
    pub(super) history: History,
    /// What it costs a subscriber's line.
    pub(super) rate: Meter,
}

impl Track {
    pub(super) fn new(now: Instant, publisher: PeerKey, user: UserId, published: Published, budget: Budget) -> Self {
        Self {
            publisher,
            user,
            published,
            is_paused: false,
            subscribers: Vec::new(),
            keyframes: Throttle::default(),
            budget,
            encodings: Encodings::default(),
            clock: StreamClock::default(),
            history: History::default(),
            rate: Meter::new(now),
        }
    }

    /// A request for a keyframe of what is forwarded.
    pub(super) fn keyframe_request(&self) -> KeyframeRequest {
        KeyframeRequest {
            peer: self.publisher,
            mid: self.published.mid,
            ssrc: self.encodings.current(),
        }
    }

    pub(super) fn kind(&self) -> MediaKind {
        self.published.kind
    }

    pub(super) fn source(&self) -> Source {
        self.published.source
    }

    /// `a=msid`: the user's id, or `userId/screen`, and the source.
    pub(super) fn label(&self) -> Label {
        let stream = match self.source() {
            Source::Microphone | Source::Camera => self.user.to_string(),
            Source::Screen | Source::ScreenAudio => format!("{}/screen", self.user),
        };
        Label {
            stream,
            track: self.source().as_str().to_string(),
        }
    }
}
