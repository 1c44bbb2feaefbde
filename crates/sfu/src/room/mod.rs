//! One meeting: who is in it, what they publish, who speaks.

mod slots;
mod speakers;
mod track;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

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
    /// Whether what everyone is sent has to be looked at again.
    pub stale: bool,
    /// Whether all of its peers are being closed: nobody is sent anything else any more.
    pub ending: bool,
    /// All tracks, in the order of publishing.
    in_order: Vec<TrackKey>,
    /// The video tracks, in the order in which they belong in slots of someone without wishes.
    videos: Vec<TrackKey>,
    by_name: HashMap<(Arc<str>, Source), TrackKey>,
}

impl Room {
    /// An empty room.
    pub fn new(id: Arc<str>) -> Self {
        Self {
            id,
            peers: Vec::new(),
            tracks: SlotMap::with_key(),
            speakers: Speakers::default(),
            stale: false,
            ending: false,
            in_order: Vec::new(),
            videos: Vec::new(),
            by_name: HashMap::new(),
        }
    }

    /// Adds a track.
    pub fn publish(&mut self, track: Track, now: Instant) -> TrackKey {
        let (name, kind) = ((track.user.clone(), track.source), track.kind);
        let key = self.tracks.insert(track);
        self.in_order.push(key);
        self.by_name.insert(name, key);
        if kind == MediaKind::Audio {
            self.speakers.add(key, now);
        }
        self.stale = true;
        key
    }

    /// Removes a track.
    pub fn unpublish(&mut self, key: TrackKey) -> Option<Track> {
        let track = self.tracks.remove(key)?;
        self.in_order.retain(|other| *other != key);
        self.videos.retain(|other| *other != key);
        let name = (track.user.clone(), track.source);
        if self.by_name.get(&name) == Some(&key) {
            self.by_name.remove(&name);
        }
        self.speakers.remove(key);
        self.stale = true;
        Some(track)
    }

    /// What a user may be sent: every track of others, in the order of publishing.
    pub fn offered_to(&self, user: &str) -> impl Iterator<Item = TrackKey> {
        self.in_order
            .iter()
            .copied()
            .filter(move |key| *self.tracks[*key].user != *user)
    }

    /// Whether a track goes into slots of that user.
    fn fits(&self, key: TrackKey, user: &str) -> bool {
        self.tracks
            .get(key)
            .is_some_and(|track| !track.paused && *track.user != *user)
    }

    /// The audio that belongs in a user's slots: of all there is, what speaks or spoke last.
    pub fn wanted_audio(&self, user: &str, slots: usize) -> Vec<TrackKey> {
        self.speakers
            .stage()
            .filter(|key| self.fits(*key, user))
            .take(slots)
            .collect()
    }

    /// The videos that belong in a user's slots, most wanted first: those of the view, then screens that it does not name;
    /// without a view screens, then the most recent speakers.
    pub fn wanted_video(&self, user: &str, view: &[WantedVideo], slots: usize) -> Vec<TrackKey> {
        if view.is_empty() {
            return self
                .videos
                .iter()
                .copied()
                .filter(|key| self.fits(*key, user))
                .take(slots)
                .collect();
        }
        let mut wanted = Vec::new();
        for want in view {
            let found = self.by_name.get(&(Arc::from(&*want.user), want.source)).copied();
            let usable = |key: &TrackKey| {
                self.fits(*key, user) && self.tracks[*key].kind == MediaKind::Video && !wanted.contains(key)
            };
            if let Some(key) = found.filter(usable) {
                wanted.push(key);
            }
            if wanted.len() == slots {
                break;
            }
        }
        // A view cannot name a screen before its client has heard of it: what room is left is for those.
        let screens = self
            .videos
            .iter()
            .copied()
            .take_while(|key| self.tracks[*key].source == Source::Screen);
        for key in screens {
            if wanted.len() < slots && self.fits(key, user) && !wanted.contains(&key) {
                wanted.push(key);
            }
        }
        wanted
    }

    /// Puts the videos in the order for those without a view.
    pub fn order_videos(&mut self) {
        let microphones = self.speakers.stage().enumerate();
        let ranks: HashMap<PeerKey, usize> = microphones
            .filter_map(|(rank, key)| self.tracks.get(key).map(|track| (track, rank)))
            .filter(|(track, _)| track.source == Source::Microphone)
            .map(|(track, rank)| (track.owner, rank))
            .collect();
        let is_video = |key: &TrackKey| self.tracks[*key].kind == MediaKind::Video;
        let mut videos: Vec<TrackKey> = self.in_order.iter().copied().filter(is_video).collect();
        videos.sort_by_key(|key| {
            let track = &self.tracks[*key];
            (
                track.source != Source::Screen,
                ranks.get(&track.owner).copied().unwrap_or(usize::MAX),
            )
        });
        self.videos = videos;
    }
}
