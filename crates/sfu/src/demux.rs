//! Which peer a packet is for (RFC 7983; RFC 8445 section 7.3).
//!
//! A packet is for the peer whose address sent it. An address becomes a peer's only by a STUN request that names the peer's
//! ufrag and whose integrity its ICE agent has verified.

use std::collections::HashMap;
use std::net::SocketAddr;

use crate::config::Transport;
use crate::ids::PeerKey;
use crate::queue::Queue;
use crate::stun::{self, BindingRequest};

/// Addresses of one peer; the oldest makes way for a new one, first of those that were not verified. A client has a few networks with some candidates each.
const MAX_ADDRESSES: usize = 16;

/// What a packet is, by its first octets.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Class<'a> {
    /// A STUN binding request, plain or for a peer.
    Binding(BindingRequest<'a>),
    /// DTLS.
    Dtls,
    /// RTP (SRTP).
    Rtp,
    /// RTCP (SRTCP).
    Rtcp,
    /// A STUN response, to a check of a client's address.
    Response,
    /// STUN that needs no reaction: indications, which keep NAT bindings.
    Ignored,
    /// Anything else.
    Unknown,
}

/// Classifies a packet (RFC 7983 section 7, RFC 5761 section 4).
pub(crate) fn classify(packet: &[u8]) -> Class<'_> {
    match packet {
        [0, 1, ..] => stun::binding_request(packet).map_or(Class::Unknown, Class::Binding),
        [1, 0x01 | 0x11, ..] if packet.len() >= 20 => Class::Response,
        [0, 0x11, ..] if packet.len() >= 20 => Class::Ignored,
        // The shortest DTLS record is its header of 13 octets.
        [20..=63, ..] if packet.len() >= 13 => Class::Dtls,
        [128..=191, 192..=223, ..] if packet.len() >= 8 => Class::Rtcp,
        [128..=191, ..] if packet.len() >= 12 => Class::Rtp,
        _ => Class::Unknown,
    }
}

/// Forgotten TCP addresses that wait to be polled. The connection of one that does not fit merely lives longer.
const MAX_FORGOTTEN: usize = 4_096;

/// An address of a peer's.
struct Known {
    address: (Transport, SocketAddr),
    /// A check of ours came back from it. What only a request came from may be anyone's, who replays one.
    is_verified: bool,
}

/// The peers' addresses and ufrags.
pub(crate) struct Demux {
    forgotten: Queue<SocketAddr>,
    by_address: HashMap<(Transport, SocketAddr), PeerKey>,
    by_ufrag: HashMap<String, PeerKey>,
    ufrags: HashMap<PeerKey, String>,
    addresses: HashMap<PeerKey, Vec<Known>>,
    /// The peer that would have an address of another one's, once it is verified.
    claims: HashMap<(Transport, SocketAddr), PeerKey>,
}

impl Default for Demux {
    fn default() -> Self {
        Self {
            forgotten: Queue::new(MAX_FORGOTTEN),
            by_address: HashMap::new(),
            by_ufrag: HashMap::new(),
            ufrags: HashMap::new(),
            addresses: HashMap::new(),
            claims: HashMap::new(),
        }
    }
}

impl Demux {
    /// The peer of an address.
    pub(crate) fn by_address(&self, transport: Transport, source: SocketAddr) -> Option<PeerKey> {
        self.by_address.get(&(transport, source)).copied()
    }

    /// The peer that chose a ufrag.
    pub(crate) fn by_ufrag(&self, ufrag: &str) -> Option<PeerKey> {
        self.by_ufrag.get(ufrag).copied()
    }

    /// The peer that claims an address of another one's.
    pub(crate) fn claimant(&self, transport: Transport, source: SocketAddr) -> Option<PeerKey> {
        self.claims.get(&(transport, source)).copied()
    }

    /// A request of a peer's has come from an address. It is the peer's from now on, unless it is another one's: anyone who
    /// has seen the request could have sent it. Call it only after integrity was verified.
    pub(crate) fn claim(&mut self, transport: Transport, source: SocketAddr, peer: PeerKey) {
        match self.by_address(transport, source) {
            Some(owner) if owner != peer => drop(self.claims.insert((transport, source), peer)),
            _ => self.know((transport, source), peer, false),
        }
    }

    /// Makes an address the peer's. Call it only after the address was verified.
    pub(crate) fn learn(&mut self, transport: Transport, source: SocketAddr, peer: PeerKey) {
        self.know((transport, source), peer, true);
    }

    fn know(&mut self, address: (Transport, SocketAddr), peer: PeerKey, is_verified: bool) {
        if self.by_address.get(&address) == Some(&peer) {
            let known = self.addresses.entry(peer).or_default();
            let ours = known.iter_mut().filter(|known| known.address == address);
            ours.for_each(|known| known.is_verified |= is_verified);
            return;
        }
        self.claims.remove(&address);
        if let Some(before) = self.by_address.insert(address, peer) {
            self.addresses
                .entry(before)
                .or_default()
                .retain(|known| known.address != address);
        }
        let known = self.addresses.entry(peer).or_default();
        let oldest = (known.len() == MAX_ADDRESSES).then(|| {
            let unverified = known.iter().position(|known| !known.is_verified);
            known.remove(unverified.unwrap_or(0)).address
        });
        known.push(Known { address, is_verified });
        if let Some(oldest) = oldest {
            self.forget_address(oldest);
        }
    }

    /// Sets the ufrag of a peer; its earlier one is forgotten. Gives whether it is another one.
    pub(crate) fn set_ufrag(&mut self, ufrag: String, peer: PeerKey) -> bool {
        let before = self.ufrags.insert(peer, ufrag.clone());
        let is_new = before.as_ref() != Some(&ufrag);
        if let Some(before) = before {
            self.by_ufrag.remove(&before);
        }
        self.by_ufrag.insert(ufrag, peer);
        is_new
    }

    /// Forgets a peer.
    pub(crate) fn forget(&mut self, peer: PeerKey) {
        if let Some(ufrag) = self.ufrags.remove(&peer) {
            self.by_ufrag.remove(&ufrag);
        }
        for known in self.addresses.remove(&peer).unwrap_or_default() {
            self.forget_address(known.address);
        }
    }

    fn forget_address(&mut self, address: (Transport, SocketAddr)) {
        self.by_address.remove(&address);
        self.claims.remove(&address);
        if let (Transport::TcpPassive, source) = address {
            self.forgotten.push(source);
        }
    }

    /// The next TCP address that no peer has any more.
    pub(crate) fn poll_forgotten(&mut self) -> Option<SocketAddr> {
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
        assert_eq!(classify(&[1; 20]), Class::Response);
    }

    #[test]
    fn an_address_belongs_to_the_peer_that_verified_it_last() {
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
        assert_eq!(demux.by_address.len(), MAX_ADDRESSES);
        assert_eq!(demux.by_address(Transport::Udp, address(1)), None);
        assert_eq!(demux.by_address(Transport::Udp, address(100)), Some(peer));
    }

    #[test]
    fn claimed_addresses_make_way_before_verified_ones() {
        let mut peers: SlotMap<PeerKey, ()> = SlotMap::with_key();
        let peer = peers.insert(());
        let mut demux = Demux::default();
        demux.claim(Transport::Udp, address(1), peer);
        demux.learn(Transport::Udp, address(1), peer);
        for port in 2..=100 {
            demux.claim(Transport::Udp, address(port), peer);
        }
        assert_eq!(demux.by_address.len(), MAX_ADDRESSES);
        assert_eq!(demux.by_address(Transport::Udp, address(1)), Some(peer));
        assert_eq!(demux.by_address(Transport::Udp, address(2)), None);
    }

    #[test]
    fn forgotten_tcp_addresses_can_be_polled() {
        let mut peers: SlotMap<PeerKey, ()> = SlotMap::with_key();
        let peer = peers.insert(());
        let mut demux = Demux::default();
        demux.learn(Transport::Udp, address(1), peer);
        for port in 1..=MAX_ADDRESSES as u16 {
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
        assert_eq!(forgotten, MAX_ADDRESSES);
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
