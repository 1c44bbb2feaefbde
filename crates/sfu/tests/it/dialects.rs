//! SDP as other stacks write it: each says the same in its own way, and is answered in it.

use std::time::Duration;

use sfu::{Body, Command, Outcome};
use str0m::media::MediaKind::{Audio, Video};
use str0m::media::Mid;

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

/// The offer with another transport on the camera's m-line.
fn with_transport(offer: &str) -> String {
    offer.replace(
        "a=mid:1",
        "a=mid:1\r\na=ice-ufrag:zzzz\r\na=ice-pwd:zzzzefghijklmnopqrstuvwx",
    )
}

#[test]
fn without_a_group_the_m_lines_of_the_first_transport_are_answered() {
    let without = OFFER.replace("a=group:BUNDLE 0 1\r\n", "");
    for (offer, video, count) in [(without.clone(), 9, 2), (with_transport(&without), 0, 1)] {
        let (sdp, tracks) = first_answer(&offer);
        assert!(!sdp.contains("a=group"), "{sdp}");
        let video = format!("video {video} UDP/TLS/RTP/SAVPF 96");
        assert_eq!(
            (media(&sdp), tracks),
            (vec!["audio 9 UDP/TLS/RTP/SAVPF 111", &video], count)
        );
        assert_eq!(
            sdp.matches("a=end-of-candidates").count(),
            count,
            "each has a transport for the client: {sdp}"
        );
    }
    // As of clients from before mids.
    let old = without.replace("a=mid:0\r\n", "").replace("a=mid:1\r\n", "");
    let (sdp, tracks) = first_answer(&old);
    assert_eq!((mids(&sdp), tracks), (vec![], 2));
}

#[test]
fn two_groups_with_the_same_transport_are_answered_as_they_are() {
    let groups = "a=group:BUNDLE 0\r\na=group:BUNDLE 1\r\n";
    let two = OFFER.replace("a=group:BUNDLE 0 1\r\n", groups);
    let (sdp, tracks) = first_answer(&two);
    assert!(sdp.contains(groups), "{sdp}");
    assert_eq!((tracks, sdp.matches("a=end-of-candidates").count()), (2, 2));
    let (sdp, tracks) = first_answer(&with_transport(&two));
    assert!(
        sdp.contains("a=group:BUNDLE 0\r\n") && !sdp.contains("BUNDLE 1"),
        "{sdp}"
    );
    assert_eq!(tracks, 1);
}

#[test]
fn payload_types_are_compared_where_m_lines_share_the_transport() {
    let audio = OFFER
        .replace("SAVPF 111", "SAVPF 96")
        .replace("rtpmap:111", "rtpmap:96");
    let reason = "payload type 96 means two formats";
    assert_eq!(answer(&mut patient(104), &audio), Err(reason.into()));
    let apart = with_transport(&audio).replace("a=group:BUNDLE 0 1\r\n", "");
    assert_eq!(first_answer(&apart).1, 1);
    for other in [
        "m=text 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:t\r\na=rtpmap:96 t140/1000\r\n",
        "m=video 0 UDP/TLS/RTP/SAVPF 96\r\na=mid:t\r\na=rtpmap:96 H265/90000\r\n",
    ] {
        assert_eq!(first_answer(&format!("{OFFER}{other}")).1, 2, "{other}");
    }
    let map = "a=rtpmap:96 VP8/90000\r\n";
    assert_eq!(first_answer(&OFFER.replace(map, &format!("{map}{map}"))).1, 2);
}

#[test]
fn a_disabled_m_line_is_not_answered_as_used() {
    let disabled = OFFER.replace("m=video 9", "m=video 0");
    for (offer, port) in [
        (disabled.clone(), 0),
        (disabled.replace("a=mid:1", "a=bundle-only\r\na=mid:1"), 9),
    ] {
        let (sdp, tracks) = first_answer(&offer);
        assert_eq!(media(&sdp)[1], format!("video {port} UDP/TLS/RTP/SAVPF 96"));
        assert_eq!(tracks, if port == 0 { 1 } else { 2 });
    }
}

#[test]
fn what_cannot_connect_is_refused_with_words() {
    let mut world = patient(105);
    let digest = |name: &str, octets: usize| format!("a=fingerprint:{name} {}\r\n", vec!["11"; octets].join(":"));
    let sha256 = digest("sha-256", 32);
    assert!(OFFER.contains(&sha256));
    let with_credentials = |ufrag: &str, password: usize| {
        OFFER
            .replace("ufrag:abcd", &format!("ufrag:{ufrag}"))
            .replace("pwd:abcdefghijklmnopqrstuvwx", &format!("pwd:{}", "p".repeat(password)))
    };
    for (offer, reason) in [
        (
            OFFER.replacen("a=rtcp-mux\r\n", "", 1),
            "a=rtcp-mux is missing on m-line 0",
        ),
        (
            // Data has no RTCP, and says nothing of it for the others.
            OFFER
                .replace("BUNDLE 0 1", "BUNDLE d 0 1")
                .replace("a=rtcp-mux\r\n", "")
                + "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:d\r\na=sctp-port:5000\r\n",
            "a=rtcp-mux is missing on m-line 0",
        ),
        (
            OFFER.replace("actpass", "holdconn"),
            "a=setup has to be actpass, active or passive",
        ),
        (
            OFFER.replace(&sha256, &digest("sha-512", 64)),
            "a=fingerprint is missing with sha-256",
        ),
        (
            OFFER.replace(&sha256, &digest("sha-384", 48)),
            "a=fingerprint is missing with sha-256",
        ),
        (
            OFFER.replace(&sha256, "a=fingerprint:sha-256 <b>x</b>\r\n"),
            "a=fingerprint is missing with sha-256",
        ),
        (
            OFFER.replace(&sha256, &digest("sha-256", 31)),
            "a=fingerprint is missing with sha-256, of 32 octets",
        ),
        (
            OFFER.replace(&sha256, &digest("sha-1", 32)),
            "a=fingerprint is missing with sha-256",
        ),
        (with_credentials("abc", 22), "a=ice-ufrag has to be 4 to 256"),
        (with_credentials("ab:d", 22), "a=ice-ufrag has to be 4 to 256"),
        (with_credentials(&"a".repeat(257), 22), "a=ice-ufrag has to be 4 to 256"),
        // Longer than the server's checks can be.
        (
            with_credentials(&"a".repeat(1_100), 22),
            "a=ice-ufrag has to be 4 to 256",
        ),
        (with_credentials("abcd", 21), "a=ice-pwd has to be 22 to 256"),
        (with_credentials("abcd", 257), "a=ice-pwd has to be 22 to 256"),
    ] {
        let refused = answer(&mut world, &offer).unwrap_err();
        assert!(refused.starts_with(reason) && !refused.contains("<b>"), "{refused}");
    }
    // A disabled m-line need not say how it would be.
    let rejected = "m=video 0 UDP/TLS/RTP/SAVPF 96\r\na=mid:r\r\n";
    let both = OFFER.replace(&sha256, &format!("{}{sha256}", digest("sha-512", 64)));
    let parameters = "a=fmtp:<b>x</b> apt=96\r\na=fmtp:<b>x</b> apt=97\r\n";
    // What is of the transport may be said by the first m-line of the group alone (RFC 9143 section 7.1.3).
    let tagged = OFFER.replace("a=rtcp-mux\r\na=rtpmap:96", "a=rtpmap:96");
    assert_ne!(tagged, OFFER);
    for offer in [
        format!("{OFFER}{rejected}"),
        both,
        format!("{OFFER}{parameters}"),
        tagged,
        OFFER.replace(&sha256, &digest("sha-1", 20)),
        with_credentials("+/aZ", 22),
        with_credentials(&"a".repeat(256), 256),
    ] {
        assert_eq!(first_answer(&offer).1, 2, "{offer}");
    }
}

#[test]
fn who_offers_only_unknown_formats_is_told() {
    let video = "m-line 1 is rejected: of video, only VP8, VP9 (profile 0), AV1 (profile 0) and H264 (packetization-mode 1, \
        Baseline, Main or High) are taken";
    let audio = "m-line 0 is rejected: of audio, only Opus is taken";
    for (from, to, reason) in [
        ("VP8/90000", "H265/90000", Some(video)),
        ("VP8/90000", "H264/90000", Some(video)),
        ("VP8/90000", "H264/90000\r\na=fmtp:96 packetization-mode=0", Some(video)),
        ("VP8/90000", "VP9/90000\r\na=fmtp:96 profile-id=2", Some(video)),
        ("opus/48000/2", "PCMU/8000", Some(audio)),
        ("VP8/90000", "H264/90000\r\na=fmtp:96 packetization-mode=1", None),
    ] {
        for direction in ["sendrecv", "recvonly"] {
            let mut world = patient(106);
            let offer = OFFER.replace(from, to).replace("sendrecv", direction);
            answer(&mut world, &offer).unwrap();
            let told = std::iter::from_fn(|| world.shard.poll_event()).filter_map(|event| match event.body {
                Body::Refused { code, message } => Some((code.as_str(), message)),
                _ => None,
            });
            let expected = reason.map(|reason| ("no_common_codec", reason.to_string()));
            assert_eq!(told.collect::<Vec<_>>(), Vec::from_iter(expected), "{to} {direction}");
        }
    }
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

/// A client with slots whose m-lines, from one on, have a suffix to their mids on the way to the server. Gives their names
/// without and with it.
fn join_renamed(world: &mut World, first: usize, suffix: &str) -> (usize, Vec<(String, String)>) {
    let a = world.add("ana", true);
    world.clients[a].add_track(Audio);
    world.clients[a].add_track(Video);
    world.clients[a].add_slots(1, 1);
    let sdp = world.clients[a].offer();
    let names: Vec<(String, String)> = mids(&sdp)[first..]
        .iter()
        .map(|mid| (mid.to_string(), format!("{mid}{suffix}")))
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
    (a, names)
}

#[test]
fn media_flows_under_mids_that_the_session_cannot_hold() {
    let mut world = World::new(103);
    let (a, names) = join_renamed(&mut world, 0, "-is-more-than-16-octets");
    let b = world.join("ben");
    world.run_until(5 * SECOND, "media both ways", |world| {
        world.clients[b].got_from(Video, a) > 20 && world.clients[a].got_from(Video, b) > 20
    });
    let told: Vec<String> = world.slots_of(a).into_iter().map(|slot| slot.mid).collect();
    assert_eq!(told, [names[2].1.clone(), names[3].1.clone()]);
}

#[test]
fn packets_carry_the_mids_of_the_sdp_where_they_are_not_too_long() {
    for (seed, suffix, is_carried) in [(107, "-0123456789ab", true), (108, "-0123456789abc", false)] {
        let mut world = World::new(seed);
        let (a, names) = join_renamed(&mut world, 2, suffix);
        let b = world.join("ben");
        world.run_until(5 * SECOND, "media", |world| world.clients[a].got_from(Video, b) > 20);
        // As the client's session reads them, which takes letters and digits only.
        let expected = names.iter().map(|(_, name)| Mid::from(&**name));
        let expected = expected.filter(|_| is_carried).collect();
        assert_eq!(world.clients[a].names, expected);
    }
}
