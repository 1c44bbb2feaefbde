//! The parts that are being written, and what becomes of them: they begin, fail, end.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Instant, SystemTime};

use sfu::{Heard, RecordingId, RoomId, StopReason, Tapped};

use super::Trouble;
use super::counters::{Counters, add};
use super::disk::Disk;
use super::files::{PartFiles, Written};
use super::line::EndReason;
use super::names;
use super::part::{Beginning, Op, Part};
use super::queue::Entry;
use crate::events::{Event, EventQueue};

/// With more changed files than this, one sync of the whole file system costs less than one of each file.
const SYNC_EACH: usize = 32;

/// How often another name is tried for a part that would begin in the same millisecond as another.
const NAMES_TRIED: u64 = 100;

struct OpenPart<D: Disk> {
    room: RoomId,
    part: Part,
    files: PartFiles<D::Folder>,
}

/// What there is of a recording.
enum State<D: Disk> {
    /// It is being written.
    Open(Box<OpenPart<D>>),
    /// It could not be written: what else is heard is dropped, until it stops.
    Failed,
}

/// See the module.
pub(crate) struct Parts<D: Disk> {
    disk: D,
    node: String,
    port: u16,
    parts: HashMap<RecordingId, State<D>>,
    counters: Arc<Counters>,
    events: Arc<EventQueue>,
    /// Empty between calls.
    ops: Vec<Op>,
    /// What is not in the counters yet.
    written: Written,
}

impl<D: Disk> Parts<D> {
    pub(crate) fn new(disk: D, node: String, port: u16, counters: Arc<Counters>, events: Arc<EventQueue>) -> Self {
        Parts {
            disk,
            node,
            port,
            parts: HashMap::new(),
            counters,
            events,
            ops: Vec::new(),
            written: Written::default(),
        }
    }

    /// Whether there is nothing that could want to be written.
    pub(crate) fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Takes what came over the queue. It is written by [`Self::write`] at the latest.
    pub(crate) fn take(&mut self, entry: Entry) {
        match entry {
            Entry::Heard(tapped) => self.hear(tapped),
            Entry::Gone(reason) => self.end_all(reason),
            Entry::GaveUp(recording, room) => {
                let error = io::Error::new(io::ErrorKind::TimedOut, "the disk has not taken anything for minutes");
                self.fail(&recording, room, &error);
            }
        }
    }

    fn hear(&mut self, tapped: Tapped) {
        let recording = tapped.recording;
        if let Heard::Stopped(reason) = tapped.what {
            let reason = match reason {
                StopReason::Command => EndReason::Stopped,
                StopReason::Empty => EndReason::Empty,
            };
            self.end(&recording, tapped.at, reason);
            return;
        }
        if matches!(tapped.what, Heard::Joined { .. }) && !self.parts.contains_key(&recording) {
            self.begin(&recording, &tapped.room, tapped.at);
        }
        let Some(State::Open(open)) = self.parts.get_mut(&recording) else {
            return;
        };
        open.part.hear(tapped.at, tapped.what, &mut self.ops);
        let mut ops = self.ops.drain(..);
        let outcome = ops.try_for_each(|op| open.files.apply(op, &mut self.written));
        drop(ops);
        if let Err(e) = outcome {
            self.fail(&recording, tapped.room, &e);
        }
    }

    fn begin(&mut self, recording: &RecordingId, room: &RoomId, at: Instant) {
        match self.open(recording, room, at) {
            Ok(open) => drop(self.parts.insert(recording.clone(), State::Open(Box::new(open)))),
            Err(e) => self.fail(recording, room.clone(), &e),
        }
    }

    fn open(&mut self, recording: &RecordingId, room: &RoomId, at: Instant) -> io::Result<OpenPart<D>> {
        if !names::is_name(recording.as_str()) {
            let reason = format!("{recording:?} cannot be the name of a recording");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, reason));
        }
        let beginning = Beginning::new(at, Instant::now(), SystemTime::now());
        let part = Part::new(beginning);
        let folder = self.make_part(recording, beginning.wall / 1_000)?;
        let first_line = part.first_line(recording, room, &self.node);
        let files = PartFiles::begin(folder, first_line, &mut self.written)?;
        Ok(OpenPart {
            room: room.clone(),
            part,
            files,
        })
    }

    fn make_part(&self, recording: &RecordingId, start: u64) -> io::Result<D::Folder> {
        let make = |start| {
            self.disk
                .make_part(recording.as_str(), &names::part(start, &self.node, self.port))
        };
        let is_taken = |made: &io::Result<_>| matches!(made, Err(e) if e.kind() == io::ErrorKind::AlreadyExists);
        (start..start + NAMES_TRIED)
            .map(make)
            .find(|made| !is_taken(made))
            .unwrap_or_else(|| Err(io::ErrorKind::AlreadyExists.into()))
    }

    /// Writes all that was taken.
    pub(crate) fn write(&mut self) {
        self.each(PartFiles::write);
        self.publish();
    }

    /// Waits until all that was written is on the disk.
    pub(crate) fn sync(&mut self) {
        let changed: usize = self.open_parts().map(|open| open.files.changed()).sum();
        if changed <= SYNC_EACH {
            self.each(|files, _| files.sync());
            return;
        }
        let outcome = self.disk.sync();
        self.each(|files, _| match &outcome {
            Ok(()) => {
                files.set_synced();
                Ok(())
            }
            Err(e) => Err(io::Error::new(e.kind(), e.to_string())),
        });
    }

    fn open_parts(&mut self) -> impl Iterator<Item = &mut OpenPart<D>> {
        self.parts.values_mut().filter_map(|state| match state {
            State::Open(open) => Some(&mut **open),
            State::Failed => None,
        })
    }

    fn each(&mut self, mut act: impl FnMut(&mut PartFiles<D::Folder>, &mut Written) -> io::Result<()>) {
        let mut failed = Vec::new();
        for (recording, state) in &mut self.parts {
            if let State::Open(open) = state
                && let Err(e) = act(&mut open.files, &mut self.written)
            {
                failed.push((recording.clone(), open.room.clone(), e));
            }
        }
        for (recording, room, e) in failed {
            self.fail(&recording, room, &e);
        }
    }

    /// A part cannot be written: it ends, and the room is told.
    fn fail(&mut self, recording: &RecordingId, room: RoomId, error: &io::Error) {
        let (reason, trouble) = match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => (EndReason::DiskFull, Trouble::DiskFull),
            _ => (EndReason::DiskError, Trouble::DiskError),
        };
        if let Some(State::Open(mut open)) = self.parts.insert(recording.clone(), State::Failed) {
            let last_line = open.part.last_line(Instant::now(), reason);
            // On a broken disk the part may have no last line: readers take what is whole.
            let _ = open.files.end(&last_line, true, &mut self.written);
            let _ = open.files.sync();
        }
        add(&self.counters.parts_failed, 1);
        self.events.push(&mut vec![Event::RecordingTrouble {
            room,
            recording: recording.clone(),
            trouble,
            detail: error.to_string(),
        }]);
    }

    /// After a panic of this thread: no part is what it should be.
    pub(crate) fn fail_all(&mut self, reason: &str) {
        let error = || io::Error::other(reason.to_owned());
        self.ops.clear();
        self.each(|_, _| Err(error()));
    }

    fn end(&mut self, recording: &RecordingId, at: Instant, reason: EndReason) {
        if let Some(mut open) = self.finish(recording, at, reason) {
            let outcome = open.files.sync();
            self.ended(recording, open, outcome);
        }
    }

    /// Ends all parts.
    pub(crate) fn end_all(&mut self, reason: EndReason) {
        let recordings: Vec<RecordingId> = self.parts.keys().cloned().collect();
        let now = Instant::now();
        let finished: Vec<_> = recordings
            .iter()
            .filter_map(|recording| Some((recording, self.finish(recording, now, reason)?)))
            .collect();
        let changed: usize = finished.iter().map(|(_, open)| open.files.changed()).sum();
        let together = (changed > SYNC_EACH).then(|| self.disk.sync());
        for (recording, mut open) in finished {
            let outcome = match &together {
                Some(Ok(())) => Ok(()),
                Some(Err(e)) => Err(io::Error::new(e.kind(), e.to_string())),
                None => open.files.sync(),
            };
            self.ended(recording, open, outcome);
        }
    }

    /// Writes the end of a part. It is still locked, until it is synced and dropped.
    fn finish(&mut self, recording: &RecordingId, at: Instant, reason: EndReason) -> Option<Box<OpenPart<D>>> {
        let State::Open(mut open) = self.parts.remove(recording)? else {
            return None;
        };
        let outcome = open.files.write(&mut self.written).and_then(|()| {
            let last_line = open.part.last_line(at, reason);
            open.files.end(&last_line, false, &mut self.written)
        });
        match outcome {
            Ok(()) => Some(open),
            Err(e) => {
                self.failed_at_end(recording, open, &e);
                None
            }
        }
    }

    fn ended(&mut self, recording: &RecordingId, open: Box<OpenPart<D>>, outcome: io::Result<()>) {
        if let Err(e) = outcome {
            self.failed_at_end(recording, open, &e);
        }
    }

    fn failed_at_end(&mut self, recording: &RecordingId, open: Box<OpenPart<D>>, error: &io::Error) {
        let room = open.room.clone();
        self.parts.insert(recording.clone(), State::Open(open));
        self.fail(recording, room, error);
        self.parts.remove(recording);
    }

    /// Brings the counters up to date.
    fn publish(&mut self) {
        let running = self.open_parts().count() as u64;
        self.counters.running.store(running, Ordering::Relaxed);
        let written = std::mem::take(&mut self.written);
        add(&self.counters.packets, written.packets);
        add(&self.counters.bytes, written.bytes);
    }
}
