//! Seeded mutation of what comes from the network and from clients. Bounded: a few seconds. Nothing may panic, and an offer
//! is either answered or refused; none costs more than a stated time and a stated time for each of its bytes.

use std::time::{Duration, Instant};

use sfu::{Command, Outcome, RefusalCode};
use str0m::media::MediaKind::{Audio, Video};

use crate::costs::{OFFER, PEER};
use crate::support::{Client, World, execute, peer_id, plain_offer, unhurried, unhurried_config};

/// `SFU_FUZZ_ROUNDS` makes it longer.
pub(crate) fn rounds(default: usize) -> usize {
    std::env::var("SFU_FUZZ_ROUNDS")
        .ok()
        .and_then(|rounds| rounds.parse().ok())
        .unwrap_or(default)
}

pub(crate) fn mutate(rng: &mut fastrand::Rng, bytes: &mut Vec<u8>) {
    for _ in 0..rng.usize(1..6) {
        if bytes.is_empty() {
            bytes.push(rng.u8(..));
        }
        let at = rng.usize(..bytes.len());
        match rng.u8(..6) {
            0 => bytes[at] = rng.u8(..),
            1 => bytes[at] ^= 1 << rng.u8(..8),
            2 => bytes.truncate(at),
            3 => bytes.insert(at, rng.u8(..)),
            4 => {
                let end = (at + rng.usize(..40)).min(bytes.len());
                let piece = bytes[at..end].to_vec();
                let to = rng.usize(..=bytes.len());
                bytes.splice(to..to, piece);
            }
            _ => {
                let end = (at + rng.usize(..40)).min(bytes.len());
                bytes.drain(at..end);
            }
        }
    }
}

fn mutate_lines(rng: &mut fastrand::Rng, sdp: &str) -> String {
    let mut lines: Vec<String> = sdp.lines().map(str::to_string).collect();
    for _ in 0..rng.usize(1..4) {
        if lines.is_empty() {
            break;
        }
        let at = rng.usize(..lines.len());
        match rng.u8(..5) {
            0 => {
                lines.remove(at);
            }
            1 => lines.insert(at, lines[rng.usize(..lines.len())].clone()),
            2 => {
                let other = rng.usize(..lines.len());
                lines.swap(at, other);
            }
            3 => {
                let digit = rng.char('0'..='9').to_string();
                let from = rng.char('0'..='9');
                lines[at] = lines[at].replace(from, &digit);
            }
            _ => {
                let mut bytes = lines[at].clone().into_bytes();
                mutate(rng, &mut bytes);
                lines[at] = String::from_utf8_lossy(&bytes).into_owned();
            }
        }
    }
    lines.join("\r\n") + "\r\n"
}

fn offers(now: Instant) -> Vec<String> {
    let mut plain = Client::new(1, "plain", false, now);
    plain.add_track(Audio);
    plain.add_track(Video);
    let mut slots = Client::new(2, "slots", true, now);
    slots.add_track(Audio);
    slots.add_slots(2, 2);
    vec![plain.offer(), slots.offer()]
}

#[test]
fn mutated_first_offers() {
    let now = Instant::now();
    let mut rng = fastrand::Rng::with_seed(70);
    let corpus = offers(now);
    let mut shard = unhurried(now);
    let (mut answered, mut refused) = (0, 0);
    for round in 0..rounds(1_500) {
        let pick = rng.usize(..corpus.len());
        let sdp = mutate_lines(&mut rng, &corpus[pick]);
        let length = sdp.len();
        let peer = peer_id(&format!("sfu_{round}"), &format!("u{round}"));
        let offer = Command::Offer {
            peer: peer.clone(),
            sdp,
            slots: rng.bool(),
            tracks: vec![],
            name: String::new(),
            recording: None,
        };
        let (transport, mut outcome) = (peer.transport.clone(), None);
        OFFER.bounds("a mutated first offer", length, || {
            outcome = Some(execute(&mut shard, now, offer.clone()));
            let transport = transport.clone();
            assert_eq!(shard.command(now, Command::Close { transport }), Ok(Outcome::Done));
            while shard.poll_event().is_some() {}
        });
        match outcome.unwrap() {
            Ok(Outcome::Answer { to, .. }) => {
                assert_eq!(to, peer);
                answered += 1;
            }
            Ok(other) => panic!("{other:?} to a first offer"),
            Err(refusal) => {
                assert_eq!(refusal.code, RefusalCode::InvalidSdp);
                refused += 1;
            }
        }
    }
    println!("{answered} answered, {refused} refused");
    assert!(answered > 0 && refused > 0);
    let stats = shard.stats();
    assert_eq!((stats.peers, stats.rooms, stats.faults), (0, 0, 0));
}

#[test]
fn mutated_renegotiations_and_answers() {
    let mut world = World::with(unhurried_config(), 71);
    let a = world.join("ana");
    let b = world.join("ben");
    world.run(Duration::from_secs(3));
    world.clients[a].silent = true;
    world.join("cyn");
    world.run(Duration::from_secs(1));
    let mut rng = fastrand::Rng::with_seed(71);
    world.clients[a].add_track(Video);
    let offer = world.clients[a].offer();
    let answer = world.clients[a]
        .last_offer
        .replace("a=sendonly", "a=recvonly")
        .replace("actpass", "active")
        .replace("a=ice-lite\r\n", "");
    let peer = world.clients[a].id();
    let (mut taken, mut refused) = (0, 0);
    for _ in 0..rounds(600) {
        let is_offer = rng.bool();
        let sdp = mutate_lines(&mut rng, if is_offer { &offer } else { &answer });
        let length = sdp.len();
        let command = match is_offer {
            true => plain_offer(peer.clone(), sdp),
            false => Command::Answer {
                transport: peer.transport.clone(),
                sdp,
            },
        };
        let mut outcome = None;
        OFFER.bounds("a mutated renegotiation", length, || {
            outcome = Some(world.execute(command.clone()));
        });
        match outcome.unwrap() {
            Ok(_) => taken += 1,
            Err(_) => refused += 1,
        }
        while world.shard.poll_event().is_some() {}
    }
    assert!(taken > 0 && refused > 0, "{taken} taken, {refused} refused");
    assert_eq!(world.shard.stats().faults, 0);
    // What is refused has harmed nothing: no session is lost that had media.
    assert_eq!(world.shard.stats().peers, 3);
    // Whatever became of Ana, Ben is as he was.
    world.clients[b].forget_got();
    world.run(Duration::from_secs(2));
    assert!(world.clients[b].got_from(Video, 2) > 0);
}

#[test]
fn mutated_packets_of_a_client() {
    let mut world = World::new(72);
    let a = world.join("ana");
    let b = world.join("ben");
    world.run(Duration::from_secs(2));
    let mut rng = fastrand::Rng::with_seed(72);
    let from = world.clients[a].address;
    for _ in 0..rounds(200) {
        world.now += Duration::from_millis(5);
        world.clients[a].tick(world.now);
        let packets = world.clients[a].take_packets();
        for (_, _, contents) in packets.iter().cycle().take(10 * packets.len()) {
            let mut bytes = contents.clone();
            mutate(&mut rng, &mut bytes);
            let what = ("a mutated packet of a client", from);
            world.feed(PEER, Duration::ZERO, what, bytes.len(), || bytes.clone());
        }
        for (transport, _, contents) in packets {
            world.shard.receive(world.now, transport, from, &contents);
        }
        world.step();
    }
    assert_eq!(world.shard.stats().faults, 0);
    world.clients[b].forget_got();
    world.run(Duration::from_secs(2));
    assert!(world.clients[b].got_from(Video, a) > 0);
}
