//! The TCP connections of a worker (RFC 6544, passive side): bounded in number, memory and time.
//!
//! A connection is a peer's once one has sent on it; until then anyone may have opened it.

use std::collections::HashMap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::net::{TcpListener, TcpStream};
use mio::{Interest, Registry, Token};

use crate::framing::{self, Deframer};
use crate::stats::Counters;

/// Connections of a worker. A full table makes space by closing the oldest one without a peer.
const MAX_STREAMS: usize = 1_024;

/// A connection that is no peer's after so long is closed.
const UNCLAIMED_DEADLINE: Duration = Duration::from_secs(10);

/// A connection silent for so long is closed: a peer's ICE checks are far more frequent (RFC 7675: every 5 s).
const IDLE_DEADLINE: Duration = Duration::from_secs(30);

/// A connection that takes no data for so long is closed.
const STALL_DEADLINE: Duration = Duration::from_secs(5);

/// Bytes that wait for a slow reader at most: half a second of video at 4 Mbit/s. Beyond that, datagrams are dropped.
const MAX_WAITING: usize = 256 << 10;

/// Reads of one connection in a turn.
const READS_PER_TURN: usize = 4;

/// Connections accepted in a turn.
const ACCEPTS_PER_TURN: usize = 64;

/// How often deadlines are checked while there are connections.
const SWEEP: Duration = Duration::from_secs(1);

/// The first token of a connection; lower ones are the worker's own sockets.
const FIRST_TOKEN: usize = 16;

#[derive(Debug)]
struct Stream {
    socket: TcpStream,
    remote: SocketAddr,
    deframer: Deframer,
    waiting: Vec<u8>,
    opened: Instant,
    heard: Instant,
    stalled: Option<Instant>,
    claimed: bool,
    /// Whether it is in [`Streams::unread`].
    unread: bool,
}

/// The table.
#[derive(Debug)]
pub(crate) struct Streams {
    listener: TcpListener,
    max_streams: usize,
    table: HashMap<Token, Stream>,
    by_remote: HashMap<SocketAddr, Token>,
    next_token: usize,
    next_sweep: Option<Instant>,
    unread: Vec<Token>,
    dirty: Vec<Token>,
    buffer: Box<[u8]>,
}

impl Streams {
    /// No connections; `listener` is registered with the poll already.
    pub(crate) fn new(listener: TcpListener) -> Self {
        Streams {
            listener,
            max_streams: MAX_STREAMS,
            table: HashMap::new(),
            by_remote: HashMap::new(),
            next_token: FIRST_TOKEN,
            next_sweep: None,
            unread: Vec::new(),
            dirty: Vec::new(),
            buffer: vec![0; 64 << 10].into_boxed_slice(),
        }
    }

    /// How many connections are open.
    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }

    /// When [`Self::sweep`] is due.
    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        self.next_sweep
    }

    /// Takes the connections that have more to read than one turn allowed.
    pub(crate) fn take_unread(&mut self) -> Vec<Token> {
        let unread = std::mem::take(&mut self.unread);
        for token in &unread {
            if let Some(stream) = self.table.get_mut(token) {
                stream.unread = false;
            }
        }
        unread
    }

    /// Whether [`Self::take_unread`] has any.
    pub(crate) fn has_unread(&self) -> bool {
        !self.unread.is_empty()
    }

    /// Accepts the connections that wait, for one turn. Gives whether more may wait.
    pub(crate) fn accept(&mut self, registry: &Registry, now: Instant, counters: &Counters) -> bool {
        for _ in 0..ACCEPTS_PER_TURN {
            match self.listener.accept() {
                Ok((socket, remote)) => {
                    if self.add(registry, socket, remote, now, counters).is_err() {
                        counters.tcp_refused.add(1);
                    }
                }
                Err(e) if e.kind() == ErrorKind::WouldBlock => return false,
                Err(e) if matches!(e.kind(), ErrorKind::ConnectionAborted | ErrorKind::Interrupted) => {}
                Err(_) => {
                    // Out of file descriptors or memory. The poll reports new connections only, so try again at the next sweep.
                    counters.tcp_refused.add(1);
                    self.next_sweep.get_or_insert(now + SWEEP);
                    return false;
                }
            }
        }
        true
    }

    /// No peer uses this address any more: the connection is closed at the next sweep unless another peer does.
    pub(crate) fn unclaim(&mut self, remote: SocketAddr) {
        let token = self.by_remote.get(&remote);
        if let Some(stream) = token.and_then(|token| self.table.get_mut(token)) {
            stream.claimed = false;
        }
    }

    fn add(
        &mut self,
        registry: &Registry,
        mut socket: TcpStream,
        remote: SocketAddr,
        now: Instant,
        counters: &Counters,
    ) -> io::Result<()> {
        if self.table.len() >= self.max_streams && !self.close_oldest_unclaimed(registry, counters) {
            return Err(io::Error::from(ErrorKind::QuotaExceeded));
        }
        let token = Token(self.next_token);
        let remote = canonical(remote);
        socket.set_nodelay(true)?;
        registry.register(&mut socket, token, Interest::READABLE | Interest::WRITABLE)?;
        self.next_token += 1;
        self.by_remote.insert(remote, token);
        self.table.insert(
            token,
            Stream {
                socket,
                remote,
                deframer: Deframer::default(),
                waiting: Vec::new(),
                opened: now,
                heard: now,
                stalled: None,
                claimed: false,
                unread: false,
            },
        );
        self.next_sweep.get_or_insert(now + SWEEP);
        counters.tcp_accepted.add(1);
        Ok(())
    }

    fn close_oldest_unclaimed(&mut self, registry: &Registry, counters: &Counters) -> bool {
        let oldest = self
            .table
            .iter()
            .filter(|(_, s)| !s.claimed)
            .min_by_key(|(_, s)| s.opened);
        match oldest.map(|(&token, _)| token) {
            Some(token) => {
                self.close(registry, token);
                counters.tcp_evicted.add(1);
                true
            }
            None => false,
        }
    }

    /// Reads a connection for one turn and hands each datagram and its sender to `sink`.
    pub(crate) fn read(
        &mut self,
        registry: &Registry,
        token: Token,
        now: Instant,
        counters: &Counters,
        mut sink: impl FnMut(SocketAddr, &[u8]),
    ) {
        let Some(stream) = self.table.get_mut(&token) else {
            return;
        };
        for _ in 0..READS_PER_TURN {
            match stream.socket.read(&mut self.buffer) {
                Ok(0) => return self.close(registry, token),
                Ok(n) => {
                    stream.heard = now;
                    let remote = stream.remote;
                    let fed = stream
                        .deframer
                        .feed(&self.buffer[..n], |datagram| sink(remote, datagram));
                    if fed.is_err() {
                        counters.tcp_malformed.add(1);
                        return self.close(registry, token);
                    }
                }
                Err(e) if e.kind() == ErrorKind::WouldBlock => return,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(_) => return self.close(registry, token),
            }
        }
        if !std::mem::replace(&mut stream.unread, true) {
            self.unread.push(token);
        }
    }

    /// Queues a datagram for `remote` until [`Self::flush`]. It is dropped if there is no such connection or too much waits.
    pub(crate) fn send(&mut self, remote: SocketAddr, datagram: &[u8], counters: &Counters) {
        let Some((token, stream)) = self
            .by_remote
            .get(&remote)
            .and_then(|token| Some((*token, self.table.get_mut(token)?)))
        else {
            counters.dropped_no_stream.add(1);
            return;
        };
        if stream.waiting.len() + datagram.len() > MAX_WAITING {
            counters.dropped_stalled.add(1);
            return;
        }
        if stream.waiting.is_empty() {
            self.dirty.push(token);
        }
        stream.claimed = stream.claimed || is_of_a_peer(datagram);
        if framing::frame(datagram, &mut stream.waiting) {
            counters.packets_out.add(1);
            counters.bytes_out.add(datagram.len() as u64);
        }
    }

    /// Writes what was queued since the last flush.
    pub(crate) fn flush(&mut self, registry: &Registry, now: Instant) {
        let mut dirty = std::mem::take(&mut self.dirty);
        for token in dirty.drain(..) {
            self.write(registry, token, now);
        }
        self.dirty = dirty;
    }

    /// Writes what is queued for a connection, as far as it takes it.
    pub(crate) fn write(&mut self, registry: &Registry, token: Token, now: Instant) {
        let Some(stream) = self.table.get_mut(&token) else {
            return;
        };
        let mut written = 0;
        let outcome = loop {
            if written == stream.waiting.len() {
                break Ok(());
            }
            match stream.socket.write(&stream.waiting[written..]) {
                Ok(n) => written += n,
                Err(e) if e.kind() == ErrorKind::WouldBlock => break Ok(()),
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => break Err(e),
            }
        };
        stream.waiting.drain(..written);
        if stream.waiting.is_empty() {
            stream.stalled = None;
        } else if written > 0 || stream.stalled.is_none() {
            stream.stalled = Some(now);
        }
        if outcome.is_err() {
            self.close(registry, token);
        }
    }

    /// Closes connections past a deadline, and accepts those that an error left waiting. Gives whether more may wait.
    pub(crate) fn sweep(&mut self, registry: &Registry, now: Instant, counters: &Counters) -> bool {
        if self.next_sweep.is_none_or(|due| now < due) {
            return false;
        }
        self.next_sweep = None;
        let late: Vec<Token> = self
            .table
            .iter()
            .filter(|(_, s)| is_late(s, now))
            .map(|(&token, _)| token)
            .collect();
        for token in late {
            self.close(registry, token);
            counters.tcp_timed_out.add(1);
        }
        let more = self.accept(registry, now, counters);
        if !self.table.is_empty() {
            self.next_sweep = Some(now + SWEEP);
        }
        more
    }

    /// Closes every connection.
    pub(crate) fn close_all(&mut self, registry: &Registry) {
        let all: Vec<Token> = self.table.keys().copied().collect();
        all.into_iter().for_each(|token| self.close(registry, token));
    }

    fn close(&mut self, registry: &Registry, token: Token) {
        if let Some(mut stream) = self.table.remove(&token) {
            // The address may have connected again meanwhile: that entry stays.
            if self.by_remote.get(&stream.remote) == Some(&token) {
                self.by_remote.remove(&stream.remote);
            }
            // Fails only if it is out of the poll already; closing the descriptor takes it out anyway.
            let _ = registry.deregister(&mut stream.socket);
        }
    }
}

fn is_late(stream: &Stream, now: Instant) -> bool {
    let since = |then: Instant| now.saturating_duration_since(then);
    (!stream.claimed && since(stream.opened) >= UNCLAIMED_DEADLINE)
        || since(stream.heard) >= IDLE_DEADLINE
        || stream.stalled.is_some_and(|then| since(then) >= STALL_DEADLINE)
}

/// Whether a peer sent this datagram and not the plain STUN server, which answers anyone: all that is not STUN (RFC 7983), and
/// STUN with MESSAGE-INTEGRITY (RFC 8489 section 14.5), for which a peer's password is needed.
fn is_of_a_peer(datagram: &[u8]) -> bool {
    const STUN_HEADER: usize = 20;
    const MESSAGE_INTEGRITY: [u8; 2] = [0, 8];
    if datagram.first().is_none_or(|&first| first > 3) {
        return true;
    }
    let mut attributes = datagram.get(STUN_HEADER..).unwrap_or_default();
    while let &[type_high, type_low, length_high, length_low, ref rest @ ..] = attributes {
        if [type_high, type_low] == MESSAGE_INTEGRITY {
            return true;
        }
        let padded = usize::from(u16::from_be_bytes([length_high, length_low])).next_multiple_of(4);
        attributes = rest.get(padded..).unwrap_or_default();
    }
    false
}

fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

#[cfg(test)]
mod tests;
