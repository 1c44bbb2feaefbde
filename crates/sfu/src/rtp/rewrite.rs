//! Sequence numbers and timestamps of one outgoing stream whose source changes (RFC 3550 section 5.1).
//!
//! Within one source the numbers keep their distances, so that gaps and reordering stay visible to the receiver. At a change
//! of source the sequence continues without a gap, and the timestamp advances by the time that passed: between two arrivals,
//! or, between two layers of one video, between two captures.

use std::time::Instant;

/// The numbers of one outgoing stream.
#[derive(Debug, Default)]
pub(crate) struct Rewrite {
    /// The packet with the highest sequence number mapped; once rewound, the number before the next one.
    last: Option<Last>,
    source: Source,
    /// Ticks by which the timestamps are ahead of the capture: those of a layer whose keyframe came after later pictures of
    /// another layer cannot go back. The next change of layer makes up for it.
    lead: i64,
}

/// What the next packet belongs to.
#[derive(Debug, Default, Clone, Copy)]
enum Source {
    /// A source whose first packet comes next.
    #[default]
    New,
    /// Another layer of the same video, whose first packet comes next.
    NewLayer,
    /// A source whose numbers are mapped like this.
    Known(Mapping),
}

#[derive(Debug, Clone, Copy)]
struct Mapping {
    first: u64,
    sequence: u64,
    timestamp: u32,
}

#[derive(Debug, Clone, Copy)]
struct Last {
    sequence: u64,
    timestamp: u32,
    time: Time,
}

/// When a packet arrived, and when it was captured, on the server's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Time {
    pub(crate) arrived: Instant,
    pub(crate) captured: Instant,
}

/// The numbers of an outgoing packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rewritten {
    /// The extended sequence number; it begins in the first cycle, as SRTP receivers expect.
    pub(crate) sequence: u64,
    /// The timestamp.
    pub(crate) timestamp: u32,
    /// Whether this is the first packet of its source.
    pub(crate) first: bool,
}

/// The first outgoing sequence number: low enough not to wrap soon, and above zero.
pub(crate) const BEGIN: u64 = 1_000;

impl Rewrite {
    /// The next packet comes from another source, or from the same one after a pause.
    pub(crate) fn change_source(&mut self) {
        self.source = Source::New;
    }

    /// The next packet comes from another layer of the same video.
    pub(crate) fn change_layer(&mut self) {
        self.source = Source::NewLayer;
    }

    /// From this number on nothing has left: the next source begins with it, if that is before what was mapped.
    pub(crate) fn rewind(&mut self, next: u64) {
        if let Some(last) = &mut self.last {
            last.sequence = last.sequence.min(next.max(BEGIN) - 1);
        }
    }

    /// Maps a packet of the current source. `None`: it is older than the first one that was sent, and must not be sent.
    pub(crate) fn packet(&mut self, time: Time, sequence: u64, timestamp: u32, clock_rate: u32) -> Option<Rewritten> {
        let (mapping, first) = match self.source {
            Source::Known(mapping) => (mapping, false),
            Source::New | Source::NewLayer => (self.map(time, sequence, timestamp, clock_rate), true),
        };
        self.source = Source::Known(mapping);
        let after = sequence.checked_sub(mapping.first)?;
        let mapped = Rewritten {
            sequence: mapping.sequence + after,
            timestamp: timestamp.wrapping_add(mapping.timestamp),
            first,
        };
        if self.last.is_none_or(|last| last.sequence < mapped.sequence) {
            self.last = Some(Last {
                sequence: mapped.sequence,
                timestamp: mapped.timestamp,
                time,
            });
        }
        Some(mapped)
    }

    /// How a source is mapped whose first packet this is.
    fn map(&mut self, time: Time, sequence: u64, timestamp: u32, clock_rate: u32) -> Mapping {
        let Some(last) = self.last else {
            return Mapping {
                first: sequence,
                sequence: BEGIN,
                timestamp: 0,
            };
        };
        let passed = match self.source {
            Source::NewLayer => ticks(last.time.captured, time.captured, clock_rate) - self.lead,
            _ => ticks(last.time.arrived, time.arrived, clock_rate),
        };
        let step = passed.max(1);
        self.lead = match self.source {
            Source::NewLayer => step - passed,
            _ => 0,
        };
        // A pause may last hours: the timestamp wraps, as in RTP.
        let goal = last.timestamp.wrapping_add(step as u32);
        Mapping {
            first: sequence,
            sequence: last.sequence + 1,
            timestamp: goal.wrapping_sub(timestamp),
        }
    }
}

/// The time from one moment to another, in ticks of a clock.
fn ticks(from: Instant, to: Instant, clock_rate: u32) -> i64 {
    let between = |from: Instant, to: Instant| {
        let passed = to.saturating_duration_since(from).as_micros() * u128::from(clock_rate) / 1_000_000;
        i64::try_from(passed).unwrap_or(i64::MAX / 2)
    };
    between(from, to) - between(to, from)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(arrived: Instant) -> Time {
        Time {
            arrived,
            captured: arrived,
        }
    }

    #[test]
    fn what_never_left_leaves_no_gap() {
        let start = Instant::now();
        let mut rewrite = Rewrite::default();
        for sequence in 0..20 {
            rewrite.packet(at(start), 500 + sequence, 900, 90_000);
        }
        rewrite.change_source();
        rewrite.rewind(BEGIN + 12);
        let next = rewrite.packet(at(start), 7, 5, 90_000).unwrap();
        assert_eq!((next.sequence, next.first), (BEGIN + 12, true));
        rewrite.change_source();
        rewrite.rewind(BEGIN + 30);
        assert_eq!(rewrite.packet(at(start), 9, 9, 90_000).unwrap().sequence, BEGIN + 13);
        rewrite.change_source();
        rewrite.rewind(0);
        assert_eq!(rewrite.packet(at(start), 3, 9, 90_000).unwrap().sequence, BEGIN);
    }

    #[test]
    fn a_change_of_source_is_seamless() {
        let start = Instant::now();
        let mut rewrite = Rewrite::default();
        let one = rewrite.packet(at(start), 70_000, 900, 90_000).unwrap();
        assert_eq!((one.sequence, one.timestamp, one.first), (BEGIN, 900, true));
        // A gap and a late packet keep their places.
        assert_eq!(
            rewrite.packet(at(start), 70_003, 1_000, 90_000).unwrap().sequence,
            BEGIN + 3
        );
        assert_eq!(
            rewrite.packet(at(start), 70_001, 950, 90_000).unwrap().sequence,
            BEGIN + 1
        );
        rewrite.change_source();
        let later = start + Duration::from_millis(100);
        let other = rewrite.packet(at(later), 5, u32::MAX, 90_000).unwrap();
        assert_eq!(
            (other.sequence, other.timestamp, other.first),
            (BEGIN + 4, 1_000 + 9_000, true)
        );
        assert_eq!(
            rewrite.packet(at(later), 6, 0, 90_000).unwrap().timestamp,
            1_000 + 9_001
        );
        // From before the change: not sent.
        assert_eq!(rewrite.packet(at(later), 4, 0, 90_000), None);
    }

    #[test]
    fn timestamps_advance_at_a_change_of_source() {
        let start = Instant::now();
        let mut rewrite = Rewrite::default();
        rewrite.packet(at(start), 1, 10, 48_000).unwrap();
        rewrite.change_source();
        assert_eq!(rewrite.packet(at(start), 1, 77, 48_000).unwrap().timestamp, 11);
    }

    #[test]
    fn timestamps_follow_the_capture_at_a_change_of_layer() {
        let start = Instant::now();
        let ms = |ms| start + Duration::from_millis(ms);
        let mut rewrite = Rewrite::default();
        let mut sent = |arrived, captured, timestamp, changes: bool| {
            if changes {
                rewrite.change_layer();
            }
            let time = Time {
                arrived: ms(arrived),
                captured: ms(captured),
            };
            rewrite.packet(time, 1 + arrived, timestamp, 90_000).unwrap().timestamp
        };
        assert_eq!(sent(100, 90, 5_000, false), 5_000);
        // The large layer's keyframe takes longer.
        assert_eq!(sent(180, 120, 77, true), 5_000 + 30 * 90);
        assert_eq!(sent(190, 150, 77 + 30 * 90, false), 5_000 + 60 * 90);
        // A keyframe that was captured before what was sent last, and then the way back.
        assert_eq!(sent(200, 140, 9, true), 5_000 + 60 * 90 + 1);
        assert_eq!(sent(240, 190, 900_000, true), 5_000 + 100 * 90);
    }
}
