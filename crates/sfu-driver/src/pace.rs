//! When a worker has its next turn. Most of what a turn costs where nobody speaks is waking up for it, and clients send their
//! reports and checks whenever they like: so some of them share a turn.

use std::time::{Duration, Instant};

/// Turns lie so far apart where they would follow each other more closely, and no media waits.
const APART: Duration = Duration::from_millis(1);

/// Media is taken to flow for so long after its last packet.
const FLOWS: Duration = Duration::from_millis(100);

/// See the module.
#[derive(Debug)]
pub(crate) struct Pace {
    /// When the last turn was.
    turned: Instant,
    /// It came soon after the one before, or had several packets.
    is_dense: bool,
    /// The packets of media that came so far, and when that last changed.
    media: u64,
    flowed: Option<Instant>,
}

impl Pace {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            turned: now,
            is_dense: false,
            media: 0,
            flowed: None,
        }
    }

    /// How long to wait before looking for something to do.
    pub(crate) fn rest(&self, now: Instant) -> Duration {
        let flows = self.flowed.is_some_and(|at| now < at + FLOWS);
        match self.is_dense && !flows {
            true => (self.turned + APART).saturating_duration_since(now),
            false => Duration::ZERO,
        }
    }

    /// A turn has begun at `now`, and is over. It read so many datagrams; `media` is how many packets of media came so far.
    pub(crate) fn turned(&mut self, now: Instant, read: usize, media: u64) {
        self.is_dense = read > 1 || now < self.turned + APART;
        if std::mem::replace(&mut self.media, media) != media {
            self.flowed = Some(now);
        }
        self.turned = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MICRO: Duration = Duration::from_micros(1);

    #[test]
    fn turns_that_would_follow_each_other_closely_lie_apart() {
        let mut now = Instant::now();
        let mut pace = Pace::new(now);
        now += 10 * APART;
        pace.turned(now, 1, 0);
        assert_eq!(pace.rest(now), Duration::ZERO, "what comes seldom is done at once");
        now += 300 * MICRO;
        pace.turned(now, 1, 0);
        assert_eq!(pace.rest(now + 200 * MICRO), 800 * MICRO);
        assert_eq!(pace.rest(now + APART), Duration::ZERO);
        now += APART;
        pace.turned(now, 2, 0);
        assert_eq!(pace.rest(now), APART, "there was more than one");
        now += APART;
        pace.turned(now, 1, 0);
        assert_eq!(pace.rest(now), Duration::ZERO);
    }

    #[test]
    fn media_does_not_wait() {
        let mut now = Instant::now();
        let mut pace = Pace::new(now);
        pace.turned(now, 8, 1);
        assert_eq!(pace.rest(now), Duration::ZERO);
        now += FLOWS - MICRO;
        pace.turned(now, 8, 1);
        assert_eq!(pace.rest(now), Duration::ZERO);
        assert_eq!(pace.rest(now + MICRO), APART - MICRO);
    }
}
