//! Tracks come and go, and are paused.

use std::time::Instant;

use str0m::media::Mid;

use super::Router;
use super::layers::Layers;
use super::track::{Published, Track};
use crate::budget::Budget;
use crate::command::Source;
use crate::ids::{PeerKey, RoomKey, TrackKey};
use crate::rtp::EncodingName;

impl Router {
    /// Makes what a peer publishes that which its offer says. `is_paused` says which sources are muted.
    pub(crate) fn publish(
        &mut self,
        now: Instant,
        peer: PeerKey,
        published: &[Published],
        is_paused: impl Fn(Source) -> bool,
    ) {
        let Some(member) = self.members.get_mut(peer) else {
            return;
        };
        let (key, user) = (member.room, member.user.clone());
        let before = std::mem::take(&mut member.published);
        let tracks = &self.rooms[key].tracks;
        let stays = |(_, track): &(_, TrackKey)| published.contains(&tracks[*track].published);
        let (mut kept, gone): (Vec<_>, Vec<_>) = before.into_iter().partition(stays);
        for (_, track) in gone {
            self.unpublish(now, key, track);
        }
        for published in published {
            if !kept.iter().any(|(mid, _)| *mid == published.mid) {
                let track = Track::new(peer, user.clone(), *published, Budget::new(self.track_kilobits, now));
                let track = self.rooms[key].publish(track, now);
                self.track_count += 1;
                kept.push((published.mid, track));
                self.set_demand_stale(key, track);
            }
        }
        self.members[peer].published = kept;
        self.tap_tracks(now, peer);
        self.pause(now, peer, is_paused);
    }

    /// Takes which encodings a peer sends at the same time on an m-line; none: one.
    pub(crate) fn set_encodings(&mut self, peer: PeerKey, mid: Mid, names: Vec<EncodingName>) {
        let Some(member) = self.members.get(peer) else {
            return;
        };
        let Some((_, key)) = member.published.iter().find(|(published, _)| *published == mid) else {
            return;
        };
        let (room, key) = (member.room, *key);
        let track = &mut self.rooms[room].tracks[key];
        if track.layers.names() == names {
            return;
        }
        track.layers = Layers::new(names);
        for subscription in &track.subscribers {
            self.subscriptions[*subscription].restart();
        }
        self.aim_all(room, key);
    }

    /// The m-lines on which a peer publishes.
    pub(crate) fn published_lines(&self, peer: PeerKey) -> impl Iterator<Item = Mid> {
        let published = self.members.get(peer).map(|member| member.published.iter());
        published.into_iter().flatten().map(|(mid, _)| *mid)
    }

    /// Pauses and resumes what a peer publishes.
    pub(crate) fn pause(&mut self, now: Instant, peer: PeerKey, is_paused: impl Fn(Source) -> bool) {
        let Some(member) = self.members.get(peer) else {
            return;
        };
        let key = member.room;
        let mut changed = Vec::new();
        for (_, track_key) in &member.published {
            let room = &mut self.rooms[key];
            let track = &mut room.tracks[*track_key];
            let paused = is_paused(track.source());
            if track.is_paused == paused {
                continue;
            }
            track.is_paused = paused;
            if paused {
                track.layers.forget_sent();
                room.speakers.hush(*track_key);
            }
            changed.push((*track_key, paused));
            room.set_stale();
        }
        for (track, is_paused) in changed {
            self.tell_paused(now, key, track, is_paused);
            if !is_paused {
                self.resume(now, key, track);
            }
        }
    }

    fn resume(&mut self, now: Instant, room: RoomKey, track: TrackKey) {
        for subscription in &self.rooms[room].tracks[track].subscribers {
            self.subscriptions[*subscription].restart();
        }
        self.request_keyframe(now, room, track);
        self.set_demand_stale(room, track);
    }

    pub(super) fn unpublish(&mut self, now: Instant, room: RoomKey, track: TrackKey) {
        self.untap(now, room, track);
        // Also subscriptions whose sending is not negotiated yet.
        let peers = self.rooms[room].peers.clone();
        for peer in peers {
            let subscriptions = &self.members[peer].subscriptions;
            let of_track = |key| self.subscriptions[key].assigned() == Some(track);
            let found = subscriptions.iter().map(|(_, key)| *key).find(|key| of_track(*key));
            if let Some(subscription) = found {
                self.change(now, room, subscription, false, |subscription| subscription.assign(None));
            }
        }
        let gone = self.rooms[room].unpublish(track);
        self.track_count -= usize::from(gone.is_some());
    }
}
