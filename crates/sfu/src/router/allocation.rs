//! Which videos one client is sent, of those in its tiles, where not all of them fit through its line.
//!
//! Audio comes first. Each tile gets its video's lowest layer, the most important ones first, before any gets more; then layers
//! are added, again the most important first. Less is sent at once, more only when it has been possible for a while with
//! something to spare, so that a line that is just too narrow does not switch to and fro.

use std::time::{Duration, Instant};

/// What is added has to fit with so much to spare.
const SPARE: f64 = 1.15;

/// What fits so many times is plenty.
const PLENTY: f64 = 1.6;

/// More has to be possible for so long before a paused video goes on,
const RESUME_HOLD: Duration = Duration::from_secs(1);

/// and for so long before a layer is added.
const UPGRADE_HOLD: Duration = Duration::from_secs(2);

/// Between layers that are added one after the other.
const STEP: Duration = Duration::from_millis(700);

/// Where less had to be sent again within this time, the next holds are twice as long,
const RELAPSE: Duration = Duration::from_secs(10);

/// up to so many times.
const MAX_PATIENCE: u32 = 16;

/// A video that a client has a tile for.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Demand<K> {
    /// Which.
    pub(super) key: K,
    /// Its layers, the lowest first, up to the one that fills the tile.
    pub(super) layers: Vec<Cost>,
}

/// What a layer costs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Cost {
    /// Bits per second.
    pub(super) bits: f64,
    /// Whether it begins with a keyframe where the layer below it was sent.
    pub(super) is_anew: bool,
}

/// See the module. `K` names a video.
#[derive(Debug, Default)]
pub(super) struct Allocation<K> {
    granted: Vec<Granted<K>>,
    /// Since when more is possible than is sent, without a break.
    more: Option<Instant>,
    /// When more was sent the last time.
    grown: Option<Instant>,
    /// How many times longer than usual more has to be possible.
    patience: u32,
}

/// What a video was given.
#[derive(Debug)]
struct Granted<K> {
    key: K,
    /// How many layers are sent; 0: it is paused.
    layers: usize,
    /// How many there were.
    of: usize,
}

impl<K: Copy + PartialEq> Allocation<K> {
    /// How many layers of a video are sent; `None`: it is not known.
    pub(super) fn granted(&self, key: K) -> Option<usize> {
        Some(self.last(key)?.layers)
    }

    fn last(&self, key: K) -> Option<&Granted<K>> {
        self.granted.iter().find(|granted| granted.key == key)
    }

    /// What is sent of a video so far. One that is new here begins with what is possible; so does one with more layers than
    /// before, since its layers were counted from another lowest one, or its tile has grown.
    fn current(&self, demand: &Demand<K>, possible: usize) -> usize {
        match self.last(demand.key) {
            Some(last) if last.layers == 0 || demand.layers.len() <= last.of => last.layers,
            _ => possible,
        }
    }

    /// The videos that are paused.
    pub(super) fn paused(&self) -> Vec<K> {
        let paused = self.granted.iter().filter(|granted| granted.layers == 0);
        paused.map(|granted| granted.key).collect()
    }

    /// Divides `bits` among audio and videos, the most important one first. Gives how many bits per second would be of use;
    /// `None`: everything is sent.
    pub(super) fn decide(&mut self, now: Instant, bits: f64, audio: f64, demands: &[Demand<K>]) -> Option<f64> {
        let possible = fit(bits - audio, demands, 1.0);
        let ample = fit(bits - audio, demands, SPARE);
        let current: Vec<usize> = demands
            .iter()
            .zip(&possible)
            .map(|(demand, &possible)| self.current(demand, possible))
            .collect();
        let fits = cost(demands, &current) <= bits - audio;
        let next = if fits {
            // What is possible many times over is not doubted because it was not possible before.
            let is_sure = fit(bits - audio, demands, PLENTY) == ample;
            self.grow(now, demands, &current, &ample, is_sure)
        } else {
            let kept = demands.iter().map(|demand| self.granted(demand.key).unwrap_or(0));
            let is_less_possible = cost(demands, &kept.collect::<Vec<_>>()) > bits - audio;
            self.shrink(now, is_less_possible);
            possible
        };
        self.granted = demands
            .iter()
            .zip(&next)
            .map(|(demand, &layers)| Granted {
                key: demand.key,
                layers,
                of: demand.layers.len(),
            })
            .collect();
        goal(audio, demands, &next)
    }

    /// Less has to be sent. `is_less_possible`: of what was sent, and not only for the sake of tiles that are new or have grown.
    fn shrink(&mut self, now: Instant, is_less_possible: bool) {
        self.more = None;
        if !is_less_possible {
            return;
        }
        let is_relapse = self.grown.take().is_some_and(|grown| now < grown + RELAPSE);
        self.patience = if is_relapse {
            (2 * self.patience.max(1)).min(MAX_PATIENCE)
        } else {
            1
        };
    }

    /// What is sent fits. More is sent when that has been possible for long enough.
    fn grow(
        &mut self,
        now: Instant,
        demands: &[Demand<K>],
        current: &[usize],
        ample: &[usize],
        is_sure: bool,
    ) -> Vec<usize> {
        let is_more = |(now, then): (&usize, &usize)| then > now;
        if !current.iter().zip(ample).any(is_more) {
            self.more = None;
            return current.to_vec();
        }
        let resumes = current.iter().zip(ample).any(|(now, then)| *now == 0 && *then > 0);
        let patience = if is_sure { 1 } else { self.patience.max(1) };
        let hold = if resumes { RESUME_HOLD } else { UPGRADE_HOLD } * patience;
        if now < *self.more.get_or_insert(now) + hold {
            return current.to_vec();
        }
        (self.more, self.grown) = (now.checked_sub(hold).map(|begin| begin + STEP), Some(now));
        let mut next: Vec<usize> = current.iter().zip(ample).map(|(now, then)| *now.min(then)).collect();
        if resumes {
            let paused = next
                .iter_mut()
                .zip(ample)
                .filter(|(now, then)| **now == 0 && **then > 0);
            paused.for_each(|(now, _)| *now = 1);
        } else {
            add_layers(&mut next, ample, demands);
        }
        next
    }
}

/// Adds layers: more frames of all videos, else one layer, since it begins with a keyframe.
fn add_layers<K>(levels: &mut [usize], ample: &[usize], demands: &[Demand<K>]) {
    let needs_keyframe = |level: usize, demand: &Demand<K>| demand.layers.get(level).is_some_and(|more| more.is_anew);
    let before = levels.to_vec();
    for ((level, most), demand) in levels.iter_mut().zip(ample).zip(demands) {
        while *level < *most && !needs_keyframe(*level, demand) {
            *level += 1;
        }
    }
    if before == levels {
        let grows = levels.iter_mut().zip(ample).filter(|(now, then)| **now < **then);
        grows
            .min_by_key(|(now, _)| **now)
            .into_iter()
            .for_each(|(now, _)| *now += 1);
    }
}

/// How many layers of each fit, with so much to spare.
fn fit<K>(bits: f64, demands: &[Demand<K>], spare: f64) -> Vec<usize> {
    let mut levels = vec![0; demands.len()];
    let mut left = bits / spare;
    let most = demands
        .iter()
        .map(|demand| demand.layers.len())
        .max()
        .unwrap_or_default();
    for level in 1..=most {
        for (demand, granted) in demands.iter().zip(&mut levels) {
            let more = step(demand, level);
            if *granted + 1 == level && more.is_some_and(|more| more <= left) {
                *granted = level;
                left -= more.unwrap_or_default();
            }
        }
        if levels.contains(&0) {
            // Nothing gets more while a tile has nothing.
            break;
        }
    }
    levels
}

/// What a layer costs more than the one below it.
fn step<K>(demand: &Demand<K>, level: usize) -> Option<f64> {
    let below = level
        .checked_sub(2)
        .map_or(0.0, |below| demand.layers[below.min(demand.layers.len() - 1)].bits);
    Some((demand.layers.get(level - 1)?.bits - below).max(0.0))
}

fn cost<K>(demands: &[Demand<K>], levels: &[usize]) -> f64 {
    let granted = demands.iter().zip(levels).filter(|(_, level)| **level > 0);
    granted
        .map(|(demand, level)| demand.layers[level.min(&demand.layers.len()) - 1].bits)
        .sum()
}

/// What has to be possible for everything to be sent.
fn goal<K>(audio: f64, demands: &[Demand<K>], levels: &[usize]) -> Option<f64> {
    let all: Vec<usize> = demands.iter().map(|demand| demand.layers.len()).collect();
    (all.iter().zip(levels).any(|(all, level)| level < all)).then(|| audio + cost(demands, &all) * SPARE * 1.05)
}

#[cfg(test)]
mod tests {
    use super::*;

    const AUDIO: f64 = 100.0;

    fn videos(layers: &[&[f64]]) -> Vec<Demand<usize>> {
        let demands = layers.iter().enumerate();
        demands
            .map(|(key, layers)| Demand {
                key,
                layers: layers
                    .iter()
                    .map(|bits| Cost {
                        bits: *bits,
                        is_anew: true,
                    })
                    .collect(),
            })
            .collect()
    }

    fn levels(allocation: &Allocation<usize>) -> Vec<usize> {
        allocation.granted.iter().map(|granted| granted.layers).collect()
    }

    /// Decides ten times a second. Gives what is sent in the end.
    fn run(
        allocation: &mut Allocation<usize>,
        now: &mut Instant,
        ms: u64,
        bits: f64,
        demands: &[Demand<usize>],
    ) -> Vec<usize> {
        for _ in 0..ms / 100 {
            *now += Duration::from_millis(100);
            allocation.decide(*now, bits, AUDIO, demands);
        }
        levels(allocation)
    }

    #[test]
    fn every_tile_has_its_lowest_layer_before_one_has_more() {
        let demands = videos(&[&[150.0, 500.0, 1_500.0], &[150.0, 500.0], &[150.0]]);
        let begin = |bits| {
            let mut allocation = Allocation::default();
            allocation.decide(Instant::now(), bits, AUDIO, &demands);
            levels(&allocation)
        };
        assert_eq!(begin(90.0), [0, 0, 0]);
        assert_eq!(begin(260.0), [1, 0, 0]);
        assert_eq!(begin(550.0), [1, 1, 1]);
        assert_eq!(begin(900.0), [2, 1, 1]);
        assert_eq!(begin(1_250.0), [2, 2, 1]);
        assert_eq!(begin(2_250.0), [3, 2, 1]);
        let mut allocation = Allocation::default();
        let costly_first = videos(&[&[900.0], &[150.0]]);
        allocation.decide(Instant::now(), 400.0, AUDIO, &costly_first);
        assert_eq!(levels(&allocation), [0, 1], "one that fits is better than none");
    }

    #[test]
    fn less_is_sent_at_once_and_more_after_a_while_with_something_to_spare() {
        let demands = videos(&[&[400.0], &[400.0], &[400.0]]);
        let (mut allocation, mut now) = (Allocation::default(), Instant::now());
        assert_eq!(run(&mut allocation, &mut now, 100, 3_000.0, &demands), [1, 1, 1]);
        assert_eq!(run(&mut allocation, &mut now, 100, 600.0, &demands), [1, 0, 0]);
        assert_eq!(
            run(&mut allocation, &mut now, 5_000, 1_300.0, &demands),
            [1, 1, 0],
            "1,300 is just enough"
        );
        assert_eq!(run(&mut allocation, &mut now, 1_000, 1_500.0, &demands), [1, 1, 0]);
        assert_eq!(run(&mut allocation, &mut now, 100, 1_500.0, &demands), [1, 1, 1]);
        // A moment without it begins the wait anew.
        run(&mut allocation, &mut now, 11_000, 1_500.0, &demands);
        assert_eq!(run(&mut allocation, &mut now, 100, 1_000.0, &demands), [1, 1, 0]);
        run(&mut allocation, &mut now, 800, 1_500.0, &demands);
        run(&mut allocation, &mut now, 100, 1_200.0, &demands);
        assert_eq!(run(&mut allocation, &mut now, 900, 1_500.0, &demands), [1, 1, 0]);
        assert_eq!(run(&mut allocation, &mut now, 300, 1_500.0, &demands), [1, 1, 1]);
    }

    #[test]
    fn what_had_to_be_taken_back_is_tried_less_and_less_often() {
        let demands = videos(&[&[400.0], &[400.0]]);
        let (mut allocation, mut now) = (Allocation::default(), Instant::now());
        let mut resumed = Vec::new();
        let start = now;
        while resumed.len() < 6 {
            let is_whole = run(&mut allocation, &mut now, 100, 1_100.0, &demands) == [1, 1];
            if is_whole {
                resumed.push((now - start).as_secs());
                run(&mut allocation, &mut now, 100, 600.0, &demands);
            }
        }
        let waits: Vec<u64> = resumed.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(waits.windows(2).all(|pair| pair[1] > pair[0]), "{resumed:?}");
    }

    #[test]
    fn a_tile_that_has_grown_at_the_cost_of_others_is_no_relapse() {
        let (mut allocation, mut now) = (Allocation::default(), Instant::now());
        let mut demands = videos(&[&[150.0, 500.0], &[150.0]]);
        run(&mut allocation, &mut now, 1_000, 450.0, &demands);
        assert_eq!(run(&mut allocation, &mut now, 2_100, 1_000.0, &demands), [2, 1]);
        // The other one is looked at now.
        demands.reverse();
        demands[0].layers = demands[1].layers.clone();
        assert_eq!(run(&mut allocation, &mut now, 100, 1_000.0, &demands), [2, 1]);
        assert_eq!(run(&mut allocation, &mut now, 2_100, 1_400.0, &demands), [2, 2]);
    }

    #[test]
    fn more_frames_come_at_once_and_larger_pictures_one_at_a_time() {
        let mut demands = videos(&[&[50.0, 90.0, 150.0, 500.0], &[50.0, 90.0, 150.0, 500.0]]);
        for demand in &mut demands {
            demand.layers[1].is_anew = false;
            demand.layers[2].is_anew = false;
        }
        let (mut allocation, mut now) = (Allocation::default(), Instant::now());
        assert_eq!(run(&mut allocation, &mut now, 100, 210.0, &demands), [1, 1]);
        assert_eq!(run(&mut allocation, &mut now, 2_000, 2_000.0, &demands), [1, 1]);
        assert_eq!(run(&mut allocation, &mut now, 100, 2_000.0, &demands), [3, 3]);
        assert_eq!(run(&mut allocation, &mut now, 700, 2_000.0, &demands), [4, 3]);
        assert_eq!(run(&mut allocation, &mut now, 700, 2_000.0, &demands), [4, 4]);
        assert_eq!(
            run(&mut allocation, &mut now, 100, 300.0, &demands),
            [2, 2],
            "fewer frames at once"
        );
    }

    #[test]
    fn a_video_of_which_all_was_sent_does_not_fall_to_its_least_when_more_layers_are_known() {
        let (one, all) = (videos(&[&[150.0]]), videos(&[&[40.0, 70.0, 150.0, 500.0]]));
        let (mut allocation, mut now) = (Allocation::default(), Instant::now());
        assert_eq!(run(&mut allocation, &mut now, 100, 1_000.0, &one), [1]);
        assert_eq!(run(&mut allocation, &mut now, 100, 1_000.0, &all), [4]);
        assert_eq!(run(&mut allocation, &mut now, 100, 300.0, &all), [3]);
        assert_eq!(run(&mut allocation, &mut now, 100, 120.0, &one), [0]);
        assert_eq!(
            run(&mut allocation, &mut now, 100, 1_000.0, &all),
            [0],
            "what is paused waits until it has been possible for a while"
        );
    }

    #[test]
    fn a_goal_is_told_while_something_is_missing() {
        let demands = videos(&[&[400.0], &[400.0]]);
        let mut allocation = Allocation::default();
        let now = Instant::now();
        let goal = allocation.decide(now, 600.0, AUDIO, &demands).unwrap();
        assert!(goal > 800.0 * SPARE + AUDIO);
        let more = Allocation::default().decide(now, goal, AUDIO, &demands);
        assert_eq!(more, None);
        assert_eq!(allocation.paused(), [1]);
    }
}
