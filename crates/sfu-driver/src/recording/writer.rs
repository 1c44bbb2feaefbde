//! The thread that writes.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::counters::Counters;
use super::disk::{Directory, Disk, Nowhere};
use super::line::EndReason;
use super::parts::Parts;
use super::queue::{Entry, Queue, Taken};
use super::{RecordingStats, Recordings};
use crate::events::EventQueue;

/// How often what has come is written: what a process that is killed may lose.
const WRITE_EVERY: Duration = Duration::from_millis(250);

/// How often what was written is synced: what a machine that loses power may lose, beside that.
const SYNC_EVERY: Duration = Duration::from_secs(1);

/// A list of entries that has grown larger than this is not kept.
const KEPT_ENTRIES: usize = 32_768;

/// The thread as its driver sees it.
pub(crate) struct WriterHandle {
    queue: Arc<Queue>,
    counters: Arc<Counters>,
    thread: JoinHandle<()>,
    ended: Receiver<()>,
}

impl WriterHandle {
    /// Starts the thread, for the node on that port. Without a directory every recording is in trouble.
    ///
    /// # Errors
    /// The node cannot have this name, or the system has no thread left.
    pub(crate) fn start(recordings: Option<Recordings>, port: u16, events: Arc<EventQueue>) -> io::Result<Self> {
        match recordings {
            Some(recordings) => {
                recordings.check()?;
                Self::with_disk(Directory(recordings.directory), recordings.node, port, events)
            }
            None => Self::with_disk(Nowhere, String::new(), port, events),
        }
    }

    /// As [`Self::start`], on this disk.
    pub(crate) fn with_disk(disk: impl Disk, node: String, port: u16, events: Arc<EventQueue>) -> io::Result<Self> {
        let queue = Arc::<Queue>::default();
        let counters = Arc::<Counters>::default();
        let parts = Parts::new(disk, node, port, Arc::clone(&counters), events);
        let (end, ended) = sync_channel(1);
        let run = {
            let queue = Arc::clone(&queue);
            move || {
                run(parts, &queue);
                // The receiver is gone only with the driver, and then nobody asks.
                let _ = end.send(());
            }
        };
        Ok(WriterHandle {
            queue,
            counters,
            thread: thread::Builder::new().name("recordings".to_owned()).spawn(run)?,
            ended,
        })
    }

    /// Where the worker puts what is heard.
    pub(crate) fn queue(&self) -> Arc<Queue> {
        Arc::clone(&self.queue)
    }

    pub(crate) fn stats(&self) -> RecordingStats {
        self.counters.stats(self.queue.lost(), self.queue.delay(Instant::now()))
    }

    /// Ends the parts with what has come, and waits for the end of the thread.
    ///
    /// # Errors
    /// It did not end by the deadline: the disk stands still.
    pub(crate) fn end(self, deadline: Instant) -> io::Result<()> {
        self.queue.close();
        let left = deadline.saturating_duration_since(Instant::now());
        match self.ended.recv_timeout(left) {
            Ok(()) | Err(RecvTimeoutError::Disconnected) => {
                let outcome = self.thread.join();
                outcome.map_err(|_| io::Error::other("the thread that writes recordings panicked"))
            }
            Err(RecvTimeoutError::Timeout) => {
                let reason = "the recordings are not on the disk in time";
                Err(io::Error::new(io::ErrorKind::TimedOut, reason))
            }
        }
    }
}

fn run<D: Disk>(mut parts: Parts<D>, queue: &Queue) {
    let mut entries = Vec::new();
    let mut sync_at = Instant::now() + SYNC_EVERY;
    loop {
        let due = (!parts.is_empty()).then(|| Instant::now() + WRITE_EVERY);
        let taken = queue.take(&mut entries, due);
        // What is in the parts after a panic is of no use; the thread is.
        let turn = catch_unwind(AssertUnwindSafe(|| turn(&mut parts, &mut entries, &mut sync_at)));
        if turn.is_err() {
            parts.fail_all("the thread that writes recordings panicked");
        }
        entries.clear();
        entries.shrink_to(KEPT_ENTRIES);
        if taken == Taken::Last {
            parts.end_all(EndReason::Shutdown);
            return;
        }
    }
}

fn turn<D: Disk>(parts: &mut Parts<D>, entries: &mut Vec<Entry>, sync_at: &mut Instant) {
    for entry in entries.drain(..) {
        parts.take(entry);
    }
    parts.write();
    if Instant::now() >= *sync_at {
        parts.sync();
        *sync_at = Instant::now() + SYNC_EVERY;
    }
}
