//! The thread that reads SDPs for all workers, so that no packet waits for that.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;

use mio::Waker;
use sfu::{ReadSdp, Reading};

/// Bytes of SDP that wait at most: as a full room of 1,000 with slots offers that comes at once, twice. It takes some ten
/// seconds to read so much. What comes beyond that is refused, and its client may try again.
const MAX_WAITING: usize = 64 << 20;

/// An SDP to be read for a worker.
struct Job {
    reading: Reading,
    /// Which shard of the worker's asks: one that panicked has made way for another.
    shard: u64,
    /// Gone when the worker is.
    desk: Weak<Desk>,
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
    /// Bytes.
    waiting: Arc<AtomicUsize>,
}

impl Reader {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system has no thread left.
    pub(crate) fn start() -> io::Result<Self> {
        let (jobs, to_do) = channel();
        let waiting = Arc::new(AtomicUsize::new(0));
        let reader = Self {
            jobs,
            waiting: Arc::clone(&waiting),
        };
        thread::Builder::new()
            .name("sfu-reader".to_owned())
            .spawn(move || read_all(&to_do, &waiting))?;
        Ok(reader)
    }
}

fn read_all(jobs: &Receiver<Job>, waiting: &AtomicUsize) {
    for Job { reading, shard, desk } in jobs {
        waiting.fetch_sub(reading.bytes(), Ordering::Relaxed);
        if desk.strong_count() == 0 {
            continue;
        }
        let read = reading.run();
        if let Some(desk) = desk.upgrade() {
            desk.read().push_back((shard, read));
            // A worker that cannot be woken has ended.
            let _ = desk.waker.wake();
        }
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
        if self.reader.waiting.load(Ordering::Relaxed) + bytes > MAX_WAITING {
            return Err(reading.into());
        }
        self.reader.waiting.fetch_add(bytes, Ordering::Relaxed);
        let desk = Arc::downgrade(&self.desk);
        let job = Job { reading, shard, desk };
        self.reader.jobs.send(job).map_err(|unsent| unsent.0.reading.into())
    }

    /// The next one that was read, and for which shard.
    pub(crate) fn take(&self) -> Option<(u64, ReadSdp)> {
        self.desk.read().pop_front()
    }
}
