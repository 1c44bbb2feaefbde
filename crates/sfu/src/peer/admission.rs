//! The addresses that a client may make the session remember, with a bound.

use std::net::SocketAddr;

use crate::config::Transport;

/// Addresses from which one peer's STUN requests are taken until ICE restarts. The session keeps a candidate for each.
const MAX_ADDRESSES: usize = 64;

#[derive(Debug, Default)]
pub(super) struct Admission {
    addresses: Vec<(Transport, SocketAddr)>,
}

impl Admission {
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
