//! Thousands of changes of layer under loss and reordering: what a subscriber is sent is one stream.

mod beginnings;
mod checks;
mod course;
mod encoder;
mod nested;

use super::selection::{Allowance, Layer};
use checks::Switches;
use course::{Coded, Course, Sent, upto};
pub(super) use encoder::Encoder;

const TILES: [Option<u32>; 5] = [Some(90), Some(180), Some(360), Some(720), None];

/// Changes the layer at random, in so many steps. Gives how often it has changed.
fn run(mut course: Course, steps: usize, loss: f64) -> Switches {
    for _ in 0..steps {
        match course.rng.usize(..24) {
            0..=3 => {
                let tile = *course.rng.choice(&TILES).unwrap();
                course.view(tile);
            }
            4..=8 => {
                let temporal = *course.rng.choice(&[0, 1, Layer::ALL]).unwrap();
                let layer = upto(course.rng.usize(..3), temporal);
                let allowance = *course.rng.choice(&[Allowance::Unlimited, layer, layer]).unwrap();
                course.allow(allowance);
            }
            9 if loss > 0.0 => {
                let index = course.rng.usize(1..3);
                course.encoders[index].is_on ^= true;
                course.encoders[index].keyframe = true;
            }
            _ => {}
        }
        course.step(loss);
    }
    let switches = course.check(loss > 0.0);
    settle(&mut course);
    switches
}

/// When nothing changes any more, what is wanted is sent.
fn settle(course: &mut Course) {
    course.encoders.iter_mut().for_each(|encoder| encoder.is_on = true);
    course.allow(Allowance::Unlimited);
    course.view(Some(720));
    for _ in 0..90 {
        course.step(0.0);
    }
    assert_eq!(course.selected(), (Some(2), Some(2)));
    // What was sent lately can be sent again, as it was.
    let latest: Vec<(u64, Sent)> = course
        .sent
        .iter()
        .rev()
        .take(150)
        .map(|(at, sent)| (*at, *sent))
        .collect();
    for (sequence, sent) in &latest {
        assert_eq!(course.again(*sequence), Some(*sent));
    }
    let newest = latest[0].0;
    let never_sent = (newest - 100..newest + 9).filter(|sequence| !course.sent.contains_key(sequence));
    for sequence in never_sent.collect::<Vec<_>>() {
        assert_eq!(course.again(sequence), None, "{sequence} was never sent");
    }
}

/// Courses of these seeds. Gives how often the layer has changed in all.
fn run_all(seeds: std::ops::Range<u64>, steps: usize, loss: f64) -> Switches {
    let mut all = Switches::default();
    seeds.for_each(|seed| all += run(Course::new(seed), steps, loss));
    all
}

#[test]
fn without_loss_the_stream_has_no_gap() {
    let all = run_all(0..8, 1_500, 0.0);
    assert!(all.spatial > 500 && all.temporal > 1_000, "{all:?}");
}

/// In halves, so that they run beside each other: ten thousand changes.
const ENOUGH: Switches = Switches {
    spatial: 900,
    temporal: 3_500,
};

#[test]
fn thousands_of_changes_under_loss_and_reordering_leave_one_stream() {
    let all = run_all(100..108, 3_200, 0.08);
    assert!(
        all.spatial > ENOUGH.spatial && all.temporal > ENOUGH.temporal,
        "{all:?}"
    );
}

#[test]
fn thousands_of_changes_under_little_loss_leave_one_stream() {
    let all = run_all(200..208, 3_200, 0.02);
    assert!(
        all.spatial > ENOUGH.spatial && all.temporal > ENOUGH.temporal,
        "{all:?}"
    );
}

#[test]
fn changes_of_other_codecs_leave_one_stream() {
    for codec in [Coded::Vp9, Coded::Av1] {
        let mut all = Switches::default();
        for (seed, loss) in [(300, 0.0), (301, 0.02), (302, 0.08)] {
            all += run(Course::of(seed, codec), 3_200, loss);
        }
        assert!(all.spatial > 150 && all.temporal > 600, "{codec:?} {all:?}");
    }
}

#[test]
fn each_layer_has_its_rate() {
    let mut course = Course::new(900);
    (0..90).for_each(|_| course.step(0.0));
    let room = course.router.room_of(course.ana).unwrap();
    let track = course.router.rooms[room].tracks.values().next().unwrap();
    for (layer, packets) in [1.0, 2.0, 4.0].into_iter().enumerate() {
        let bits = track.layers.bits(Layer {
            spatial: layer,
            temporal: Layer::ALL,
        });
        // Payloads of 17 octets or so and what comes around them, thirty times a second.
        let (bits, expected) = (bits.unwrap(), packets * (17.0 + 70.0) * 8.0 / 0.033);
        assert!(
            (bits / expected - 1.0).abs() < 0.1,
            "{bits} of {expected} in layer {layer}"
        );
    }
}

#[test]
fn a_video_that_was_paused_goes_on_with_a_keyframe() {
    let mut course = Course::new(901);
    (0..30).for_each(|_| course.step(0.0));
    course.set_paused(true);
    let before = course.sent.len();
    (0..60).for_each(|_| course.step(0.0));
    assert_eq!(course.sent.len(), before);
    course.allow(upto(0, Layer::ALL));
    course.set_paused(false);
    (0..30).for_each(|_| course.step(0.0));
    assert!(course.sent.len() > before + 15);
    assert!(course.sent.values().nth(before).unwrap().begins_keyframe);
    course.check(false);
}

#[test]
fn a_narrow_line_is_sent_a_smaller_layer_and_fewer_frames_before_its_video_is_paused() {
    for seed in [900, 904] {
        let mut course = Course::new(seed);
        (0..60).for_each(|_| course.step(0.0));
        // The encodings have 21, 42 and 84 kbit/s, a quarter of it in the base layer and half in two of three.
        for (kilobits, spatial, frames) in [
            (60, Some(1), 60),
            (30, Some(0), 60),
            (14, Some(0), 30),
            (8, Some(0), 15),
            (4, None, 0),
            (8, Some(0), 15),
            (30, Some(0), 60),
            (200, Some(2), 60),
        ] {
            let (now, ben) = (course.now, course.ben);
            course.router.set_bandwidth(now, ben, Some(kilobits * 1_000));
            (0..400).for_each(|_| course.step(0.0));
            assert_eq!(course.selected().0, spatial, "{kilobits} kbit/s");
            let before = course.sent.len();
            (0..60).for_each(|_| course.step(0.0));
            let pictures = course
                .sent
                .values()
                .skip(before)
                .filter(|sent| sent.begins_frame)
                .count();
            assert_eq!(pictures, frames, "{kilobits} kbit/s");
        }
        let (first, last) = (*course.sent.keys().next().unwrap(), *course.sent.keys().last().unwrap());
        assert_eq!(last - first + 1, course.sent.len() as u64, "a gap");
    }
}
