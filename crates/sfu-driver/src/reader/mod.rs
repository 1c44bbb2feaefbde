//! The thread that reads SDPs for the worker, so that no packet waits for that.

mod fair_queue;

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use mio::Waker;
use sfu::{ReadSdp, Reading, RoomId, UserId};

use fair_queue::FairQueue;

/// Bytes of SDP that wait at most, to be read or for the worker to go on with them: twice what a full room of 1,000
/// with slots offers that comes at once. It takes some ten seconds to read so much. What comes beyond that is refused,
/// and its client may try again.
const MAX_WAITING: usize = 64 << 20;

/// The thread gives way to those that forward media: it has a third of the CPU time of one of them that wants as much.
const NICE: i32 = 5;

/// An SDP to read.
struct Job {
    reading: Reading,
    /// Which of the worker's shards asks: one that panicked has made way for another.
    shard: u64,
}

/// What came of a job.
struct Done {
    shard: u64,
    read: ReadSdp,
    /// The space that it takes: none if it was given up, having no SDP any more.
    bytes: usize,
}

/// What the thread is to do.
struct Tasks {
    jobs: FairQueue<(RoomId, UserId), Box<Job>>,
    /// It is to show that it does not stand still.
    is_woken: bool,
    /// The worker is gone.
    is_over: bool,
    /// For tests: what it is to do first.
    #[cfg(test)]
    call: Option<Box<dyn FnOnce() + Send>>,
}

/// What the thread does in a turn.
enum Task {
    Read(Box<Job>),
    Turn,
    #[cfg(test)]
    Call(Box<dyn FnOnce() + Send>),
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

/// What the thread and those who ask it share.
struct Shared {
    tasks: Mutex<Tasks>,
    changed: Condvar,
    /// What the thread has begun.
    turns: AtomicU64,
    /// What waits for the worker.
    done: Mutex<VecDeque<Done>>,
    /// The worker's.
    waker: Arc<Waker>,
}

impl Shared {
    fn tasks(&self) -> MutexGuard<'_, Tasks> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn done(&self) -> MutexGuard<'_, VecDeque<Done>> {
        self.done.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        // On Linux this is the calling thread's. Where it is not granted, the thread only gives way less.
        let _ = rustix::process::setpriority_process(None, NICE);
        while let Some(task) = self.next() {
            self.turns.fetch_add(1, Ordering::Relaxed);
            match task {
                Task::Turn => {}
                Task::Read(job) => self.read(*job),
                #[cfg(test)]
                Task::Call(call) => call(),
            }
        }
    }

    /// Waits for the next task. `None`: nobody wants to know any more.
    fn next(&self) -> Option<Task> {
        let mut tasks = self.tasks();
        while !tasks.is_over {
            if let Some(task) = tasks.next() {
                return Some(task);
            }
            tasks = self.changed.wait(tasks).unwrap_or_else(PoisonError::into_inner);
        }
        None
    }

    fn read(&self, job: Job) {
        let bytes = job.reading.bytes();
        self.finish(Done {
            shard: job.shard,
            read: job.reading.run(),
            bytes,
        });
    }

    fn give_up(&self, job: Job) {
        self.finish(Done {
            shard: job.shard,
            read: job.reading.give_up(),
            bytes: 0,
        });
    }

    fn finish(&self, done: Done) {
        self.done().push_back(done);
        // A worker that cannot be woken has ended.
        let _ = self.waker.wake();
    }
}

/// The thread, as the driver sees it.
pub(crate) struct Reader(Arc<Shared>);

impl Reader {
    /// Has the thread turn once, unless it stands still.
    pub(crate) fn wake(&self) {
        self.0.tasks().is_woken = true;
        self.0.changed.notify_one();
    }

    /// How often the thread has turned.
    pub(crate) fn turns(&self) -> u64 {
        self.0.turns.load(Ordering::Relaxed)
    }

    /// Has the thread do something next.
    #[cfg(test)]
    pub(crate) fn call(&self, call: impl FnOnce() + Send + 'static) {
        self.0.tasks().call = Some(Box::new(call));
        self.0.changed.notify_one();
    }
}

/// The thread, as the worker sees it. It ends with this.
pub(crate) struct Readings(Arc<Shared>);

impl Readings {
    /// Starts the thread. The waker has the worker look for what was read.
    ///
    /// # Errors
    /// The system has no thread left.
    pub(crate) fn start(waker: Arc<Waker>) -> io::Result<Self> {
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
            done: Mutex::default(),
            waker,
        });
        let readings = Self(Arc::clone(&shared));
        thread::Builder::new()
            .name("sfu-reader".to_owned())
            .spawn(move || shared.run())?;
        Ok(readings)
    }

    pub(crate) fn reader(&self) -> Reader {
        Reader(Arc::clone(&self.0))
    }

    /// Hands an SDP over, for the worker's shard of that number. Where too much waits, what would be read last is not.
    pub(crate) fn read(&self, shard: u64, reading: Reading) {
        let (user, bytes) = (reading.user().clone(), reading.bytes());
        let job = Box::new(Job { reading, shard });
        let pushed = self.0.tasks().jobs.push(&user, bytes, job);
        self.0.changed.notify_one();
        for unread in pushed.unwrap_or_else(|refused| vec![refused]) {
            self.0.give_up(*unread);
        }
    }

    /// The next one that was read, and for which shard.
    pub(crate) fn take(&self) -> Option<(u64, ReadSdp)> {
        let done = self.0.done().pop_front()?;
        self.0.tasks().jobs.release(done.bytes);
        Some((done.shard, done.read))
    }
}

impl Drop for Readings {
    fn drop(&mut self) {
        self.0.tasks().is_over = true;
        self.0.changed.notify_one();
    }
}
