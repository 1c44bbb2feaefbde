//! What a shard sends, packet by packet.

use std::net::SocketAddr;
use std::ops::Range;
use std::time::Instant;

use sfu::{Outbox, Shard, Transport};

pub(crate) struct Letter {
    pub(crate) transport: Transport,
    pub(crate) destination: SocketAddr,
    pub(crate) contents: Vec<u8>,
}

/// All that a shard sends now, with all the time that it needs.
pub(crate) fn sent(shard: &mut Shard, now: Instant) -> Vec<Letter> {
    while shard.shake_hands(now) {}
    sent_by_now(shard, now)
}

/// What a shard sends now without going on with handshakes.
pub(crate) fn sent_by_now(shard: &mut Shard, now: Instant) -> Vec<Letter> {
    let mut mail = Mail::default();
    while shard.send(now, &mut mail) {}
    mail.letters
}

#[derive(Default)]
struct Mail {
    buffer: Vec<u8>,
    letters: Vec<Letter>,
}

impl Outbox for Mail {
    fn space(&mut self) -> &mut Vec<u8> {
        self.buffer.clear();
        &mut self.buffer
    }

    fn send(&mut self, transport: Transport, destination: SocketAddr, packet: Range<usize>) {
        self.letters.push(Letter {
            transport,
            destination,
            contents: self.buffer[packet].to_vec(),
        });
    }
}
