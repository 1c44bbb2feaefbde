//! Keyframe requests from subscribers to publishers, throttled for each layer.

use std::time::Instant;

use str0m::media::{MediaKind, Mid};
use str0m::rtp::Ssrc;

use super::dynacast::Demand;
use super::{Due, Router};
use crate::ids::{PeerKey, RoomKey, SubscriptionKey, TrackKey};

/// A keyframe request to a publisher.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct KeyframeRequest {
    /// The publisher.
    pub(crate) peer: PeerKey,
    /// The m-line on which it sends the track.
    pub(crate) mid: Mid,
    /// The stream that is forwarded, if one has come.
    pub(crate) ssrc: Option<Ssrc>,
}

impl Router {
    /// The next request to make. They are to be made after each call.
    pub(crate) fn poll_keyframe_request(&mut self) -> Option<KeyframeRequest> {
        self.requests.pop()
    }

    /// A subscriber asks for a keyframe of what it is sent on an m-line.
    pub(crate) fn keyframe_requested(&mut self, now: Instant, peer: PeerKey, mid: Mid) {
        let Some(member) = self.members.get(peer) else {
            return;
        };
        if let (room, Some(key)) = (member.room, member.subscription(mid)) {
            self.request_keyframe_for(now, room, key);
        }
    }

    /// A publisher's path is up again. What it sent meanwhile is lost, and so are the requests to it: a receiver that asked in
    /// vain asks again only after seconds.
    pub(crate) fn request_keyframes_of(&mut self, now: Instant, publisher: PeerKey) {
        let Some(member) = self.members.get(publisher) else {
            return;
        };
        let room = member.room;
        for (_, track) in member.published.clone() {
            self.request_keyframe(now, room, track);
        }
    }

    /// A subscriber's path is mended: what was lost on it is made up for by keyframes.
    pub(crate) fn request_keyframes_for(&mut self, now: Instant, subscriber: PeerKey) {
        let Some(member) = self.members.get(subscriber) else {
            return;
        };
        let room = member.room;
        let subscriptions = member.subscriptions.iter();
        let forwarded: Vec<_> = subscriptions
            .map(|(_, key)| *key)
            .filter(|key| self.subscriptions[*key].forwarded().is_some())
            .collect();
        for subscription in forwarded {
            self.request_keyframe_for(now, room, subscription);
        }
    }

    /// Requests a keyframe of each layer of a video that is wanted, of those that have come if any has.
    pub(super) fn request_keyframe(&mut self, now: Instant, room: RoomKey, key: TrackKey) {
        let Some(track) = self.rooms[room].tracks.get(key) else {
            return;
        };
        let has_any_come = track.layers.iter().any(|layer| layer.ssrc().is_some());
        let layers = track.layers.iter().enumerate();
        let wanted =
            layers.filter(|(_, layer)| layer.demand != Demand::Stopped && (layer.ssrc().is_some() || !has_any_come));
        for layer in wanted.map(|(layer, _)| layer).collect::<Vec<_>>() {
            self.request_keyframe_of(now, room, (key, layer));
        }
    }

    /// Requests a keyframe for a subscription, of what it is sent.
    pub(super) fn request_keyframe_for(&mut self, now: Instant, room: RoomKey, subscription: SubscriptionKey) {
        let Some(subscription) = self.subscriptions.get(subscription) else {
            return;
        };
        let selection = subscription.selection();
        let layer = selection.sent().or(selection.wanted());
        if let Some((key, layer)) = subscription.forwarded().zip(layer) {
            self.request_keyframe_of(now, room, (key, layer));
        }
    }

    /// Requests a keyframe of one layer of a video, at once or when the publisher may be asked again.
    pub(super) fn request_keyframe_of(&mut self, now: Instant, room: RoomKey, (key, layer): (TrackKey, usize)) {
        let Some(track) = self.rooms[room].tracks.get_mut(key) else {
            return;
        };
        if track.kind() == MediaKind::Audio {
            return;
        }
        let Some(asked) = track.layers.get_mut(layer) else {
            return;
        };
        let ssrc = asked.ssrc();
        if asked.keyframes.ask(now) {
            self.requests.push(track.keyframe_request(ssrc));
        } else if let Some(at) = asked.keyframes.deadline() {
            self.timers.arm(at, Due::Keyframe(room, key, layer));
        }
    }

    /// Makes a request that was put off.
    pub(super) fn request_put_off(&mut self, now: Instant, room: RoomKey, key: TrackKey, layer: usize) {
        let track = self.rooms.get_mut(room).and_then(|room| room.tracks.get_mut(key));
        let Some(track) = track else {
            return;
        };
        let Some(asked) = track.layers.get_mut(layer) else {
            return;
        };
        let ssrc = asked.ssrc();
        if asked.keyframes.due(now) {
            self.requests.push(track.keyframe_request(ssrc));
        } else if let Some(at) = asked.keyframes.deadline() {
            // The timer was set for an earlier request, which was made meanwhile.
            self.timers.arm(at, Due::Keyframe(room, key, layer));
        }
    }
}
