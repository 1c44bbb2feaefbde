//! The share of packets that is lost, and whether sending less helps.

use std::time::{Duration, Instant};

/// Losses of so much are borne: networks by radio have them whatever is sent (a tenth in draft-ietf-rmcat-gcc-02 section 6,
/// at which much is repaired yet).
const BORNE: f64 = 0.15;

/// A share is known after so much time, of so many packets at least.
const WINDOW: Duration = Duration::from_secs(1);
const PACKETS: u32 = 40;

/// Few packets may be more than the borne share by chance: where it is within a standard deviation of that, so much longer is
/// looked.
const DOUBTED: Duration = Duration::from_secs(3);

/// A queue that overflows loses so much more that it is known sooner.
const SUDDEN: f64 = 0.25;
const SUDDEN_WINDOW: Duration = Duration::from_millis(200);
const SUDDEN_PACKETS: u32 = 20;

/// When sending less should have shown.
const EFFECT: Duration = Duration::from_secs(2);

/// A loss that is still at this share of what it was is not due to what is sent.
const SAME: f64 = 0.7;

/// What is borne beyond what the network loses by itself.
const MORE: f64 = 0.1;

/// Losses of a share that is heard.
const AUDIBLE: f64 = 0.03;

/// What follows from the losses.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Verdict {
    /// Send less. `is_first`: not because of losses so far.
    TooMuch { is_first: bool },
    /// Sending less has not helped: send as before. The losses are the network's own.
    InVain,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Loss {
    began: Option<Instant>,
    packets: u32,
    lost: u32,
    borne: Option<f64>,
    /// When the share was that of [`AUDIBLE`] the last time.
    noticed: Option<Instant>,
    /// When less was sent because of losses, and how many they were.
    cut: Option<(Instant, f64)>,
}

impl Loss {
    /// Takes how many packets arrived and how many did not. One that arrived may have been reported missing before.
    pub(super) fn count(&mut self, arrived: u32, lost: u32) {
        self.packets = self.packets.saturating_add(arrived).saturating_add(lost);
        self.lost = self.lost.saturating_add(lost);
    }

    /// When the last share was known of which voices suffer.
    pub(super) fn noticed(&self) -> Option<Instant> {
        self.noticed
    }

    /// What follows, when enough is known.
    pub(super) fn judge(&mut self, now: Instant) -> Option<Verdict> {
        let passed = now.saturating_duration_since(*self.began.get_or_insert(now));
        let share = f64::from(self.lost) / f64::from(self.packets.max(1));
        let borne = self.borne.unwrap_or(BORNE);
        let is_sudden = share > borne + SUDDEN && passed >= SUDDEN_WINDOW && self.packets >= SUDDEN_PACKETS;
        if !is_sudden && (passed < WINDOW || self.packets < PACKETS) {
            return None;
        }
        if share >= AUDIBLE {
            self.noticed = Some(now);
        }
        let deviation = (share * (1.0 - share) / f64::from(self.packets.max(1))).sqrt();
        if share > borne && share - deviation <= borne && passed < DOUBTED {
            return None;
        }
        (self.began, self.packets, self.lost) = (Some(now), 0, 0);
        if let Some((_, before)) = self.cut.take_if(|(at, _)| *at + EFFECT <= now)
            && share >= before * SAME
        {
            self.borne = Some(share.max(before) + MORE);
            return Some(Verdict::InVain);
        }
        if share <= borne {
            // What the network loses by itself may become less.
            self.borne = self.borne.map(|borne| borne.min(share + 2.0 * MORE).max(BORNE));
            return None;
        }
        let is_first = self.cut.is_none();
        self.cut.get_or_insert((now, share));
        Some(Verdict::TooMuch { is_first })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A second of a hundred packets, of which so many are lost. Gives the verdicts and when they came, in milliseconds.
    fn second(loss: &mut Loss, now: &mut Instant, lost: usize) -> Vec<(u64, Verdict)> {
        let start = *now;
        let mut verdicts = Vec::new();
        for n in 0..100 {
            *now += Duration::from_millis(10);
            let arrived = u32::from(n * lost % 100 + lost < 100);
            loss.count(arrived, 1 - arrived);
            verdicts.extend(
                loss.judge(*now)
                    .map(|verdict| ((*now - start).as_millis() as u64, verdict)),
            );
        }
        verdicts
    }

    #[test]
    fn few_losses_are_borne_and_an_overflow_is_noticed_soon() {
        let (mut loss, mut now) = (Loss::default(), Instant::now());
        loss.judge(now);
        for _ in 0..10 {
            assert_eq!(second(&mut loss, &mut now, 8), []);
        }
        assert_eq!(
            second(&mut loss, &mut now, 20),
            [(1_000, Verdict::TooMuch { is_first: true })]
        );
        let mut loss = Loss::default();
        let overflow = second(&mut loss, &mut now, 70);
        assert!(
            overflow[0].0 <= 250 && overflow[0].1 == Verdict::TooMuch { is_first: true },
            "{overflow:?}"
        );
    }

    #[test]
    fn what_may_be_chance_is_looked_at_longer() {
        let (mut loss, mut now) = (Loss::default(), Instant::now());
        loss.judge(now);
        assert_eq!(second(&mut loss, &mut now, 17), []);
        assert!(loss.noticed().is_some(), "voices suffer all the same");
        assert_eq!(second(&mut loss, &mut now, 9), [], "it was chance");
        assert_eq!(second(&mut loss, &mut now, 17), []);
        let verdict = (0..3).find_map(|_| second(&mut loss, &mut now, 17).pop());
        assert_eq!(verdict.unwrap().1, Verdict::TooMuch { is_first: true }, "it was not");
    }

    #[test]
    fn losses_that_stay_when_less_is_sent_are_the_networks() {
        let (mut loss, mut now) = (Loss::default(), Instant::now());
        let verdicts: Vec<_> = (0..6).flat_map(|_| second(&mut loss, &mut now, 20)).collect();
        assert_eq!(verdicts[0].1, Verdict::TooMuch { is_first: true });
        assert_eq!(verdicts.last().unwrap().1, Verdict::InVain);
        for _ in 0..10 {
            assert_eq!(second(&mut loss, &mut now, 22), [], "borne now");
        }
        // And what helps is not undone.
        let (mut loss, mut now) = (Loss::default(), Instant::now());
        second(&mut loss, &mut now, 20);
        second(&mut loss, &mut now, 20);
        // The span that is counted has begun before.
        second(&mut loss, &mut now, 2);
        assert!((0..6).flat_map(|_| second(&mut loss, &mut now, 2)).next().is_none());
    }
}
