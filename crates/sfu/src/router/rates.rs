//! What each of the layers inside of one stream costs a subscriber's line.

use std::time::{Duration, Instant};

use super::thinning::Limit;
use crate::congestion::Meter;
use crate::rtp::Place;

/// Bytes of a packet besides its payload on a subscriber's line: RTP with extensions, the tag of SRTP, UDP and IP.
const OVERHEAD: usize = 70;

/// Keyframes are counted together over so long. One that is asked for costs a line once, and waits for its turn; those that come
/// by themselves do again and again.
const KEYFRAMES: Duration = Duration::from_secs(5);

/// A layer of which nothing has come while so much of others came is not sent any more. A screen that stands still has a frame
/// a second, and every fourth of them in its highest layer.
const GONE_AFTER: Duration = Duration::from_secs(10);

/// Between packets of a stream that goes on, at most; what is longer is a pause of all layers.
const LONGEST_GAP: Duration = Duration::from_secs(1);

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Rates {
    layers: Vec<Rate>,
    latest: Option<Instant>,
    /// How long the stream has gone on, without its pauses.
    length: Duration,
}

#[derive(Debug)]
struct Rate {
    spatial: u8,
    temporal: u8,
    meter: Meter,
    keyframes: Meter,
    /// How long the stream had gone on when the layer came last.
    came: Duration,
}

impl Rates {
    /// Takes a packet of so many bytes of payload.
    pub(super) fn add(&mut self, now: Instant, place: Place, bytes: usize, is_of_keyframe: bool) {
        let gap = self.latest.map(|latest| now.saturating_duration_since(latest));
        self.length += gap.unwrap_or_default().min(LONGEST_GAP);
        self.latest = Some(now);
        let length = self.length;
        let Place { spatial, temporal, .. } = place;
        let is_it = |rate: &Rate| (rate.spatial, rate.temporal) == (spatial, temporal);
        let known = self.layers.iter().position(is_it);
        let index = known.unwrap_or_else(|| {
            self.layers.push(Rate {
                spatial,
                temporal,
                meter: Meter::new(now),
                keyframes: Meter::of_spans(KEYFRAMES, now),
                came: length,
            });
            self.layers.len() - 1
        });
        let layer = &mut self.layers[index];
        let [keyframes, others] = match is_of_keyframe {
            true => [bytes + OVERHEAD, 0],
            false => [0, bytes + OVERHEAD],
        };
        layer.keyframes.add(now, keyframes);
        layer.meter.add(now, others);
        layer.came = length;
        self.layers.retain(|rate| length < rate.came + GONE_AFTER);
    }

    /// Bits per second of all that a limit lets through; `None`: not yet known.
    pub(super) fn bits(&self, limit: Limit) -> Option<f64> {
        let admitted = self
            .layers
            .iter()
            .filter(|rate| rate.spatial <= limit.spatial && rate.temporal <= limit.temporal);
        admitted
            .filter_map(|rate| Some(rate.meter.bits()? + rate.keyframes.bits()?))
            .reduce(|all, more| all + more)
    }

    /// The highest spatial layer.
    pub(super) fn highest_spatial(&self) -> u8 {
        self.layers.iter().map(|rate| rate.spatial).max().unwrap_or_default()
    }

    /// The highest temporal layer.
    pub(super) fn highest_temporal(&self) -> u8 {
        self.layers.iter().map(|rate| rate.temporal).max().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_layer_costs_what_is_below_it_too() {
        let (start, mut rates) = (Instant::now(), Rates::default());
        let upto = |rates: &Rates, temporal| {
            rates.bits(Limit {
                temporal,
                ..Limit::NONE
            })
        };
        assert_eq!((upto(&rates, 0), rates.highest_temporal()), (None, 0));
        for frame in 0..200_u64 {
            let place = Place {
                temporal: [0, 2, 1, 2][(frame % 4) as usize],
                ..Place::default()
            };
            rates.add(start + Duration::from_millis(25 * frame), place, 930, false);
        }
        assert_eq!(rates.highest_temporal(), 2);
        for (temporal, expected) in [(0, 80_000.0), (1, 160_000.0), (2, 320_000.0), (7, 320_000.0)] {
            let bits = upto(&rates, temporal).unwrap();
            assert!((bits / expected - 1.0).abs() < 0.05, "{bits} up to {temporal}");
        }
    }

    #[test]
    fn a_keyframe_costs_little_and_many_cost_what_they_have() {
        let (start, mut rates) = (Instant::now(), Rates::default());
        let mut run = |seconds: std::ops::Range<u64>, keyframes: u64| {
            for frame in seconds.start * 40..seconds.end * 40 {
                let is_keyframe = frame % keyframes == 0;
                let bytes = if is_keyframe { 99_930 } else { 930 };
                let at = start + Duration::from_millis(25 * frame);
                rates.add(at, Place::default(), bytes, is_keyframe);
            }
            (rates.bits(Limit::NONE).unwrap() / 10_000.0).round() as u32
        };
        assert_eq!(run(0..4, 4_000), 32);
        assert!((35..40).contains(&run(4..12, 4_000)), "one of 800 kbit");
        assert!((64..80).contains(&run(12..120, 80)), "each two seconds");
    }

    #[test]
    fn a_layer_that_comes_no_more_costs_nothing_but_for_pauses_of_all() {
        let (mut at, mut rates) = (Instant::now(), Rates::default());
        let run = |at: &mut Instant, rates: &mut Rates, seconds: u64, layers: u64| {
            for frame in 0..40 * seconds {
                *at += Duration::from_millis(25);
                let temporal = (frame % layers) as u8;
                let place = Place {
                    temporal,
                    ..Place::default()
                };
                rates.add(*at, place, 930, false);
            }
            (
                rates.highest_temporal(),
                (rates.bits(Limit::NONE).unwrap() / 10_000.0).round(),
            )
        };
        assert_eq!(run(&mut at, &mut rates, 5, 2), (1, 32.0));
        at += Duration::from_secs(60);
        let (highest, bits) = run(&mut at, &mut rates, 3, 1);
        assert!(highest == 1 && bits > 40.0, "it may come again, {bits}");
        assert_eq!(run(&mut at, &mut rates, 10, 1), (0, 32.0));
        let (highest, bits) = run(&mut at, &mut rates, 5, 2);
        assert!(highest == 1 && (30.0..=34.0).contains(&bits), "{bits}");
    }
}
