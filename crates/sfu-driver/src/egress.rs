//! Groups outgoing datagrams by destination into runs that UDP GSO sends with one system call.
//!
//! The kernel cuts a buffer into segments of equal size; only the last may be shorter. So a run ends before a datagram that is
//! longer than the first, and after one that is shorter. Datagrams to one destination stay in order.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};

/// The kernel's limit for one UDP send with all its segments (65,535 less IP and UDP headers).
const MAX_RUN: usize = 65_000;

/// Datagrams to one destination that one system call can send.
#[derive(Debug)]
pub(crate) struct Run {
    /// Where to.
    pub(crate) destination: SocketAddr,
    /// The local address to send from; `None`: the only one there is.
    pub(crate) source: Option<IpAddr>,
    /// The datagrams, one after the other.
    pub(crate) contents: Vec<u8>,
    /// The length of each datagram; the last may be shorter.
    pub(crate) segment: usize,
    /// How many datagrams.
    pub(crate) count: usize,
    closed: bool,
}

impl Run {
    fn takes(&self, source: Option<IpAddr>, datagram: &[u8], max_segments: usize) -> bool {
        !self.closed
            && self.count < max_segments
            && datagram.len() <= self.segment
            && self.source == source
            && self.contents.len() + datagram.len() <= MAX_RUN
    }

    fn push(&mut self, datagram: &[u8]) {
        self.closed = datagram.len() < self.segment;
        self.contents.extend_from_slice(datagram);
        self.count += 1;
    }

    /// The datagrams one by one.
    pub(crate) fn datagrams(&self) -> impl Iterator<Item = &[u8]> {
        self.contents.chunks(self.segment)
    }
}

/// Datagrams to send, in runs. Buffers are reused from one flush to the next.
#[derive(Debug, Default)]
pub(crate) struct Egress {
    runs: Vec<Run>,
    open: HashMap<SocketAddr, usize>,
    spare: Vec<Vec<u8>>,
    bytes: usize,
}

impl Egress {
    /// Adds a datagram, unless it is empty. At most `max_segments` go into one run (1: no GSO).
    pub(crate) fn push(
        &mut self,
        destination: SocketAddr,
        source: Option<IpAddr>,
        datagram: &[u8],
        max_segments: usize,
    ) {
        if datagram.is_empty() {
            return;
        }
        self.bytes += datagram.len();
        if let Some(&at) = self.open.get(&destination)
            && self.runs[at].takes(source, datagram, max_segments)
        {
            self.runs[at].push(datagram);
            return;
        }
        let mut contents = self.spare.pop().unwrap_or_default();
        contents.extend_from_slice(datagram);
        self.open.insert(destination, self.runs.len());
        let segment = datagram.len();
        self.runs.push(Run {
            destination,
            source,
            contents,
            segment,
            count: 1,
            closed: false,
        });
    }

    /// How many bytes wait.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Hands each run to `send`, oldest first, and empties the queue.
    pub(crate) fn flush(&mut self, mut send: impl FnMut(&Run)) {
        self.open.clear();
        self.bytes = 0;
        for mut run in self.runs.drain(..) {
            send(&run);
            run.contents.clear();
            if self.spare.len() < SPARE {
                self.spare.push(run.contents);
            }
        }
    }
}

/// Buffers kept for the next flush: at most 64 × 65 KB = 4 MB a worker.
const SPARE: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn to(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    fn flushed(egress: &mut Egress) -> Vec<(u16, usize, Vec<usize>)> {
        let mut runs = Vec::new();
        egress.flush(|run| {
            runs.push((
                run.destination.port(),
                run.segment,
                run.datagrams().map(<[u8]>::len).collect(),
            ));
        });
        runs
    }

    #[test]
    fn a_run_ends_after_a_shorter_and_before_a_longer_datagram() {
        let mut egress = Egress::default();
        for size in [1_200, 1_200, 700, 1_200, 1_201, 90] {
            egress.push(to(1), None, &vec![0; size], 64);
        }
        let expected = [
            (1, 1_200, vec![1_200, 1_200, 700]),
            (1, 1_200, vec![1_200]),
            (1, 1_201, vec![1_201, 90]),
        ];
        assert_eq!(flushed(&mut egress), expected);
        assert_eq!(egress.bytes(), 0);
    }

    #[test]
    fn destinations_that_take_turns_get_one_run_each() {
        let mut egress = Egress::default();
        for turn in 0..6 {
            egress.push(to(1 + turn % 2), None, &[0; 100], 64);
        }
        assert_eq!(flushed(&mut egress), [(1, 100, vec![100; 3]), (2, 100, vec![100; 3])]);
    }

    #[test]
    fn the_limits_of_the_kernel_are_kept() {
        let mut egress = Egress::default();
        for _ in 0..65 {
            egress.push(to(1), None, &[0; 100], 64);
        }
        for _ in 0..60 {
            egress.push(to(2), None, &[0; 1_200], 64);
        }
        let runs = flushed(&mut egress);
        let counts: Vec<_> = runs.iter().map(|(port, _, sizes)| (*port, sizes.len())).collect();
        assert_eq!(counts, [(1, 64), (1, 1), (2, 54), (2, 6)]);
    }

    #[test]
    fn without_gso_or_from_another_source_each_datagram_is_a_run() {
        let mut egress = Egress::default();
        egress.push(to(1), None, &[0; 10], 1);
        egress.push(to(1), None, &[0; 10], 1);
        egress.push(to(1), Some(IpAddr::from([127, 0, 0, 2])), &[0; 10], 64);
        egress.push(to(1), None, &[], 64);
        assert_eq!(flushed(&mut egress).len(), 3);
    }
}
