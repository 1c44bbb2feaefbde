//! When the next packet may leave: a token bucket. Where no limit is known, ordinary frames leave whole and what is larger is
//! spread; near a limit everything is.

use std::time::{Duration, Instant};

/// Seconds of the rate that may leave at once where no limit is near.
const DEPTH: f64 = 0.04;

/// The same near a limit: what leaves at once queues up in front of it, and voices that come after that wait too.
const BOUND_DEPTH: f64 = 0.005;

/// Seconds of the rate that have to be there before what waits goes on, so that some packets leave together.
const STEP: f64 = 0.005;

/// Seconds of the rate that may be owed: what does not wait holds up the others for so long at most.
const MAX_DEBT: f64 = 0.04;

/// See the module.
#[derive(Debug)]
pub(crate) struct Pacer {
    /// Bytes per second.
    rate: f64,
    /// Seconds of it that may leave at once.
    depth: f64,
    /// Bytes; negative where packets left that did not wait.
    tokens: f64,
    at: Instant,
}

impl Pacer {
    /// A full bucket for so many bits per second.
    pub(crate) fn new(now: Instant, bits: f64) -> Self {
        Self {
            rate: bits / 8.0,
            depth: DEPTH,
            tokens: bits / 8.0 * DEPTH,
            at: now,
        }
    }

    /// From now on so many bits per second may leave. `is_bound`: that is near what the line takes.
    pub(crate) fn set_rate(&mut self, now: Instant, bits: f64, is_bound: bool) {
        self.fill(now);
        self.rate = bits / 8.0;
        self.depth = if is_bound { BOUND_DEPTH } else { DEPTH };
    }

    /// Whether a packet may leave.
    pub(crate) fn may_send(&mut self, now: Instant) -> bool {
        self.fill(now);
        self.tokens > 0.0
    }

    /// A packet leaves: one that may, or one that does not wait. The last one that may can take more than is there.
    pub(crate) fn spend(&mut self, bytes: usize) {
        self.tokens = (self.tokens - bytes as f64).max(-self.rate * MAX_DEBT);
    }

    /// When the next packet may leave.
    pub(crate) fn ready_at(&self) -> Instant {
        let missing = (self.rate * STEP - self.tokens).max(0.0);
        self.at + Duration::from_secs_f64(missing / self.rate)
    }

    fn fill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.at = self.at.max(now);
        self.tokens = (self.tokens + passed * self.rate).min(self.rate * self.depth);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many packets of 1,250 bytes leave in each wake-up.
    fn runs(pacer: &mut Pacer, mut now: Instant, mut packets: usize) -> (Vec<usize>, Instant) {
        let mut runs = Vec::new();
        while packets > 0 {
            let before = packets;
            while packets > 0 && pacer.may_send(now) {
                pacer.spend(1_250);
                packets -= 1;
            }
            runs.push(before - packets);
            if packets > 0 {
                now = pacer.ready_at();
            }
        }
        (runs, now)
    }

    #[test]
    fn an_ordinary_frame_is_whole_and_a_keyframe_is_spread() {
        let now = Instant::now();
        // A thousand packets a second.
        let mut pacer = Pacer::new(now, 10_000_000.0);
        assert_eq!(runs(&mut pacer, now, 30), (vec![30], now));
        let later = now + Duration::from_millis(40);
        let (spread, end) = runs(&mut pacer, later, 140);
        assert_eq!(spread[0], 40);
        assert!(spread[1..].iter().all(|run| (4..=7).contains(run)), "{spread:?}");
        assert!((95..=105).contains(&(end - later).as_millis()), "{:?}", end - later);
    }

    #[test]
    fn near_a_limit_hardly_anything_leaves_at_once() {
        let now = Instant::now();
        let mut pacer = Pacer::new(now, 10_000_000.0);
        pacer.set_rate(now + Duration::from_millis(1), 10_000_000.0, true);
        let (spread, _) = runs(&mut pacer, now + Duration::from_millis(1), 100);
        assert!(spread.iter().all(|run| (4..=7).contains(run)), "{spread:?}");
    }

    #[test]
    fn what_does_not_wait_holds_up_the_others_for_a_moment_only() {
        let now = Instant::now();
        let mut pacer = Pacer::new(now, 1_000_000.0);
        (0..1_000).for_each(|_| pacer.spend(1_250));
        assert!(!pacer.may_send(now));
        assert_eq!(pacer.ready_at() - now, Duration::from_millis(45));
        assert!(pacer.may_send(now + Duration::from_millis(46)));
    }
}
