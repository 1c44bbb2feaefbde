//! A running worker as its driver sees it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{
    self, Receiver, RecvTimeoutError, Sender, SyncSender, TryRecvError, TrySendError, channel, sync_channel,
};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use mio::Waker;
use sfu::Command;

use crate::driver::CommandError;
use crate::reader::Reader;
use crate::stats::Counters;
use crate::worker::{Order, Worker};

/// Commands that wait at most: a full room of 1,000 that comes at once, four commands each.
pub(crate) const MAX_COMMANDS: usize = 4_096;

/// Places beyond [`MAX_COMMANDS`] for what ends something: an end is never refused because offers wait before it. Many
/// times the peers that a thread can hold, each of which is closed once.
pub(crate) const MAX_ENDS: usize = 65_536;

/// Commands that did not fit and wait to be refused. Beyond, the caller is told at once.
pub(crate) const MAX_REFUSED: usize = 256;

/// Where the worker's commands come from.
pub(crate) struct Inbox {
    orders: Receiver<Order>,
    waiting: Arc<AtomicUsize>,
    /// What it is to refuse, since there was no space for it.
    pub(crate) refused: Receiver<Command>,
}

impl Inbox {
    /// The next order.
    ///
    /// # Errors
    /// None waits, or there will be no more.
    pub(crate) fn take(&self) -> Result<Order, TryRecvError> {
        let order = self.orders.try_recv()?;
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        Ok(order)
    }
}

/// Where its commands go.
pub(crate) struct Outbox {
    orders: Sender<Order>,
    /// How many orders wait: the queue itself has no bound.
    waiting: Arc<AtomicUsize>,
    refused: SyncSender<Command>,
}

impl Outbox {
    /// Queues a command, or has it refused where there is no place for it.
    ///
    /// # Errors
    /// [`CommandError`]
    fn send(&self, command: Command) -> Result<(), CommandError> {
        let places = if is_end(&command) {
            MAX_COMMANDS + MAX_ENDS
        } else {
            MAX_COMMANDS
        };
        // Callers that send at once may exceed this by one each.
        if self.waiting.load(Ordering::Relaxed) < places {
            return self.put(Order::Command(command));
        }
        if command.transport().is_none() {
            return Err(CommandError::Overloaded); // nobody would hear of it by event
        }
        self.refused.try_send(command).map_err(|e| match e {
            TrySendError::Full(_) => CommandError::Overloaded,
            TrySendError::Disconnected(_) => CommandError::Stopped,
        })
    }

    fn put(&self, order: Order) -> Result<(), CommandError> {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        self.orders.send(order).map_err(|_| CommandError::Stopped)
    }
}

/// Whether a command ends something: a peer, a room or a recording.
fn is_end(command: &Command) -> bool {
    matches!(
        command,
        Command::Close { .. } | Command::End { .. } | Command::StopRecording { .. }
    )
}

/// The two ends of the worker's queues.
pub(crate) fn queues() -> (Outbox, Inbox) {
    let (orders, ordered) = channel();
    let (refuse, refused) = sync_channel(MAX_REFUSED);
    let waiting = Arc::new(AtomicUsize::new(0));
    let outbox = Outbox {
        orders,
        waiting: Arc::clone(&waiting),
        refused: refuse,
    };
    let inbox = Inbox {
        orders: ordered,
        waiting,
        refused,
    };
    (outbox, inbox)
}

/// See the module.
pub(crate) struct Handle {
    port: u16,
    outbox: Outbox,
    waker: Arc<Waker>,
    counters: Arc<Counters>,
    reader: Reader,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
    ended: mpsc::Receiver<io::Result<()>>,
}

impl Handle {
    /// Starts the worker's thread.
    ///
    /// # Errors
    /// The system has no thread left.
    pub(crate) fn start(worker: Worker, outbox: Outbox) -> io::Result<Self> {
        let (end, ended) = sync_channel(1);
        let (port, waker, reader) = (worker.port(), worker.waker(), worker.reader());
        let (counters, stop) = (worker.counters(), worker.stop_flag());
        let run = move || {
            // The receiver is gone only with the driver, and then nobody asks.
            let _ = end.send(worker.run());
        };
        Ok(Handle {
            port,
            outbox,
            waker,
            counters,
            reader,
            stop,
            thread: thread::Builder::new().name(format!("sfu-{port}")).spawn(run)?,
            ended,
        })
    }

    /// Hands a command over.
    ///
    /// # Errors
    /// [`CommandError`]; nothing will come of the command.
    pub(crate) fn send(&self, command: Command) -> Result<(), CommandError> {
        self.outbox.send(command)?;
        self.waker.wake().map_err(|_| CommandError::Stopped)
    }

    /// Has the worker's thread do something.
    #[cfg(test)]
    pub(crate) fn call(&self, call: impl FnOnce() + Send + 'static) {
        let call = crate::worker::TestCall(Box::new(call));
        self.outbox.put(Order::Call(call)).unwrap();
        self.waker.wake().unwrap();
    }

    /// Has the thread that reads do something next.
    #[cfg(test)]
    pub(crate) fn call_reader(&self, call: impl FnOnce() + Send + 'static) {
        self.reader.call(call);
    }

    /// Has the thread, and the one that reads for it, turn once, unless it stands still.
    pub(crate) fn wake(&self) {
        self.wake_worker();
        self.reader.wake();
    }

    /// How often the thread has turned, and the one that reads for it.
    pub(crate) fn turns(&self) -> [u64; 2] {
        [self.counters.turns.get(), self.reader.turns()]
    }

    pub(crate) fn ask_to_stop(&self) {
        self.stop.store(true, Ordering::Release);
        self.wake_worker();
    }

    fn wake_worker(&self) {
        // A dead thread needs no waking.
        let _ = self.waker.wake();
    }

    /// Waits for the end of the thread.
    ///
    /// # Errors
    /// It did not end by the deadline, or ended with an error before.
    pub(crate) fn wait(self, deadline: Instant) -> io::Result<()> {
        let left = deadline.saturating_duration_since(Instant::now());
        let outcome = match self.ended.recv_timeout(left) {
            Ok(outcome) => outcome,
            Err(RecvTimeoutError::Timeout) => {
                let reason = format!("the SFU worker on port {} does not end", self.port);
                return Err(io::Error::new(io::ErrorKind::TimedOut, reason));
            }
            Err(RecvTimeoutError::Disconnected) => Err(io::Error::other("an SFU worker panicked")),
        };
        // It has sent its outcome as its last act; a panic is reported above.
        let _ = self.thread.join();
        outcome
    }
}
