//! Seeded inputs of every kind, up to the largest: none costs more than a stated time and a stated time for each of its bytes.
//! The targets in `fuzz/` look for worse ones.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use sfu::{Shard, Transport};
use str0m::media::MediaKind::{Audio, Video};

use crate::fuzz::{mutate, rounds};
use crate::support::cost::{Cost, cpu_time};
use crate::support::mail::sent;
use crate::support::{Client, World, execute, peer_id, plain_offer, shard, unhurried};

/// A packet of a stranger is only looked at.
const STRANGER: Cost = Cost {
    fixed: Duration::from_micros(50),
    per_byte: Duration::from_nanos(5),
};
/// A packet of a peer is decrypted or verified, and its consequences are done; a DTLS flight is signed.
pub(crate) const PEER: Cost = Cost {
    fixed: Duration::from_millis(2),
    per_byte: Duration::from_nanos(50),
};
/// An offer is read, and a session is made for it.
pub(crate) const OFFER: Cost = Cost {
    fixed: Duration::from_millis(2),
    per_byte: Duration::from_nanos(600),
};
/// The longest packet that there is: over TCP.
const LONGEST: usize = 65_535;

/// Feeds a packet of a stranger.
fn strange(shard: &mut Shard, now: Instant, what: &str, packet: &[u8]) {
    let source: SocketAddr = "203.0.113.5:40000".parse().unwrap();
    STRANGER.bounds(what, packet.len(), || {
        shard.receive(now, Transport::TcpPassive, source, packet);
        sent(shard, now);
    });
}

/// A STUN request with as many attributes of a kind as fit.
fn stun(attribute: &[u8]) -> Vec<u8> {
    let mut packet = vec![0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42];
    packet.extend([9; 12]);
    while packet.len() + attribute.len() <= LONGEST {
        packet.extend(attribute);
    }
    let length = (packet.len() - 20) as u16;
    packet[2..4].copy_from_slice(&length.to_be_bytes());
    packet
}

#[test]
fn packets_of_strangers() {
    let now = Instant::now();
    let mut shard = shard(now);
    let mut rng = fastrand::Rng::with_seed(80);
    let longest = [
        stun(&[0, 3, 0, 0]),
        stun(&[0x80, 0x22, 0, 0]),
        stun(b"\0\x06\0\x05ab:cd\0\0\0"),
        stun(&[0, 6, 0, 4, b':', b':', b':', b':']),
        vec![22; LONGEST],
        vec![128; LONGEST],
        [&[128, 200][..], &vec![0; LONGEST - 2]].concat(),
        [
            &[0x90, 96, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0x10, 0, 0x3f, 0xf0][..],
            &vec![0; LONGEST - 16],
        ]
        .concat(),
    ];
    for packet in &longest {
        strange(&mut shard, now, "a stranger's packet", packet);
    }
    for _ in 0..rounds(2_000) {
        let mut packet = rng.choice(&longest).unwrap().clone();
        packet.truncate(rng.usize(1..3_000));
        mutate(&mut rng, &mut packet);
        strange(&mut shard, now, "a stranger's mutated packet", &packet);
    }
    for _ in 0..rounds(20_000) {
        let mut packet: Vec<u8> = (0..rng.usize(1..80)).map(|_| rng.u8(..)).collect();
        if packet.len() >= 20 && rng.bool() {
            let length = (packet.len() - 20) as u8;
            packet[..8].copy_from_slice(&[0, 1, 0, length, 0x21, 0x12, 0xa4, 0x42]);
        }
        strange(&mut shard, now, "a stranger's packet of any shape", &packet);
    }
    assert_eq!((shard.stats().peers, shard.stats().faults), (0, 0));
}

/// Feeds a packet of a peer, and has all of its consequences.
fn feed(world: &mut World, from: SocketAddr, what: &str, packet: &[u8]) {
    // So that no budget is ever used up.
    let step = Duration::from_millis(100);
    world.feed(PEER, step, (what, from), packet.len(), || packet.to_vec());
}

#[test]
fn packets_of_a_peer() {
    let mut world = World::new(81);
    let a = world.join("ana");
    world.join("ben");
    let mut corpus: Vec<Vec<u8>> = Vec::new();
    // From the first check and the DTLS handshake on.
    for _ in 0..200 {
        world.step();
        corpus.append(&mut world.clients[a].history);
    }
    let kinds = [0..=1, 20..=63, 128..=191].map(|first| {
        let of_kind = corpus.iter().filter(|packet| first.contains(&packet[0]));
        of_kind.cloned().collect::<Vec<_>>()
    });
    assert!(kinds.iter().all(|kind| !kind.is_empty()));
    let mut rng = fastrand::Rng::with_seed(81);
    let from = world.clients[a].address;
    for round in 0..rounds(600) {
        let mut packet = rng.choice(&kinds[round % 3]).unwrap().clone();
        if rng.u8(..8) == 0 {
            let piece = packet.clone();
            let times = rng.usize(1..40);
            packet.extend(piece.iter().cycle().take(piece.len() * times));
        }
        mutate(&mut rng, &mut packet);
        feed(&mut world, from, "a peer's mutated packet", &packet);
    }
    for first in [22, 23, 20, 128] {
        feed(&mut world, from, "a peer's longest packet", &vec![first; LONGEST]);
    }
    assert_eq!(world.shard.stats().faults, 0);
}

#[test]
fn payloads_of_a_peer() {
    let mut world = World::new(82);
    let (a, b) = (world.join("ana"), world.join("ben"));
    world.run(2 * Duration::from_secs(1));
    let mut rng = fastrand::Rng::with_seed(82);
    let from = world.clients[a].address;
    world.clients[a].history.clear();
    for format in 0..rounds(60) {
        world.clients[a].video_format = format % 7;
        let first = rng.u8(..);
        let length = rng.usize(0..1_400);
        world.clients[a].hostile_payload = Some((0..length).map(|n| if n == 0 { first } else { rng.u8(..) }).collect());
        world.now += Duration::from_millis(40);
        world.clients[a].tick(world.now);
        for (_, _, packet) in world.clients[a].take_packets() {
            feed(&mut world, from, "a hostile payload", &packet);
        }
    }
    world.clients[a].hostile_payload = None;
    world.clients[a].video_format = 0;
    world.run(Duration::from_secs(1));
    world.clients[b].forget_got();
    world.run(Duration::from_secs(1));
    assert_eq!(world.shard.stats().faults, 0);
    assert!(world.clients[b].got_from(Audio, a) > 0 && world.clients[b].got_from(Video, a) > 0);
}

/// Offers of the greatest length, by what they have many of.
fn longest() -> Vec<(String, String)> {
    let now = Instant::now();
    let mut client = Client::new(1, "ana", false, now);
    client.add_track(Audio);
    client.add_track(Video);
    let offer = client.offer();
    let lines = [
        "a=ssrc:1 cname:x\r\n",
        "a=ssrc:%d cname:x\r\n",
        "a=ssrc-group:FID 1 2\r\n",
        "a=extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid\r\n",
        "a=extmap:%e urn:ietf:params:rtp-hdrext:sdes:mid\r\n",
        "a=rtpmap:96 VP8/90000\r\n",
        "a=rtpmap:%d VP8/90000\r\n",
        "a=fmtp:96 max-fr=30\r\n",
        "a=rtcp-fb:96 nack\r\n",
        "a=rtcp-fb:* nack\r\n",
        "a=fingerprint:sha-256 00\r\n",
        "a=msid:a b\r\n",
        "a=x:y\r\n",
        "a=mid:%d\r\n",
        "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n",
        "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:m%d\r\n",
        "c=IN IP4 0.0.0.0\r\n",
        "\r\n",
        "m=",
        "a=",
    ];
    let numbered = |line: &str, number: usize| {
        let line = line.replace("%d", &number.to_string());
        line.replace("%e", &(number % 250 + 1).to_string())
    };
    let mut longest = Vec::new();
    for line in lines {
        let mut sdp = offer.clone();
        let mut number = 10_000;
        while sdp.len() + line.len() < LONGEST_SDP {
            sdp += &numbered(line, number);
            number += 1;
        }
        longest.push((format!("an offer with many {line:?}"), sdp));
    }
    // As many lines as each m-line may have.
    let [head, audio, video] = offer.split("m=").collect::<Vec<_>>()[..] else {
        panic!("{offer}");
    };
    for line in lines.iter().filter(|line| line.starts_with("a=") && line.len() > 4) {
        let (mut sections, mut mids) = (String::new(), String::new());
        let mut number = 10_000;
        for mid in 2..112 {
            let section = if mid % 2 == 0 { audio } else { video };
            let section = section.replace("a=mid:", &format!("a=mid:{mid}"));
            let mut section = format!("m={section}")
                .replace("a=ssrc", "a=x-ssrc")
                .replace("sendrecv", "recvonly");
            while section.lines().count() < 390 {
                section += &numbered(line, number);
                number += 1;
            }
            if head.len() + sections.len() + section.len() + mids.len() > LONGEST_SDP {
                break;
            }
            sections += &section;
            let name = section.split_once("a=mid:").and_then(|(_, rest)| rest.lines().next());
            mids += &format!(" {}", name.unwrap_or_default());
        }
        let group = head.lines().find(|line| line.starts_with("a=group:")).unwrap();
        let head = head.replace(group, &format!("a=group:BUNDLE{mids}"));
        longest.push((format!("an offer with {line:?} on all m-lines"), head + &sections));
    }
    longest.push(("an offer of nothing but what counts".into(), dense(&chrome(5, 82))));
    longest.push(("an offer of Chrome's with 25 tiles".into(), chrome(5, 25)));
    longest.push(("an offer of Chrome's with 35 tiles".into(), chrome(5, 35)));
    longest.push(("an offer of Chrome's with 108 voices".into(), chrome(108, 0)));
    longest
}

/// Bytes of the longest SDP that the hub passes on.
const LONGEST_SDP: usize = 200_000;

/// An offer of Chrome 150's: a microphone, a camera in three layers, and slots.
fn chrome(audio: usize, video: usize) -> String {
    let sample = include_str!("support/chrome.sdp");
    let [head, microphone, camera, voice, tile] = sample.split("m=").collect::<Vec<_>>()[..] else {
        panic!("{sample}");
    };
    let all = [microphone, camera].into_iter();
    let all = all
        .chain(std::iter::repeat_n(voice, audio))
        .chain(std::iter::repeat_n(tile, video));
    let section = |(mid, section): (usize, &str)| {
        let lines = section.lines().map(|line| match line.starts_with("a=mid:") {
            true => format!("a=mid:{mid}\r\n"),
            false => format!("{line}\r\n"),
        });
        format!("m={}", lines.collect::<String>())
    };
    let mids: String = (0..audio + video + 2).map(|mid| format!(" {mid}")).collect();
    let head = head.replace("BUNDLE 0 1 2 3", &format!("BUNDLE{mids}"));
    head + &all.enumerate().map(section).collect::<String>()
}

/// An offer without what is left out before a session sees it.
fn dense(sdp: &str) -> String {
    const KNOWN: [&str; 13] = [
        "111", "96", "97", "102", "103", "108", "109", "116", "117", "45", "46", "98", "99",
    ];
    let mut has_transport = false;
    let is_kept = |line: &&str| {
        let name = line.split([':', ' ']).next().unwrap_or_default();
        let is_format = ["a=rtpmap", "a=fmtp", "a=rtcp-fb"].contains(&name);
        let number = line.split([':', ' ']).nth(1).unwrap_or_default();
        let is_transport = ["a=ice-ufrag", "a=ice-pwd", "a=fingerprint", "a=setup"].contains(&name);
        let is_first = is_transport && !has_transport;
        has_transport |= name == "a=setup";
        let is_noise = ["c=IN", "a=rtcp", "a=ice-options", "a=rtcp-xr"].contains(&name);
        (!is_format || KNOWN.contains(&number)) && (!is_transport || is_first) && !is_noise
    };
    sdp.lines().filter(is_kept).map(|line| format!("{line}\r\n")).collect()
}

#[test]
fn offers_of_the_greatest_length() {
    let mut shard = unhurried(Instant::now());
    for (what, sdp) in longest() {
        take_offer(&mut shard, Instant::now(), &what, &sdp);
    }
}

/// Takes an offer, which may be refused, and closes its peer.
fn take_offer(shard: &mut Shard, now: Instant, what: &str, sdp: &str) {
    OFFER.bounds(what, sdp.len(), || {
        let peer = peer_id("sfu_1", "ana");
        let transport = peer.transport.clone();
        let _ = execute(shard, now, plain_offer(peer, sdp));
        let _ = shard.command(now, sfu::Command::Close { transport });
        while shard.poll_event().is_some() {}
    });
}

/// What an offer costs: the reading of it, which may be done on any thread, and the dearest that the thread which forwards
/// everyone's packets does for it in a turn, for a first offer and for the same once more.
struct Spent {
    reading: Duration,
    first: Duration,
    later: Duration,
    is_taken: bool,
}

fn spent(sdp: &str) -> Spent {
    let now = Instant::now();
    let mut shard = unhurried(now);
    // What all sessions share is made for the first one.
    let _ = execute(&mut shard, now, plain_offer(peer_id("sfu_0", "ben"), "v=0"));
    let mut reading = Duration::ZERO;
    let mut offer = |shard: &mut Shard| {
        let (mut read, mut outcome) = (None, None);
        let offer = plain_offer(peer_id("sfu_1", "ana"), sdp);
        let begun = cpu_time(|| drop(shard.command(now, offer)));
        if let Some(asked) = shard.poll_reading() {
            reading += cpu_time(|| read = Some(asked.run()));
        }
        let taken = cpu_time(|| outcome = read.map(|read| shard.finish_reading(now, read)));
        (begun.max(taken), matches!(outcome, Some(Ok(_))))
    };
    let (first, is_taken) = offer(&mut shard);
    let (later, _) = offer(&mut shard);
    Spent {
        reading: reading / 2,
        first,
        later,
        is_taken,
    }
}

/// The most that media may wait for an offer.
const TURN: Duration = Duration::from_millis(5);

#[test]
fn no_offer_keeps_the_thread_that_forwards_packets_busy_for_long() {
    let bound = Cost {
        fixed: TURN,
        per_byte: Duration::ZERO,
    };
    for (what, sdp) in longest() {
        let dearest = |spent: Spent| spent.first.max(spent.later);
        let best = (0..6).map(|_| dearest(spent(&sdp))).find(|time| *time <= bound.of(0));
        assert!(best.is_some(), "{what}");
    }
}

/// Prints what offers cost, with the least of several times: `cargo test --release -p sfu --test it -- --ignored --nocapture
/// costs_of_offers`.
#[test]
#[ignore = "it prints figures"]
fn costs_of_offers() {
    for (what, sdp) in longest() {
        let all: Vec<Spent> = (0..8).map(|_| spent(&sdp)).collect();
        let least = |time: fn(&Spent) -> Duration| all.iter().map(time).min().unwrap_or_default();
        println!(
            "{what}: {} bytes, {}: reading {:?}, then {:?} for a first and {:?} for a later one",
            sdp.len(),
            if all[0].is_taken { "taken" } else { "refused" },
            least(|spent| spent.reading),
            least(|spent| spent.first),
            least(|spent| spent.later),
        );
    }
}
