//! Keyframe requests are costly for the publisher and for everyone who is sent the keyframe: a track gets two in a second
//! at most, however many subscribers join or lose the picture. Further ones are joined to the next.

use std::time::{Duration, Instant};

/// The time in which at most two requests are made.
const WINDOW: Duration = Duration::from_secs(1);

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
    /// The request before the last one.
    earlier: Option<Instant>,
    waiting: Option<Instant>,
}

impl Throttle {
    /// Asks for a request. `true`: send it now. `false`: one is due at [`Self::deadline`].
    pub(crate) fn ask(&mut self, now: Instant, need: Need) -> bool {
        let allowed = self.allowed(now, need);
        if now < allowed {
            self.waiting = Some(self.waiting.map_or(allowed, |waiting| waiting.min(allowed)));
            return false;
        }
        self.requested(now);
        true
    }

    /// When a request may be made.
    fn allowed(&self, now: Instant, need: Need) -> Instant {
        let after_last = self.last.map(|last| last + need.interval());
        let after_earlier = self.earlier.map(|earlier| earlier + WINDOW);
        [after_last, after_earlier]
            .into_iter()
            .flatten()
            .fold(now, Instant::max)
    }

    fn requested(&mut self, now: Instant) {
        self.earlier = self.last.replace(now);
        self.waiting = None;
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
        self.requested(now);
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

    #[test]
    fn a_second_has_two_requests_at_most_whoever_asks() {
        let start = Instant::now();
        let mut throttle = Throttle::default();
        let mut made = Vec::new();
        for ms in 0..10_000 {
            let now = start + Duration::from_millis(ms);
            let is_due = throttle.due(now);
            // A crowd joins, and toggles what it views.
            let need = if ms % 3 == 0 { Need::Again } else { Need::New };
            if is_due || throttle.ask(now, need) {
                made.push(ms);
            }
        }
        assert!(made.windows(3).all(|three| three[2] - three[0] >= 1_000), "{made:?}");
        assert_eq!((made.len(), &made[..4]), (20, &[0, 150, 1_000, 1_150][..]));
    }
}
