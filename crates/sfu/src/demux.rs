//! Whose packet is it? (RFC 7983; RFC 8445 section 7.3)
//!
//! A packet belongs to the peer whose address sent it. An address becomes a peer's only by a STUN request
//! that names the peer's ufrag and whose integrity its ICE agent has verified.

use std::collections::HashMap;
use std::net::SocketAddr;

use crate::config::Transport;
use crate::ids::PeerKey;
use crate::queue::Queue;
use crate::stun::{self, BindingRequest};

/// Addresses one peer may send from at a time; the oldest is forgotten for a new one. A client has a few networks, each
/// with some candidates.
const MOST_ADDRESSES: usize = 16;

/// What a packet is, by its first octets.
#[derive(Debug, PartialEq, Eq)]
pub enum Class<'a> {
    /// A STUN binding request, plain or for a peer.
    Binding(BindingRequest<'a>),
    /// DTLS.
    Dtls,
    /// RTP (SRTP).
    Rtp,
    /// RTCP (SRTCP).
    Rtcp,
    /// STUN that needs no reaction: an indication keeps a NAT's binding, a response answers nothing we asked.
    Ignored,
    /// Nothing that belongs here.
    Unknown,
}

/// Classifies a packet (RFC 7983 section 7, RFC 5761 section 4).
pub fn classify(packet: &[u8]) -> Class<'_> {
    match packet {
        [0, 1, ..] => stun::binding_request(packet).map_or(Class::Unknown, Class::Binding),
        [0, 0x11, ..] | [1, 0x01 | 0x11, ..] if packet.len() >= 20 => Class::Ignored,
        // The least DTLS record is its header of 13 octets.
        [20..=63, ..] if packet.len() >= 13 => Class::Dtls,
        [128..=191, 192..=223, ..] if packet.len() >= 8 => Class::Rtcp,
        [128..=191, ..] if packet.len() >= 12 => Class::Rtp,
        _ => Class::Unknown,
    }
}

/// Forgotten TCP addresses that wait to be polled. One that finds no room costs its connection only a longer life.
const MOST_FORGOTTEN: usize = 4_096;

/// Who is behind which address and ufrag.
pub struct Demux {
    forgotten: Queue<SocketAddr>,
    by_address: HashMap<(Transport, SocketAddr), PeerKey>,
    by_ufrag: HashMap<String, PeerKey>,
    ufrags: HashMap<PeerKey, String>,
    addresses: HashMap<PeerKey, Vec<(Transport, SocketAddr)>>,
}

impl Default for Demux {
    fn default() -> Self {
        Self {
            forgotten: Queue::new(MOST_FORGOTTEN),
            by_address: HashMap::new(),
            by_ufrag: HashMap::new(),
            ufrags: HashMap::new(),
            addresses: HashMap::new(),
        }
    }
}

impl Demux {
    /// The peer that an address belongs to.
    pub fn by_address(&self, transport: Transport, source: SocketAddr) -> Option<PeerKey> {
        self.by_address.get(&(transport, source)).copied()
    }

    /// The peer that chose a ufrag.
    pub fn by_ufrag(&self, ufrag: &str) -> Option<PeerKey> {
        self.by_ufrag.get(ufrag).copied()
    }

    /// Makes an address the peer's. Only after integrity was verified.
    pub fn learn(&mut self, transport: Transport, source: SocketAddr, peer: PeerKey) {
        let address = (transport, source);
        if self.by_address.get(&address) == Some(&peer) {
            return;
        }
        if let Some(before) = self.by_address.insert(address, peer) {
            self.addresses
                .entry(before)
                .or_default()
                .retain(|known| *known != address);
        }
        let known = self.addresses.entry(peer).or_default();
        if known.len() == MOST_ADDRESSES {
            let oldest = known.remove(0);
            known.push(address);
            self.forget_address(oldest);
        } else {
            known.push(address);
        }
    }

    /// Gives a peer a ufrag; earlier ones of it are forgotten. Says whether it is a new one.
    pub fn set_ufrag(&mut self, ufrag: String, peer: PeerKey) -> bool {
        let before = self.ufrags.insert(peer, ufrag.clone());
        let is_new = before.as_ref() != Some(&ufrag);
        if let Some(before) = before {
            self.by_ufrag.remove(&before);
        }
        self.by_ufrag.insert(ufrag, peer);
        is_new
    }

    /// Forgets a peer.
    pub fn forget(&mut self, peer: PeerKey) {
        if let Some(ufrag) = self.ufrags.remove(&peer) {
            self.by_ufrag.remove(&ufrag);
        }
        for address in self.addresses.remove(&peer).unwrap_or_default() {
            self.forget_address(address);
        }
    }

    fn forget_address(&mut self, address: (Transport, SocketAddr)) {
        self.by_address.remove(&address);
        if let (Transport::TcpPassive, source) = address {
            self.forgotten.push(source);
        }
    }

    /// The next TCP address that was forgotten.
    pub fn poll_forgotten(&mut self) -> Option<SocketAddr> {
        self.forgotten.pop()
    }
}

#[cfg(test)]
mod tests {
    use slotmap::SlotMap;

    use super::*;

    fn address(port: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 1], port))
    }

    #[test]
    fn classes_by_the_first_octets() {
        assert_eq!(classify(&[]), Class::Unknown);
        assert_eq!(classify(&[0, 1]), Class::Unknown);
        assert_eq!(classify(&[22; 13]), Class::Dtls);
        assert_eq!(classify(&[22; 12]), Class::Unknown);
        assert_eq!(classify(&[128; 12]), Class::Rtp);
        assert_eq!(classify(&[128; 11]), Class::Unknown);
        assert_eq!(classify(&[128, 200, 0, 0, 0, 0, 0, 0]), Class::Rtcp);
        assert_eq!(classify(&[64; 40]), Class::Unknown);
        assert_eq!(classify(&[1; 20]), Class::Ignored);
    }

    #[test]
    fn an_address_belongs_to_the_last_who_proved_it() {
        let mut peers: SlotMap<PeerKey, ()> = SlotMap::with_key();
        let (a, b) = (peers.insert(()), peers.insert(()));
        let mut demux = Demux::default();
        demux.learn(Transport::Udp, address(1), a);
        assert_eq!(demux.by_address(Transport::Udp, address(1)), Some(a));
        assert_eq!(demux.by_address(Transport::TcpPassive, address(1)), None);
        demux.learn(Transport::Udp, address(1), b);
        demux.forget(a);
        assert_eq!(demux.by_address(Transport::Udp, address(1)), Some(b));
        demux.forget(b);
        assert_eq!(demux.by_address(Transport::Udp, address(1)), None);
    }

    #[test]
    fn addresses_of_a_peer_are_bounded() {
        let mut peers: SlotMap<PeerKey, ()> = SlotMap::with_key();
        let peer = peers.insert(());
        let mut demux = Demux::default();
        for port in 1..=100 {
            demux.learn(Transport::Udp, address(port), peer);
        }
        assert_eq!(demux.by_address.len(), MOST_ADDRESSES);
        assert_eq!(demux.by_address(Transport::Udp, address(1)), None);
        assert_eq!(demux.by_address(Transport::Udp, address(100)), Some(peer));
    }

    #[test]
    fn forgotten_tcp_addresses_are_told() {
        let mut peers: SlotMap<PeerKey, ()> = SlotMap::with_key();
        let peer = peers.insert(());
        let mut demux = Demux::default();
        demux.learn(Transport::Udp, address(1), peer);
        for port in 1..=MOST_ADDRESSES as u16 {
            demux.learn(Transport::TcpPassive, address(port), peer);
        }
        assert_eq!(demux.poll_forgotten(), None);
        demux.learn(Transport::TcpPassive, address(100), peer);
        assert_eq!(
            (demux.poll_forgotten(), demux.poll_forgotten()),
            (Some(address(1)), None)
        );
        demux.forget(peer);
        let forgotten = std::iter::from_fn(|| demux.poll_forgotten()).count();
        assert_eq!(forgotten, MOST_ADDRESSES);
    }

    #[test]
    fn a_new_ufrag_replaces_the_old() {
        let mut peers: SlotMap<PeerKey, ()> = SlotMap::with_key();
        let peer = peers.insert(());
        let mut demux = Demux::default();
        demux.set_ufrag("old".into(), peer);
        demux.set_ufrag("new".into(), peer);
        assert_eq!((demux.by_ufrag("old"), demux.by_ufrag("new")), (None, Some(peer)));
    }
}
