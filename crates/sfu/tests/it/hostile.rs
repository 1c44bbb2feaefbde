//! Strangers and garbage.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use sfu::{Shard, Transport};
use str0m::media::MediaKind::Video;

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
fn strangers_get_so_many_answers_a_second() {
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
    let stranger: SocketAddr = "203.0.113.5:40000".parse().unwrap();
    for _ in 0..20_000 {
        let mut packet: Vec<u8> = (0..rng.usize(0..200)).map(|_| rng.u8(..)).collect();
        if let Some(first) = packet.first_mut() {
            *first = *rng.choice([0, 1, 20, 22, 23, 63, 128, 144, 191, 255].iter()).unwrap();
        }
        let from = if rng.bool() { source } else { stranger };
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
