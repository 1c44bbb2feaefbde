use std::sync::mpsc::channel;

use super::*;
use crate::recording::EndReason;
use crate::recording::queue::{ENTRY_BYTES, Entry, LINES_BYTES, MAX_BYTES, Queue, SLOW_AGAIN, Taken, URGENT_BYTES};

fn heard(what: Heard) -> Tapped {
    Tapped {
        room: "r".into(),
        recording: "rec".into(),
        at: Instant::now(),
        what,
    }
}

fn packet(bytes: usize) -> Tapped {
    heard(Heard::Packet {
        track: TapTrack(1),
        packet: vec![0; bytes],
    })
}

fn taken(queue: &Queue) -> Vec<Entry> {
    let mut entries = Vec::new();
    assert_eq!(queue.take(&mut entries, Some(Instant::now())), Taken::Turn);
    entries
}

fn kinds(entries: &[Entry]) -> Vec<&'static str> {
    let kind = |entry: &Entry| match entry {
        Entry::Heard(tapped) => match tapped.what {
            Heard::Packet { .. } => "packet",
            Heard::Gap { .. } => "gap",
            Heard::Ended { .. } => "ended",
            Heard::Stopped(_) => "stopped",
            Heard::Report { .. } => "report",
            _ => "line",
        },
        Entry::Gone(..) => "gone",
        Entry::GaveUp(..) => "gave up",
    };
    entries.iter().map(kind).collect()
}

/// A queue that has no room for another packet, and how many it has.
fn full() -> (Queue, usize) {
    let queue = Queue::default();
    let packets = MAX_BYTES / 1_024;
    let mut batch = (0..packets).map(|_| packet(1_024 - ENTRY_BYTES)).collect();
    assert!(queue.push(&mut batch).is_empty());
    (queue, packets)
}

#[test]
fn what_comes_next_of_a_track_says_how_many_packets_were_left_out() {
    let (queue, packets) = full();
    let slow = queue.push(&mut vec![packet(1_000), packet(1_000)]);
    assert_eq!(slow, [("r".into(), "rec".into())], "told once");
    assert_eq!(queue.lost(), 2);
    assert_eq!(taken(&queue).len(), packets);
    queue.push(&mut vec![packet(1_000)]);
    let entries = taken(&queue);
    assert_eq!(kinds(&entries), ["gap", "packet"]);
    let Entry::Heard(tapped) = &entries[0] else {
        panic!("{entries:?}")
    };
    assert_eq!(
        tapped.what,
        Heard::Gap {
            track: TapTrack(1),
            lost: 2
        }
    );
    queue.push(&mut vec![packet(1_000)]);
    assert_eq!(kinds(&taken(&queue)), ["packet"]);
}

#[test]
fn the_end_of_a_track_is_kept_and_comes_after_its_gap() {
    let (queue, packets) = full();
    let report = Heard::Report {
        track: TapTrack(1),
        ntp: 1,
        rtp: 1,
    };
    let mut batch = [packet(1_000), heard(report), heard(Heard::Ended { track: TapTrack(1) })].into();
    queue.push(&mut batch);
    queue.push(&mut vec![heard(Heard::Stopped(StopReason::Empty))]);
    assert_eq!(kinds(&taken(&queue)[packets..]), ["gap", "ended", "stopped"]);
}

#[test]
fn a_recording_that_fills_all_there_is_gets_no_more() {
    let (queue, _) = full();
    let left = Heard::Left { peer: TapPeer(1) };
    for _ in 0..LINES_BYTES / ENTRY_BYTES + 10 {
        queue.push(&mut vec![heard(left.clone())]);
    }
    queue.push(&mut vec![heard(Heard::Stopped(StopReason::Empty)), packet(12)]);
    let entries = taken(&queue);
    assert!(entries.len() * ENTRY_BYTES <= MAX_BYTES + LINES_BYTES);
    assert_eq!(kinds(&entries[entries.len() - 3..]), ["line", "gave up", "stopped"]);
}

#[test]
fn that_packets_are_lost_is_told_again_after_a_minute() {
    let (queue, _) = full();
    let begin = Instant::now();
    let told = [Duration::ZERO, SLOW_AGAIN / 2, SLOW_AGAIN].map(|after| {
        let mut tapped = packet(1_000);
        tapped.at = begin + after;
        queue.push(&mut vec![tapped]).len()
    });
    assert_eq!(told, [1, 0, 1]);
}

#[test]
fn nothing_of_what_a_recording_lost_outlives_it() {
    type End = fn(&Queue);
    let stopped: End = |queue| drop(queue.push(&mut vec![heard(Heard::Stopped(StopReason::Empty))]));
    let gone: End = |queue| queue.gone(EndReason::Fault);
    let given_up: End = |queue| {
        let mut lines = vec![heard(Heard::Left { peer: TapPeer(1) }); LINES_BYTES / ENTRY_BYTES + 10];
        queue.push(&mut lines);
    };
    for end in [stopped, gone, given_up] {
        let (queue, _) = full();
        assert_eq!(queue.push(&mut vec![packet(1_000)]).len(), 1);
        end(&queue);
        taken(&queue);
        queue.push(&mut vec![packet(1_000)]);
        assert_eq!(kinds(&taken(&queue)), ["packet"], "without a gap of what was before");
        let mut flood = vec![packet(MAX_BYTES - 2 * ENTRY_BYTES), packet(1_000)];
        assert_eq!(queue.push(&mut flood).len(), 1, "told as if for the first time");
    }
}

#[test]
fn an_idle_writer_is_woken_by_the_first_entry_and_a_busy_one_by_many() {
    let queue = Queue::default();
    let (woken, wakes) = channel();
    std::thread::scope(|scope| {
        let queue = &queue;
        scope.spawn(move || {
            for due in [None, Some(Instant::now() + Duration::from_secs(60))] {
                let mut entries = Vec::new();
                queue.take(&mut entries, due);
                woken.send(entries.len()).unwrap();
            }
        });
        let take = |count: usize| {
            queue.push(&mut (0..count).map(|_| packet(12)).collect());
            wakes.recv_timeout(Duration::from_secs(30)).unwrap()
        };
        assert_eq!(take(1), 1);
        let many = URGENT_BYTES / ENTRY_BYTES;
        assert_eq!(take(many), many);
    });
}

#[test]
fn the_oldest_that_waits_is_the_delay() {
    let queue = Queue::default();
    let now = Instant::now();
    assert_eq!(queue.delay(now), Duration::ZERO);
    let tapped = packet(12);
    let at = tapped.at;
    queue.push(&mut vec![tapped, packet(12)]);
    let later = at + Duration::from_secs(3);
    assert_eq!(queue.delay(later), Duration::from_secs(3));
    taken(&queue);
    assert_eq!(queue.delay(later), Duration::from_secs(3), "it is not written yet");
    taken(&queue);
    assert_eq!(queue.delay(later), Duration::ZERO);
}

#[test]
fn a_closed_queue_gives_out_what_it_has() {
    let queue = Queue::default();
    queue.push(&mut vec![packet(12)]);
    queue.close();
    let mut entries = Vec::new();
    assert_eq!(queue.take(&mut entries, None), Taken::Last);
    assert_eq!(entries.len(), 1);
}
