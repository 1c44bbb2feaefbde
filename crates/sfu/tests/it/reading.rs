//! What happens while an SDP is being read on another thread.

use std::time::{Duration, Instant};

use sfu::{Body, CloseReason, Command, Event, Outcome, RefusalCode, Source, TransportState};
use str0m::media::MediaKind::{Audio, Video};

use crate::support::{ROOM, World, peer_id, plain_offer, unhurried, unhurried_config};

const SECOND: Duration = Duration::from_secs(1);
/// How long reading takes here: many turns of whatever else goes on.
const READING: Duration = Duration::from_millis(70);

/// A world in which reading takes long.
fn slow(seed: u64) -> World {
    let mut world = World::with(unhurried_config(), seed);
    world.reading_time = READING;
    world
}

/// What a client was told, by the names of things.
fn told(world: &World, client: usize) -> Vec<&'static str> {
    let name = |event: &Event| match &event.body {
        Body::Answer { .. } => Some("answer"),
        Body::Offer { .. } => Some("offer"),
        Body::Refused { code, .. } => Some(code.as_str()),
        Body::TransportState(TransportState::Closed(reason)) => Some(reason.as_str()),
        _ => None,
    };
    let peer = world.clients[client].id();
    let to_it = |event: &&Event| event.to == sfu::Recipient::Peer(peer.clone());
    world.events.iter().filter(to_it).filter_map(name).collect()
}

fn is_empty(world: &World) -> bool {
    let stats = world.shard.stats();
    (stats.peers, stats.rooms, stats.tracks, stats.faults) == (0, 0, 0, 0)
}

#[test]
fn people_who_join_at_once_see_and_hear_each_other() {
    let mut world = slow(400);
    let plain: Vec<usize> = ["ana", "ben", "cyn"].map(|name| world.join(name)).into();
    let slots = world.join_with_slots("dan", 3, 3);
    world.run_until(10 * SECOND, "media of all for all", |world| {
        let all = plain.iter().chain([&slots]);
        let pairs = all.clone().flat_map(|to| all.clone().map(move |from| (*to, *from)));
        pairs.filter(|(to, from)| to != from).all(|(to, from)| {
            let client = &world.clients[to];
            client.got_from(Audio, from) > 10 && client.got_from(Video, from) > 10
        })
    });
    assert_eq!((world.refusals(), world.shard.stats().faults), (vec![], 0));
}

#[test]
fn media_goes_on_while_an_offer_is_read() {
    let mut world = slow(401);
    let (a, b) = (world.join("ana"), world.join("ben"));
    world.run(3 * SECOND);
    world.reading_time = 2 * SECOND;
    world.clients[b].forget_got();
    world.clients[a].add_track(Video);
    world.offer(a);
    world.run(SECOND);
    assert!(world.clients[b].got_from(Audio, a) > 40 && world.clients[b].got_from(Video, a) > 40);
    let tracks = world.shard.stats().tracks;
    world.run(2 * SECOND);
    assert_eq!(world.shard.stats().tracks, tracks + 1);
}

#[test]
fn offers_are_answered_in_the_order_in_which_they_came() {
    let mut world = slow(402);
    let a = world.add("ana", false);
    world.clients[a].add_track(Audio);
    let first = world.clients[a].offer();
    world.offer_sdp(a, "v=1");
    world.offer_sdp(a, first.clone());
    world.offer_sdp(a, first.replace("a=mid:", "a=mid:other"));
    world.offer_sdp(a, first);
    world.run(SECOND);
    assert_eq!(told(&world, a), ["invalid_sdp", "answer", "invalid_sdp", "answer"]);
    assert_eq!(world.shard.stats().peers, 1);
}

#[test]
fn what_is_said_while_an_offer_is_read_holds() {
    let mut world = slow(403);
    let b = world.join("ben");
    world.run(SECOND);
    let a = world.join("ana");
    world.state(a, Some(true), None);
    world.block(a, &[Source::Camera]);
    let transport = world.clients[a].transport.as_str().into();
    let candidate = String::new();
    world.command(Command::Candidate { transport, candidate });
    world.run(4 * SECOND);
    assert!(world.refused.is_empty() && world.clients[a].connected);
    assert_eq!(
        world.clients[b].got_from(Audio, a) + world.clients[b].got_from(Video, a),
        0
    );
    world.state(a, Some(false), None);
    world.run(SECOND);
    assert!(world.clients[b].got_from(Audio, a) > 20);
}

#[test]
fn who_is_removed_while_their_offer_is_read_is_gone_at_once() {
    for ends_room in [false, true] {
        let mut world = slow(404);
        let a = world.join("ana");
        let transport = world.clients[a].transport.as_str().into();
        world.command(match ends_room {
            true => Command::End { room: ROOM.into() },
            false => Command::Close { transport },
        });
        world.run(READING / 2);
        assert!(is_empty(&world));
        world.run(SECOND);
        assert_eq!(told(&world, a), [CloseReason::Command.as_str()], "and no answer");
        assert!(is_empty(&world));
        // The name may be used again.
        let again = world.clients[a].own_offer.clone();
        world.offer_sdp(a, again);
        world.run(SECOND);
        assert_eq!(told(&world, a), ["command", "answer"]);
    }
}

#[test]
fn who_comes_back_under_the_same_name_is_not_answered_for_an_offer_of_before() {
    let mut world = slow(405);
    let a = world.join("ana");
    world.run(READING / 2);
    let transport = world.clients[a].transport.as_str().into();
    world.command(Command::Close { transport });
    let again = world.clients[a].own_offer.clone();
    world.offer_sdp(a, again);
    world.run(SECOND);
    assert_eq!(told(&world, a), ["command", "answer"]);
    assert_eq!(world.shard.stats().peers, 1);
}

#[test]
fn an_offer_that_is_refused_opens_nothing() {
    let mut world = slow(406);
    let a = world.add("ana", false);
    world.offer_sdp(a, "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n");
    world.run(SECOND);
    assert_eq!(told(&world, a), ["invalid_sdp"]);
    assert!(is_empty(&world));
}

#[test]
fn a_page_that_is_loaded_again_has_its_offer_read_once() {
    let mut world = slow(407);
    let (a, b) = (world.join("ana"), world.join("ben"));
    world.run(3 * SECOND);
    let mut page = crate::support::Client::new(7, "ana", false, world.now);
    page.add_track(Audio);
    let sdp = page.offer();
    let transport = peer_id(&world.clients[a].transport.clone(), "ana");
    let outcome = world.shard.command(world.now, plain_offer(transport, sdp));
    assert_eq!(outcome, Ok(Outcome::Reading));
    let read = world.shard.poll_reading().unwrap().run();
    assert!(world.shard.poll_reading().is_none());
    let outcome = world.shard.finish_reading(world.now, read);
    assert!(matches!(outcome, Ok(Outcome::Answer { .. })), "{outcome:?}");
    assert!(world.shard.poll_reading().is_none());
    assert_eq!((world.shard.stats().peers, world.shard.stats().faults), (2, 0));
    assert!(!told(&world, b).contains(&"fault"));
}

#[test]
fn what_cannot_be_read_or_waits_too_long_in_line_is_refused() {
    let now = Instant::now();
    let mut shard = unhurried(now);
    let offer = || plain_offer(peer_id("sfu_1", "ana"), "v=0");
    assert_eq!(shard.command(now, offer()), Ok(Outcome::Reading));
    let reading = shard.poll_reading().unwrap();
    for _ in 0..8 {
        assert_eq!(shard.command(now, offer()), Ok(Outcome::Reading));
    }
    let codes = |outcome: Result<Outcome, sfu::Refusal>| outcome.unwrap_err().code;
    assert_eq!(codes(shard.command(now, offer())), RefusalCode::Overloaded);
    assert!(shard.poll_reading().is_none(), "one at a time");
    assert_eq!(
        codes(shard.finish_reading(now, reading.give_up())),
        RefusalCode::Overloaded
    );
    for _ in 0..8 {
        let reading = shard.poll_reading().unwrap();
        assert_eq!(codes(shard.finish_reading(now, reading.run())), RefusalCode::InvalidSdp);
    }
    assert!(shard.poll_reading().is_none());
    assert_eq!((shard.stats().peers, shard.stats().rooms), (0, 0));
}

#[test]
fn what_waits_to_be_read_is_bounded_in_bytes() {
    let now = Instant::now();
    let mut shard = unhurried(now);
    let long = || plain_offer(peer_id("sfu_1", "ana"), "x".repeat(100_000));
    assert_eq!(shard.command(now, long()), Ok(Outcome::Reading));
    let _reading = shard.poll_reading().unwrap();
    for _ in 0..2 {
        assert_eq!(shard.command(now, long()), Ok(Outcome::Reading));
    }
    let refused = shard.command(now, long()).unwrap_err();
    assert_eq!(refused.code, RefusalCode::Overloaded);
}

#[test]
fn offers_that_cross_the_servers_while_they_are_read_end_well() {
    let mut world = slow(408);
    let (a, b) = (world.join("ana"), world.join("ben"));
    world.run(3 * SECOND);
    for round in 0..6 {
        world.clients[a].add_track(if round % 2 == 0 { Video } else { Audio });
        world.offer(a);
        world.run(Duration::from_millis(10 * round));
        world.clients[b].add_track(Video);
        world.offer(b);
        world.run(3 * SECOND);
    }
    world.clients[b].forget_got();
    world.clients[a].forget_got();
    world.run(SECOND);
    assert!(world.clients[b].got_from(Video, a) > 90 && world.clients[a].got_from(Video, b) > 90);
    assert_eq!(world.shard.stats().faults, 0);
}

#[test]
fn wrong_answers_that_wait_are_counted_before_they_are_read() {
    let (mut world, a) = World::awaiting_an_answer(409);
    let wrong = world.answer_by(a, "v=0\r\n");
    for _ in 0..9 {
        assert_eq!(world.shard.command(world.now, wrong.clone()), Ok(Outcome::Reading));
    }
    let mut read = 0;
    while let Some(reading) = world.shard.poll_reading() {
        read += 1;
        let refusal = world.shard.finish_reading(world.now, reading.run()).unwrap_err();
        assert_eq!(refusal.code, RefusalCode::InvalidSdp);
    }
    assert!((3..=4).contains(&read), "{read}");
    world.run(SECOND / 10);
    let refused = told(&world, a).into_iter().filter(|told| *told == "overloaded");
    assert_eq!(
        refused.count(),
        8 - read,
        "each is told but the last, which waits for its time"
    );
    assert!(world.shard.poll_reading().is_none());
}
