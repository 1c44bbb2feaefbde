use super::*;
use mio::{Events, Poll};

const LISTENER: Token = Token(0);
/// A machine that compiles beside takes its time; what takes longer than this does not come.
const PATIENCE: Duration = Duration::from_secs(60);

struct Server {
    poll: Poll,
    streams: Streams,
    counters: Counters,
    address: SocketAddr,
    start: Instant,
}

impl Server {
    fn new() -> Self {
        let poll = Poll::new().unwrap();
        let mut listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        poll.registry()
            .register(&mut listener, LISTENER, Interest::READABLE)
            .unwrap();
        let address = listener.local_addr().unwrap();
        let streams = Streams::new(listener);
        Server {
            poll,
            streams,
            counters: Counters::default(),
            address,
            start: Instant::now(),
        }
    }

    /// Handles what the poll reports until `done`, at the time `start + at`; what was read.
    fn until(&mut self, at: Duration, done: impl Fn(&Streams, &Counters, &[Vec<u8>]) -> bool) -> Vec<Vec<u8>> {
        let now = self.start + at;
        let deadline = Instant::now() + PATIENCE;
        let mut events = Events::with_capacity(16);
        let mut read = Vec::new();
        while !done(&self.streams, &self.counters, &read) {
            assert!(Instant::now() < deadline, "nothing happened");
            self.poll.poll(&mut events, Some(Duration::from_millis(100))).unwrap();
            let registry = self.poll.registry();
            for event in events.iter() {
                if event.token() == LISTENER {
                    self.streams.accept(registry, now, &self.counters);
                } else {
                    self.streams
                        .read(registry, event.token(), now, &self.counters, |_, datagram| {
                            read.push(datagram.to_vec());
                        });
                }
            }
            for token in self.streams.take_unread() {
                self.streams.read(registry, token, now, &self.counters, |_, datagram| {
                    read.push(datagram.to_vec())
                });
            }
        }
        read
    }

    fn client(&mut self) -> std::net::TcpStream {
        let accepted = self.counters.tcp_accepted.get();
        let client = std::net::TcpStream::connect(self.address).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        self.until(Duration::ZERO, |_, counters, _| counters.tcp_accepted.get() > accepted);
        client
    }

    fn sweep(&mut self, at: Duration) {
        self.streams
            .sweep(self.poll.registry(), self.start + at, &self.counters);
    }
}

fn is_closed(client: &mut std::net::TcpStream) -> bool {
    matches!(client.read(&mut [0; 16]), Ok(0) | Err(_))
}

#[test]
fn datagrams_pass_both_ways_in_frames() {
    let mut server = Server::new();
    let mut client = server.client();
    client.write_all(&[0, 2, 7, 8, 0, 1, 9]).unwrap();
    assert_eq!(
        server.until(Duration::ZERO, |_, _, read| read.len() == 2),
        [vec![7, 8], vec![9]]
    );
    server
        .streams
        .send(client.local_addr().unwrap(), &[22, 1, 2], &server.counters);
    server.streams.flush(server.poll.registry(), server.start);
    let mut got = [0; 5];
    client.read_exact(&mut got).unwrap();
    assert_eq!(got, [0, 3, 22, 1, 2]);
    drop(client);
    server.until(Duration::ZERO, |streams, _, _| streams.len() == 0);
    assert!(server.streams.by_remote.is_empty());
}

#[test]
fn a_stream_without_frames_is_closed_and_counted() {
    let mut server = Server::new();
    let mut client = server.client();
    client.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    server.until(Duration::ZERO, |streams, _, _| streams.len() == 0);
    assert!(is_closed(&mut client));
    assert_eq!(server.counters.tcp_malformed.get(), 1);
}

#[test]
fn without_a_peer_a_connection_has_ten_seconds_and_with_one_thirty_of_silence() {
    let mut server = Server::new();
    let mut unclaimed = server.client();
    let peer = server.client();
    server.streams.send(peer.local_addr().unwrap(), &[22], &server.counters);
    server.streams.flush(server.poll.registry(), server.start);
    server.sweep(UNCLAIMED_DEADLINE - Duration::from_millis(1));
    assert_eq!(server.streams.len(), 2);
    server.sweep(UNCLAIMED_DEADLINE + SWEEP);
    assert_eq!(server.streams.len(), 1);
    assert!(is_closed(&mut unclaimed));
    server.sweep(IDLE_DEADLINE + SWEEP);
    assert_eq!((server.streams.len(), server.counters.tcp_timed_out.get()), (0, 2));
    assert_eq!(server.streams.next_timeout(), None);
}

#[test]
fn a_stream_with_much_to_read_waits_in_line_once() {
    let mut server = Server::new();
    let mut client = server.client();
    let token = Token(FIRST_TOKEN);
    server.streams.buffer = vec![0; 1].into_boxed_slice();
    client.write_all(&[0, 1, 7].repeat(READS_PER_TURN * 3)).unwrap();
    let mut events = Events::with_capacity(4);
    server.poll.poll(&mut events, Some(PATIENCE)).unwrap();
    for _ in 0..2 {
        let registry = server.poll.registry();
        server
            .streams
            .read(registry, token, server.start, &server.counters, |_, _| {});
    }
    assert_eq!(server.streams.take_unread(), [token]);
    let registry = server.poll.registry();
    server
        .streams
        .read(registry, token, server.start, &server.counters, |_, _| {});
    assert!(server.streams.has_unread());
}

#[test]
fn a_flood_of_connections_is_accepted_in_turns() {
    let mut server = Server::new();
    let connect = || std::net::TcpStream::connect(server.address).unwrap();
    let _clients: Vec<_> = (0..ACCEPTS_PER_TURN + 1).map(|_| connect()).collect();
    let registry = server.poll.registry();
    assert!(server.streams.accept(registry, server.start, &server.counters));
    assert_eq!(server.streams.len(), ACCEPTS_PER_TURN);
    assert!(!server.streams.accept(registry, server.start, &server.counters));
    assert_eq!(server.streams.len(), ACCEPTS_PER_TURN + 1);
}

#[test]
fn a_connection_that_its_peer_gave_up_makes_space() {
    let mut server = Server::new();
    server.streams.max_streams = 2;
    let mut old = server.client();
    let kept = server.client();
    for client in [&old, &kept] {
        server
            .streams
            .send(client.local_addr().unwrap(), &[22], &server.counters);
    }
    server.streams.unclaim(old.local_addr().unwrap());
    server.client();
    assert!(is_closed(&mut old));
    assert_eq!(server.counters.tcp_evicted.get(), 1);
}

#[test]
fn a_full_table_closes_the_oldest_unclaimed_connection_but_no_peers() {
    let mut server = Server::new();
    server.streams.max_streams = 2;
    let peer = server.client();
    server.streams.send(peer.local_addr().unwrap(), &[22], &server.counters);
    let mut unclaimed = server.client();
    let third = server.client();
    assert!(is_closed(&mut unclaimed));
    assert_eq!(server.counters.tcp_evicted.get(), 1);
    server
        .streams
        .send(third.local_addr().unwrap(), &[22], &server.counters);
    let mut refused = std::net::TcpStream::connect(server.address).unwrap();
    refused.set_read_timeout(Some(PATIENCE)).unwrap();
    server.poll.poll(&mut Events::with_capacity(4), Some(PATIENCE)).unwrap();
    server
        .streams
        .accept(server.poll.registry(), server.start, &server.counters);
    assert!(is_closed(&mut refused));
    assert_eq!((server.streams.len(), server.counters.tcp_refused.get()), (2, 1));
}

#[test]
fn a_stalled_reader_loses_datagrams_then_the_connection() {
    let mut server = Server::new();
    let client = server.client();
    let remote = client.local_addr().unwrap();
    while server.counters.dropped_stalled.get() == 0 {
        server.streams.send(remote, &[128; 1_200], &server.counters);
        server.streams.flush(server.poll.registry(), server.start);
        server.streams.dirty.push(Token(FIRST_TOKEN)); // as a writable event would: until the kernel takes no more
    }
    assert!(server.streams.table[&Token(FIRST_TOKEN)].waiting.len() <= MAX_WAITING + 2 * MAX_WAITING / 1_200);
    server.sweep(STALL_DEADLINE + SWEEP);
    assert_eq!((server.streams.len(), server.counters.tcp_timed_out.get()), (0, 1));
    server.streams.send(remote, &[128], &server.counters);
    assert_eq!(server.counters.dropped_no_stream.get(), 1);
}

#[test]
fn plain_stun_answers_do_not_claim_a_connection() {
    let header = [1, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let mapped = [0, 0x20, 0, 5, 0, 1, 2, 3, 4, 0, 0, 0];
    let integrity = [0, 8, 0, 20];
    assert!(!is_of_a_peer(&header));
    assert!(!is_of_a_peer(&[&header[..], &mapped].concat()));
    assert!(is_of_a_peer(&[&header[..], &mapped, &integrity, &[0; 20]].concat()));
    assert!(is_of_a_peer(&[22, 254, 253]));
    assert!(is_of_a_peer(&[0x80, 111]));
    assert!(!is_of_a_peer(&[1]));
}
