//! Which layers subscriptions want, as tiles, layers and allowances change.

use std::time::Instant;

use super::Router;
use super::selection::LayerIndex;
use crate::ids::{RoomKey, SubscriptionKey, TrackKey};

impl Router {
    /// Chooses the layer for a subscription whose tile or allowance has changed, and requests the keyframe that it begins with.
    pub(super) fn select(&mut self, now: Instant, room: RoomKey, key: SubscriptionKey) {
        let Some(track) = self.subscriptions[key].forwarded() else {
            return;
        };
        if let Some(layer) = self.aim(room, key) {
            self.request_keyframe_of(now, room, (track, layer));
        }
        self.set_demand_stale(room, track);
    }

    /// Chooses the layer that a subscription wants. Gives it, if it has to begin with a keyframe.
    pub(super) fn aim(&mut self, room: RoomKey, key: SubscriptionKey) -> Option<LayerIndex> {
        let subscription = &mut self.subscriptions[key];
        let track = self.rooms[room].tracks.get(subscription.forwarded()?)?;
        let selection = subscription.selection_mut();
        let wanted = track.layers.pick(selection.tile, selection.allowance);
        let needs_keyframe = selection.aim(wanted);
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
