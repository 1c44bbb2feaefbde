//! A worker's UDP socket: reads in batches (recvmmsg, GRO) and sends in runs (GSO), as far as the kernel supports it.

use std::io::{self, ErrorKind, IoSliceMut};
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use std::time::Instant;

use mio::net::UdpSocket;
use quinn_udp::{BATCH_SIZE, RecvMeta, Transmit, UdpSocketState};

use crate::addresses::{for_socket, ip_for_socket};
use crate::egress::{Egress, Run};
use crate::paths::Paths;
use crate::stats::Counters;

/// Buffer for one datagram without GRO: larger than any MTU that media is sent with.
const DATAGRAM: usize = 2_048;

/// Buffer for what GRO coalesces: the longest UDP payload.
const COALESCED: usize = 65_535;

/// The socket.
#[derive(Debug)]
pub(crate) struct Datagrams {
    socket: UdpSocket,
    state: UdpSocketState,
    is_v6: bool,
    paths: Option<Paths>,
    buffers: Vec<Box<[u8]>>,
    metas: [RecvMeta; BATCH_SIZE],
    egress: Egress,
}

impl Datagrams {
    /// Takes over a bound socket.
    ///
    /// # Errors
    /// The system refuses a socket option.
    pub(crate) fn new(socket: UdpSocket, now: Instant, counters: &Counters) -> io::Result<Self> {
        let state = UdpSocketState::new((&socket).into())?;
        let local = socket.local_addr()?;
        counters
            .receive_buffer
            .set(state.recv_buffer_size((&socket).into())? as u64);
        let size = if state.gro_segments() > 1 { COALESCED } else { DATAGRAM };
        Ok(Datagrams {
            is_v6: local.is_ipv6(),
            paths: local.ip().is_unspecified().then(|| Paths::new(now)),
            buffers: (0..BATCH_SIZE).map(|_| vec![0; size].into_boxed_slice()).collect(),
            metas: [RecvMeta::default(); BATCH_SIZE],
            egress: Egress::default(),
            socket,
            state,
        })
    }

    /// Reads one batch and hands each datagram and its sender to `sink`. `false`: there is nothing more to read now.
    pub(crate) fn read(&mut self, now: Instant, counters: &Counters, mut sink: impl FnMut(SocketAddr, &[u8])) -> bool {
        let mut buffers = self.buffers.iter_mut();
        let mut slices: [IoSliceMut<'_>; BATCH_SIZE] =
            std::array::from_fn(|_| IoSliceMut::new(buffers.next().map_or(&mut [], |buffer| buffer)));
        let received = match self.state.recv((&self.socket).into(), &mut slices, &mut self.metas) {
            Ok(received) => received,
            Err(e) if e.kind() == ErrorKind::WouldBlock => return false,
            Err(_) => {
                // The kernel is short of memory, or reports an ICMP error. The poll tells when there is more to read.
                counters.receive_errors.add(1);
                return false;
            }
        };
        for (meta, buffer) in self.metas[..received].iter().zip(&self.buffers) {
            let remote = SocketAddr::new(meta.addr.ip().to_canonical(), meta.addr.port());
            if let (Some(paths), Some(local)) = (&mut self.paths, meta.dst_ip) {
                paths.heard(remote, local.to_canonical(), now);
            }
            // An empty datagram has a stride of 0.
            for datagram in buffer[..meta.len].chunks(meta.stride.max(1)) {
                sink(remote, datagram);
            }
        }
        // With fewer the socket was empty, and the poll tells when it no longer is.
        received == BATCH_SIZE
    }

    /// The buffer at whose end the next datagram is written. What was not sent is gone.
    pub(crate) fn space(&mut self) -> &mut Vec<u8> {
        self.egress.space()
    }

    /// What was written.
    pub(crate) fn written(&self, place: Range<usize>) -> &[u8] {
        self.egress.bytes(place)
    }

    /// Queues the datagram at the end of the buffer until [`Self::flush`], unless it is empty. When enough wait they are sent.
    pub(crate) fn send(&mut self, destination: SocketAddr, length: usize, counters: &Counters) {
        if length == 0 || self.egress.extend(destination, length, self.state.max_gso_segments()) {
            return;
        }
        if self.egress.is_full() {
            self.flush(counters);
        }
        let source = self.paths.as_ref().and_then(|paths| paths.local(destination));
        self.egress.begin(destination, source, length);
    }

    /// Sends what is queued. What the kernel does not take is dropped and counted: media does not wait.
    pub(crate) fn flush(&mut self, counters: &Counters) {
        let Datagrams {
            socket,
            state,
            is_v6,
            egress,
            ..
        } = self;
        egress.flush(|runs, bytes| send_runs(socket, state, *is_v6, runs, bytes, counters));
    }
}

fn send_runs(
    socket: &UdpSocket,
    state: &UdpSocketState,
    is_v6: bool,
    mut runs: &[Run],
    bytes: &[u8],
    counters: &Counters,
) {
    while let [run, rest @ ..] = runs {
        #[cfg(target_os = "linux")]
        {
            counters.udp_sends.add(1);
            match crate::batch::send(std::os::fd::AsFd::as_fd(socket), runs, bytes, is_v6) {
                Ok(sent) => {
                    let (taken, left) = runs.split_at(sent);
                    for run in taken {
                        counters.packets_out.add(run.count as u64);
                        counters.bytes_out.add(run.place.len() as u64);
                    }
                    runs = left;
                    continue;
                }
                Err(e) if e.kind() == ErrorKind::WouldBlock => {
                    counters.dropped_socket_full.add(run.count as u64);
                    runs = rest;
                    continue;
                }
                Err(_) => {}
            }
        }
        // By itself, which shows why it was refused.
        send_run(socket, state, is_v6, run, &bytes[run.place.clone()], counters);
        runs = rest;
    }
}

fn send_run(socket: &UdpSocket, state: &UdpSocketState, is_v6: bool, run: &Run, datagrams: &[u8], counters: &Counters) {
    let send = |contents: &[u8], segment_size: Option<usize>| {
        counters.udp_sends.add(1);
        let transmit = Transmit {
            destination: for_socket(run.destination, is_v6),
            ecn: None,
            contents,
            segment_size,
            src_ip: run.source.map(|ip: IpAddr| ip_for_socket(ip, is_v6)),
        };
        state.try_send(socket.into(), &transmit)
    };
    match send(datagrams, (run.count > 1).then_some(run.segment)) {
        Ok(()) => {
            counters.packets_out.add(run.count as u64);
            counters.bytes_out.add(datagrams.len() as u64);
        }
        Err(e) if e.kind() == ErrorKind::WouldBlock => counters.dropped_socket_full.add(run.count as u64),
        // The route to this destination may not support GSO, or not segments of this length: send them one by one.
        Err(_) if run.count > 1 => datagrams
            .chunks(run.segment)
            .for_each(|datagram| match send(datagram, None) {
                Ok(()) => {
                    counters.packets_out.add(1);
                    counters.bytes_out.add(datagram.len() as u64);
                }
                Err(e) if e.kind() == ErrorKind::WouldBlock => counters.dropped_socket_full.add(1),
                Err(_) => counters.dropped_refused.add(1),
            }),
        Err(_) => counters.dropped_refused.add(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsRawFd;
    use std::time::Duration;

    fn socket() -> (Datagrams, Counters) {
        let counters = Counters::default();
        let socket = UdpSocket::bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        (Datagrams::new(socket, Instant::now(), &counters).unwrap(), counters)
    }

    fn receiver() -> (std::net::UdpSocket, SocketAddr) {
        let receiver = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        receiver.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let address = receiver.local_addr().unwrap();
        (receiver, address)
    }

    fn write(datagrams: &mut Datagrams, to: SocketAddr, datagram: &[u8], counters: &Counters) {
        datagrams.space().extend_from_slice(datagram);
        datagrams.send(to, datagram.len(), counters);
    }

    fn send_ten(datagrams: &mut Datagrams, counters: &Counters) -> Vec<(usize, u8)> {
        let (receiver, address) = receiver();
        for n in 0..10 {
            write(datagrams, address, &[n; 1_200], counters);
        }
        datagrams.flush(counters);
        let mut buffer = [0; 2_048];
        (0..10)
            .map(|_| (receiver.recv(&mut buffer).unwrap(), buffer[0]))
            .collect()
    }

    #[test]
    fn a_run_goes_out_with_one_call_and_arrives_as_datagrams() {
        let (mut datagrams, counters) = socket();
        assert_eq!(
            send_ten(&mut datagrams, &counters),
            (0..10).map(|n| (1_200, n)).collect::<Vec<_>>()
        );
        assert_eq!(counters.packets_out.get(), 10);
        let calls = if datagrams.state.max_gso_segments() > 1 { 1 } else { 10 };
        assert_eq!(counters.udp_sends.get(), calls);
    }

    #[test]
    fn runs_to_many_go_out_by_few_calls() {
        let counters = Counters::default();
        let socket = UdpSocket::bind("0.0.0.0:0".parse().unwrap()).unwrap();
        let mut datagrams = Datagrams::new(socket, Instant::now(), &counters).unwrap();
        let receivers: Vec<_> = (0..20).map(|_| receiver()).collect();
        for (n, (_, address)) in (0..).zip(&receivers) {
            for length in [1_100, 1_100, 300] {
                write(&mut datagrams, *address, &vec![n; length], &counters);
            }
        }
        datagrams.flush(&counters);
        let mut buffer = [0; 2_048];
        for (n, (receiver, _)) in (0..).zip(&receivers) {
            for length in [1_100, 1_100, 300] {
                assert_eq!((receiver.recv(&mut buffer).unwrap(), buffer[0]), (length, n));
            }
        }
        assert_eq!((counters.packets_out.get(), counters.bytes_out.get()), (60, 50_000));
        let are_segmented = cfg!(target_os = "linux") && datagrams.state.max_gso_segments() > 1;
        assert!(!are_segmented || counters.udp_sends.get() == 2);
    }

    #[test]
    #[allow(unsafe_code)]
    fn where_the_kernel_refuses_gso_they_go_one_by_one() {
        let (mut datagrams, counters) = socket();
        // Without checksums the kernel refuses GSO (udp(7), SO_NO_CHECK), as it does for devices without support.
        let on: libc::c_int = 1;
        let set = unsafe {
            let size = size_of::<libc::c_int>() as libc::socklen_t;
            libc::setsockopt(
                datagrams.socket.as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_NO_CHECK,
                (&raw const on).cast(),
                size,
            )
        };
        assert_eq!(set, 0);
        assert_eq!(
            send_ten(&mut datagrams, &counters),
            (0..10).map(|n| (1_200, n)).collect::<Vec<_>>()
        );
        assert_eq!(counters.packets_out.get(), 10);
        assert_eq!(datagrams.state.max_gso_segments(), 1);
        send_ten(&mut datagrams, &counters);
        assert_eq!((counters.packets_out.get(), counters.dropped_refused.get()), (20, 0));
    }

    #[test]
    fn a_datagram_without_a_route_is_dropped_and_counted() {
        let (mut datagrams, counters) = socket();
        let other_family = SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], 9));
        write(&mut datagrams, other_family, &[1], &counters);
        datagrams.flush(&counters);
        assert_eq!((counters.packets_out.get(), counters.dropped_refused.get()), (0, 1));
    }

    #[test]
    fn a_batch_that_is_not_full_is_the_last() {
        let (mut datagrams, counters) = socket();
        let (sender, _) = receiver();
        sender.send_to(&[7], datagrams.socket.local_addr().unwrap()).unwrap();
        let (mut count, mut is_more) = (0, true);
        while count == 0 {
            is_more = datagrams.read(Instant::now(), &counters, |_, _| count += 1);
            std::thread::yield_now();
        }
        assert_eq!((count, is_more), (1, BATCH_SIZE == 1));
    }

    #[test]
    fn bound_to_all_it_answers_from_the_address_that_was_sent_to() {
        let counters = Counters::default();
        let socket = UdpSocket::bind("0.0.0.0:0".parse().unwrap()).unwrap();
        let port = socket.local_addr().unwrap().port();
        let mut datagrams = Datagrams::new(socket, Instant::now(), &counters).unwrap();
        let (client, address) = receiver();
        client
            .send_to(&[7], (std::net::Ipv4Addr::new(127, 0, 0, 9), port))
            .unwrap();
        let mut got = Vec::new();
        while got.is_empty() {
            datagrams.read(Instant::now(), &counters, |from, datagram| {
                got.push((from, datagram.to_vec()))
            });
            std::thread::yield_now();
        }
        assert_eq!(got, [(address, vec![7])]);
        write(&mut datagrams, address, &[8], &counters);
        datagrams.flush(&counters);
        let (_, from) = client.recv_from(&mut [0; 8]).unwrap();
        assert_eq!(from.to_string(), format!("127.0.0.9:{port}"));
    }
}
