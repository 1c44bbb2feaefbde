//! Sequence numbers and timestamps of one outgoing stream whose source changes (RFC 3550 section 5.1).
//!
//! Within one source the numbers keep their distances, so that gaps and reordering stay visible to the receiver. At a change
//! of source the sequence continues without a gap, and the timestamp advances by the time that passed.

use std::time::Instant;

/// The numbers of one outgoing stream.
#[derive(Debug, Default)]
pub(crate) struct Rewrite {
    /// The highest sequence number sent, its timestamp, and when.
    last: Option<(u64, u32, Instant)>,
    /// How the current source's numbers are mapped.
    source: Option<Mapping>,
}

#[derive(Debug, Clone, Copy)]
struct Mapping {
    first: u64,
    sequence: u64,
    timestamp: u32,
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
        self.source = None;
    }

    /// Maps a packet of the current source. `None`: it is older than the first one that was sent, and must not be sent.
    pub(crate) fn packet(&mut self, now: Instant, sequence: u64, timestamp: u32, clock_rate: u32) -> Option<Rewritten> {
        let first = self.source.is_none();
        let mapping = *self.source.get_or_insert_with(|| match self.last {
            None => Mapping {
                first: sequence,
                sequence: BEGIN,
                timestamp: 0,
            },
            Some((last_sequence, last_timestamp, at)) => {
                let passed = now.saturating_duration_since(at).as_secs_f64() * f64::from(clock_rate);
                // A pause may last hours: the timestamp wraps, as in RTP.
                let goal = last_timestamp.wrapping_add((passed.max(1.0) as u64) as u32);
                Mapping {
                    first: sequence,
                    sequence: last_sequence + 1,
                    timestamp: goal.wrapping_sub(timestamp),
                }
            }
        });
        let after = sequence.checked_sub(mapping.first)?;
        let mapped = Rewritten {
            sequence: mapping.sequence + after,
            timestamp: timestamp.wrapping_add(mapping.timestamp),
            first,
        };
        if self.last.is_none_or(|(last, ..)| last < mapped.sequence) {
            self.last = Some((mapped.sequence, mapped.timestamp, now));
        }
        Some(mapped)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_change_of_source_is_seamless() {
        let start = Instant::now();
        let mut rewrite = Rewrite::default();
        let one = rewrite.packet(start, 70_000, 900, 90_000).unwrap();
        assert_eq!((one.sequence, one.timestamp, one.first), (BEGIN, 900, true));
        // A gap and a late packet keep their places.
        assert_eq!(
            rewrite.packet(start, 70_003, 1_000, 90_000).unwrap().sequence,
            BEGIN + 3
        );
        assert_eq!(rewrite.packet(start, 70_001, 950, 90_000).unwrap().sequence, BEGIN + 1);
        rewrite.change_source();
        let later = start + Duration::from_millis(100);
        let other = rewrite.packet(later, 5, u32::MAX, 90_000).unwrap();
        assert_eq!(
            (other.sequence, other.timestamp, other.first),
            (BEGIN + 4, 1_000 + 9_000, true)
        );
        assert_eq!(rewrite.packet(later, 6, 0, 90_000).unwrap().timestamp, 1_000 + 9_001);
        // From before the change: not sent.
        assert_eq!(rewrite.packet(later, 4, 0, 90_000), None);
    }

    #[test]
    fn timestamps_advance_at_a_change_of_source() {
        let start = Instant::now();
        let mut rewrite = Rewrite::default();
        rewrite.packet(start, 1, 10, 48_000).unwrap();
        rewrite.change_source();
        assert_eq!(rewrite.packet(start, 1, 77, 48_000).unwrap().timestamp, 11);
    }
}
