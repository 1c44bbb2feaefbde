//! One meeting: who is in it, what they publish, who speaks.

mod slots;
mod speakers;
mod track;

use std::sync::Arc;

use slotmap::SlotMap;
use str0m::media::MediaKind;

pub use slots::place;
pub use speakers::{Speakers, TICK};
pub use track::{Track, source_kind};

use crate::command::{Source, WantedVideo};
use crate::ids::{PeerKey, TrackKey};

/// One meeting.
pub struct Room {
    /// Its name.
    pub id: Arc<str>,
    /// Its peers, in the order of joining.
    pub peers: Vec<PeerKey>,
    /// What they publish.
    pub tracks: SlotMap<TrackKey, Track>,
    /// Who speaks.
    pub speakers: Speakers,
    /// Whether the slots have to be looked at again.
    pub stale: bool,
}

impl Room {
    /// An empty room.
    pub fn new(id: Arc<str>) -> Self {
        Self { id, peers: Vec::new(), tracks: SlotMap::with_key(), speakers: Speakers::default(), stale: false }
    }

    /// What a peer of that user may be sent: every track of others, in the order of publishing.
    pub fn offered_to(&self, peer: PeerKey, user: &str) -> impl Iterator<Item = (TrackKey, &Track)> {
        let mut tracks: Vec<_> =
            self.tracks.iter().filter(move |(_, track)| track.owner != peer && *track.user != *user).collect();
        tracks.sort_by_key(|(_, track)| track.order);
        tracks.into_iter()
    }

    /// The audio that belongs in a peer's slots, most wanted first: who speaks goes first.
    pub fn wanted_audio(&self, peer: PeerKey, user: &str, slots: usize) -> Vec<TrackKey> {
        let hearable = |track: &Track| track.kind == MediaKind::Audio && !track.paused;
        let mut wanted: Vec<TrackKey> =
            self.offered_to(peer, user).filter(|(_, track)| hearable(track)).map(|(key, _)| key).collect();
        if wanted.len() > slots {
            wanted.sort_by_key(|key| self.speakers.rank(*key));
            wanted.truncate(slots);
        }
        wanted
    }

    /// The videos that belong in a peer's slots, most wanted first: those of its view; without one screens, then the most
    /// recent speakers.
    pub fn wanted_video(&self, peer: PeerKey, user: &str, view: &[WantedVideo], slots: usize) -> Vec<TrackKey> {
        let visible: Vec<(TrackKey, &Track)> = self
            .offered_to(peer, user)
            .filter(|(_, track)| track.kind == MediaKind::Video && !track.paused)
            .collect();
        let mut wanted: Vec<TrackKey> = if view.is_empty() {
            let mut ranked = visible;
            ranked.sort_by_key(|(_, track)| (track.source != Source::Screen, self.rank_of(track.owner)));
            ranked.into_iter().map(|(key, _)| key).collect()
        } else {
            let find = |want: &WantedVideo| {
                visible.iter().find(|(_, track)| *track.user == *want.user && track.source == want.source)
            };
            view.iter().filter_map(find).map(|(key, _)| *key).collect()
        };
        let mut seen = Vec::new();
        wanted.retain(|key| !seen.contains(key) && {
            seen.push(*key);
            true
        });
        wanted.truncate(slots);
        wanted
    }

    fn rank_of(&self, owner: PeerKey) -> usize {
        let microphone =
            self.tracks.iter().find(|(_, track)| track.owner == owner && track.source == Source::Microphone);
        microphone.map_or(usize::MAX, |(key, _)| self.speakers.rank(key))
    }
}
