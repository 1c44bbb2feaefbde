//! The RTP streams of a publisher: which SSRCs count, where they belong, and which one is forwarded.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use sfu::Transport;
use str0m::crypto::dtls::SrtpProfile;
use str0m::format::Codec;
use str0m::media::MediaKind::{self, Audio, Video};
use str0m::media::Mid;

use crate::support::World;
use crate::support::old_dtls::{self, Exported, Key};
use crate::support::sealing::Sealer;

const SECOND: Duration = Duration::from_secs(1);

/// Two who see and hear each other.
fn call(seed: u64) -> (World, usize, usize) {
    let mut world = World::new(seed);
    let (a, b) = (world.join("ana"), world.join("ben"));
    world.run_until(5 * SECOND, "media both ways", |world| {
        [(a, b), (b, a)].iter().all(|(to, from)| {
            let client = &world.clients[*to];
            client.got_from(Audio, *from) > 20 && client.got_from(Video, *from) > 20
        })
    });
    (world, a, b)
}

/// What a client got of a kind: the sequence numbers, and how many of the senders' first packets were no keyframes.
fn got(world: &World, client: usize, kind: MediaKind) -> (Vec<u64>, Vec<u16>, usize) {
    let client = &world.clients[client];
    let mut lines = client
        .got
        .iter()
        .filter(|(mid, _)| client.kinds.get(mid) == Some(&kind));
    let (_, got) = lines.next().unwrap();
    (
        got.sequences.clone(),
        got.pictures.clone(),
        got.entered_without_keyframe,
    )
}

fn longest_gap(sequences: &[u64]) -> u64 {
    let mut sorted = sequences.to_vec();
    sorted.sort_unstable();
    sorted.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or(0)
}

#[test]
fn another_ssrc_on_an_m_line_goes_on_without_a_gap() {
    for loss in [0.0, 0.02] {
        let (mut world, a, b) = call(200);
        world.loss = loss;
        let mut keyframes = world.clients[a].keyframe_requests;
        for (ssrc, sequence, timestamp) in [(70_000, 9, 5), (71_000, 65_000, u32::MAX - 9_000), (72_000, 20, 77)] {
            world.clients[a].begin_anew(Video, ssrc, sequence, timestamp);
            world.clients[a].begin_anew(Audio, ssrc + 500, sequence, timestamp);
            let (heard, seen) = (world.clients[b].got_from(Audio, a), world.clients[b].got_from(Video, a));
            world.run(2 * SECOND);
            let (heard, seen) = (
                world.clients[b].got_from(Audio, a) - heard,
                world.clients[b].got_from(Video, a) - seen,
            );
            // A keyframe, or the request for it, may be lost too.
            let least = if loss > 0.0 { 40 } else { 75 };
            assert!(heard > 85 && seen > least, "{heard} and {seen} packets of {ssrc}");
            let asked = world.clients[a].keyframe_requests;
            assert!(asked > keyframes, "it begins without a keyframe");
            keyframes = asked;
        }
        let (sequences, pictures, without_keyframe) = got(&world, b, Video);
        assert_eq!(without_keyframe, 0);
        // What is lost on both ways is a gap too.
        assert!(longest_gap(&sequences) <= if loss > 0.0 { 4 } else { 1 });
        assert!(
            pictures
                .windows(2)
                .all(|pair| loss > 0.0 || pair[1] == (pair[0] + 1) & 0x7fff),
            "{pictures:?}"
        );
        assert!(longest_gap(&got(&world, b, Audio).0) <= if loss > 0.0 { 4 } else { 1 });
    }
}

#[test]
fn leaping_numbers_are_authentic_to_all_who_receive_them() {
    let (mut world, a, b) = call(205);
    for round in 0..3 {
        // Two leaps of almost half a cycle, with nothing in between that is forwarded.
        world.clients[a].leap(Video, 32_700);
        world.clients[a].hostile_payload = Some(vec![0x90; 1_501]);
        world.run(Duration::from_millis(80));
        world.clients[a].hostile_payload = None;
        world.clients[a].leap(Video, 32_700);
        world.clients[b].forget_got();
        world.run(2 * SECOND);
        let seen = world.clients[b].got_from(Video, a);
        assert!(seen > 75, "{seen} packets after {round} leaps");
    }
    let (sequences, _, without_keyframe) = got(&world, b, Video);
    assert_eq!((longest_gap(&sequences), without_keyframe), (1, 0));
}

#[test]
fn of_several_encodings_one_is_forwarded_at_a_time() {
    let (mut world, a, b) = call(201);
    // The numbers of the encodings are those of Ana and of the clients after her.
    let counts = |world: &World| [0, 1, 2].map(|number| world.clients[b].got_from(Video, a + number));
    let seen_in = |world: &mut World, time| {
        let before = counts(world);
        world.run(time);
        let after = counts(world);
        [0, 1, 2].map(|number| after[number] - before[number])
    };
    world.clients[a].send_encodings(&[81_000, 82_000, 83_000]);
    world.run(SECOND);
    let seen = seen_in(&mut world, 4 * SECOND);
    let chosen = seen.iter().position(|count| *count > 0).unwrap();
    assert!(
        seen[chosen] >= 195 && seen.iter().sum::<usize>() == seen[chosen],
        "{seen:?}"
    );
    // It ends: another one takes its place, for good. They are numbered anew.
    world.clients[a].encodings.remove(chosen);
    world.run(SECOND);
    let seen = seen_in(&mut world, 4 * SECOND);
    assert!(
        *seen.iter().max().unwrap() >= 195 && seen.iter().sum::<usize>() <= 200,
        "{seen:?}"
    );
    let (sequences, _, without_keyframe) = got(&world, b, Video);
    assert_eq!((longest_gap(&sequences), without_keyframe), (1, 0));
}

/// Has a client offer without a word of SSRCs and header extensions.
fn offer_barely(world: &mut World, client: usize) {
    let sdp = world.clients[client].offer();
    let is_kept = |line: &&str| !line.starts_with("a=ssrc") && !line.starts_with("a=extmap");
    let bare: Vec<&str> = sdp.lines().filter(is_kept).collect();
    world.offer_sdp(client, bare.join("\r\n") + "\r\n");
}

#[test]
fn streams_without_mid_and_announcement_are_found_by_payload_type() {
    let mut world = World::new(202);
    let b = world.join("ben");
    let a = world.add("ana", false);
    world.clients[a].add_track(Audio);
    world.clients[a].add_track(Video);
    offer_barely(&mut world, a);
    world.run_until(5 * SECOND, "media of who announces nothing", |world| {
        world.clients[b].got_from(Audio, a) > 50 && world.clients[b].got_from(Video, a) > 50
    });
    // Its retransmissions are found too.
    world.loss = 0.1;
    world.run(SECOND);
    let before = world.clients[b].got_from(Video, a);
    world.run(10 * SECOND);
    let seen = world.clients[b].got_from(Video, a) - before;
    assert!(seen > 470, "{seen} of 500 video packets");
}

#[test]
fn an_ssrc_counts_when_it_is_authentic() {
    let (mut world, a, b) = call(203);
    let source = world.clients[a].address;
    let mid = world.clients[a].mids(Video)[0];
    let line = world.clients[a]
        .last_answer
        .lines()
        .find(|line| line.ends_with("sdes:mid"))
        .unwrap();
    let id: u8 = line["a=extmap:".len()..].split(' ').next().unwrap().parse().unwrap();
    let before = world.shard.stats().packets_unknown;
    for ssrc in 0..20_000_u32 {
        // With the MID of her camera, which a session would take for a change of its SSRC.
        let mut packet = vec![0x90, 96, 0, 1, 0, 0, 0, 1];
        packet.extend((1 + ssrc).to_be_bytes());
        packet.extend([0xbe, 0xde, 0, 1 + mid.len() as u8 / 4, id << 4 | (mid.len() as u8 - 1)]);
        packet.extend(mid.as_bytes());
        packet.resize(packet.len().next_multiple_of(4), 0);
        packet.extend([0; 40]);
        world.shard.receive(world.now, Transport::Udp, source, &packet);
    }
    assert_eq!(world.shard.stats().packets_unknown - before, 20_000);
    world.clients[b].forget_got();
    world.run(SECOND);
    assert!(world.clients[b].got_from(Audio, a) > 40 && world.clients[b].got_from(Video, a) > 45);
    assert_eq!(longest_gap(&got(&world, b, Video).0), 1);
    // And none of them stands in the way of a new one of hers.
    world.clients[a].begin_anew(Video, 90_000, 3, 3);
    world.clients[b].forget_got();
    world.run(SECOND);
    assert!(world.clients[b].got_from(Video, a) > 30);
}

#[test]
fn an_ssrc_that_is_gone_is_forgotten() {
    let (mut world, a, b) = call(204);
    // With retransmissions two a second and a half: 40 in 30 s, and 120 in all.
    for change in 0..60 {
        world.clients[a].begin_anew(Video, 100_000 + 10 * change, 3, 3);
        world.clients[b].forget_got();
        world.run(SECOND * 3 / 2);
        let seen = world.clients[b].got_from(Video, a);
        assert!(seen > 45, "{seen} packets after change {change}");
    }
}

/// Ana, who says when her streams end, and announces none; and Ben, who only watches. Gives where Ana's keys come.
fn bare_call(seed: u64) -> (World, usize, usize, Exported) {
    let mut world = World::new(seed);
    let (a, b) = (world.add("ana", false), world.add("ben", false));
    world.clients[b].add_slots(0, 2);
    world.offer(b);
    let (config, keys) = old_dtls::config_with_keys(Key::Ecdsa, SrtpProfile::AEAD_AES_128_GCM);
    world.clients[a].use_config(config);
    world.clients[a].add_track(Video);
    offer_barely(&mut world, a);
    world.run_until(5 * SECOND, "a picture", |world| {
        world.clients[b].got_from(Video, a) > 20
    });
    (world, a, b, keys)
}

/// What a client with these keys sends when streams of its end.
fn goodbye(sealer: &mut Sealer, ssrc: u32) -> Vec<u8> {
    sealer.rtcp(&[[0x81, 203, 0, 1], ssrc.to_be_bytes()].concat())
}

/// Has a client end its stream on an m-line, and go on there by another SSRC.
fn end(world: &mut World, client: usize, sealer: &mut Sealer, (mid, ssrc): (Mid, u32)) {
    // What is under way comes before the goodbye.
    world.clients[client].rest_on(mid, SECOND / 20);
    world.run(SECOND / 50);
    let (before, address) = (
        world.clients[client].change_ssrc_on(mid, ssrc),
        world.clients[client].address,
    );
    let ended = goodbye(sealer, before);
    world.shard.receive(world.now, Transport::Udp, address, &ended);
}

#[test]
fn an_ssrc_that_has_ended_is_forgotten_at_once() {
    let (mut world, a, b, keys) = bare_call(210);
    let mut sealer = Sealer::new(&keys.lock().unwrap().take().unwrap());
    let (mid, address) = (world.clients[a].mids(Video)[0], world.clients[a].address);
    let before = world.shard.stats().packets_unknown;
    for change in 0..100 {
        end(&mut world, a, &mut sealer, (mid, 130_000 + 10 * change));
        world.run(SECOND / 5);
    }
    world.run(SECOND);
    world.clients[b].forget_got();
    world.run(SECOND);
    assert!(world.clients[b].got_from(Video, a) > 45);
    // One that goes on has not ended.
    let ended = goodbye(&mut sealer, world.clients[a].ssrc(Video));
    world.shard.receive(world.now, Transport::Udp, address, &ended);
    world.clients[b].forget_got();
    world.run(SECOND);
    assert!(world.clients[b].got_from(Video, a) > 45);
    assert_eq!(world.shard.stats().packets_unknown, before);
}

/// The same when Ana shares her screen, too. Gives the m-lines of her camera and her screen, with those on which Ben gets them.
fn bare_call_with_screen(seed: u64) -> (World, usize, usize, Exported, [(Mid, Mid); 2]) {
    let (mut world, a, b, keys) = bare_call(seed);
    world.clients[a].add_track(Video);
    offer_barely(&mut world, a);
    world.run_until(5 * SECOND, "both pictures", |world| world.clients[b].got.len() == 2);
    world.run(SECOND);
    let offer = &world.clients[b].last_offer;
    let own = world.clients[a].mids(Video);
    let lines = ["a=msid:ana camera", "a=msid:ana/screen screen"].map(|label| {
        let section = offer.split("m=").find(|section| section.contains(label)).unwrap();
        let mid = section.lines().find_map(|line| line.strip_prefix("a=mid:")).unwrap();
        Mid::from(mid)
    });
    let lines = [(own[0], lines[0]), (own[1], lines[1])];
    (world, a, b, keys, lines)
}

#[test]
fn a_stream_without_mid_takes_the_place_of_one_that_has_ended() {
    let (mut world, a, b, keys, lines) = bare_call_with_screen(211);
    let mut sealer = Sealer::new(&keys.lock().unwrap().take().unwrap());
    for (turn, line) in [0, 1, 0].into_iter().enumerate() {
        let ((ends, seen), (rests, _)) = (lines[line], lines[1 - line]);
        // The other one has been silent for longer.
        world.clients[a].rest_on(rests, 3 * SECOND);
        world.run(SECOND);
        end(&mut world, a, &mut sealer, (ends, 140_000 + 10 * turn as u32));
        world.clients[b].forget_got();
        world.run(SECOND);
        let got = &world.clients[b].got;
        assert!(
            got.len() == 1 && got[&seen].from[&(a as u8)] > 20,
            "turn {turn}: {:?}",
            got.keys()
        );
        world.run(2 * SECOND);
        assert_eq!(world.clients[b].got.len(), 2, "the other one goes on");
    }
}

#[test]
fn a_stream_without_mid_takes_the_place_of_the_one_that_is_silent_longest() {
    let (mut world, a, b, _, lines) = bare_call_with_screen(212);
    for (turn, line) in [1, 0, 0, 1].into_iter().enumerate() {
        let (own, seen) = lines[line];
        world.clients[a].change_ssrc_on(own, 150_000 + 10 * turn as u32);
        world.clients[a].rest_on(own, SECOND);
        world.run(SECOND);
        world.clients[b].forget_got();
        world.run(SECOND);
        let got = &world.clients[b].got;
        assert!(
            got.len() == 2 && got[&seen].from[&(a as u8)] > 20,
            "turn {turn}: {:?}",
            got.keys()
        );
    }
}

#[test]
fn more_streams_at_a_time_than_there_may_be_are_refused() {
    let (mut world, a, b) = call(205);
    let many: Vec<u32> = (110_000..110_100).collect();
    world.clients[a].send_encodings(&many);
    world.run(SECOND / 2);
    world.clients[b].forget_got();
    let before = world.shard.stats().packets_unknown;
    world.run(SECOND);
    // 64 of which three were there before: 39 of a hundred are refused, 50 packets of each.
    let refused = world.shard.stats().packets_unknown - before;
    assert!((1_900..=2_000).contains(&refused), "{refused}");
    let sequences = got(&world, b, Video).0;
    assert!(sequences.len() > 45);
    assert_eq!(longest_gap(&sequences), 1);
}

#[test]
fn packets_of_strangers_are_nobodys() {
    let (mut world, _, _) = call(206);
    let before = world.shard.stats().packets_unknown;
    let stranger: SocketAddr = "203.0.113.5:40000".parse().unwrap();
    world.shard.receive(world.now, Transport::Udp, stranger, &[0x80; 60]);
    assert_eq!(world.shard.stats().packets_unknown - before, 1);
}

/// Where each sender report that a client got puts what was captured at the time zero, in seconds of NTP.
fn origins(world: &World, client: usize, kind: MediaKind, rate: f64) -> Vec<f64> {
    let client = &world.clients[client];
    let is_of_kind = |ssrc: &u32| {
        let captures = &client.captures[ssrc];
        captures.len() > 1 && client.kind_of(*ssrc) == Some(kind)
    };
    let ssrc = *client.reports.keys().find(|ssrc| is_of_kind(ssrc)).unwrap();
    let (timestamp, captured) = *client.captures[&ssrc].last().unwrap();
    let origin = |(ntp, rtp): &(SystemTime, u32)| {
        let ticks = f64::from(timestamp.wrapping_sub(*rtp).cast_signed());
        let ntp = ntp.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs_f64();
        ntp + ticks / rate - captured as f64 / 1e6
    };
    client.reports[&ssrc].iter().map(origin).collect()
}

#[test]
fn sender_reports_put_lips_in_sync_and_late_packets_do_not_move_them() {
    let (mut world, a, b) = call(207);
    // It takes long to encode a picture, and some come late, repaired.
    world.clients[a].encoding_time = Duration::from_millis(150);
    world.loss = 0.05;
    world.run(8 * SECOND);
    world.clients[b].reports.clear();
    world.run(15 * SECOND);
    let heard = origins(&world, b, Audio, 48_000.0);
    let seen = origins(&world, b, Video, 90_000.0);
    assert!(
        heard.len() >= 2 && seen.len() >= 10,
        "{} and {} reports",
        heard.len(),
        seen.len()
    );
    let all = || heard.iter().chain(&seen);
    let (first, last) = (
        all().copied().fold(f64::MAX, f64::min),
        all().copied().fold(0.0, f64::max),
    );
    assert!(last - first < 0.02, "{heard:?} and {seen:?}");
}

#[test]
fn what_one_user_sends_has_one_cname() {
    let (mut world, a, b) = call(208);
    let c = world.join("cyn");
    world.run(8 * SECOND);
    let cnames = |world: &mut World, kind| world.clients[b].cnames(kind);
    let (heard, seen) = (cnames(&mut world, Audio), cnames(&mut world, Video));
    assert_eq!(heard, seen);
    let users: Vec<_> = [a, c].map(|user| world.clients[user].user.clone()).to_vec();
    assert_eq!(heard, users);
}

#[test]
fn dependency_descriptors_of_av1_are_handed_on() {
    let mut world = World::new(209);
    let [a, b, c] = ["ana", "ben", "cyn"].map(|name| world.add(name, false));
    for client in [a, b, c] {
        // Cyn does not know the extension.
        if client != c {
            world.clients[client].use_descriptors();
        }
        world.clients[client].add_track(Video);
        world.offer(client);
    }
    world.run(2 * SECOND);
    // The first packet of a key frame: the N bit; and as long as a structure for three spatial layers.
    let mut payload = vec![0x18; 100];
    payload[7] = a as u8;
    let descriptor: Vec<u8> = (0..40).collect();
    world.clients[a].use_codec(Codec::Av1);
    world.clients[a].hostile_payload = Some(payload);
    world.clients[a].descriptor = Some(descriptor.clone());
    world.run(SECOND);
    let got = &world.clients[b].descriptors;
    assert!(got.len() > 40, "{}", got.len());
    let numbers = |got: &Vec<u8>| u16::from_be_bytes([got[1], got[2]]);
    // The first picture of AV1, after some of VP8.
    let is_whole = |got: &Vec<u8>| numbers(got) == 1 && got[3..] == descriptor[3..] && got[0] == descriptor[0];
    assert!(got.iter().all(is_whole), "{got:?}");
    assert!(world.clients[c].descriptors.is_empty());
    assert!(world.clients[c].got_from(Video, a) > 40);
    // Another source: frames are numbered on.
    world.clients[b].descriptors.clear();
    world.clients[a].begin_anew(Video, 120_000, 9, 9);
    world.clients[a].descriptor = Some([&[0, 0, 0][..], &descriptor[3..]].concat());
    world.run(SECOND);
    assert_eq!(world.clients[b].descriptors.last().map(numbers), Some(2));
    // VP8 says by itself what a frame needs.
    world.clients[a].use_codec(Codec::Vp8);
    world.clients[a].hostile_payload = None;
    world.run(SECOND);
    world.clients[b].descriptors.clear();
    world.run(SECOND);
    assert!(world.clients[b].descriptors.is_empty());
}
