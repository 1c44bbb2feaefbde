//! A line with a rate, a queue, a delay and losses of its own.

use std::time::{Duration, Instant};

/// IPv4 and UDP headers.
const BELOW: usize = 28;

/// See the module.
#[derive(Debug, Clone)]
pub(crate) struct Link {
    /// Bits per second.
    pub(crate) rate: f64,
    /// Bytes that wait at most; what comes then is lost.
    pub(crate) queue: usize,
    /// How long a packet takes that does not wait.
    pub(crate) delay: Duration,
    /// The share of packets lost besides.
    pub(crate) loss: f64,
    /// When what waits has left.
    pub(crate) free: Option<Instant>,
    /// Packets that found the queue full.
    pub(crate) dropped: usize,
}

impl Link {
    pub(crate) fn new(rate: f64, queue: usize) -> Self {
        Self {
            rate,
            queue,
            delay: Duration::from_millis(20),
            loss: 0.0,
            free: None,
            dropped: 0,
        }
    }

    /// Carries a packet. Gives how long that takes; `None`: it is lost.
    pub(crate) fn carry(&mut self, now: Instant, bytes: usize, rng: &mut fastrand::Rng) -> Option<Duration> {
        let free = self.free.unwrap_or(now).max(now);
        let waiting = (free - now).as_secs_f64() * self.rate / 8.0;
        if waiting > self.queue as f64 {
            self.dropped += 1;
            return None;
        }
        let left = free + Duration::from_secs_f64((bytes + BELOW) as f64 * 8.0 / self.rate);
        self.free = Some(left);
        (rng.f64() >= self.loss).then(|| left - now + self.delay)
    }

    /// Has another rate from now on. What waits leaves at it.
    pub(crate) fn set_rate(&mut self, now: Instant, rate: f64) {
        let waiting = self
            .free
            .map_or(0.0, |free| free.saturating_duration_since(now).as_secs_f64());
        self.free = Some(now + Duration::from_secs_f64(waiting * self.rate / rate));
        self.rate = rate;
    }
}
