//! The bounded queue from the worker to the thread that writes.
//!
//! The worker pushes once a turn, and holds the lock for as long as it takes to append; the writer holds it to swap two
//! lists. Packets, reports and speakers that do not fit are left out; packets are counted, and the next line of their
//! track says how many (`gap`). All else is short, and has room of its own beyond. A recording that fills that, too, is
//! given up: the disk has stood still for minutes.

use std::collections::HashMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sfu::{Heard, RecordingId, RoomId, TapTrack, Tapped};

use super::line::EndReason;

/// Bytes that wait at most before packets are left out: more than a second of 100 rooms of four people with 1 Mbit/s each, or
/// two minutes of one. While the disk stands still, the writer holds as much again.
pub(super) const MAX_BYTES: usize = 64 << 20;

/// What an entry counts for, beside its packet: its own memory, and the allocator's. So at most 260,000 entries wait.
pub(super) const ENTRY_BYTES: usize = 256;

/// Room for what must not be left out: 65,536 more lines.
pub(super) const LINES_BYTES: usize = 65_536 * ENTRY_BYTES;

/// With so much waiting the writer is woken before its time.
pub(super) const URGENT_BYTES: usize = MAX_BYTES / 4;

/// How often it is told that the disk is too slow, for one recording.
pub(super) const SLOW_AGAIN: Duration = Duration::from_secs(60);

/// What waits.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// What a recording heard.
    Heard(Tapped),
    /// Every recording ends.
    Gone(EndReason),
    /// This one ends with an error, since the queue had no room for it.
    GaveUp(RecordingId, RoomId),
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
    /// Recordings that lose packets, or did.
    losing: HashMap<RecordingId, Losing>,
    lost_in_all: u64,
    /// Recordings that get no more, and their end if it has come.
    given_up: HashMap<RecordingId, (RoomId, Option<Tapped>)>,
    /// The writer is woken by the first entry, not by the time.
    is_idle: bool,
    is_closed: bool,
    /// When the oldest of what the writer has taken happened.
    taken: Option<Instant>,
}

/// What is known of a recording that loses packets, until its end.
#[derive(Debug)]
struct Losing {
    /// When this was told last.
    told: Instant,
    /// Packets left out, of tracks for which nothing was said of it yet.
    tracks: HashMap<TapTrack, u32>,
}

impl Queue {
    /// Appends what the recordings heard, and empties `batch`. Those named in the result lose packets.
    pub(crate) fn push(&self, batch: &mut Vec<Tapped>) -> Vec<(RoomId, RecordingId)> {
        if batch.is_empty() {
            return Vec::new();
        }
        let mut slow = Vec::new();
        let mut waiting = self.lock();
        for tapped in batch.drain(..) {
            slow.extend(waiting.push(tapped));
        }
        self.wake(waiting);
        slow
    }

    /// Every recording ends here.
    pub(crate) fn gone(&self, reason: EndReason) {
        let mut waiting = self.lock();
        waiting.losing.clear(); // what their tracks lost is counted only
        waiting.append(Entry::Gone(reason), ENTRY_BYTES);
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
        for (recording, (room, end)) in waiting.given_up.drain() {
            entries.push(Entry::GaveUp(recording, room));
            entries.extend(end.map(Entry::Heard));
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
            Entry::Heard(tapped) => Some(tapped.at),
            Entry::Gone(..) | Entry::GaveUp(..) => None,
        })
    }

    /// Appends one if there is room. The result is the recording, if it is to be told that it loses packets.
    fn push(&mut self, tapped: Tapped) -> Option<(RoomId, RecordingId)> {
        if let Some((_, end)) = self.given_up.get_mut(&tapped.recording) {
            if matches!(tapped.what, Heard::Stopped(_)) {
                *end = Some(tapped);
            }
            return None;
        }
        match &tapped.what {
            Heard::Packet { track, packet } => {
                let (track, bytes) = (*track, packet.len() + ENTRY_BYTES);
                if self.bytes + bytes > MAX_BYTES {
                    return self.lose(track, &tapped);
                }
                self.mark_gap(track, &tapped);
                self.append(Entry::Heard(tapped), bytes);
                return None;
            }
            Heard::Report { .. } | Heard::Speakers(_) if self.bytes + ENTRY_BYTES > MAX_BYTES => return None,
            Heard::Ended { track } => self.mark_gap(*track, &tapped),
            Heard::Stopped(_) => drop(self.losing.remove(&tapped.recording)),
            _ => {}
        }
        if self.bytes + ENTRY_BYTES > MAX_BYTES + LINES_BYTES {
            self.give_up(tapped);
        } else {
            self.append(Entry::Heard(tapped), ENTRY_BYTES);
        }
        None
    }

    /// The recording gets no more: `tapped` had no room.
    fn give_up(&mut self, tapped: Tapped) {
        self.losing.remove(&tapped.recording);
        let is_end = matches!(tapped.what, Heard::Stopped(_));
        let (recording, room) = (tapped.recording.clone(), tapped.room.clone());
        self.given_up.insert(recording, (room, is_end.then_some(tapped)));
    }

    fn append(&mut self, entry: Entry, bytes: usize) {
        self.bytes += bytes;
        self.entries.push(entry);
    }

    fn lose(&mut self, track: TapTrack, tapped: &Tapped) -> Option<(RoomId, RecordingId)> {
        self.lost_in_all += 1;
        let mut is_new = false;
        let losing = self.losing.entry(tapped.recording.clone()).or_insert_with(|| {
            is_new = true;
            Losing {
                told: tapped.at,
                tracks: HashMap::new(),
            }
        });
        *losing.tracks.entry(track).or_default() += 1;
        if !is_new && tapped.at.saturating_duration_since(losing.told) < SLOW_AGAIN {
            return None;
        }
        losing.told = tapped.at;
        Some((tapped.room.clone(), tapped.recording.clone()))
    }

    /// Before what comes next of a track: how many of its packets were left out.
    fn mark_gap(&mut self, track: TapTrack, next: &Tapped) {
        let Some(losing) = self.losing.get_mut(&next.recording) else {
            return;
        };
        if let Some(lost) = losing.tracks.remove(&track) {
            let gap = Tapped {
                room: next.room.clone(),
                recording: next.recording.clone(),
                at: next.at,
                what: Heard::Gap { track, lost },
            };
            self.append(Entry::Heard(gap), ENTRY_BYTES);
        }
    }
}
