//! Packets of one stream that have not come, to be asked for (RFC 4585 section 6.2.1).

use std::time::{Duration, Instant};

/// How long a packet may be late: networks reorder.
const PATIENCE: Duration = Duration::from_millis(10);
/// Between two requests for one packet, at least; on longer ways a round trip, and a quarter more.
const AGAIN: Duration = Duration::from_millis(105);
/// A round trip may have been measured on a bad moment.
const AGAIN_AT_MOST: Duration = Duration::from_millis(500);
/// Requests for one packet.
const REQUESTS: u8 = 5;
/// Packets that are asked for at a time, the latest: a keyframe is quicker than more of them.
const MOST: u64 = 100;

#[derive(Debug)]
struct Hole {
    index: u64,
    requests: u8,
    /// When to ask for it next.
    due: Instant,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Missing {
    /// One more than the highest index that came.
    end: Option<u64>,
    /// In the order of their indices.
    holes: Vec<Hole>,
}

impl Missing {
    /// Takes that a packet has come.
    pub(super) fn came(&mut self, now: Instant, index: u64) {
        let end = self.end.unwrap_or(index);
        if index < end {
            if let Ok(place) = self.holes.binary_search_by_key(&index, |hole| hole.index) {
                self.holes.remove(place);
            }
            return;
        }
        let due = now + PATIENCE;
        let holes = (end.max(index.saturating_sub(MOST))..index).map(|index| Hole {
            index,
            requests: 0,
            due,
        });
        self.holes.extend(holes);
        let surplus = self.holes.len().saturating_sub(MOST as usize);
        self.holes.drain(..surplus);
        self.end = Some(index + 1);
    }

    /// When to ask next.
    pub(super) fn due(&self) -> Option<Instant> {
        self.holes.iter().map(|hole| hole.due).min()
    }

    /// What to ask for now: sequence numbers. A request is answered after a round trip.
    pub(super) fn ask(&mut self, now: Instant, round_trip: Duration) -> Vec<u16> {
        let again = (round_trip * 5 / 4).clamp(AGAIN, AGAIN_AT_MOST);
        let mut asked = Vec::new();
        for hole in self.holes.iter_mut().filter(|hole| hole.due <= now) {
            asked.push(hole.index as u16);
            hole.requests += 1;
            hole.due = now + again;
        }
        self.holes.retain(|hole| hole.requests < REQUESTS);
        asked
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Duration = Duration::from_millis(20);

    #[test]
    fn what_is_late_is_not_asked_for_and_what_is_lost_is_a_few_times() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut missing = Missing::default();
        for (ms, index) in [(0, 65_534), (1, 65_537), (2, 65_535)] {
            missing.came(at(ms), index);
        }
        assert_eq!(missing.due(), Some(at(11)));
        assert!(missing.ask(at(10), SHORT).is_empty());
        let mut asked = 0;
        for ms in 11..2_000 {
            let numbers = missing.ask(at(ms), SHORT);
            asked += numbers.len();
            assert!(numbers.iter().all(|number| *number == 0));
        }
        assert_eq!((asked, missing.due()), (5, None));
        missing.came(at(2_000), 65_540);
        missing.came(at(2_001), 65_539);
        assert_eq!(missing.ask(at(2_100), SHORT), [2]);
        missing.came(at(2_110), 65_538);
        assert_eq!(missing.due(), None);
    }

    #[test]
    fn on_a_long_way_no_answer_is_asked_for_that_is_under_way() {
        let start = Instant::now();
        let mut missing = Missing::default();
        missing.came(start, 0);
        missing.came(start, 2);
        let mut asked = Vec::new();
        for ms in 0..2_000 {
            if !missing.ask(start + Duration::from_millis(ms), 8 * AGAIN / 3).is_empty() {
                asked.push(ms);
            }
        }
        assert_eq!(asked, [10, 360, 710, 1_060, 1_410]);
    }

    #[test]
    fn of_many_the_latest_are_asked_for() {
        let now = Instant::now();
        let mut missing = Missing::default();
        missing.came(now, 0);
        missing.came(now, 30_000);
        missing.came(now, 30_002);
        let asked = missing.ask(now + PATIENCE, SHORT);
        assert_eq!((asked.len(), asked[0], asked[99]), (100, 29_901, 30_001));
    }
}
