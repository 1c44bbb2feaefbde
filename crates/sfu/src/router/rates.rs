//! What each of the layers inside of one stream costs a subscriber's line.

use std::time::Instant;

use super::thinning::Limit;
use crate::congestion::Meter;
use crate::rtp::Place;

/// Bytes of a packet besides its payload on a subscriber's line: RTP with extensions, the tag of SRTP, UDP and IP.
const OVERHEAD: usize = 70;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Rates(Vec<Rate>);

#[derive(Debug)]
struct Rate {
    spatial: u8,
    temporal: u8,
    meter: Meter,
}

impl Rates {
    /// Takes a packet of so many bytes of payload.
    pub(super) fn add(&mut self, now: Instant, place: Place, bytes: usize) {
        let Place { spatial, temporal, .. } = place;
        let known = self
            .0
            .iter()
            .position(|rate| (rate.spatial, rate.temporal) == (spatial, temporal));
        let index = known.unwrap_or_else(|| {
            let meter = Meter::new(now);
            self.0.push(Rate {
                spatial,
                temporal,
                meter,
            });
            self.0.len() - 1
        });
        self.0[index].meter.add(now, bytes + OVERHEAD);
    }

    /// Bits per second of all that a limit lets through; `None`: not yet known.
    pub(super) fn bits(&self, limit: Limit) -> Option<f64> {
        let admitted = self
            .0
            .iter()
            .filter(|rate| rate.spatial <= limit.spatial && rate.temporal <= limit.temporal);
        admitted
            .filter_map(|rate| rate.meter.bits())
            .reduce(|all, more| all + more)
    }

    /// The highest temporal layer.
    pub(super) fn highest_temporal(&self) -> u8 {
        self.0.iter().map(|rate| rate.temporal).max().unwrap_or_default()
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
            rates.add(start + Duration::from_millis(25 * frame), place, 930);
        }
        assert_eq!(rates.highest_temporal(), 2);
        for (temporal, expected) in [(0, 80_000.0), (1, 160_000.0), (2, 320_000.0), (7, 320_000.0)] {
            let bits = upto(&rates, temporal).unwrap();
            assert!((bits / expected - 1.0).abs() < 0.05, "{bits} up to {temporal}");
        }
    }
}
