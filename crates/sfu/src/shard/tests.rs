//! Tests that need to reach inside: panics of a session, and what happens between two calls.

use std::time::{Duration, Instant};

use str0m::RtcConfig;
use str0m::media::{Direction, MediaKind};

use super::Shard;
use crate::throttle::Need;
use crate::{CloseReason, Command, Event, Limits, LocalCandidate, ShardConfig, Transport, TransportState};

fn shard(now: Instant) -> Shard {
    let addr = "192.0.2.1:3478".parse().unwrap();
    let candidates = vec![LocalCandidate {
        addr,
        transport: Transport::Udp,
    }];
    Shard::new(
        ShardConfig {
            candidates,
            limits: Limits::default(),
        },
        now,
    )
}

fn join(shard: &mut Shard, now: Instant, transport: &str) {
    let mut rtc = RtcConfig::new().build(now);
    let mut api = rtc.sdp_api();
    api.add_media(MediaKind::Audio, Direction::SendRecv, None, None, None);
    api.add_media(MediaKind::Video, Direction::SendRecv, None, None, None);
    let sdp = api.apply().unwrap().0.to_sdp_string();
    let offer = Command::Offer {
        room: "room".into(),
        transport: transport.into(),
        user: format!("user of {transport}"),
        sdp,
        slots: false,
        tracks: vec![],
    };
    shard.command(now, offer);
}

fn closed(shard: &mut Shard) -> Vec<(String, TransportState)> {
    std::iter::from_fn(|| shard.poll_event())
        .filter_map(|event| match event {
            Event::TransportState { transport, state, .. } => Some((transport, state)),
            _ => None,
        })
        .collect()
}

#[test]
fn a_panic_ends_its_peer_only() {
    let now = Instant::now();
    let mut shard = shard(now);
    for transport in ["a", "b", "c"] {
        join(&mut shard, now, transport);
    }
    assert_eq!(closed(&mut shard), []);
    let key = shard.by_transport["b"];
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let result = shard.peers[key].guard().enter(|_| panic!("as if str0m did"));
    std::panic::set_hook(hook);
    assert!(result.is_err());
    // Whatever touches it next ends it.
    shard.mark_dirty(key);
    assert_eq!(
        closed(&mut shard),
        [("b".to_string(), TransportState::Closed(CloseReason::Fault))]
    );
    let stats = shard.stats();
    assert_eq!((stats.peers, stats.faults, stats.tracks), (2, 1, 4));
    // The name is free again, and the others go on.
    join(&mut shard, now, "b");
    join(&mut shard, now, "d");
    assert_eq!(shard.stats().peers, 4);
    assert_eq!(closed(&mut shard), []);
}

#[test]
fn a_panic_while_a_room_is_refreshed_is_survived() {
    let now = Instant::now();
    let mut shard = shard(now);
    for transport in ["a", "b", "c"] {
        join(&mut shard, now, transport);
    }
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    for transport in ["a", "b"] {
        let key = shard.by_transport[transport];
        assert!(shard.peers[key].guard().enter(|_| panic!("as if str0m did")).is_err());
        shard.mark_dirty(key);
    }
    std::panic::set_hook(hook);
    shard.command(now, Command::Close { transport: "c".into() });
    let mut ended = closed(&mut shard);
    ended.sort_by(|one, other| one.0.cmp(&other.0));
    assert_eq!(ended.len(), 3);
    assert_eq!(ended[0].1, TransportState::Closed(CloseReason::Fault));
    assert_eq!(shard.stats().rooms, 0);
}

#[test]
fn a_keyframe_request_that_was_put_off_twice_is_made() {
    let start = Instant::now();
    let at = |ms| start + Duration::from_millis(ms);
    let mut shard = shard(start);
    join(&mut shard, start, "a");
    let room = shard.by_room["room"];
    let is_video = |track: &crate::room::Track| track.kind == MediaKind::Video;
    let track = shard.rooms[room]
        .tracks
        .iter()
        .find(|(_, track)| is_video(track))
        .unwrap()
        .0;
    for (ms, need) in [(0, Need::Again), (10, Need::New), (150, Need::New), (151, Need::Again)] {
        shard.advance_clock(at(ms));
        shard.want_keyframe(room, track, need);
    }
    let waits = |shard: &Shard| shard.rooms[room].tracks[track].keyframes.deadline().is_some();
    // Set for the request that the third one has overtaken.
    shard.handle_timeout(at(152));
    assert!(waits(&shard));
    shard.handle_timeout(at(650));
    assert!(!waits(&shard));
}
