//! Which layers subscriptions want, as tiles, layers and allowances change.

use std::time::Instant;

use super::Router;
use super::selection::EncodingIndex;
use crate::ids::{RoomKey, SubscriptionKey, TrackKey};

impl Router {
    /// Chooses the layer for a subscription whose tile or allowance has changed, and requests the keyframe that it begins with.
    pub(super) fn select(&mut self, now: Instant, room: RoomKey, key: SubscriptionKey) {
        let Some(track) = self.subscriptions[key].forwarded() else {
            return;
        };
        if let Some(encoding) = self.aim(room, key) {
            self.request_keyframe_of(now, room, (track, encoding));
        }
        self.set_demand_stale(room, track);
    }

    /// Chooses the layer that a subscription wants. Gives its encoding, if that has to begin with a keyframe.
    pub(super) fn aim(&mut self, room: RoomKey, key: SubscriptionKey) -> Option<EncodingIndex> {
        let subscription = &mut self.subscriptions[key];
        let track = self.rooms[room].tracks.get(subscription.forwarded()?)?;
        let selection = subscription.selection_mut();
        let picked = track.layers.pick(selection.tile, selection.allowance);
        let wanted = picked.map(|(encoding, _)| encoding);
        let needs_keyframe = selection.aim(wanted);
        if let Some((_, limit)) = picked {
            subscription.limit(limit);
        }
        wanted.filter(|_| needs_keyframe)
    }

    /// Chooses the layer for each subscription of a track. The next packet of a layer that is wanted asks for its keyframe.
    pub(super) fn aim_all(&mut self, room: RoomKey, track: TrackKey) {
        for key in self.rooms[room].tracks[track].subscribers.clone() {
            self.aim(room, key);
        }
        self.set_demand_stale(room, track);
    }
}
