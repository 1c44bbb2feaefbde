//! A worker's thread: it feeds one shard with packets, commands and the time, and does what the shard wants done.

use std::any::Any;
use std::io;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::{Duration, Instant};

use mio::net::{TcpListener, UdpSocket};
use mio::{Events, Interest, Poll, Token, Waker};
use sfu::{CloseReason, Command, Shard, ShardConfig, Transport, TransportState};

use crate::datagrams::Datagrams;
use crate::events::{Event, EventQueue};
use crate::rooms::Rooms;
use crate::sockets::Sockets;
use crate::stats::Counters;
use crate::streams::Streams;

const UDP: Token = Token(0);
const TCP: Token = Token(1);
const WAKE: Token = Token(2);

/// Batches of datagrams read before the rest (commands, timers, TCP) has its turn.
const BATCHES_PER_TURN: usize = 4;

/// Commands taken before the media has its turn again; an offer costs about as much as a thousand packets.
const COMMANDS_PER_TURN: usize = 16;

/// Bytes gathered before they are sent, though the turn is not over.
const FLUSH_AT: usize = 2 << 20;

/// Restarts of the core in one process. One that fails so often is better replaced whole, by whoever supervises the process.
const MAX_RESTARTS: u64 = 10;

/// What a worker is asked.
#[derive(Debug)]
pub enum Order {
    /// For the shard.
    Command(Command),
    /// A test's: fail, or stand still, outside of the core.
    #[cfg(test)]
    Call(TestCall),
}

/// See [`Order::Call`].
#[cfg(test)]
pub struct TestCall(pub Box<dyn FnOnce() + Send>);

#[cfg(test)]
impl std::fmt::Debug for TestCall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TestCall")
    }
}

/// What a worker shares with the others.
#[derive(Debug, Clone)]
pub struct Shared {
    /// Set when it is to close every peer and end; its waker follows. Not an order: those may be many.
    pub stop: Arc<AtomicBool>,
    /// Where its events go.
    pub events: Arc<EventQueue>,
    /// Where it tells of rooms.
    pub rooms: Arc<Rooms>,
    /// Its counters.
    pub counters: Arc<Counters>,
}

/// The thread's whole state.
pub struct Worker {
    index: usize,
    port: u16,
    poll: Poll,
    udp: Datagrams,
    streams: Streams,
    shard: Shard,
    config: ShardConfig,
    orders: Receiver<Order>,
    shared: Shared,
    batch: Vec<Event>,
    udp_unread: bool,
    unaccepted: bool,
    orders_unread: bool,
    stopping: bool,
}

impl Worker {
    /// Registers the sockets. The waker makes the thread look at `orders`.
    ///
    /// # Errors
    /// What the system says.
    pub fn new(
        index: usize,
        sockets: Sockets,
        config: ShardConfig,
        orders: Receiver<Order>,
        shared: Shared,
    ) -> io::Result<(Self, Waker)> {
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), WAKE)?;
        let port = sockets.local.port();
        let mut udp = UdpSocket::from_std(sockets.udp);
        let mut tcp = TcpListener::from_std(sockets.tcp);
        poll.registry().register(&mut udp, UDP, Interest::READABLE)?;
        poll.registry().register(&mut tcp, TCP, Interest::READABLE)?;
        let now = Instant::now();
        let worker = Worker {
            index,
            port,
            udp: Datagrams::new(udp, now, &shared.counters)?,
            streams: Streams::new(tcp),
            shard: Shard::new(config.clone(), now),
            poll,
            config,
            orders,
            shared,
            batch: Vec::new(),
            udp_unread: true,
            unaccepted: true,
            orders_unread: true,
            stopping: false,
        };
        Ok((worker, waker))
    }

    /// Runs until [`Shared::stop`]. A panic of the core outside of a peer starts an empty shard.
    ///
    /// # Errors
    /// The poll broke, or the core fails again and again. [`Event::Failed`] has told so.
    pub fn run(mut self) -> io::Result<()> {
        let outcome = self.turn_until_stopped();
        if let Err(e) = &outcome {
            self.batch.push(Event::Failed {
                port: self.port,
                reason: e.to_string(),
            });
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
                return Err(io::Error::other("the core fails again and again"));
            }
        }
        Ok(())
    }

    fn turn(&mut self, ready: &mut Events) -> io::Result<()> {
        let timeout = self.timeout(Instant::now());
        match self.poll.poll(ready, timeout) {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => return Ok(()),
            outcome => outcome?,
        }
        let now = Instant::now();
        for event in ready.iter() {
            match event.token() {
                UDP => self.udp_unread = true,
                WAKE => self.orders_unread = true,
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
        if self.udp_unread {
            self.read_udp(now);
        }
        if self.orders_unread {
            self.take_orders(now);
        }
        if self.shard.next_timeout().is_some_and(|due| due <= now) {
            self.shard.handle_timeout(now);
        }
        self.unaccepted |= self.streams.sweep(self.poll.registry(), now, &self.shared.counters);
        self.give(now);
        Ok(())
    }

    fn timeout(&self, now: Instant) -> Option<Duration> {
        if self.udp_unread || self.unaccepted || self.orders_unread || self.streams.has_unread() {
            return Some(Duration::ZERO);
        }
        let due = [self.shard.next_timeout(), self.streams.next_timeout()]
            .into_iter()
            .flatten()
            .min();
        due.map(|due| due.saturating_duration_since(now))
    }

    fn read_udp(&mut self, now: Instant) {
        for _ in 0..BATCHES_PER_TURN {
            let Worker { udp, shard, shared, .. } = self;
            self.udp_unread = udp.read(now, &shared.counters, |source, datagram| {
                count_in(&shared.counters, datagram);
                shard.receive(now, Transport::Udp, source, datagram);
            });
            if !self.udp_unread {
                break;
            }
            self.gather();
        }
    }

    fn stream_ready(&mut self, token: Token, writable: bool, now: Instant) {
        let Worker {
            poll,
            streams,
            shard,
            shared,
            ..
        } = self;
        if writable {
            streams.write(poll.registry(), token, now);
        }
        streams.read(poll.registry(), token, now, &shared.counters, |source, datagram| {
            count_in(&shared.counters, datagram);
            shard.receive(now, Transport::TcpPassive, source, datagram);
        });
    }

    fn take_orders(&mut self, now: Instant) {
        for _ in 0..COMMANDS_PER_TURN {
            if self.shared.stop.load(Ordering::Acquire) {
                self.stopping = true;
                return;
            }
            match self.orders.try_recv() {
                Ok(Order::Command(command)) => self.command(now, command),
                Err(TryRecvError::Disconnected) => {
                    self.stopping = true;
                    return;
                }
                #[cfg(test)]
                Ok(Order::Call(TestCall(call))) => call(),
                Err(TryRecvError::Empty) => {
                    self.orders_unread = false;
                    return;
                }
            }
        }
    }

    fn command(&mut self, now: Instant, command: Command) {
        self.gather(); // what was told before this command is not about it
        let opened = match &command {
            Command::Offer {
                room, transport, user, ..
            } => {
                let is_new = self.shared.rooms.taken(room, transport, user);
                is_new.then(|| (room.clone(), transport.clone()))
            }
            _ => None,
        };
        self.shard.command(now, command);
        let from = self.batch.len();
        self.gather();
        // An offer that was refused has opened no peer.
        if let Some((room, transport)) = opened
            && self.batch[from..].iter().any(|event| is_refusal_of(event, &transport))
        {
            self.shared.rooms.gone(&room, &transport);
        }
    }

    /// Takes from the shard what it wants sent and told.
    fn gather(&mut self) {
        while let Some(transmit) = self.shard.poll_transmit() {
            match transmit.transport {
                Transport::Udp => self.udp.send(transmit.destination, &transmit.contents),
                Transport::TcpPassive => {
                    self.streams
                        .send(transmit.destination, &transmit.contents, &self.shared.counters);
                }
            }
            if self.udp.waiting() >= FLUSH_AT {
                self.udp.flush(&self.shared.counters);
            }
        }
        while let Some(remote) = self.shard.poll_forgotten() {
            self.streams.unclaim(remote);
        }
        while let Some(event) = self.shard.poll_event() {
            if let sfu::Event::TransportState {
                room,
                transport,
                state: TransportState::Closed(_),
                ..
            } = &event
            {
                self.shared.rooms.gone(room, transport);
            }
            self.batch.push(Event::Core(event));
        }
    }

    /// Gathers, sends and tells.
    fn give(&mut self, now: Instant) {
        self.gather();
        self.udp.flush(&self.shared.counters);
        self.streams.flush(self.poll.registry(), now);
        self.shared.counters.tcp_open.set(self.streams.len() as u64);
        self.shared.counters.set_shard(self.shard.stats());
        self.shared.events.push(&mut self.batch);
    }

    fn restart(&mut self, reason: &str) {
        self.shard = Shard::new(self.config.clone(), Instant::now());
        self.streams.close_all(self.poll.registry());
        self.udp_unread = true;
        self.unaccepted = true;
        self.orders_unread = true;
        self.shared.counters.restarts.add(1);
        for (room, transports) in self.shared.rooms.on(self.index) {
            for (transport, user) in transports {
                self.shared.rooms.gone(&room, &transport);
                self.batch.push(Event::Core(sfu::Event::TransportState {
                    room: room.clone(),
                    transport,
                    user,
                    state: TransportState::Closed(CloseReason::Fault),
                }));
            }
        }
        self.batch.push(Event::Restarted {
            port: self.port,
            reason: reason.to_owned(),
        });
        self.shared.events.push(&mut self.batch);
    }

    fn end(mut self) {
        let now = Instant::now();
        for (room, _) in self.shared.rooms.on(self.index) {
            self.shard.command(now, Command::End { room });
        }
        self.give(now);
    }
}

fn count_in(counters: &Counters, datagram: &[u8]) {
    counters.packets_in.add(1);
    counters.bytes_in.add(datagram.len() as u64);
}

fn is_refusal_of(event: &Event, name: &str) -> bool {
    matches!(event, Event::Core(sfu::Event::Refused { transport, .. }) if transport == name)
}

fn reason_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no reason given".to_owned())
}

/// What the shard tells clients of this worker: each advertised address by UDP, then by TCP.
pub fn shard_config(advertised: &[std::net::IpAddr], port: u16) -> ShardConfig {
    let addresses = || advertised.iter().map(move |&ip| SocketAddr::new(ip, port));
    let candidate = |transport| move |addr| sfu::LocalCandidate { addr, transport };
    let udp = addresses().map(candidate(Transport::Udp));
    let tcp = addresses().map(candidate(Transport::TcpPassive));
    ShardConfig {
        candidates: udp.chain(tcp).collect(),
        limits: sfu::Limits::default(),
    }
}
