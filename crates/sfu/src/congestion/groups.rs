//! Packets that left together, and how the time between such groups changes on the way (draft-ietf-rmcat-gcc-02 section 5.2).

use super::Outcome;

/// Packets that left within so many microseconds are a group.
const GROUP: i64 = 5_000;

/// What arrives within so many microseconds of each other, faster than it left, was held up together on the way.
const BURST: i64 = 5_000;

/// A burst ends after so many microseconds.
const MAX_BURST: i64 = 100_000;

#[derive(Debug, Clone, Copy)]
struct Group {
    first_departure: i64,
    departure: i64,
    first_arrival: i64,
    arrival: i64,
}

/// How two groups lie apart, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Spacing {
    pub(super) departures: f64,
    pub(super) arrivals: f64,
    /// When the later one arrived.
    pub(super) at: f64,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Groups {
    before: Option<Group>,
    current: Option<Group>,
}

impl Groups {
    /// Takes a packet that arrived. Gives how the last two groups lie apart when a new one begins.
    pub(super) fn add(&mut self, outcome: &Outcome) -> Option<Spacing> {
        let (departed, arrived) = (outcome.departed, outcome.arrived?);
        let Some(current) = &mut self.current else {
            self.current = Some(Group::new(departed, arrived));
            return None;
        };
        if departed < current.first_departure {
            return None;
        }
        if current.takes(departed, arrived) {
            current.departure = current.departure.max(departed);
            current.arrival = current.arrival.max(arrived);
            return None;
        }
        let ended = std::mem::replace(current, Group::new(departed, arrived));
        let before = self.before.replace(ended)?;
        let arrivals = ended.arrival - before.arrival;
        if arrivals < 0 {
            // The client's clock was set, or the network has reordered whole groups.
            self.before = None;
            return None;
        }
        Some(Spacing {
            departures: (ended.departure - before.departure) as f64 / 1e3,
            arrivals: arrivals as f64 / 1e3,
            at: ended.arrival as f64 / 1e3,
        })
    }
}

impl Group {
    fn new(departed: i64, arrived: i64) -> Self {
        Self {
            first_departure: departed,
            departure: departed,
            first_arrival: arrived,
            arrival: arrived,
        }
    }

    fn takes(&self, departed: i64, arrived: i64) -> bool {
        departed - self.first_departure <= GROUP || self.is_burst(departed, arrived)
    }

    fn is_burst(&self, departed: i64, arrived: i64) -> bool {
        let (sent, received) = (departed - self.departure, arrived - self.arrival);
        let catches_up = received - sent < 0 && received <= BURST && arrived - self.first_arrival < MAX_BURST;
        sent == 0 || catches_up
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spacings(packets: &[(i64, i64)]) -> Vec<(f64, f64)> {
        let mut groups = Groups::default();
        let outcome = |(departed, arrived): &(i64, i64)| Outcome {
            departed: departed * 1_000,
            arrived: Some(arrived * 1_000),
            bytes: 100,
            cluster: None,
        };
        let spacings = packets.iter().filter_map(|packet| groups.add(&outcome(packet)));
        spacings.map(|spacing| (spacing.departures, spacing.arrivals)).collect()
    }

    #[test]
    fn groups_are_compared_when_the_next_one_begins() {
        let packets = [(0, 50), (2, 52), (20, 70), (40, 95), (60, 115)];
        assert_eq!(spacings(&packets), [(18.0, 18.0), (20.0, 25.0)]);
    }

    #[test]
    fn what_was_held_up_together_is_one_group() {
        // The third and fourth come right behind the second.
        let packets = [(0, 50), (20, 130), (40, 131), (60, 132), (80, 150), (100, 170)];
        assert_eq!(spacings(&packets), [(60.0, 82.0), (20.0, 18.0)]);
    }
}
