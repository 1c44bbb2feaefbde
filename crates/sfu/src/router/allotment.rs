//! What whoever shares out a client's bandwidth is told of its videos, and sets.

use std::time::Instant;

use str0m::media::{MediaKind, Mid};

use super::Router;
use super::selection::LayerIndex;
use crate::command::Source;
use crate::ids::PeerKey;

/// The most of a video that a subscription may be sent: the input of whoever shares out a client's bandwidth.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Allowance {
    /// What fills the tile.
    #[default]
    Unlimited,
    /// This layer, or one with a smaller picture.
    UpTo(LayerIndex),
    /// Nothing: the video is paused.
    Nothing,
}

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
}
