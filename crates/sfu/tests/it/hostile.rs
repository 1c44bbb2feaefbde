//! Packets and SDP of attackers.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use sfu::{Body, Command, Outcome, Refusal, RefusalCode, Transport};
use str0m::media::MediaKind::{Audio, Video};

use crate::support::cost::cpu_time;
use crate::support::mail::sent;
use crate::support::{World, plain_offer, shard};

const SECOND: Duration = Duration::from_secs(1);

fn request() -> Vec<u8> {
    let mut packet = vec![0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42];
    packet.extend([9; 12]);
    packet
}

#[test]
fn a_plain_binding_request_is_answered() {
    let now = Instant::now();
    let mut shard = shard(now);
    let source: SocketAddr = "203.0.113.5:40000".parse().unwrap();
    shard.receive(now, Transport::Udp, source, &request());
    let answer = sent(&mut shard, now).pop().unwrap();
    assert_eq!((answer.transport, answer.destination), (Transport::Udp, source));
    assert_eq!(answer.contents[..2], [1, 1]);
    assert_eq!(answer.contents[20..28], [0, 0x20, 0, 8, 0, 1, 0x9c ^ 0x21, 0x40 ^ 0x12]);
    assert_eq!(shard.stats().stun_answered, 1);
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
fn requests_from_any_number_of_addresses_are_answered() {
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
    assert_eq!(world.shard.stats().packets_unknown, before);
    world.clients[a].roam("10.9.9.9:5000".parse().unwrap());
    world.clients[a].restart_ice();
    world.offer(a);
    world.clients[a].forget_got();
    world.run_until(5 * SECOND, "media by another address", |world| {
        world.clients[a].got_from(Video, b) > 20
    });
}

#[test]
fn ssrcs_announced_by_a_peer_are_bounded() {
    let mut world = World::new(65);
    let a = world.add("ana", false);
    world.clients[a].add_track(Audio);
    let mut sdp = world.clients[a].offer();
    for ssrc in 1..=64 {
        sdp += &format!("a=ssrc:{ssrc} cname:x\r\n");
    }
    world.offer_sdp(a, sdp);
    world.run(SECOND);
    assert_eq!(world.refusals(), ["the offer announces more than 64 SSRCs"]);
    assert_eq!(world.shard.stats().peers, 0);
}

/// Offers an SDP at once.
fn offer(world: &mut World, client: usize, sdp: &str) -> Result<Outcome, Refusal> {
    let peer = world.clients[client].id();
    world.execute(plain_offer(peer, sdp))
}

#[test]
fn a_client_is_answered_four_offers_at_once_and_the_last_of_the_others_later() {
    let mut world = World::new(66);
    let (a, b) = (world.join_with_slots("ana", 1, 1), world.join("ben"));
    world.run(3 * SECOND);
    let sdp = world.clients[a].own_offer.clone();
    let answered = |outcome: &Result<Outcome, Refusal>| matches!(outcome, Ok(Outcome::Answer { .. }));
    let outcomes: Vec<_> = (0..100).map(|_| offer(&mut world, a, &sdp)).collect();
    let count = outcomes.iter().filter(|outcome| answered(outcome)).count();
    assert!((2..=4).contains(&count), "{count}: long ones count as several");
    assert!(outcomes[count..].iter().all(|outcome| *outcome == Ok(Outcome::Held)));
    let before = world.clients[a].answers;
    world.run(3 * SECOND);
    assert_eq!(world.clients[a].answers, before + 1, "one waits");
    world.clients[b].forget_got();
    world.run(SECOND);
    assert!(world.clients[b].got_from(Video, a) > 20);
}

#[test]
fn offers_that_wait_are_read_when_their_time_has_come() {
    let mut world = World::new(70);
    let guests = [0, 1, 2].map(|n| world.join_with_slots(&format!("guest {n}"), 1, 1));
    world.run(3 * SECOND);
    for guest in guests {
        let sdp = world.clients[guest].own_offer.clone();
        let outcomes = [0, 1, 2, 3, 4].map(|_| offer(&mut world, guest, &sdp));
        assert_eq!(outcomes[4], Ok(Outcome::Held));
    }
    world.now += SECOND;
    world.shard.handle_timeout(world.now);
    let readings: Vec<_> = std::iter::from_fn(|| world.shard.poll_reading()).collect();
    assert_eq!(readings.len(), 3);
    for reading in readings {
        let outcome = world.shard.finish_reading(world.now, reading.run());
        assert!(matches!(outcome, Ok(Outcome::Answer { .. })), "{outcome:?}");
    }
}

#[test]
fn who_leaves_and_joins_again_and_again_is_refused_for_a_while() {
    let mut world = World::new(64);
    let (a, b) = (world.join("ana"), world.join("ben"));
    world.run(3 * SECOND);
    let sdp = world.clients[a].own_offer.clone();
    let mut id = world.clients[a].id();
    let mut taken = 0;
    for round in 0..400 {
        let transport = std::mem::replace(&mut id.transport, format!("sfu_{round}").as_str().into());
        assert_eq!(world.execute(Command::Close { transport }), Ok(Outcome::Done));
        match world.execute(plain_offer(id.clone(), sdp.as_str())) {
            Ok(outcome) => taken += usize::from(matches!(outcome, Outcome::Answer { .. })),
            Err(refusal) => assert_eq!(refusal.code, RefusalCode::Overloaded),
        }
        world.run(SECOND / 200);
    }
    assert!((4..=8).contains(&taken), "{taken} in two seconds");
    world.clients[b].forget_got();
    world.run(SECOND);
    let outcome = world.execute(plain_offer(id, sdp));
    assert!(matches!(outcome, Ok(Outcome::Answer { .. })), "{outcome:?}");
}

#[test]
fn wrong_first_offers_are_read_four_times_at_once() {
    let mut world = World::new(67);
    let a = world.add("ana", false);
    world.clients[a].add_track(Audio);
    let sdp = world.clients[a].offer();
    let codes: Vec<_> = (0..50)
        .map(|_| offer(&mut world, a, "v=0\r\n").unwrap_err().code)
        .collect();
    assert_eq!(codes[..3], [RefusalCode::InvalidSdp; 3]);
    assert!(codes[4..].iter().all(|code| *code == RefusalCode::Overloaded));
    world.run(SECOND);
    assert!(
        matches!(offer(&mut world, a, &sdp), Ok(Outcome::Answer { .. })),
        "a right one works again"
    );
}

#[test]
fn wrong_answers_are_read_four_times_at_once() {
    let (mut world, a) = World::awaiting_an_answer(68);
    let wrong = world.answer_by(a, "v=0\r\n");
    let outcomes: Vec<_> = (0..50).map(|_| world.execute(wrong.clone())).collect();
    let invalid = |outcome: &Result<Outcome, Refusal>| {
        let code = outcome.as_ref().map_err(|refusal| refusal.code);
        code == Err(RefusalCode::InvalidSdp)
    };
    assert!(outcomes[..3].iter().all(invalid));
    assert!(outcomes[3..5].contains(&Ok(Outcome::Held)));
    // Each overtakes the one before it.
    assert!(outcomes[5..].iter().all(|outcome| *outcome == Ok(Outcome::Reading)));
}

#[test]
fn a_right_answer_behind_many_wrong_ones_is_taken() {
    let (mut world, a) = World::awaiting_an_answer(70);
    let b = a + 1;
    world.clients[a].silent = false;
    let wrong = world.answer_by(a, "v=0\r\n");
    // Until the server sends its offer once more, and the client answers.
    let offers = |world: &World| {
        let events = world.events.iter();
        events.filter(|event| matches!(event.body, Body::Offer { .. })).count()
    };
    let before = offers(&world);
    let mut wrongs = 0;
    while offers(&world) == before {
        assert!(wrongs < 5_000, "the offer is repeated whatever comes");
        drop(world.execute(wrong.clone()));
        wrongs += 1;
        world.step();
    }
    assert!(wrongs > 100);
    world.run(2 * SECOND);
    assert!(world.clients[a].got_from(Audio, b) > 0);
}

#[test]
fn a_long_wrong_answer_does_not_keep_the_next_one_from_being_read() {
    let (mut world, a) = World::awaiting_an_answer(69);
    let mut code = |sdp: &str| {
        let answer = world.answer_by(a, sdp);
        world.execute(answer).map_err(|refusal| refusal.code)
    };
    let wrong = format!("v=0\r\na=x:{}\r\n", "x".repeat(200_000));
    assert_eq!(code(&wrong), Err(RefusalCode::InvalidSdp));
    assert_eq!(code(&wrong), Err(RefusalCode::InvalidSdp), "it is read");
    assert_eq!(code("v=0\r\n"), Ok(Outcome::Held));
}

/// Offers that grow with `n`, each in another respect.
fn growing(n: usize) -> Vec<(&'static str, String)> {
    let begin = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\na=ice-ufrag:abcd\r\n\
        a=ice-pwd:abcdefghijklmnopqrstuvwx\r\na=setup:actpass\r\n";
    let fingerprint = format!("a=fingerprint:sha-256 {}\r\n", vec!["11"; 32].join(":"));
    let media = "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:0\r\na=sendonly\r\na=rtcp-mux\r\na=rtpmap:96 VP8/90000\r\n";
    let each = |line: &dyn Fn(usize) -> String| (0..n).map(line).collect::<String>();
    let of_media = |name, line: &dyn Fn(usize) -> String| (name, format!("{begin}{fingerprint}{media}{}", each(line)));
    let of_session =
        |name, line: &dyn Fn(usize) -> String| (name, format!("{begin}{fingerprint}{}{media}", each(line)));
    vec![
        of_media("one SSRC", &|_| "a=ssrc:1 cname:x\r\n".into()),
        of_media("SSRCs", &|i| format!("a=ssrc:{} cname:x\r\n", i % 900 + 1)),
        of_media("groups of SSRCs", &|i| {
            format!("a=ssrc-group:FID {} {}\r\n", 2 * i, 2 * i + 1)
        }),
        of_media("extensions", &|i| format!("a=extmap:{} urn:x:{i}\r\n", i % 250 + 1)),
        of_media("feedback", &|i| format!("a=rtcp-fb:96 x{i}\r\n")),
        of_media("feedback that is known", &|_| "a=rtcp-fb:96 nack\r\n".into()),
        of_media("parameters", &|i| format!("a=fmtp:96 x={i}\r\n")),
        of_media("msids", &|i| format!("a=msid:a {i}\r\n")),
        of_media("mids", &|i| format!("a=mid:{i}\r\n")),
        of_media("unknown lines", &|i| format!("a=x:{i}\r\n")),
        of_session("fingerprints", &|_| fingerprint.clone()),
        of_session("groups", &|i| format!("a=group:BUNDLE {i}\r\n")),
        ("mids of the group", {
            let mids = each(&|i| format!(" m{i}"));
            format!("{begin}{fingerprint}{media}").replace("BUNDLE 0", &format!("BUNDLE 0{mids}"))
        }),
        ("formats", {
            let formats = each(&|i| format!(" {}", i % 128));
            format!("{begin}{fingerprint}{media}").replace("SAVPF 96", &format!("SAVPF 96{formats}"))
        }),
        (
            "one long line",
            format!("{begin}{fingerprint}{media}a=fmtp:96 {}\r\n", "x".repeat(20 * n)),
        ),
        (
            "one long parameter",
            format!("{begin}{fingerprint}{media}a=fmtp:96 {}\r\n", "x=1;".repeat(5 * n)),
        ),
    ]
}

/// How often the costs of two offers are compared: other work on the machine disturbs single attempts.
const ATTEMPTS: usize = 12;

/// The time in which a new client is answered or refused.
fn time_of(sdp: &str) -> Duration {
    let mut world = World::new(69);
    let a = world.add("ana", false);
    // Whether it is refused is not the question here.
    cpu_time(|| offer(&mut world, a, sdp))
}

/// Whether an offer that is four times as long costs less than eight times as much; what is quadratic costs sixteen times as
/// much. Both take turns, and the least time of each counts, so that a machine that is busy for a while slows both.
fn is_in_proportion(name: &str, one: &str, four: &str) -> bool {
    let (mut small, mut large) = (Duration::MAX, Duration::MAX);
    for attempt in 1..=ATTEMPTS {
        (small, large) = (small.min(time_of(one)), large.min(time_of(four)));
        // The least of three is the first that can be trusted.
        if attempt >= 3 && large < 8 * small {
            return true;
        }
    }
    println!("{name}: {} bytes {small:?}, {} bytes {large:?}", one.len(), four.len());
    false
}

#[test]
fn no_offer_costs_more_than_in_proportion_to_its_length() {
    for ((name, one), (_, four)) in growing(2_000).iter().zip(&growing(8_000)) {
        assert!(is_in_proportion(name, one, four), "{name}");
    }
}
