//! Offers of clients: what they may have besides tracks, and which are refused.

use std::time::Duration;

use sfu::{Command, Outcome, PeerId, RefusalCode, Source, TrackName};
use str0m::media::MediaKind::{Audio, Video};

use crate::support::{World, config, peer_id, plain_offer};

const SECOND: Duration = Duration::from_secs(1);

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
fn candidates_may_come_before_the_offer() {
    let mut world = World::new(93);
    let candidate = Command::Candidate {
        transport: "sfu_0".into(),
        candidate: "candidate:1 1 udp 1 10.0.0.1 5000 typ host".into(),
    };
    assert_eq!(world.execute(candidate), Ok(Outcome::Done));
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
fn what_exceeds_the_limits_is_refused() {
    let mut config = config();
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
