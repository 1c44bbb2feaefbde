//! Packets in recordings: what is heard is what the publishers sent, in the order in which it came.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use sfu::{Heard, Limits, ShardConfig, Source, TapTrack, Tapped};
use str0m::media::MediaKind::{self, Audio, Video};

use crate::support::client::Sent;
use crate::support::tapped::{began, heard, packets, parse, record, room};
use crate::support::{World, config};

const SECOND: Duration = Duration::from_secs(1);

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
    for change in 0..40 {
        // More formats than one track has open at a time.
        world.clients[a].video_format = change % 3;
        world.run(Duration::from_millis(50));
    }
    let tracks = began(&heard(&mut world)).len();
    assert!((12..=26).contains(&tracks), "{tracks} tracks in 2 s");
    assert!(world.shard.stats().taps_refused > 10);
    for change in 0..100 {
        world.clients[a].video_format = change % 3;
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
            Heard::Renamed { peer, .. } => assert!(peers.contains(peer)),
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
