//! A published track.

use std::sync::Arc;

use str0m::media::{MediaKind, Mid};

use crate::command::Source;
use crate::ids::{PeerKey, SinkKey};
use crate::throttle::Throttle;

/// A published track.
pub struct Track {
    /// Who sends it.
    pub owner: PeerKey,
    /// Whose it is.
    pub user: Arc<str>,
    /// The m-line on which it comes.
    pub mid: Mid,
    /// Audio or video.
    pub kind: MediaKind,
    /// What it shows or lets hear.
    pub source: Source,
    /// Its user muted it: it is not forwarded.
    pub paused: bool,
    /// Where it goes.
    pub sinks: Vec<SinkKey>,
    /// When its publisher was asked for keyframes.
    pub keyframes: Throttle,
}

impl Track {
    /// `a=msid` of it: stream id and track id.
    pub fn label(&self) -> (String, String) {
        let stream = match self.source {
            Source::Microphone | Source::Camera => self.user.to_string(),
            Source::Screen | Source::ScreenAudio => format!("{}/screen", self.user),
        };
        (stream, self.source.as_str().to_string())
    }
}

/// Whether a source is heard or seen.
pub fn source_kind(source: Source) -> MediaKind {
    match source {
        Source::Microphone | Source::ScreenAudio => MediaKind::Audio,
        Source::Camera | Source::Screen => MediaKind::Video,
    }
}
