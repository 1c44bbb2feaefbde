use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde_json::json;

use super::*;
use crate::events::{Event, EventQueue};
use crate::recording::counters::Counters;
use crate::recording::disk::Nowhere;
use crate::recording::line::EndReason;
use crate::recording::parts::Parts;
use crate::recording::queue::Entry;
use crate::recording::{Trouble, disk::Disk};

/// Parts on a disk in memory.
struct Bench {
    disk: Memory,
    parts: Parts<Memory>,
    events: Arc<EventQueue>,
    counters: Arc<Counters>,
    begin: Instant,
}

fn on<D: Disk>(disk: D) -> (Parts<D>, Arc<EventQueue>, Arc<Counters>) {
    let events = Arc::new(EventQueue::new().unwrap());
    let counters = Arc::<Counters>::default();
    let parts = Parts::new(
        disk,
        "node_1".to_owned(),
        PORT,
        Arc::clone(&counters),
        Arc::clone(&events),
    );
    (parts, events, counters)
}

impl Bench {
    fn new() -> Self {
        let disk = Memory::default();
        let (parts, events, counters) = on(disk.clone());
        Bench {
            disk,
            parts,
            events,
            counters,
            begin: Instant::now(),
        }
    }

    /// With a person, a microphone (track 1) and a camera (track 2).
    fn running() -> Self {
        let mut bench = Self::new();
        bench.hear(0, joined());
        bench.hear(0, began(1, Source::Microphone, MediaKind::Audio));
        bench.hear(0, began(2, Source::Camera, MediaKind::Video));
        bench.parts.write();
        bench
    }

    fn hear(&mut self, ms: u64, what: Heard) {
        self.parts.take(Entry::Heard(heard(self.begin, ms, what)));
    }

    fn troubles(&self) -> Vec<Trouble> {
        let trouble = |event| match event {
            Event::RecordingTrouble { trouble, recording, .. } => {
                assert_eq!(recording, RECORDING);
                trouble
            }
            event => panic!("{event:?}"),
        };
        self.events.drain(100).into_iter().map(trouble).collect()
    }
}

#[test]
fn a_part_says_what_is_in_it() {
    let mut bench = Bench::new();
    bench.hear(0, joined());
    bench.hear(10, began(1, Source::Microphone, MediaKind::Audio));
    bench.hear(10, packet(1, 92));
    bench.hear(12, began(2, Source::Screen, MediaKind::Video));
    bench.hear(12, packet(2, 1_200));
    bench.hear(30, packet(1, 80));
    let track = TapTrack(1);
    let ntp = u64::MAX - 1;
    bench.hear(31, Heard::Report { track, ntp, rtp: 9 });
    bench.hear(32, Heard::Paused { track });
    bench.hear(33, Heard::Resumed { track });
    bench.hear(34, Heard::Gap { track, lost: 5 });
    bench.hear(35, Heard::Speakers(vec!["ann".into(), "bob".into()]));
    bench.hear(36, Heard::Ended { track });
    bench.hear(37, packet(1, 80));
    bench.hear(38, Heard::Left { peer: TapPeer(1) });
    bench.hear(40, stopped());
    let lines = lines(&bench.disk);
    let wall = lines[0]["wall"].as_u64().unwrap();
    let expected = [
        json!({"t": "part", "at": 0, "version": 1, "recording": RECORDING, "room": "room", "node": "node_1", "wall": wall}),
        json!({"t": "joined", "at": 0, "peer": 1, "user": "ann", "name": "Ann \"of\"\nElmley"}),
        json!({"t": "track", "at": 10_000, "track": 1, "peer": 1, "source": "microphone", "kind": "audio",
            "codec": "opus", "clockRate": 48_000, "channels": 2, "fmtp": "", "ssrc": 17, "file": "1-microphone.mjr"}),
        json!({"t": "track", "at": 12_000, "track": 2, "peer": 1, "source": "screen", "kind": "video",
            "codec": "VP8", "clockRate": 90_000, "channels": null, "fmtp": "", "ssrc": 17, "file": "2-screen.mjr"}),
        json!({"t": "report", "at": 31_000, "track": 1, "ntp": ntp, "rtp": 9}),
        json!({"t": "paused", "at": 32_000, "track": 1}),
        json!({"t": "resumed", "at": 33_000, "track": 1}),
        json!({"t": "gap", "at": 34_000, "track": 1, "lost": 5}),
        json!({"t": "speakers", "at": 35_000, "users": ["ann", "bob"]}),
        json!({"t": "ended", "at": 36_000, "track": 1}),
        json!({"t": "left", "at": 38_000, "peer": 1}),
        json!({"t": "end", "at": 40_000, "reason": "stopped"}),
    ];
    assert_eq!(lines, expected);
    assert_eq!(frames(&bench.disk.file("1-microphone.mjr")), [(0, 92), (20, 80)]);
    assert_eq!(frames(&bench.disk.file("2-screen.mjr")), [(0, 1_200)]);
    let name = format!("{RECORDING}/{}-node_1-{PORT}", wall / 1_000);
    assert_eq!(bench.disk.folders(), [name]);
    assert!(bench.parts.is_empty());
    assert_eq!(bench.troubles(), []);
}

#[test]
fn a_part_is_locked_until_it_is_whole() {
    let mut bench = Bench::running();
    assert!(bench.disk.is_locked("part.jsonl"));
    bench.parts.write();
    assert_eq!(bench.counters.running.load(Ordering::Relaxed), 1);
    bench.hear(1, stopped());
    assert!(!bench.disk.is_locked("part.jsonl"));
    bench.parts.write();
    assert_eq!(bench.counters.running.load(Ordering::Relaxed), 0);
}

#[test]
fn what_came_is_in_the_files_after_each_write_and_counted() {
    let mut bench = Bench::running();
    bench.hear(20, packet(1, 100));
    bench.hear(20, packet(2, 1_000));
    assert_eq!(frames(&bench.disk.file("2-camera.mjr")), []);
    bench.parts.write();
    assert_eq!(frames(&bench.disk.file("2-camera.mjr")), [(20, 1_000)]);
    assert_eq!(bench.counters.packets.load(Ordering::Relaxed), 2);
    let bytes: usize = bench.disk.names().iter().map(|name| bench.disk.file(name).len()).sum();
    assert_eq!(bench.counters.bytes.load(Ordering::Relaxed), bytes as u64);
}

#[test]
fn only_files_that_changed_are_synced_and_many_at_once() {
    let mut bench = Bench::running();
    bench.parts.sync();
    assert_eq!(bench.disk.syncs(), 3);
    bench.parts.sync();
    assert_eq!(bench.disk.syncs(), 3);
    bench.hear(1, packet(2, 1_000));
    bench.parts.write();
    bench.parts.sync();
    assert_eq!(bench.disk.syncs(), 4);
    for track in 3..50 {
        bench.hear(2, began(track, Source::Screen, MediaKind::Video));
    }
    bench.parts.write();
    bench.parts.sync();
    assert_eq!(bench.disk.syncs(), 5, "the whole file system");
    bench.parts.sync();
    assert_eq!(bench.disk.syncs(), 5);
}

#[test]
fn on_a_full_disk_the_part_says_so_and_what_was_written_is_whole() {
    let mut bench = Bench::running();
    bench.disk.set_size(Some(60_000));
    for ms in 0..100 {
        bench.hear(ms, packet(2, 1_000));
    }
    bench.parts.write();
    assert_eq!(bench.troubles(), [Trouble::DiskFull]);
    assert_eq!(end_of(&bench.disk), "disk_full");
    assert!(!bench.disk.is_locked("part.jsonl"));
    let kept = frames(&bench.disk.file("2-camera.mjr"));
    assert!(kept.len() > 10, "{}", kept.len());
    bench.hear(200, joined());
    bench.hear(200, packet(2, 1_000));
    bench.parts.write();
    assert_eq!(frames(&bench.disk.file("2-camera.mjr")), kept);
    assert_eq!(bench.troubles(), []);
    bench.hear(300, stopped());
    assert!(bench.parts.is_empty());
    assert_eq!(bench.counters.parts_failed.load(Ordering::Relaxed), 1);
}

#[test]
fn lines_alone_fill_the_disk_and_the_last_one_fits() {
    let mut bench = Bench::running();
    bench.disk.set_size(Some(100_000));
    let mut ms = 0;
    while bench.troubles().is_empty() {
        ms += 1;
        bench.hear(ms, Heard::Speakers(vec!["somebody with a long name".into(); 20]));
        bench.parts.write();
    }
    assert_eq!(end_of(&bench.disk), "disk_full");
    assert!(lines(&bench.disk).len() > 50);
}

#[test]
fn a_disk_that_is_full_from_the_start_is_told() {
    let mut bench = Bench::new();
    bench.disk.set_size(Some(0));
    bench.hear(0, joined());
    assert_eq!(bench.troubles(), [Trouble::DiskFull]);
}

#[test]
fn a_broken_disk_is_told_and_ends_the_recording_here() {
    let mut bench = Bench::running();
    bench.disk.break_down();
    bench.hear(1, packet(1, 80));
    bench.parts.write();
    assert_eq!(bench.troubles(), [Trouble::DiskError]);
    bench.hear(2, packet(1, 80));
    bench.parts.sync();
    assert_eq!(bench.troubles(), []);
    assert!(!bench.disk.is_locked("part.jsonl"));
}

#[test]
fn a_disk_that_breaks_at_the_end_is_told() {
    let mut bench = Bench::running();
    bench.disk.break_down();
    bench.hear(1, stopped());
    assert_eq!(bench.troubles(), [Trouble::DiskError]);
    assert!(bench.parts.is_empty());
}

#[test]
fn without_a_directory_every_recording_is_in_trouble() {
    let (mut parts, events, _) = on(Nowhere);
    parts.take(Entry::Heard(heard(Instant::now(), 0, joined())));
    let events = events.drain(9);
    assert!(matches!(
        &events[..],
        [Event::RecordingTrouble {
            trouble: Trouble::DiskError,
            ..
        }]
    ));
}

#[test]
fn an_id_that_is_no_name_makes_no_directory() {
    let mut bench = Bench::new();
    let mut tapped = heard(bench.begin, 0, joined());
    tapped.recording = "../../etc".into();
    bench.parts.take(Entry::Heard(tapped));
    assert_eq!(bench.disk.folders(), Vec::<String>::new());
    assert_eq!(bench.events.drain(9).len(), 1);
}

#[test]
fn what_a_shard_recorded_ends_with_it_and_begins_again() {
    let mut bench = Bench::running();
    assert!(bench.disk.is_locked("part.jsonl"));
    bench.parts.take(Entry::Gone(EndReason::Fault));
    assert_eq!(end_of(&bench.disk), "fault");
    bench.hear(5, packet(1, 80));
    assert!(bench.parts.is_empty());
    bench.hear(6, joined());
    bench.hear(6, began(1, Source::Microphone, MediaKind::Audio));
    assert_eq!(bench.disk.folders().len(), 2);
}

#[test]
fn parts_of_one_recording_that_begin_at_once_have_names_of_their_own() {
    let mut bench = Bench::new();
    for _ in 0..5 {
        bench.hear(0, joined());
        bench.parts.take(Entry::Gone(EndReason::Fault));
    }
    assert_eq!(bench.disk.folders().len(), 5);
    assert_eq!(bench.troubles(), []);
}

#[test]
fn a_shutdown_ends_all_parts_with_one_sync() {
    let mut bench = Bench::new();
    for n in 0..40 {
        let mut tapped = heard(bench.begin, 0, joined());
        tapped.recording = format!("rec-{n}").into();
        bench.parts.take(Entry::Heard(tapped));
    }
    bench.parts.end_all(EndReason::Shutdown);
    assert_eq!(bench.disk.syncs(), 1);
    for name in bench.disk.names() {
        assert_eq!(lines_in(&bench.disk.file(&name)).pop().unwrap()["reason"], "shutdown");
        assert!(!bench.disk.is_locked(&name));
    }
}

#[test]
fn a_recording_that_was_given_up_ends_with_an_error() {
    let mut bench = Bench::running();
    bench.parts.take(Entry::GaveUp(RECORDING.into(), "room".into()));
    assert_eq!(end_of(&bench.disk), "disk_error");
    assert_eq!(bench.troubles(), [Trouble::DiskError]);
}
