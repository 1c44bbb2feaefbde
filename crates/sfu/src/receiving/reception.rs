//! What a receiver report says of one stream (RFC 3550 sections 6.4.1, A.3 and A.8).

use std::time::Instant;

/// See the module.
#[derive(Debug)]
pub(super) struct Reception {
    began: Instant,
    first: u64,
    highest: u64,
    received: u64,
    /// How many were expected and received by the last report.
    reported: (u64, u64),
    /// Sixteen times the jitter, in units of the timestamp.
    jitter: u32,
    /// The last transit time, in the same units, on clocks that have nothing to do with each other.
    transit: Option<u32>,
}

impl Reception {
    /// Begins with a packet.
    pub(super) fn new(now: Instant, index: u64) -> Self {
        Self {
            began: now,
            first: index,
            highest: index,
            received: 0,
            reported: (0, 0),
            jitter: 0,
            transit: None,
        }
    }

    /// Counts a packet that had not come before, as it was sent first or as a retransmission.
    pub(super) fn count(&mut self, index: u64) {
        self.first = self.first.min(index);
        self.highest = self.highest.max(index);
        self.received += 1;
    }

    /// Takes how long a packet was under way.
    pub(super) fn time(&mut self, now: Instant, timestamp: u32, clock_rate: u32) {
        let since = now.saturating_duration_since(self.began).as_micros();
        let arrival = (since * u128::from(clock_rate) / 1_000_000) as u32;
        let transit = arrival.wrapping_sub(timestamp);
        if let Some(before) = self.transit.replace(transit) {
            let difference = transit.wrapping_sub(before).cast_signed().unsigned_abs();
            let smoothed = self.jitter - self.jitter.saturating_add(8) / 16;
            self.jitter = smoothed.saturating_add(difference);
        }
    }

    /// The report block, from the SSRC on. `heard` is what the last sender report said, in the middle of its time, and when it
    /// came. `None`: nothing came since the last one.
    pub(super) fn block(&mut self, now: Instant, ssrc: u32, heard: Option<(u32, Instant)>) -> Option<[u8; 24]> {
        let before = std::mem::replace(&mut self.reported, (self.highest - self.first + 1, self.received));
        let (expected, received) = (self.reported.0 - before.0, self.received - before.1);
        if received == 0 {
            return None;
        }
        let lost = expected.saturating_sub(received);
        let fraction = (lost << 8).checked_div(expected).unwrap_or(0).min(255) as u32;
        let lost_in_all = self.reported.0.saturating_sub(self.received).min(0x7f_ffff) as u32;
        let (last_report, since) = heard.map_or((0, 0), |(middle, at)| {
            let since = now.saturating_duration_since(at).as_micros() * 65_536 / 1_000_000;
            (middle, u32::try_from(since).unwrap_or(u32::MAX))
        });
        let words = [
            ssrc,
            fraction << 24 | lost_in_all,
            self.highest as u32,
            self.jitter / 16,
            last_report,
            since,
        ];
        let mut block = [0; 24];
        block
            .chunks_exact_mut(4)
            .zip(words)
            .for_each(|(place, word)| place.copy_from_slice(&word.to_be_bytes()));
        Some(block)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn words(block: [u8; 24]) -> Vec<u32> {
        let words = block.chunks_exact(4);
        words.map(|word| u32::from_be_bytes(word.try_into().unwrap())).collect()
    }

    #[test]
    fn losses_are_of_the_time_since_the_last_report_and_of_all() {
        let start = Instant::now();
        let mut reception = Reception::new(start, 65_500);
        (65_500..65_600)
            .filter(|index| index % 4 != 1)
            .for_each(|index| reception.count(index));
        let block = words(reception.block(start, 9, None).unwrap());
        assert_eq!(block, [9, 64 << 24 | 25, 65_599, 0, 0, 0]);
        (65_600..65_700).for_each(|index| reception.count(index));
        let heard = Some((7, start));
        let block = words(reception.block(start + Duration::from_millis(500), 9, heard).unwrap());
        assert_eq!(block, [9, 25, 65_699, 0, 7, 32_768]);
        assert_eq!(reception.block(start, 9, None), None, "nothing is new");
        // What was asked for and came counts, also what came twice: never less than nothing is lost.
        (0..40).for_each(|_| reception.count(65_650));
        assert_eq!(words(reception.block(start, 9, None).unwrap())[1], 0);
    }

    #[test]
    fn timestamps_of_any_kind_are_borne() {
        let mut rng = fastrand::Rng::with_seed(9);
        let start = Instant::now();
        let mut reception = Reception::new(start, 0);
        for second in 0..1_000 {
            reception.count(second);
            reception.time(start + Duration::from_secs(second), rng.u32(..), 90_000);
        }
        assert!(reception.block(start, 9, None).is_some());
    }

    #[test]
    fn jitter_is_how_much_the_time_under_way_varies() {
        let start = Instant::now();
        let mut reception = Reception::new(start, 0);
        for frame in 0..1_000_u32 {
            reception.count(frame.into());
            let delay = if frame % 2 == 0 { 0 } else { 5 };
            let at = start + Duration::from_millis(u64::from(frame * 20 + delay));
            reception.time(at, (frame * 960).wrapping_sub(500), 48_000);
        }
        let jitter = words(reception.block(start, 9, None).unwrap())[3];
        assert!(
            (230..=240).contains(&jitter),
            "{jitter} of 5 ms at 48 kHz, which are 240"
        );
    }
}
