//! How many bits per second something has of late.

use std::time::{Duration, Instant};

/// What is counted together, unless said otherwise.
const SPAN: Duration = Duration::from_millis(500);

/// The weight of the last span against those before.
const WEIGHT: f64 = 0.4;

/// See the module.
#[derive(Debug)]
pub(crate) struct Meter {
    span: Duration,
    began: Instant,
    bytes: u64,
    rate: Option<f64>,
}

impl Meter {
    /// Nothing was counted yet.
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            span: SPAN,
            began: now,
            bytes: 0,
            rate: None,
        }
    }

    /// Counts together what comes within a span, before which there was nothing.
    pub(crate) fn of_spans(span: Duration, now: Instant) -> Self {
        Self {
            span,
            rate: Some(0.0),
            ..Self::new(now)
        }
    }

    /// Counts bytes.
    pub(crate) fn add(&mut self, now: Instant, bytes: usize) {
        self.bytes += bytes as u64;
        let passed = now.saturating_duration_since(self.began);
        if passed < self.span {
            return;
        }
        let last = self.bytes as f64 * 8.0 / passed.as_secs_f64();
        let before = self.rate.unwrap_or(last);
        // After a pause nothing of before counts.
        self.rate = Some(if passed > 4 * self.span {
            before
        } else {
            before + WEIGHT * (last - before)
        });
        (self.began, self.bytes) = (now, 0);
    }

    /// Bits per second; `None`: not yet known.
    pub(crate) fn bits(&self) -> Option<f64> {
        self.rate
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_followed_and_kept_in_pauses() {
        let start = Instant::now();
        let mut meter = Meter::new(start);
        let mut at = start;
        let run = |at: &mut Instant, meter: &mut Meter, bytes, count| {
            for _ in 0..count {
                *at += Duration::from_millis(10);
                meter.add(*at, bytes);
            }
            meter.bits()
        };
        assert_eq!(run(&mut at, &mut meter, 1_000, 49), None);
        assert_eq!(run(&mut at, &mut meter, 1_000, 1), Some(800_000.0));
        let lower = run(&mut at, &mut meter, 100, 500).unwrap();
        assert!((80_000.0..90_000.0).contains(&lower), "{lower}");
        at += Duration::from_secs(60);
        let after = run(&mut at, &mut meter, 100, 1).unwrap();
        assert!((80_000.0..90_000.0).contains(&after), "{after}");
    }
}
