//! The thread that reads SDPs for all workers, so that no packet waits for that.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SendError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;

use mio::Waker;
use sfu::{ReadSdp, Reading};

/// Bytes of SDP that wait at most: as a full room of 1,000 with slots offers that comes at once, twice. It takes some ten
/// seconds to read so much. What comes beyond that is refused, and its client may try again.
const MAX_WAITING: usize = 64 << 20;

/// What the thread has to do.
enum Job {
    /// Read an SDP for a worker.
    Read {
        reading: Box<Reading>,
        /// Which shard of the worker's asks: one that panicked has made way for another.
        shard: u64,
        /// Gone when the worker is.
        desk: Weak<Desk>,
    },
    /// Show that it does not stand still.
    Turn,
}

/// How far the thread is.
#[derive(Default)]
struct Progress {
    /// Bytes that wait.
    waiting: AtomicUsize,
    /// What was begun.
    turns: AtomicU64,
    /// A [`Job::Turn`] waits: one is enough.
    is_woken: AtomicBool,
}

/// Where a worker finds what was read for it.
struct Desk {
    read: Mutex<VecDeque<(u64, ReadSdp)>>,
    waker: Arc<Waker>,
}

impl Desk {
    fn read(&self) -> MutexGuard<'_, VecDeque<(u64, ReadSdp)>> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The way to the thread, which ends with the last one.
#[derive(Clone)]
pub(crate) struct Reader {
    jobs: Sender<Job>,
    progress: Arc<Progress>,
}

impl Reader {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system has no thread left.
    pub(crate) fn start() -> io::Result<Self> {
        let (jobs, to_do) = channel();
        let progress = Arc::<Progress>::default();
        let reader = Self {
            jobs,
            progress: Arc::clone(&progress),
        };
        thread::Builder::new()
            .name("sfu-reader".to_owned())
            .spawn(move || run(&to_do, &progress))?;
        Ok(reader)
    }

    /// Has the thread turn once, unless it stands still.
    pub(crate) fn wake(&self) {
        if !self.progress.is_woken.swap(true, Ordering::Relaxed) {
            // A thread that has ended does not turn.
            let _ = self.jobs.send(Job::Turn);
        }
    }

    /// How often the thread has turned.
    pub(crate) fn turns(&self) -> u64 {
        self.progress.turns.load(Ordering::Relaxed)
    }
}

fn run(jobs: &Receiver<Job>, progress: &Progress) {
    for job in jobs {
        progress.turns.fetch_add(1, Ordering::Relaxed);
        match job {
            Job::Turn => progress.is_woken.store(false, Ordering::Relaxed),
            Job::Read { reading, shard, desk } => {
                progress.waiting.fetch_sub(reading.bytes(), Ordering::Relaxed);
                read(*reading, shard, &desk);
            }
        }
    }
}

fn read(reading: Reading, shard: u64, desk: &Weak<Desk>) {
    if desk.strong_count() == 0 {
        return;
    }
    let read = reading.run();
    if let Some(desk) = desk.upgrade() {
        desk.read().push_back((shard, read));
        // A worker that cannot be woken has ended.
        let _ = desk.waker.wake();
    }
}

/// A worker's place at the thread.
pub(crate) struct Readings {
    reader: Reader,
    desk: Arc<Desk>,
}

impl Readings {
    /// The waker has the worker look for what was read.
    pub(crate) fn new(reader: Reader, waker: Arc<Waker>) -> Self {
        let desk = Desk {
            read: Mutex::default(),
            waker,
        };
        Self {
            reader,
            desk: Arc::new(desk),
        }
    }

    /// Hands an SDP over, for the worker's shard of that number.
    ///
    /// # Errors
    /// Too much waits: it was not taken.
    pub(crate) fn read(&self, shard: u64, reading: Reading) -> Result<(), Box<Reading>> {
        let bytes = reading.bytes();
        // Workers that ask at once may exceed this by one SDP each.
        let waiting = &self.reader.progress.waiting;
        if waiting.load(Ordering::Relaxed) + bytes > MAX_WAITING {
            return Err(reading.into());
        }
        let reading = Box::new(reading);
        waiting.fetch_add(bytes, Ordering::Relaxed);
        let desk = Arc::downgrade(&self.desk);
        let job = Job::Read { reading, shard, desk };
        match self.reader.jobs.send(job) {
            Err(SendError(Job::Read { reading, .. })) => Err(reading),
            _ => Ok(()),
        }
    }

    /// The next one that was read, and for which shard.
    pub(crate) fn take(&self) -> Option<(u64, ReadSdp)> {
        self.desk.read().pop_front()
    }
}
