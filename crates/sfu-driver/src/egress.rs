//! Outgoing datagrams, one after the other in one buffer, in runs that UDP GSO sends at once.
//!
//! The kernel cuts a run into segments of equal size; only the last may be shorter. So a run ends before a datagram to another
//! destination or longer than the first, and after one that is shorter.

use std::net::{IpAddr, SocketAddr};
use std::ops::Range;

/// The kernel's limit for one UDP send with all its segments (65,535 less IP and UDP headers).
const MAX_RUN: usize = 65_000;

/// Runs that are sent together. With browsers' frames their bytes stay in the cache of a core until the kernel has them.
pub(crate) const BATCH: usize = 16;

/// Datagrams to one destination that can be sent at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Run {
    /// Where to.
    pub(crate) destination: SocketAddr,
    /// The local address to send from; `None`: the only one there is.
    pub(crate) source: Option<IpAddr>,
    /// The datagrams, in [`Egress::bytes`].
    pub(crate) place: Range<usize>,
    /// The length of each datagram; the last may be shorter.
    pub(crate) segment: usize,
    /// How many datagrams.
    pub(crate) count: usize,
}

impl Run {
    fn takes(&self, destination: SocketAddr, length: usize, max_segments: usize) -> bool {
        self.destination == destination
            && self.count < max_segments
            && length <= self.segment
            && self.place.len() == self.segment * self.count
            && self.place.len() + length <= MAX_RUN
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Egress {
    buffer: Vec<u8>,
    runs: Vec<Run>,
}

impl Egress {
    /// The buffer at whose end the next datagram is written. What was not taken by [`Self::extend`] or [`Self::begin`] is gone.
    pub(crate) fn space(&mut self) -> &mut Vec<u8> {
        self.buffer.truncate(self.end());
        &mut self.buffer
    }

    fn end(&self) -> usize {
        self.runs.last().map_or(0, |run| run.place.end)
    }

    /// What was written.
    pub(crate) fn bytes(&self, place: Range<usize>) -> &[u8] {
        &self.buffer[place]
    }

    /// Whether the runs that wait are to be sent before another one begins.
    pub(crate) fn is_full(&self) -> bool {
        self.runs.len() >= BATCH
    }

    /// Takes the datagram at the end of the buffer into the last run. At most `max_segments` go into one (1: no GSO). `false`: it
    /// has to begin another run.
    pub(crate) fn extend(&mut self, destination: SocketAddr, length: usize, max_segments: usize) -> bool {
        let run = self.runs.last_mut();
        let Some(run) = run.filter(|run| run.takes(destination, length, max_segments)) else {
            return false;
        };
        run.place.end += length;
        run.count += 1;
        true
    }

    /// Begins a run with the datagram at the end of the buffer.
    pub(crate) fn begin(&mut self, destination: SocketAddr, source: Option<IpAddr>, length: usize) {
        let begin = self.end();
        self.runs.push(Run {
            destination,
            source,
            place: begin..begin + length,
            segment: length,
            count: 1,
        });
    }

    /// Hands over the runs that wait, and what they are in, and is without them then. A datagram that is in no run yet stays.
    pub(crate) fn flush(&mut self, send: impl FnOnce(&[Run], &[u8])) {
        let end = self.end();
        send(&self.runs, &self.buffer[..end]);
        self.runs.clear();
        self.buffer.drain(..end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    fn push(egress: &mut Egress, port: u16, length: usize) {
        let space = egress.space();
        space.resize(space.len() + length, 0);
        if !egress.extend(to(port), length, 64) {
            egress.begin(to(port), None, length);
        }
    }

    /// The runs, by port, length and number of their datagrams, and the length of all.
    fn flushed(egress: &mut Egress) -> Vec<(u16, usize, usize, usize)> {
        let mut flushed = Vec::new();
        egress.flush(|runs, bytes| {
            assert_eq!(bytes.len(), runs.iter().map(|run| run.place.len()).sum::<usize>());
            flushed.extend(
                runs.iter()
                    .map(|run| (run.destination.port(), run.segment, run.count, run.place.len())),
            );
        });
        flushed
    }

    #[test]
    fn a_run_ends_after_a_shorter_and_before_a_longer_datagram() {
        let mut egress = Egress::default();
        for length in [1_200, 1_200, 700, 1_200, 1_201, 90] {
            push(&mut egress, 1, length);
        }
        let expected = [(1, 1_200, 3, 3_100), (1, 1_200, 1, 1_200), (1, 1_201, 2, 1_291)];
        assert_eq!(flushed(&mut egress), expected);
        assert!(egress.space().is_empty());
    }

    #[test]
    fn each_destination_begins_a_run() {
        let mut egress = Egress::default();
        for port in [1, 1, 2, 1] {
            push(&mut egress, port, 100);
        }
        let expected = [(1, 100, 2, 200), (2, 100, 1, 100), (1, 100, 1, 100)];
        assert_eq!(flushed(&mut egress), expected);
    }

    #[test]
    fn the_limits_of_the_kernel_are_kept() {
        let mut egress = Egress::default();
        for _ in 0..65 {
            push(&mut egress, 1, 100);
        }
        for _ in 0..60 {
            push(&mut egress, 2, 1_200);
        }
        let expected = [
            (1, 100, 64, 6_400),
            (1, 100, 1, 100),
            (2, 1_200, 54, 64_800),
            (2, 1_200, 6, 7_200),
        ];
        assert_eq!(flushed(&mut egress), expected);
    }

    #[test]
    fn what_is_not_taken_is_gone_and_what_waits_for_a_flush_stays() {
        let mut egress = Egress::default();
        push(&mut egress, 1, 100);
        egress.space().extend([7; 50]);
        assert_eq!(egress.space().len(), 100, "nobody took what was written");
        egress.space().extend([8; 30]);
        assert_eq!(flushed(&mut egress), [(1, 100, 1, 100)]);
        egress.begin(to(2), None, 30);
        assert_eq!(egress.bytes(0..30), [8; 30]);
        assert_eq!(flushed(&mut egress), [(2, 30, 1, 30)]);
    }

    #[test]
    fn a_batch_is_full() {
        let mut egress = Egress::default();
        for port in 1..=BATCH as u16 {
            assert!(!egress.is_full());
            push(&mut egress, port, 10);
        }
        assert!(egress.is_full());
    }
}
