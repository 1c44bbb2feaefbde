//! When a publisher captured what it sends, on the server's clock (RFC 3550 section 6.4.1).
//!
//! The sender reports that a subscriber gets are made from this, and by them it plays sound and picture that belong together
//! at the same time. All that one publisher sends is brought to the server's clock in the same way, whatever its own clock
//! says and however long a packet was under way.

use std::time::{Duration, Instant, SystemTime};

/// Seconds from 1900, where NTP begins, to 1970.
const NTP_TO_UNIX: u64 = 2_208_988_800;

/// How far in the past a capture may be. Beyond, the publisher's clock was set, or its timestamps do not follow the time.
const MAX_AGE: Duration = Duration::from_secs(5);

/// The clock of one publisher as all its streams use it.
#[derive(Debug, Default)]
pub(crate) struct SenderClock {
    /// A time of the publisher's clock, and the earliest time that it may have been on the server's.
    anchor: Option<(SystemTime, Instant)>,
}

impl SenderClock {
    /// Brings a time of the publisher's clock, at which something was captured that is here `now`, to the server's clock.
    fn place(&mut self, now: Instant, captured: SystemTime) -> Instant {
        let placed = self
            .anchor
            .and_then(|(theirs, ours)| shift_by_clock(ours, theirs, captured));
        plausible(now, placed).unwrap_or_else(|| {
            // The packet with the shortest way so far, or a clock that was set.
            self.anchor = Some((captured, now));
            now
        })
    }
}

/// The clock of one RTP stream.
#[derive(Debug, Default)]
pub(crate) struct StreamClock {
    /// Before the first sender report: a timestamp, and the earliest time at which it was here.
    arrived: Option<(u32, Instant)>,
}

/// A sender report: a time of the publisher's clock and the timestamp of that time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Report {
    pub(crate) ntp: SystemTime,
    pub(crate) rtp: u32,
}

impl Report {
    /// What a report says: a time as NTP has it, and a timestamp. `None`: its sender does not know the time and says zero (RFC
    /// 3550 section 6.4.1), or counts from something else.
    pub(crate) fn of(ntp: u64, rtp: u32) -> Option<Self> {
        let seconds = (ntp >> 32).checked_sub(NTP_TO_UNIX)?;
        let nanoseconds = ((ntp & 0xffff_ffff) * 1_000_000_000) >> 32;
        let ntp = SystemTime::UNIX_EPOCH + Duration::new(seconds, nanoseconds as u32);
        (ntp > SystemTime::UNIX_EPOCH).then_some(Self { ntp, rtp })
    }
}

impl StreamClock {
    /// When a packet was captured that is here `now`; never later than that. `report` is the last one of its stream.
    pub(crate) fn captured(
        &mut self,
        sender: &mut SenderClock,
        now: Instant,
        report: Option<Report>,
        timestamp: u32,
        clock_rate: u32,
    ) -> Instant {
        let since = |reference: u32| Ticks {
            count: timestamp.wrapping_sub(reference).cast_signed(),
            clock_rate,
        };
        if let Some(captured) = report.and_then(|report| since(report.rtp).after_time(report.ntp)) {
            return sender.place(now, captured);
        }
        let placed = self.arrived.and_then(|(reference, at)| since(reference).after(at));
        plausible(now, placed).unwrap_or_else(|| {
            self.arrived = Some((timestamp, now));
            now
        })
    }
}

/// A difference of RTP timestamps.
#[derive(Clone, Copy)]
struct Ticks {
    count: i32,
    clock_rate: u32,
}

impl Ticks {
    fn duration(self) -> Duration {
        let micros = u64::from(self.count.unsigned_abs()) * 1_000_000 / u64::from(self.clock_rate.max(1));
        Duration::from_micros(micros)
    }

    fn after(self, at: Instant) -> Option<Instant> {
        if self.count < 0 {
            at.checked_sub(self.duration())
        } else {
            at.checked_add(self.duration())
        }
    }

    fn after_time(self, at: SystemTime) -> Option<SystemTime> {
        if self.count < 0 {
            at.checked_sub(self.duration())
        } else {
            at.checked_add(self.duration())
        }
    }
}

/// The time on the server's clock at which the publisher's was `theirs`, if it was `from` at `at`.
fn shift_by_clock(at: Instant, from: SystemTime, theirs: SystemTime) -> Option<Instant> {
    match theirs.duration_since(from) {
        Ok(later) => at.checked_add(later),
        Err(earlier) => at.checked_sub(earlier.duration()),
    }
}

fn plausible(now: Instant, captured: Option<Instant>) -> Option<Instant> {
    captured.filter(|captured| *captured <= now && now <= *captured + MAX_AGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    const AUDIO: u32 = 48_000;
    const VIDEO: u32 = 90_000;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// The difference between where two streams put what was captured at the same time.
    fn apart(one: Instant, other: Instant) -> Duration {
        one.max(other) - one.min(other)
    }

    #[test]
    fn lips_are_in_sync_whatever_the_clock_and_the_way() {
        let start = Instant::now();
        for clock in [
            ms(0),
            Duration::from_secs(1_000_000),
            Duration::from_secs(2_000_000_000),
        ] {
            let (mut sender, mut audio, mut video) =
                (SenderClock::default(), StreamClock::default(), StreamClock::default());
            let mut rng = fastrand::Rng::with_seed(7);
            let ntp = |at: u64| SystemTime::UNIX_EPOCH + clock + ms(1 + at);
            let mut worst = ms(0);
            for at in (0..60_000).step_by(20) {
                // Reports of their own, at different times; the picture is encoded for 150 ms, both ways waver.
                let heard = Report {
                    ntp: ntp(at - at % 5_000),
                    rtp: ((at - at % 5_000) * 48) as u32,
                };
                let seen = Report {
                    ntp: ntp(at - at % 1_000),
                    rtp: ((at - at % 1_000) * 90) as u32 + 77,
                };
                let heard = audio.captured(
                    &mut sender,
                    start + ms(at + 30 + rng.u64(..40)),
                    Some(heard),
                    (at * 48) as u32,
                    AUDIO,
                );
                let seen = video.captured(
                    &mut sender,
                    start + ms(at + 180 + rng.u64(..80)),
                    Some(seen),
                    (at * 90) as u32 + 77,
                    VIDEO,
                );
                // After the first seconds: the shortest way is known.
                if at > 5_000 {
                    worst = worst.max(apart(heard, seen));
                }
            }
            assert!(worst < ms(2), "{worst:?} with a clock of {clock:?}");
        }
    }

    #[test]
    fn a_late_packet_is_put_where_it_was_captured() {
        let start = Instant::now();
        let (mut sender, mut stream) = (SenderClock::default(), StreamClock::default());
        let report = |known: bool| {
            known.then_some(Report {
                ntp: SystemTime::UNIX_EPOCH + ms(1),
                rtp: 0,
            })
        };
        for known in [false, true] {
            let mut captured =
                |arrives, at: u32| stream.captured(&mut sender, start + ms(arrives), report(known), at * 90, VIDEO);
            assert_eq!(captured(1_000, 1_000), start + ms(1_000));
            // Repaired after 300 ms, and one that overtook.
            assert_eq!(captured(1_320, 1_020), start + ms(1_020));
            assert_eq!(captured(1_330, 1_340), start + ms(1_330), "never later than it came");
            assert_eq!(captured(1_400, 1_400), start + ms(1_390));
        }
    }

    #[test]
    fn a_clock_that_is_set_or_nonsense_gives_times_that_are_not_far_off() {
        let now = Instant::now();
        let (mut sender, mut stream) = (SenderClock::default(), StreamClock::default());
        let mut rng = fastrand::Rng::with_seed(8);
        for step in 0..10_000_u64 {
            let report = rng.bool().then(|| Report {
                ntp: SystemTime::UNIX_EPOCH + Duration::from_secs(rng.u64(..u64::from(u32::MAX))),
                rtp: rng.u32(..),
            });
            let now = now + ms(step);
            let captured = stream.captured(&mut sender, now, report, rng.u32(..), rng.u32(..100_000));
            assert!(captured <= now && now <= captured + MAX_AGE);
        }
    }
}
