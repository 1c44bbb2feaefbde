//! A layer that nobody is sent is not worth its encoding: its publisher is told, and stops it. It is told at once when the
//! layer is wanted again. A layer counts as wanted while somebody is sent it for want of another one, too: so nothing is lost
//! where a publisher cannot do as it is told.

use std::time::{Duration, Instant};

use str0m::media::Rid;

use super::{Due, Router};
use crate::event::WantedLayers;
use crate::ids::{PeerKey, RoomKey, TrackKey};
use crate::rtp::EncodingName;

/// How long nobody has to want a layer until it is stopped: to start it again costs a keyframe, and speakers take turns.
pub(super) const STOP_AFTER: Duration = Duration::from_secs(5);

/// How a layer is wanted, and what its publisher knows of that.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum Demand {
    /// It is wanted, as far as its publisher knows.
    #[default]
    Wanted,
    /// It has not been wanted since then. Its publisher is told later.
    Idle(Instant),
    /// Its publisher was told to stop it.
    Stopped,
}

impl Demand {
    /// Takes whether the layer is wanted. Gives whether its publisher has to be told.
    fn follow(&mut self, now: Instant, is_wanted: bool) -> bool {
        let before = *self;
        *self = match before {
            _ if is_wanted => Self::Wanted,
            Self::Wanted => Self::Idle(now),
            Self::Idle(since) if since + STOP_AFTER <= now => Self::Stopped,
            Self::Idle(_) | Self::Stopped => before,
        };
        (before == Self::Stopped) != (*self == Self::Stopped)
    }

    /// When it is to be looked at again.
    fn deadline(self) -> Option<Instant> {
        match self {
            Self::Idle(since) => Some(since + STOP_AFTER),
            Self::Wanted | Self::Stopped => None,
        }
    }
}

impl Router {
    /// The layers of a track may be wanted otherwise than before.
    pub(super) fn set_demand_stale(&mut self, room: RoomKey, key: TrackKey) {
        let track = self.rooms.get_mut(room).and_then(|room| room.tracks.get_mut(key));
        let track = track.filter(|track| track.layers.are_several());
        if track.is_some_and(|track| !std::mem::replace(&mut track.is_demand_stale, true)) {
            self.stale_demands.push((room, key));
        }
    }

    /// The next publisher to be told which layers of its videos are wanted. To be polled after each call.
    pub(crate) fn poll_wanted_layers(&mut self, now: Instant) -> Option<(PeerKey, Vec<WantedLayers>)> {
        while let Some((room, key)) = self.stale_demands.pop() {
            let publisher = self.follow_demand(now, room, key);
            self.untold_layers.extend(publisher);
        }
        loop {
            let peer = self.untold_layers.pop()?;
            self.untold_layers.retain(|other| *other != peer);
            // Else it has left.
            if let Some(videos) = self.wanted_layers(peer) {
                return Some((peer, videos));
            }
        }
    }

    /// Looks which layers of a track are wanted. Gives the publisher, if it has to be told.
    fn follow_demand(&mut self, now: Instant, room: RoomKey, key: TrackKey) -> Option<PeerKey> {
        let track = self.rooms.get_mut(room)?.tracks.get_mut(key)?;
        track.is_demand_stale = false;
        let layers = &mut track.layers;
        let mut is_wanted = vec![false; layers.iter().len()];
        for subscription in &track.subscribers {
            let selection = self.subscriptions[*subscription].selection();
            let ideal = layers.ideal(selection.tile, selection.allowance);
            let wanted = [ideal, selection.wanted(), selection.sent()];
            wanted.into_iter().flatten().for_each(|layer| is_wanted[layer] = true);
        }
        let mut has_changed = false;
        for (layer, is_wanted) in layers.iter_mut().zip(is_wanted) {
            has_changed |= layer.demand.follow(now, is_wanted);
            if layer.demand == Demand::Stopped {
                layer.history.clear();
            }
            if let Some(at) = layer.demand.deadline() {
                self.timers.arm(at, Due::Demand(room, key));
            }
        }
        let is_named = layers.names().iter().all(|name| name.rid().is_some());
        (has_changed && is_named).then_some(track.publisher)
    }

    /// The layers that are wanted of each video that a peer sends in several. A layer without a name cannot be told of.
    fn wanted_layers(&mut self, publisher: PeerKey) -> Option<Vec<WantedLayers>> {
        let member = self.members.get_mut(publisher)?;
        member.is_told_layers = true;
        let tracks = &self.rooms[member.room].tracks;
        let tracks = member.published.iter().map(|(_, key)| &tracks[*key]);
        let wanted = tracks.filter_map(|track| {
            let named = track.layers.names().iter().zip(track.layers.iter());
            let rids: Option<Vec<_>> = named.map(|(name, layer)| Some((name.rid()?, layer.demand))).collect();
            let wanted = rids?.into_iter().filter(|(_, demand)| *demand != Demand::Stopped);
            track.layers.are_several().then(|| WantedLayers {
                mid: track.published.mid.to_string(),
                source: track.source(),
                rids: wanted.map(|(rid, _)| rid.to_string()).collect(),
            })
        });
        Some(wanted.collect())
    }

    /// A client has offered, and may have missed what it was told: it is told again, if it ever was.
    pub(super) fn repeat_wanted_layers(&mut self, peer: PeerKey) {
        if self.members.get(peer).is_some_and(|member| member.is_told_layers) {
            self.untold_layers.push(peer);
        }
    }
}

impl EncodingName {
    fn rid(&self) -> Option<Rid> {
        match self {
            Self::Rid(rid) => Some(*rid),
            Self::Ssrc(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layer_is_stopped_late_and_started_at_once() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut demand = Demand::default();
        assert!(!demand.follow(at(0), true) && !demand.follow(at(10), false));
        assert!(!demand.follow(at(5_009), false));
        assert_eq!(demand.deadline(), Some(at(5_010)));
        // It was wanted in between.
        assert!(!demand.follow(at(5_009), true) && !demand.follow(at(6_000), false));
        assert!(!demand.follow(at(10_999), false) && demand.follow(at(11_000), false));
        assert!(!demand.follow(at(20_000), false) && demand.deadline().is_none());
        assert!(demand.follow(at(20_001), true) && demand == Demand::Wanted);
    }
}
