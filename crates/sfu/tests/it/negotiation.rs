//! Offers and answers that are not the ordinary ones.

use std::time::Duration;

use sfu::{Command, Outcome, PeerId, RefusalCode, Source, TrackName, Undecodable};
use str0m::RtcConfig;
use str0m::media::MediaKind::{Audio, Video};
use str0m::media::Mid;

use crate::support::client::Got;
use crate::support::{World, config, peer_id, plain_offer};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_recvonly_client_is_sent_tracks_on_its_own_m_lines() {
    let mut world = World::new(20);
    let a = world.join("ana");
    world.run(2 * SECOND);
    let b = world.add("ben", false);
    world.clients[b].add_slots(1, 1);
    world.offer(b);
    world.run_until(5 * SECOND, "media", |world| {
        world.clients[b].got_from(Video, a) > 0 && world.clients[b].got_from(Audio, a) > 0
    });
    assert_eq!(world.clients[b].offers, 0);
    assert!(world.clients[b].last_answer.contains("a=msid:ana camera"));
    let c = world.join("cyn");
    world.run_until(5 * SECOND, "media of the next", |world| {
        world.clients[b].got_from(Video, c) > 0
    });
    world.leave(a);
    world.run(SECOND);
    let d = world.join("dan");
    world.run_until(5 * SECOND, "media on the freed lines", |world| {
        world.clients[b].got_from(Video, d) > 0
    });
    assert_eq!(world.clients[b].last_offer.matches("m=").count(), 4);
}

/// Such clients can be offered no m-lines (RFC 9143): each could have a transport of its own.
#[test]
fn a_client_that_bundles_nothing_is_sent_tracks_where_it_sends_its_own() {
    let mut world = World::new(520);
    let join = |world: &mut World, name: &str| {
        let index = world.add(name, false);
        world.clients[index].bundles = false;
        world.clients[index].add_track(Audio);
        world.clients[index].add_track(Video);
        world.offer(index);
        world.run(2 * SECOND);
        index
    };
    let (a, b) = (join(&mut world, "ana"), join(&mut world, "ben"));
    let directions = |sdp: &str| ["sendrecv", "recvonly"].map(|one| sdp.matches(&format!("a={one}\r\n")).count());
    assert_eq!(directions(&world.clients[a].last_answer), [0, 2]);
    assert_eq!(directions(&world.clients[b].last_answer), [2, 0]);
    assert!(world.clients[b].last_answer.contains("a=msid:ana camera"));
    let (offers, offer) = (world.clients[a].offers, world.clients[a].last_offer.clone());
    assert_eq!(
        (offers, directions(&offer), offer.matches("m=").count()),
        (1, [2, 0], 2)
    );
    assert!(
        offer.contains("a=msid:ben camera") && !offer.contains("a=group"),
        "{offer}"
    );
    for client in &mut world.clients {
        client.forget_got();
    }
    world.run(SECOND);
    for (to, from) in [(a, b), (b, a)] {
        let (heard, seen) = (
            world.clients[to].got_from(Audio, from),
            world.clients[to].got_from(Video, from),
        );
        assert!(heard > 45 && seen > 45, "{heard} {seen}");
    }
    // There is no m-line for more. Where somebody leaves, the next one is sent.
    let c = join(&mut world, "cyn");
    assert_eq!(world.clients[a].got_from(Video, c), 0);
    world.leave(b);
    world.run_until(5 * SECOND, "media of the next", |world| {
        world.clients[a].got_from(Video, c) > 20 && world.clients[c].got_from(Video, a) > 20
    });
    world.leave(c);
    world.run(SECOND);
    assert_eq!(directions(&world.clients[a].last_offer), [0, 2], "Ana is still heard");
    assert!(world.refusals().is_empty(), "{:?}", world.refusals());
}

#[test]
fn a_recvonly_client_that_comes_first_gets_the_first_tracks() {
    let mut world = World::new(21);
    let b = world.add("ben", false);
    world.clients[b].add_slots(1, 1);
    world.offer(b);
    world.run(SECOND);
    assert_eq!(world.clients[b].last_answer.matches("a=inactive").count(), 2);
    let a = world.join("ana");
    world.run_until(5 * SECOND, "media", |world| world.clients[b].got_from(Video, a) > 0);
    assert_eq!(
        world.clients[b].last_offer.matches("m=").count(),
        2,
        "its own lines are used"
    );
    assert!(
        world.clients[b].last_offer.contains("a=ssrc-group:FID"),
        "resends are announced"
    );
}

/// What an SDP says of an m-line.
fn section(sdp: &str, mid: Mid) -> &str {
    let of_mid = |section: &&str| section.contains(&format!("a=mid:{mid}\r\n"));
    sdp.split("m=").find(of_mid).unwrap()
}

#[test]
fn a_track_added_on_a_recvonly_m_line_is_seen_and_its_client_still_sees() {
    let mut world = World::new(33);
    let a = world.join("ana");
    world.run(2 * SECOND);
    let b = world.add("ben", false);
    world.clients[b].add_slots(1, 1);
    world.offer(b);
    world.run_until(5 * SECOND, "media", |world| world.clients[b].got_from(Video, a) > 0);
    let mid = *world.clients[b]
        .kinds
        .iter()
        .find(|(_, kind)| **kind == Video)
        .unwrap()
        .0;
    world.clients[b].send_on(mid);
    world.clients[b].forget_got();
    world.offer(b);
    world.run_until(5 * SECOND, "media both ways", |world| {
        world.clients[a].got_from(Video, b) > 20 && world.clients[b].got_from(Video, a) > 20
    });
    let answered = section(&world.clients[b].last_answer, mid);
    assert!(
        answered.contains("a=recvonly") && !answered.contains("a=msid"),
        "{answered}"
    );
    let offered = &world.clients[b].last_offer;
    assert_eq!(offered.matches("m=").count(), 3);
    assert!(section(offered, mid).contains("a=recvonly"), "{offered}");
    assert!(!world.clients[b].got.contains_key(&mid));

    world.clients[b].only_receive_on(mid);
    world.offer(b);
    let c = world.join("cyn");
    world.run_until(5 * SECOND, "media on the line that is free again", |world| {
        world.clients[b]
            .got
            .get(&mid)
            .is_some_and(|got| got.from.contains_key(&(c as u8)))
    });
    assert_eq!(world.clients[b].got[&mid].entered_without_keyframe, 0);
    assert!(world.refusals().is_empty(), "{:?}", world.refusals());
}

#[test]
fn an_answer_has_no_track_on_the_clients_own_m_lines() {
    let mut world = World::new(22);
    let a = world.join("ana");
    world.run(SECOND);
    let answer = &world.clients[a].last_answer;
    assert_eq!(
        (answer.matches("a=recvonly").count(), answer.matches("a=msid:").count()),
        (2, 0)
    );
    assert!(
        answer.contains(" udp ") && answer.contains("tcptype passive"),
        "{answer}"
    );
    assert!(answer.contains("a=ice-lite") && answer.contains("a=end-of-candidates"));
    for codec in [
        "opus/48000/2",
        "VP8/90000",
        "VP9/90000",
        "H264/90000",
        "AV1/90000",
        "rtx/90000",
    ] {
        assert!(answer.contains(codec), "{codec}");
    }
    assert!(answer.find("VP8/90000") < answer.find("H264/90000"));
}

/// Ben's coming makes the server offer to Ana, just when she offers a screen.
fn glare(seed: u64, polite: bool) -> (World, Duration) {
    let mut world = World::new(seed);
    let a = world.join("ana");
    world.clients[a].polite = polite;
    world.run(2 * SECOND);
    let b = world.join("ben");
    world.run_until(SECOND, "ben is there", |world| world.shard.stats().peers == 2);
    world.run(Duration::from_millis(15));
    world.clients[a].add_track(Video);
    world.offer(a);
    let time = world.run_until(5 * SECOND, "all media", |world| {
        let of_ana = |got: &&Got| got.from.contains_key(&(a as u8));
        world.clients[a].got_from(Video, b) > 0 && world.clients[b].got.values().filter(of_ana).count() == 3
    });
    assert_eq!(world.clients[a].glares, 1, "the test did not cause glare");
    assert!(world.refusals().is_empty(), "{:?}", world.refusals());
    assert!(world.clients[b].last_offer.contains("a=msid:ana/screen screen"));
    (world, time)
}

#[test]
fn glare_with_a_polite_client_ends_well() {
    let (mut world, time) = glare(23, true);
    assert!(time < SECOND, "{time:?}");
    assert_eq!((world.clients[0].offers, world.clients[0].answers), (1, 2));
    let c = world.join("cyn");
    world.run_until(5 * SECOND, "negotiation goes on", |world| {
        world.clients[0].got_from(Video, c) > 0
    });
}

#[test]
fn glare_with_a_client_that_insists_ends_well() {
    let (world, _) = glare(34, false);
    assert_eq!((world.clients[0].offers, world.clients[0].answers), (2, 2));
}

#[test]
fn an_offer_that_is_repeated_in_glare_is_answered_two_seconds_after_the_first() {
    let mut world = World::new(98);
    let a = world.join("ana");
    world.run(2 * SECOND);
    world.clients[a].silent = true;
    world.join("ben");
    world.run_until(5 * SECOND, "an offer to ana", |world| world.clients[a].offers > 0);
    world.clients[a].add_track(Video);
    let (sdp, begin) = (world.clients[a].offer(), world.now);
    while world.clients[a].answers == 1 {
        world.offer_sdp(a, sdp.clone());
        world.run(SECOND * 3 / 2);
        assert!(world.now < begin + 4 * SECOND, "not answered");
    }
    assert_eq!(world.shard.stats().tracks, 5);
}

#[test]
fn after_a_long_answer_the_next_offer_waits() {
    for (padding, is_long) in [(0, false), (200_000, true)] {
        let mut world = World::new(99);
        let a = world.join("ana");
        world.run(2 * SECOND);
        world.clients[a].silent = true;
        world.join("ben");
        world.join("cyn");
        world.run_until(5 * SECOND, "an offer to ana", |world| world.clients[a].offers > 0);
        // By then the server has another one to make.
        world.run(SECOND);
        let (offer, own) = (world.clients[a].last_offer.clone(), world.clients[a].own_offer.clone());
        let (transport, offers) = (world.clients[a].id().transport, world.clients[a].offers);
        world.join("dan");
        world.run(SECOND);
        let sdp = as_client(&offer, &own, "active") + &"a=x-long\r\n".repeat(padding / 10);
        assert_eq!(world.execute(Command::Answer { transport, sdp }), Ok(Outcome::Done));
        let time = world.run_until(SECOND, "the next offer", |world| world.clients[a].offers > offers);
        assert_eq!(time > SECOND / 5, is_long, "{time:?}");
    }
}

#[test]
fn an_unanswered_offer_is_repeated_unchanged() {
    let mut world = World::new(24);
    let a = world.join("ana");
    world.run(2 * SECOND);
    world.clients[a].silent = true;
    let b = world.join("ben");
    world.run(5 * SECOND);
    assert_eq!(world.clients[a].offers, 1, "one offer is outstanding at most");
    let first = world.clients[a].last_offer.clone();
    world.clients[a].silent = false;
    world.run_until(10 * SECOND, "media", |world| world.clients[a].got_from(Video, b) > 0);
    assert_eq!((world.clients[a].offers, &world.clients[a].last_offer), (2, &first));
}

#[test]
fn a_late_answer_is_taken_and_its_repetition_ignored() {
    let mut world = World::new(35);
    let a = world.join("ana");
    world.run(2 * SECOND);
    // Longer on its way than the time after which the offer is made again.
    world.signaling_delay = 8 * SECOND;
    let b = world.join("ben");
    world.run_until(40 * SECOND, "media", |world| world.clients[a].got_from(Video, b) > 0);
    world.signaling_delay = SECOND / 100;
    world.run(20 * SECOND);
    assert_eq!(world.clients[a].offers, 2);
    assert!(world.refusals().is_empty(), "{:?}", world.refusals());
    let c = world.join("cyn");
    world.run_until(5 * SECOND, "negotiation goes on", |world| {
        world.clients[a].got_from(Video, c) > 0
    });
}

#[test]
fn an_answer_to_an_offer_that_was_withdrawn_has_no_more_tracks_than_an_offer_may_have() {
    let mut config = config();
    config.limits.tracks = 3;
    let mut world = World::with(config, 38);
    let a = world.join("ana");
    world.run(2 * SECOND);
    world.clients[a].silent = true;
    let b = world.join("ben");
    world.join("cyn");
    world.run(SECOND);
    let offer = world.clients[a].last_offer.clone();
    assert_eq!(offer.matches("\r\nm=").count(), 6);
    // Its own offer comes first, and so the server's is withdrawn.
    let own = world.clients[a].own_offer.clone();
    world.offer_sdp(a, own);
    world.run(3 * SECOND);
    world.clients[a].silent = false;
    let answer = world.clients[a].offered(&offer).unwrap();
    let mut late = |sdp: String| {
        let transport = world.clients[a].transport.as_str().into();
        world.execute(Command::Answer { transport, sdp })
    };
    let refusal = late(answer.replace("a=recvonly", "a=sendrecv")).unwrap_err();
    assert_eq!(refusal.code, RefusalCode::InvalidSdp);
    assert_eq!(refusal.message, "the client sends more than 3 tracks");
    assert_eq!(late(answer), Ok(Outcome::Done));
    assert_eq!(world.shard.stats().tracks, 6);
    world.run_until(5 * SECOND, "media", |world| world.clients[a].got_from(Video, b) > 0);
}

#[test]
fn a_client_can_name_its_tracks() {
    let mut world = World::new(25);
    let a = world.add("ana", false);
    world.clients[a].add_track(Video);
    world.clients[a].add_track(Audio);
    let sdp = world.clients[a].offer();
    let video_mid = world.clients[a].mids(Video)[0].to_string();
    let tracks = vec![TrackName {
        mid: video_mid,
        source: Source::Screen,
    }];
    world.command(Command::Offer {
        peer: world.clients[a].id(),
        sdp,
        slots: false,
        tracks,
        name: String::new(),
        recording: None,
    });
    world.run(SECOND);
    let b = world.join("ben");
    world.run(2 * SECOND);
    let offer = &world.clients[b].last_offer;
    assert!(
        offer.contains("a=msid:ana/screen screen") && offer.contains("a=msid:ana microphone"),
        "{offer}"
    );
}

#[test]
fn an_invalid_offer_leaves_the_call_alive() {
    let mut world = World::new(26);
    let a = world.join("ana");
    let b = world.join("ben");
    world.run(3 * SECOND);
    let bad = [
        "".to_string(),
        "no sdp".to_string(),
        "v=0\r\n".to_string(),
        "x".repeat(300_000),
        world.clients[a].last_answer.replace("a=mid:", "a=dim:"),
        world.clients[a].last_answer.replace("a=fingerprint", "a=printfinger"),
        world.clients[a].last_answer.replace("a=ice-pwd", "a=ice-dwp"),
        world.clients[a]
            .last_answer
            .split("m=video")
            .next()
            .unwrap()
            .to_string(),
    ];
    for (index, sdp) in bad.iter().enumerate() {
        world.offer_sdp(a, sdp.clone());
        // Two a second are read.
        world.run(SECOND / 2);
        assert_eq!(world.refused.len(), index + 1, "{}", &sdp[..sdp.len().min(80)]);
    }
    world.clients[b].forget_got();
    world.run(SECOND);
    assert!(world.clients[b].got_from(Video, a) > 0);
    for refusal in &world.refused {
        assert_eq!(
            (refusal.code, &refusal.to),
            (RefusalCode::InvalidSdp, &Some(world.clients[a].id()))
        );
    }
    let c = world.join("cyn");
    world.run_until(5 * SECOND, "negotiation goes on", |world| {
        world.clients[a].got_from(Video, c) > 0
    });
}

#[test]
fn an_invalid_first_offer_opens_nothing() {
    let mut world = World::new(27);
    let sdp = "v=0\r\na=group:BUNDLE 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n";
    world.command(plain_offer(peer_id("sfu_x", "x"), sdp));
    world.run(SECOND);
    assert_eq!(world.refusals().len(), 1);
    let stats = world.shard.stats();
    assert_eq!((stats.rooms, stats.peers), (0, 0));
}

#[test]
fn an_answer_without_an_offer_or_with_other_m_lines_is_refused() {
    let mut world = World::new(28);
    let a = world.join("ana");
    let b = world.join("ben");
    world.run(3 * SECOND);
    let sdp = world.clients[a].last_offer.clone();
    world.command(Command::Answer {
        transport: world.clients[a].transport.as_str().into(),
        sdp,
    });
    world.clients[a].silent = true;
    let c = world.join("cyn");
    world.run(SECOND);
    world.command(Command::Answer {
        transport: world.clients[a].transport.as_str().into(),
        sdp: "v=0\r\n".into(),
    });
    world.run(SECOND);
    assert_eq!(world.refusals().len(), 2, "{:?}", world.refusals());
    world.clients[a].silent = false;
    world.run_until(12 * SECOND, "media", |world| {
        world.clients[a].got_from(Video, c) > 0 && world.clients[a].got_from(Video, b) > 0
    });
}

#[test]
fn a_transport_belongs_to_one_user_and_room() {
    let mut world = World::new(29);
    let a = world.join("ana");
    world.run(2 * SECOND);
    let sdp = world.clients[a].last_answer.clone();
    let own = world.clients[a].id();
    for stolen in [
        PeerId {
            room: "other".into(),
            ..own.clone()
        },
        PeerId {
            user: "eve".into(),
            ..own.clone()
        },
    ] {
        let refusal = world.execute(plain_offer(stolen.clone(), &*sdp)).unwrap_err();
        assert_eq!((refusal.code, refusal.to), (RefusalCode::NotFound, Some(stolen)));
    }
    assert_eq!(world.shard.stats().peers, 1);
}

#[test]
fn a_data_channel_does_no_harm() {
    let mut world = World::new(30);
    let a = world.join("ana");
    let b = world.add("ben", false);
    let candidate = str0m::Candidate::host(world.clients[b].address, "udp").unwrap();
    world.clients[b].rtc.add_local_candidate(candidate);
    let mut api = world.clients[b].rtc.sdp_api();
    api.add_channel("chat".into());
    api.add_media(Audio, str0m::media::Direction::SendRecv, None, None, None);
    let (offer, pending) = api.apply().unwrap();
    world.clients[b].set_pending(pending);
    world.offer_sdp(b, offer.to_sdp_string());
    world.run_until(5 * SECOND, "media", |world| world.clients[b].got_from(Video, a) > 0);
    assert!(world.refusals().is_empty());
}

#[test]
fn each_subscriber_gets_its_own_payload_type() {
    let mut world = World::new(31);
    let a = world.add("ana", false);
    let h264 = || {
        RtcConfig::new()
            .clear_codecs()
            .enable_opus(true, false)
            .enable_h264(true)
    };
    world.clients[a].use_config(h264());
    world.clients[a].add_track(Audio);
    world.clients[a].add_track(Video);
    world.offer(a);
    world.run(2 * SECOND);
    let b = world.add("ben", false);
    let mut other = RtcConfig::new().clear_codecs();
    other.codec_config().add_config(
        99.into(),
        None,
        str0m::format::Codec::Opus,
        str0m::media::Frequency::FORTY_EIGHT_KHZ,
        Some(2),
        Default::default(),
    );
    other
        .codec_config()
        .add_h264(98.into(), Some(97.into()), true, 0x42e01f);
    world.clients[b].use_config(other);
    world.clients[b].add_track(Audio);
    world.offer(b);
    world.run_until(5 * SECOND, "audio under another number", |world| {
        world.clients[b].got_from(Audio, a) > 0
    });
    assert!(world.shard.stats().rtp_forwarded > 0);
}

#[test]
fn a_client_is_told_whose_media_it_cannot_decode() {
    let mut world = World::new(97);
    let a = world.join("ana");
    world.run(2 * SECOND);
    let b = world.add("ben", false);
    let h264 = RtcConfig::new().clear_codecs().enable_opus(true, false);
    world.clients[b].use_config(h264.enable_h264(true));
    world.clients[b].add_track(Audio);
    world.offer(b);
    world.run_until(5 * SECOND, "audio", |world| world.clients[b].got_from(Audio, a) > 50);
    let told = world.events.iter().filter_map(|event| match &event.body {
        sfu::Body::NoCommonCodec(told) => Some(told),
        _ => None,
    });
    let undecodable = Undecodable {
        user: "ana".into(),
        source: Source::Camera,
        codec: "VP8".into(),
        accepted: vec!["H264".into()],
    };
    assert_eq!(told.collect::<Vec<_>>(), [&undecodable]);
    assert_eq!(world.clients[b].got_from(Video, a), 0);
}

/// The SDP of a client that has the m-lines of an offer of the server's. `own` is an SDP of that client.
fn as_client(offer: &str, own: &str, setup: &str) -> String {
    let of_client = |name: &str| own.lines().find(|line| line.starts_with(name)).unwrap().to_owned();
    let lines = offer.lines().filter(|line| *line != "a=ice-lite").map(|line| {
        let name = ["a=ice-ufrag:", "a=ice-pwd:", "a=fingerprint:"]
            .into_iter()
            .find(|name| line.starts_with(name));
        match (name, line) {
            (Some(name), _) => of_client(name),
            (None, "a=sendonly") => "a=recvonly".to_owned(),
            (None, "a=recvonly") => "a=sendonly".to_owned(),
            (None, line) if line.starts_with("a=setup:") => format!("a=setup:{setup}"),
            (None, line) => line.to_owned(),
        }
    });
    lines.collect::<Vec<_>>().join("\r\n") + "\r\n"
}

/// RFC 3264 section 8.2 and RFC 8829 section 5.2.2: a rejected m-line may be used again in a later offer.
#[test]
fn an_m_line_of_the_servers_that_the_client_rejected_may_be_enabled_again() {
    for (seed, mid_again) in [(120, None), (121, Some("again"))] {
        let mut world = World::new(seed);
        let a = world.join("ana");
        world.run(2 * SECOND);
        world.clients[a].silent = true;
        world.join("ben");
        world.run(SECOND);
        let (offer, own) = (world.clients[a].last_offer.clone(), world.clients[a].own_offer.clone());
        let last = offer.rfind("m=video").unwrap();
        let mid = offer[last..]
            .lines()
            .find_map(|line| line.strip_prefix("a=mid:"))
            .unwrap();
        let rejected = |sdp: String| {
            let (begin, end) = sdp.split_at(sdp.rfind("m=video").unwrap());
            // Only the BUNDLE group has it behind a space and before a line break.
            begin.replace(&format!(" {mid}\r\n"), "\r\n") + &end.replacen("m=video 9", "m=video 0", 1)
        };
        let (id, forwarded) = (world.clients[a].id(), |world: &World| world.shard.stats().rtp_forwarded);
        let answer = Command::Answer {
            transport: id.transport.clone(),
            sdp: rejected(as_client(&offer, &own, "active")),
        };
        assert_eq!(world.execute(answer), Ok(Outcome::Done));
        world.run(SECOND);
        let told = world.events.iter().filter_map(|event| match &event.body {
            sfu::Body::Refused { code, message } => Some((code.as_str(), &**message)),
            _ => None,
        });
        let declined = (
            "declined",
            "the camera of ben is not sent: the answer rejects its m-line",
        );
        assert_eq!(told.collect::<Vec<_>>(), [declined]);
        let before = forwarded(&world);
        world.run(SECOND);
        let only_audio = forwarded(&world) - before;

        let mut again = as_client(&offer, &own, "actpass");
        let mid_again = mid_again.unwrap_or(mid);
        again = again.replace(&format!("a=mid:{mid}\r\n"), &format!("a=mid:{mid_again}\r\n"));
        again = again.replace(&format!(" {mid}\r\n"), &format!(" {mid_again}\r\n"));
        let Ok(Outcome::Answer { sdp, .. }) = world.execute(plain_offer(id, again)) else {
            panic!("{:?}", world.refused);
        };
        let line = &sdp[sdp.rfind("m=video").unwrap()..];
        assert_eq!(sdp.matches("m=").count(), offer.matches("m=").count(), "none is added");
        assert!(line.starts_with("m=video 9 "), "{line}");
        assert!(line.contains(&format!("a=mid:{mid_again}\r\n")), "{line}");
        assert!(
            line.contains("a=sendonly") && line.contains("a=msid:ben camera"),
            "{line}"
        );
        world.run(SECOND);
        let before = forwarded(&world);
        world.run(SECOND);
        let both = forwarded(&world) - before;
        assert!(both > only_audio + 20, "{only_audio} packets, then {both}");
        assert_eq!(world.shard.stats().faults, 0);
    }
}

#[test]
fn what_exceeds_the_limits_is_refused() {
    let mut config = crate::support::config();
    config.limits.peers = 2;
    config.limits.tracks = 3;
    let mut world = World::with(config, 32);
    let a = world.join("ana");
    world.join("ben");
    world.run(SECOND);
    world.join("cyn");
    world.run(SECOND);
    let codes: Vec<_> = world.refused.iter().map(|refusal| refusal.code).collect();
    assert_eq!(codes, [RefusalCode::RoomFull]);
    assert_eq!(world.shard.stats().peers, 2);
    for _ in 0..2 {
        world.clients[a].add_track(Video);
    }
    world.offer(a);
    world.run(SECOND);
    assert!(world.refusals().iter().any(|message| message.contains("3 tracks")));
    assert_eq!(world.shard.stats().tracks, 4);
}

#[test]
fn the_first_offer_waits_until_the_client_is_connected() {
    let mut world = World::new(90);
    let a = world.join("ana");
    world.run(2 * SECOND);
    let b = world.join("ben");
    world.clients[b].cut = true;
    world.run(3 * SECOND);
    assert_eq!((world.clients[b].answers, world.clients[b].offers), (1, 0));
    world.clients[b].cut = false;
    world.run_until(5 * SECOND, "media", |world| world.clients[b].got_from(Video, a) > 0);
    assert_eq!(world.clients[b].offers, 1);
}

#[test]
fn an_answer_with_new_ice_credentials_is_survived() {
    let mut world = World::new(91);
    let a = world.join("ana");
    world.run(2 * SECOND);
    world.clients[a].renews_credentials = true;
    let b = world.join("ben");
    world.run_until(5 * SECOND, "media", |world| world.clients[a].got_from(Video, b) > 0);
    assert!(!world.clients[a].renews_credentials);
    // Its checks come with the new credentials, and so do those of the server.
    world.run(40 * SECOND);
    world.clients[a].forget_got();
    world.run(SECOND);
    assert!(world.clients[a].got_from(Video, b) > 20);
    assert_eq!(world.states_of(a), [sfu::TransportState::Connected]);
    assert!(world.refusals().is_empty(), "{:?}", world.refusals());
}

#[test]
fn nothing_is_sent_on_a_new_m_line_before_the_client_answered_for_it() {
    let mut world = World::new(92);
    let a = world.join("ana");
    world.clients[a].sends = false;
    world.run(2 * SECOND);
    world.clients[a].silent = true;
    world.join("ben");
    world.run(5 * SECOND);
    assert_eq!((world.clients[a].offers, world.shard.stats().rtp_forwarded), (1, 0));
    world.clients[a].silent = false;
    world.run_until(10 * SECOND, "media", |world| world.shard.stats().rtp_forwarded > 0);
}

#[test]
fn candidates_may_come_before_the_offer() {
    let mut world = World::new(93);
    let candidate = Command::Candidate {
        transport: "sfu_0".into(),
        candidate: "candidate:1 1 udp 1 10.0.0.1 5000 typ host".into(),
    };
    assert_eq!(world.execute(candidate), Ok(Outcome::Done));
}

/// As `glare`, but everything is under way for so long that the server waits for nothing. Ana repeats her offer after some time.
fn slow_glare(seed: u64, delay: Duration, restart: bool, adds: bool, repeats: Option<Duration>) {
    let mut world = World::new(seed);
    let a = world.join("ana");
    world.run(2 * SECOND);
    let b = world.join("ben");
    world.run_until(SECOND, "ben is there", |world| world.shard.stats().peers == 2);
    world.signaling_delay = delay;
    world.run(Duration::from_millis(15));
    if adds {
        world.clients[a].add_track(Video);
    }
    if restart {
        world.clients[a].restart_ice();
    }
    world.offer(a);
    let step = std::mem::replace(&mut world.step, SECOND / 20);
    if let Some(after) = repeats {
        world.run(after);
        let offer = world.clients[a].own_offer.clone();
        world.offer_sdp(a, offer);
    }
    world.run(8 * delay);
    (world.signaling_delay, world.step) = (SECOND / 100, step);
    assert!(world.clients[a].glares > 0, "the test did not cause glare");
    let c = world.join("cyn");
    world.run_until(30 * SECOND, "all media", |world| {
        let of_ana = |got: &&Got| got.from.contains_key(&(a as u8));
        world.clients[a].got_from(Video, b) > 0
            && world.clients[a].got_from(Video, c) > 0
            && world.clients[c].got.values().filter(of_ana).count() == 2 + usize::from(adds)
    });
    world.clients.iter_mut().for_each(|client| client.forget_got());
    world.run(2 * SECOND);
    assert!(world.clients[a].got_from(Video, c) > 20 && world.clients[b].got_from(Video, a) > 20);
    assert_eq!(world.states_of(a), [sfu::TransportState::Connected]);
}

/// One way, so that answers are later than some of the server's timers, and than all of them.
const DELAYS: [Duration; 2] = [Duration::from_secs(20), Duration::from_secs(40)];

#[test]
fn glare_slower_than_any_timer_ends_well() {
    for (seed, delay) in (94..).zip(DELAYS) {
        slow_glare(seed, delay, false, true, None);
        // Just before the server's offer comes, so that the server has made another one by then.
        slow_glare(seed, delay, false, true, Some(delay * 9 / 10));
    }
}

#[test]
fn glare_slower_than_any_timer_with_an_ice_restart_ends_well() {
    for (seed, delay) in (510..).zip(DELAYS) {
        slow_glare(seed, delay, true, true, None);
        slow_glare(seed, delay, true, false, None);
    }
}
