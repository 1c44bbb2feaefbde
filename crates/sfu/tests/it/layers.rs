//! Layers of a video that its publisher sends at the same time: each tile gets the one that fills it.

use std::time::Duration;

use str0m::media::MediaKind::{Audio, Video};

use crate::support::tapped::record;
use crate::support::{Link, World};

const SECOND: Duration = Duration::from_secs(1);
/// The SSRCs of the layers, the smallest first. A receiver sees the layer in the byte that names the sender.
const LAYERS: [u32; 3] = [70_001, 70_002, 70_003];

/// A viewer with slots, and Ana who sends three layers.
fn meeting(seed: u64) -> (World, usize, usize) {
    let mut world = World::new(seed);
    let viewer = world.join_with_slots("viewer", 1, 1);
    let ana = world.add("ana", false);
    world.clients[ana].add_track(Audio);
    world.clients[ana].add_track(Video);
    world.clients[ana].offer_layers(&LAYERS);
    world.offer(ana);
    world.run(SECOND);
    world.clients[ana].send_encodings(&LAYERS);
    world.run(3 * SECOND);
    (world, viewer, ana)
}

/// How many packets of each layer the viewer got in a second.
fn got(world: &mut World, viewer: usize, ana: usize) -> [usize; 3] {
    world.clients[viewer].forget_got();
    world.run(SECOND);
    [0, 1, 2].map(|layer| world.clients[viewer].got_from(Video, ana + layer))
}

#[test]
fn an_offer_of_simulcast_is_accepted() {
    let (world, _, ana) = meeting(300);
    let answer = &world.clients[ana].last_answer;
    for line in [
        "a=rid:r70001 recv",
        "a=rid:r70003 recv",
        "a=simulcast:recv r70001;r70002;r70003",
    ] {
        assert_eq!(
            answer.lines().filter(|found| *found == line).count(),
            1,
            "{line} in {answer}"
        );
    }
}

#[test]
fn a_tile_gets_the_layer_that_fills_it() {
    let (mut world, viewer, ana) = meeting(301);
    assert!(
        matches!(got(&mut world, viewer, ana), [0, 0, 45..=60]),
        "the largest by default"
    );
    for (height, layer) in [(180, 0), (720, 2), (360, 1), (90, 0)] {
        world.view_at(viewer, "ana", height);
        world.run(SECOND);
        let got = got(&mut world, viewer, ana);
        assert!(
            got[layer] >= 45 && got.iter().sum::<usize>() == got[layer],
            "{height}: {got:?}"
        );
    }
}

#[test]
fn a_change_of_layer_leaves_no_gap_and_needs_no_other_frame() {
    for loss in [0.0, 0.02] {
        let (mut world, viewer, ana) = meeting(302);
        world.loss = loss;
        for height in [180, 720, 360, 720, 180, 360, 180, 720] {
            world.view_at(viewer, "ana", height);
            world.run(SECOND);
        }
        let got: Vec<_> = world.clients[viewer]
            .got
            .values()
            .filter(|got| !got.pictures.is_empty())
            .collect();
        assert!(
            [0, 1, 2]
                .iter()
                .all(|layer| got[0].from.contains_key(&((ana + layer) as u8)))
        );
        assert!(got[0].entered_without_keyframe == 0 || loss > 0.0);
        let steps = got[0]
            .pictures
            .windows(2)
            .map(|pair| pair[1].wrapping_sub(pair[0]) & 0x7fff);
        assert!(
            steps.clone().all(|step| step == 1 || loss > 0.0),
            "{:?}",
            got[0].pictures
        );
    }
}

#[test]
fn a_layer_that_its_publisher_drops_is_replaced_by_the_next() {
    let (mut world, viewer, ana) = meeting(303);
    world.clients[ana].send_encodings(&LAYERS[..2]);
    world.run(3 * SECOND);
    assert!(matches!(got(&mut world, viewer, ana), [0, 45..=60, 0]));
    world.clients[ana].send_encodings(&LAYERS);
    world.run(3 * SECOND);
    assert!(matches!(got(&mut world, viewer, ana), [0, 0, 45..=60]), "it is back");
}

#[test]
fn the_layers_of_a_crowd_cost_two_keyframes_a_second() {
    let (mut world, _, ana) = meeting(304);
    let crowd: Vec<usize> = (0..6).map(|n| world.join_with_slots(&format!("p{n}"), 1, 1)).collect();
    world.run(2 * SECOND);
    let before = world.clients[ana].keyframe_requests;
    for round in 0..40 {
        for (n, member) in crowd.iter().enumerate() {
            world.view_at(*member, "ana", [180, 360, 720][(round + n) % 3]);
        }
        world.run(SECOND / 10);
    }
    let asked = world.clients[ana].keyframe_requests - before;
    assert!((1..=3 * 2 * 5).contains(&asked), "{asked} requests in four seconds");
}

#[test]
fn a_layer_that_nobody_is_sent_is_stopped_and_starts_again_at_once() {
    let (mut world, viewer, ana) = meeting(305);
    world.clients[ana].is_obedient = true;
    world.view_at(viewer, "ana", 180);
    world.run(7 * SECOND);
    assert_eq!(world.clients[ana].wanted_layers.last(), Some(&vec![LAYERS[0]]));
    assert!(matches!(got(&mut world, viewer, ana), [45..=60, 0, 0]));
    // The command, the event and the picture take their time.
    world.view_at(viewer, "ana", 720);
    world.run_until(SECOND / 5, "the largest layer", |world| {
        world.clients[viewer].got_from(Video, ana + 2) > 0
    });
    assert_eq!(
        world.clients[ana].wanted_layers.last(),
        Some(&vec![LAYERS[0], LAYERS[2]])
    );
    world.run(7 * SECOND);
    assert_eq!(world.clients[ana].wanted_layers.last(), Some(&vec![LAYERS[2]]));
    assert!(matches!(got(&mut world, viewer, ana), [0, 0, 45..=60]));
    // Without viewers nothing is.
    world.leave(viewer);
    world.run(6 * SECOND);
    assert_eq!(world.clients[ana].wanted_layers.last(), Some(&vec![]));
    let late = world.join_with_slots("late", 1, 1);
    world.run_until(SECOND, "a picture for who comes then", |world| {
        world.clients[late].got_from(Video, ana + 2) > 0
    });
}

/// A viewer with one slot, Ben whom it shows, and Ana who sends a camera of one layer, and does as she is told.
fn crowded(seed: u64) -> (World, usize, usize) {
    let mut world = World::new(seed);
    let viewer = world.join_with_slots("viewer", 1, 1);
    world.clients[viewer].sends = false;
    world.join_with_slots("ben", 1, 0);
    let ana = world.join_with_slots("ana", 1, 0);
    world.clients[ana].is_obedient = true;
    world.view_at(viewer, "ben", 360);
    (world, viewer, ana)
}

#[test]
fn a_video_that_nobody_shows_is_stopped_and_starts_again_at_once() {
    let (mut world, viewer, ana) = crowded(308);
    world.run(4 * SECOND);
    assert!(world.clients[ana].wanted_video.is_empty(), "a moment is nothing");
    world.run(3 * SECOND);
    assert_eq!(world.clients[ana].wanted_video, [false]);
    world.arrivals.clear();
    world.run(SECOND);
    let camera = world.clients[ana].ssrc(Video);
    assert!(world.arrivals.iter().all(|(ssrc, _)| *ssrc != camera), "it is not sent");
    world.view_at(viewer, "ana", 360);
    // The command, the event and the picture take their time.
    world.run_until(SECOND / 5, "a picture", |world| {
        world.clients[viewer].got_from(Video, ana) > 0
    });
    assert_eq!(world.clients[ana].wanted_video, [false, true]);
    let got = world.clients[viewer].got.values();
    assert_eq!(got.map(|got| got.entered_without_keyframe).sum::<usize>(), 0);
}

#[test]
fn a_video_that_turns_up_now_and_then_goes_on() {
    let (mut world, viewer, ana) = crowded(309);
    for page in ["ana", "ben", "ana", "ben", "ana", "ben"] {
        world.view_at(viewer, page, 360);
        world.run(4 * SECOND);
    }
    assert!(world.clients[ana].wanted_video.is_empty());
}

#[test]
fn a_recording_is_a_viewer_too() {
    let (mut world, _, ana) = crowded(310);
    world.run(SECOND);
    record(&mut world, ana, Some("r"));
    world.run(8 * SECOND);
    assert!(world.clients[ana].wanted_video.is_empty());
    record(&mut world, ana, None);
    world.run(6 * SECOND);
    assert_eq!(world.clients[ana].wanted_video, [false]);
}

#[test]
fn what_is_muted_is_wanted_as_before_when_it_comes_again() {
    let (mut world, viewer, ana) = crowded(311);
    world.view_at(viewer, "ana", 360);
    world.run(2 * SECOND);
    world.state(ana, None, Some(false));
    world.run(8 * SECOND);
    world.clients[viewer].forget_got();
    world.state(ana, None, Some(true));
    world.run(SECOND);
    assert!(world.clients[ana].wanted_video.is_empty());
    assert!(world.clients[viewer].got_from(Video, ana) > 30);
}

#[test]
fn who_does_not_stop_a_layer_loses_nothing() {
    let (mut world, viewer, ana) = meeting(306);
    world.view_at(viewer, "ana", 360);
    world.run(7 * SECOND);
    assert_eq!(world.clients[ana].wanted_layers.last(), Some(&vec![LAYERS[1]]));
    world.view_at(viewer, "ana", 90);
    world.run(SECOND);
    assert!(matches!(got(&mut world, viewer, ana), [45..=60, 0, 0]));
}

#[test]
fn what_was_missed_of_wanted_layers_is_told_again_after_an_offer() {
    let (mut world, viewer, ana) = meeting(307);
    world.view_at(viewer, "ana", 360);
    world.run(7 * SECOND);
    world.clients[ana].wanted_layers.clear();
    world.clients[ana].restart_ice();
    world.offer(ana);
    world.run(SECOND);
    assert_eq!(world.clients[ana].wanted_layers, [[LAYERS[1]]]);
}

#[test]
fn a_change_of_layer_drops_what_waits_of_the_one_before_and_leaves_no_gap() {
    let (mut world, viewer, ana) = meeting(320);
    world.step = Duration::from_millis(1);
    world.clients[ana].video_bytes = 1_100;
    let address = world.clients[viewer].address;
    // The line has shown a limit, and takes some more than a layer has by now.
    world.links.insert(address, Link::new(4e5, 60_000));
    world.run(3 * SECOND);
    let now = world.now;
    world.links.get_mut(&address).unwrap().set_rate(now, 8e5);
    world.run(10 * SECOND);
    assert_eq!(world.shard.stats().peers_limited, 1);
    world.clients[viewer].forget_got();
    for turn in 0..40 {
        world.view_at(viewer, "ana", [180, 360, 720][turn % 3]);
        world.clients[ana].video_bytes = 200 + 1_000 * (turn % 2);
        world.run(Duration::from_millis(700));
    }
    let mut got = world.clients[viewer].got.values();
    let got = got
        .find(|got| got.from.keys().any(|by| usize::from(*by) > ana))
        .unwrap();
    assert!(got.sequences.len() > 800 && got.from.len() > 1, "{:?}", got.from);
    let mut sequences = got.sequences.clone();
    sequences.sort_unstable();
    let gap = sequences.windows(2).map(|pair| pair[1] - pair[0]).max();
    // The first packet after what was forgotten is in the middle of a stream.
    assert_eq!((gap, got.entered_without_keyframe), (Some(1), 1));
}
