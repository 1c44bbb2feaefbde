//! Recordings: who is recorded, and what is told of them.

use std::collections::VecDeque;
use std::time::Instant;

use super::recorded::Recorded;
use super::subscription::FarEnd;
use super::tap::Tap;
use super::tape::{Stamp, TapeStats};
use super::{Router, Subscription};
use crate::ids::{PeerKey, RecordingId, RoomId, RoomKey, SubscriptionKey, TrackKey, UserId};
use crate::tap::{Heard, StopReason, Tapped};

/// Recordings that were stopped and are remembered. A late command comes after seconds.
const MAX_STOPPED: usize = 1_024;

/// A recording that runs in a room.
pub(super) struct Recording {
    pub(super) stamp: Stamp,
    /// Whether a peer of it was told.
    has_begun: bool,
    /// The speakers that were told last.
    speakers: Vec<UserId>,
}

/// Recordings that were stopped: the last ones.
#[derive(Default)]
pub(super) struct Stopped(VecDeque<RecordingId>);

impl Stopped {
    fn add(&mut self, recording: RecordingId) {
        if self.0.contains(&recording) {
            return;
        }
        if self.0.len() == MAX_STOPPED {
            self.0.pop_front();
        }
        self.0.push_back(recording);
    }

    fn contains(&self, recording: &RecordingId) -> bool {
        self.0.contains(recording)
    }
}

impl Router {
    /// The user of a peer is called `name` by now; empty: as before.
    pub(crate) fn rename(&mut self, now: Instant, peer: PeerKey, name: String) {
        let Some(member) = self.members.get_mut(peer).filter(|_| !name.is_empty()) else {
            return;
        };
        if let Some(recorded) = &mut member.recorded {
            recorded.tell_name(now, &name, &mut self.tape);
        }
        member.name = name;
    }

    /// Records a peer. A recording that was stopped does not begin again, and another one in its room is stopped by it.
    pub(crate) fn record(&mut self, now: Instant, peer: PeerKey, recording: &RecordingId) {
        let recorded = self.members.get(peer).and_then(|member| member.recorded.as_ref());
        if recorded.is_some_and(|recorded| recorded.stamp.recording == *recording) || self.stopped.contains(recording) {
            return;
        }
        let Some(room) = self.room_of(peer) else {
            return;
        };
        let running = self.rooms[room].recording.as_ref().map(|running| &running.stamp);
        if let Some(other) = running.filter(|running| running.recording != *recording) {
            let Stamp { room, recording } = other.clone();
            self.stop_recording(now, &room, recording);
        }
        let stamp = Stamp {
            room: self.rooms[room].id.clone(),
            recording: recording.clone(),
        };
        let member = &mut self.members[peer];
        let (user, name) = (member.user.clone(), member.name.clone());
        let mut recorded = Recorded::new(now, stamp.clone(), self.tape.next_peer(), user, name);
        let is_told = recorded.tell_joined(now, &mut self.tape);
        member.recorded = Some(recorded);
        let running = self.rooms[room].recording.get_or_insert(Recording {
            stamp,
            has_begun: false,
            speakers: Vec::new(),
        });
        running.has_begun |= is_told;
        self.tap_tracks(now, peer);
        self.tell_speakers(now, room);
    }

    /// Records a peer no more.
    pub(crate) fn record_no_more(&mut self, now: Instant, peer: PeerKey) {
        if let Some(room) = self.end_recorded(now, peer) {
            self.tell_speakers(now, room);
            let members = &self.members;
            let is_recorded = |peer: &PeerKey| members.get(*peer).is_some_and(|member| member.recorded.is_some());
            if !self.rooms[room].peers.iter().any(is_recorded) {
                self.end_recording(now, room, StopReason::Empty);
            }
        }
    }

    /// Stops a recording for good.
    pub(crate) fn stop_recording(&mut self, now: Instant, room: &RoomId, recording: RecordingId) {
        let key = self.by_id.get(room).copied();
        let running = key.and_then(|key| self.rooms[key].recording.as_ref());
        let runs = running.is_some_and(|running| running.stamp.recording == recording);
        self.stopped.add(recording);
        if let Some(room) = key.filter(|_| runs) {
            for peer in self.rooms[room].peers.clone() {
                self.end_recorded(now, peer);
            }
            self.end_recording(now, room, StopReason::Command);
        }
    }

    /// Records a peer where another one was, of the same client.
    pub(crate) fn inherit_recording(&mut self, now: Instant, from: PeerKey, to: PeerKey) {
        let recorded = self.members.get(from).and_then(|member| member.recorded.as_ref());
        if let Some(recording) = recorded.map(|recorded| recorded.stamp.recording.clone()) {
            self.record(now, to, &recording);
        }
    }

    /// Takes a peer out of its recording. Gives the room, if it was in one.
    fn end_recorded(&mut self, now: Instant, peer: PeerKey) -> Option<RoomKey> {
        let member = self.members.get_mut(peer)?;
        let (room, recorded) = (member.room, member.recorded.take()?);
        for (_, tap) in &recorded.taps {
            self.end_tap(now, room, *tap);
        }
        if recorded.is_told() {
            let left = Heard::Left { peer: recorded.peer };
            self.tape.tell_always(now, &recorded.stamp, left);
            // It may have been told later than it was recorded.
            if let Some(running) = &mut self.rooms[room].recording {
                running.has_begun = true;
            }
        }
        Some(room)
    }

    fn end_recording(&mut self, now: Instant, room: RoomKey, reason: StopReason) {
        let ended = self.rooms[room].recording.take();
        if let Some(Recording { stamp, .. }) = ended.filter(|ended| ended.has_begun) {
            self.tape.tell_always(now, &stamp, Heard::Stopped(reason));
        }
    }

    /// Taps what a recorded peer publishes and is not tapped yet.
    pub(super) fn tap_tracks(&mut self, now: Instant, peer: PeerKey) {
        let member = &mut self.members[peer];
        let (room, Some(recorded)) = (member.room, &mut member.recorded) else {
            return;
        };
        let mut taps = Vec::new();
        for (_, track) in &member.published {
            if recorded.taps.iter().all(|(tapped, _)| tapped != track) {
                let published = self.rooms[room].tracks[*track].published;
                let tap = Tap::new(recorded, published.kind, published.source);
                let key = self.subscriptions.insert(Subscription::new(FarEnd::Tap(tap)));
                recorded.taps.push((*track, key));
                taps.push((*track, key));
            }
        }
        for (track, key) in taps {
            self.change(now, room, key, true, |subscription| {
                subscription.assign(Some(track));
                subscription.set_open(true);
            });
        }
    }

    /// A track is not published any more.
    pub(super) fn untap(&mut self, now: Instant, room: RoomKey, track: TrackKey) {
        let publisher = self.rooms[room].tracks.get(track).map(|track| track.publisher);
        let member = publisher.and_then(|publisher| self.members.get_mut(publisher));
        let Some(recorded) = member.and_then(|member| member.recorded.as_mut()) else {
            return;
        };
        if let Some(index) = recorded.taps.iter().position(|(tapped, _)| *tapped == track) {
            let (_, tap) = recorded.taps.swap_remove(index);
            self.end_tap(now, room, tap);
        }
    }

    fn end_tap(&mut self, now: Instant, room: RoomKey, tap: SubscriptionKey) {
        if let Some(FarEnd::Tap(tap)) = self.unsubscribe(room, tap) {
            tap.end(now, &mut self.tape);
        }
    }

    /// Tells a track's pause, or its end, to its recording.
    pub(super) fn tell_paused(&mut self, now: Instant, room: RoomKey, track: TrackKey, is_paused: bool) {
        for key in &self.rooms[room].tracks[track].subscribers {
            if let Some(FarEnd::Tap(tap)) = self.subscriptions.get_mut(*key).map(Subscription::far_end) {
                tap.set_paused(now, is_paused, &mut self.tape);
            }
        }
    }

    /// Tells a room's recording who of the recorded speaks, if that has changed.
    pub(super) fn tell_speakers(&mut self, now: Instant, key: RoomKey) {
        let room = &mut self.rooms[key];
        let Some(mut running) = room.recording.take() else {
            return;
        };
        let recorded = |peer| self.members.get(peer).and_then(|member| member.recorded.as_ref());
        let users = room.active_speakers(|peer| recorded(peer).is_some_and(Recorded::is_told));
        if users != running.speakers {
            let speakers = Heard::Speakers(users.clone());
            if self.tape.tell(now, &running.stamp, speakers) {
                running.speakers = users;
            }
        }
        room.recording = Some(running);
    }

    /// The next thing that a recording heard.
    pub(crate) fn poll_tapped(&mut self) -> Option<Tapped> {
        let tapped = self.tape.pop()?;
        while let Some((key, track)) = self.tape.next_losing() {
            if let Some(FarEnd::Tap(tap)) = self.subscriptions.get_mut(key).map(Subscription::far_end) {
                tap.tell_gap(track, &mut self.tape);
            }
        }
        Some(tapped)
    }

    /// What recordings counted.
    pub(crate) fn tape_stats(&self) -> TapeStats {
        self.tape.stats
    }
}
