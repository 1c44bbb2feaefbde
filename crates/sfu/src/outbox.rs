//! Where packets are written that leave.

use std::net::SocketAddr;
use std::ops::Range;

use crate::config::Transport;

/// Takes the packets of a [`crate::Shard`]. They are written where they leave from, so that none is copied or allocated.
pub trait Outbox {
    /// The buffer at whose end the next packet is written. What was written there before and not sent is gone.
    fn space(&mut self) -> &mut Vec<u8>;

    /// A packet is at the end of the buffer, without RFC 4571 length octets.
    fn send(&mut self, transport: Transport, destination: SocketAddr, packet: Range<usize>);

    /// Sends a packet that was written elsewhere.
    fn post(&mut self, transport: Transport, destination: SocketAddr, packet: &[u8]) {
        let space = self.space();
        let begin = space.len();
        space.extend_from_slice(packet);
        let end = space.len();
        self.send(transport, destination, begin..end);
    }
}
