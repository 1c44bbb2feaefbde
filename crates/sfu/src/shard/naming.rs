//! What a client publishes, by its offer and the names that come with it.

use str0m::media::MediaKind;

use crate::command::{Source, TrackName};
use crate::router::Published;
use crate::sdp::Outline;

/// What a client sends on which m-line. The first audio is the microphone and further audio a screen's sound; the first video
/// is the camera and further video screens; unless they are named.
pub(super) fn published(outline: &Outline, names: &[TrackName]) -> Vec<Published> {
    let mut published: Vec<Published> = Vec::new();
    for section in outline.sections.iter().filter(|section| section.sends()) {
        let Some(kind) = section.kind() else {
            continue;
        };
        let name = names.iter().find(|name| name.mid == section.mid);
        let named = name
            .map(|name| name.source)
            .filter(|source| source_kind(*source) == kind);
        let (first, further) = match kind {
            MediaKind::Audio => (Source::Microphone, Source::ScreenAudio),
            MediaKind::Video => (Source::Camera, Source::Screen),
        };
        let is_taken = published.iter().any(|other| other.source == first);
        let is_named = names.iter().any(|name| name.source == first);
        let default = if is_taken || is_named { further } else { first };
        published.push(Published {
            mid: section.key(),
            kind,
            source: named.unwrap_or(default),
        });
    }
    published
}

fn source_kind(source: Source) -> MediaKind {
    match source {
        Source::Microphone | Source::ScreenAudio => MediaKind::Audio,
        Source::Camera | Source::Screen => MediaKind::Video,
    }
}
