//! Which layers subscriptions want, as tiles, layers and allowances change.

use std::time::Instant;

use str0m::media::{MediaKind, Mid};

use super::Router;
use super::selection::{Allowance, LayerIndex};
use crate::command::Source;
use crate::ids::{PeerKey, RoomKey, SubscriptionKey, TrackKey};
use crate::throttle::Need;

/// A video that a client is sent, for whoever shares out its bandwidth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SentVideo {
    /// The m-line.
    pub(crate) mid: Mid,
    /// What it shows.
    pub(crate) source: Source,
    /// The height in pixels at which it is shown; `None`: as large as it comes.
    pub(crate) tile: Option<u32>,
    /// The layer that is sent now.
    pub(crate) sent: Option<LayerIndex>,
    /// What it could be sent, the smallest picture first.
    pub(crate) layers: Vec<LayerCost>,
}

/// What a layer costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LayerCost {
    /// To be named by [`Allowance::UpTo`].
    pub(crate) layer: LayerIndex,
    /// The height of the picture.
    pub(crate) height: u32,
    /// Bits per second of its payload in the last second, or in the last one in which it was sent; zero if it never was.
    pub(crate) bits: u64,
    /// Whether its publisher sends it now.
    pub(crate) is_active: bool,
}

impl Router {
    /// The videos that a client is sent, in the order of its m-lines.
    pub(crate) fn sent_videos(&self, peer: PeerKey) -> impl Iterator<Item = SentVideo> {
        let member = self.members.get(peer);
        let lines = member.into_iter().flat_map(|member| {
            let room = &self.rooms[member.room];
            member.subscriptions.iter().map(move |line| (room, line))
        });
        lines.filter_map(|(room, (mid, key))| {
            let subscription = &self.subscriptions[*key];
            let track = room.tracks.get(subscription.forwarded()?)?;
            (track.kind() == MediaKind::Video && !track.is_paused).then(|| SentVideo {
                mid: *mid,
                source: track.source(),
                tile: subscription.selection().tile,
                sent: subscription.selection().sent(),
                layers: track.layers.costs(),
            })
        })
    }

    /// Sets the most that a client may be sent on an m-line. It holds for whatever video is there.
    pub(crate) fn allow(&mut self, now: Instant, peer: PeerKey, mid: Mid, allowance: Allowance) {
        let member = self.members.get(peer);
        let Some((room, key)) = member.and_then(|member| Some((member.room, member.subscription(mid)?))) else {
            return;
        };
        self.subscriptions[key].selection_mut().allowance = allowance;
        if allowance == Allowance::Nothing {
            self.subscriptions[key].restart();
        }
        self.select(now, room, key);
    }

    /// Chooses the layer that a subscription wants, and requests the keyframe that it begins with.
    pub(super) fn select(&mut self, now: Instant, room: RoomKey, key: SubscriptionKey) {
        if let (Some(layer), Some(track)) = (self.aim(room, key), self.subscriptions[key].forwarded()) {
            self.request_keyframe_of(now, room, (track, layer), Need::New);
        }
    }

    /// Chooses the layer that a subscription wants. Gives it, if it has to begin with a keyframe.
    pub(super) fn aim(&mut self, room: RoomKey, key: SubscriptionKey) -> Option<LayerIndex> {
        let subscription = &mut self.subscriptions[key];
        let forwarded = subscription.forwarded()?;
        let track = self.rooms[room].tracks.get(forwarded)?;
        let selection = subscription.selection_mut();
        let before = *selection;
        let wanted = track.layers.pick(selection.tile, selection.allowance);
        let needs_keyframe = selection.aim(wanted);
        if *selection != before {
            self.set_demand_stale(room, forwarded);
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
