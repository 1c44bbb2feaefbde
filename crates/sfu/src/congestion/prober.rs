//! When more than is sent is tried, and how much.

use std::time::{Duration, Instant};

use super::probe::Cluster;

/// Between probes while less is known to be possible than is wanted. A client whose line is free again has its videos back
/// within three seconds.
const INTERVAL: Duration = Duration::from_millis(1_000);

/// Between a probe that found what it tried, and the next.
const FOLLOW_UP: Duration = Duration::from_millis(150);

/// How long a probe takes,
const LENGTH: Duration = Duration::from_millis(20);

/// and how many bytes it has at least: some packets.
const MIN_BYTES: f64 = 2_000.0;

/// Its packets leave in steps of so much time.
const STEP: Duration = Duration::from_millis(3);

/// How much more than what is known to be possible is tried.
const BEYOND: f64 = 2.0;

/// How much more than what is wanted: little more than a known limit is not believed.
const ABOVE_GOAL: f64 = 1.5;

/// The share of its rate that a probe has to find for the next one to follow at once.
const FOUND: f64 = 0.8;

#[derive(Debug, Clone, Copy)]
struct Running {
    /// Bytes per second.
    rate: f64,
    began: Instant,
    step: Instant,
    sent: f64,
    bytes: f64,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Prober {
    goal: Option<f64>,
    running: Option<Running>,
    cluster: Cluster,
    /// Bits per second of the last probe, until it is known what it found.
    tried: Option<f64>,
    next: Instant,
}

impl Prober {
    /// Nothing is to be tried.
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            goal: None,
            running: None,
            cluster: Cluster::FIRST,
            tried: None,
            next: now,
        }
    }

    /// So many bits per second are wanted. `None`: what is possible is enough.
    pub(crate) fn set_goal(&mut self, now: Instant, goal: Option<f64>) {
        if self.goal.is_none() {
            // The line has just proved too narrow: not at once.
            self.next = self.next.max(now + INTERVAL);
        }
        self.goal = goal;
    }

    /// It is now known that so much is possible.
    pub(crate) fn found(&mut self, now: Instant, bits: f64) {
        if self.tried.take_if(|tried| bits >= *tried * FOUND).is_some() {
            self.next = self.next.min(now + FOLLOW_UP);
        }
    }

    /// A queue grows: nothing is tried for a while.
    pub(crate) fn put_off(&mut self, now: Instant) {
        self.running = None;
        self.tried = None;
        self.next = now + INTERVAL;
    }

    /// When [`Self::due`] is to be called.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        match self.running {
            Some(running) => Some(running.step),
            None => self.goal.map(|_| self.next),
        }
    }

    /// How many bytes are due, where `bits` per second are known to be possible.
    pub(crate) fn due(&mut self, now: Instant, bits: f64) -> Option<usize> {
        if self.running.is_none() {
            self.begin(now, bits);
        }
        // What cannot be sent is not tried for ever.
        self.running.take_if(|running| running.began + 10 * LENGTH <= now);
        let running = self.running.as_mut().filter(|running| running.step <= now)?;
        let passed = (now - running.began + STEP).as_secs_f64();
        let due = (running.rate * passed).min(running.bytes) - running.sent;
        running.step = now + STEP;
        (due > 0.0).then_some(due as usize)
    }

    fn begin(&mut self, now: Instant, bits: f64) {
        let Some(goal) = self.goal.filter(|goal| self.next <= now && *goal > bits) else {
            self.next = self.next.max(now + FOLLOW_UP);
            return;
        };
        let tried = (goal * ABOVE_GOAL).min(bits * BEYOND);
        let rate = tried / 8.0;
        self.cluster = self.cluster.after();
        self.tried = Some(tried);
        self.next = now + INTERVAL;
        self.running = Some(Running {
            rate,
            began: now,
            step: now,
            sent: 0.0,
            bytes: (rate * LENGTH.as_secs_f64()).max(MIN_BYTES),
        });
    }

    /// The probe that a packet of so many bytes is a part of which leaves now.
    pub(crate) fn depart(&mut self, bytes: usize) -> Option<Cluster> {
        let running = self.running.as_mut()?;
        running.sent += bytes as f64;
        if running.sent >= running.bytes {
            self.running = None;
        }
        Some(self.cluster)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs a probe. Gives when its packets left, in milliseconds, and their bytes.
    fn probe(prober: &mut Prober, start: Instant, bits: f64) -> Vec<(u64, usize)> {
        let mut left = Vec::new();
        let first = prober.deadline().unwrap();
        for ms in 0..200 {
            let now = first + Duration::from_millis(ms);
            while prober.deadline().is_some_and(|at| at <= now) {
                let Some(due) = prober.due(now, bits) else { break };
                assert!(prober.depart(due).is_some());
                left.push(((now - start).as_millis() as u64, due));
            }
        }
        left
    }

    #[test]
    fn a_probe_is_sent_at_its_rate() {
        let start = Instant::now();
        let mut prober = Prober::new(start);
        assert_eq!(prober.deadline(), None);
        prober.set_goal(start, Some(3e6));
        let left = probe(&mut prober, start, 1e6);
        assert_eq!(left[0], (1_000, 750), "2 Mbit/s are 250 bytes a millisecond");
        assert_eq!(left.iter().map(|(_, bytes)| bytes).sum::<usize>(), 5_000);
        assert_eq!(left.last().unwrap().0, 1_018);
    }

    #[test]
    fn what_was_found_is_followed_up_and_what_was_not_waits() {
        let start = Instant::now();
        let mut prober = Prober::new(start);
        prober.set_goal(start, Some(3e6));
        let end = start + Duration::from_millis(probe(&mut prober, start, 1e6).last().unwrap().0);
        prober.found(end, 1e6);
        assert!(prober.deadline().unwrap() > end + Duration::from_millis(500));
        prober.found(end, 1.9e6);
        assert_eq!(prober.deadline(), Some(end + FOLLOW_UP));
        prober.put_off(end);
        assert_eq!(prober.deadline(), Some(end + INTERVAL));
        prober.set_goal(end, None);
        assert_eq!(prober.deadline(), None);
    }
}
