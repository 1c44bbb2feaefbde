//! SDP as other stacks write it: each says the same in its own way, and is answered in it.

use std::time::Duration;

use sfu::{Command, Outcome};
use str0m::media::MediaKind::{Audio, Video};

use crate::support::{World, config, peer_id, plain_offer};

const SECOND: Duration = Duration::from_secs(1);

/// An offer of a microphone and a camera.
const OFFER: &str = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\n\
    a=fingerprint:sha-256 11:11:11:11:11:11:11:11:11:11:11:11:11:11:11:11:11:11:11:11:11:11:11:11:11:11:11:11:11:11:11:11\
    \r\na=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\na=setup:actpass\r\n\
    m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=sendrecv\r\na=rtcp-mux\r\n\
    a=rtpmap:111 opus/48000/2\r\na=ssrc:1 cname:a\r\n\
    m=video 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\na=sendrecv\r\na=rtcp-mux\r\n\
    a=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 nack\r\na=rtcp-fb:96 nack pli\r\na=rtcp-fb:96 ccm fir\r\na=ssrc:2 cname:a\r\n";

/// A world in which a client may be silent for long.
fn patient(seed: u64) -> World {
    let mut config = config();
    config.limits.ice_silence = 1_000 * SECOND;
    World::with(config, seed)
}

/// What the server answers, and how many tracks are published.
fn answer(world: &mut World, offer: &str) -> Result<(String, usize), String> {
    // Two short offers a second are read.
    world.run(SECOND * 3 / 5);
    match world.execute(plain_offer(peer_id("sfu_x", "x"), offer)) {
        Ok(Outcome::Answer { sdp, .. }) => Ok((sdp, world.shard.stats().tracks)),
        Ok(other) => panic!("{other:?}"),
        Err(refusal) => Err(refusal.message),
    }
}

fn first_answer(offer: &str) -> (String, usize) {
    answer(&mut patient(100), offer).unwrap()
}

/// The m-lines of an SDP.
fn media(sdp: &str) -> Vec<&str> {
    sdp.lines().filter_map(|line| line.strip_prefix("m=")).collect()
}

fn mids(sdp: &str) -> Vec<&str> {
    sdp.lines().filter_map(|line| line.strip_prefix("a=mid:")).collect()
}

#[test]
fn every_secured_profile_is_answered_as_it_is_written() {
    for profile in ["RTP/SAVPF", "UDP/TLS/RTP/SAVP", "TCP/DTLS/RTP/SAVPF", "RTP/SAVP"] {
        let (sdp, tracks) = first_answer(&OFFER.replace("UDP/TLS/RTP/SAVPF", profile));
        assert_eq!(
            media(&sdp),
            [format!("audio 9 {profile} 111"), format!("video 9 {profile} 96")]
        );
        assert_eq!(tracks, 2, "{profile}");
    }
}

#[test]
fn lines_that_say_nothing_to_the_server_do_no_harm() {
    let offer = OFFER
        .replace("s=-", "s= \r\ni=a\r\nu=b\r\ne=c\r\np=d\r\nb=AS:1\r\nb=CT:2")
        .replace(
            "c=IN IP4 0.0.0.0",
            "i=a\r\nc=IN IP4 0.0.0.0\r\nc=IN IP6 ::\r\nb=AS:1\r\nb=TIAS:2\r\nk=prompt",
        );
    assert_eq!(first_answer(&offer).1, 2);
    let without = OFFER.replace("s=-", "s=").replace("t=0 0", "t=1 2\r\nr=1 2 3");
    assert_eq!(first_answer(&without).1, 2);
}

#[test]
fn mids_are_any_tokens_and_come_back_as_they_came() {
    let long = "a-microphone.of_someone~with!a#long|name";
    for (one, other) in [
        (long, "b+c"),
        ("b-c", "b+c"),
        (&*format!("{long}1"), &*format!("{long}2")),
    ] {
        let offer = OFFER
            .replace("a=mid:0", &format!("a=mid:{one}"))
            .replace("a=mid:1", &format!("a=mid:{other}"));
        let (sdp, tracks) = first_answer(&offer.replace("BUNDLE 0 1", &format!("BUNDLE {one} {other}")));
        assert_eq!((mids(&sdp), tracks), (vec![one, other], 2));
        assert!(sdp.contains(&format!("a=group:BUNDLE {one} {other}\r\n")), "{sdp}");
    }
    let mut world = patient(101);
    for wrong in ["0", "a b", "<a>"] {
        let refused = answer(&mut world, &OFFER.replace("a=mid:1", &format!("a=mid:{wrong}")));
        assert!(refused.unwrap_err().contains("a=mid of m-line 1"));
    }
}

#[test]
fn another_order_of_the_group_is_answered_in_it() {
    let of_video = "a=mid:1\r\na=ice-ufrag:zzzz\r\na=ice-pwd:zzzzefghijklmnopqrstuvwx";
    let offer = OFFER.replace("BUNDLE 0 1", "BUNDLE 1 0").replace("a=mid:1", of_video);
    let (sdp, tracks) = first_answer(&offer);
    assert!(sdp.contains("a=group:BUNDLE 1 0\r\n"), "{sdp}");
    assert_eq!((mids(&sdp), tracks), (vec!["0", "1"], 2));
    let video = sdp.split("m=video").nth(1).unwrap();
    assert!(video.contains("a=candidate:"), "its transport is everyone's: {sdp}");
}

#[test]
fn without_a_group_the_first_m_line_is_answered() {
    let (sdp, tracks) = first_answer(&OFFER.replace("a=group:BUNDLE 0 1\r\n", ""));
    assert!(!sdp.contains("a=group"), "{sdp}");
    assert_eq!(
        media(&sdp),
        ["audio 9 UDP/TLS/RTP/SAVPF 111", "video 0 UDP/TLS/RTP/SAVPF 96"]
    );
    assert_eq!(tracks, 1);
    // As of clients from before mids.
    let old = OFFER
        .replace("a=group:BUNDLE 0 1\r\n", "")
        .replace("a=mid:0\r\n", "")
        .replace("a=mid:1\r\n", "");
    let (sdp, tracks) = first_answer(&old);
    assert_eq!((mids(&sdp), tracks), (vec![], 1));
}

#[test]
fn foreign_and_rejected_m_lines_keep_their_places() {
    let text = "m=text 9 UDP/TLS/RTP/SAVPF 98\r\na=mid:t\r\na=rtpmap:98 t140/1000\r\nm=audio";
    let image = "m=image 9 udptl t38\r\na=mid:i\r\nm=video 0 UDP/TLS/RTP/SAVPF 96\r\na=mid:r\r\na=inactive\r\nm=video";
    let offer = OFFER.replacen("m=audio", text, 1).replacen("m=video", image, 1);
    let (sdp, tracks) = first_answer(&offer.replace("BUNDLE 0 1", "BUNDLE t 0 i 1"));
    assert_eq!(
        media(&sdp),
        [
            "text 0 UDP/TLS/RTP/SAVPF 98",
            "audio 9 UDP/TLS/RTP/SAVPF 111",
            "image 0 udptl t38",
            "video 0 UDP/TLS/RTP/SAVPF 96",
            "video 9 UDP/TLS/RTP/SAVPF 96",
        ]
    );
    assert_eq!((mids(&sdp), tracks), (vec!["t", "0", "i", "r", "1"], 2));
    assert!(sdp.contains("a=group:BUNDLE 0 1\r\n"), "{sdp}");
}

#[test]
fn an_m_line_that_the_server_rejects_publishes_nothing_and_may_be_reused() {
    let mut world = patient(102);
    let unknown = OFFER.replace("VP8/90000", "H265/90000");
    let (sdp, tracks) = answer(&mut world, &unknown).unwrap();
    assert_eq!((media(&sdp)[1], tracks), ("video 0 UDP/TLS/RTP/SAVPF 96", 1));
    assert!(sdp.contains("a=group:BUNDLE 0\r\n"), "{sdp}");
    // Many times: what the session remembers does not grow.
    for turn in 2..300 {
        let again = OFFER
            .replace("a=mid:1", &format!("a=mid:{turn}"))
            .replace("BUNDLE 0 1", &format!("BUNDLE 0 {turn}"));
        let is_known = turn % 2 == 0;
        let offer = if is_known {
            again
        } else {
            again
                .replace("VP8/90000", "H265/90000")
                .replace("m=video 9", "m=video 0")
        };
        let (sdp, tracks) = answer(&mut world, &offer).unwrap_or_else(|reason| panic!("turn {turn}: {reason}"));
        assert_eq!(mids(&sdp), ["0", &*turn.to_string()]);
        assert_eq!(tracks, if is_known { 2 } else { 1 }, "turn {turn}");
        if is_known {
            let gone = offer
                .replace("m=video 9", "m=video 0")
                .replace(&format!("BUNDLE 0 {turn}"), "BUNDLE 0");
            assert_eq!(answer(&mut world, &gone).unwrap().1, 1);
        }
    }
}

/// RFC 3264 section 8.2: an m-line that was stopped may be used again, also by the name that it had.
#[test]
fn an_m_line_that_the_client_stopped_may_be_enabled_again() {
    let mut world = patient(103);
    let stopped = OFFER
        .replace("m=video 9", "m=video 0")
        .replace("BUNDLE 0 1", "BUNDLE 0");
    for turn in 0..20 {
        let (sdp, tracks) = answer(&mut world, OFFER).unwrap_or_else(|reason| panic!("turn {turn}: {reason}"));
        assert_eq!((media(&sdp)[1], tracks), ("video 9 UDP/TLS/RTP/SAVPF 96", 2));
        assert!(sdp.contains("a=group:BUNDLE 0 1\r\n"), "{sdp}");
        let (sdp, tracks) = answer(&mut world, &stopped).unwrap();
        assert_eq!((media(&sdp)[1], tracks), ("video 0 UDP/TLS/RTP/SAVPF 96", 1));
    }
}

#[test]
fn feedback_is_answered_as_it_was_offered() {
    let feedback = |sdp: &str| -> Vec<String> {
        let lines = sdp.lines().filter_map(|line| line.strip_prefix("a=rtcp-fb:"));
        let mut feedback: Vec<String> = lines.map(str::to_string).collect();
        feedback.sort();
        feedback
    };
    // Retransmission without a stream of its own is not requested.
    assert_eq!(feedback(&first_answer(OFFER).0), ["96 ccm fir", "96 nack pli"]);
    let with_rtx = OFFER.replace("SAVPF 96", "SAVPF 96 97").replace(
        "a=rtpmap:96 VP8/90000\r\n",
        "a=rtpmap:96 VP8/90000\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n",
    );
    assert_eq!(
        feedback(&first_answer(&with_rtx).0),
        ["96 ccm fir", "96 nack", "96 nack pli"]
    );
    let fir_only = OFFER.replace("a=rtcp-fb:96 nack\r\na=rtcp-fb:96 nack pli\r\n", "");
    assert_eq!(feedback(&first_answer(&fir_only).0), ["96 ccm fir"]);
    let none = fir_only.replace("a=rtcp-fb:96 ccm fir\r\n", "");
    assert!(feedback(&first_answer(&none).0).is_empty());
}

/// Renames the mids of an SDP.
fn rename(sdp: &str, names: &[(String, String)]) -> String {
    names
        .iter()
        .fold(sdp.to_string(), |sdp, (from, to)| sdp.replace(from, to))
}

#[test]
fn media_flows_under_mids_that_the_session_cannot_hold() {
    let mut world = World::new(103);
    let a = world.add("ana", true);
    world.clients[a].add_track(Audio);
    world.clients[a].add_track(Video);
    world.clients[a].add_slots(1, 1);
    let sdp = world.clients[a].offer();
    let names: Vec<(String, String)> = mids(&sdp)
        .iter()
        .map(|mid| (mid.to_string(), format!("{mid}-is-more-than-16-octets")))
        .collect();
    let back: Vec<_> = names.iter().map(|(from, to)| (to.clone(), from.clone())).collect();
    let offer = Command::Offer {
        peer: world.clients[a].id(),
        sdp: rename(&sdp, &names),
        slots: true,
        tracks: Vec::new(),
        name: String::new(),
        recording: None,
    };
    let Ok(Outcome::Answer { sdp, .. }) = world.execute(offer) else {
        panic!("no answer")
    };
    world.clients[a].answered(&rename(&sdp, &back));
    let b = world.join("ben");
    world.run_until(5 * SECOND, "media both ways", |world| {
        world.clients[b].got_from(Video, a) > 20 && world.clients[a].got_from(Video, b) > 20
    });
    let told: Vec<String> = world.slots_of(a).into_iter().map(|slot| slot.mid).collect();
    assert_eq!(told, [names[2].1.clone(), names[3].1.clone()]);
}
