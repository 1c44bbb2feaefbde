//! The layers of a video, in the order in which a subscriber is given more of it.
//!
//! A camera keeps its frames as long as there is a smaller picture: people move. A screen keeps its size: what is written on
//! it has to be read. Both begin with the least there is, so that no tile is empty while another one has more.

use super::layers::Layers;
use super::selection::{EncodingIndex, Layer};
use super::thinning::Limit;

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
    fn frames_of(&self, size: EncodingIndex) -> impl Iterator<Item = Rung> + '_ {
        let below = 0..self.highest_temporal(size);
        below.chain([Layer::ALL]).map(move |temporal| self.rung(size, temporal))
    }

    fn rung(&self, spatial: EncodingIndex, temporal: u8) -> Rung {
        Rung {
            layer: Layer { spatial, temporal },
            bits: self.bits(
                spatial,
                Limit {
                    temporal,
                    ..Limit::NONE
                },
            ),
            is_anew: true,
        }
    }
}
