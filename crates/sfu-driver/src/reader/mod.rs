//! The thread that reads SDPs for all workers, so that no packet waits for that.

mod fair_queue;

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;

use mio::Waker;
use sfu::{ReadSdp, Reading, RoomId, UserId};

use fair_queue::FairQueue;

/// Bytes of SDP that wait at most, to be read or for their workers to go on with them: twice what a full room of 1,000 with
/// slots offers that comes at once. It takes some ten seconds to read so much. What comes beyond that is refused, and its
/// client may try again.
const MAX_WAITING: usize = 64 << 20;

/// The thread gives way to those that forward media: it has a third of the CPU time of one of them that wants as much.
const NICE: i32 = 5;

/// An SDP to read for a worker.
struct Job {
    reading: Reading,
    /// Which shard of the worker's asks: one that panicked has made way for another.
    shard: u64,
    /// Gone when the worker is.
    desk: Weak<Desk>,
}

/// What the thread is to do.
struct Tasks {
    jobs: FairQueue<(RoomId, UserId), Box<Job>>,
    /// It is to show that it does not stand still.
    is_woken: bool,
    /// Nobody is left to ask for anything.
    is_over: bool,
    /// For tests: what it is to do first.
    #[cfg(test)]
    call: Option<Box<dyn FnOnce() + Send>>,
}

/// What the thread and those who ask it share.
struct Shared {
    tasks: Mutex<Tasks>,
    changed: Condvar,
    /// What the thread has begun.
    turns: AtomicU64,
}

/// What the thread does in a turn.
enum Task {
    Read(Box<Job>),
    Turn,
    #[cfg(test)]
    Call(Box<dyn FnOnce() + Send>),
}

impl Shared {
    fn tasks(&self) -> MutexGuard<'_, Tasks> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the next task. `None`: there will be none.
    fn next(&self) -> Option<Task> {
        let mut tasks = self.tasks();
        loop {
            if let Some(task) = tasks.next() {
                return Some(task);
            }
            if tasks.is_over {
                return None;
            }
            tasks = self.changed.wait(tasks).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Tasks {
    fn next(&mut self) -> Option<Task> {
        #[cfg(test)]
        if let Some(call) = self.call.take() {
            return Some(Task::Call(call));
        }
        if std::mem::take(&mut self.is_woken) {
            return Some(Task::Turn);
        }
        self.jobs.pop().map(Task::Read)
    }
}

/// The space of an SDP that was read, until its worker takes it.
struct Space {
    bytes: usize,
    shared: Arc<Shared>,
}

impl Drop for Space {
    fn drop(&mut self) {
        self.shared.tasks().jobs.release(self.bytes);
    }
}

/// What came of a job: for which shard, and the space that it takes. One that was given up takes none, having no SDP any more.
type Done = (u64, ReadSdp, Option<Space>);

/// Where a worker finds what was read for it.
struct Desk {
    read: Mutex<VecDeque<Done>>,
    waker: Arc<Waker>,
}

impl Desk {
    fn read(&self) -> MutexGuard<'_, VecDeque<Done>> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, done: Done) {
        self.read().push_back(done);
        // A worker that cannot be woken has ended.
        let _ = self.waker.wake();
    }
}

/// The way to the thread, which ends with the last one.
#[derive(Clone)]
pub(crate) struct Reader(Arc<Way>);

struct Way(Arc<Shared>);

impl Drop for Way {
    fn drop(&mut self) {
        self.0.tasks().is_over = true;
        self.0.changed.notify_one();
    }
}

impl Reader {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system has no thread left.
    pub(crate) fn start() -> io::Result<Self> {
        let shared = Arc::new(Shared {
            tasks: Mutex::new(Tasks {
                jobs: FairQueue::new(MAX_WAITING),
                is_woken: false,
                is_over: false,
                #[cfg(test)]
                call: None,
            }),
            changed: Condvar::new(),
            turns: AtomicU64::new(0),
        });
        let reader = Self(Arc::new(Way(Arc::clone(&shared))));
        thread::Builder::new()
            .name("sfu-reader".to_owned())
            .spawn(move || run(&shared))?;
        Ok(reader)
    }

    fn shared(&self) -> &Shared {
        &self.0.0
    }

    /// Has the thread turn once, unless it stands still.
    pub(crate) fn wake(&self) {
        self.shared().tasks().is_woken = true;
        self.shared().changed.notify_one();
    }

    /// How often the thread has turned.
    pub(crate) fn turns(&self) -> u64 {
        self.shared().turns.load(Ordering::Relaxed)
    }

    /// Has the thread do something next.
    #[cfg(test)]
    pub(crate) fn call(&self, call: impl FnOnce() + Send + 'static) {
        self.shared().tasks().call = Some(Box::new(call));
        self.shared().changed.notify_one();
    }
}

fn run(shared: &Arc<Shared>) {
    // On Linux this is the calling thread's. Where it is not granted, the thread only gives way less.
    let _ = rustix::process::setpriority_process(None, NICE);
    while let Some(task) = shared.next() {
        shared.turns.fetch_add(1, Ordering::Relaxed);
        match task {
            Task::Turn => {}
            Task::Read(job) => job.read(Arc::clone(shared)),
            #[cfg(test)]
            Task::Call(call) => call(),
        }
    }
}

impl Job {
    fn read(self, shared: Arc<Shared>) {
        let bytes = self.reading.bytes();
        let space = Space { bytes, shared };
        if self.desk.strong_count() > 0 {
            self.finish(Reading::run, Some(space));
        }
    }

    /// Gives the worker what `act` makes of the SDP.
    fn finish(self, act: impl FnOnce(Reading) -> ReadSdp, space: Option<Space>) {
        let read = act(self.reading);
        if let Some(desk) = self.desk.upgrade() {
            desk.put((self.shard, read, space));
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

    /// Hands an SDP over, for the worker's shard of that number. Where too much waits, what would be read last is not: be it
    /// this one or another worker's.
    pub(crate) fn read(&self, shard: u64, reading: Reading) {
        let (user, bytes) = (reading.user().clone(), reading.bytes());
        let desk = Arc::downgrade(&self.desk);
        let job = Box::new(Job { reading, shard, desk });
        let pushed = self.reader.shared().tasks().jobs.push(&user, bytes, job);
        self.reader.shared().changed.notify_one();
        for unread in pushed.unwrap_or_else(|refused| vec![refused]) {
            unread.finish(Reading::give_up, None);
        }
    }

    /// The next one that was read, and for which shard.
    pub(crate) fn take(&self) -> Option<(u64, ReadSdp)> {
        let (shard, read, _space) = self.desk.read().pop_front()?;
        Some((shard, read))
    }
}
