//! What may come in a second: bits, and packets, which cost as much however short they are.

use std::time::{Duration, Instant};

use crate::bucket::Bucket;

/// The length of a packet in bytes at which bits and packets are used up alike. Video has some 1,000.
const USUAL_PACKET: u64 = 400;

/// A media source is said to send too much once, and again when it has kept within its budget for so long.
const QUIET: Duration = Duration::from_secs(10);

/// What became of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is within the budget.
    Within,
    /// It is not, and the one before was not either.
    Over,
    /// It is not, and this has to be said.
    BeginsOver,
}

/// The budget of something that sends: one second's worth of bits and packets at a time.
#[derive(Debug)]
pub(crate) struct Budget {
    kilobits: Bucket,
    packets: Bucket,
    was_over: Option<Instant>,
}

impl Budget {
    /// A budget of so many kilobits a second, and of the packets that belong to them.
    pub(crate) fn new(kilobits: u32, now: Instant) -> Self {
        Self {
            kilobits: Bucket::new(kilobits, now),
            packets: Bucket::new(packets_of(kilobits), now),
            was_over: None,
        }
    }

    /// Changes it to so many kilobits a second. What is used up stays so.
    pub(crate) fn hold_to(&mut self, now: Instant, kilobits: u32) {
        self.kilobits.set_rate(now, kilobits);
        self.packets.set_rate(now, packets_of(kilobits));
    }

    /// Takes a packet of so many bytes.
    pub(crate) fn take(&mut self, now: Instant, bytes: usize) -> Verdict {
        self.take_leaving(now, bytes, 0.0)
    }

    /// Takes a packet of so many bytes, if that share of a second's worth is left for others.
    pub(crate) fn take_leaving(&mut self, now: Instant, bytes: usize, share: f64) -> Verdict {
        let kilobits = bytes as f64 / 125.0;
        let (left, packets_left) = (self.kilobits.rate() * share, self.packets.rate() * share);
        if self.kilobits.has(now, kilobits + left) && self.packets.has(now, 1.0 + packets_left) {
            self.kilobits.spend(kilobits);
            self.packets.spend(1.0);
            return Verdict::Within;
        }
        let was_over = self.was_over.replace(now);
        match was_over {
            Some(before) if now < before + QUIET => Verdict::Over,
            _ => Verdict::BeginsOver,
        }
    }
}

/// The packets that belong to so many kilobits.
fn packets_of(kilobits: u32) -> u32 {
    let packets = u64::from(kilobits) * 125 / USUAL_PACKET;
    u32::try_from(packets).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a second of equal packets becomes: how many are within, and how often it is said that there are too many.
    fn second(budget: &mut Budget, start: Instant, packets: u32, bytes: usize) -> (usize, usize) {
        let at = |n: u32| start + Duration::from_secs(1) * n / packets;
        let verdicts: Vec<Verdict> = (0..packets).map(|n| budget.take(at(n), bytes)).collect();
        let count = |wanted| verdicts.iter().filter(|verdict| **verdict == wanted).count();
        (count(Verdict::Within), count(Verdict::BeginsOver))
    }

    #[test]
    fn a_budget_that_is_set_again_is_not_filled_again() {
        let now = Instant::now();
        let mut budget = Budget::new(80_000, now);
        budget.hold_to(now, 8_000);
        assert_eq!(second(&mut budget, now, 10_000, 1_000).0, 1_999);
        let then = now + Duration::from_secs(1);
        budget.hold_to(then, 8_000);
        assert_eq!(budget.take(then, 10_000), Verdict::Over);
    }

    #[test]
    fn a_budget_that_changes_all_the_time_is_kept() {
        let now = Instant::now();
        let mut budget = Budget::new(8_000, now);
        second(&mut budget, now, 10_000, 1_000);
        let mut within = 0;
        for n in 1..=10 {
            let then = now + Duration::from_secs(n);
            budget.hold_to(then, 8_000 + 80 * u32::from(n % 2 == 0));
            within += second(&mut budget, then, 10_000, 1_000).0;
        }
        assert!((10_000..=10_060).contains(&within), "{within}");
    }

    #[test]
    fn what_is_left_for_others_they_can_take() {
        let now = Instant::now();
        let mut budget = Budget::new(8_000, now);
        let taken = (0..1_000).filter(|_| budget.take_leaving(now, 1_000, 0.1) == Verdict::Within);
        assert_eq!(taken.count(), 900);
        let taken = (0..1_000).filter(|_| budget.take(now, 1_000) == Verdict::Within);
        assert_eq!(taken.count(), 100);
    }

    #[test]
    fn long_packets_are_bounded_by_bits_and_short_ones_by_number() {
        let now = Instant::now();
        // 8 Mbit/s are 1,000 packets of 1,000 bytes, or 2,500 of 400.
        let mut budget = Budget::new(8_000, now);
        assert_eq!(second(&mut budget, now, 1_000, 1_000), (1_000, 0));
        let much_later = now + Duration::from_secs(60);
        // What was saved up, and what comes meanwhile.
        let (within, said) = second(&mut budget, much_later, 10_000, 1_000);
        assert!((1_990..=2_000).contains(&within) && said == 1, "{within}");
        let (within, said) = second(&mut budget, much_later + Duration::from_secs(1), 20_000, 40);
        assert!((4_990..=5_000).contains(&within) && said == 0, "{within}");
        let (within, said) = second(&mut budget, much_later + Duration::from_secs(2), 20_000, 40);
        assert!((2_490..=2_510).contains(&within) && said == 0, "{within}");
        let (_, said) = second(&mut budget, much_later + Duration::from_secs(60), 20_000, 40);
        assert_eq!(said, 1);
    }
}
