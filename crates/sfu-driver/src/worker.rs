//! The media thread: it feeds the shard with packets, commands and the time, and carries out what the shard wants done.

use std::any::Any;
use std::io;
use std::net::SocketAddr;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::TryRecvError;
use std::thread;
use std::time::{Duration, Instant};

use mio::net::{TcpListener, UdpSocket};
use mio::{Events, Interest, Poll, Token, Waker};
use rustix::time::{ClockId, clock_gettime};
use sfu::{Command, Outbox, ShardConfig, Transport};

use crate::datagrams::Datagrams;
use crate::events::{Event, EventQueue};
use crate::handle::{Inbox, MAX_REFUSED};
use crate::hosted::HostedShard;
use crate::pace::Pace;
use crate::reader::{Reader, Readings};
use crate::recording::{EndReason, Queue, Trouble};
use crate::scheduling::{self, SLICE};
use crate::sockets::Sockets;
use crate::stats::Counters;
use crate::streams::Streams;

const UDP: Token = Token(0);
const TCP: Token = Token(1);
const WAKE: Token = Token(2);

/// Batches read before what follows from them leaves, and commands, timers and TCP have their turn;
const BATCHES_PER_TURN: usize = 4;

/// or so many datagrams, since one batch may have hundreds by GRO.
const DATAGRAMS_PER_TURN: usize = 128;

/// How long commands are taken before media has its turn again. What takes longer is the last of its turn.
const COMMAND_SLICE: Duration = Duration::from_micros(500);

/// The same for handshakes, of which one packet costs as much as hundreds of media.
const HANDSHAKE_SLICE: Duration = Duration::from_micros(500);

/// The same for SDPs that were read, each of which costs as much as hundreds of packets. They have a slice of their own, so that
/// neither they nor commands keep the others waiting.
const READ_SLICE: Duration = Duration::from_micros(500);

/// Restarts of the shard in one process. After so many the process is better replaced, by its supervisor.
const MAX_RESTARTS: u64 = 10;

/// What the worker is asked.
#[derive(Debug)]
pub(crate) enum Order {
    /// For the shard.
    Command(Command),
    /// For tests: panic or block outside of the shard.
    #[cfg(test)]
    Call(TestCall),
}

/// See [`Order::Call`].
#[cfg(test)]
pub(crate) struct TestCall(pub Box<dyn FnOnce() + Send>);

#[cfg(test)]
impl std::fmt::Debug for TestCall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TestCall")
    }
}

/// What the worker shares with other threads.
#[derive(Debug)]
pub(crate) struct Shared {
    /// Set when it is to close every peer and end; then it is woken. Not an order, since many of those may wait.
    pub(crate) stop: Arc<AtomicBool>,
    /// Where it puts its events.
    pub(crate) events: Arc<EventQueue>,
    /// Its counters.
    pub(crate) counters: Arc<Counters>,
    /// Where it puts what recordings hear.
    pub(crate) recordings: Arc<Queue>,
}

/// See the module.
pub(crate) struct Worker {
    port: u16,
    poll: Poll,
    waker: Arc<Waker>,
    udp: Datagrams,
    streams: Streams,
    hosted: HostedShard,
    inbox: Inbox,
    readings: Readings,
    shared: Shared,
    pace: Pace,
    udp_unread: bool,
    unaccepted: bool,
    orders_unread: bool,
    stopping: bool,
}

impl Worker {
    /// Registers the sockets, and starts the thread that reads SDP for it.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn new(sockets: Sockets, config: ShardConfig, inbox: Inbox, shared: Shared) -> io::Result<Self> {
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKE)?);
        let port = sockets.local.port();
        let mut udp = UdpSocket::from_std(sockets.udp);
        let mut tcp = TcpListener::from_std(sockets.tcp);
        poll.registry().register(&mut udp, UDP, Interest::READABLE)?;
        poll.registry().register(&mut tcp, TCP, Interest::READABLE)?;
        let now = Instant::now();
        Ok(Worker {
            port,
            udp: Datagrams::new(udp, now, &shared.counters)?,
            streams: Streams::new(tcp),
            hosted: HostedShard::new(config, Arc::clone(&shared.events), now),
            poll,
            inbox,
            readings: Readings::start(Arc::clone(&waker))?,
            waker,
            shared,
            pace: Pace::new(now),
            udp_unread: true,
            unaccepted: true,
            orders_unread: true,
            stopping: false,
        })
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// What makes the thread look into its inbox, and for what was read.
    pub(crate) fn waker(&self) -> Arc<Waker> {
        Arc::clone(&self.waker)
    }

    pub(crate) fn reader(&self) -> Reader {
        self.readings.reader()
    }

    pub(crate) fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.shared.counters)
    }

    pub(crate) fn stop_flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.shared.stop)
    }

    /// Runs until [`Shared::stop`]. After a panic outside of a peer's session it goes on with an empty shard.
    ///
    /// # Errors
    /// The poll failed, or the shard panics again and again. [`Event::Failed`] has told so.
    pub(crate) fn run(mut self) -> io::Result<()> {
        scheduling::want(SLICE);
        let outcome = self.turn_until_stopped();
        if let Err(e) = &outcome {
            self.hosted.tell(Event::Failed(e.to_string()));
        }
        self.end();
        outcome
    }

    fn turn_until_stopped(&mut self) -> io::Result<()> {
        let mut ready = Events::with_capacity(256);
        while !self.stopping {
            match catch_unwind(AssertUnwindSafe(|| self.turn(&mut ready))) {
                Ok(outcome) => outcome?,
                Err(panic) => self.restart(&reason_of(panic.as_ref())),
            }
            if self.shared.counters.restarts.get() > MAX_RESTARTS {
                return Err(io::Error::other("the shard panics again and again"));
            }
        }
        Ok(())
    }

    fn turn(&mut self, ready: &mut Events) -> io::Result<()> {
        self.rest();
        let timeout = self.timeout(Instant::now());
        match self.poll.poll(ready, timeout) {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => return Ok(()),
            outcome => outcome?,
        }
        self.shared.counters.turns.add(1);
        let now = Instant::now();
        for event in ready.iter() {
            match event.token() {
                UDP => self.udp_unread = true,
                WAKE => {
                    self.orders_unread = true;
                    self.shared.counters.cpu_micros.set(cpu_micros());
                }
                TCP => self.unaccepted = true,
                stream => self.stream_ready(stream, event.is_writable(), now),
            }
        }
        if self.unaccepted {
            self.unaccepted = self.streams.accept(self.poll.registry(), now, &self.shared.counters);
        }
        for stream in self.streams.take_unread() {
            self.stream_ready(stream, false, now);
        }
        let read = if self.udp_unread { self.read_udp(now) } else { 0 };
        if self.hosted.shard().has_handshakes() {
            self.send(now); // what was forwarded does not wait for them
            self.shake_hands(now, Slice::of(HANDSHAKE_SLICE));
        }
        if self.orders_unread {
            self.send(now); // nor for these
            let has_ordered = self.take_orders(now, Slice::of(COMMAND_SLICE));
            let has_read = self.take_read(now, Slice::of(READ_SLICE));
            self.orders_unread = !(has_ordered && has_read);
        }
        if self.hosted.next_timeout().is_some_and(|due| due <= now) {
            self.hosted.shard().handle_timeout(now);
        }
        self.unaccepted |= self.streams.sweep(self.poll.registry(), now, &self.shared.counters);
        self.give(now);
        self.pace.turned(now, read, self.hosted.shard().stats().rtp_in);
        Ok(())
    }

    /// Lets what comes gather, where that keeps nothing waiting that is known of.
    fn rest(&mut self) {
        let rest = self.pace.rest(Instant::now());
        if rest > Duration::ZERO && !self.has_work() {
            thread::sleep(rest);
        }
    }

    fn has_work(&mut self) -> bool {
        let is_unread = self.udp_unread || self.unaccepted || self.orders_unread || self.streams.has_unread();
        is_unread || self.hosted.shard().has_handshakes()
    }

    fn timeout(&mut self, now: Instant) -> Option<Duration> {
        if self.has_work() {
            return Some(Duration::ZERO);
        }
        let due = [self.hosted.next_timeout(), self.streams.next_timeout()]
            .into_iter()
            .flatten()
            .min();
        due.map(|due| due.saturating_duration_since(now))
    }

    /// Gives how many datagrams were read.
    fn read_udp(&mut self, now: Instant) -> usize {
        let mut read = 0;
        for _ in 0..BATCHES_PER_TURN {
            let Worker {
                udp, hosted, shared, ..
            } = self;
            self.udp_unread = udp.read(now, &shared.counters, |source, datagram| {
                read += 1;
                count_in(&shared.counters, datagram);
                hosted.shard().receive(now, Transport::Udp, source, datagram);
            });
            if !self.udp_unread || read >= DATAGRAMS_PER_TURN {
                break;
            }
        }
        read
    }

    fn stream_ready(&mut self, token: Token, writable: bool, now: Instant) {
        let Worker {
            poll,
            streams,
            hosted,
            shared,
            ..
        } = self;
        if writable {
            streams.write(poll.registry(), token, now);
        }
        streams.read(poll.registry(), token, now, &shared.counters, |source, datagram| {
            count_in(&shared.counters, datagram);
            hosted.shard().receive(now, Transport::TcpPassive, source, datagram);
        });
    }

    /// Goes on with handshakes.
    fn shake_hands(&mut self, now: Instant, slice: Slice) {
        while slice.has_time() && self.hosted.shard().shake_hands(now) {}
    }

    /// The stop comes before all that waits.
    fn is_stopped(&mut self) -> bool {
        self.stopping |= self.shared.stop.load(Ordering::Acquire);
        self.stopping
    }

    /// Goes on with SDPs that were read. `false`: some may be left.
    fn take_read(&mut self, now: Instant, slice: Slice) -> bool {
        while slice.has_time() && !self.is_stopped() {
            let Some((shard, read)) = self.readings.take() else {
                return true;
            };
            self.gather(); // what happened before comes before its outcome
            self.hosted.finish_reading(now, shard, read);
            self.gather();
        }
        false
    }

    /// Hands over what has to be read.
    fn hand_out(&mut self) {
        while let Some((shard, reading)) = self.hosted.poll_reading() {
            self.readings.read(shard, reading);
        }
    }

    /// Does what was ordered. `false`: orders may be left.
    fn take_orders(&mut self, now: Instant, slice: Slice) -> bool {
        self.refuse();
        while slice.has_time() && !self.is_stopped() {
            match self.inbox.take() {
                Ok(Order::Command(command)) => self.command(now, command),
                Err(TryRecvError::Disconnected) => {
                    self.stopping = true;
                    return true;
                }
                #[cfg(test)]
                Ok(Order::Call(TestCall(call))) => call(),
                Err(TryRecvError::Empty) => return true,
            }
        }
        false
    }

    /// Refuses what did not fit into the queue.
    fn refuse(&mut self) {
        for command in self.inbox.refused.try_iter().take(MAX_REFUSED) {
            self.hosted.refuse(&command);
        }
    }

    fn command(&mut self, now: Instant, command: Command) {
        self.gather(); // what happened before a command comes before its outcome
        self.hosted.command(now, command);
        self.gather();
    }

    /// Takes from the shard what it wants to be sent and told.
    fn gather(&mut self) {
        let Worker {
            udp,
            streams,
            hosted,
            shared,
            ..
        } = self;
        let counters = &*shared.counters;
        let mut outbox = Exits { udp, streams, counters };
        // The time at which a packet leaves is what its client's feedback is compared with.
        while hosted.shard().send(Instant::now(), &mut outbox) {}
        while let Some(remote) = self.hosted.shard().poll_forgotten() {
            self.streams.unclaim(remote);
        }
        self.hosted.collect();
    }

    /// Gathers and sends.
    fn send(&mut self, now: Instant) {
        self.gather();
        self.udp.flush(&self.shared.counters);
        self.streams.flush(self.poll.registry(), now);
    }

    /// Gathers, sends and tells.
    fn give(&mut self, now: Instant) {
        self.hand_out();
        self.send(now);
        self.shared.counters.tcp_open.set(self.streams.len() as u64);
        self.shared.counters.set_shard(self.hosted.shard().stats());
        self.record();
        self.hosted.publish();
    }

    /// Hands over what recordings heard.
    fn record(&mut self) {
        for (room, recording) in self.shared.recordings.push(self.hosted.tapped()) {
            self.hosted.tell(Event::RecordingTrouble {
                room,
                recording,
                trouble: Trouble::DiskSlow,
                detail: "the disk does not keep up".to_owned(),
            });
        }
    }

    fn restart(&mut self, reason: &str) {
        self.hosted.collect_tapped();
        self.record();
        self.shared.recordings.gone(EndReason::Fault);
        self.hosted.restart(Instant::now());
        self.streams.close_all(self.poll.registry());
        self.udp_unread = true;
        self.unaccepted = true;
        self.orders_unread = true;
        self.shared.counters.restarts.add(1);
        self.hosted.tell(Event::Restarted(reason.to_owned()));
        self.hosted.publish();
    }

    fn end(mut self) {
        let now = Instant::now();
        self.gather();
        self.record();
        self.shared.recordings.gone(EndReason::Shutdown);
        self.hosted.shard().close_all(now);
        self.give(now);
    }
}

/// The worker's sockets, as its shard writes to them.
struct Exits<'a> {
    udp: &'a mut Datagrams,
    streams: &'a mut Streams,
    counters: &'a Counters,
}

impl Outbox for Exits<'_> {
    fn space(&mut self) -> &mut Vec<u8> {
        self.udp.space()
    }

    fn send(&mut self, transport: Transport, destination: SocketAddr, packet: Range<usize>) {
        match transport {
            Transport::Udp => self.udp.send(destination, packet.len(), self.counters),
            Transport::TcpPassive => self.streams.send(destination, self.udp.written(packet), self.counters),
        }
    }
}

/// A part of a turn.
#[derive(Debug, Clone, Copy)]
struct Slice {
    begin: Instant,
    length: Duration,
}

impl Slice {
    /// It begins now.
    fn of(length: Duration) -> Self {
        let begin = Instant::now();
        Self { begin, length }
    }

    fn has_time(self) -> bool {
        self.begin.elapsed() < self.length
    }
}

/// What this thread has used so far.
fn cpu_micros() -> u64 {
    let used = clock_gettime(ClockId::ThreadCPUTime);
    let used = Duration::try_from(used).unwrap_or_default(); // it is never negative
    u64::try_from(used.as_micros()).unwrap_or(u64::MAX)
}

fn count_in(counters: &Counters, datagram: &[u8]) {
    counters.packets_in.add(1);
    counters.bytes_in.add(datagram.len() as u64);
}

fn reason_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no reason given".to_owned())
}

/// What the shard tells clients: each advertised address by UDP, then by TCP.
pub(crate) fn shard_config(advertised: &[std::net::IpAddr], port: u16, limits: sfu::Limits) -> ShardConfig {
    let addresses = || advertised.iter().map(move |&ip| SocketAddr::new(ip, port));
    let candidate = |transport| move |addr| sfu::LocalCandidate { addr, transport };
    let udp = addresses().map(candidate(Transport::Udp));
    let tcp = addresses().map(candidate(Transport::TcpPassive));
    ShardConfig {
        candidates: udp.chain(tcp).collect(),
        limits,
    }
}
