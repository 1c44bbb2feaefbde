//! The encodings of one track that its publisher sends at the same time (simulcast, RFC 8853), the smallest first.

use std::time::{Duration, Instant};

use str0m::media::MediaKind;
use str0m::rtp::{RtpPacket, Ssrc};

use crate::rtp::{Choice, EncodingName, Encodings, StreamClock};
use crate::throttle::Throttle;

/// A layer that has been silent for so long is not sent any more: publishers drop the largest where a machine or a line is
/// weak.
const SILENT: Duration = Duration::from_secs(1);
/// The height of the smallest layer, as far as none is known; each further one has twice the height.
const ASSUMED_HEIGHT: u32 = 180;

/// One encoding.
#[derive(Default)]
pub(super) struct Layer {
    encodings: Encodings,
    pub(super) clock: StreamClock,
    pub(super) keyframes: Throttle,
    height: Option<u32>,
    heard: Option<Instant>,
}

impl Layer {
    /// The SSRC of what is forwarded.
    pub(super) fn ssrc(&self) -> Option<Ssrc> {
        self.encodings.current()
    }

    fn is_active(&self, now: Instant) -> bool {
        self.heard.is_some_and(|heard| now < heard + SILENT)
    }
}

/// See the module.
pub(super) struct Layers {
    /// What the offer calls them; empty where there is one encoding, whatever its SSRC.
    names: Vec<EncodingName>,
    layers: Vec<Layer>,
}

impl Default for Layers {
    fn default() -> Self {
        Self::new(Vec::new())
    }
}

impl Layers {
    /// Layers of these names, the smallest first. None: one encoding.
    pub(super) fn new(names: Vec<EncodingName>) -> Self {
        let layers = (0..names.len().max(1)).map(|_| Layer::default()).collect();
        Self { names, layers }
    }

    /// What the offer calls them.
    pub(super) fn names(&self) -> &[EncodingName] {
        &self.names
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.layers.len()
    }

    /// One of them.
    pub(super) fn get_mut(&mut self, layer: usize) -> Option<&mut Layer> {
        self.layers.get_mut(layer)
    }

    /// The layer of a packet. `None`: it is of none that was negotiated.
    pub(super) fn find(&self, packet: &RtpPacket) -> Option<usize> {
        if self.names.is_empty() {
            return Some(0);
        }
        let header = &packet.header;
        let known = |layer: &Layer| layer.ssrc() == Some(header.ssrc);
        let by_ssrc = self.layers.iter().position(known);
        by_ssrc.or_else(|| self.names.iter().position(|name| name.is_of(header)))
    }

    /// Takes a packet of a layer.
    pub(super) fn heard(&mut self, now: Instant, layer: usize, kind: MediaKind, packet: &RtpPacket) -> Choice {
        let (header, layer) = (&packet.header, &mut self.layers[layer]);
        layer.heard = Some(now);
        let choice = layer.encodings.heard(now, kind, header.ssrc, header.timestamp);
        if choice == Choice::Begin {
            layer.clock = StreamClock::default();
        }
        choice
    }

    /// Takes the height of a picture that a layer sends.
    pub(super) fn set_height(&mut self, layer: usize, height: Option<u32>) {
        self.layers[layer].height = height.or(self.layers[layer].height);
    }

    fn height(&self, layer: usize) -> u32 {
        self.layers[layer].height.unwrap_or(ASSUMED_HEIGHT << layer)
    }

    /// The layer for a tile of a height in pixels: the smallest that fills it, else the largest. `None`: the largest.
    pub(super) fn pick(&self, now: Instant, height: Option<u32>) -> usize {
        if self.names.is_empty() {
            return 0;
        }
        let active = (0..self.layers.len()).filter(|layer| self.layers[*layer].is_active(now));
        let goal = height.unwrap_or(u32::MAX);
        // A tile is scaled up by a tenth before another layer is worth its bits.
        let fills = |layer: usize| self.height(layer).saturating_mul(11) / 10 >= goal;
        let rank = |layer: &usize| {
            let height = i64::from(self.height(*layer));
            if fills(*layer) { (0, height) } else { (1, -height) }
        };
        active.min_by_key(rank).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layers(now: Instant, heights: [Option<u32>; 3], active: [bool; 3]) -> Layers {
        let mut layers = Layers::new(["q", "h", "f"].map(|rid| EncodingName::Rid(rid.into())).to_vec());
        for (layer, (height, active)) in layers.layers.iter_mut().zip(heights.into_iter().zip(active)) {
            (layer.height, layer.heard) = (height, active.then_some(now));
        }
        layers
    }

    #[test]
    fn the_smallest_layer_that_fills_a_tile_is_picked() {
        let now = Instant::now();
        let known = layers(now, [Some(180), Some(360), Some(720)], [true; 3]);
        let picked = [90, 180, 198, 199, 396, 397, 2160].map(|height| known.pick(now, Some(height)));
        assert_eq!(picked, [0, 0, 0, 1, 1, 2, 2]);
        assert_eq!(known.pick(now, None), 2);
        // Some clients name the largest first.
        let reversed = layers(now, [Some(720), Some(360), Some(180)], [true; 3]);
        assert_eq!(
            [Some(180), Some(360), None].map(|height| reversed.pick(now, height)),
            [2, 1, 0]
        );
        let unknown = layers(now, [None; 3], [true; 3]);
        assert_eq!(
            [Some(180), Some(360), None].map(|height| unknown.pick(now, height)),
            [0, 1, 2]
        );
    }

    #[test]
    fn a_layer_that_fell_silent_is_not_picked() {
        let now = Instant::now();
        let weak = layers(now, [Some(180), Some(360), Some(720)], [true, true, false]);
        assert_eq!([Some(180), None].map(|height| weak.pick(now, height)), [0, 1]);
        assert_eq!(weak.pick(now + SILENT, None), 0, "before anything is heard");
    }
}
