//! Numbers of a sequence that are left out, so that those that remain follow each other without a gap.

use std::collections::VecDeque;

/// Runs of numbers that are remembered: some five seconds of a stream of which every other frame is left out. Packets from
/// before are not repaired any more.
const RUNS: usize = 96;

/// Numbers that follow each other.
#[derive(Debug, Clone, Copy)]
struct Run {
    first: u64,
    end: u64,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Omitted {
    /// In order; all that are left out since `known_from`.
    runs: VecDeque<Run>,
    /// How many were left out in all, also before `known_from`.
    count: u64,
    known_from: u64,
    newest: u64,
}

impl Omitted {
    /// A sequence of which this number is the first that is sent.
    pub(crate) fn after(first: u64) -> Self {
        Self {
            runs: VecDeque::new(),
            count: 0,
            known_from: 0,
            newest: first,
        }
    }

    /// The highest number that was seen, left out or not.
    pub(crate) fn newest(&self) -> u64 {
        self.newest
    }

    /// Takes a number that is sent.
    pub(crate) fn keep(&mut self, number: u64) {
        self.newest = self.newest.max(number);
    }

    /// Leaves a number out, if it is after all that were seen. `false`: it is not, and what came after it has its place already.
    pub(crate) fn omit(&mut self, number: u64) -> bool {
        if number <= self.newest {
            return false;
        }
        self.newest = number;
        self.count += 1;
        match self.runs.back_mut() {
            Some(last) if last.end == number => last.end += 1,
            _ => {
                self.runs.push_back(Run {
                    first: number,
                    end: number + 1,
                });
                if self.runs.len() > RUNS {
                    self.forget_one();
                }
            }
        }
        true
    }

    fn forget_one(&mut self) {
        if let Some(run) = self.runs.pop_front() {
            self.known_from = run.end;
        }
    }

    /// The number that goes out for one that came. `None`: it is left out, or from too long ago.
    pub(crate) fn outgoing(&self, number: u64) -> Option<u64> {
        let mut omitted = self.count;
        // Most numbers are after the last run, and few runs are after any.
        for run in self.runs.iter().rev() {
            if number >= run.end {
                return Some(number - omitted);
            }
            if number >= run.first {
                return None;
            }
            omitted -= run.end - run.first;
        }
        (number >= self.known_from).then(|| number - omitted)
    }

    /// The number that came for one that goes out. `None`: from too long ago.
    pub(crate) fn incoming(&self, number: u64) -> Option<u64> {
        let mut came = number + self.count;
        for run in self.runs.iter().rev() {
            if came >= run.end {
                return Some(came);
            }
            came -= run.end - run.first;
        }
        (came >= self.known_from).then_some(came)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_remains_has_no_gaps_and_is_found_again() {
        let mut omitted = Omitted::after(100);
        let (mut sent, mut rng) = (vec![100], fastrand::Rng::with_seed(1));
        for number in 101..160 {
            if rng.bool() {
                assert!(omitted.omit(number));
            } else {
                omitted.keep(number);
                sent.push(number);
            }
        }
        for (place, number) in sent.iter().enumerate() {
            assert_eq!(omitted.outgoing(*number), Some(100 + place as u64));
            assert_eq!(omitted.incoming(100 + place as u64), Some(*number));
        }
        let left_out = (101..160).filter(|number| !sent.contains(number));
        assert!(left_out.into_iter().all(|number| omitted.outgoing(number).is_none()));
    }

    #[test]
    fn a_number_that_has_its_place_cannot_be_left_out() {
        let mut omitted = Omitted::after(5);
        assert!(!omitted.omit(5) && !omitted.omit(3));
        omitted.keep(9);
        assert!(!omitted.omit(7), "8 may have gone out after it");
        assert!(omitted.omit(10) && !omitted.omit(10));
        assert_eq!([7, 9, 11].map(|number| omitted.outgoing(number)), [7, 9, 10].map(Some));
    }

    #[test]
    fn what_is_from_too_long_ago_is_not_known() {
        let mut omitted = Omitted::after(0);
        for number in 1..10_000 {
            if number % 2 == 0 {
                omitted.omit(number);
            } else {
                omitted.keep(number);
            }
        }
        assert_eq!(omitted.runs.len(), RUNS);
        assert_eq!(
            (omitted.outgoing(9_999), omitted.incoming(5_000)),
            (Some(5_000), Some(9_999))
        );
        assert_eq!((omitted.outgoing(101), omitted.incoming(51)), (None, None));
    }
}
