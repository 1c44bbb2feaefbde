//! The addresses that a session is told of, with a bound.

use std::net::SocketAddr;

use crate::config::Transport;

/// Addresses of one client whose STUN requests its session takes until ICE restarts: it keeps a candidate for each. Those from
/// others are answered without it.
const MAX_ADDRESSES: usize = 64;

#[derive(Debug, Default)]
pub(super) struct Admission {
    addresses: Vec<(Transport, SocketAddr)>,
}

impl Admission {
    /// Whether the session takes STUN requests from an address.
    pub(super) fn admits(&self, address: (Transport, SocketAddr)) -> bool {
        self.addresses.len() < MAX_ADDRESSES || self.addresses.contains(&address)
    }

    /// Counts an address from which the session has taken one.
    pub(super) fn count(&mut self, address: (Transport, SocketAddr)) {
        if !self.addresses.contains(&address) {
            self.addresses.push(address);
        }
    }

    /// ICE has restarted: the session has dropped its candidates.
    pub(super) fn forget(&mut self) {
        self.addresses.clear();
    }
}
