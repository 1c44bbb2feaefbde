//! What of a client's line goes to audio that it is sent more than once (RFC 2198), while it loses packets.

use std::time::{Duration, Instant};

use crate::congestion::Meter;

/// Where nothing was repeated for so long, nothing is: the meter keeps its rate in pauses.
const PAUSE: Duration = Duration::from_secs(2);

/// See the module.
#[derive(Debug)]
pub(super) struct Redundancy {
    meter: Meter,
    sent: Instant,
    /// Audio is sent more than once now.
    is_on: bool,
    /// What was known when it was asked for news last.
    told: u64,
}

impl Redundancy {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            meter: Meter::new(now),
            sent: now,
            is_on: false,
            told: 0,
        }
    }

    /// Audio is sent more than once from now on, where there is any, or not any more.
    pub(super) fn turn(&mut self, now: Instant, is_on: bool) {
        self.is_on = is_on && now < self.sent + PAUSE;
    }

    /// So many bytes of a packet repeat earlier ones.
    pub(super) fn sent(&mut self, now: Instant, bytes: usize) {
        self.meter.add(now, bytes);
        self.sent = now;
    }

    /// Bits per second.
    pub(super) fn bits(&self) -> u64 {
        let bits = self.meter.bits().filter(|_| self.is_on);
        bits.unwrap_or_default() as u64
    }

    /// Whether [`Self::bits`] is not what it was at the last call.
    pub(super) fn is_news(&mut self) -> bool {
        let bits = self.bits();
        std::mem::replace(&mut self.told, bits) != bits
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_is_repeated_counts_while_it_is() {
        let mut now = Instant::now();
        let mut redundancy = Redundancy::new(now);
        assert_eq!((redundancy.bits(), redundancy.is_news()), (0, false));
        redundancy.turn(now, true);
        for _ in 0..100 {
            now += Duration::from_millis(20);
            redundancy.sent(now, 169);
        }
        assert_eq!(redundancy.bits(), 67_600);
        assert!(redundancy.is_news() && !redundancy.is_news());
        redundancy.turn(now, false);
        assert_eq!((redundancy.bits(), redundancy.is_news()), (0, true));
        redundancy.turn(now + PAUSE / 2, true);
        assert_eq!((redundancy.bits(), redundancy.is_news()), (67_600, true));
        redundancy.turn(now + PAUSE, true);
        assert_eq!((redundancy.bits(), redundancy.is_news()), (0, true), "nobody speaks");
    }
}
