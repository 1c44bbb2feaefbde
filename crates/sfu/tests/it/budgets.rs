//! What comes in beyond a rate is dropped, is said once, and costs nobody else anything.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use sfu::{Body, Command, Recipient, Scope, Shard, Source, Transport};
use str0m::media::MediaKind::{Audio, Video};

use crate::support::mail::sent;
use crate::support::{ROOM, World, config, shard};

const SECOND: Duration = Duration::from_secs(1);

/// A plain STUN binding request.
fn request() -> Vec<u8> {
    let mut packet = vec![0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42];
    packet.extend([9; 12]);
    packet
}

/// How many of some requests are answered.
fn answered(shard: &mut Shard, now: Instant, sources: impl Iterator<Item = SocketAddr>) -> u64 {
    let before = shard.stats().stun_answered;
    for source in sources {
        shard.receive(now, Transport::Udp, source, &request());
    }
    sent(shard, now);
    shard.stats().stun_answered - before
}

#[test]
fn stun_answers_to_one_network_are_bounded() {
    let now = Instant::now();
    let mut shard = shard(now);
    let ports = (1..=5_000).map(|port| SocketAddr::from(([203, 0, 113, 5], port)));
    assert_eq!(answered(&mut shard, now, ports), 50);
    assert_eq!(shard.stats().stun_limited, 4_950);
    // One of several may share a bucket with another by chance.
    let others = (6..=9).map(|host| SocketAddr::from(([203, 0, 113, host], 1)));
    assert!(answered(&mut shard, now, others) >= 3);
    let host = |host: u16| SocketAddr::from(([0x2001, 0xdb8, 0, host % 2, host, 7, 8, host], 9));
    let of_networks = answered(&mut shard, now, (1..=1_000).map(host));
    assert!((50..=100).contains(&of_networks), "{of_networks}");
    let later = now + SECOND / 2;
    let again = (1..=100).map(|port| SocketAddr::from(([203, 0, 113, 5], port)));
    assert_eq!(answered(&mut shard, later, again), 25);
}

#[test]
fn stun_answers_in_all_are_bounded() {
    let now = Instant::now();
    let mut shard = shard(now);
    let sources = (0..5_000_u16).map(|n| SocketAddr::from(([203, 0, (n >> 8) as u8, n as u8], 40_000)));
    assert_eq!(answered(&mut shard, now, sources), 1_000);
    assert_eq!(shard.stats().stun_limited, 4_000);
}

/// What the hub was told of limits.
fn limits(world: &World) -> Vec<(String, Scope)> {
    let told = world.events.iter().filter_map(|event| match (&event.to, &event.body) {
        (Recipient::Peer(peer), Body::Limited(scope)) => Some((peer.user.to_string(), *scope)),
        _ => None,
    });
    told.collect()
}

/// Three people in a call; Ana's camera sends 560 kbit/s, the others' 360.
fn call(seed: u64, track: u32, peer: u32, room: u32) -> (World, [usize; 3]) {
    let mut config = config();
    config.limits.track_kilobits = track;
    config.limits.peer_kilobits = peer;
    config.limits.room_kilobits = room;
    let mut world = World::with(config, seed);
    let clients = ["ana", "ben", "cyn"].map(|name| world.join(name));
    world.clients[clients[0]].video_bytes = 1_400;
    world.run(3 * SECOND);
    world.clients.iter_mut().for_each(crate::support::Client::forget_got);
    (world, clients)
}

#[test]
fn a_track_over_its_rate_harms_no_other() {
    let (mut world, [a, b, c]) = call(300, 400, 80_000, 1_000_000);
    world.run(4 * SECOND);
    let seen = |from| world.clients[b].got_from(Video, from);
    assert!((100..=150).contains(&seen(a)), "{} of 200 packets", seen(a));
    assert!(seen(c) > 190, "{}", seen(c));
    assert!(world.clients[b].got_from(Audio, a) > 190);
    assert_eq!(limits(&world), [("ana".into(), Scope::Track(Source::Camera))]);
    assert!(world.shard.stats().media_limited > 50);
    // Within its rate for long, and over it again.
    world.clients[a].video_bytes = 500;
    world.run(11 * SECOND);
    world.clients[a].video_bytes = 1_400;
    world.run(6 * SECOND);
    assert_eq!(limits(&world).len(), 2);
}

#[test]
fn a_peer_over_its_rate_harms_no_other() {
    let (mut world, [a, b, c]) = call(301, 40_000, 500, 1_000_000);
    world.run(4 * SECOND);
    let seen = |from| world.clients[b].got_from(Video, from);
    assert!(seen(a) < 190 && seen(c) > 190, "{} and {}", seen(a), seen(c));
    assert_eq!(limits(&world), [("ana".into(), Scope::Peer)]);
    // What is dropped is none of anybody's business: nobody is closed.
    assert_eq!(world.shard.stats().peers, 3);
}

#[test]
fn a_room_is_held_to_its_rate() {
    let (mut world, [_, b, _]) = call(302, 40_000, 80_000, 600);
    world.run(4 * SECOND);
    assert!(limits(&world).iter().any(|(_, scope)| *scope == Scope::Room));
    let seen: usize = world.clients[b].got.values().flat_map(|got| got.from.values()).sum();
    assert!(seen > 200, "{seen}");
    assert!(world.shard.stats().media_limited > 100);
}

#[test]
fn a_room_is_held_to_the_rate_that_the_hub_says() {
    let (mut world, [_, b, _]) = call(304, 40_000, 80_000, 1_000_000);
    let limit = |room: &str, kilobits| Command::Limit {
        room: room.into(),
        kilobits,
    };
    world.command(limit("another", 1));
    world.run(4 * SECOND);
    assert_eq!((limits(&world), world.shard.stats().media_limited), (vec![], 0));
    let before: usize = world.clients[b].got.values().flat_map(|got| got.from.values()).sum();
    world.clients[b].forget_got();
    for _ in 0..40 {
        world.command(limit(ROOM, 600)); // as hubs do: said again, it is no fresh start
        world.run(SECOND / 10);
    }
    assert!(limits(&world).iter().any(|(_, scope)| *scope == Scope::Room));
    let seen: usize = world.clients[b].got.values().flat_map(|got| got.from.values()).sum();
    assert!(seen > 100 && seen < before * 3 / 4, "{seen} of {before}");
    world.command(limit(ROOM, u32::MAX)); // the shard's own limit holds
    world.clients[b].forget_got();
    world.run(4 * SECOND);
    let after: usize = world.clients[b].got.values().flat_map(|got| got.from.values()).sum();
    assert!(after > before * 9 / 10, "{after} of {before}");
}

/// What was told of a room, in kilobits a second.
fn inflows(world: &World) -> Vec<u32> {
    let told = world.events.iter().filter_map(|event| match (&event.to, &event.body) {
        (Recipient::Room(room), Body::Inflow(kilobits)) if *room == *ROOM => Some(*kilobits),
        _ => None,
    });
    told.collect()
}

#[test]
fn the_hub_is_told_each_second_what_comes_into_a_room_that_it_limits_dropped_or_not() {
    let (mut world, _) = call(305, 40_000, 80_000, 1_000_000);
    world.run(2 * SECOND);
    assert_eq!(inflows(&world), [0; 0]);
    let limit = |kilobits| Command::Limit {
        room: ROOM.into(),
        kilobits,
    };
    world.command(limit(100_000));
    world.run(11 * SECOND / 2);
    let unhindered = inflows(&world);
    assert_eq!(unhindered.len(), 5);
    // 560 and twice 360 kbit/s of video, and some audio.
    assert!(
        unhindered.iter().all(|kilobits| (1_200..1_600).contains(kilobits)),
        "{unhindered:?}"
    );
    world.command(limit(300));
    world.run(4 * SECOND);
    let all = inflows(&world);
    assert_eq!(all.len(), 9);
    let least = unhindered.iter().min().unwrap() * 9 / 10;
    assert!(all[6..].iter().all(|kilobits| *kilobits >= least), "{all:?}");
    world.command(Command::End { room: ROOM.into() });
    world.run(3 * SECOND);
    assert_eq!(inflows(&world).len(), 9);
}

#[test]
fn people_hear_each_other_where_their_videos_are_too_much() {
    let (mut world, [a, b, c]) = call(306, 40_000, 80_000, 700);
    world.run(4 * SECOND);
    assert!(world.shard.stats().media_limited > 100);
    let got = |kind| [a, c].map(|from| world.clients[b].got_from(kind, from));
    assert!(got(Audio).iter().all(|seen| *seen > 195), "{:?}", got(Audio));
    assert!(got(Video).iter().sum::<usize>() < 300, "{:?}", got(Video));
}

#[test]
fn ordinary_media_is_far_from_the_limits() {
    let mut world = World::new(303);
    let (a, b) = (world.join("ana"), world.join("ben"));
    world.run(2 * SECOND);
    world.clients[b].forget_got();
    world.clients[a].video_bytes = 1_200;
    world.run(2 * SECOND);
    assert_eq!((limits(&world), world.shard.stats().media_limited), (vec![], 0));
    assert!(world.clients[b].got_from(Video, a) > 90);
}
