//! The time, and what is due at peers when it passes.

use std::time::{Duration, Instant};

use crate::ids::PeerKey;
use crate::timers::Timers;

/// What a deadline of a peer is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Timer {
    /// Its session's own.
    Session(PeerKey),
    /// Its path or its negotiation.
    Peer(PeerKey),
}

/// What need not be on time is done at times that lie so far apart: of many peers together, and the thread sleeps meanwhile.
const GRID: Duration = Duration::from_millis(250);

/// See the module.
pub(super) struct Clock {
    began: Instant,
    now: Instant,
    timers: Timers<Timer>,
}

impl Clock {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            began: now,
            now,
            timers: Timers::new(),
        }
    }

    pub(super) fn now(&self) -> Instant {
        self.now
    }

    /// Never goes backwards.
    pub(super) fn advance(&mut self, now: Instant) {
        self.now = self.now.max(now);
    }

    pub(super) fn next_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    pub(super) fn arm(&mut self, at: Instant, timer: Timer) {
        self.timers.arm(at, timer);
    }

    /// The first time, from `at` on, of those at which is done what need not be on time.
    pub(super) fn patiently(&self, at: Instant) -> Instant {
        let since = at.saturating_duration_since(self.began);
        let steps = since.as_nanos().div_ceil(GRID.as_nanos());
        self.began + GRID * steps.try_into().unwrap_or(u32::MAX)
    }

    pub(super) fn forget(&mut self, peer: PeerKey) {
        self.timers.disarm(Timer::Session(peer));
        self.timers.disarm(Timer::Peer(peer));
    }

    /// Takes all that is due. What is armed meanwhile waits for the next call: it is not due before the time moves.
    pub(super) fn take_due(&mut self) -> Vec<Timer> {
        std::iter::from_fn(|| self.timers.pop(self.now)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_need_not_be_on_time_is_done_together() {
        let began = Instant::now();
        let clock = Clock::new(began);
        assert_eq!(clock.patiently(began), began);
        let at = |ms| clock.patiently(began + Duration::from_millis(ms)) - began;
        assert_eq!([at(1), at(249), at(250), at(251)], [GRID, GRID, GRID, 2 * GRID]);
    }
}
