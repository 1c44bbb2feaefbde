//! A subscription begins with what was kept, again and again, under loss and reordering: it is one stream, too.

use std::collections::BTreeMap;

use super::super::beginning::A_SECOND;
use super::course::{Course, Sent, TICKS, upto};

/// A course in which Ana is recorded, so that her video is kept while Ben is not sent it.
fn recorded(seed: u64) -> Course {
    let mut course = Course::new(seed);
    let (now, ana) = (course.now, course.ana);
    course.router.record(now, ana, &"r".into());
    course.view(Some(720));
    course
}

/// Lets Ben be sent the video and not, at random.
fn run(course: &mut Course, steps: usize, loss: f64) {
    for _ in 0..steps {
        if course.rng.usize(..6) == 0 {
            let is_paused = course.rng.bool();
            course.set_paused(is_paused);
        }
        course.step(loss);
    }
}

/// What began is decodable, all of what had come by then, and hardly takes any time.
fn check_beginning(course: &Course, beginning: &[Sent]) {
    let (first, last) = (beginning[0], beginning[beginning.len() - 1]);
    assert!(first.begins_keyframe, "{first:?}");
    assert!(
        beginning.windows(2).all(|pair| pair[1].came == pair[0].came + 1),
        "a hole"
    );
    assert!(
        beginning
            .windows(2)
            .all(|pair| pair[1].sequence == pair[0].sequence + 1)
    );
    assert!(last.timestamp.wrapping_sub(first.timestamp) < 200);
    assert!(beginning.iter().all(|sent| sent.captured == last.captured));
    let next = course.sent.range(last.sequence + 1..).next();
    if let Some((_, next)) = next.filter(|(_, next)| !next.begins_keyframe) {
        // What follows keeps its distance of time.
        let passed = next.captured.saturating_duration_since(last.captured);
        let ticks = next.timestamp.wrapping_sub(last.timestamp);
        let off = f64::from(ticks) / 90.0 - passed.as_secs_f64() * 1_000.0;
        assert!(off.abs() < 1.0, "{off} ms between {last:?} and {next:?}");
    }
}

/// All that was sent is one stream; without loss it has no gap, and pictures go on by one.
fn check_stream(sent: &BTreeMap<u64, Sent>, had_loss: bool) {
    let sent: Vec<&Sent> = sent.values().collect();
    for pair in sent.windows(2) {
        let [before, next] = [pair[0], pair[1]];
        assert!(had_loss || next.sequence == before.sequence + 1, "{pair:?}");
        let ticks = next.timestamp.wrapping_sub(before.timestamp);
        assert!(ticks < 90_000 * 60, "{pair:?} goes back");
        assert!(
            next.begins_keyframe || had_loss || next.came == before.came + 1,
            "{pair:?}"
        );
        let step = next.picture.wrapping_sub(before.picture) & 0x7f;
        let is_same = ticks == 0;
        assert!(had_loss || step == u16::from(!is_same), "{pair:?}");
    }
}

fn beginnings(seed: u64, loss: f64) -> usize {
    let mut course = recorded(seed);
    run(&mut course, 2_000, loss);
    for beginning in &course.caught_up {
        check_beginning(&course, beginning);
    }
    check_stream(&course.sent, loss > 0.0);
    // What was sent lately of it can be sent again, as it was.
    for (sequence, sent) in course.sent.clone().iter().rev().take(100) {
        if let Some(again) = course.again(*sequence) {
            assert_eq!(again, *sent);
        }
    }
    course.caught_up.len()
}

#[test]
fn what_begins_with_what_was_kept_is_one_stream() {
    let all: usize = (500..506).map(|seed| beginnings(seed, 0.0)).sum();
    assert!(all > 100, "{all}");
}

#[test]
fn nothing_with_a_hole_is_begun_with() {
    let all: usize = (510..518).map(|seed| beginnings(seed, 0.03)).sum();
    assert!(all > 50, "{all}");
}

#[test]
fn a_line_that_is_known_to_be_narrow_is_brought_nothing_at_once() {
    let mut course = recorded(520);
    (0..30).for_each(|_| course.step(0.0));
    let (now, ben) = (course.now, course.ben);
    course.router.set_bandwidth(now, ben, Some(10_000_000));
    run(&mut course, 600, 0.0);
    assert!(course.caught_up.is_empty());
    check_stream(&course.sent, false);
}

#[test]
fn no_more_frames_are_begun_with_than_are_sent() {
    // Of three temporal layers.
    let mut course = recorded(504);
    course.allow(upto(2, 0));
    run(&mut course, 1_500, 0.0);
    let longest = course.caught_up.iter().max_by_key(|beginning| beginning.len());
    let mut frames: Vec<u32> = longest.unwrap().iter().map(|sent| sent.timestamp).collect();
    frames.dedup();
    let steps: Vec<u32> = frames.windows(2).map(|pair| pair[1].wrapping_sub(pair[0])).collect();
    // Each fourth frame.
    let expected = 4 * TICKS / 256;
    assert!(
        !steps.is_empty() && steps.iter().all(|step| step.abs_diff(expected) <= 1),
        "{steps:?}"
    );
}

#[test]
fn who_turns_to_and_fro_is_brought_a_bounded_number_of_bytes() {
    let mut course = recorded(530);
    (0..30).for_each(|_| course.step(0.0));
    let begun = course.now;
    for turn in 0..4_000 {
        course.set_paused(turn % 2 == 0);
        if turn % 40 == 0 {
            course.step(0.0);
        }
    }
    let passed = (course.now - begun).as_secs_f64();
    let bytes: usize = course.caught_up.iter().flatten().map(|sent| sent.bytes).sum();
    let most = f64::from(A_SECOND) * (1.0 + passed);
    assert!((most / 2.0..=most).contains(&(bytes as f64)), "{bytes} in {passed} s");
}

#[test]
fn what_was_not_kept_is_not_taken_for_all() {
    // The recording keeps the largest picture, nobody but Ben the smallest.
    let mut course = recorded(540);
    course.view(Some(180));
    run(&mut course, 2_000, 0.0);
    check_stream(&course.sent, false);
}
