//! The bounded queue from the workers to the thread that writes.
//!
//! A worker pushes once a turn, and holds the lock for as long as it takes to append; the writer holds it to swap two lists.
//! Packets, reports and speakers that do not fit are left out; packets are counted, and the next line of their track says how
//! many (`gap`). All else is short, and has room of its own beyond. A recording that fills that, too, is given up: the disk has
//! stood still for minutes.

use std::collections::HashMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sfu::{Heard, RecordingId, RoomId, TapTrack, Tapped};

use super::line::EndReason;

/// Bytes that wait at most before packets are left out: more than a second of 100 rooms of four people with 1 Mbit/s each, or
/// two minutes of one. While the disk stands still, the writer holds as much again.
const MAX_BYTES: usize = 64 << 20;

/// What an entry counts for, beside its packet: its own memory, and the allocator's. So at most 260,000 entries wait.
const ENTRY_BYTES: usize = 256;

/// Room for what must not be left out: 65,536 more lines.
const LINES_BYTES: usize = 65_536 * ENTRY_BYTES;

/// With so much waiting the writer is woken before its time.
const URGENT_BYTES: usize = MAX_BYTES / 4;

/// How often it is told that the disk is too slow, for one recording.
const SLOW_AGAIN: Duration = Duration::from_secs(60);

/// A recording on the worker of this port.
pub(crate) type Key = (u16, RecordingId);

/// What waits.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// What a recording on this worker heard.
    Heard(u16, Tapped),
    /// Every recording on this worker ends.
    Gone(u16, EndReason),
    /// This one ends with an error, since the queue had no room for it.
    GaveUp(Key, RoomId),
}

/// Why [`Queue::take`] returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    /// There is something, or it is time.
    Turn,
    /// What was taken is the last: nothing more comes.
    Last,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    waiting: Mutex<Waiting>,
    news: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    entries: Vec<Entry>,
    bytes: usize,
    /// Packets left out, of tracks for which nothing was said of it yet.
    lost: HashMap<(u16, TapTrack), u32>,
    lost_in_all: u64,
    /// Recordings that get no more, and their end if it has come.
    given_up: HashMap<Key, (RoomId, Option<Tapped>)>,
    /// When it was told last that a recording loses packets.
    slow: HashMap<RecordingId, Instant>,
    /// The writer is woken by the first entry, not by the time.
    is_idle: bool,
    is_closed: bool,
    /// When the oldest of what the writer has taken happened.
    taken: Option<Instant>,
}

impl Queue {
    /// Appends what the recordings on a worker heard, and empties `batch`. Those named in the result lose packets.
    pub(crate) fn push(&self, port: u16, batch: &mut Vec<Tapped>) -> Vec<(RoomId, RecordingId)> {
        if batch.is_empty() {
            return Vec::new();
        }
        let mut slow = Vec::new();
        let mut waiting = self.lock();
        for tapped in batch.drain(..) {
            slow.extend(waiting.push(port, tapped));
        }
        self.wake(waiting);
        slow
    }

    /// Every recording on this worker ends here.
    pub(crate) fn gone(&self, port: u16, reason: EndReason) {
        let mut waiting = self.lock();
        waiting.mark_lost(port);
        waiting.append(Entry::Gone(port, reason), ENTRY_BYTES);
        self.wake(waiting);
    }

    /// Nothing more comes.
    pub(crate) fn close(&self) {
        self.lock().is_closed = true;
        self.news.notify_one();
    }

    /// Swaps what waits with `entries`, which has to be empty: at once if the queue is closed or a lot waits, else at `due`, or
    /// without that as soon as there is something.
    pub(crate) fn take(&self, entries: &mut Vec<Entry>, due: Option<Instant>) -> Taken {
        let mut waiting = self.lock();
        waiting.is_idle = due.is_none();
        waiting.taken = None;
        while !waiting.is_urgent() {
            let left = due.map(|due| due.saturating_duration_since(Instant::now()));
            waiting = match left {
                Some(Duration::ZERO) => break,
                Some(left) => self
                    .news
                    .wait_timeout(waiting, left)
                    .map_or_else(|e| e.into_inner().0, |(w, _)| w),
                None => self.news.wait(waiting).unwrap_or_else(PoisonError::into_inner),
            };
        }
        waiting.taken = waiting.oldest();
        std::mem::swap(&mut waiting.entries, entries);
        waiting.bytes = 0;
        for (key, (room, end)) in waiting.given_up.drain() {
            let port = key.0;
            entries.push(Entry::GaveUp(key, room));
            entries.extend(end.map(|end| Entry::Heard(port, end)));
        }
        if waiting.is_closed { Taken::Last } else { Taken::Turn }
    }

    /// Packets left out in all.
    pub(crate) fn lost(&self) -> u64 {
        self.lock().lost_in_all
    }

    /// How long the oldest that is not written yet has waited.
    pub(crate) fn delay(&self, now: Instant) -> Duration {
        let waiting = self.lock();
        let oldest = waiting.taken.or_else(|| waiting.oldest());
        oldest.map_or(Duration::ZERO, |at| now.saturating_duration_since(at))
    }

    fn wake(&self, waiting: MutexGuard<'_, Waiting>) {
        let is_urgent = waiting.is_urgent();
        drop(waiting);
        if is_urgent {
            self.news.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    /// Whether the writer is not to wait any longer.
    fn is_urgent(&self) -> bool {
        self.is_closed || self.bytes >= URGENT_BYTES || (self.is_idle && !self.entries.is_empty())
    }

    fn oldest(&self) -> Option<Instant> {
        self.entries.iter().find_map(|entry| match entry {
            Entry::Heard(_, tapped) => Some(tapped.at),
            Entry::Gone(..) | Entry::GaveUp(..) => None,
        })
    }

    /// Appends one if there is room. The result is the recording, if it is to be told that it loses packets.
    fn push(&mut self, port: u16, tapped: Tapped) -> Option<(RoomId, RecordingId)> {
        let key = (port, tapped.recording.clone());
        if let Some((_, end)) = self.given_up.get_mut(&key) {
            if matches!(tapped.what, Heard::Stopped(_)) {
                *end = Some(tapped);
            }
            return None;
        }
        match &tapped.what {
            Heard::Packet { track, packet } => {
                let (track, bytes) = (*track, packet.len() + ENTRY_BYTES);
                if self.bytes + bytes > MAX_BYTES {
                    return self.lose(port, track, &tapped);
                }
                self.mark_gap(port, track, &tapped);
                self.append(Entry::Heard(port, tapped), bytes);
                return None;
            }
            Heard::Report { .. } | Heard::Speakers(_) if self.bytes + ENTRY_BYTES > MAX_BYTES => return None,
            Heard::Ended { track } => self.mark_gap(port, *track, &tapped),
            Heard::Stopped(_) => drop(self.slow.remove(&tapped.recording)),
            _ => {}
        }
        if self.bytes + ENTRY_BYTES > MAX_BYTES + LINES_BYTES {
            let is_end = matches!(tapped.what, Heard::Stopped(_));
            let room = tapped.room.clone();
            self.given_up.insert(key, (room, is_end.then_some(tapped)));
        } else {
            self.append(Entry::Heard(port, tapped), ENTRY_BYTES);
        }
        None
    }

    fn append(&mut self, entry: Entry, bytes: usize) {
        self.bytes += bytes;
        self.entries.push(entry);
    }

    fn lose(&mut self, port: u16, track: TapTrack, tapped: &Tapped) -> Option<(RoomId, RecordingId)> {
        *self.lost.entry((port, track)).or_default() += 1;
        self.lost_in_all += 1;
        let told = self.slow.get(&tapped.recording);
        if told.is_some_and(|&told| tapped.at.saturating_duration_since(told) < SLOW_AGAIN) {
            return None;
        }
        self.slow.insert(tapped.recording.clone(), tapped.at);
        Some((tapped.room.clone(), tapped.recording.clone()))
    }

    /// Before what comes next of a track: how many of its packets were left out.
    fn mark_gap(&mut self, port: u16, track: TapTrack, next: &Tapped) {
        if self.lost.is_empty() {
            return;
        }
        if let Some(lost) = self.lost.remove(&(port, track)) {
            let gap = Tapped {
                room: next.room.clone(),
                recording: next.recording.clone(),
                at: next.at,
                what: Heard::Gap { track, lost },
            };
            self.append(Entry::Heard(port, gap), ENTRY_BYTES);
        }
    }

    /// The tracks of a worker are gone: what they lost is counted only.
    fn mark_lost(&mut self, port: u16) {
        self.lost.retain(|(of, _), _| *of != port);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sfu::{StopReason, TapPeer};

    const PORT: u16 = 7;

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
            Entry::Heard(_, tapped) => match tapped.what {
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
        assert!(queue.push(PORT, &mut batch).is_empty());
        (queue, packets)
    }

    #[test]
    fn what_comes_next_of_a_track_says_how_many_packets_were_left_out() {
        let (queue, packets) = full();
        let slow = queue.push(PORT, &mut vec![packet(1_000), packet(1_000)]);
        assert_eq!(slow, [("r".into(), "rec".into())], "told once");
        assert_eq!(queue.lost(), 2);
        assert_eq!(taken(&queue).len(), packets);
        queue.push(PORT, &mut vec![packet(1_000)]);
        let entries = taken(&queue);
        assert_eq!(kinds(&entries), ["gap", "packet"]);
        let Entry::Heard(PORT, tapped) = &entries[0] else {
            panic!("{entries:?}")
        };
        assert_eq!(
            tapped.what,
            Heard::Gap {
                track: TapTrack(1),
                lost: 2
            }
        );
        queue.push(PORT, &mut vec![packet(1_000)]);
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
        queue.push(PORT, &mut batch);
        queue.push(PORT, &mut vec![heard(Heard::Stopped(StopReason::Empty))]);
        assert_eq!(kinds(&taken(&queue)[packets..]), ["gap", "ended", "stopped"]);
    }

    #[test]
    fn another_worker_has_other_tracks() {
        let (queue, _) = full();
        queue.push(PORT, &mut vec![packet(1_000)]);
        taken(&queue);
        queue.push(PORT + 1, &mut vec![packet(1_000)]);
        assert_eq!(kinds(&taken(&queue)), ["packet"]);
        queue.gone(PORT, EndReason::Fault);
        queue.push(PORT, &mut vec![packet(1_000)]);
        assert_eq!(kinds(&taken(&queue)), ["gone", "packet"]);
    }

    #[test]
    fn a_recording_that_fills_all_there_is_gets_no_more() {
        let (queue, _) = full();
        let left = Heard::Left { peer: TapPeer(1) };
        for _ in 0..LINES_BYTES / ENTRY_BYTES + 10 {
            queue.push(PORT, &mut vec![heard(left.clone())]);
        }
        queue.push(PORT, &mut vec![heard(Heard::Stopped(StopReason::Empty)), packet(12)]);
        let entries = taken(&queue);
        assert!(entries.len() * ENTRY_BYTES <= MAX_BYTES + LINES_BYTES);
        assert_eq!(kinds(&entries[entries.len() - 3..]), ["line", "gave up", "stopped"]);
    }

    #[test]
    fn an_idle_writer_is_woken_by_the_first_entry_and_a_busy_one_by_many() {
        let queue = Queue::default();
        let (first, busy) = std::thread::scope(|scope| {
            let writer = scope.spawn(|| {
                let mut entries = Vec::new();
                queue.take(&mut entries, None);
                let first = entries.len();
                entries.clear();
                queue.take(&mut entries, Some(Instant::now() + Duration::from_secs(60)));
                (first, entries.len())
            });
            queue.push(PORT, &mut vec![packet(12)]);
            while !queue.lock().entries.is_empty() || queue.lock().is_idle {
                std::thread::yield_now();
            }
            queue.push(PORT, &mut (0..URGENT_BYTES / ENTRY_BYTES).map(|_| packet(12)).collect());
            writer.join().unwrap()
        });
        assert_eq!(first, 1);
        assert_eq!(busy, URGENT_BYTES / ENTRY_BYTES);
    }

    #[test]
    fn the_oldest_that_waits_is_the_delay() {
        let queue = Queue::default();
        let now = Instant::now();
        assert_eq!(queue.delay(now), Duration::ZERO);
        let tapped = packet(12);
        let at = tapped.at;
        queue.push(PORT, &mut vec![tapped, packet(12)]);
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
        queue.push(PORT, &mut vec![packet(12)]);
        queue.close();
        let mut entries = Vec::new();
        assert_eq!(queue.take(&mut entries, None), Taken::Last);
        assert_eq!(entries.len(), 1);
    }
}
