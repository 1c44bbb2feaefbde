//! The queue, the parts on a disk in memory, and the thread on it.

mod memory;
mod parts;
mod queue;
mod thread;

use std::time::{Duration, Instant};

use serde_json::Value;
use sfu::{Heard, MediaKind, Source, StopReason, TapFormat, TapPeer, TapTrack, Tapped};

use memory::Memory;

const PORT: u16 = 40_000;
const RECORDING: &str = "0b0f5a52-5b5b-4c6e-9f4a-0c1d2e3f4a5b";

/// What is heard `ms` milliseconds after `begin`.
fn heard(begin: Instant, ms: u64, what: Heard) -> Tapped {
    Tapped {
        room: "room".into(),
        recording: RECORDING.into(),
        at: begin + Duration::from_millis(ms),
        what,
    }
}

fn joined() -> Heard {
    Heard::Joined {
        peer: TapPeer(1),
        user: "ann".into(),
        name: "Ann \"of\"\nElmley".to_owned(),
    }
}

fn began(track: u32, source: Source, kind: MediaKind) -> Heard {
    Heard::Began {
        track: TapTrack(track),
        peer: TapPeer(1),
        source,
        format: TapFormat {
            kind,
            codec: if kind == MediaKind::Audio { "opus" } else { "VP8" },
            clock_rate: if kind == MediaKind::Audio { 48_000 } else { 90_000 },
            channels: (kind == MediaKind::Audio).then_some(2),
            fmtp: String::new(),
            ssrc: 17,
        },
    }
}

fn packet(track: u32, bytes: usize) -> Heard {
    Heard::Packet {
        track: TapTrack(track),
        packet: vec![0x80; bytes],
    }
}

fn stopped() -> Heard {
    Heard::Stopped(StopReason::Command)
}

/// The lines of the only part.
fn lines(disk: &Memory) -> Vec<Value> {
    lines_in(&disk.file("part.jsonl"))
}

fn lines_in(file: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(file).unwrap();
    assert!(text.ends_with('\n'));
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn end_of(disk: &Memory) -> Value {
    lines(disk).pop().unwrap()["reason"].clone()
}

/// The packets of an MJR file: milliseconds and length. The file is whole.
fn frames(file: &[u8]) -> Vec<(u32, usize)> {
    assert_eq!(&file[..8], b"MJR00002");
    let mut rest = &file[10 + usize::from(u16::from_be_bytes([file[8], file[9]]))..];
    let mut frames = Vec::new();
    while !rest.is_empty() {
        assert_eq!(&rest[..4], b"MEET");
        let ms = u32::from_be_bytes(rest[4..8].try_into().unwrap());
        let length = usize::from(u16::from_be_bytes([rest[8], rest[9]]));
        frames.push((ms, length));
        rest = &rest[10 + length..];
    }
    frames
}
