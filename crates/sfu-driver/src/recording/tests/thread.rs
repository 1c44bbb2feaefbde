use std::sync::Arc;
use std::thread;

use super::*;
use crate::events::{Event, EventQueue};
use crate::recording::writer::WriterHandle;

const PATIENCE: Duration = Duration::from_secs(60);

fn until(done: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < deadline);
        thread::sleep(Duration::from_millis(2));
    }
}

fn started(disk: &Memory) -> (WriterHandle, Arc<EventQueue>) {
    let events = Arc::new(EventQueue::new().unwrap());
    let writer = WriterHandle::with_disk(disk.clone(), "node_1".to_owned(), PORT, Arc::clone(&events)).unwrap();
    (writer, events)
}

fn begin(writer: &WriterHandle) -> Instant {
    let begin = Instant::now();
    let what = [joined(), began(1, Source::Microphone, MediaKind::Audio), packet(1, 80)];
    let mut batch = what.map(|what| heard(begin, 0, what)).into();
    assert_eq!(writer.queue().push(&mut batch), []);
    begin
}

#[test]
fn what_is_heard_is_written_and_synced_by_itself_and_whole_at_the_end() {
    let disk = Memory::default();
    let (writer, _) = started(&disk);
    begin(&writer);
    until(|| writer.stats().packets == 1);
    assert_eq!(writer.stats().running, 1);
    until(|| disk.syncs() > 0);
    writer.end(Instant::now() + PATIENCE).unwrap();
    assert_eq!(end_of(&disk), "shutdown");
}

/// The disk stands still for as long as the worker has packets for ten seconds: they are handed over at once, and what did not
/// fit is in the recording as a gap.
#[test]
fn a_disk_that_stands_still_delays_nobody_and_what_is_lost_is_written_down() {
    let disk = Memory::default();
    let (writer, _) = started(&disk);
    let begin = begin(&writer);
    until(|| writer.stats().packets == 1);
    disk.stand_still(true);
    let queue = writer.queue();
    let mut slow = Vec::new();
    let mut times = Vec::new();
    for ms in 0..10_000 {
        // 20 MB a second
        let mut batch = (0..20).map(|_| heard(begin, ms, packet(1, 1_000))).collect();
        let now = Instant::now();
        slow.extend(queue.push(&mut batch));
        times.push(now.elapsed());
    }
    assert_eq!(slow, [("room".into(), RECORDING.into())]);
    // Whoever waited for the disk would do so each time; that one takes long may be the machine's doing.
    times.sort();
    assert!(times[times.len() * 9 / 10] < Duration::from_millis(1), "{times:?}");
    let lost = writer.stats().packets_lost;
    assert!(lost > 50_000, "{lost}");
    disk.stand_still(false);
    until(|| writer.stats().delay == Duration::ZERO);
    queue.push(&mut vec![heard(begin, 10_001, packet(1, 1_000))]);
    writer.end(Instant::now() + PATIENCE).unwrap();
    let lines = lines(&disk);
    let gaps: u64 = lines.iter().filter_map(|line| line["lost"].as_u64()).sum();
    assert_eq!(gaps, lost);
    let kept = frames(&disk.file("1-microphone.mjr")).len() as u64;
    assert_eq!(kept + lost, 200_002);
}

#[test]
fn stopping_does_not_wait_for_ever_for_a_disk_that_stands_still() {
    let disk = Memory::default();
    let (writer, _) = started(&disk);
    begin(&writer);
    disk.stand_still(true);
    let error = writer.end(Instant::now() + Duration::from_millis(20)).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
    disk.stand_still(false);
}

#[test]
fn a_panic_of_the_thread_is_told_and_the_next_recording_is_written() {
    let disk = Memory::default();
    let (writer, events) = started(&disk);
    let at = begin(&writer);
    until(|| writer.stats().packets == 1);
    disk.panic_once();
    writer.queue().push(&mut vec![heard(at, 1, packet(1, 80))]);
    until(|| writer.stats().parts_failed == 1);
    assert!(matches!(&events.drain(9)[..], [Event::RecordingTrouble { .. }]));
    let mut next = heard(at, 2, joined());
    next.recording = "another".into();
    writer.queue().push(&mut vec![next]);
    until(|| writer.stats().running == 1);
    writer.end(Instant::now() + PATIENCE).unwrap();
}
