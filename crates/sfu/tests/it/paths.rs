//! The media path: lost, moved, restarted, over TCP.

use std::net::SocketAddr;
use std::time::Duration;

use sfu::{CloseReason, Transport, TransportState};
use str0m::media::MediaKind::{Audio, Video};

use crate::support::World;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn an_ice_restart_brings_media_back_within_two_seconds() {
    let mut world = World::new(40);
    let a = world.join("ana");
    let b = world.join("ben");
    world.run(3 * SECOND);
    world.clients[b].cut = true;
    world.run(20 * SECOND);
    assert_eq!(world.states_of(b).last(), Some(&TransportState::Disconnected));
    world.clients[b].cut = false;
    world.clients[b].address = SocketAddr::from(([10, 9, 9, 9], 6000));
    world.clients[b].restart_ice();
    for client in &mut world.clients {
        client.forget_got();
    }
    world.offer(b);
    let time = world.run_until(2 * SECOND, "media both ways", |world| {
        world.clients[a].got_from(Video, b) > 0 && world.clients[b].got_from(Video, a) > 0
    });
    println!("back after {time:?}");
    assert_eq!(world.states_of(b).last(), Some(&TransportState::Connected));
}

#[test]
fn an_unneeded_ice_restart_does_not_stop_media() {
    let mut world = World::new(41);
    let a = world.join("ana");
    let b = world.join("ben");
    world.run(3 * SECOND);
    world.clients[b].restart_ice();
    world.offer(b);
    for _ in 0..20 {
        world.clients[b].forget_got();
        world.run(SECOND / 5);
        assert!(world.clients[b].got_from(Audio, a) >= 5);
    }
    assert_eq!(world.states_of(b), [TransportState::Connected]);
}

#[test]
fn a_silent_peer_is_closed() {
    let mut world = World::new(42);
    let a = world.join("ana");
    let b = world.join("ben");
    world.run(3 * SECOND);
    world.clients[b].cut = true;
    // The 30 s begin with its last packet.
    world.run(24 * SECOND);
    assert!(
        !world
            .states_of(b)
            .contains(&TransportState::Closed(CloseReason::IceTimeout))
    );
    world.run(10 * SECOND);
    assert_eq!(
        world.states_of(b).last(),
        Some(&TransportState::Closed(CloseReason::IceTimeout))
    );
    assert_eq!(world.shard.stats().peers, 1);
    assert_eq!(world.states_of(a), [TransportState::Connected]);
}

#[test]
fn a_peer_that_never_connects_is_closed() {
    let mut world = World::new(43);
    let a = world.add("ana", false);
    world.clients[a].add_track(Audio);
    world.clients[a].cut = true;
    world.offer(a);
    world.run(29 * SECOND);
    assert_eq!(world.states_of(a), []);
    world.run(2 * SECOND);
    assert_eq!(world.states_of(a), [TransportState::Closed(CloseReason::IceTimeout)]);
    let stats = world.shard.stats();
    assert_eq!((stats.peers, stats.rooms), (0, 0));
}

#[test]
fn a_client_that_roams_is_followed() {
    let mut world = World::new(44);
    let a = world.join("ana");
    let b = world.join("ben");
    world.run(3 * SECOND);
    world.clients[b].roam(SocketAddr::from(([10, 9, 9, 9], 6000)));
    world.clients[b].forget_got();
    world.run_until(20 * SECOND, "media at the new address", |world| {
        world.clients[b].got_from(Video, a) > 0
    });
}

#[test]
fn media_goes_over_tcp_too() {
    let mut world = World::new(45);
    let a = world.join("ana");
    let b = world.add("ben", false);
    world.clients[b].protocol = Transport::TcpPassive;
    world.clients[b].add_track(Audio);
    world.clients[b].add_track(Video);
    world.offer(b);
    world.run_until(10 * SECOND, "media both ways", |world| {
        world.clients[a].got_from(Video, b) > 0 && world.clients[b].got_from(Video, a) > 0
    });
}

#[test]
fn silent_clients_seldom_wake_the_shard_and_all_at_once() {
    let mut world = World::new(58);
    for name in (0..20).map(|number| number.to_string()) {
        let client = world.add(&name, true);
        world.clients[client].add_slots(1, 1);
        world.offer(client);
        world.run(Duration::from_millis(40));
    }
    world.run(5 * SECOND);
    let mut wakes = 0;
    let end = world.now + 10 * SECOND;
    while world.now < end {
        wakes += u32::from(
            world
                .shard
                .next_timeout()
                .is_some_and(|at| at <= world.now + world.step),
        );
        world.step();
    }
    assert_eq!(world.shard.stats().peers, 20);
    assert!(wakes <= 40, "{wakes} in ten seconds, of all");
}
