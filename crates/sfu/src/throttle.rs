//! Keyframe requests are costly for the one who is asked: one request a while for each track, the rest wait and join.

use std::time::{Duration, Instant};

/// The least time between two requests. An encoder answers within some 100 ms; a second request within half a second
/// would most often ask for what is on its way.
pub const KEYFRAME_INTERVAL: Duration = Duration::from_millis(500);

/// Lets one request through each [`KEYFRAME_INTERVAL`]; those in between are joined to one at its end.
#[derive(Debug, Default)]
pub struct Throttle {
    last: Option<Instant>,
    waiting: bool,
}

impl Throttle {
    /// Asks. `true`: send a request now. `false`: one will be due at [`Self::deadline`].
    pub fn ask(&mut self, now: Instant) -> bool {
        if self.last.is_some_and(|last| now < last + KEYFRAME_INTERVAL) {
            self.waiting = true;
            return false;
        }
        self.last = Some(now);
        self.waiting = false;
        true
    }

    /// When the joined requests are due.
    pub fn deadline(&self) -> Option<Instant> {
        self.last.filter(|_| self.waiting).map(|last| last + KEYFRAME_INTERVAL)
    }

    /// `true` once when the deadline has come: send a request now.
    pub fn due(&mut self, now: Instant) -> bool {
        self.deadline().is_some_and(|at| at <= now) && self.ask(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_become_two() {
        let start = Instant::now();
        let mut throttle = Throttle::default();
        assert!(throttle.ask(start));
        assert_eq!(throttle.deadline(), None);
        for ms in 1..100 {
            assert!(!throttle.ask(start + Duration::from_millis(ms)));
        }
        let end = start + KEYFRAME_INTERVAL;
        assert_eq!(throttle.deadline(), Some(end));
        assert!(!throttle.due(end - Duration::from_millis(1)));
        assert!(throttle.due(end));
        assert!(!throttle.due(end));
        assert_eq!(throttle.deadline(), None);
    }
}
