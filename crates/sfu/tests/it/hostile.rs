//! Packets and SDP of attackers.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use sfu::{Shard, Transport};
use str0m::media::MediaKind::{Audio, Video};

use crate::support::{World, config};

const SECOND: Duration = Duration::from_secs(1);

fn request() -> Vec<u8> {
    let mut packet = vec![0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42];
    packet.extend([9; 12]);
    packet
}

#[test]
fn a_plain_binding_request_is_answered() {
    let now = Instant::now();
    let mut shard = Shard::new(config(), now);
    let source: SocketAddr = "203.0.113.5:40000".parse().unwrap();
    shard.receive(now, Transport::Udp, source, &request());
    let answer = shard.poll_transmit().unwrap();
    assert_eq!((answer.transport, answer.destination), (Transport::Udp, source));
    assert_eq!(answer.contents[..2], [1, 1]);
    assert_eq!(answer.contents[20..28], [0, 0x20, 0, 8, 0, 1, 0x9c ^ 0x21, 0x40 ^ 0x12]);
    assert_eq!(shard.stats().stun_answered, 1);
}

#[test]
fn plain_stun_requests_are_answered_up_to_a_rate() {
    let now = Instant::now();
    let mut shard = Shard::new(config(), now);
    let source: SocketAddr = "203.0.113.5:40000".parse().unwrap();
    for _ in 0..5_000 {
        shard.receive(now, Transport::Udp, source, &request());
    }
    let stats = shard.stats();
    assert_eq!((stats.stun_answered, stats.stun_limited), (1_000, 4_000));
}

#[test]
fn garbage_does_not_disturb_a_call() {
    let mut world = World::new(60);
    let a = world.join("ana");
    let b = world.join("ben");
    world.run(3 * SECOND);
    let mut rng = fastrand::Rng::with_seed(60);
    let source = world.clients[a].address;
    let unknown: SocketAddr = "203.0.113.5:40000".parse().unwrap();
    for _ in 0..20_000 {
        let mut packet: Vec<u8> = (0..rng.usize(0..200)).map(|_| rng.u8(..)).collect();
        if let Some(first) = packet.first_mut() {
            *first = *rng.choice([0, 1, 20, 22, 23, 63, 128, 144, 191, 255].iter()).unwrap();
        }
        let from = if rng.bool() { source } else { unknown };
        let transport = if rng.u8(..10) == 0 {
            Transport::TcpPassive
        } else {
            Transport::Udp
        };
        world.shard.receive(world.now, transport, from, &packet);
    }
    world.clients[a].forget_got();
    world.clients[b].forget_got();
    world.run(2 * SECOND);
    assert!(world.clients[a].got_from(Video, b) > 40);
    assert!(world.clients[b].got_from(Video, a) > 40);
    let stats = world.shard.stats();
    assert!(stats.packets_unknown > 5_000 && stats.faults == 0, "{stats:?}");
}

#[test]
fn oversized_packets_close_nobody() {
    let mut world = World::new(61);
    let viewers = [world.join("ana"), world.join("ben")];
    let hostile = world.add("eve", false);
    world.clients[hostile].add_track(Audio);
    world.clients[hostile].add_track(Video);
    // Without header extensions its own header is the shortest there is, and any other one longer.
    let sdp = world.clients[hostile].offer();
    let bare: Vec<&str> = sdp.lines().filter(|line| !line.starts_with("a=extmap")).collect();
    world.offer_sdp(hostile, bare.join("\r\n") + "\r\n");
    world.run_until(5 * SECOND, "media", |world| {
        viewers
            .iter()
            .all(|viewer| world.clients[*viewer].got_from(Video, hostile) > 0)
    });
    world.clients[hostile].video_bytes = 1_984;
    world.run(SECOND);
    world.clients[hostile].video_bytes = 900;
    viewers.iter().for_each(|viewer| world.clients[*viewer].forget_got());
    world.run_until(SECOND, "media again", |world| {
        viewers
            .iter()
            .all(|viewer| world.clients[*viewer].got_from(Video, hostile) > 0)
    });
    let stats = world.shard.stats();
    assert_eq!((stats.faults, stats.peers), (0, 3));
    assert!(stats.rtp_oversized > 0);
}

#[test]
fn a_request_is_verified_wherever_it_comes_from() {
    let mut world = World::new(62);
    let a = world.join("ana");
    world.run(2 * SECOND);
    let source = world.clients[a].address;
    let before = world.shard.stats().packets_unknown;
    let mut forged = world.clients[a].last_check.clone();
    world.shard.receive(world.now, Transport::Udp, source, &forged);
    assert_eq!(world.shard.stats().packets_unknown, before);
    // The transaction's id is covered by the integrity.
    forged[19] ^= 1;
    world.shard.receive(world.now, Transport::Udp, source, &forged);
    assert_eq!(world.shard.stats().packets_unknown, before + 1);
}

#[test]
fn addresses_a_peer_sends_requests_from_are_bounded() {
    let mut world = World::new(63);
    let a = world.join("ana");
    let b = world.join("ben");
    world.run(2 * SECOND);
    let before = world.shard.stats().packets_unknown;
    for port in 1..=100 {
        let source = SocketAddr::from(([203, 0, 113, 5], port));
        let check = world.clients[a].request(false);
        world.shard.receive(world.now, Transport::Udp, source, &check);
    }
    // Her own address is one of the 64.
    assert_eq!(world.shard.stats().packets_unknown - before, 37);
    world.clients[a].roam("10.9.9.9:5000".parse().unwrap());
    world.clients[a].restart_ice();
    world.offer(a);
    world.clients[a].forget_got();
    world.run_until(5 * SECOND, "media by another address", |world| {
        world.clients[a].got_from(Video, b) > 20
    });
}

#[test]
fn ssrcs_sent_by_a_peer_are_bounded() {
    let mut world = World::new(64);
    let a = world.join("ana");
    let b = world.join("ben");
    world.run(3 * SECOND);
    let source = world.clients[a].address;
    let before = world.shard.stats().packets_unknown;
    for ssrc in 0..2_000_u32 {
        let mut packet = vec![128, 96, 0, 1, 0, 0, 0, 1];
        packet.extend(ssrc.to_be_bytes());
        packet.extend([0; 40]);
        world.shard.receive(world.now, Transport::Udp, source, &packet);
    }
    // A thousand, of which her microphone, her camera and its resends are three.
    assert_eq!(world.shard.stats().packets_unknown - before, 1_003);
    world.clients[b].forget_got();
    world.run(SECOND);
    assert!(world.clients[b].got_from(Audio, a) > 40 && world.clients[b].got_from(Video, a) > 40);
}

#[test]
fn ssrcs_announced_by_a_peer_are_bounded() {
    let mut world = World::new(65);
    let a = world.add("ana", false);
    world.clients[a].add_track(Audio);
    let mut sdp = world.clients[a].offer();
    for ssrc in 1..=1_001 {
        sdp += &format!("a=ssrc:{ssrc} cname:x\r\n");
    }
    world.offer_sdp(a, sdp);
    world.run(SECOND);
    assert_eq!(world.refusals(), ["there are more than 1000 SSRCs"]);
    assert_eq!(world.shard.stats().peers, 0);
}
