//! A worker's two sockets on one port number: UDP, and a passive TCP listener (RFC 6544).

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener, UdpSocket};

use socket2::{Domain, Protocol, Socket, Type};

/// Requested buffer size; the kernel grants what `net.core.rmem_max` and `wmem_max` allow. A worker that cannot read for 20 ms at
/// 100,000 packets of 1,200 bytes a second needs 2.4 MB.
const SOCKET_BUFFER: usize = 4 << 20;

/// Connections that wait in the kernel until the worker accepts them.
const BACKLOG: i32 = 128;

/// How many ephemeral UDP ports are tried until the same TCP port is free.
const EPHEMERAL_TRIES: u32 = 16;

/// Both sockets, non-blocking, bound to the same port.
#[derive(Debug)]
pub(crate) struct Sockets {
    /// Datagrams.
    pub(crate) udp: UdpSocket,
    /// RFC 4571 streams.
    pub(crate) tcp: TcpListener,
    /// The address of both, with the real port.
    pub(crate) local: SocketAddr,
}

/// Binds both sockets; port 0 takes a free port. An unspecified IPv6 address also takes IPv4.
///
/// # Errors
/// The system's error, with the address in the message.
pub(crate) fn bind(address: SocketAddr) -> io::Result<Sockets> {
    let mut tries = if address.port() == 0 { EPHEMERAL_TRIES } else { 1 };
    loop {
        tries -= 1;
        match bind_both(address) {
            Err(e) if e.kind() == ErrorKind::AddrInUse && tries > 0 => {}
            Err(e) => return Err(io::Error::new(e.kind(), format!("cannot listen on {address}: {e}"))),
            Ok(sockets) => return Ok(sockets),
        }
    }
}

fn bind_both(address: SocketAddr) -> io::Result<Sockets> {
    let udp = open(address, Type::DGRAM, Protocol::UDP)?;
    udp.set_recv_buffer_size(SOCKET_BUFFER)?;
    udp.set_send_buffer_size(SOCKET_BUFFER)?;
    udp.bind(&address.into())?;
    let udp = UdpSocket::from(udp);
    let local = udp.local_addr()?;

    let tcp = open(address, Type::STREAM, Protocol::TCP)?;
    tcp.set_reuse_address(true)?; // else connections of an earlier process in TIME_WAIT keep the port
    tcp.bind(&local.into())?;
    tcp.listen(BACKLOG)?;
    Ok(Sockets {
        udp,
        tcp: TcpListener::from(tcp),
        local,
    })
}

fn open(address: SocketAddr, kind: Type, protocol: Protocol) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), kind, Some(protocol))?;
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    socket.set_nonblocking(true)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_get_the_same_free_port() {
        let sockets = bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        assert_ne!(sockets.local.port(), 0);
        assert_eq!(sockets.tcp.local_addr().unwrap(), sockets.local);
    }

    #[test]
    fn a_taken_port_is_named() {
        let first = bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let error = bind(first.local).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
        assert!(error.to_string().contains(&first.local.to_string()), "{error}");
    }
}
