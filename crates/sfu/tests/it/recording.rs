//! Who is recorded, from when to when.

use std::collections::HashMap;
use std::time::Duration;

use sfu::{Command, Heard, Source, StopReason, TapTrack, Tapped};
use str0m::media::MediaKind::{Audio, Video};

use crate::support::ROOM;
use crate::support::tapped::{began, heard, record, room, stop, turns};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_recording_tells_who_is_there_and_what_their_tracks_are() {
    let (mut world, a) = room(120);
    world.tapped.clear();
    let before = world.clients[a].keyframe_requests;
    record(&mut world, a, Some("r"));
    world.run(SECOND);
    let tapped: Vec<Tapped> = world.tapped.clone();
    assert!(tapped.is_sorted_by_key(|tapped| tapped.at));
    assert!(
        tapped
            .iter()
            .all(|tapped| tapped.room == ROOM && tapped.recording == "r")
    );
    let heard = heard(&mut world);
    let [Heard::Joined { peer, user, name }, ..] = &heard[..] else {
        panic!("{:?}", heard[0]);
    };
    assert_eq!((user.as_str(), name.as_str()), ("ana", "name of ana"));
    let mut tracks = began(&heard);
    tracks.sort_by_key(|(_, source, _)| *source);
    let [(_, Source::Microphone, audio), (_, Source::Camera, video)] = tracks[..] else {
        panic!("{tracks:?}");
    };
    assert_eq!((audio.kind, audio.codec, audio.clock_rate), (Audio, "opus", 48_000));
    assert_eq!((audio.channels, video.channels), (Some(2), None));
    assert!(audio.fmtp.contains("useinbandfec=1"), "{}", audio.fmtp);
    assert_eq!((video.kind, video.codec, video.clock_rate), (Video, "VP8", 90_000));
    assert!(
        heard
            .iter()
            .all(|what| !matches!(what, Heard::Began { peer: of, .. } if of != peer))
    );
    // Nobody else watches. A request on its way is repeated once.
    assert!((1..=2).contains(&(world.clients[a].keyframe_requests - before)));
    let mut speakers = heard.iter().filter(|what| matches!(what, Heard::Speakers(_)));
    assert_eq!(speakers.next(), Some(&Heard::Speakers(vec!["ana".into()])));
}

#[test]
fn an_unrecorded_peer_is_not_heard() {
    let (mut world, a) = room(121);
    let b = world.join("ben");
    world.run(SECOND);
    assert!(world.tapped.is_empty());
    record(&mut world, a, Some("r"));
    world.run(SECOND);
    let tracks = began(&heard(&mut world)).len();
    assert_eq!(tracks, 2);
    // Ana opts out, and the recording has nobody.
    record(&mut world, a, None);
    world.run(SECOND);
    let said = heard(&mut world);
    let ends = said.iter().filter(|what| matches!(what, Heard::Ended { .. })).count();
    assert_eq!(ends, 2);
    let [
        ..,
        Heard::Left { .. },
        Heard::Speakers(nobody),
        Heard::Stopped(StopReason::Empty),
    ] = &said[..]
    else {
        panic!("{said:?}");
    };
    assert!(nobody.is_empty());
    // It goes on with whoever is recorded next.
    record(&mut world, b, Some("r"));
    world.run(SECOND);
    let said = heard(&mut world);
    assert!(
        matches!(&said[0], Heard::Joined { user, .. } if user == "ben"),
        "{:?}",
        said[0]
    );
}

#[test]
fn who_joins_late_is_recorded_from_the_first_packet_on() {
    let (mut world, a) = room(122);
    record(&mut world, a, Some("r"));
    world.run(SECOND);
    world.tapped.clear();
    let b = world.add("ben", true);
    world.clients[b].add_track(Audio);
    (world.clients[b].recording, world.clients[b].keeps_sent) = (Some("r".into()), true);
    world.offer(b);
    world.run(3 * SECOND);
    let heard = heard(&mut world);
    assert!(
        heard
            .iter()
            .any(|what| matches!(what, Heard::Joined { user, .. } if user == "ben"))
    );
    let first = &world.clients[b].sent[0];
    let mut tracks = began(&heard).into_iter();
    let (track, ..) = tracks.find(|(.., format)| format.ssrc == first.ssrc).unwrap();
    let sequences = heard.iter().filter_map(|what| match what {
        Heard::Packet { track: of, packet } if *of == track => Some(u16::from_be_bytes([packet[2], packet[3]])),
        _ => None,
    });
    let lowest = sequences.min().unwrap();
    assert!(lowest - first.sequence < 3, "{lowest}, from {}", first.sequence);
}

#[test]
fn a_recording_that_was_stopped_does_not_begin_again() {
    let (mut world, a) = room(123);
    record(&mut world, a, Some("r"));
    world.run(SECOND / 2);
    let joined = turns(&mut world);
    assert!(matches!(joined[0], Heard::Joined { .. }));
    stop(&mut world, "r");
    let ends = turns(&mut world);
    assert!(
        matches!(
            ends[..],
            [
                Heard::Ended { .. },
                Heard::Ended { .. },
                Heard::Left { .. },
                Heard::Stopped(StopReason::Command)
            ]
        ),
        "{ends:?}"
    );
    // Late commands, and an offer.
    record(&mut world, a, Some("r"));
    let b = world.add("ben", false);
    world.clients[b].add_track(Audio);
    world.clients[b].recording = Some("r".into());
    world.offer(b);
    world.run(2 * SECOND);
    stop(&mut world, "r");
    assert!(world.tapped.is_empty(), "{:?}", world.tapped[0]);
    // One that was stopped before it has begun.
    stop(&mut world, "s");
    record(&mut world, a, Some("s"));
    world.run(SECOND);
    assert!(world.tapped.is_empty(), "{:?}", world.tapped[0]);
    record(&mut world, a, Some("t"));
    world.run(SECOND);
    assert!(!world.tapped.is_empty());
}

#[test]
fn a_recording_stops_the_one_before_it_in_its_room() {
    let (mut world, a) = room(124);
    let b = world.join("ben");
    world.run(SECOND);
    record(&mut world, a, Some("old"));
    record(&mut world, b, Some("old"));
    world.run(SECOND);
    world.tapped.clear();
    record(&mut world, a, Some("new"));
    record(&mut world, b, Some("old"));
    world.run(SECOND);
    let (old, new): (Vec<_>, Vec<_>) = world.tapped.iter().partition(|tapped| tapped.recording == "old");
    assert_eq!(old.last().unwrap().what, Heard::Stopped(StopReason::Command));
    let is_joined = |tapped: &&&Tapped| matches!(tapped.what, Heard::Joined { .. });
    assert_eq!(new.iter().filter(is_joined).count(), 1, "only Ana");
}

#[test]
fn the_last_who_leaves_ends_the_recording() {
    for ends_room in [false, true] {
        let (mut world, a) = room(125);
        let b = world.join("ben");
        world.run(2 * SECOND);
        record(&mut world, a, Some("r"));
        record(&mut world, b, Some("r"));
        world.run(SECOND);
        world.tapped.clear();
        if ends_room {
            world.execute(Command::End { room: ROOM.into() }).unwrap();
        } else {
            world.leave(b);
            world.run(SECOND / 2);
            let left = turns(&mut world);
            assert!(matches!(
                left[..],
                [Heard::Ended { .. }, Heard::Ended { .. }, Heard::Left { .. }]
            ));
            world.leave(a);
        }
        world.run(SECOND / 2);
        let left = turns(&mut world);
        let (last, others) = left.split_last().unwrap();
        assert_eq!(*last, Heard::Stopped(StopReason::Empty));
        assert!(
            others
                .iter()
                .all(|what| matches!(what, Heard::Ended { .. } | Heard::Left { .. }))
        );
        assert_eq!(others.len(), if ends_room { 6 } else { 3 });
    }
}

#[test]
fn what_is_muted_is_not_recorded() {
    let (mut world, a) = room(126);
    record(&mut world, a, Some("r"));
    world.run(SECOND);
    let tracks: HashMap<TapTrack, Source> = began(&heard(&mut world))
        .into_iter()
        .map(|(track, source, _)| (track, source))
        .collect();
    world.state(a, Some(true), Some(false));
    world.run(SECOND / 2);
    let paused = turns(&mut world);
    let [Heard::Paused { track: one }, Heard::Paused { track: other }] = paused[..] else {
        panic!("{paused:?}");
    };
    assert_ne!(tracks[&one], tracks[&other]);
    world.run(SECOND);
    assert!(
        heard(&mut world).iter().all(|what| matches!(what, Heard::Speakers(_))),
        "nothing while it is muted"
    );
    let before = world.clients[a].keyframe_requests;
    world.state(a, Some(false), None);
    world.run(SECOND / 2);
    let resumed = heard(&mut world);
    let resumed: Vec<_> = resumed
        .iter()
        .filter(|what| !matches!(what, Heard::Speakers(_)))
        .collect();
    let Heard::Resumed { track } = *resumed[0] else {
        panic!("{:?}", resumed[0]);
    };
    assert_eq!(tracks[&track], Source::Microphone);
    assert!(matches!(resumed[1], Heard::Packet { track: of, .. } | Heard::Report { track: of, .. } if *of == track));
    assert_eq!(world.clients[a].keyframe_requests, before);
    world.state(a, None, Some(true));
    world.run(SECOND / 2);
    assert!(matches!(turns(&mut world)[..], [Heard::Resumed { .. }]));
    assert!(world.clients[a].keyframe_requests > before);
}

#[test]
fn who_was_muted_from_the_beginning_has_no_track_before_its_first_packet() {
    let (mut world, a) = room(127);
    world.state(a, Some(true), Some(false));
    world.run(SECOND / 2);
    record(&mut world, a, Some("r"));
    world.run(SECOND);
    assert!(matches!(turns(&mut world)[..], [Heard::Joined { .. }]));
    world.state(a, Some(false), None);
    world.run(SECOND);
    assert!(matches!(
        turns(&mut world)[..],
        [Heard::Began {
            source: Source::Microphone,
            ..
        }]
    ));
}

#[test]
fn a_screen_that_is_shared_later_is_recorded_until_it_ends() {
    let (mut world, a) = room(132);
    record(&mut world, a, Some("r"));
    world.run(SECOND);
    world.tapped.clear();
    world.clients[a].add_track(Video);
    world.offer(a);
    world.run(SECOND);
    let [
        Heard::Began {
            track,
            source: Source::Screen,
            ..
        },
    ] = turns(&mut world)[..]
    else {
        panic!("no screen");
    };
    let screen = world.clients[a].mids(Video)[1];
    world.clients[a].only_receive_on(screen);
    world.offer(a);
    world.run(SECOND);
    assert_eq!(turns(&mut world), [Heard::Ended { track }]);
}

#[test]
fn a_client_that_connects_anew_stays_in_its_recording() {
    let (mut world, a) = room(135);
    record(&mut world, a, Some("r"));
    world.run(SECOND);
    world.tapped.clear();
    // As a page that was loaded again: another connection under the same name.
    let transport = world.clients[a].transport.clone();
    world.clients[a].gone = true;
    let again = world.add("ana", false);
    world.clients[again].transport = transport;
    world.clients[again].add_track(Audio);
    world.offer(again);
    world.run(2 * SECOND);
    let turns = turns(&mut world);
    let [
        Heard::Joined { user, .. },
        Heard::Ended { .. },
        Heard::Ended { .. },
        Heard::Left { .. },
        Heard::Began { .. },
    ] = &turns[..]
    else {
        panic!("{turns:?}");
    };
    assert_eq!(*user, "ana");
}
