//! The driver: starts the workers, routes commands to them, reads their events, stops them.

#[cfg(test)]
mod tests;

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use sfu::{Command, RoomId, ShardStats};

use crate::addresses;
use crate::events::{Event, EventQueue};
use crate::handle::{Handle, Sent, queues};
use crate::reader::Reader;
use crate::recording::{Queue, RecordingStats, Recordings, WriterHandle};
use crate::rooms::Rooms;
use crate::sockets;
use crate::stats::Counters;
use crate::worker::{Shared, Worker, shard_config};

/// What a driver is started with.
#[derive(Debug, Clone)]
pub struct Config {
    /// The address to bind; unspecified (`0.0.0.0`, `::`) for all.
    pub bind: IpAddr,
    /// One worker for each port; 0 takes a free one.
    pub ports: Vec<u16>,
    /// The addresses to tell clients; empty: see [`Driver::start`].
    pub advertised: Vec<IpAddr>,
    /// Tell 127.0.0.1 too when bound to all addresses (development).
    pub loopback: bool,
    /// Where recordings are written; without, none can be.
    pub recordings: Option<Recordings>,
    /// The bounds of each worker.
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

/// The counters of one worker.
#[derive(Debug, Clone)]
pub struct WorkerStats {
    /// Its port.
    pub port: u16,
    /// Those of its sockets, by name.
    pub sockets: Vec<(&'static str, u64)>,
    /// Those of its shard.
    pub shard: ShardStats,
}

/// Running workers. Dropping it stops them, within [`Driver::STOP_DEADLINE`].
pub struct Driver {
    workers: Vec<Handle>,
    /// `None` after the stop, as the next.
    writer: Option<WriterHandle>,
    reader: Option<Reader>,
    rooms: Arc<Rooms>,
    events: Arc<EventQueue>,
    advertised: Vec<IpAddr>,
    limits: sfu::Limits,
}

impl Driver {
    /// How long stopping may take; a thread that does not end by then is left to the end of the process.
    pub const STOP_DEADLINE: Duration = Duration::from_secs(4);
    /// The time of it that is kept for the end of the recordings.
    const WRITE_DEADLINE: Duration = Duration::from_secs(1);

    /// Binds every port, then starts every thread.
    ///
    /// Without advertised addresses clients are told the bound one or, bound to all, those of every interface but loopback.
    ///
    /// # Errors
    /// A port cannot be bound, no address is left to advertise, or there is no port.
    pub fn start(config: &Config) -> io::Result<Self> {
        if config.ports.is_empty() {
            let reason = "at least one port is needed";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, reason));
        }
        let advertised = addresses::advertised(config.bind, &config.advertised, config.loopback)?;
        let ports = config.ports.iter();
        let bound = ports.map(|&port| sockets::bind(SocketAddr::new(config.bind, port)));
        let bound = bound.collect::<io::Result<Vec<_>>>()?;
        let events = Arc::new(EventQueue::new()?);
        let writer = WriterHandle::start(config.recordings.clone(), Arc::clone(&events))?;
        let recordings = writer.queue();
        let reader = Reader::start()?;
        let mut driver = Driver {
            workers: Vec::new(),
            writer: Some(writer),
            reader: Some(reader.clone()),
            rooms: Arc::new(Rooms::new(config.ports.len())),
            events,
            advertised,
            limits: config.limits.clone(),
        };
        for (index, sockets) in bound.into_iter().enumerate() {
            let worker = driver.start_worker(index, sockets, Arc::clone(&recordings), reader.clone())?;
            driver.workers.push(worker);
        }
        Ok(driver)
    }

    fn start_worker(
        &self,
        index: usize,
        sockets: sockets::Sockets,
        recordings: Arc<Queue>,
        reader: Reader,
    ) -> io::Result<Handle> {
        let (outbox, inbox) = queues();
        let shared = Shared {
            stop: Arc::new(AtomicBool::new(false)),
            events: Arc::clone(&self.events),
            rooms: Arc::clone(&self.rooms),
            counters: Arc::new(Counters::default()),
            recordings,
        };
        let config = shard_config(&self.advertised, sockets.local.port(), self.limits.clone());
        let (worker, waker) = Worker::new(index, sockets, config, inbox, shared, reader)?;
        Handle::start(worker, waker, outbox)
    }

    /// Where clients reach the workers: every advertised address with every port, worker by worker.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        let of = |port| self.advertised.iter().map(move |&ip| SocketAddr::new(ip, port));
        self.workers.iter().flat_map(|worker| of(worker.port())).collect()
    }

    /// The real ports, one for each worker.
    pub fn ports(&self) -> Vec<u16> {
        self.workers.iter().map(Handle::port).collect()
    }

    /// Hands a command to the worker that holds `room`. Its outcome comes by event, also where the worker's queue is full.
    ///
    /// # Errors
    /// [`CommandError`]
    pub fn command(&self, room: &RoomId, command: Command) -> Result<(), CommandError> {
        if let Command::StopRecording { .. } = command {
            return self.command_all(&command);
        }
        let is_offer = matches!(command, Command::Offer { .. });
        // A room that is nowhere has no peers: any worker says so.
        let index = if is_offer {
            self.rooms.offer(room)
        } else {
            self.rooms.worker(room).unwrap_or(0)
        };
        let worker = self.workers.get(index).ok_or(CommandError::Stopped);
        let sent = worker.and_then(|worker| worker.send(command));
        if is_offer && sent != Ok(Sent::Queued) {
            self.rooms.withdraw(room);
        }
        sent.map(drop)
    }

    /// Has every worker tell how much is forwarded in each of its rooms: [`sfu::Body::Forwarded`].
    ///
    /// # Errors
    /// [`CommandError`]
    pub fn weigh(&self) -> Result<(), CommandError> {
        self.command_all(&Command::Weigh)
    }

    /// Hands a command to every worker.
    fn command_all(&self, command: &Command) -> Result<(), CommandError> {
        if self.workers.is_empty() {
            return Err(CommandError::Stopped);
        }
        let send = |worker: &Handle| match worker.send(command.clone())? {
            Sent::Queued => Ok(()),
            Sent::Refused => Err(CommandError::Overloaded), // nobody would hear of it by event
        };
        let sent: Vec<_> = self.workers.iter().map(send).collect();
        sent.into_iter().collect()
    }

    /// Takes at most `max` events, oldest first.
    pub fn drain(&self, max: usize) -> Vec<Event> {
        self.events.drain(max)
    }

    /// How many events were dropped because nobody read them.
    pub fn events_lost(&self) -> u64 {
        self.events.lost()
    }

    /// Has each worker, and the thread that reads SDP, turn once: its count in [`Self::turns`] grows, unless it stands still.
    pub fn wake(&self) {
        self.workers.iter().for_each(Handle::wake);
        self.reader.iter().for_each(Reader::wake);
    }

    /// How often each worker has turned, and last the thread that reads SDP; none after the stop.
    pub fn turns(&self) -> Vec<u64> {
        let workers = self.workers.iter().map(|worker| worker.counters().turns.get());
        workers.chain(self.reader.iter().map(Reader::turns)).collect()
    }

    /// The counters of each worker, as of its last turn.
    pub fn stats(&self) -> Vec<WorkerStats> {
        let of = |worker: &Handle| WorkerStats {
            port: worker.port(),
            sockets: worker.counters().named(),
            shard: worker.counters().shard(),
        };
        self.workers.iter().map(of).collect()
    }

    /// The recordings, as of now; `None` after the stop.
    pub fn recording_stats(&self) -> Option<RecordingStats> {
        self.writer.as_ref().map(WriterHandle::stats)
    }

    /// Closes every peer, ends the recordings and the threads. Events that wait can still be drained. Calling it again does nothing.
    ///
    /// # Errors
    /// A thread did not end within [`Driver::STOP_DEADLINE`], or had ended with an error of its sockets. The recordings that are
    /// not on the disk by then end as if the process was killed.
    pub fn stop(&mut self) -> io::Result<()> {
        self.begin_stop().wait()
    }

    /// Asks the workers to end without waiting, for a caller that must not hold the driver meanwhile. From now on no command
    /// is taken, and those that wait are dropped. Calling it again does nothing.
    pub fn begin_stop(&mut self) -> Stopping {
        let workers = std::mem::take(&mut self.workers);
        workers.iter().for_each(Handle::ask_to_stop);
        self.reader = None;
        Stopping {
            workers,
            writer: self.writer.take(),
        }
    }
}

/// Threads that are to end: the workers were asked, the writer is when they have.
#[must_use]
pub struct Stopping {
    workers: Vec<Handle>,
    writer: Option<WriterHandle>,
}

impl Stopping {
    /// Waits for their end.
    ///
    /// # Errors
    /// As of [`Driver::stop`]; every worker was waited for.
    pub fn wait(self) -> io::Result<()> {
        let last = Instant::now() + Driver::STOP_DEADLINE;
        let workers = last - Driver::WRITE_DEADLINE;
        let ended = self.workers.into_iter().map(|worker| worker.wait(workers));
        let ended = ended.fold(Ok(()), io::Result::and);
        ended.and(self.writer.map_or(Ok(()), |writer| writer.end(last)))
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
