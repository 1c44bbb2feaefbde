//! What a probe found: a few packets sent at a known rate, and the rate at which they arrived.

use super::Outcome;

/// Arrivals may be so much faster than departures, for the network gathers packets; beyond, nothing can be said.
const MAX_SPEEDUP: f64 = 2.0;

/// What arrives at less than this share of the rate at which it was sent has met the limit.
const MET_LIMIT: f64 = 0.9;

/// At the limit itself a queue never ends.
const BELOW_LIMIT: f64 = 0.9;

/// Packets of a probe that have to arrive.
const MIN_PACKETS: u32 = 5;

/// The number of a probe, from 1 on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cluster(u8);

impl Cluster {
    pub(super) const FIRST: Self = Self(1);

    /// As it is stored; 0 is none.
    pub(super) fn number(self) -> u8 {
        self.0
    }

    pub(super) fn of(number: u8) -> Option<Self> {
        (number > 0).then_some(Self(number))
    }

    pub(super) fn after(self) -> Self {
        Self(self.0.checked_add(1).unwrap_or(1))
    }
}

/// The arrivals of one probe.
#[derive(Debug, Clone, Copy)]
pub(super) struct Probed {
    cluster: Cluster,
    packets: u32,
    bytes: f64,
    /// First and last, with the bytes of that packet.
    departures: [(i64, u32); 2],
    arrivals: [(i64, u32); 2],
}

impl Probed {
    /// Takes a packet of a probe that arrived.
    pub(super) fn add(probed: &mut Option<Self>, outcome: &Outcome) {
        let (Some(cluster), Some(arrived)) = (outcome.cluster, outcome.arrived) else {
            return;
        };
        let (departure, arrival) = ((outcome.departed, outcome.bytes), (arrived, outcome.bytes));
        let known = probed.get_or_insert(Self::new(cluster, departure, arrival));
        if known.cluster != cluster {
            *known = Self::new(cluster, departure, arrival);
        }
        known.packets += 1;
        known.bytes += f64::from(outcome.bytes);
        widen(&mut known.departures, departure);
        widen(&mut known.arrivals, arrival);
    }

    fn new(cluster: Cluster, departure: (i64, u32), arrival: (i64, u32)) -> Self {
        Self {
            cluster,
            packets: 0,
            bytes: 0.0,
            departures: [departure; 2],
            arrivals: [arrival; 2],
        }
    }

    /// The bits per second that were found to be possible; `None`: too few packets have arrived, or too irregularly.
    pub(super) fn bits(&self) -> Option<f64> {
        if self.packets < MIN_PACKETS {
            return None;
        }
        // Between the first departure and the last, the last packet was not sent yet; between the arrivals the first was there.
        let sent = rate(self.bytes - f64::from(self.departures[1].1), self.departures)?;
        let received = rate(self.bytes - f64::from(self.arrivals[0].1), self.arrivals);
        let received = received.unwrap_or(f64::INFINITY);
        if received > sent * MAX_SPEEDUP {
            return None;
        }
        Some(match received < sent * MET_LIMIT {
            true => received * BELOW_LIMIT,
            false => sent.min(received),
        })
    }
}

fn widen(ends: &mut [(i64, u32); 2], end: (i64, u32)) {
    if end.0 < ends[0].0 {
        ends[0] = end;
    }
    if end.0 >= ends[1].0 {
        ends[1] = end;
    }
}

fn rate(bytes: f64, ends: [(i64, u32); 2]) -> Option<f64> {
    let passed = ends[1].0 - ends[0].0;
    (passed > 0).then(|| bytes * 8e6 / passed as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten packets of 300 bytes, so many microseconds apart.
    fn found(departures: i64, arrivals: i64) -> Option<f64> {
        let mut probed = None;
        for n in 0..10 {
            let outcome = Outcome {
                departed: n * departures,
                arrived: Some(70_000 + n * arrivals),
                bytes: 300,
                cluster: Some(Cluster::FIRST),
            };
            Probed::add(&mut probed, &outcome);
        }
        probed?.bits()
    }

    #[test]
    fn a_probe_finds_its_own_rate_or_that_of_the_line() {
        assert_eq!(found(2_000, 2_000), Some(1_200_000.0));
        assert_eq!(found(2_000, 2_100).map(f64::round), Some(1_142_857.0));
        assert_eq!(found(2_000, 8_000), Some(270_000.0));
        assert_eq!(found(2_000, 900), None);
        assert_eq!(found(2_000, 0), None);
    }
}
