//! Who comes sees at once: a video begins with what was kept since its last keyframe.

use std::time::{Duration, Instant, SystemTime};

use str0m::media::MediaKind::{self, Audio, Video};

use crate::support::{Link, World};
use sfu::Source;

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

/// Ana and Ben in a meeting, each of whom sees the other, in steps of a millisecond.
fn meeting(seed: u64) -> (World, usize) {
    let mut world = World::new(seed);
    world.step = MS;
    let ana = world.join_with_slots("ana", 4, 4);
    world.join_with_slots("ben", 4, 4);
    world.run(3 * SECOND);
    (world, ana)
}

/// Somebody who only watches comes. Gives the client, once it is connected.
fn comes(world: &mut World, name: &str) -> usize {
    let late = world.join_with_slots(name, 4, 4);
    world.clients[late].sends = false;
    world.clients[late].keeps_arrivals = true;
    late
}

/// How long a client has waited for a picture since it was connected.
fn wait(world: &mut World, client: usize, ana: usize) -> Duration {
    world.run_until(SECOND, "a connection", |world| world.clients[client].connected);
    world.run_until(SECOND, "a picture", |world| {
        world.clients[client].got_from(Video, ana) > 0
    })
}

/// What a client got of videos has no gap, and nothing comes of a video before a keyframe of it.
fn check_whole(world: &World, client: usize) {
    let client = &world.clients[client];
    for got in client.got.values().filter(|got| !got.pictures.is_empty()) {
        assert_eq!(got.entered_without_keyframe, 0);
        assert!(got.sequences.windows(2).all(|pair| pair[1] == pair[0] + 1));
        let mut steps = got
            .pictures
            .windows(2)
            .map(|pair| pair[1].wrapping_sub(pair[0]) & 0x7fff);
        assert!(steps.all(|step| step == 1), "{:?}", got.pictures);
    }
}

#[test]
fn who_comes_has_a_picture_as_soon_as_the_path_is_up() {
    let (mut world, ana) = meeting(400);
    let before = world.clients[ana].keyframe_requests;
    let late = comes(&mut world, "late");
    // A keyframe that is asked for would take 20 ms of the way, and up to 40 until the next frame.
    let waited = wait(&mut world, late, ana);
    assert!(waited <= 12 * MS, "{waited:?}");
    world.run(2 * SECOND);
    assert!(world.clients[late].got_from(Video, ana) > 90);
    check_whole(&world, late);
    assert_eq!(world.clients[ana].keyframe_requests - before, 1);
}

#[test]
fn several_who_come_in_half_a_second_do_not_wait_for_each_other() {
    let (mut world, ana) = meeting(401);
    let before = world.clients[ana].keyframe_requests;
    for number in 0..4 {
        let late = comes(&mut world, &format!("late{number}"));
        let waited = wait(&mut world, late, ana);
        assert!(waited <= 12 * MS, "{number}: {waited:?}");
    }
    world.run(2 * SECOND);
    (3..6).for_each(|late| check_whole(&world, late));
    let asked = world.clients[ana].keyframe_requests - before;
    assert!((1..=2).contains(&asked), "{asked}");
}

/// Where each sender report puts what was captured at the time zero, in seconds of NTP, by the last packet of its stream.
fn origins(world: &World, client: usize, kind: MediaKind) -> Vec<f64> {
    let rate = if kind == Video { 90_000.0 } else { 48_000.0 };
    let client = &world.clients[client];
    let of_kind = |ssrc: &&u32| client.kind_of(**ssrc) == Some(kind);
    let reports = client.reports.iter().filter(|(ssrc, _)| of_kind(ssrc));
    let origins = reports.flat_map(|(ssrc, reports)| {
        let (timestamp, captured) = *client.captures[ssrc].last().unwrap();
        reports.iter().map(move |(ntp, rtp)| {
            let ticks = f64::from(timestamp.wrapping_sub(*rtp).cast_signed());
            let ntp = ntp.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs_f64();
            ntp + ticks / rate - captured as f64 / 1e6
        })
    });
    origins.collect()
}

#[test]
fn lips_are_in_sync_from_the_first_report_on() {
    for seed in 402..406 {
        let (mut world, ana) = meeting(seed);
        // It takes long to encode a picture.
        world.clients[ana].encoding_time = 150 * MS;
        world.run(3 * SECOND);
        let late = comes(&mut world, "late");
        // The keyframe is as old as that when the path is up.
        let way = MS * world.rng.u32(0..400);
        world.clients[late].cut = true;
        world.run(way);
        world.clients[late].cut = false;
        wait(&mut world, late, ana);
        world.run(3 * SECOND);
        let (heard, seen) = (origins(&world, late, Audio), origins(&world, late, Video));
        assert!(
            heard.len() >= 2 && seen.len() >= 3,
            "{} and {}",
            heard.len(),
            seen.len()
        );
        let all = || heard.iter().chain(&seen);
        let first = all().copied().fold(f64::MAX, f64::min);
        let last = all().copied().fold(f64::MIN, f64::max);
        assert!(last - first < 0.02, "{seed}: {heard:?} and {seen:?}");
    }
}

/// The longest time without a packet of any of these voices, for who comes behind a line of so many bits per second, when
/// the path is up so much later than it could be.
fn silence(seed: u64, rate: f64, late: Duration) -> Duration {
    let mut world = World::new(seed);
    world.step = MS;
    for name in ["ana", "ben", "cyn"] {
        world.join_with_slots(name, 4, 4);
    }
    world.run(3 * SECOND);
    let client = comes(&mut world, "late");
    let address = world.clients[client].address;
    world.links.insert(address, Link::new(rate, 100_000));
    world.clients[client].cut = true;
    world.run(late);
    world.clients[client].cut = false;
    world.run_until(2 * SECOND, "a connection", |world| world.clients[client].connected);
    let began = world.now;
    world.run(3 * SECOND);
    let gaps = (0..3).map(|from| {
        let arrivals = world.clients[client].arrivals.iter();
        let of = arrivals.filter(|(_, kind, by)| *kind == Audio && usize::from(*by) == from);
        let times: Vec<Instant> = std::iter::once(began).chain(of.map(|(at, ..)| *at)).collect();
        times.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap()
    });
    gaps.max().unwrap()
}

#[test]
fn what_comes_at_once_leaves_room_for_voices() {
    for rate in [8e5, 16e5] {
        for late in [0, 250, 350] {
            let silence = silence(410, rate, late * MS);
            let most = 120 * MS + Duration::from_secs_f64(24_000.0 * 8.0 / rate);
            assert!(silence < most, "{silence:?} at {rate} bit/s, {late} ms late");
        }
    }
}

#[test]
fn another_tile_begins_at_once() {
    let (mut world, ana) = meeting(411);
    let late = comes(&mut world, "late");
    world.view(late, &[("ben", Source::Camera)]);
    world.run(3 * SECOND);
    let ben = ana + 1;
    assert_eq!(world.clients[late].got_from(Video, ana), 0);
    // Somebody else has just begun to watch.
    comes(&mut world, "other");
    world.run(300 * MS);
    let before = world.clients[ana].keyframe_requests;
    world.view(late, &[("ana", Source::Camera)]);
    let waited = world.run_until(SECOND, "a picture", |world| {
        world.clients[late].got_from(Video, ana) > 0
    });
    // The command and the packets take 10 ms each.
    assert!(waited <= 22 * MS, "{waited:?}");
    world.run(2 * SECOND);
    assert!(world.clients[late].got_from(Video, ben) > 40);
    assert_eq!(world.clients[ana].keyframe_requests, before);
    check_whole(&world, late);
}
