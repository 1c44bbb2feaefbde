//! A published track.

use str0m::media::{MediaKind, Mid};
use str0m::rtp::Ssrc;

use super::keyframes::KeyframeRequest;
use super::layers::Layers;
use crate::budget::Budget;
use crate::command::Source;
use crate::ids::{PeerKey, SubscriptionKey, UserId};
use crate::line::Label;

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
    pub(super) budget: Budget,
    /// What is sent of it.
    pub(super) layers: Layers,
    /// Its layers may be wanted otherwise than its publisher was told.
    pub(super) is_demand_stale: bool,
}

impl Track {
    pub(super) fn new(publisher: PeerKey, user: UserId, published: Published, budget: Budget) -> Self {
        Self {
            publisher,
            user,
            published,
            is_paused: false,
            subscribers: Vec::new(),
            budget,
            layers: Layers::default(),
            is_demand_stale: false,
        }
    }

    /// A subscription is sent something else.
    pub(super) fn lose_subscriber(&mut self, key: SubscriptionKey) {
        self.subscribers.retain(|other| *other != key);
        if self.subscribers.is_empty() {
            self.layers.forget_sent();
        }
    }

    /// A request for a keyframe of a layer.
    pub(super) fn keyframe_request(&self, ssrc: Option<Ssrc>) -> KeyframeRequest {
        KeyframeRequest {
            peer: self.publisher,
            mid: self.published.mid,
            ssrc,
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
