//! A token bucket. Unless said otherwise, it holds one second's worth.

use std::time::Instant;

/// See the module.
#[derive(Debug, Clone)]
pub(crate) struct Bucket {
    rate: f64,
    most: f64,
    tokens: f64,
    at: Instant,
}

impl Bucket {
    /// A full bucket of `rate` tokens a second.
    pub(crate) fn new(rate: u32, now: Instant) -> Self {
        Self::with_burst(rate, rate, now)
    }

    /// A full bucket of `rate` tokens a second that holds `burst`.
    pub(crate) fn with_burst(rate: u32, burst: u32, now: Instant) -> Self {
        let most = f64::from(burst);
        Self {
            rate: f64::from(rate),
            most,
            tokens: most,
            at: now,
        }
    }

    /// How many tokens come in a second.
    pub(crate) fn rate(&self) -> f64 {
        self.rate
    }

    /// Changes how many tokens come in a second, of which it holds one second's worth. It gets none by that.
    pub(crate) fn set_rate(&mut self, now: Instant, rate: u32) {
        self.fill(now);
        (self.rate, self.most) = (f64::from(rate), f64::from(rate));
        self.tokens = self.tokens.min(self.most);
    }

    /// Takes a token, if there is one.
    pub(crate) fn take(&mut self, now: Instant) -> bool {
        self.has(now, 1.0) && {
            self.spend(1.0);
            true
        }
    }

    /// Whether there are so many tokens.
    pub(crate) fn has(&mut self, now: Instant, tokens: f64) -> bool {
        self.fill(now);
        self.tokens >= tokens
    }

    /// Whether nothing is missing.
    pub(crate) fn is_full(&mut self, now: Instant) -> bool {
        self.fill(now);
        self.tokens >= self.most
    }

    /// Takes tokens. More than are there have to be made up for.
    pub(crate) fn spend(&mut self, tokens: f64) {
        self.tokens -= tokens;
    }

    fn fill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.at = self.at.max(now);
        self.tokens = (self.tokens + passed * self.rate).min(self.most);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_rate_is_kept() {
        let now = Instant::now();
        let mut bucket = Bucket::new(10, now);
        assert_eq!((0..20).filter(|_| bucket.take(now)).count(), 10);
        let later = now + Duration::from_millis(500);
        assert_eq!((0..20).filter(|_| bucket.take(later)).count(), 5);
        let much_later = now + Duration::from_secs(60);
        assert_eq!((0..20).filter(|_| bucket.take(much_later)).count(), 10);
    }

    #[test]
    fn another_rate_is_another_burst() {
        let now = Instant::now();
        let mut bucket = Bucket::new(10, now);
        bucket.set_rate(now, 100);
        assert_eq!((0..200).filter(|_| bucket.take(now)).count(), 10, "none comes by that");
        let later = now + Duration::from_secs(60);
        assert_eq!((0..200).filter(|_| bucket.take(later)).count(), 100);
        bucket.set_rate(later, 5);
        let much_later = later + Duration::from_secs(60);
        assert_eq!((0..200).filter(|_| bucket.take(much_later)).count(), 5);
    }
}
