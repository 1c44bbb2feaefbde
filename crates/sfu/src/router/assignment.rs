//! Which track is sent on which m-line: a new one for each track to plain clients, slots to those who have them.

use std::time::Instant;

use str0m::media::{MediaKind, Mid};

use super::Router;
use super::slots::place;
use super::subscription::{FarEnd, PeerLine, Subscription};
use crate::command::{Source, WantedVideo};
use crate::event::SlotAssignment;
use crate::ids::{PeerKey, RoomKey, SubscriptionKey, TrackKey, UserId};
use crate::line::{Label, Line, LineState, Lines};

const KINDS: [MediaKind; 2] = [MediaKind::Audio, MediaKind::Video];

/// A track for which a plain client needs a new m-line.
#[derive(Debug, Clone)]
pub(crate) struct MissingLine {
    pub(crate) track: TrackKey,
    pub(crate) kind: MediaKind,
    pub(crate) label: Label,
}

impl Router {
    /// A client has offered: what it declined may be offered again, and it is told its slots, whatever it knew before.
    pub(crate) fn offer_taken(&mut self, peer: PeerKey) {
        if let Some(member) = self.members.get_mut(peer) {
            member.refused.clear();
            member.told.clear();
        }
        self.repeat_wanted_layers(peer);
        self.tell_paused_again(peer);
    }

    /// Follows the m-lines of a peer. What is sent there begins and ends with what is negotiated.
    pub(crate) fn set_lines(&mut self, now: Instant, peer: PeerKey, lines: &Lines) {
        let Some(member) = self.members.get_mut(peer) else {
            return;
        };
        let room = member.room;
        let mut before = std::mem::take(&mut member.subscriptions);
        for line in &lines.lines {
            let known = before.iter().position(|(mid, _)| *mid == line.mid);
            let key = match known {
                Some(known) => before.swap_remove(known).1,
                None => {
                    let far_end = FarEnd::Peer(Box::new(PeerLine::new(peer, line.mid)));
                    self.subscriptions.insert(Subscription::new(far_end))
                }
            };
            self.members[peer].subscriptions.push((line.mid, key));
            self.set_line(now, peer, key, line.state, lines.is_connected);
        }
        for (_, gone) in before {
            self.unsubscribe(room, gone);
        }
    }

    fn set_line(&mut self, now: Instant, peer: PeerKey, key: SubscriptionKey, state: LineState, is_connected: bool) {
        let member = &mut self.members[peer];
        if state == LineState::Declined {
            member.refused.extend(self.subscriptions[key].assigned());
        }
        let room = member.room;
        self.change(now, room, key, is_connected, |subscription| {
            if matches!(state, LineState::Declined | LineState::Unusable) {
                subscription.assign(None);
            }
            subscription.set_open(state == LineState::Sending);
        });
    }

    /// Changes a subscription. What is sent from then on begins with a keyframe: one of a moment ago if there is one, else the
    /// next. For a client that is not connected yet it is requested now, so that it is there when it is.
    pub(super) fn change(
        &mut self,
        now: Instant,
        room: RoomKey,
        key: SubscriptionKey,
        is_connected: bool,
        change: impl FnOnce(&mut Subscription),
    ) {
        let subscription = &mut self.subscriptions[key];
        let before = subscription.forwarded();
        change(subscription);
        let after = subscription.forwarded();
        if before == after {
            return;
        }
        subscription.restart();
        let tracks = &mut self.rooms[room].tracks;
        if let Some(track) = before.and_then(|before| tracks.get_mut(before)) {
            track.lose_subscriber(key);
        }
        if let Some(after) = after {
            tracks[after].subscribers.push(key);
            self.aim(room, key);
            if is_connected {
                self.begin(room, key);
            } else {
                self.request_keyframe_for(now, room, key);
            }
        }
        for track in before.into_iter().chain(after) {
            self.set_demand_stale(room, track);
        }
    }

    /// Removes a subscription. Gives where it ended.
    pub(super) fn unsubscribe(&mut self, room: RoomKey, key: SubscriptionKey) -> Option<FarEnd> {
        let gone = self.subscriptions.remove(key)?;
        let track = gone.forwarded();
        if let Some(key_of_track) = track
            && let Some(track) = self.rooms[room].tracks.get_mut(key_of_track)
        {
            track.lose_subscriber(key);
            self.set_demand_stale(room, key_of_track);
        }
        Some(gone.into_far_end())
    }

    fn subscription(&self, peer: PeerKey, mid: Mid) -> Option<&Subscription> {
        let key = self.members.get(peer)?.subscription(mid)?;
        self.subscriptions.get(key)
    }

    pub(super) fn assigned(&self, peer: PeerKey, mid: Mid) -> Option<TrackKey> {
        self.subscription(peer, mid)?.assigned()
    }

    /// Assigns a track to an m-line, or none.
    pub(crate) fn assign(
        &mut self,
        now: Instant,
        peer: PeerKey,
        mid: Mid,
        track: Option<TrackKey>,
        is_connected: bool,
    ) {
        let Some(member) = self.members.get(peer) else {
            return;
        };
        if let Some(key) = member.subscription(mid) {
            let room = member.room;
            self.change(now, room, key, is_connected, |subscription| subscription.assign(track));
        }
    }

    /// How the track assigned to an m-line is announced.
    pub(crate) fn label(&self, peer: PeerKey, mid: Mid) -> Option<Label> {
        let track = self.assigned(peer, mid)?;
        let room = &self.rooms[self.members.get(peer)?.room];
        room.tracks.get(track).map(super::track::Track::label)
    }

    /// Whose track is assigned to an m-line, and which.
    pub(crate) fn source(&self, peer: PeerKey, mid: Mid) -> Option<(UserId, Source)> {
        let track = self.assigned(peer, mid)?;
        let track = self.rooms[self.members.get(peer)?.room].tracks.get(track)?;
        Some((track.user.clone(), track.source()))
    }

    /// The tracks that a plain client has no m-line for.
    fn missing(&self, peer: PeerKey) -> Vec<TrackKey> {
        let Some(member) = self.members.get(peer) else {
            return Vec::new();
        };
        let subscriptions = member.subscriptions.iter();
        let assigned: Vec<_> = subscriptions
            .filter_map(|(_, key)| self.subscriptions[*key].assigned())
            .collect();
        self.rooms[member.room]
            .offered_to(&member.user)
            .filter(|track| !assigned.contains(track) && !member.refused.contains(track))
            .collect()
    }

    /// Whether a plain client is sent something else than what is negotiated, or lacks a track.
    pub(crate) fn needs_offer(&self, peer: PeerKey, lines: &Lines) -> bool {
        let disagrees = |line: &Line| match line.state {
            LineState::Idle | LineState::Offered => self.assigned(peer, line.mid).is_some(),
            LineState::Sending => self.assigned(peer, line.mid).is_none(),
            LineState::Declined | LineState::Unusable => false,
        };
        lines.lines.iter().any(disagrees) || !self.missing(peer).is_empty()
    }

    /// Puts tracks that a plain client lacks on its idle m-lines.
    pub(crate) fn fill_idle(&mut self, now: Instant, peer: PeerKey, lines: &Lines) {
        let mut idle = lines.lines.clone();
        idle.retain(|line| line.state == LineState::Idle && self.assigned(peer, line.mid).is_none());
        for track in self.missing(peer) {
            let kind = self.rooms[self.members[peer].room].tracks[track].kind();
            if let Some(free) = idle.iter().position(|line| line.kind == kind) {
                let mid = idle.remove(free).mid;
                self.assign(now, peer, mid, Some(track), lines.is_connected);
            }
        }
    }

    /// The tracks for which a plain client needs new m-lines, at most `space`. A track that can wait for an m-line to become
    /// idle waits: so the SDP grows no longer than the largest number of tracks at a time.
    pub(crate) fn missing_lines(&self, peer: PeerKey, lines: &Lines, space: usize) -> Vec<MissingLine> {
        let is_draining = |line: &Line| {
            matches!(line.state, LineState::Sending | LineState::Offered) && self.assigned(peer, line.mid).is_none()
        };
        let mut draining = KINDS.map(|kind| {
            let of_kind = lines.lines.iter().filter(|line| line.kind == kind);
            of_kind.filter(|line| is_draining(line)).count()
        });
        let mut missing = Vec::new();
        for key in self.missing(peer) {
            let track = &self.rooms[self.members[peer].room].tracks[key];
            let waiting = &mut draining[usize::from(track.kind() == MediaKind::Video)];
            if *waiting > 0 {
                *waiting -= 1;
            } else if missing.len() < space {
                missing.push(MissingLine {
                    track: key,
                    kind: track.kind(),
                    label: track.label(),
                });
            }
        }
        missing
    }

    /// Fills a client's slots anew.
    pub(crate) fn fill_slots(&mut self, now: Instant, peer: PeerKey, lines: &Lines, view: &[WantedVideo]) {
        let Some(member) = self.members.get(peer) else {
            return;
        };
        let room_key = member.room;
        let user = &member.user;
        let [voices, pictures] = KINDS.map(|kind| {
            let of_kind = usable(lines).filter(|line| line.kind == kind);
            of_kind.map(|line| line.mid).collect::<Vec<Mid>>()
        });
        let room = &self.rooms[room_key];
        let audio = room.wanted_audio(user, voices.len());
        let in_order = room.wanted_video(user, view, pictures.len());
        let [sound, screen] = room.shared_of(&audio, &in_order);
        let (mut placed, mut resized) = (Vec::new(), Vec::new());
        for (slots, wanted, shared) in [(voices, &audio, sound), (pictures, &in_order, screen)] {
            let current: Vec<_> = slots.iter().map(|mid| self.assigned(peer, *mid)).collect();
            placed.extend(slots.into_iter().zip(place(&current, wanted, shared)));
        }
        for (mid, track) in placed {
            let tile = track.and_then(|track| self.height_in(view, track, room_key));
            let Some(key) = self.members[peer].subscription(mid) else {
                continue;
            };
            let selection = self.subscriptions[key].selection_mut();
            let is_resized = std::mem::replace(&mut selection.tile, tile) != tile;
            self.change(now, room_key, key, lines.is_connected, |subscription| {
                subscription.assign(track);
            });
            resized.extend(is_resized.then_some(key));
        }
        self.members[peer].videos = in_order;
        self.allot(now, peer);
        // What the line allows is known now: no keyframe is asked for that would not be sent.
        for key in resized {
            self.select(now, room_key, key);
        }
    }

    /// The height at which a view shows a track. A screen is sent whole: text has to be sharp.
    fn height_in(&self, view: &[WantedVideo], track: TrackKey, room: RoomKey) -> Option<u32> {
        let track = self.rooms[room].tracks.get(track)?;
        if track.source() == Source::Screen {
            return None;
        }
        let is_it = |want: &&WantedVideo| want.user == track.user && want.source == track.source();
        view.iter().find(is_it)?.max_height
    }

    /// What is in a client's slots, if it was told otherwise before.
    pub(crate) fn tell_slots(&mut self, peer: PeerKey, lines: &Lines) -> Option<Vec<SlotAssignment>> {
        let current: Vec<_> = usable(lines)
            .map(|line| (line.mid, self.assigned(peer, line.mid)))
            .collect();
        let member = self.members.get_mut(peer)?;
        if member.told == current {
            return None;
        }
        let tracks = &self.rooms[member.room].tracks;
        let slots = usable(lines).zip(&current).map(|(line, (_, track))| SlotAssignment {
            mid: line.mid.to_string(),
            kind: line.kind,
            track: track
                .and_then(|track| tracks.get(track))
                .map(|track| (track.user.clone(), track.source())),
        });
        let slots = slots.collect();
        member.told = current;
        Some(slots)
    }
}

/// The slots that can be filled.
fn usable(lines: &Lines) -> impl Iterator<Item = &Line> {
    lines.lines.iter().filter(|line| line.state != LineState::Unusable)
}
