//! What recordings heard, and how to have them hear.

use std::collections::HashMap;
use std::time::Duration;

use sfu::{Command, Heard, RecordingId, Source, TapFormat, TapTrack};
use str0m::media::MediaKind;

use super::client::Sent;
use super::{ROOM, World};

const SECOND: Duration = Duration::from_secs(1);

pub(crate) fn record(world: &mut World, client: usize, recording: Option<&str>) {
    let transport = world.clients[client].transport.as_str().into();
    let recording = recording.map(RecordingId::from);
    let name = String::new();
    world
        .execute(Command::Record {
            transport,
            recording,
            name,
        })
        .unwrap();
}

pub(crate) fn stop(world: &mut World, recording: &str) {
    let (room, recording) = (ROOM.into(), recording.into());
    world.execute(Command::StopRecording { room, recording }).unwrap();
    world.step();
}

/// What was heard since the last call.
pub(crate) fn heard(world: &mut World) -> Vec<Heard> {
    std::mem::take(&mut world.tapped)
        .into_iter()
        .map(|tapped| tapped.what)
        .collect()
}

/// As [`heard`], without packets and reports.
pub(crate) fn turns(world: &mut World) -> Vec<Heard> {
    let mut heard = heard(world);
    heard.retain(|what| !matches!(what, Heard::Packet { .. } | Heard::Report { .. } | Heard::Speakers(_)));
    heard
}

/// The tracks that begin, with what they carry.
pub(crate) fn began(heard: &[Heard]) -> Vec<(TapTrack, Source, &TapFormat)> {
    let began = heard.iter().filter_map(|what| match what {
        Heard::Began {
            track, source, format, ..
        } => Some((*track, *source, format)),
        _ => None,
    });
    began.collect()
}

pub(crate) fn packets(heard: &[Heard]) -> Vec<(TapTrack, Sent)> {
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
pub(crate) fn parse(kind: MediaKind, packet: &[u8]) -> Sent {
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
pub(crate) fn room(seed: u64) -> (World, usize) {
    let mut world = World::new(seed);
    let a = world.join("ana");
    world.run_until(5 * SECOND, "connected", |world| world.clients[a].connected);
    world.clients[a].keeps_sent = true;
    world.run(SECOND);
    (world, a)
}
