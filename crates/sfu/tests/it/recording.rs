//! Recordings: what they hear is what the publishers sent, in the order in which it came.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use sfu::{Command, Heard, Limits, RecordingId, ShardConfig, Source, StopReason, TapFormat, TapTrack, Tapped};
use str0m::media::MediaKind::{self, Audio, Video};

use crate::support::client::Sent;
use crate::support::{ROOM, World, config};

const SECOND: Duration = Duration::from_secs(1);

fn record(world: &mut World, client: usize, recording: Option<&str>) {
    let transport = world.clients[client].transport.as_str().into();
    let recording = recording.map(RecordingId::from);
    world.execute(Command::Record { transport, recording }).unwrap();
}

fn stop(world: &mut World, recording: &str) {
    let (room, recording) = (ROOM.into(), recording.into());
    world.execute(Command::StopRecording { room, recording }).unwrap();
    world.step();
}

/// What was heard since the last call.
fn heard(world: &mut World) -> Vec<Heard> {
    std::mem::take(&mut world.tapped)
        .into_iter()
        .map(|tapped| tapped.what)
        .collect()
}

/// As [`heard`], without packets and reports.
fn turns(world: &mut World) -> Vec<Heard> {
    let mut heard = heard(world);
    heard.retain(|what| !matches!(what, Heard::Packet { .. } | Heard::Report { .. } | Heard::Speakers(_)));
    heard
}

/// The tracks that begin, with what they carry.
fn began(heard: &[Heard]) -> Vec<(TapTrack, Source, &TapFormat)> {
    let began = heard.iter().filter_map(|what| match what {
        Heard::Began {
            track, source, format, ..
        } => Some((*track, *source, format)),
        _ => None,
    });
    began.collect()
}

fn packets(heard: &[Heard]) -> Vec<(TapTrack, Sent)> {
    let kinds: HashMap<TapTrack, MediaKind> = began(heard)
        .into_iter()
        .map(|(track, _, format)| (track, format.kind))
        .collect();
    let packets = heard.iter().filter_map(|what| match what {
        Heard::Packet { track, packet } => Some((*track, parse(kinds[track], packet))),
        _ => None,
    });
    packets.collect()
}

/// Parses a tapped packet, which has no padding, no contributing sources and one word of extensions.
fn parse(kind: MediaKind, packet: &[u8]) -> Sent {
    assert_eq!(packet[0], 0x90);
    assert_eq!(packet[12..16], [0xbe, 0xde, 0, 1]);
    let [id, value] = [packet[16], packet[17]];
    Sent {
        kind,
        ssrc: u32::from_be_bytes(*packet[8..].first_chunk().unwrap()),
        payload_type: packet[1] & 0x7f,
        sequence: u16::from_be_bytes([packet[2], packet[3]]),
        timestamp: u32::from_be_bytes(*packet[4..].first_chunk().unwrap()),
        marker: packet[1] & 0x80 != 0,
        level: (id >> 4 == sfu::AUDIO_LEVEL).then_some(value),
        orientation: (id >> 4 == sfu::VIDEO_ORIENTATION).then_some(value),
        payload: packet[20..].to_vec(),
    }
}

/// A room where Ana, who is not recorded yet, sends.
fn room(seed: u64) -> (World, usize) {
    let mut world = World::new(seed);
    let a = world.join("ana");
    world.run_until(5 * SECOND, "connected", |world| world.clients[a].connected);
    world.clients[a].keeps_sent = true;
    world.run(SECOND);
    (world, a)
}

#[test]
fn what_is_heard_is_what_was_sent_in_the_order_in_which_it_came() {
    for seed in 100..106 {
        let mut world = World::new(seed);
        let clients = ["ana", "ben"].map(|name| {
            let client = world.add(name, false);
            world.clients[client].add_track(Audio);
            world.clients[client].add_track(Video);
            world.clients[client].keeps_sent = true;
            world.clients[client].recording = Some("r".into());
            world.clients[client].video_bytes = world.rng.usize(20..1_200);
            world.clients[client].level = -world.rng.i8(0..=127);
            world.offer(client);
            client
        });
        world.run_until(5 * SECOND, "both are recorded", |world| {
            let began = |tapped: &&Tapped| matches!(tapped.what, Heard::Began { .. });
            world.tapped.iter().filter(began).count() == 4
        });
        world.loss = if seed % 3 == 0 { 0.0 } else { 0.05 };
        world.run(5 * SECOND);
        // What is sent from now on would still be on its way at the end.
        for client in clients {
            world.clients[client].sends = false;
        }
        world.run(2 * SECOND);
        let arrivals = std::mem::take(&mut world.arrivals);
        let heard = heard(&mut world);
        let packets = packets(&heard);
        for client in clients {
            let sent = std::mem::take(&mut world.clients[client].sent);
            for kind in [Audio, Video] {
                let of_kind = |sent: &&Sent| sent.kind == kind;
                let sent: Vec<&Sent> = sent.iter().filter(of_kind).collect();
                let ssrc = sent[0].ssrc;
                let came: Vec<&Sent> = packets.iter().map(|(_, came)| came).collect();
                let came: Vec<&Sent> = came.into_iter().filter(|came| came.ssrc == ssrc).collect();
                check(&sent, &came, &arrivals, world.loss, kind);
            }
        }
        assert_eq!(world.shard.stats().rtp_tapped, packets.len() as u64);
        assert_eq!(world.shard.stats().taps_dropped, 0);
    }
}

/// `came` is of `sent`, each at most once, in the order of the arrivals; what did not arrive was repaired.
fn check(sent: &[&Sent], came: &[&Sent], arrivals: &[(u32, u16)], loss: f64, kind: MediaKind) {
    let by_sequence: HashMap<u16, &Sent> = sent.iter().map(|sent| (sent.sequence, *sent)).collect();
    let mut seen = HashSet::new();
    for packet in came {
        assert!(seen.insert(packet.sequence), "{} twice", packet.sequence);
        assert_eq!(by_sequence[&packet.sequence], *packet);
    }
    let arrived = arrivals.iter().filter(|(ssrc, _)| *ssrc == sent[0].ssrc);
    let arrived: Vec<u16> = arrived.map(|(_, sequence)| *sequence).collect();
    let as_arrived: HashSet<u16> = arrived.iter().copied().collect();
    let direct: Vec<u16> = came
        .iter()
        .map(|came| came.sequence)
        .filter(|sequence| as_arrived.contains(sequence))
        .collect();
    // What was sent before DTLS was done on the shard's side is not understood there.
    let from = arrived.iter().position(|sequence| *sequence == direct[0]).unwrap();
    assert_eq!(direct, arrived[from..]);
    if loss == 0.0 {
        assert!(came.len() >= sent.len() - 2, "{} of {}", came.len(), sent.len());
    } else if kind == Video {
        let repaired = came.len() - direct.len();
        assert!(repaired > 0, "nothing was repaired");
        assert!(came.len() * 100 >= sent.len() * 98, "{} of {}", came.len(), sent.len());
    }
}

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
fn another_ssrc_and_another_format_are_other_tracks() {
    let (mut world, a) = room(128);
    record(&mut world, a, Some("r"));
    world.run(SECOND);
    let camera = |heard: &[Heard]| -> Vec<(TapTrack, u32, &'static str)> {
        let of_camera = began(heard)
            .into_iter()
            .filter(|(_, source, _)| *source == Source::Camera);
        of_camera
            .map(|(track, _, format)| (track, format.ssrc, format.codec))
            .collect()
    };
    let first = camera(&heard(&mut world))[0];
    let before = world.clients[a].keyframe_requests;
    world.clients[a].change_ssrc(Video, 77_000);
    world.run(SECOND);
    let second = heard(&mut world);
    assert_eq!(camera(&second)[0].1, 77_000);
    assert_ne!(camera(&second)[0].0, first.0);
    assert!(
        world.clients[a].keyframe_requests > before,
        "it begins without a keyframe"
    );
    assert!(!second.iter().any(|what| matches!(what, Heard::Ended { .. })));
    world.clients[a].video_format = 1;
    world.run(SECOND);
    let third = heard(&mut world);
    let [(_, 77_000, codec)] = camera(&third)[..] else {
        panic!("{:?}", camera(&third));
    };
    assert_ne!(codec, first.2);
    // Some of the one before may follow; the one before that has ended.
    let ended: Vec<_> = third
        .iter()
        .filter(|what| matches!(what, Heard::Ended { .. }))
        .collect();
    assert_eq!(ended, [&Heard::Ended { track: first.0 }]);
    // Back again, as after a reordering.
    world.clients[a].video_format = 0;
    world.run(SECOND / 2);
    let back = heard(&mut world);
    assert!(camera(&back).is_empty());
    let again = camera(&second)[0].0;
    assert!(
        back.iter()
            .any(|what| matches!(what, Heard::Packet { track, .. } if *track == again))
    );
}

#[test]
fn tracks_that_a_peer_begins_are_bounded() {
    let (mut world, a) = room(129);
    record(&mut world, a, Some("r"));
    world.run(SECOND);
    world.tapped.clear();
    for ssrc in 0..40 {
        world.clients[a].change_ssrc(Video, 80_000 + 10 * ssrc);
        world.run(Duration::from_millis(50));
    }
    let tracks = began(&heard(&mut world)).len();
    assert!((12..=26).contains(&tracks), "{tracks} tracks in 2 s");
    assert!(world.shard.stats().taps_refused > 10);
    for ssrc in 100..200 {
        world.clients[a].change_ssrc(Video, 80_000 + 10 * ssrc);
        world.run(Duration::from_millis(200));
    }
    let said = heard(&mut world);
    // The microphone's and the camera's first are two of 64.
    assert_eq!(2 + tracks + began(&said).len(), 64);
    let microphone = said.iter().rev().find(|what| matches!(what, Heard::Packet { .. }));
    assert!(microphone.is_some(), "the others go on");
}

#[test]
fn empty_packets_are_recorded() {
    let (mut world, a) = room(130);
    record(&mut world, a, Some("r"));
    world.run(SECOND);
    let begins = heard(&mut world);
    let tracks = began(&begins);
    let (camera, ..) = *tracks.iter().find(|(_, source, _)| *source == Source::Camera).unwrap();
    world.clients[a].is_padding = true;
    world.run(SECOND / 2);
    world.clients[a].is_padding = false;
    world.run(SECOND / 2);
    let heard = heard(&mut world);
    let packets = heard.iter().filter_map(|what| match what {
        Heard::Packet { track, packet } if *track == camera => Some(parse(Video, packet)),
        _ => None,
    });
    let packets: Vec<Sent> = packets.collect();
    assert!(packets.iter().filter(|packet| packet.payload.is_empty()).count() > 10);
    assert!(packets.iter().filter(|packet| !packet.payload.is_empty()).count() > 10);
    let mut steps = packets.windows(2);
    assert!(
        steps.all(|step| step[1].sequence == step[0].sequence + 1),
        "none is missing"
    );
}

#[test]
fn sender_reports_are_told_once_each() {
    let (mut world, a) = room(131);
    record(&mut world, a, Some("r"));
    world.run(12 * SECOND);
    let heard = heard(&mut world);
    let reports: Vec<(TapTrack, u64, u32)> = heard
        .iter()
        .filter_map(|what| match what {
            Heard::Report { track, ntp, rtp } => Some((*track, *ntp, *rtp)),
            _ => None,
        })
        .collect();
    assert!(reports.len() >= 4, "{}", reports.len());
    for (track, _, format) in began(&heard) {
        let of_track: Vec<_> = reports.iter().filter(|(of, ..)| *of == track).collect();
        for step in of_track.windows(2) {
            let (earlier, later) = (step[0], step[1]);
            assert!(later.1 > earlier.1);
            // Both clocks tell the same time between two reports: seconds, and fractions of 2^32.
            let ntp = (later.1 - earlier.1) as f64 / 2f64.powi(32);
            let rtp = f64::from(later.2.wrapping_sub(earlier.2)) / f64::from(format.clock_rate);
            assert!((ntp - rtp).abs() < 0.1, "{ntp} s, {rtp} s");
        }
    }
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
fn what_does_not_fit_is_a_gap_in_its_place() {
    let limits = Limits {
        tapped: 40,
        ..Limits::default()
    };
    let mut world = World::with(ShardConfig { limits, ..config() }, 133);
    let a = world.join("ana");
    world.run(2 * SECOND);
    record(&mut world, a, Some("r"));
    world.run(SECOND);
    let mut said = heard(&mut world);
    world.is_deaf = true;
    world.run(2 * SECOND);
    let dropped = world.shard.stats().taps_dropped;
    assert!(dropped > 100, "{dropped}");
    let requests = world.clients[a].keyframe_requests;
    world.run(SECOND);
    assert_eq!(
        world.clients[a].keyframe_requests, requests,
        "none while nobody takes it"
    );
    world.is_deaf = false;
    world.run(SECOND);
    assert!(world.clients[a].keyframe_requests > requests);
    let dropped = world.shard.stats().taps_dropped;
    said.extend(heard(&mut world));
    let mut lost = 0;
    for (track, ..) in began(&said) {
        let mut next = None;
        for what in &said {
            match what {
                Heard::Packet { track: of, packet } if *of == track => {
                    let sequence = u16::from_be_bytes([packet[2], packet[3]]);
                    assert!(next.is_none_or(|next| next == sequence), "{next:?}, {sequence}");
                    next = Some(sequence + 1);
                }
                Heard::Gap { track: of, lost: gap } if *of == track => {
                    lost += u64::from(*gap);
                    next = next.map(|next| next + *gap as u16);
                }
                _ => {}
            }
        }
    }
    assert_eq!(lost, dropped);
}

#[test]
fn a_full_queue_loses_no_end_and_has_no_end_without_a_beginning() {
    for tapped in [0, 1, 2, 3, 7] {
        let limits = Limits {
            tapped,
            ..Limits::default()
        };
        let mut world = World::with(ShardConfig { limits, ..config() }, 134);
        let a = world.join("ana");
        world.run(2 * SECOND);
        for round in 0..20 {
            world.is_deaf = world.rng.bool();
            record(&mut world, a, Some("r"));
            world.run(Duration::from_millis(60));
            world.state(a, Some(round % 2 == 0), None);
            world.run(Duration::from_millis(60));
            record(&mut world, a, None);
        }
        // What was told to begin before nobody listened, and its ends.
        world.is_deaf = true;
        for _ in 0..50 {
            record(&mut world, a, Some("r"));
            world.run(Duration::from_millis(20));
            record(&mut world, a, None);
        }
        let before = world.tapped.len();
        world.is_deaf = false;
        world.step();
        assert!(world.tapped.len() - before <= 3 * tapped + 5);
        assert!(world.tapped.is_sorted_by_key(|tapped| tapped.at));
        well_formed(&heard(&mut world));
    }
}

/// What begins ends once, after it has begun; peers within recordings, tracks within peers, all else within tracks.
fn well_formed(said: &[Heard]) {
    let (mut peers, mut tracks, mut runs) = (HashSet::new(), HashMap::new(), false);
    for what in said {
        match what {
            Heard::Joined { peer, .. } => {
                assert!(peers.insert(*peer));
                runs = true;
            }
            Heard::Left { peer } => {
                assert!(peers.remove(peer));
                assert!(!tracks.values().any(|of| of == peer), "a track outlives its peer");
            }
            Heard::Began { track, peer, .. } => {
                assert!(peers.contains(peer));
                assert_eq!(tracks.insert(*track, *peer), None);
            }
            Heard::Ended { track } => assert!(tracks.remove(track).is_some()),
            Heard::Packet { track, .. }
            | Heard::Report { track, .. }
            | Heard::Paused { track }
            | Heard::Resumed { track }
            | Heard::Gap { track, .. } => assert!(tracks.contains_key(track)),
            Heard::Speakers(_) => assert!(runs),
            Heard::Stopped(_) => {
                assert!(std::mem::take(&mut runs) && peers.is_empty());
            }
        }
    }
    assert!(!runs && peers.is_empty() && tracks.is_empty());
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
