//! The layers of a track: the encodings that its publisher sends at the same time (simulcast, RFC 8853), as its offer has
//! them in order, and the layers inside of each (SVC).

use std::sync::Arc;
use std::time::Instant;

use str0m::format::PayloadParams;
use str0m::media::MediaKind;
use str0m::rtp::{RtpHeader, Ssrc};

use super::dynacast::Demand;
use super::encoding::Encoding;
use super::selection::{Allowance, EncodingIndex, Layer, Size};
use super::thinning::Limit;
use crate::rtp::{Choice, EncodingName, Incoming, Packet};

/// The height of the first layer, as long as it is not known; each further one has twice the height of the one before.
const ASSUMED_HEIGHT: u32 = 180;

/// What a packet means for the layers of its track.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Heard {
    pub(super) choice: Choice,
    /// A layer has begun or fallen silent: subscriptions may want others.
    pub(super) has_turned: bool,
}

/// See the module.
pub(super) struct Layers {
    /// What the offer calls them; empty where there is one encoding, whatever its SSRC.
    names: Vec<EncodingName>,
    encodings: Vec<Encoding>,
}

impl Default for Layers {
    fn default() -> Self {
        Self::new(Vec::new())
    }
}

impl Layers {
    /// Layers of these names. None: one encoding.
    pub(super) fn new(names: Vec<EncodingName>) -> Self {
        let encodings = (0..names.len().max(1)).map(|_| Encoding::default()).collect();
        Self { names, encodings }
    }

    /// What the offer calls them.
    pub(super) fn names(&self) -> &[EncodingName] {
        &self.names
    }

    /// Whether there is a choice.
    pub(super) fn are_several(&self) -> bool {
        self.encodings.len() > 1
    }

    /// All of them.
    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = &Encoding> {
        self.encodings.iter()
    }

    /// All of them.
    pub(super) fn iter_mut(&mut self) -> impl ExactSizeIterator<Item = &mut Encoding> {
        self.encodings.iter_mut()
    }

    /// One of them.
    pub(super) fn get_mut(&mut self, layer: EncodingIndex) -> Option<&mut Encoding> {
        self.encodings.get_mut(layer)
    }

    /// The layer of a packet. `None`: it is of none that was negotiated.
    pub(super) fn find(&self, header: &RtpHeader) -> Option<EncodingIndex> {
        if self.names.is_empty() {
            return Some(0);
        }
        let by_ssrc = self
            .encodings
            .iter()
            .position(|layer| layer.ssrc() == Some(header.ssrc));
        by_ssrc.or_else(|| self.names.iter().position(|name| name.is_of(header)))
    }

    /// Takes a packet of a layer.
    pub(super) fn hear(&mut self, now: Instant, layer: EncodingIndex, kind: MediaKind, packet: &Packet) -> Heard {
        let (header, index) = (&packet.header, layer);
        let layer = &mut self.encodings[index];
        let choice = layer.choose(now, kind, header);
        let mut has_turned = false;
        if choice != Choice::Ignore {
            has_turned = !layer.is_active || choice == Choice::Begin;
            if layer.hear(now, header) {
                let others = self
                    .encodings
                    .iter_mut()
                    .enumerate()
                    .filter(|(other, _)| *other != index);
                others.for_each(|(_, other)| has_turned |= other.miss(now));
            }
        }
        Heard { choice, has_turned }
    }

    /// Takes the heights of the pictures of an encoding, the lowest spatial layer first. Gives whether they are others than was
    /// thought.
    pub(super) fn set_heights(&mut self, encoding: EncodingIndex, heights: &[u32]) -> bool {
        let known = &mut self.encodings[encoding].heights;
        let is_new = known != heights;
        if is_new {
            known.clear();
            known.extend_from_slice(heights);
        }
        is_new
    }

    /// How many sizes of the picture there are: encodings, or where there is one, spatial layers inside of it.
    fn sizes(&self) -> usize {
        match self.are_several() {
            true => self.encodings.len(),
            false => usize::from(self.encodings[0].rates.highest_spatial()) + 1,
        }
    }

    /// The height of the picture of a size.
    pub(super) fn height(&self, size: Size) -> u32 {
        let known = match self.are_several() {
            true => self.encodings[size].heights.last(),
            false => self.encodings[0].heights.get(size),
        };
        known
            .copied()
            .filter(|height| *height > 0)
            .unwrap_or(ASSUMED_HEIGHT << size)
    }

    /// Parses a packet of an encoding. Gives also whether there are more spatial layers than before, or fewer.
    pub(super) fn parse(
        &mut self,
        now: Instant,
        encoding: EncodingIndex,
        packet: Packet,
        params: PayloadParams,
        captured: Instant,
    ) -> (Incoming, bool) {
        let encoding = &mut self.encodings[encoding];
        let before = encoding.rates.highest_spatial();
        let incoming = encoding.parse(now, packet, params, captured);
        (incoming, encoding.rates.highest_spatial() != before)
    }

    /// The sizes that a tile may be sent, the smallest picture first, up to the one that fills it. Those that their publisher has
    /// dropped by itself are left out.
    pub(super) fn sizes_for(&self, tile: Option<u32>) -> Vec<Size> {
        let is_there = |encoding: &Encoding| encoding.is_active || encoding.demand == Demand::Stopped;
        let best = self.best(tile, Allowance::Unlimited, is_there).unwrap_or(0);
        let most = self.height(best);
        let mut sizes: Vec<Size> = (0..self.sizes())
            .filter(|size| *size == best || self.is_size(*size, is_there))
            .filter(|size| self.height(*size) <= most)
            .collect();
        sizes.sort_by_key(|size| self.height(*size));
        sizes
    }

    /// Whether its encoding is like that. Spatial layers inside of one are there as long as they come.
    fn is_size(&self, size: Size, is_there: impl Fn(&Encoding) -> bool) -> bool {
        !self.are_several() || is_there(&self.encodings[size])
    }

    /// Bits per second of a video, up to a layer; `None`: not yet known.
    pub(super) fn bits(&self, layer: Layer) -> Option<f64> {
        let Layer { spatial, temporal } = layer;
        match self.are_several() {
            true => self.encodings[spatial].rates.bits(Limit {
                temporal,
                ..Limit::NONE
            }),
            false => self.encodings[0].rates.bits(self.limit(layer)),
        }
    }

    /// What is left out inside of a stream by that layer.
    fn limit(&self, Layer { spatial, temporal }: Layer) -> Limit {
        let is_whole = self.are_several() || spatial + 1 >= self.sizes();
        Limit {
            spatial: if is_whole { u8::MAX } else { spatial as u8 },
            temporal,
        }
    }

    /// The highest temporal layer of a size.
    pub(super) fn highest_temporal(&self, size: Size) -> u8 {
        let encoding = if self.are_several() { size } else { 0 };
        self.encodings[encoding].rates.highest_temporal()
    }

    /// Keeps a packet, to be sent again.
    pub(super) fn keep(&mut self, layer: EncodingIndex, incoming: &Arc<Incoming>) {
        self.encodings[layer].history.keep(incoming);
    }

    /// A packet is not kept: nobody is sent it.
    pub(super) fn skip(&mut self, layer: EncodingIndex) {
        self.encodings[layer].history.skip();
    }

    /// Forgets what was kept: nothing comes for a while.
    pub(super) fn forget_sent(&mut self) {
        self.encodings.iter_mut().for_each(|layer| layer.history.clear());
    }

    /// What a subscription to an encoding can begin with at once.
    pub(super) fn stretch(&self, now: Instant, encoding: EncodingIndex) -> Option<Vec<Arc<Incoming>>> {
        self.encodings.get(encoding)?.history.stretch(now)
    }

    /// A packet that was kept.
    pub(super) fn find_sent(&self, ssrc: Ssrc, sequence: u64) -> Option<Arc<Incoming>> {
        self.encodings
            .iter()
            .find_map(|layer| layer.history.find(ssrc, sequence))
    }

    /// The encoding for a tile of a height in pixels, of those that are sent, and how much of it. `None`: there is none.
    pub(super) fn pick(&self, tile: Option<u32>, allowance: Allowance) -> Option<(EncodingIndex, Limit)> {
        let spatial = self.best(tile, allowance, |encoding| encoding.is_active)?;
        let temporal = match allowance {
            Allowance::Unlimited => Layer::ALL,
            Allowance::UpTo(layer) => layer.temporal,
        };
        let limit = self.limit(Layer { spatial, temporal });
        Some((if self.are_several() { spatial } else { 0 }, limit))
    }

    /// The encoding that would be picked if all were sent.
    pub(super) fn ideal(&self, tile: Option<u32>, allowance: Allowance) -> Option<EncodingIndex> {
        match self.are_several() {
            true => self.best(tile, allowance, |_| true),
            false => Some(0),
        }
    }

    /// The smallest picture that fills a tile, else the largest. A tile is scaled up by a tenth before another one is worth its
    /// bits.
    fn best(&self, tile: Option<u32>, allowance: Allowance, is_there: impl Fn(&Encoding) -> bool) -> Option<Size> {
        let most = match allowance {
            Allowance::Unlimited => u32::MAX,
            Allowance::UpTo(layer) => self.height(layer.spatial.min(self.sizes() - 1)),
        };
        let goal = tile.unwrap_or(u32::MAX);
        let rank = |size: &Size| {
            let height = self.height(*size);
            let is_filled = height.saturating_mul(11) / 10 >= goal;
            if is_filled {
                (0, i64::from(height))
            } else {
                (1, -i64::from(height))
            }
        };
        let there = (0..self.sizes()).filter(|size| self.is_size(*size, &is_there));
        there.filter(|size| self.height(*size) <= most).min_by_key(rank)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::rtp::Place;

    fn layers(heights: [Option<u32>; 3], active: [bool; 3]) -> Layers {
        let mut layers = Layers::new(["q", "h", "f"].map(|rid| EncodingName::Rid(rid.into())).to_vec());
        for (layer, (height, active)) in layers.encodings.iter_mut().zip(heights.into_iter().zip(active)) {
            (layer.heights, layer.is_active) = (height.into_iter().collect(), active);
        }
        layers
    }

    /// One stream with so many spatial layers, of which it has said the heights, and two temporal ones.
    fn nested(spatial: u8, heights: &[u32]) -> Layers {
        let (mut layers, start) = (Layers::default(), Instant::now());
        layers.set_heights(0, heights);
        for frame in 0..60_u32 {
            for spatial in 0..spatial {
                let place = Place {
                    spatial,
                    temporal: (frame % 2) as u8,
                    ..Place::default()
                };
                let now = start + frame * Duration::from_millis(33);
                layers.encodings[0].rates.add(now, place, 200 << spatial, false);
            }
        }
        layers
    }

    fn picked<const N: usize>(layers: &Layers, tiles: [Option<u32>; N]) -> [Option<EncodingIndex>; N] {
        tiles.map(|tile| Some(layers.pick(tile, Allowance::Unlimited)?.0))
    }

    #[test]
    fn the_smallest_layer_that_fills_a_tile_is_picked() {
        let known = layers([Some(180), Some(360), Some(720)], [true; 3]);
        let tiles = [90, 180, 198, 199, 396, 397, 2160].map(Some);
        assert_eq!(picked(&known, tiles), [0, 0, 0, 1, 1, 2, 2].map(Some));
        assert_eq!(picked(&known, [None]), [Some(2)]);
        // Some clients name the largest first.
        let reversed = layers([Some(720), Some(360), Some(180)], [true; 3]);
        assert_eq!(picked(&reversed, [Some(180), Some(360), None]), [2, 1, 0].map(Some));
        let unknown = layers([None; 3], [true; 3]);
        assert_eq!(picked(&unknown, [Some(180), Some(360), None]), [0, 1, 2].map(Some));
    }

    #[test]
    fn a_layer_that_is_not_sent_is_not_picked() {
        let weak = layers([Some(180), Some(360), Some(720)], [true, true, false]);
        assert_eq!(picked(&weak, [Some(180), None]), [0, 1].map(Some));
        assert_eq!(weak.ideal(None, Allowance::Unlimited), Some(2));
        assert_eq!(picked(&layers([None; 3], [false; 3]), [None]), [None]);
        // Where none is small enough the next larger one.
        assert_eq!(picked(&layers([None; 3], [false, true, true]), [Some(90)]), [Some(1)]);
    }

    #[test]
    fn no_more_is_picked_than_is_allowed() {
        let known = layers([Some(180), Some(360), Some(720)], [true; 3]);
        let upto = |spatial, temporal| Allowance::UpTo(Layer { spatial, temporal });
        let limit = |temporal| Limit {
            temporal,
            ..Limit::NONE
        };
        assert_eq!(known.pick(Some(720), upto(1, Layer::ALL)), Some((1, Limit::NONE)));
        assert_eq!(known.pick(Some(720), upto(9, 1)), Some((2, limit(1))));
        assert_eq!(Layers::default().pick(Some(90), upto(0, 0)), Some((0, limit(0))));
    }

    #[test]
    fn of_spatial_layers_a_tile_gets_those_up_to_the_one_that_fills_it() {
        let limit = |layers: &Layers, tile| layers.pick(tile, Allowance::Unlimited).map(|(_, limit)| limit.spatial);
        let known = nested(3, &[180, 360, 720]);
        let tiles = [Some(90), Some(198), Some(360), Some(720), None];
        let all = u8::MAX;
        assert_eq!(tiles.map(|tile| limit(&known, tile)), [0, 0, 1, all, all].map(Some));
        assert_eq!(limit(&nested(3, &[]), Some(180)), Some(0), "heights are assumed");
        assert_eq!(limit(&nested(1, &[720]), Some(90)), Some(all), "there is one");
        let upto = |spatial, temporal| Allowance::UpTo(Layer { spatial, temporal });
        let (_, narrow) = known.pick(None, upto(1, 0)).unwrap();
        assert_eq!((narrow.spatial, narrow.temporal), (1, 0));
        assert_eq!(known.sizes_for(Some(360)), [0, 1]);
        let bits = |spatial, temporal| known.bits(Layer { spatial, temporal }).unwrap();
        assert!(
            bits(0, 0) < bits(0, Layer::ALL) && bits(0, Layer::ALL) < bits(1, 0) && bits(1, 0) < bits(2, Layer::ALL)
        );
    }

    #[test]
    fn a_tile_is_offered_what_fills_it_and_what_is_smaller() {
        let of = |layers: &Layers, tile| layers.sizes_for(tile);
        let known = layers([Some(180), Some(360), Some(720)], [true; 3]);
        assert_eq!(
            [Some(90), Some(360), None].map(|tile| of(&known, tile)),
            [vec![0], vec![0, 1], vec![0, 1, 2]]
        );
        let reversed = layers([Some(720), Some(360), Some(180)], [true; 3]);
        assert_eq!(of(&reversed, None), [2, 1, 0]);
        // What was dropped cannot be had; what was stopped for want of viewers can.
        let mut weak = layers([Some(180), Some(360), Some(720)], [true, false, false]);
        weak.encodings[1].demand = Demand::Stopped;
        assert_eq!(of(&weak, None), [0, 1]);
        assert_eq!(of(&layers([None; 3], [false; 3]), None), [0]);
        assert_eq!(of(&Layers::default(), Some(90)), [0]);
    }
}
