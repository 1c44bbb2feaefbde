//! Who speaks, from the audio levels of RTP packets (RFC 6464).
//!
//! Each microphone has a smoothed loudness. The stage is the order of all microphones by who spoke loudest most recently: one
//! rises above another only if it is clearly louder, so that noise does not shuffle it.

use std::time::{Duration, Instant};

use slotmap::SecondaryMap;

use crate::ids::TrackKey;

/// How often the stage is put in order.
pub(super) const TICK: Duration = Duration::from_millis(200);
/// Time constant, in seconds, with which loudness follows a rise: a syllable,
const ATTACK: f32 = 0.15;
/// and a fall: the pause between two words is not silence.
const RELEASE: f32 = 0.8;
/// Loudness is 127 plus the level in dBov: 0 to 127. Speech begins at -50 dBov, above a quiet room,
const BEGINS: f32 = 77.0;
/// and ends at -58 dBov.
const ENDS: f32 = 69.0;
/// How much louder is clearly louder: 6 dB are twice the amplitude.
const CLEARLY: f32 = 6.0;
/// The loudness of a microphone without levels: ranked above silence, below speech.
const UNKNOWN: f32 = 60.0;
/// An Opus packet of at most this size carries silence (DTX, RFC 6716 section 2.1.9).
const SILENT_BYTES: usize = 8;
/// Speakers told as active at most.
const MAX_ACTIVE: usize = 16;

#[derive(Debug)]
struct Voice {
    loudness: f32,
    at: Instant,
    speaks: bool,
}

/// The microphones of a room.
#[derive(Debug, Default)]
pub(super) struct Speakers {
    voices: SecondaryMap<TrackKey, Voice>,
    /// Who spoke loudest most recently, first.
    stage: Vec<TrackKey>,
    active: Vec<TrackKey>,
}

/// What a tick changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Changes {
    /// The order of the stage.
    pub(super) stage: bool,
    /// Who is active.
    pub(super) active: bool,
}

impl Speakers {
    /// Adds a microphone, last in order.
    pub(super) fn add(&mut self, track: TrackKey, now: Instant) {
        self.voices.insert(
            track,
            Voice {
                loudness: 0.0,
                at: now,
                speaks: false,
            },
        );
        self.stage.push(track);
    }

    /// Removes a microphone.
    pub(super) fn remove(&mut self, track: TrackKey) {
        self.voices.remove(track);
        self.stage.retain(|other| *other != track);
    }

    /// All microphones; the one that spoke loudest most recently is first.
    pub(super) fn stage(&self) -> impl Iterator<Item = TrackKey> {
        self.stage.iter().copied()
    }

    /// Takes the audio level of one packet in dBov (0 to -127), if its header extension has one.
    pub(super) fn heard(&mut self, now: Instant, track: TrackKey, level: Option<i8>, bytes: usize) {
        let Some(voice) = self.voices.get_mut(track) else {
            return;
        };
        let loudness = match level {
            Some(level) => 127.0 + f32::from(level.clamp(-127, 0)),
            None if bytes > SILENT_BYTES => UNKNOWN,
            None => 0.0,
        };
        voice.follow(now, loudness);
    }

    /// Takes a muted microphone for silent at once.
    pub(super) fn hush(&mut self, track: TrackKey) {
        if let Some(voice) = self.voices.get_mut(track) {
            voice.loudness = 0.0;
        }
    }

    /// Puts the stage in order. Call it each [`TICK`].
    pub(super) fn tick(&mut self, now: Instant) -> Changes {
        for voice in self.voices.values_mut() {
            // Nothing came for a while, by the network or DTX: it fades as in silence.
            if now.saturating_duration_since(voice.at) > TICK {
                voice.follow(now, 0.0);
            }
            voice.speaks = voice.loudness > if voice.speaks { ENDS } else { BEGINS };
        }
        let mut changes = Changes::default();
        // From the last up, so that a loud one rises all the way in one tick.
        for place in (1..self.stage.len()).rev() {
            let [above, below] = [place - 1, place].map(|place| self.voices[self.stage[place]].loudness);
            if below > above + CLEARLY {
                self.stage.swap(place, place - 1);
                changes.stage = true;
            }
        }
        let speaking = self.stage().filter(|track| self.voices[*track].speaks);
        let active: Vec<TrackKey> = speaking.take(MAX_ACTIVE).collect();
        changes.active = active != self.active;
        self.active = active;
        changes
    }

    /// Who speaks, in the order of the stage.
    pub(super) fn active(&self) -> &[TrackKey] {
        &self.active
    }

    /// Whether ticks change nothing until something is heard.
    pub(super) fn is_quiet(&self) -> bool {
        self.active.is_empty() && self.voices.values().all(|voice| voice.loudness < 1.0)
    }
}

impl Voice {
    fn follow(&mut self, now: Instant, loudness: f32) {
        let passed = now.saturating_duration_since(self.at).as_secs_f32();
        self.at = self.at.max(now);
        let pace = if loudness > self.loudness { ATTACK } else { RELEASE };
        let share = 1.0 - (-passed / pace).exp();
        self.loudness += (loudness - self.loudness) * share;
    }
}

#[cfg(test)]
mod tests {
    use slotmap::SlotMap;

    use super::*;

    struct Hall {
        speakers: Speakers,
        now: Instant,
        tracks: Vec<TrackKey>,
    }

    impl Hall {
        fn new(people: usize) -> Self {
            let mut keys: SlotMap<TrackKey, ()> = SlotMap::with_key();
            let now = Instant::now();
            let mut speakers = Speakers::default();
            let tracks: Vec<_> = (0..people).map(|_| keys.insert(())).collect();
            for track in &tracks {
                speakers.add(*track, now);
            }
            Self { speakers, now, tracks }
        }

        fn rank(&self, person: usize) -> usize {
            self.speakers
                .stage()
                .position(|track| track == self.tracks[person])
                .unwrap()
        }

        /// Lets them speak at these levels for so many ticks; tells what changed.
        fn speak(&mut self, levels: &[i8], ticks: usize) -> usize {
            let mut changes = 0;
            for _ in 0..ticks {
                for _ in 0..10 {
                    self.now += Duration::from_millis(20);
                    for (track, level) in self.tracks.iter().zip(levels) {
                        self.speakers.heard(self.now, *track, Some(*level), 80);
                    }
                }
                changes += usize::from(self.speakers.tick(self.now).stage);
            }
            changes
        }
    }

    #[test]
    fn the_loud_rise_and_the_silent_stay_in_order() {
        let mut hall = Hall::new(4);
        hall.speak(&[-127, -127, -127, -30], 5);
        assert_eq!(hall.rank(3), 0);
        assert_eq!(hall.speakers.active(), [hall.tracks[3]]);
        hall.speak(&[-127, -30, -127, -127], 5);
        assert_eq!(hall.rank(1), 0);
        assert_eq!(hall.rank(3), 1);
        assert_eq!(hall.speak(&[-127; 4], 30), 0);
        assert!(hall.speakers.active().is_empty() && hall.speakers.is_quiet());
        assert_eq!(hall.rank(1), 0);
    }

    #[test]
    fn equally_loud_speakers_do_not_swap() {
        let mut hall = Hall::new(2);
        hall.speak(&[-30, -33], 5);
        let mut changes = 0;
        for _ in 0..20 {
            changes += hall.speak(&[-30, -33], 1) + hall.speak(&[-33, -30], 1);
        }
        assert_eq!(changes, 0);
    }

    #[test]
    fn a_pause_between_words_is_not_silence() {
        let mut hall = Hall::new(1);
        hall.speak(&[-30], 5);
        hall.speak(&[-127], 1);
        assert_eq!(hall.speakers.active(), hall.tracks);
        hall.speak(&[-127], 5);
        assert!(hall.speakers.active().is_empty());
    }

    #[test]
    fn microphones_without_levels_rank_between_speech_and_silence() {
        let mut hall = Hall::new(3);
        for _ in 0..100 {
            hall.now += Duration::from_millis(20);
            hall.speakers.heard(hall.now, hall.tracks[1], None, 80);
            hall.speakers.heard(hall.now, hall.tracks[2], Some(-30), 80);
        }
        hall.speakers.tick(hall.now);
        hall.speakers.tick(hall.now);
        assert_eq!([0, 1, 2].map(|person| hall.rank(person)), [2, 1, 0]);
        assert_eq!(hall.speakers.active(), [hall.tracks[2]]);
    }
}
