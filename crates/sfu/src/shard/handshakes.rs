//! Handshakes, one packet of one client after the other. Such a packet may cost as much as hundreds of media, so what clients
//! send that have no keys yet waits until the driver has time for it.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::time::Instant;

use super::Shard;
use crate::config::Transport;
use crate::demux::classify;
use crate::ids::PeerKey;

/// Packets of one client that wait: two flights of DTLS, and the first of media behind them. DTLS sends again what is dropped.
const MAX_WAITING: usize = 16;

/// A packet of a client that has no keys yet.
pub(super) struct Early {
    transport: Transport,
    source: SocketAddr,
    packet: Vec<u8>,
}

/// See the module.
#[derive(Default)]
pub(super) struct Handshakes {
    /// Whose packets wait, in the order of their turns.
    turns: VecDeque<PeerKey>,
    waiting: HashMap<PeerKey, VecDeque<Early>>,
}

impl Handshakes {
    /// Keeps a packet until its peer has its turn.
    pub(super) fn push(&mut self, key: PeerKey, transport: Transport, source: SocketAddr, packet: &[u8]) {
        let waiting = self.waiting.entry(key).or_insert_with(|| {
            self.turns.push_back(key);
            VecDeque::new()
        });
        if waiting.len() < MAX_WAITING {
            waiting.push_back(Early {
                transport,
                source,
                packet: packet.to_vec(),
            });
        }
    }

    /// The next packet. Its peer is last in line for another one.
    fn pop(&mut self) -> Option<(PeerKey, Early)> {
        let key = self.turns.pop_front()?;
        let waiting = self.waiting.get_mut(&key)?;
        let early = waiting.pop_front()?;
        if waiting.is_empty() {
            self.waiting.remove(&key);
        } else {
            self.turns.push_back(key);
        }
        Some((key, early))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.turns.is_empty()
    }
}

impl Shard {
    /// Whether [`Self::shake_hands`] has something to do.
    pub fn has_handshakes(&self) -> bool {
        !self.handshakes.is_empty()
    }

    /// Goes on with one handshake, by one packet. `false`: there was none.
    pub fn shake_hands(&mut self, now: Instant) -> bool {
        self.clock.advance(now);
        let Some((key, early)) = self.handshakes.pop() else {
            return false;
        };
        let Early {
            transport,
            source,
            packet,
        } = early;
        let is_taken = self.take(key, transport, source, &classify(&packet), &packet);
        self.stats.packets_unknown += u64::from(!is_taken);
        self.settle();
        true
    }
}

#[cfg(test)]
mod tests {
    use slotmap::SlotMap;

    use super::*;

    #[test]
    fn peers_have_their_turns_and_a_bound_each() {
        let mut keys: SlotMap<PeerKey, ()> = SlotMap::with_key();
        let [many, few] = [(); 2].map(|()| keys.insert(()));
        let mut handshakes = Handshakes::default();
        let source = ([10, 0, 0, 1], 5_000).into();
        for n in 0..100 {
            handshakes.push(many, Transport::Udp, source, &[n]);
        }
        handshakes.push(few, Transport::Udp, source, &[200]);
        let order: Vec<(PeerKey, u8)> = std::iter::from_fn(|| handshakes.pop())
            .map(|(key, early)| (key, early.packet[0]))
            .collect();
        assert_eq!(order[..3], [(many, 0), (few, 200), (many, 1)]);
        assert_eq!(order.len(), MAX_WAITING + 1);
        assert!(handshakes.is_empty());
    }
}
