//! One room: who is in it, what they publish, who speaks, and in which order it belongs in slots.

use std::collections::HashMap;
use std::time::Instant;

use slotmap::SlotMap;
use str0m::media::MediaKind;

use super::inflow::Inflow;
use super::recording::Recording;
use super::speakers::Speakers;
use super::track::Track;
use crate::command::{Source, WantedVideo};
use crate::ids::{PeerKey, RoomId, TrackKey, UserId};

/// See the module.
pub(super) struct Room {
    pub(super) id: RoomId,
    /// Its peers, in the order of joining.
    pub(super) peers: Vec<PeerKey>,
    pub(super) tracks: SlotMap<TrackKey, Track>,
    pub(super) speakers: Speakers,
    pub(super) life: Life,
    /// For all that is forwarded in it.
    pub(super) inflow: Inflow,
    /// Packets of media since it began: each that came, and each that was written to a far end.
    pub(super) forwarded: u64,
    /// The recording that runs.
    pub(super) recording: Option<Recording>,
    /// All tracks, in the order of publishing.
    in_order: Vec<TrackKey>,
    /// The video tracks, in the order in which they belong in slots of a client without a view.
    pub(super) videos: Vec<TrackKey>,
    by_name: HashMap<(UserId, Source), TrackKey>,
}

/// Whether what everyone is sent is as it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Life {
    /// It is.
    Settled,
    /// Something has changed: look again.
    Stale,
    /// All peers are being closed: nothing is sent any more.
    Ending,
}

impl Room {
    pub(super) fn new(id: RoomId, inflow: Inflow) -> Self {
        Self {
            id,
            peers: Vec::new(),
            tracks: SlotMap::with_key(),
            speakers: Speakers::default(),
            life: Life::Settled,
            inflow,
            forwarded: 0,
            recording: None,
            in_order: Vec::new(),
            videos: Vec::new(),
            by_name: HashMap::new(),
        }
    }

    /// What everyone is sent has to be looked at again.
    pub(super) fn set_stale(&mut self) {
        if self.life == Life::Settled {
            self.life = Life::Stale;
        }
    }

    /// Adds a track.
    pub(super) fn publish(&mut self, track: Track, now: Instant) -> TrackKey {
        let (name, kind) = ((track.user.clone(), track.source()), track.kind());
        let key = self.tracks.insert(track);
        self.in_order.push(key);
        self.by_name.insert(name, key);
        if kind == MediaKind::Audio {
            self.speakers.add(key, now);
        }
        self.set_stale();
        key
    }

    /// Removes a track.
    pub(super) fn unpublish(&mut self, key: TrackKey) -> Option<Track> {
        let track = self.tracks.remove(key)?;
        self.in_order.retain(|other| *other != key);
        self.videos.retain(|other| *other != key);
        let name = (track.user.clone(), track.source());
        if self.by_name.get(&name) == Some(&key) {
            self.by_name.remove(&name);
        }
        self.speakers.remove(key);
        self.set_stale();
        Some(track)
    }

    /// The tracks that a user can be sent: all of others, in the order of publishing.
    pub(super) fn offered_to(&self, user: &UserId) -> impl Iterator<Item = TrackKey> {
        self.in_order
            .iter()
            .copied()
            .filter(move |key| self.tracks[*key].user != *user)
    }

    /// Whether a track goes into slots of that user.
    fn fits(&self, key: TrackKey, user: &UserId) -> bool {
        let track = self.tracks.get(key);
        track.is_some_and(|track| !track.is_paused && track.user != *user)
    }

    /// The audio that belongs in a user's slots: those who speak, or spoke last.
    pub(super) fn wanted_audio(&self, user: &UserId, slots: usize) -> Vec<TrackKey> {
        self.speakers
            .stage()
            .filter(|key| self.fits(*key, user))
            .take(slots)
            .collect()
    }

    /// The videos that belong in a user's slots, most wanted first: those of the view, then screens that it does not name;
    /// without a view screens, then the most recent speakers.
    pub(super) fn wanted_video(&self, user: &UserId, view: &[WantedVideo], slots: usize) -> Vec<TrackKey> {
        let fitting = self.videos.iter().copied().filter(|key| self.fits(*key, user));
        if view.is_empty() {
            return fitting.take(slots).collect();
        }
        let mut wanted = Vec::new();
        for want in view {
            if wanted.len() == slots {
                break;
            }
            let key = self.by_name.get(&(want.user.clone(), want.source)).copied();
            let is_video = |key: &TrackKey| self.fits(*key, user) && self.tracks[*key].kind() == MediaKind::Video;
            if let Some(key) = key.filter(is_video)
                && !wanted.contains(&key)
            {
                wanted.push(key);
            }
        }
        // A view cannot name a screen before its client knows of it: screens get the slots that are left.
        for key in fitting.take_while(|key| self.tracks[*key].source() == Source::Screen) {
            if wanted.len() < slots && !wanted.contains(&key) {
                wanted.push(key);
            }
        }
        wanted
    }

    /// A screen and its sound, which are played in sync: the first sound among `audio` whose screen is among `video`.
    pub(super) fn shared_of(&self, audio: &[TrackKey], video: &[TrackKey]) -> [Option<TrackKey>; 2] {
        let sounds = audio
            .iter()
            .filter(|key| self.tracks[**key].source() == Source::ScreenAudio);
        let mut pairs = sounds.filter_map(|sound| {
            let user = self.tracks[*sound].user.clone();
            let screen = self.by_name.get(&(user, Source::Screen))?;
            video.contains(screen).then_some([Some(*sound), Some(*screen)])
        });
        pairs.next().unwrap_or_default()
    }

    /// Puts the videos in the order for clients without a view.
    pub(super) fn order_videos(&mut self) {
        let microphones = self.speakers.stage().enumerate();
        let ranks: HashMap<PeerKey, usize> = microphones
            .filter_map(|(rank, key)| self.tracks.get(key).map(|track| (track, rank)))
            .filter(|(track, _)| track.source() == Source::Microphone)
            .map(|(track, rank)| (track.publisher, rank))
            .collect();
        let is_video = |key: &TrackKey| self.tracks[*key].kind() == MediaKind::Video;
        let mut videos: Vec<TrackKey> = self.in_order.iter().copied().filter(is_video).collect();
        videos.sort_by_key(|key| {
            let track = &self.tracks[*key];
            let rank = ranks.get(&track.publisher).copied().unwrap_or(usize::MAX);
            (track.source() != Source::Screen, rank)
        });
        self.videos = videos;
    }

    /// The users who speak now, loudest first: those whose peers count.
    pub(super) fn active_speakers(&self, counts: impl Fn(PeerKey) -> bool) -> Vec<UserId> {
        let mut users = Vec::new();
        let tracks = self.speakers.active().iter().filter_map(|key| self.tracks.get(*key));
        for track in tracks.filter(|track| counts(track.publisher)) {
            if !users.contains(&track.user) {
                users.push(track.user.clone());
            }
        }
        users
    }
}
