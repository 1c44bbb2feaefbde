//! Keyframe requests are costly for the publisher and for everyone who is sent the keyframe: a layer gets two in a second
//! at most, however many subscribers join or lose the picture. Further ones are joined to the next.

use std::time::{Duration, Instant};

/// The minimum time between two requests. Evenly spaced, so that of many who join within a second nobody waits longer.
const INTERVAL: Duration = Duration::from_millis(500);

/// Lets a request through if the last one is long enough ago; the others become one that is put off.
#[derive(Debug, Default)]
pub(crate) struct Throttle {
    last: Option<Instant>,
    is_waiting: bool,
}

impl Throttle {
    /// Asks for a request. `true`: send it now. `false`: one is due at [`Self::deadline`].
    pub(crate) fn ask(&mut self, now: Instant) -> bool {
        self.is_waiting = self.last.is_some_and(|last| now < last + INTERVAL);
        if !self.is_waiting {
            self.last = Some(now);
        }
        !self.is_waiting
    }

    /// What was asked for has come: the request that was put off is not needed any more.
    pub(crate) fn came(&mut self) {
        self.is_waiting = false;
    }

    /// When the request that was put off is due.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.last.filter(|_| self.is_waiting).map(|last| last + INTERVAL)
    }

    /// `true`, once, when the deadline has come: send a request now.
    pub(crate) fn due(&mut self, now: Instant) -> bool {
        self.deadline().is_some_and(|_| self.ask(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_of_requests_becomes_two() {
        let start = Instant::now();
        let mut throttle = Throttle::default();
        assert!(throttle.ask(start));
        assert_eq!(throttle.deadline(), None);
        for ms in 1..100 {
            assert!(!throttle.ask(start + Duration::from_millis(ms)));
        }
        let end = start + INTERVAL;
        assert_eq!(throttle.deadline(), Some(end));
        assert!(!throttle.due(end - Duration::from_millis(1)));
        assert!(throttle.due(end));
        assert!(!throttle.due(end));
        assert_eq!(throttle.deadline(), None);
    }

    #[test]
    fn what_comes_in_time_is_not_asked_for_again() {
        let start = Instant::now();
        let mut throttle = Throttle::default();
        assert!(throttle.ask(start) && !throttle.ask(start));
        throttle.came();
        assert!(throttle.deadline().is_none() && !throttle.due(start + INTERVAL));
    }

    #[test]
    fn a_second_has_two_requests_at_most_whoever_asks() {
        let start = Instant::now();
        let mut throttle = Throttle::default();
        // A crowd joins, and toggles what it views.
        let made: Vec<_> = (0..10_000)
            .filter(|ms| {
                let now = start + Duration::from_millis(*ms);
                throttle.due(now) || throttle.ask(now)
            })
            .collect();
        assert_eq!((made.len(), &made[..3]), (20, &[0, 500, 1_000][..]));
    }
}
