//! What a client may make the session remember: SSRCs and addresses, each with a bound.

use std::collections::HashSet;
use std::net::SocketAddr;

use str0m::media::Mid;
use str0m::rtp::Ssrc;

use crate::config::Transport;

/// SSRCs that one peer may ever send with, retransmissions included. The session keeps a stream for each; a browser takes
/// a new one for each track that it adds.
pub(super) const MAX_SSRCS: usize = 1_000;

/// SSRCs of one peer whose m-line is kept at hand. A track has one at a time; a client that changes them more often only
/// costs itself a look-up in the session.
const MAX_LOCATED: usize = 32;

/// Addresses from which one peer's STUN requests are taken until ICE restarts. The session keeps a candidate for each.
const MAX_ADDRESSES: usize = 64;

#[derive(Debug, Default)]
pub(super) struct Admission {
    ssrcs: HashSet<u32>,
    located: Vec<(Ssrc, Mid)>,
    addresses: Vec<(Transport, SocketAddr)>,
}

impl Admission {
    /// Whether RTP with an SSRC is taken.
    pub(super) fn admits_ssrc(&mut self, ssrc: u32) -> bool {
        self.ssrcs.contains(&ssrc) || (self.ssrcs.len() < MAX_SSRCS && self.ssrcs.insert(ssrc))
    }

    /// The m-line of an SSRC, if it is at hand.
    pub(super) fn located(&self, ssrc: Ssrc) -> Option<Mid> {
        let known = self.located.iter().find(|(known, _)| *known == ssrc);
        known.map(|(_, mid)| *mid)
    }

    /// Keeps the m-line of an SSRC at hand.
    pub(super) fn locate(&mut self, ssrc: Ssrc, mid: Mid) {
        if self.located.len() == MAX_LOCATED {
            self.located.clear();
        }
        self.located.push((ssrc, mid));
    }

    /// Whether STUN requests from an address are taken.
    pub(super) fn admits_address(&self, address: (Transport, SocketAddr)) -> bool {
        self.addresses.len() < MAX_ADDRESSES || self.addresses.contains(&address)
    }

    /// Counts an address from which a verified STUN request came.
    pub(super) fn count_address(&mut self, address: (Transport, SocketAddr)) {
        if !self.addresses.contains(&address) {
            self.addresses.push(address);
        }
    }

    /// ICE has restarted: the session has dropped its candidates.
    pub(super) fn forget_addresses(&mut self) {
        self.addresses.clear();
    }
}
