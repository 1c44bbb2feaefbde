//! The handle: starts the workers, routes commands to them, reads their events, stops them.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use mio::Waker;
use sfu::{Command, ShardStats};

use crate::addresses;
use crate::events::{Event, EventQueue};
use crate::rooms::Rooms;
use crate::sockets;
use crate::stats::Counters;
use crate::worker::{Order, Shared, Worker, shard_config};

/// Commands that wait for one worker at most: a full room of 1,000 that comes at once, four commands each.
const MAX_COMMANDS: usize = 4_096;

/// What a driver is started with.
#[derive(Debug, Clone)]
pub struct Config {
    /// The address to bind; unspecified (`0.0.0.0`, `::`) for all.
    pub bind: IpAddr,
    /// One worker for each port; 0 takes a free one.
    pub ports: Vec<u16>,
    /// The addresses to tell clients; empty: see [`Driver::start`].
    pub advertised: Vec<IpAddr>,
    /// Tell 127.0.0.1 too when bound to all (development).
    pub loopback: bool,
}

/// A command was not taken.
#[derive(Debug, PartialEq, Eq)]
pub enum CommandError {
    /// The worker has more to do than it can; try again, or somewhere else.
    Overloaded,
    /// The driver is stopped, or the worker's socket broke.
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

/// The numbers of one worker.
#[derive(Debug, Clone)]
pub struct WorkerStats {
    /// Its port.
    pub port: u16,
    /// Of the sockets, by name.
    pub sockets: Vec<(&'static str, u64)>,
    /// Of the shard.
    pub shard: ShardStats,
}

struct Handle {
    port: u16,
    orders: SyncSender<Order>,
    waker: Waker,
    counters: Arc<Counters>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    ended: mpsc::Receiver<io::Result<()>>,
}

/// Running workers. Dropping it stops them, within [`Driver::STOP_DEADLINE`].
pub struct Driver {
    workers: Vec<Handle>,
    rooms: Arc<Rooms>,
    events: Arc<EventQueue>,
    advertised: Vec<IpAddr>,
}

impl Driver {
    /// How long stopping may take; a thread that does not end by then is left to the end of the process.
    pub const STOP_DEADLINE: Duration = Duration::from_secs(3);

    /// Binds every port, then starts every thread.
    ///
    /// Without advertised addresses clients are told the bound one or, bound to all, every interface's but loopback.
    ///
    /// # Errors
    /// A port cannot be bound, no address is left to advertise, or there is no port.
    pub fn start(config: &Config) -> io::Result<Self> {
        if config.ports.is_empty() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "at least one port is needed",
            ));
        }
        let advertised = addresses::advertised(config.bind, &config.advertised, config.loopback)?;
        let events = Arc::new(EventQueue::new()?);
        let rooms = Arc::new(Rooms::new(config.ports.len()));
        let bound = config
            .ports
            .iter()
            .map(|&port| sockets::bind(SocketAddr::new(config.bind, port)));
        let bound = bound.collect::<io::Result<Vec<_>>>()?;
        let mut driver = Driver {
            workers: Vec::new(),
            rooms,
            events,
            advertised,
        };
        for (index, sockets) in bound.into_iter().enumerate() {
            let worker = driver.start_worker(index, sockets)?;
            driver.workers.push(worker);
        }
        Ok(driver)
    }

    fn start_worker(&self, index: usize, sockets: sockets::Sockets) -> io::Result<Handle> {
        let port = sockets.local.port();
        let (orders, inbox) = sync_channel(MAX_COMMANDS);
        let (end, ended) = sync_channel(1);
        let counters = Arc::new(Counters::default());
        let stop = Arc::new(AtomicBool::new(false));
        let shared = Shared {
            stop: Arc::clone(&stop),
            events: Arc::clone(&self.events),
            rooms: Arc::clone(&self.rooms),
            counters: Arc::clone(&counters),
        };
        let config = shard_config(&self.advertised, port);
        let (worker, waker) = Worker::new(index, sockets, config, inbox, shared)?;
        let run = move || {
            // The receiver is gone only if the driver is, and then nobody asks.
            let _ = end.send(worker.run());
        };
        let thread = thread::Builder::new().name(format!("sfu-{port}")).spawn(run)?;
        Ok(Handle {
            port,
            orders,
            waker,
            counters,
            stop,
            thread: Some(thread),
            ended,
        })
    }

    /// Where clients reach the workers: every advertised address with every port, worker by worker.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        let of = |port| self.advertised.iter().map(move |&ip| SocketAddr::new(ip, port));
        self.workers.iter().flat_map(|worker| of(worker.port)).collect()
    }

    /// The real ports, one a worker.
    pub fn ports(&self) -> Vec<u16> {
        self.workers.iter().map(|worker| worker.port).collect()
    }

    /// Hands a command to the worker that holds `room`.
    ///
    /// # Errors
    /// [`CommandError`]; nothing was changed then.
    pub fn command(&self, room: &str, command: Command) -> Result<(), CommandError> {
        let is_offer = matches!(command, Command::Offer { .. });
        // A room that is nowhere has no peers: any worker says so.
        let index = if is_offer {
            self.rooms.offer(room)
        } else {
            self.rooms.worker(room).unwrap_or(0)
        };
        let sent = self.workers.get(index).ok_or(CommandError::Stopped).and_then(|worker| {
            worker.orders.try_send(Order::Command(command)).map_err(|e| match e {
                TrySendError::Full(_) => CommandError::Overloaded,
                TrySendError::Disconnected(_) => CommandError::Stopped,
            })?;
            worker.waker.wake().map_err(|_| CommandError::Stopped)
        });
        if sent.is_err() && is_offer {
            self.rooms.withdrawn(room);
        }
        sent
    }

    /// Takes at most `max` events, oldest first.
    pub fn drain(&self, max: usize) -> Vec<Event> {
        self.events.drain(max)
    }

    /// How many events were dropped because nobody read them.
    pub fn events_lost(&self) -> u64 {
        self.events.lost()
    }

    /// The numbers of each worker, as of its last turn.
    pub fn stats(&self) -> Vec<WorkerStats> {
        let of = |worker: &Handle| WorkerStats {
            port: worker.port,
            sockets: worker.counters.named(),
            shard: worker.counters.shard(),
        };
        self.workers.iter().map(of).collect()
    }

    /// Closes every peer and ends the threads. Events that wait can still be drained. Calling it again does nothing.
    ///
    /// # Errors
    /// A thread did not end within [`Driver::STOP_DEADLINE`], or had ended with an error of its sockets.
    pub fn stop(&mut self) -> io::Result<()> {
        self.begin_stop().wait()
    }

    /// Asks the workers to end, and does not wait: for who must not hold the driver meanwhile. No command is taken from now on,
    /// and those that wait are dropped. Calling it again does nothing.
    pub fn begin_stop(&mut self) -> Stopping {
        let workers = std::mem::take(&mut self.workers);
        workers.iter().for_each(Handle::ask_to_stop);
        Stopping(workers)
    }
}

/// Workers that were asked to end.
#[must_use]
pub struct Stopping(Vec<Handle>);

impl Stopping {
    /// Waits for their end.
    ///
    /// # Errors
    /// As of [`Driver::stop`]; every worker was waited for.
    pub fn wait(self) -> io::Result<()> {
        let deadline = Instant::now() + Driver::STOP_DEADLINE;
        self.0
            .into_iter()
            .map(|worker| worker.wait(deadline))
            .fold(Ok(()), io::Result::and)
    }
}

impl Handle {
    fn ask_to_stop(&self) {
        self.stop.store(true, Ordering::Release);
        // A dead thread needs no waking.
        let _ = self.waker.wake();
    }

    fn wait(mut self, deadline: Instant) -> io::Result<()> {
        let outcome = match self
            .ended
            .recv_timeout(deadline.saturating_duration_since(Instant::now()))
        {
            Ok(outcome) => outcome,
            Err(RecvTimeoutError::Timeout) => {
                let reason = format!("the SFU worker on port {} does not end", self.port);
                return Err(io::Error::new(io::ErrorKind::TimedOut, reason));
            }
            Err(RecvTimeoutError::Disconnected) => Err(io::Error::other("an SFU worker panicked")),
        };
        if let Some(thread) = self.thread.take() {
            let _ = thread.join(); // it has sent its outcome as its last act; a panic would have been told above
        }
        outcome
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worker::TestCall;
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use sfu::{CloseReason, TransportState};

    fn started(workers: usize) -> Driver {
        let bind = IpAddr::from([127, 0, 0, 1]);
        Driver::start(&Config {
            bind,
            ports: vec![0; workers],
            advertised: Vec::new(),
            loopback: false,
        })
        .unwrap()
    }

    fn order(driver: &Driver, call: impl FnOnce() + Send + 'static) {
        let worker = &driver.workers[0];
        worker.orders.send(Order::Call(TestCall(Box::new(call)))).unwrap();
        worker.waker.wake().unwrap();
    }

    /// Lets the worker stand still until the sender is dropped.
    fn hold(driver: &Driver) -> mpsc::Sender<()> {
        let (go, wait) = mpsc::channel::<()>();
        let (begin, begun) = mpsc::channel();
        order(driver, move || {
            begin.send(()).unwrap();
            assert!(wait.recv().is_err());
        });
        begun.recv_timeout(Duration::from_secs(5)).unwrap();
        go
    }

    fn next_events(driver: &Driver) -> Vec<Event> {
        let deadline = Timespec { tv_sec: 5, tv_nsec: 0 };
        assert_eq!(poll(&mut [PollFd::new(driver, PollFlags::IN)], Some(&deadline)), Ok(1));
        driver.drain(usize::MAX)
    }

    fn close(transport: &str) -> Command {
        Command::Close {
            transport: transport.to_owned(),
        }
    }

    #[test]
    fn a_worker_has_a_port_of_its_own_and_stopping_frees_it() {
        let mut driver = started(2);
        let ports = driver.ports();
        assert_ne!(ports[0], ports[1]);
        let addresses: Vec<_> = ports
            .iter()
            .map(|&port| SocketAddr::from(([127, 0, 0, 1], port)))
            .collect();
        assert_eq!(driver.addresses(), addresses);
        driver.stop().unwrap();
        driver.stop().unwrap();
        assert_eq!(driver.command("r", close("t")), Err(CommandError::Stopped));
        sockets::bind(addresses[0]).unwrap();
    }

    #[test]
    fn no_port_and_a_taken_port_are_errors() {
        let config = |ports| Config {
            bind: IpAddr::from([127, 0, 0, 1]),
            ports,
            advertised: Vec::new(),
            loopback: false,
        };
        assert!(Driver::start(&config(Vec::new())).is_err());
        let first = started(1);
        assert!(Driver::start(&config(first.ports())).is_err());
    }

    #[test]
    fn a_core_that_panics_is_started_again_and_its_peers_are_told_closed() {
        let driver = started(1);
        driver.rooms.offer("r");
        driver.rooms.taken("r", "t", "u");
        order(&driver, || panic!("ordered by a test"));
        let closed = Event::Core(sfu::Event::TransportState {
            room: "r".to_owned(),
            transport: "t".to_owned(),
            user: "u".to_owned(),
            state: TransportState::Closed(CloseReason::Fault),
        });
        let restarted = Event::Restarted {
            port: driver.ports()[0],
            reason: "ordered by a test".to_owned(),
        };
        assert_eq!(next_events(&driver), [closed, restarted]);
        assert_eq!(driver.rooms.worker("r"), None);
        let (done, is_done) = mpsc::channel();
        order(&driver, move || done.send(()).unwrap());
        is_done.recv_timeout(Duration::from_secs(5)).unwrap();
    }

    #[test]
    fn a_core_that_panics_for_ever_is_given_up() {
        let mut driver = started(1);
        for _ in 0..11 {
            order(&driver, || panic!("ordered by a test"));
        }
        let mut events = Vec::new();
        while !matches!(events.last(), Some(Event::Failed { .. })) {
            events.extend(next_events(&driver));
        }
        assert_eq!(events.len(), 12);
        while driver.command("r", close("t")) != Err(CommandError::Stopped) {
            thread::yield_now();
        }
        assert!(driver.stop().is_err());
    }

    #[test]
    fn a_full_queue_is_an_error_that_changes_nothing() {
        let driver = started(1);
        let go = hold(&driver);
        let outcome = (0..MAX_COMMANDS + 1).try_for_each(|_| driver.command("r", close("t")));
        assert_eq!(outcome, Err(CommandError::Overloaded));
        let offer = Command::Offer {
            room: "r".to_owned(),
            transport: "t".to_owned(),
            user: "u".to_owned(),
            sdp: String::new(),
            slots: false,
            tracks: Vec::new(),
        };
        assert_eq!(driver.command("r", offer), Err(CommandError::Overloaded));
        assert_eq!(driver.rooms.worker("r"), None);
        drop(go);
    }

    #[test]
    fn stopping_holds_neither_the_driver_nor_waits_for_commands() {
        let mut driver = started(1);
        let go = hold(&driver);
        let (late, is_late) = mpsc::channel();
        order(&driver, move || late.send(()).unwrap());
        let stopping = driver.begin_stop();
        assert_eq!(driver.drain(1), []);
        assert_eq!(driver.command("r", close("t")), Err(CommandError::Stopped));
        drop(go);
        stopping.wait().unwrap();
        assert!(is_late.recv().is_err(), "a command was done after the stop");
    }

    #[test]
    fn a_worker_that_stands_still_does_not_hold_the_stop_for_ever() {
        let mut driver = started(1);
        let go = hold(&driver);
        assert_eq!(driver.stop().unwrap_err().kind(), io::ErrorKind::TimedOut);
        drop(go);
    }
}
