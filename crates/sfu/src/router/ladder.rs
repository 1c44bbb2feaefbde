//! The layers of a video, in the order in which a subscriber is given more of it.
//!
//! A camera keeps its frames as long as there is a smaller picture: people move. A screen keeps its size: what is written on
//! it has to be read. Both begin with the least there is, so that no tile is empty while another one has more.

use super::layers::Layers;
use super::selection::{Layer, Size};

/// What a video has less of where a line is narrow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum GivesUp {
    /// Pixels.
    Size,
    /// Frames.
    Frames,
}

/// A layer that may be sent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Rung {
    pub(super) layer: Layer,
    /// Bits per second, if they are known.
    pub(super) bits: Option<f64>,
    /// Whether it begins with a keyframe where the one before was sent.
    pub(super) is_anew: bool,
}

impl Layers {
    /// What a tile may be sent, the least first, up to all frames of the picture that fills it. What its publisher has dropped by
    /// itself is left out.
    pub(super) fn for_tile(&self, tile: Option<u32>, gives_up: GivesUp) -> Vec<Rung> {
        let sizes = self.sizes_for(tile);
        let (Some(smallest), Some(largest)) = (sizes.first().copied(), sizes.last().copied()) else {
            return Vec::new();
        };
        let mut rungs = Vec::new();
        match gives_up {
            GivesUp::Size => {
                rungs.extend(self.frames_of(smallest));
                rungs.extend(sizes[1..].iter().map(|size| self.rung(*size, Layer::ALL)));
            }
            GivesUp::Frames => {
                let least = sizes[..sizes.len() - 1]
                    .iter()
                    .filter_map(|size| self.frames_of(*size).next());
                rungs.extend(least);
                rungs.extend(self.frames_of(largest));
            }
        }
        for below in (1..rungs.len()).rev() {
            rungs[below].is_anew = rungs[below].layer.spatial != rungs[below - 1].layer.spatial;
        }
        rungs
    }

    /// The temporal layers of a size, the lowest first.
    fn frames_of(&self, size: Size) -> impl Iterator<Item = Rung> + '_ {
        let below = 0..self.highest_temporal(size);
        below.chain([Layer::ALL]).map(move |temporal| self.rung(size, temporal))
    }

    fn rung(&self, spatial: Size, temporal: u8) -> Rung {
        let layer = Layer { spatial, temporal };
        Rung {
            layer,
            bits: self.bits(layer),
            is_anew: true,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use str0m::format::CodecConfig;
    use str0m::media::MediaKind;

    use super::super::switches::Encoder;
    use super::*;
    use crate::rtp::EncodingName;

    /// Two encodings with so many temporal layers each, as they come within three seconds.
    fn layers(temporal: usize) -> Layers {
        let mut rng = fastrand::Rng::with_seed(5);
        let mut layers = Layers::new(["q", "h"].map(|rid| EncodingName::Rid(rid.into())).to_vec());
        let mut config = CodecConfig::empty();
        config.enable_vp8(true);
        for index in 0..2 {
            let mut encoder = Encoder::new(&mut rng, index, true).with_temporal_layers(temporal);
            let start = Instant::now();
            for frame in 0..90_u32 {
                encoder.timestamp = encoder.timestamp.wrapping_add(3_000);
                let now = start + frame * Duration::from_millis(33);
                for packet in encoder.encode() {
                    layers.hear(now, index, MediaKind::Video, &packet);
                    let (incoming, _) = layers.parse(now, index, packet, config.params()[0], now);
                    if !incoming.heights.is_empty() {
                        layers.set_heights(index, &incoming.heights);
                    }
                }
            }
        }
        layers
    }

    fn rungs(layers: &Layers, tile: u32, gives_up: GivesUp) -> Vec<(usize, u8, bool)> {
        let rungs = layers.for_tile(Some(tile), gives_up);
        let costs: Vec<f64> = rungs.iter().map(|rung| rung.bits.unwrap()).collect();
        assert!(costs.windows(2).all(|pair| pair[0] < pair[1]), "{costs:?}");
        let rungs = rungs.iter();
        rungs
            .map(|rung| (rung.layer.spatial, rung.layer.temporal, rung.is_anew))
            .collect()
    }

    const ALL: u8 = Layer::ALL;

    #[test]
    fn a_camera_has_all_its_frames_before_it_is_larger() {
        let layers = layers(3);
        let small = [(0, 0, true), (0, 1, false), (0, ALL, false)];
        assert_eq!(rungs(&layers, 180, GivesUp::Size), small);
        assert_eq!(
            rungs(&layers, 360, GivesUp::Size),
            [&small[..], &[(1, ALL, true)]].concat()
        );
    }

    #[test]
    fn a_screen_is_large_before_it_has_all_its_frames() {
        let layers = layers(3);
        let large = [(0, 0, true), (1, 0, true), (1, 1, false), (1, ALL, false)];
        assert_eq!(rungs(&layers, 360, GivesUp::Frames), large);
        assert_eq!(
            rungs(&layers, 180, GivesUp::Frames),
            [(0, 0, true), (0, 1, false), (0, ALL, false)]
        );
    }

    #[test]
    fn a_stream_without_temporal_layers_is_sent_whole() {
        let layers = layers(1);
        for gives_up in [GivesUp::Size, GivesUp::Frames] {
            assert_eq!(rungs(&layers, 360, gives_up), [(0, ALL, true), (1, ALL, true)]);
        }
    }
}
