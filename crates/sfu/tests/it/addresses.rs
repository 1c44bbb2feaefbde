//! Which of a client's addresses media goes to, and who may say so.

use std::net::SocketAddr;
use std::time::Duration;

use sfu::{CloseReason, Transport, TransportState};
use str0m::media::MediaKind::{Audio, Video};

use crate::support::World;

const SECOND: Duration = Duration::from_secs(1);

fn victim() -> SocketAddr {
    "203.0.113.5:40000".parse().unwrap()
}

/// A room of two in a call.
fn call(seed: u64) -> (World, usize, usize) {
    let mut world = World::new(seed);
    let (a, b) = (world.join("ana"), world.join("ben"));
    world.run_until(5 * SECOND, "media", |world| {
        world.clients[a].got_from(Video, b) > 0 && world.clients[b].got_from(Video, a) > 0
    });
    (world, a, b)
}

/// What a client is sent in some time.
fn received(world: &mut World, client: usize, from: usize, time: Duration) -> usize {
    world.clients[client].forget_got();
    world.run(time);
    world.clients[client].got_from(Audio, from)
}

#[test]
fn a_nomination_moves_no_stream_to_an_address_that_does_not_answer() {
    let (mut world, a, b) = call(80);
    for _ in 0..50 {
        let forged = world.clients[b].request(true);
        world.shard.receive(world.now, Transport::Udp, victim(), &forged);
        assert!(received(&mut world, b, a, SECOND / 10) > 3, "media goes on");
    }
    let (stun, others) = world.sent_to[&victim()];
    assert_eq!(others, 0, "the victim was sent media");
    // Each request is answered, and at most four checks a second are sent.
    assert!(stun <= 50 + 4 * 6, "{stun}");
}

#[test]
fn nothing_but_stun_is_sent_before_an_address_is_verified() {
    let mut world = World::new(81);
    world.join("ana");
    world.run(2 * SECOND);
    let b = world.join("ben");
    // Ben's stack never answers checks, or somebody sends in another's name.
    world.clients[b].stun = &[0];
    world.run(10 * SECOND);
    let (stun, others) = world.sent_to[&world.clients[b].address];
    assert!(stun > 0 && others == 0, "{stun} {others}");
    assert_eq!(world.states_of(b), []);
}

#[test]
fn dtls_does_not_wait_for_a_nomination() {
    let mut world = World::new(87);
    let a = world.join("ana");
    let b = world.add("ben", false);
    world.clients[b].nominates = false;
    world.clients[b].add_track(Video);
    world.offer(b);
    world.run_until(SECOND, "media", |world| {
        world.clients[b].got_from(Video, a) > 0 && world.clients[a].got_from(Video, b) > 0
    });
}

#[test]
fn a_check_that_was_lost_is_sent_again_when_the_client_asks_again() {
    let mut world = World::new(88);
    let ana = world.add("ana", false);
    world.clients[ana].stun = &[];
    world.clients[ana].add_track(Audio);
    world.offer(ana);
    world.run(SECOND / 10);
    for requests in 1..6 {
        let request = world.clients[ana].request(false);
        world.shard.receive(world.now, Transport::Udp, victim(), &request);
        world.run(SECOND / 20);
        assert_eq!(
            world.sent_to[&victim()],
            (2 * requests, 0),
            "an answer and a check each"
        );
    }
}

#[test]
fn a_replayed_request_does_nothing() {
    let (mut world, a, b) = call(82);
    let seen = world.clients[b].last_check.clone();
    let before = world.shard.stats().packets_unknown;
    world.shard.receive(world.now, Transport::Udp, victim(), &seen);
    // As if from the address of another client, whose media it must not take.
    let of_other = world.clients[a].address;
    world.shard.receive(world.now, Transport::Udp, of_other, &seen);
    assert_eq!(world.shard.stats().packets_unknown, before + 2);
    assert!(received(&mut world, a, b, SECOND) > 40 && received(&mut world, b, a, SECOND) > 40);
    assert!(!world.sent_to.contains_key(&victim()));
}

/// Has a client make so many checks, and then somebody send its first one again.
fn replay_after(seed: u64, checks: usize) {
    let (mut world, a, b) = call(seed);
    world.clients[b].stun = &[1];
    let (first, address) = (world.clients[b].request(true), world.clients[b].address);
    world.shard.receive(world.now, Transport::Udp, address, &first);
    for _ in 0..checks {
        let check = world.clients[b].request(true);
        world.shard.receive(world.now, Transport::Udp, address, &check);
        world.run(SECOND / 50);
    }
    let before = world.shard.stats().packets_unknown;
    let of_other = world.clients[a].address;
    for spoofed in [victim(), of_other] {
        world.shard.receive(world.now, Transport::Udp, spoofed, &first);
    }
    assert!(received(&mut world, a, b, SECOND) > 40 && received(&mut world, b, a, SECOND) > 40);
    assert_eq!(world.shard.stats().packets_unknown, before + 2);
    assert!(!world.sent_to.contains_key(&victim()), "neither an answer nor a check");
    // The client itself may send it again (RFC 8489 section 6.2.1).
    world.shard.receive(world.now, Transport::Udp, address, &first);
    assert_eq!(world.shard.stats().packets_unknown, before + 2);
}

#[test]
fn a_request_that_is_replayed_after_many_others_does_nothing() {
    replay_after(504, 200);
}

#[test]
fn a_request_that_is_replayed_after_an_hour_does_nothing() {
    replay_after(505, 3_600 * 10 / 25);
}

#[test]
fn a_request_from_the_address_of_another_client_does_not_take_it() {
    let (mut world, a, b) = call(83);
    let of_other = world.clients[a].address;
    for _ in 0..5 {
        let forged = world.clients[b].request(true);
        world.shard.receive(world.now, Transport::Udp, of_other, &forged);
        world.run(SECOND / 5);
    }
    assert!(received(&mut world, a, b, SECOND) > 40 && received(&mut world, b, a, SECOND) > 40);
}

#[test]
fn a_client_that_moves_is_followed_without_a_nomination() {
    let (mut world, a, b) = call(84);
    world.clients[b].stun = &[1];
    world.clients[b].roam(SocketAddr::from(([10, 9, 9, 9], 6000)));
    world.clients[b].forget_got();
    for _ in 0..25 {
        let check = world.clients[b].request(false);
        let address = world.clients[b].address;
        world.shard.receive(world.now, Transport::Udp, address, &check);
        world.run(SECOND / 5);
    }
    assert!(world.clients[b].got_from(Video, a) > 20);
    assert!(received(&mut world, a, b, SECOND) > 40);
}

#[test]
fn an_address_that_is_not_nominated_is_not_used_while_the_other_one_lives() {
    let (mut world, a, b) = call(85);
    let second: SocketAddr = "10.9.9.9:6000".parse().unwrap();
    for _ in 0..25 {
        let check = world.clients[b].request(false);
        world.shard.receive(world.now, Transport::Udp, second, &check);
        world.run(SECOND / 5);
    }
    assert_eq!(world.sent_to[&second].1, 0);
    assert!(received(&mut world, b, a, SECOND) > 40);
}

#[test]
fn a_client_that_sends_media_but_no_stun_is_alive() {
    let (mut world, a, b) = call(86);
    world.clients[b].stun = &[];
    world.run(60 * SECOND);
    assert_eq!(world.states_of(b), [TransportState::Connected]);
    assert!(received(&mut world, a, b, SECOND) > 40 && received(&mut world, b, a, SECOND) > 40);
}

#[test]
fn a_client_that_only_answers_checks_is_alive() {
    let (mut world, a, b) = call(87);
    world.clients[b].stun = &[1];
    world.clients[b].sends = false;
    world.run(60 * SECOND);
    assert_eq!(world.states_of(b), [TransportState::Connected]);
    assert!(received(&mut world, b, a, SECOND) > 40);
}

#[test]
fn a_request_that_is_replayed_from_the_clients_own_address_keeps_nobody_alive() {
    let (mut world, _, b) = call(88);
    let (seen, address) = (world.clients[b].last_check.clone(), world.clients[b].address);
    world.clients[b].cut = true;
    for _ in 0..10 {
        world.run(4 * SECOND);
        world.shard.receive(world.now, Transport::Udp, address, &seen);
    }
    let closed = TransportState::Closed(CloseReason::IceTimeout);
    assert_eq!(
        world.states_of(b),
        [TransportState::Connected, TransportState::Disconnected, closed]
    );
}

#[test]
fn a_client_that_moves_is_followed_whatever_is_sent_from_its_old_address() {
    let (mut world, a, b) = call(89);
    let (old, seen) = (world.clients[b].address, world.clients[b].last_check.clone());
    world.clients[b].stun = &[1];
    world.clients[b].roam(SocketAddr::from(([10, 9, 9, 9], 6000)));
    world.clients[b].forget_got();
    let rtp = [[0x80, 111].as_slice(), &[0; 10]].concat();
    let rtcp = [[0x80, 201, 0, 2].as_slice(), &[0; 8]].concat();
    for turn in 0..50 {
        if turn % 5 == 0 {
            for spoofed in [&rtp, &rtcp, &vec![22; 20], &seen] {
                world.shard.receive(world.now, Transport::Udp, old, spoofed);
            }
        }
        let check = world.clients[b].request(false);
        let address = world.clients[b].address;
        world.shard.receive(world.now, Transport::Udp, address, &check);
        world.run(SECOND / 5);
    }
    assert!(world.clients[b].got_from(Video, a) > 20);
}

#[test]
fn a_client_that_is_sent_nothing_stays_at_its_address_while_it_answers_there() {
    let (mut world, a, b) = call(500);
    (world.clients[a].sends, world.clients[b].sends) = (false, false);
    world.run(5 * SECOND);
    let second: SocketAddr = "10.9.9.9:6000".parse().unwrap();
    for _ in 0..100 {
        let check = world.clients[b].request(false);
        world.shard.receive(world.now, Transport::Udp, second, &check);
        world.run(SECOND / 5);
    }
    world.clients[a].sends = true;
    assert!(received(&mut world, b, a, SECOND) > 40);
    assert_eq!(world.sent_to[&second].1, 0);
}

#[test]
fn addresses_that_answer_nothing_displace_none_that_did() {
    let (mut world, a, b) = call(501);
    world.clients[b].stun = &[1];
    for port in 1..=20 {
        let forged = world.clients[b].request(false);
        let source = SocketAddr::from(([203, 0, 113, 5], port));
        world.shard.receive(world.now, Transport::Udp, source, &forged);
    }
    assert!(received(&mut world, a, b, SECOND) > 40);
}

#[test]
fn requests_that_somebody_holds_back_and_sends_from_elsewhere_keep_no_new_address_out() {
    let (mut world, a, b) = call(502);
    world.clients[b].stun = &[1];
    let victims = || (1..=100).map(|n| SocketAddr::from(([203, 0, 113, n], 40_000)));
    for victim in victims() {
        let held_back = world.clients[b].request(true);
        world.shard.receive(world.now, Transport::Udp, victim, &held_back);
    }
    world.clients[b].roam(SocketAddr::from(([10, 9, 9, 9], 6000)));
    world.clients[b].forget_got();
    for _ in 0..50 {
        let check = world.clients[b].request(false);
        let address = world.clients[b].address;
        world.shard.receive(world.now, Transport::Udp, address, &check);
        world.run(SECOND / 5);
    }
    assert!(world.clients[b].got_from(Video, a) > 20);
    for victim in victims() {
        let (stun, others) = world.sent_to[&victim];
        assert!(
            stun <= 5 && others == 0,
            "an answer and four checks at most: {stun} {others}"
        );
    }
}

#[test]
fn requests_from_many_addresses_lead_to_few_checks() {
    let (mut world, a, b) = call(503);
    let victims = || (0..2_000_u32).map(|n| SocketAddr::from(([203, 0, (n / 250) as u8, (n % 250) as u8], 40_000)));
    for victim in victims() {
        let forged = world.clients[b].request(true);
        world.shard.receive(world.now, Transport::Udp, victim, &forged);
    }
    assert!(received(&mut world, b, a, 5 * SECOND) > 200);
    let checks: usize = victims().map(|victim| world.sent_to[&victim].0 - 1).sum();
    assert!(checks <= 100 + 16 * 3, "{checks}");
}
