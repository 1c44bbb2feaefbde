//! By how much packets are later than the fastest of late.

use super::Outcome;

/// Microseconds after which a shortest delay is forgotten, if it was not reached again: clocks drift.
const BASE_TIME: i64 = 5_000_000;

/// A queue grows by steps of more than so many microseconds, and by so many of them at least; so far below its longest delay it
/// is at its end.
const STEP: i64 = 1_000;
const STEPS: u32 = 3;
const PEAK: i64 = 10_000;

/// See the module. Times in microseconds; the clocks differ by a constant.
#[derive(Debug, Default)]
pub(super) struct Delay {
    /// The least of the span of time that is now, and of the one before.
    base: Option<[i64; 2]>,
    began: i64,
    last: i64,
    /// The last one when [`Self::rises`] was asked.
    before: i64,
    /// The longest since then, by how many steps it was reached, and of how many packets.
    longest: i64,
    steps: u32,
    packets: u32,
}

impl Delay {
    /// Takes a packet.
    pub(super) fn add(&mut self, outcome: &Outcome) {
        let Some(arrived) = outcome.arrived else { return };
        let delay = arrived - outcome.departed;
        let base = self.base.get_or_insert([delay; 2]);
        if outcome.departed >= self.began + BASE_TIME {
            *base = [delay, base[0]];
            self.began = outcome.departed;
        }
        base[0] = base[0].min(delay);
        self.last = delay;
        self.packets += 1;
        if delay > self.longest + STEP {
            (self.longest, self.steps) = (delay, self.steps + 1);
        }
    }

    /// By how many milliseconds the last packet was later than the fastest.
    pub(super) fn queue(&self) -> f64 {
        let base = self.base.map_or(self.last, |base| base[0].min(base[1]));
        (self.last - base) as f64 / 1e3
    }

    /// Whether the delay has risen by so many milliseconds since the last call, step by step, and still does. Where a radio
    /// stalls, it jumps and then falls. Fewer packets than are steps say nothing by themselves: those that follow count with them.
    pub(super) fn rises(&mut self, by: f64) -> bool {
        if self.packets < STEPS {
            return false;
        }
        self.packets = 0;
        let before = std::mem::replace(&mut self.before, self.last);
        let (longest, steps) = (self.longest, self.steps);
        (self.longest, self.steps) = (self.last, 0);
        steps >= STEPS && self.last + PEAK >= longest && (self.last - before) as f64 / 1e3 >= by
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fastest_packet_of_late_is_what_others_are_compared_with() {
        let mut delay = Delay::default();
        let mut add = |second: i64, milliseconds: i64| {
            delay.add(&Outcome {
                departed: second * 1_000_000,
                arrived: Some(second * 1_000_000 - 7_000_000 + milliseconds * 1_000),
                bytes: 100,
                cluster: None,
            });
            delay.queue()
        };
        assert_eq!(add(0, 40), 0.0);
        assert_eq!(add(1, 45), 5.0);
        assert_eq!(add(3, 30), 0.0);
        assert_eq!(add(4, 31), 1.0);
        // The path is longer now.
        for second in 5..20 {
            add(second, 80);
        }
        assert_eq!(add(20, 81), 1.0);
    }

    #[test]
    fn a_queue_grows_step_by_step_and_a_stall_jumps_and_falls() {
        let mut delay = Delay::default();
        let mut rises = |milliseconds: &[i64]| {
            for late in milliseconds {
                delay.add(&Outcome {
                    departed: 0,
                    arrived: Some(late * 1_000),
                    bytes: 100,
                    cluster: None,
                });
            }
            delay.rises(40.0)
        };
        rises(&[20, 21, 20]);
        assert!(rises(&[35, 50, 65, 80]));
        assert!(!rises(&[82, 84, 86]), "it does not grow much");
        assert!(!rises(&[86, 180]), "by one step");
        rises(&[20]);
        assert!(!rises(&[50, 80, 120, 90, 70]), "and falls");
    }
}
