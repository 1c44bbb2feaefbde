//! Packets of a video that are missing in a recording: a retransmission brings most of them. One that it does not bring
//! damages the picture until the next keyframe, and a recording has no decoder that would ask for one.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// A retransmission that has not come after so long does not come any more.
const PATIENCE: Duration = Duration::from_secs(1);
/// Missing packets that are waited for. More at a time are not repaired: the publisher does not keep many.
const MAX_MISSING: usize = 128;

/// What is missing of one stream.
#[derive(Debug, Default)]
pub(super) struct Holes {
    /// The sequence number after the highest one.
    next: Option<u64>,
    /// In order.
    missing: VecDeque<(u64, Instant)>,
}

impl Holes {
    /// Takes the extended sequence number of a packet that came. Gives whether a packet before it is given up.
    pub(super) fn came(&mut self, at: Instant, sequence: u64) -> bool {
        let next = self.next.unwrap_or(sequence);
        self.next = Some(next.max(sequence + 1));
        if sequence < next {
            self.missing.retain(|(missing, _)| *missing != sequence);
        }
        let skipped = sequence.saturating_sub(next) as usize;
        let is_waited_for = |(_, since): &(u64, Instant)| *since + PATIENCE > at;
        if self.missing.len() + skipped > MAX_MISSING || !self.missing.front().is_none_or(is_waited_for) {
            self.missing.clear();
            return true;
        }
        self.missing.extend((next..sequence).map(|missing| (missing, at)));
        false
    }

    /// A decoder can begin here, whatever is missing before it.
    pub(super) fn forget(&mut self) {
        self.missing.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(start: Instant, ms: u64) -> Instant {
        start + Duration::from_millis(ms)
    }

    #[test]
    fn what_is_repaired_in_time_is_not_given_up() {
        let (start, mut holes) = (Instant::now(), Holes::default());
        for (ms, sequence) in [
            (0, 70_000),
            (10, 70_003),
            (20, 70_001),
            (900, 70_004),
            (950, 70_002),
            (3_000, 70_005),
        ] {
            assert!(!holes.came(at(start, ms), sequence), "{sequence}");
        }
    }

    #[test]
    fn what_is_not_repaired_is_given_up_once() {
        let (start, mut holes) = (Instant::now(), Holes::default());
        assert!(!holes.came(start, 5));
        assert!(!holes.came(at(start, 10), 7));
        assert!(!holes.came(at(start, 1_009), 8));
        assert!(holes.came(at(start, 1_010), 9));
        assert!(!holes.came(at(start, 5_000), 10));
    }

    #[test]
    fn a_keyframe_makes_holes_harmless() {
        let (start, mut holes) = (Instant::now(), Holes::default());
        holes.came(start, 5);
        holes.came(start, 7);
        holes.forget();
        assert!(!holes.came(at(start, 5_000), 8));
    }

    #[test]
    fn many_at_a_time_are_given_up_at_once() {
        let (start, mut holes) = (Instant::now(), Holes::default());
        holes.came(start, 5);
        assert!(!holes.came(start, 5 + 129));
        assert!(holes.came(start, 5 + 131));
        assert!(holes.missing.is_empty());
        assert!(holes.came(start, u64::MAX - 1));
        assert!(!holes.came(start, 5), "from before the first");
    }
}
