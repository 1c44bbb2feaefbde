//! The router without peers: what it wants of them is seen in its outcomes.

use std::time::{Duration, Instant};

use slotmap::SlotMap;
use str0m::format::CodecConfig;
use str0m::media::MediaKind;

use super::switches::Encoder;
use super::{Delivery, KeyframeRequest, Published, Router};
use crate::command::{Source, WantedVideo};
use crate::config::Limits;
use crate::ids::{PeerKey, RecordingId};
use crate::line::{Line, LineState, Lines};
use crate::rtp::EncodingName;
use crate::tap::{Heard, StopReason};

fn camera() -> Published {
    Published {
        mid: "1".into(),
        kind: MediaKind::Video,
        source: Source::Camera,
    }
}

fn lines(state: LineState) -> Lines {
    Lines {
        lines: vec![Line {
            mid: "2".into(),
            kind: MediaKind::Video,
            state,
        }],
        is_connected: true,
    }
}

/// A room where Ana publishes a camera and Ben is there.
fn room(now: Instant) -> (Router, PeerKey, PeerKey) {
    let mut keys: SlotMap<PeerKey, ()> = SlotMap::with_key();
    let (ana, ben) = (keys.insert(()), keys.insert(()));
    let mut router = Router::new(&Limits {
        tapped: 64,
        ..Limits::default()
    });
    router.join(now, ana, &"room".into(), "ana".into(), "Ana".into());
    router.join(now, ben, &"room".into(), "ben".into(), "Ben".into());
    router.publish(now, ana, &[camera()], |_| false);
    (router, ana, ben)
}

/// What is asked for, where nothing was kept that could be sent.
fn requests(router: &mut Router) -> Vec<KeyframeRequest> {
    router.catch_up(Instant::now(), |_, _| panic!("nothing was kept"));
    std::iter::from_fn(|| router.poll_keyframe_request()).collect()
}

#[test]
fn a_keyframe_request_that_was_put_off_twice_is_made_once() {
    let start = Instant::now();
    let at = |ms| start + Duration::from_millis(ms);
    let (mut router, ana, _) = room(start);
    let (key, track) = (router.room_of(ana).unwrap(), router.members[ana].published[0].1);
    for ms in [0, 10, 150] {
        router.request_keyframe(at(ms), key, track);
    }
    assert_eq!(requests(&mut router).len(), 1);
    router.handle_timeout(at(499));
    assert_eq!(requests(&mut router), [], "two in a second at most");
    router.handle_timeout(at(500));
    assert_eq!(requests(&mut router).len(), 1);
    router.handle_timeout(at(1_000));
    assert_eq!(requests(&mut router), []);
}

#[test]
fn a_track_is_forwarded_while_its_m_line_is_negotiated() {
    let now = Instant::now();
    let (mut router, ana, ben) = room(now);
    let key = router.room_of(ana).unwrap();
    let subscribers = |router: &Router| router.rooms[key].tracks.values().next().unwrap().subscribers.len();
    router.set_lines(now, ben, &lines(LineState::Idle));
    router.fill_idle(now, ben, &lines(LineState::Idle));
    assert!(router.needs_offer(ben, &lines(LineState::Idle)));
    assert_eq!((subscribers(&router), requests(&mut router)), (0, vec![]));
    router.set_lines(now, ben, &lines(LineState::Sending));
    assert!(!router.needs_offer(ben, &lines(LineState::Sending)));
    let request = KeyframeRequest {
        peer: ana,
        mid: "1".into(),
        ssrc: None,
    };
    assert_eq!((subscribers(&router), requests(&mut router)), (1, vec![request]));
    router.set_lines(now, ben, &lines(LineState::Declined));
    assert_eq!(subscribers(&router), 0);
    assert!(!router.needs_offer(ben, &lines(LineState::Declined)), "it was refused");
    router.offer_taken(ben);
    assert!(router.needs_offer(ben, &lines(LineState::Declined)));
}

#[test]
fn an_unpublished_track_leaves_its_m_line() {
    let now = Instant::now();
    let (mut router, ana, ben) = room(now);
    router.set_lines(now, ben, &lines(LineState::Idle));
    router.fill_idle(now, ben, &lines(LineState::Idle));
    router.set_lines(now, ben, &lines(LineState::Sending));
    assert!(router.label(ben, "2".into()).is_some_and(|label| label.stream == "ana"));
    router.leave(now, ana);
    assert_eq!(router.label(ben, "2".into()), None);
    assert!(
        router.needs_offer(ben, &lines(LineState::Sending)),
        "it is to be inactive"
    );
    assert_eq!(router.leave(now, ben), None);
    assert_eq!(router.room_count(), 0);
    assert_eq!(router.subscriptions.len(), 0);
}

#[test]
fn a_publisher_of_layers_without_names_is_told_whether_any_is_wanted() {
    let start = Instant::now();
    let at = |ms| start + Duration::from_millis(ms);
    let (mut router, ana, ben) = room(start);
    let names = [1, 2].map(|ssrc: u32| EncodingName::Ssrc(ssrc.into()));
    router.set_encodings(ana, "1".into(), names.to_vec());
    let told = |router: &mut Router, ms| {
        router.handle_timeout(at(ms));
        router.poll_wanted_layers(at(ms)).map(|(peer, videos)| {
            let videos = videos.into_iter().map(|video| (video.mid, video.rids, video.is_wanted));
            (peer, videos.collect::<Vec<_>>())
        })
    };
    let layers = |is_wanted| Some((ana, vec![("1".to_owned(), vec![], is_wanted)]));
    assert_eq!(told(&mut router, 0), None);
    assert_eq!(told(&mut router, 4_999), None);
    assert_eq!(told(&mut router, 5_000), layers(false));
    assert_eq!(told(&mut router, 20_000), None);
    router.set_lines(at(20_000), ben, &lines(LineState::Sending));
    router.take_stale(router.room_of(ana).unwrap());
    router.fill_slots(at(20_000), ben, &lines(LineState::Sending), &[]);
    assert_eq!(told(&mut router, 20_000), layers(true));
    // The other layer has no viewer, which its publisher cannot be told.
    assert_eq!(told(&mut router, 40_000), None);
}

fn heard(router: &mut Router) -> Vec<Heard> {
    std::iter::from_fn(|| router.poll_tapped().map(|tapped| tapped.what)).collect()
}

#[test]
fn a_recorded_video_begins_with_a_keyframe() {
    let now = Instant::now();
    let (mut router, ana, ben) = room(now);
    router.record(now, ana, &"r".into());
    let request = KeyframeRequest {
        peer: ana,
        mid: "1".into(),
        ssrc: None,
    };
    assert_eq!(requests(&mut router), [request]);
    assert!(matches!(&heard(&mut router)[..], [Heard::Joined { name, .. }] if name == "Ana"));
    // Again, as hubs do.
    router.record(now, ana, &"r".into());
    router.record_no_more(now, ben);
    assert_eq!((requests(&mut router), heard(&mut router)), (vec![], vec![]));
    assert_eq!(router.subscriptions.len(), 1);
    router.leave(now, ana);
    let left = heard(&mut router);
    assert!(matches!(
        left[..],
        [Heard::Left { .. }, Heard::Stopped(StopReason::Empty)]
    ));
    assert_eq!(router.subscriptions.len(), 0);
}

#[test]
fn another_name_is_told_once() {
    let now = Instant::now();
    let (mut router, ana, ben) = room(now);
    router.rename(now, ana, "Anna".into());
    router.record(now, ana, &"r".into());
    router.rename(now, ana, "Anna".into());
    router.rename(now, ana, String::new());
    router.rename(now, ben, "Benno".into());
    assert!(matches!(&heard(&mut router)[..], [Heard::Joined { name, .. }] if name == "Anna"));
    router.rename(now, ana, "Ana".into());
    router.rename(now, ana, "Ana".into());
    assert!(matches!(&heard(&mut router)[..], [Heard::Renamed { name, .. }] if name == "Ana"));
    // Where there is no room, it is told when it is said again.
    router.tape = super::Tape::new(0);
    router.rename(now, ana, "Anita".into());
    assert_eq!(heard(&mut router), []);
    router.tape = super::Tape::new(1);
    router.rename(now, ana, "Anita".into());
    assert!(matches!(&heard(&mut router)[..], [Heard::Renamed { name, .. }] if name == "Anita"));
}

#[test]
fn a_peer_that_was_never_told_has_no_end() {
    let now = Instant::now();
    let (mut router, ana, ben) = room(now);
    router.tape = super::Tape::new(1);
    router.record(now, ana, &"r".into());
    router.record(now, ben, &"r".into());
    router.record_no_more(now, ben);
    assert!(matches!(heard(&mut router)[..], [Heard::Joined { .. }]));
    router.record_no_more(now, ana);
    let left = heard(&mut router);
    assert!(matches!(
        left[..],
        [Heard::Left { .. }, Heard::Stopped(StopReason::Empty)]
    ));
    // Nobody was told at all.
    router.tape = super::Tape::new(0);
    router.record(now, ana, &"r".into());
    router.record_no_more(now, ana);
    assert_eq!(heard(&mut router), []);
}

#[test]
fn a_bounded_number_of_stopped_recordings_is_remembered() {
    let now = Instant::now();
    let (mut router, ana, _) = room(now);
    let name = |number: usize| RecordingId::from(format!("r{number}"));
    for number in 0..1_025 {
        router.stop_recording(now, &"room".into(), name(number));
        router.stop_recording(now, &"room".into(), name(number));
    }
    for number in 1..1_025 {
        router.record(now, ana, &name(number));
    }
    assert_eq!(heard(&mut router), []);
    router.record(now, ana, &name(0));
    assert!(matches!(heard(&mut router)[..], [Heard::Joined { .. }]));
}

/// What was told of limits since the last look: the height and whether there are fewer frames, of the only video.
fn limits(router: &mut Router) -> Vec<Vec<(Option<u32>, bool)>> {
    let allotments = std::iter::from_fn(|| router.poll_allotment());
    let told = allotments.filter_map(|allotment| allotment.limited);
    told.map(|videos| {
        let videos = videos.iter();
        videos.map(|video| (video.height, video.has_fewer_frames)).collect()
    })
    .collect()
}

#[test]
fn what_a_line_limits_is_told_when_it_changes_once_a_second_at_most() {
    let start = Instant::now();
    let at = |ms| start + Duration::from_millis(ms);
    let (mut router, ana, ben) = room(start);
    let names = ["q", "h", "f"].map(|rid| EncodingName::Rid(rid.into()));
    router.set_encodings(ana, "1".into(), names.to_vec());
    let lines = lines(LineState::Sending);
    router.set_lines(start, ben, &lines);
    let view = |router: &mut Router, ms, height| {
        let video = WantedVideo {
            user: "ana".into(),
            source: Source::Camera,
            max_height: Some(height),
        };
        router.fill_slots(at(ms), ben, &lines, &[video]);
    };
    view(&mut router, 0, 720);
    let (mut rng, mut config) = (fastrand::Rng::with_seed(1), CodecConfig::empty());
    config.enable_vp8(true);
    let mut encoders = [0, 1, 2].map(|layer| Encoder::new(&mut rng, layer, true).with_temporal_layers(3));
    for ms in (0..3_000).step_by(33) {
        for encoder in &mut encoders {
            encoder.timestamp = encoder.timestamp.wrapping_add(3_000);
            for packet in encoder.encode() {
                let located = ("1".into(), config.params()[0]);
                router.forward(at(ms), ana, located, packet, |_, _| Delivery::Written);
            }
        }
    }
    let mut take = |ms, bits| {
        router.set_bandwidth(at(ms), ben, bits);
        limits(&mut router)
    };
    // The layers cost 21, 42 and 84 kbit/s.
    assert_eq!(take(3_000, Some(200_000)), [[]; 0], "nothing is limited");
    assert_eq!(take(3_100, Some(50_000)), [[(Some(360), false)]]);
    assert_eq!(take(3_200, Some(8_000)), [[]; 0], "it was told a moment ago");
    assert_eq!(take(4_100, Some(8_000)), [[(Some(180), true)]]);
    assert_eq!(take(6_000, Some(8_000)), [[]; 0], "that is known");
    view(&mut router, 6_000, 180);
    assert_eq!(limits(&mut router), [[(None, true)]], "its tile wants no more");
    router.offer_taken(ben);
    let mut take = |ms, bits| {
        router.set_bandwidth(at(ms), ben, bits);
        limits(&mut router)
    };
    assert_eq!(
        take(6_100, Some(8_000)),
        [[(None, true)]],
        "who offers may have missed it"
    );
    assert_eq!(take(6_200, None), [[(None, true); 0]], "the line takes all");
    assert_eq!(take(6_300, None), [[]; 0]);
}
