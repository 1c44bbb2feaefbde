//! Whether delay rises: the trendline filter with its adaptive threshold, as libwebrtc has it.

use std::collections::VecDeque;

use super::groups::Spacing;

/// Groups in the line.
const WINDOW: usize = 20;

/// Share of the past in the smoothed delay.
const SMOOTHING: f64 = 0.9;

/// By what a slope is multiplied to be compared with the threshold, besides the number of groups.
const GAIN: f64 = 4.0;

/// More groups than this do not make a slope surer.
const MAX_GROUPS: u32 = 60;

/// Milliseconds for which the delay has to rise.
const OVERUSE_TIME: f64 = 10.0;

/// The threshold's beginning, bounds and paces (draft-ietf-rmcat-gcc-02 section 5.4).
const THRESHOLD: f64 = 12.5;
const THRESHOLDS: std::ops::RangeInclusive<f64> = 6.0..=600.0;
const RISE: f64 = 0.0087;
const FALL: f64 = 0.039;

/// What is farther beyond the threshold does not move it.
const OUTLIER: f64 = 15.0;

/// What the delay says of the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Usage {
    /// Neither.
    #[default]
    Normal,
    /// A queue grows.
    Over,
    /// A queue empties.
    Under,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Trend {
    groups: u32,
    delay: f64,
    smoothed: f64,
    /// Arrivals and smoothed delays.
    line: VecDeque<(f64, f64)>,
    slope: f64,
    threshold: f64,
    threshold_at: Option<f64>,
    over: Option<(f64, u32)>,
    usage: Usage,
}

impl Default for Trend {
    fn default() -> Self {
        Self {
            groups: 0,
            delay: 0.0,
            smoothed: 0.0,
            line: VecDeque::with_capacity(WINDOW),
            slope: 0.0,
            threshold: THRESHOLD,
            threshold_at: None,
            over: None,
            usage: Usage::Normal,
        }
    }
}

impl Trend {
    /// Takes how two groups lie apart.
    pub(super) fn add(&mut self, spacing: Spacing) {
        self.groups = (self.groups + 1).min(MAX_GROUPS);
        self.delay += spacing.arrivals - spacing.departures;
        self.smoothed = SMOOTHING * self.smoothed + (1.0 - SMOOTHING) * self.delay;
        if self.line.len() == WINDOW {
            self.line.pop_front();
        }
        self.line.push_back((spacing.at, self.smoothed));
        let before = self.slope;
        if self.line.len() == WINDOW {
            self.slope = slope(&self.line).unwrap_or(before);
        }
        let measure = f64::from(self.groups) * self.slope * GAIN;
        self.usage = self.judge(measure, before, spacing.departures);
        self.adapt(measure, spacing.at);
    }

    /// What the delay says.
    pub(super) fn usage(&self) -> Usage {
        self.usage
    }

    fn judge(&mut self, measure: f64, before: f64, passed: f64) -> Usage {
        if measure < -self.threshold {
            self.over = None;
            return Usage::Under;
        }
        if measure <= self.threshold || self.groups < 2 {
            self.over = None;
            return Usage::Normal;
        }
        let (time, count) = self
            .over
            .map_or((passed / 2.0, 1), |(time, count)| (time + passed, count + 1));
        if time > OVERUSE_TIME && count > 1 && self.slope >= before {
            self.over = Some((0.0, 0));
            return Usage::Over;
        }
        self.over = Some((time, count));
        self.usage
    }

    fn adapt(&mut self, measure: f64, at: f64) {
        let passed = (at - self.threshold_at.replace(at).unwrap_or(at)).min(100.0);
        let size = measure.abs();
        if size > self.threshold + OUTLIER {
            return;
        }
        let pace = if size < self.threshold { FALL } else { RISE };
        self.threshold += pace * (size - self.threshold) * passed;
        self.threshold = self.threshold.clamp(*THRESHOLDS.start(), *THRESHOLDS.end());
    }
}

/// The slope of the line that fits best.
fn slope(line: &VecDeque<(f64, f64)>) -> Option<f64> {
    let count = line.len() as f64;
    let (x, y) = line.iter().fold((0.0, 0.0), |(x, y), point| (x + point.0, y + point.1));
    let (x, y) = (x / count, y / count);
    let (above, below) = line.iter().fold((0.0, 0.0), |(above, below), point| {
        let dx = point.0 - x;
        (above + dx * (point.1 - y), below + dx * dx)
    });
    (below > 0.0).then(|| above / below)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Groups that leave every 20 ms, each delayed by so much more than the one before. Gives after how many the usage was this.
    fn until(trend: &mut Trend, at: &mut f64, more: f64, usage: Usage) -> Option<usize> {
        (0..200).find(|_| {
            *at += 20.0 + more;
            trend.add(Spacing {
                departures: 20.0,
                arrivals: 20.0 + more,
                at: *at,
            });
            trend.usage() == usage
        })
    }

    #[test]
    fn a_delay_that_rises_is_noticed_and_one_that_falls() {
        let (mut trend, mut at) = (Trend::default(), 0.0);
        assert_eq!(until(&mut trend, &mut at, 0.0, Usage::Over), None);
        let noticed = until(&mut trend, &mut at, 20.0, Usage::Over).unwrap();
        assert!(noticed < 8, "{noticed}");
        assert!(until(&mut trend, &mut at, -10.0, Usage::Under).unwrap() < 40);
        assert!(until(&mut trend, &mut at, 0.0, Usage::Normal).unwrap() < 60);
    }

    #[test]
    fn jitter_is_not_taken_for_a_trend() {
        let mut random = fastrand::Rng::with_seed(1);
        let mut trend = Trend::default();
        let (mut at, mut late) = (0.0, 0.0);
        let mut overuses = 0;
        for _ in 0..5_000 {
            let later = 10.0 * random.f64();
            at += 20.0;
            trend.add(Spacing {
                departures: 20.0,
                arrivals: 20.0 + later - late,
                at,
            });
            late = later;
            overuses += usize::from(trend.usage() == Usage::Over);
        }
        assert!(overuses < 50, "{overuses} of 5,000");
    }
}
