//! How many bits a stream has had in the last second.

use std::time::{Duration, Instant};

/// What is counted together. A frame's packets come in a burst, and the next frame may be 200 ms away.
const WINDOW: Duration = Duration::from_secs(1);

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Rate {
    /// When the current window began.
    began: Option<Instant>,
    bytes: u64,
    /// Bytes of the window before.
    before: u64,
}

impl Rate {
    /// Counts a packet.
    pub(crate) fn add(&mut self, now: Instant, bytes: usize) {
        let began = *self.began.get_or_insert(now);
        let windows = now.saturating_duration_since(began).as_secs();
        if windows > 0 {
            self.before = if windows == 1 { self.bytes } else { 0 };
            self.bytes = 0;
            self.began = Some(began + WINDOW * u32::try_from(windows).unwrap_or(u32::MAX));
        }
        self.bytes += bytes as u64;
    }

    /// Bits per second, as of the last packet: what a stream costs does not change while it is stopped.
    pub(crate) fn bits(&self, last: Instant) -> u64 {
        let Some(began) = self.began else {
            return 0;
        };
        let into = last.saturating_duration_since(began).as_secs_f64().min(1.0);
        8 * (self.bytes + (self.before as f64 * (1.0 - into)) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_stream_has_its_rate_and_a_change_shows_within_a_second() {
        let start = Instant::now();
        let mut rate = Rate::default();
        let mut run = |from: u64, to: u64, bytes: usize| {
            for ms in (from..to).step_by(20) {
                rate.add(start + Duration::from_millis(ms), bytes);
            }
            rate.bits(start + Duration::from_millis(to))
        };
        // 1,000 bytes, fifty times a second.
        assert!((390_000..=410_000).contains(&run(0, 3_300, 1_000)));
        assert!((780_000..=820_000).contains(&run(3_300, 5_300, 2_000)));
        assert!((190_000..=210_000).contains(&run(5_300, 7_500, 500)));
    }

    #[test]
    fn after_silence_only_what_comes_counts() {
        let start = Instant::now();
        let mut rate = Rate::default();
        assert_eq!(rate.bits(start), 0);
        rate.add(start, 1_000);
        let later = start + Duration::from_secs(3_600);
        rate.add(later, 10);
        assert_eq!(rate.bits(later), 80);
    }
}
