//! A running worker as its driver sees it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use mio::Waker;
use sfu::Command;

use crate::driver::CommandError;
use crate::stats::Counters;
use crate::worker::{Order, Worker};

/// Commands that wait for one worker at most: a full room of 1,000 that comes at once, four commands each.
pub(crate) const MAX_COMMANDS: usize = 4_096;

/// Commands that did not fit and wait to be refused. Beyond, the caller is told at once.
pub(crate) const MAX_REFUSED: usize = 256;

/// Where a worker's commands come from.
pub(crate) struct Inbox {
    /// What it is to do.
    pub(crate) orders: Receiver<Order>,
    /// What it is to refuse, since there was no space for it.
    pub(crate) refused: Receiver<Command>,
}

/// Where the commands of a worker go.
pub(crate) struct Outbox {
    orders: SyncSender<Order>,
    refused: SyncSender<Command>,
}

/// The two ends of a worker's queues.
pub(crate) fn queues() -> (Outbox, Inbox) {
    let (orders, ordered) = sync_channel(MAX_COMMANDS);
    let (refuse, refused) = sync_channel(MAX_REFUSED);
    let outbox = Outbox {
        orders,
        refused: refuse,
    };
    let inbox = Inbox {
        orders: ordered,
        refused,
    };
    (outbox, inbox)
}

/// What became of a command at its worker's queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sent {
    /// It will be done.
    Queued,
    /// There is no space: it will be refused by event.
    Refused,
}

/// See the module.
pub(crate) struct Handle {
    port: u16,
    outbox: Outbox,
    waker: Waker,
    counters: Arc<Counters>,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
    ended: mpsc::Receiver<io::Result<()>>,
}

impl Handle {
    /// Starts a worker's thread.
    ///
    /// # Errors
    /// The system has no thread left.
    pub(crate) fn start(worker: Worker, waker: Waker, outbox: Outbox) -> io::Result<Self> {
        let (end, ended) = sync_channel(1);
        let (port, counters, stop) = (worker.port(), worker.counters(), worker.stop_flag());
        let run = move || {
            // The receiver is gone only with the driver, and then nobody asks.
            let _ = end.send(worker.run());
        };
        Ok(Handle {
            port,
            outbox,
            waker,
            counters,
            stop,
            thread: thread::Builder::new().name(format!("sfu-{port}")).spawn(run)?,
            ended,
        })
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Hands a command over.
    ///
    /// # Errors
    /// [`CommandError`]; nothing will come of the command.
    pub(crate) fn send(&self, command: Command) -> Result<Sent, CommandError> {
        let sent = match self.outbox.orders.try_send(Order::Command(command)) {
            Ok(()) => Sent::Queued,
            Err(TrySendError::Full(Order::Command(command))) => {
                self.outbox.refused.try_send(command).map_err(|e| match e {
                    TrySendError::Full(_) => CommandError::Overloaded,
                    TrySendError::Disconnected(_) => CommandError::Stopped,
                })?;
                Sent::Refused
            }
            Err(_) => return Err(CommandError::Stopped),
        };
        self.waker.wake().map_err(|_| CommandError::Stopped)?;
        Ok(sent)
    }

    /// Has the worker's thread do something.
    #[cfg(test)]
    pub(crate) fn call(&self, call: impl FnOnce() + Send + 'static) {
        let call = crate::worker::TestCall(Box::new(call));
        self.outbox.orders.send(Order::Call(call)).unwrap();
        self.waker.wake().unwrap();
    }

    pub(crate) fn ask_to_stop(&self) {
        self.stop.store(true, Ordering::Release);
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
