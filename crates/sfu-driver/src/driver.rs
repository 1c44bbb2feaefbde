//! The driver: starts the threads, hands commands to the worker, gives out events, stops the threads.

#[cfg(test)]
mod tests;

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use sfu::{Command, ShardStats};

use crate::addresses;
use crate::events::{Event, EventQueue};
use crate::handle::{Handle, queues};
use crate::recording::{RecordingStats, Recordings, WriterHandle};
use crate::sockets;
use crate::stats::Counters;
use crate::worker::{Shared, Worker, shard_config};

/// What a driver is started with.
#[derive(Debug, Clone)]
pub struct Config {
    /// The address to bind; unspecified (`0.0.0.0`, `::`) for all.
    pub bind: IpAddr,
    /// The port of UDP and TCP; 0 takes a free one.
    pub port: u16,
    /// The addresses to tell clients; empty: see [`Driver::start`].
    pub advertised: Vec<IpAddr>,
    /// Tell 127.0.0.1 too when bound to all addresses (development).
    pub loopback: bool,
    /// Where recordings are written; without, none can be.
    pub recordings: Option<Recordings>,
    /// The bounds of the worker.
    pub limits: sfu::Limits,
}

/// A command was not taken, and nothing was changed.
#[derive(Debug, PartialEq, Eq)]
pub enum CommandError {
    /// The worker is so far behind that it cannot even refuse the command by event.
    Overloaded,
    /// The driver is stopped, or the worker has failed.
    Stopped,
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            CommandError::Overloaded => "the worker's command queue is full: try again later",
            CommandError::Stopped => "the SFU is stopped",
        })
    }
}

impl std::error::Error for CommandError {}

/// The counters of the worker.
#[derive(Debug, Clone)]
pub struct Stats {
    /// Those of its sockets, by name.
    pub sockets: Vec<(&'static str, u64)>,
    /// Those of its shard.
    pub shard: ShardStats,
}

/// A running worker, with the threads that serve it. Dropping it stops them, within [`Driver::STOP_DEADLINE`].
pub struct Driver {
    port: u16,
    advertised: Vec<IpAddr>,
    counters: Arc<Counters>,
    events: Arc<EventQueue>,
    /// `None` after the stop.
    threads: Option<Threads>,
}

struct Threads {
    worker: Handle,
    writer: WriterHandle,
}

impl Driver {
    /// How long stopping may take; a thread that does not end by then is left to the end of the process.
    pub const STOP_DEADLINE: Duration = Duration::from_secs(4);
    /// The time of it that is kept for the end of the recordings.
    const WRITE_DEADLINE: Duration = Duration::from_secs(1);

    /// Binds the port, then starts the threads.
    ///
    /// Without advertised addresses clients are told the bound one or, bound to all, those of every interface but loopback.
    ///
    /// # Errors
    /// The port cannot be bound, no address is left to advertise, or the node cannot have its name.
    pub fn start(config: &Config) -> io::Result<Self> {
        let advertised = addresses::advertised(config.bind, &config.advertised, config.loopback)?;
        let sockets = sockets::bind(SocketAddr::new(config.bind, config.port))?;
        let port = sockets.local.port();
        let counters = Arc::<Counters>::default();
        let events = Arc::new(EventQueue::new()?);
        let writer = WriterHandle::start(config.recordings.clone(), port, Arc::clone(&events))?;
        let shared = Shared {
            stop: Arc::new(AtomicBool::new(false)),
            events: Arc::clone(&events),
            counters: Arc::clone(&counters),
            recordings: writer.queue(),
        };
        let (outbox, inbox) = queues();
        let shard = shard_config(&advertised, port, config.limits.clone());
        let worker = Worker::new(sockets, shard, inbox, shared).and_then(|worker| Handle::start(worker, outbox));
        let worker = worker.inspect_err(|_| writer.queue().close())?;
        Ok(Driver {
            port,
            advertised,
            counters,
            events,
            threads: Some(Threads { worker, writer }),
        })
    }

    /// Where clients reach the worker: every advertised address, with the port.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        let with_port = |&ip| SocketAddr::new(ip, self.port);
        self.advertised.iter().map(with_port).collect()
    }

    /// The real port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Hands a command over. Its outcome comes by event, also where the worker's queue is full.
    ///
    /// # Errors
    /// [`CommandError`]
    pub fn command(&self, command: Command) -> Result<(), CommandError> {
        let threads = self.threads.as_ref().ok_or(CommandError::Stopped)?;
        threads.worker.send(command)
    }

    /// Takes at most `max` events, oldest first.
    pub fn drain(&self, max: usize) -> Vec<Event> {
        self.events.drain(max)
    }

    /// How many events were dropped because nobody read them.
    pub fn events_lost(&self) -> u64 {
        self.events.lost()
    }

    /// Has the worker, and the thread that reads SDP, turn once: the counts in [`Self::turns`] grow, unless they stand
    /// still.
    pub fn wake(&self) {
        if let Some(threads) = &self.threads {
            threads.worker.wake();
        }
    }

    /// How often the worker has turned, and the thread that reads SDP; `None` after the stop.
    pub fn turns(&self) -> Option<[u64; 2]> {
        self.threads.as_ref().map(|threads| threads.worker.turns())
    }

    /// The counters of the worker, as of its last turn.
    pub fn stats(&self) -> Stats {
        Stats {
            sockets: self.counters.named(),
            shard: self.counters.shard(),
        }
    }

    /// The recordings, as of now; `None` after the stop.
    pub fn recording_stats(&self) -> Option<RecordingStats> {
        self.threads.as_ref().map(|threads| threads.writer.stats())
    }

    /// Closes every peer, ends the recordings and the threads. Events that wait can still be drained. Calling it again does nothing.
    ///
    /// # Errors
    /// A thread did not end within [`Driver::STOP_DEADLINE`], or had ended with an error of its sockets. The recordings that are
    /// not on the disk by then end as if the process was killed.
    pub fn stop(&mut self) -> io::Result<()> {
        self.begin_stop().wait()
    }

    /// Asks the worker to end without waiting, for a caller that must not hold the driver meanwhile. From now on no
    /// command is taken, and those that wait are dropped. Calling it again does nothing.
    pub fn begin_stop(&mut self) -> Stopping {
        let threads = self.threads.take();
        if let Some(threads) = &threads {
            threads.worker.ask_to_stop();
        }
        Stopping(threads)
    }
}

/// Threads that are to end: the worker was asked, the writer is when that has.
#[must_use]
pub struct Stopping(Option<Threads>);

impl Stopping {
    /// Waits for their end.
    ///
    /// # Errors
    /// As of [`Driver::stop`].
    pub fn wait(self) -> io::Result<()> {
        let Some(Threads { worker, writer }) = self.0 else {
            return Ok(());
        };
        let last = Instant::now() + Driver::STOP_DEADLINE;
        let ended = worker.wait(last - Driver::WRITE_DEADLINE);
        ended.and(writer.end(last))
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // Nobody is left to be told.
        let _ = self.stop();
    }
}

impl AsFd for Driver {
    /// Readable while events wait.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.events.as_fd()
    }
}
