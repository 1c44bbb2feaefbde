//! The packets that left last, by their transport-wide sequence numbers.

use std::time::Instant;

use super::Outcome;
use super::probe::Cluster;

/// Packets remembered at first, and at most: two seconds of 12 Mbit/s.
const FEWEST: usize = 128;
const MOST: usize = 2_048;

/// Packets are remembered for so long, where there are not too many. Of what is under way for longer nothing is learned.
const KEEP: i64 = 2_000_000;

/// IPv4 and UDP headers, which take their share of the line.
const BELOW: usize = 28;

/// What is known of a packet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Fate {
    /// Nothing, or there is no such packet.
    #[default]
    Unknown,
    /// It was reported missing. It may only be late.
    Missing,
    /// It arrived.
    Arrived,
}

/// Eight bytes, since there are thousands of each client.
#[derive(Debug, Clone, Copy, Default)]
struct Departed {
    /// Microseconds since the ring began, of which 32 bits are kept.
    at: u32,
    bytes: u16,
    cluster: u8,
    fate: Fate,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Departures {
    began: Instant,
    /// Empty before the first; as many as a power of two says, so that numbers wrap with it.
    places: Vec<Departed>,
    /// When the last one left, in microseconds since the ring began.
    last: i64,
    next: u16,
    /// How many are remembered.
    count: u16,
}

impl Departures {
    /// None left yet.
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            began: now,
            places: Vec::new(),
            last: 0,
            next: 0,
            count: 0,
        }
    }

    /// The number of the next packet.
    pub(crate) fn next(&self) -> u16 {
        self.next
    }

    /// The next packet leaves, with so many bytes of UDP payload.
    pub(crate) fn depart(&mut self, now: Instant, bytes: usize, cluster: Option<Cluster>) {
        self.last = self.micros(now);
        self.make_room();
        let place = self.place(self.next);
        self.places[place] = Departed {
            at: self.last as u32,
            bytes: (bytes + BELOW).try_into().unwrap_or(u16::MAX),
            cluster: cluster.map_or(0, Cluster::number),
            fate: Fate::Unknown,
        };
        self.next = self.next.wrapping_add(1);
        self.count = (self.count + 1).min(self.places.len() as u16);
    }

    fn place(&self, sequence: u16) -> usize {
        usize::from(sequence) % self.places.len()
    }

    /// Sees that the next packet takes the place of none that has left of late.
    fn make_room(&mut self) {
        if self.places.is_empty() {
            self.places.resize(FEWEST, Departed::default());
        }
        let (is_full, length) = (usize::from(self.count) == self.places.len(), self.places.len());
        if !is_full || length == MOST || self.age(&self.places[self.place(self.next)]) >= KEEP {
            return;
        }
        let mut places = vec![Departed::default(); 2 * length];
        for behind in 1..=self.count {
            let sequence = self.next.wrapping_sub(behind);
            places[usize::from(sequence) % (2 * length)] = self.places[self.place(sequence)];
        }
        self.places = places;
    }

    /// How long before the last one a packet left, in microseconds.
    fn age(&self, departed: &Departed) -> i64 {
        i64::from((self.last as u32).wrapping_sub(departed.at))
    }

    /// What became of a packet, the first time that it is said, and when it arrives after it was missing.
    pub(crate) fn report(&mut self, sequence: u16, arrived: Option<i64>) -> Option<Outcome> {
        let behind = self.next.wrapping_sub(sequence);
        if behind == 0 || behind > self.count {
            return None;
        }
        let place = self.place(sequence);
        let departed = &mut self.places[place];
        let fate = if arrived.is_some() {
            Fate::Arrived
        } else {
            Fate::Missing
        };
        if departed.fate != Fate::Unknown && (departed.fate, fate) != (Fate::Missing, Fate::Arrived) {
            return None;
        }
        departed.fate = fate;
        let departed = *departed;
        Some(Outcome {
            departed: self.last - self.age(&departed),
            arrived,
            bytes: departed.bytes.into(),
            cluster: Cluster::of(departed.cluster),
        })
    }

    /// A time in microseconds since the ring began.
    pub(crate) fn micros(&self, at: Instant) -> i64 {
        at.saturating_duration_since(self.began).as_micros() as i64
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn each_packet_is_reported_once_and_late_ones_again() {
        let now = Instant::now();
        let mut departures = Departures::new(now);
        assert_eq!(departures.report(0, None), None);
        for n in 0..3_u64 {
            assert_eq!(u64::from(departures.next()), n);
            departures.depart(now + Duration::from_micros(n), 100, None);
        }
        let outcome = departures.report(1, Some(9)).unwrap();
        assert_eq!((outcome.departed, outcome.arrived, outcome.bytes), (1, Some(9), 128));
        assert_eq!(departures.report(1, Some(9)), None);
        assert!(departures.report(2, None).is_some() && departures.report(2, None).is_none());
        assert!(departures.report(2, Some(1)).is_some() && departures.report(2, None).is_none());
        assert_eq!(departures.report(3, None), None, "it has not left");
        assert_eq!(departures.report(65_535, None), None);
    }

    #[test]
    fn the_oldest_are_forgotten_and_numbers_and_times_wrap() {
        let now = Instant::now();
        let mut departures = Departures::new(now);
        // Beyond 2^16 numbers and 2^32 microseconds.
        for n in 0..70_000_u64 {
            departures.depart(now + Duration::from_millis(100 * n), 100, None);
        }
        let last = departures.report(69_999_u32 as u16, None).unwrap();
        assert_eq!(last.departed, 6_999_900_000);
        let before = departures.report((69_999_u32 - 127) as u16, None).unwrap();
        assert_eq!(before.departed, 6_999_900_000 - 12_700_000);
        assert_eq!(departures.report((69_999_u32 - 128) as u16, None), None);
    }

    #[test]
    fn as_many_are_remembered_as_leave_in_two_seconds() {
        let now = Instant::now();
        let mut departures = Departures::new(now);
        let mut at = now;
        let mut send = |departures: &mut Departures, packets: u64, a_second: u64| {
            for _ in 0..packets {
                at += Duration::from_micros(1_000_000 / a_second);
                departures.depart(at, 100, None);
            }
        };
        send(&mut departures, 65_500, 60);
        assert_eq!(departures.places.len(), FEWEST);
        // Over the end of the numbers.
        send(&mut departures, 300, 1_000);
        assert_eq!(departures.places.len(), 512);
        let outcomes: Vec<_> = (0..300_u16)
            .map(|n| departures.report(65_500_u16.wrapping_add(n), None))
            .collect();
        let last = outcomes[299].unwrap().departed;
        for (n, outcome) in (0..).zip(outcomes) {
            assert_eq!(outcome.unwrap().departed, last - 1_000 * (299 - n));
        }
        send(&mut departures, 20_000, 10_000);
        assert_eq!(departures.places.len(), MOST);
    }
}
