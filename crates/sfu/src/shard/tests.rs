//! Panics of a session, which only a test inside can cause.

use std::net::SocketAddr;
use std::ops::Range;
use std::time::{Instant, SystemTime};

use str0m::RtcConfig;
use str0m::media::{Direction, MediaKind};

use super::Shard;
use crate::{
    Body, CloseReason, Command, Heard, Limits, LocalCandidate, Outbox, Outcome, PeerId, Recipient, RecordingId,
    ShardConfig, StopReason, Transport, TransportId, TransportState,
};

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
        SystemTime::UNIX_EPOCH,
    )
}

fn join(shard: &mut Shard, now: Instant, transport: &str) {
    join_recorded(shard, now, transport, None);
}

fn join_recorded(shard: &mut Shard, now: Instant, transport: &str, recording: Option<RecordingId>) {
    let mut rtc = RtcConfig::new().build(now);
    let mut api = rtc.sdp_api();
    api.add_media(MediaKind::Audio, Direction::SendRecv, None, None, None);
    api.add_media(MediaKind::Video, Direction::SendRecv, None, None, None);
    let sdp = api.apply().unwrap().0.to_sdp_string();
    let peer = PeerId {
        room: "room".into(),
        transport: transport.into(),
        user: format!("user of {transport}").into(),
        seat: "seat".into(),
    };
    let offer = Command::Offer {
        peer,
        sdp,
        slots: false,
        tracks: vec![],
        name: String::new(),
        recording,
    };
    assert_eq!(shard.command(now, offer), Ok(Outcome::Reading));
    let read = shard.poll_reading().unwrap().run();
    assert!(matches!(shard.finish_reading(now, read), Ok(Outcome::Answer { .. })));
}

/// What is sent is of no interest here.
struct Void(Vec<u8>);

impl Outbox for Void {
    fn space(&mut self) -> &mut Vec<u8> {
        self.0.clear();
        &mut self.0
    }

    fn send(&mut self, _: Transport, _: SocketAddr, _: Range<usize>) {}
}

fn closed(shard: &mut Shard) -> Vec<(TransportId, TransportState)> {
    let mut void = Void(Vec::new());
    while shard.send(shard.clock.now(), &mut void) {}
    std::iter::from_fn(|| shard.poll_event())
        .filter_map(|event| match (event.to, event.body) {
            (Recipient::Peer(peer), Body::TransportState(state)) => Some((peer.transport, state)),
            _ => None,
        })
        .collect()
}

/// Lets the session of a peer panic.
fn panic(shard: &mut Shard, transport: &str) {
    let key = shard.peers.by_transport(&transport.into()).unwrap();
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    shard.peers.get_mut(key).unwrap().panic();
    std::panic::set_hook(hook);
    // Whatever touches it next closes it.
    shard.peers.wake(key);
}

#[test]
fn a_panic_closes_only_its_peer() {
    let now = Instant::now();
    let mut shard = shard(now);
    for transport in ["a", "b", "c"] {
        join(&mut shard, now, transport);
    }
    assert_eq!(closed(&mut shard), []);
    panic(&mut shard, "b");
    assert_eq!(
        closed(&mut shard),
        [("b".into(), TransportState::Closed(CloseReason::Fault))]
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
fn a_panic_at_what_a_client_sends_closes_only_its_peer() {
    let now = Instant::now();
    let mut shard = shard(now);
    for transport in ["a", "b"] {
        join(&mut shard, now, transport);
    }
    let key = shard.peers.by_transport(&"a".into()).unwrap();
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    assert_eq!(shard.peers.confine(key, |_| panic!("as if a reader did")), None::<()>);
    std::panic::set_hook(hook);
    shard.handle_timeout(now);
    assert_eq!(
        closed(&mut shard),
        [("a".into(), TransportState::Closed(CloseReason::Fault))]
    );
    let stats = shard.stats();
    assert_eq!((stats.peers, stats.faults, stats.tracks), (1, 1, 2));
}

#[test]
fn a_panic_while_a_room_is_refreshed_is_survived() {
    let now = Instant::now();
    let mut shard = shard(now);
    for transport in ["a", "b", "c"] {
        join(&mut shard, now, transport);
    }
    panic(&mut shard, "a");
    panic(&mut shard, "b");
    let close = Command::Close { transport: "c".into() };
    assert_eq!(shard.command(now, close), Ok(Outcome::Done));
    let mut ended = closed(&mut shard);
    ended.sort_by(|one, other| one.0.cmp(&other.0));
    assert_eq!(ended.len(), 3);
    assert_eq!(ended[0].1, TransportState::Closed(CloseReason::Fault));
    assert_eq!(shard.stats().rooms, 0);
}

#[test]
fn an_abandoned_shard_closes_all_its_peers() {
    let now = Instant::now();
    let mut shard = shard(now);
    for transport in ["a", "b"] {
        join(&mut shard, now, transport);
    }
    let close = Command::Close { transport: "a".into() };
    assert_eq!(shard.command(now, close), Ok(Outcome::Done));
    let ends: Vec<_> = shard
        .abandon()
        .into_iter()
        .map(|event| (event.to, event.body))
        .collect();
    let reasons: Vec<_> = ends
        .iter()
        .filter_map(|(to, body)| match (to, body) {
            (Recipient::Peer(peer), Body::TransportState(TransportState::Closed(reason))) => {
                Some((peer.transport.as_str(), *reason))
            }
            _ => None,
        })
        .collect();
    assert_eq!(reasons, [("a", CloseReason::Command), ("b", CloseReason::Fault)]);
}

#[test]
fn a_panic_ends_what_is_recorded_of_its_peer() {
    let now = Instant::now();
    let mut shard = shard(now);
    join_recorded(&mut shard, now, "a", Some("r".into()));
    panic(&mut shard, "a");
    assert_eq!(closed(&mut shard).len(), 1);
    let heard: Vec<Heard> = std::iter::from_fn(|| shard.poll_tapped())
        .map(|tapped| tapped.what)
        .collect();
    assert!(matches!(
        heard[..],
        [
            Heard::Joined { .. },
            Heard::Left { .. },
            Heard::Stopped(StopReason::Empty)
        ]
    ));
}
