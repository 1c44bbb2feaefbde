//! Keyframe requests are costly for the publisher: each track gets one at a time, and others are joined to it.

use std::time::{Duration, Instant};

/// How urgent a keyframe is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// A new subscriber sees nothing yet. An encoder answers within some 100 ms; a keyframe from before is no use to them.
    New,
    /// A subscriber lost the picture, or still waits. A second request within half a second would mostly ask for a keyframe
    /// that is on its way.
    Again,
}

impl Need {
    /// The minimum time since the last request.
    fn interval(self) -> Duration {
        match self {
            Self::New => Duration::from_millis(150),
            Self::Again => Duration::from_millis(500),
        }
    }
}

/// Lets a request through if the last one is long enough ago; the others become one that is put off.
#[derive(Debug, Default)]
pub(crate) struct Throttle {
    last: Option<Instant>,
    waiting: Option<Instant>,
}

impl Throttle {
    /// Asks for a request. `true`: send it now. `false`: one is due at [`Self::deadline`].
    pub(crate) fn ask(&mut self, now: Instant, need: Need) -> bool {
        let allowed = self.last.map_or(now, |last| last + need.interval());
        if now < allowed {
            self.waiting = Some(self.waiting.map_or(allowed, |waiting| waiting.min(allowed)));
            return false;
        }
        self.last = Some(now);
        self.waiting = None;
        true
    }

    /// When the request that was put off is due.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.waiting
    }

    /// `true`, once, when the deadline has come: send a request now.
    pub(crate) fn due(&mut self, now: Instant) -> bool {
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
    fn a_burst_of_requests_becomes_two() {
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
    fn a_new_subscriber_waits_less() {
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
