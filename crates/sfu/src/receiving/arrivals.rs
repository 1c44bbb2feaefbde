//! When packets came, by their transport-wide sequence numbers, and the feedback about it
//! (draft-holmer-rmcat-transport-wide-cc-extensions-01).

use std::collections::VecDeque;
use std::time::Instant;

/// Numbers that are remembered, up to the highest. One so far ahead begins anew.
const REMEMBERED: usize = 2_048;
/// Numbers that one feedback packet speaks of: it stays within 1,100 bytes, whatever came.
const REPORTED: usize = 400;
/// Microseconds of one tick, in which times are given.
const TICK: u128 = 250;
/// Ticks of one unit of the reference time: 64 ms.
const TICKS_PER_REFERENCE: i64 = 256;
/// Between two numbers too old to be remembered of which the second goes on where the first was.
const MAX_STEP: u16 = 16;
/// The length of a run of packets with one status that is worth a chunk of its own.
const RUN: usize = 7;

/// See the module.
#[derive(Debug)]
pub(crate) struct Arrivals {
    began: Instant,
    /// When packets came, from the number `first` on; the last one has come.
    times: VecDeque<Option<Instant>>,
    first: u64,
    /// The last number that came and was too old to be remembered.
    stray: Option<u16>,
    /// The lowest number that came and was not reported.
    unreported: Option<u64>,
    /// The number after those that were reported, as received or lost.
    reported: Option<u64>,
    feedbacks: u8,
}

impl Arrivals {
    /// None yet.
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            began: now,
            times: VecDeque::new(),
            first: 0,
            stray: None,
            unreported: None,
            reported: None,
            feedbacks: 0,
        }
    }

    fn end(&self) -> u64 {
        self.first + self.times.len() as u64
    }

    /// The number nearest to the highest. Those of the second round are the lowest, so that none is below zero.
    fn extended(&self, number: u16) -> u64 {
        if self.times.is_empty() {
            return (1 << 16) + u64::from(number);
        }
        let highest = self.end() - 1;
        highest.wrapping_add_signed(number.wrapping_sub(highest as u16).cast_signed().into())
    }

    /// Takes the number of an authentic packet.
    pub(crate) fn note(&mut self, now: Instant, number: u16) {
        if self.steps_back(number) {
            return;
        }
        let number = self.extended(number);
        if self.times.is_empty() || number >= self.end() + REMEMBERED as u64 {
            self.times.clear();
            (self.first, self.unreported, self.reported) = (number, None, None);
        }
        while number < self.first {
            self.times.push_front(None);
            self.first -= 1;
        }
        while number >= self.end() {
            self.times.push_back(None);
        }
        let place = &mut self.times[(number - self.first) as usize];
        if place.is_some() {
            return;
        }
        *place = Some(now);
        while self.times.len() > REMEMBERED {
            self.times.pop_front();
            self.first += 1;
        }
        self.unreported = Some(self.unreported.map_or(number, |lowest| lowest.min(number)));
    }

    /// Whether a number is too old to be remembered. A second one that follows it is of a client that has begun anew (as RFC 3550
    /// section A.1 has it for sequence numbers): then so do we, and it is not old any more.
    fn steps_back(&mut self, number: u16) -> bool {
        if self.times.is_empty() || self.extended(number) + (REMEMBERED as u64) >= self.end() {
            self.stray = None;
            return false;
        }
        let before = self.stray.replace(number);
        let follows = before.is_some_and(|before| (1..=MAX_STEP).contains(&number.wrapping_sub(before)));
        if follows {
            self.times.clear();
            self.stray = None;
        }
        !follows
    }

    /// The feedback packets about what came since the last ones. `sender` is the SSRC of who reports, `media` one of the
    /// streams that are reported.
    pub(crate) fn feedback(&mut self, sender: u32, media: u32) -> Vec<Vec<u8>> {
        let mut packets = Vec::new();
        let Some(came) = self.unreported.take() else {
            return packets;
        };
        // What was lost since the last feedback is told, too.
        let mut next = came.min(self.reported.unwrap_or(came)).max(self.first);
        while next < self.end() {
            let (packet, count) = self.feedback_from(next, sender, media);
            packets.extend(packet);
            next += count;
        }
        self.reported = Some(self.end());
        packets
    }

    /// The packet about some numbers from one on, unless none of them came; and how many they are.
    fn feedback_from(&mut self, from: u64, sender: u32, media: u32) -> (Option<Vec<u8>>, u64) {
        let skipped = (from - self.first) as usize;
        let times = self.times.iter().skip(skipped).take(REPORTED);
        let ticks = |time: Instant| ((time - self.began).as_micros() / TICK) as i64;
        let Some(begin) = times.clone().flatten().next() else {
            return (None, REPORTED as u64);
        };
        let reference = ticks(*begin) / TICKS_PER_REFERENCE;
        let mut at = reference * TICKS_PER_REFERENCE;
        let (mut statuses, mut deltas) = (Vec::new(), Vec::new());
        for time in times {
            let Some(time) = time else {
                statuses.push(0);
                continue;
            };
            let delta = ticks(*time) - at;
            match (u8::try_from(delta), i16::try_from(delta)) {
                (Ok(small), _) => {
                    statuses.push(1);
                    deltas.push(small);
                }
                (_, Ok(large)) => {
                    statuses.push(2);
                    deltas.extend(large.to_be_bytes());
                }
                // Another packet, with another reference time, speaks of it.
                _ => break,
            }
            at += delta;
        }
        let mut packet = vec![0x8f, 205, 0, 0];
        packet.extend(sender.to_be_bytes());
        packet.extend(media.to_be_bytes());
        packet.extend((from as u16).to_be_bytes());
        packet.extend((statuses.len() as u16).to_be_bytes());
        packet.extend(&(reference as u32).to_be_bytes()[1..]);
        packet.push(self.feedbacks);
        self.feedbacks = self.feedbacks.wrapping_add(1);
        write_chunks(&statuses, &mut packet);
        packet.extend(deltas);
        pad(&mut packet);
        (Some(packet), statuses.len() as u64)
    }
}

/// Appends statuses, as runs or in vectors.
fn write_chunks(mut statuses: &[u16], packet: &mut Vec<u8>) {
    while let Some(&first) = statuses.first() {
        let run = statuses.iter().take_while(|status| **status == first).count();
        let (chunk, taken) = if run >= RUN || run == statuses.len() {
            (first << 13 | run as u16, run)
        } else if statuses.iter().take(14).all(|status| *status < 2) {
            (1 << 15 | vector(statuses, 14, 1), 14)
        } else {
            (0b11 << 14 | vector(statuses, 7, 2), 7)
        };
        packet.extend(chunk.to_be_bytes());
        statuses = &statuses[taken.min(statuses.len())..];
    }
}

/// The next statuses, with so many bits each, in the lower 14.
fn vector(statuses: &[u16], count: usize, bits: u16) -> u16 {
    let statuses = statuses.iter().copied().chain(std::iter::repeat(0)).take(count);
    statuses.fold(0, |vector, status| vector << bits | status)
}

/// Pads a packet to whole words, and writes its length (RFC 3550 section 6.4.1).
fn pad(packet: &mut Vec<u8>) {
    let padding = packet.len().next_multiple_of(4) - packet.len();
    if padding > 0 {
        packet[0] |= 0x20;
        packet.resize(packet.len() + padding - 1, 0);
        packet.push(padding as u8);
    }
    let words = (packet.len() / 4 - 1) as u16;
    packet[2..4].copy_from_slice(&words.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};
    use std::time::Duration;

    use super::*;
    use crate::rtp::transport_feedback;

    /// The numbers that feedback has, with the times in ticks since the beginning of those that came.
    fn read(packets: &[Vec<u8>]) -> Vec<(u16, Option<i64>)> {
        let mut received = Vec::new();
        for packet in packets {
            assert!(packet.len() <= 1_100);
            let feedback = transport_feedback(packet).next().expect("feedback");
            let reference = feedback.reference(None);
            for status in feedback.statuses() {
                let at = status.arrived.map(|arrived| (reference + arrived) / TICK as i64);
                received.push((status.sequence, at));
            }
        }
        received
    }

    #[test]
    fn what_came_is_reported_whatever_was_lost_or_late() {
        let mut rng = fastrand::Rng::with_seed(5);
        for _ in 0..100 {
            let began = Instant::now();
            let (mut arrivals, mut came) = (Arrivals::new(began), HashMap::new());
            let (mut reported, mut sent) = (Vec::new(), Vec::<u16>::new());
            let (mut number, mut now) = (rng.u16(..), began);
            for _ in 0..rng.usize(1..1_500) {
                now += Duration::from_micros(if rng.u8(..200) == 0 {
                    9_000_000
                } else {
                    rng.u64(..20_000)
                });
                let before = number;
                number = number.wrapping_add(if rng.u8(..20) == 0 { rng.u16(..300) } else { 1 });
                let late = number.wrapping_sub(if rng.u8(..20) == 0 { rng.u16(..30) } else { 0 });
                arrivals.note(now, late);
                let skipped = (1..=number.wrapping_sub(before)).map(|n| before.wrapping_add(n));
                sent.extend(skipped.filter(|_| !came.is_empty()));
                came.entry(late).or_insert(((now - began).as_micros() / 250) as i64);
                if rng.u8(..15) == 0 {
                    reported.extend(read(&arrivals.feedback(1, 2)));
                }
            }
            reported.extend(read(&arrivals.feedback(1, 2)));
            let heard: HashMap<_, _> = reported
                .iter()
                .filter_map(|(number, at)| Some((*number, (*at)?)))
                .collect();
            assert_eq!(heard, came);
            let told: HashSet<_> = reported.iter().map(|(number, _)| *number).collect();
            let end = sent.iter().rposition(|number| came.contains_key(number)).unwrap_or(0);
            assert!(
                sent[..end].iter().all(|number| told.contains(number)),
                "also what was lost"
            );
            assert!(arrivals.feedback(1, 2).is_empty(), "nothing is new");
        }
    }

    #[test]
    fn a_client_that_begins_anew_is_told_what_came_again() {
        let now = Instant::now();
        let mut arrivals = Arrivals::new(now);
        (20_000..20_100).for_each(|number| arrivals.note(now, number));
        arrivals.feedback(1, 2);
        // One that was under way for long, and then more of where the client is.
        [500, 20_100, 900, 20_101]
            .into_iter()
            .for_each(|number| arrivals.note(now, number));
        let told: Vec<u16> = read(&arrivals.feedback(1, 2))
            .iter()
            .map(|(number, _)| *number)
            .collect();
        assert_eq!(told, [20_100, 20_101]);
        (7..40).for_each(|number| arrivals.note(now, number));
        let told: Vec<u16> = read(&arrivals.feedback(1, 2))
            .iter()
            .map(|(number, _)| *number)
            .collect();
        assert_eq!(told, (8..40).collect::<Vec<u16>>());
    }

    #[test]
    fn numbers_of_any_kind_take_little_memory() {
        let mut rng = fastrand::Rng::with_seed(6);
        let now = Instant::now();
        let mut arrivals = Arrivals::new(now);
        for number in [0, 65_535, 40_000, 0, 65_000, 32_768, 1] {
            arrivals.note(now, number);
        }
        for _ in 0..20_000 {
            arrivals.note(now, rng.u16(..));
            assert!(arrivals.times.len() <= REMEMBERED);
        }
        assert!(arrivals.feedback(1, 2).len() <= REMEMBERED / REPORTED + 1);
    }
}
