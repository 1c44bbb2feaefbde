//! When the server offers, and what it makes of the answers: late, long, missing, or rejecting an m-line.

use std::time::Duration;

use sfu::{Command, Outcome, RefusalCode};
use str0m::media::MediaKind::Video;

use crate::support::{World, config, plain_offer};

const SECOND: Duration = Duration::from_secs(1);

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
