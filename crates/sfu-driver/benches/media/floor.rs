//! The floor: the same packets, sent with nothing but the kernel.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use quinn_udp::{Transmit, UdpSocketState};

use crate::thread_time;

const MEASURE: Duration = Duration::from_secs(1);

/// Microseconds of CPU for a packet of `size` bytes, sent in turn to each of `receivers` sockets, `segments` with one call.
pub(crate) fn microseconds(size: usize, receivers: usize, segments: usize) -> f64 {
    let sockets: Vec<UdpSocket> = (0..receivers)
        .map(|_| UdpSocket::bind("127.0.0.1:0").expect("a port"))
        .collect();
    let addresses: Vec<SocketAddr> = sockets
        .iter()
        .map(|socket| socket.local_addr().expect("bound"))
        .collect();
    let done = Arc::new(AtomicBool::new(false));
    let reader = thread::spawn({
        let done = Arc::clone(&done);
        move || discard(&sockets, &done)
    });
    let cost = send(&addresses, size, segments);
    done.store(true, Ordering::Relaxed);
    reader.join().expect("the reader does not panic");
    cost
}

fn send(addresses: &[SocketAddr], size: usize, segments: usize) -> f64 {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let state = UdpSocketState::new((&socket).into()).expect("a UDP socket");
    let contents = vec![0x80; size * segments];
    let (begin, cpu) = (Instant::now(), thread_time::own());
    let mut packets = 0;
    while begin.elapsed() < MEASURE {
        for &destination in addresses {
            let segment_size = (segments > 1).then_some(size);
            let transmit = Transmit {
                destination,
                ecn: None,
                contents: &contents,
                segment_size,
                src_ip: None,
            };
            match state.try_send((&socket).into(), &transmit) {
                Ok(()) => packets += segments,
                Err(e) => assert_eq!(e.kind(), std::io::ErrorKind::WouldBlock, "{e}"),
            }
        }
    }
    (thread_time::own() - cpu).as_secs_f64() * 1e6 / packets as f64
}

fn discard(sockets: &[UdpSocket], done: &AtomicBool) {
    for socket in sockets {
        socket.set_nonblocking(true).expect("a socket");
    }
    let mut buffer = [0; 65_536];
    while !done.load(Ordering::Relaxed) {
        for socket in sockets {
            while socket.recv(&mut buffer).is_ok() {}
        }
    }
}
