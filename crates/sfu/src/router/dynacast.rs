//! A layer that nobody is sent is not worth its encoding, and neither is a video that nobody is: its publisher is told, and
//! stops it. It is told at once when the layer is wanted again. A layer counts as wanted while somebody is sent it for want of
//! another one, too: so nothing is lost where a publisher cannot do as it is told.

use std::time::{Duration, Instant};

use str0m::media::{MediaKind, Rid};

use super::layers::Layers;
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
    /// Takes whether the layer is wanted.
    fn follow(&mut self, now: Instant, is_wanted: bool) {
        *self = match *self {
            _ if is_wanted => Self::Wanted,
            Self::Wanted => Self::Idle(now),
            Self::Idle(since) if since + STOP_AFTER <= now => Self::Stopped,
            as_before => as_before,
        };
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
        let track = track.filter(|track| track.kind() == MediaKind::Video);
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

    /// Looks which layers of a track are wanted. Gives the publisher, if it has to be told. What is muted is not sent anyhow, and
    /// is wanted as before when it comes again.
    fn follow_demand(&mut self, now: Instant, room: RoomKey, key: TrackKey) -> Option<PeerKey> {
        let track = self.rooms.get_mut(room)?.tracks.get_mut(key)?;
        track.is_demand_stale = false;
        if track.is_paused {
            return None;
        }
        let layers = &mut track.layers;
        let before = layers.wanted();
        let mut is_wanted = vec![false; layers.iter().len()];
        for subscription in &track.subscribers {
            let selection = self.subscriptions[*subscription].selection();
            let ideal = layers.ideal(selection.tile, selection.allowance);
            let wanted = [ideal, selection.wanted(), selection.sent()];
            wanted.into_iter().flatten().for_each(|layer| is_wanted[layer] = true);
        }
        for (layer, is_wanted) in layers.iter_mut().zip(is_wanted) {
            layer.demand.follow(now, is_wanted);
            if layer.demand == Demand::Stopped {
                layer.history.clear();
            }
            if let Some(at) = layer.demand.deadline() {
                self.timers.arm(at, Due::Demand(room, key));
            }
        }
        (layers.wanted() != before).then_some(track.publisher)
    }

    /// What is wanted of each video that a peer sends.
    fn wanted_layers(&mut self, publisher: PeerKey) -> Option<Vec<WantedLayers>> {
        let member = self.members.get_mut(publisher)?;
        member.is_told_layers = true;
        let tracks = &self.rooms[member.room].tracks;
        let tracks = member.published.iter().map(|(_, key)| &tracks[*key]);
        let videos = tracks.filter(|track| track.kind() == MediaKind::Video);
        let wanted = videos.map(|track| {
            let (is_wanted, rids) = track.layers.wanted();
            WantedLayers {
                mid: track.published.mid.to_string(),
                source: track.source(),
                rids: rids.iter().map(ToString::to_string).collect(),
                is_wanted,
            }
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

impl Layers {
    /// Whether any layer is wanted, as its publisher is told, and which, by their names. A layer without a name cannot be told of.
    fn wanted(&self) -> (bool, Vec<Rid>) {
        let is_wanted: Vec<bool> = self.iter().map(|layer| layer.demand != Demand::Stopped).collect();
        let named = self.names().iter().zip(&is_wanted);
        let rids = named.filter_map(|(name, is_wanted)| name.rid().filter(|_| *is_wanted));
        (is_wanted.contains(&true), rids.collect())
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
        let mut is_stopped = |ms, is_wanted| {
            demand.follow(at(ms), is_wanted);
            demand == Demand::Stopped
        };
        assert!(!is_stopped(0, true) && !is_stopped(10, false) && !is_stopped(5_009, false));
        // It was wanted in between.
        assert!(!is_stopped(5_009, true) && !is_stopped(6_000, false));
        assert!(!is_stopped(10_999, false) && is_stopped(11_000, false) && is_stopped(20_000, false));
        assert!(!is_stopped(20_001, true) && !is_stopped(20_002, false));
        assert_eq!(demand.deadline(), Some(at(25_002)));
    }
}
