//! The time, and what is due at peers when it passes.

use std::time::Instant;

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

/// See the module.
pub(super) struct Clock {
    now: Instant,
    timers: Timers<Timer>,
}

impl Clock {
    pub(super) fn new(now: Instant) -> Self {
        Self {
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

    pub(super) fn forget(&mut self, peer: PeerKey) {
        self.timers.disarm(Timer::Session(peer));
        self.timers.disarm(Timer::Peer(peer));
    }

    /// Takes all that is due. What is armed meanwhile waits for the next call: it is not due before the time moves.
    pub(super) fn take_due(&mut self) -> Vec<Timer> {
        std::iter::from_fn(|| self.timers.pop(self.now)).collect()
    }
}
