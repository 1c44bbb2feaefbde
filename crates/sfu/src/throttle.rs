//! Keyframe requests are costly for the one who is asked: one request a while for each track, the rest wait and join.

use std::time::{Duration, Instant};

/// How much the one who asks is in need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Someone new sees nothing yet. An encoder answers within some 100 ms: what it made before is no use to them.
    New,
    /// Someone lost the picture, or waits still. A second request within half a second would most often ask for what is on
    /// its way.
    Again,
}

impl Need {
    /// The least time between the last request and this one.
    fn interval(self) -> Duration {
        match self {
            Self::New => Duration::from_millis(150),
            Self::Again => Duration::from_millis(500),
        }
    }
}

/// Lets a request through if the last one is long enough ago; others are joined to one that is put off.
#[derive(Debug, Default)]
pub struct Throttle {
    last: Option<Instant>,
    waiting: Option<Instant>,
}

impl Throttle {
    /// Asks. `true`: send a request now. `false`: one will be due at [`Self::deadline`].
    pub fn ask(&mut self, now: Instant, need: Need) -> bool {
        let allowed = self.last.map_or(now, |last| last + need.interval());
        if now < allowed {
            self.waiting = Some(self.waiting.map_or(allowed, |waiting| waiting.min(allowed)));
            return false;
        }
        self.last = Some(now);
        self.waiting = None;
        true
    }

    /// When the joined requests are due.
    pub fn deadline(&self) -> Option<Instant> {
        self.waiting
    }

    /// `true` once when the deadline has come: send a request now.
    pub fn due(&mut self, now: Instant) -> bool {
        if self.waiting.is_none_or(|at| now < at) {
            return false;
        }
        self.last = Some(now);
        self.waiting = None;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_become_two() {
        let start = Instant::now();
        let mut throttle = Throttle::default();
        assert!(throttle.ask(start, Need::Again));
        assert_eq!(throttle.deadline(), None);
        for ms in 1..100 {
            assert!(!throttle.ask(start + Duration::from_millis(ms), Need::Again));
        }
        let end = start + Duration::from_millis(500);
        assert_eq!(throttle.deadline(), Some(end));
        assert!(!throttle.due(end - Duration::from_millis(1)));
        assert!(throttle.due(end));
        assert!(!throttle.due(end));
        assert_eq!(throttle.deadline(), None);
    }

    #[test]
    fn who_is_new_waits_less() {
        let start = Instant::now();
        let mut throttle = Throttle::default();
        assert!(throttle.ask(start, Need::New));
        let soon = start + Duration::from_millis(10);
        assert!(!throttle.ask(soon, Need::Again) && !throttle.ask(soon, Need::New) && !throttle.ask(soon, Need::Again));
        assert_eq!(throttle.deadline(), Some(start + Duration::from_millis(150)));
        assert!(throttle.ask(start + Duration::from_millis(150), Need::New));
        assert_eq!(throttle.deadline(), None);
    }
}
