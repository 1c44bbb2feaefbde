//! Clients whose next connection is served DTLS 1.2: the newest version has failed with them, for which their certificates
//! need keys of ECDSA. With 1.2 they may have RSA.

use std::collections::{HashSet, VecDeque};

/// Clients that are remembered, by the fingerprints of their certificates. The oldest are forgotten first: they have come
/// again within seconds, or never will.
const MOST: usize = 1_024;

/// See the module.
#[derive(Default)]
pub(super) struct OlderDtls {
    known: HashSet<String>,
    /// The oldest first.
    order: VecDeque<String>,
}

impl OlderDtls {
    /// Remembers the client of a certificate. `false`: it was known, so the older version has not helped.
    pub(super) fn remember(&mut self, fingerprint: &str) -> bool {
        let fingerprint = fingerprint.to_ascii_lowercase();
        if !self.known.insert(fingerprint.clone()) {
            return false;
        }
        self.order.push_back(fingerprint);
        if self.order.len() > MOST
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        true
    }

    /// Whether the client of a certificate is served the older version.
    pub(super) fn serves(&self, fingerprint: &str) -> bool {
        self.known.contains(&fingerprint.to_ascii_lowercase())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_ones_are_remembered() {
        let mut older = OlderDtls::default();
        let name = |n: usize| format!("sha-256 AB:{n:04X}");
        assert!((0..2 * MOST).all(|n| older.remember(&name(n))));
        assert!(!older.remember(&name(2 * MOST - 1)));
        let known = (0..2 * MOST).filter(|n| older.serves(&name(*n).to_lowercase()));
        assert_eq!(known.collect::<Vec<_>>(), (MOST..2 * MOST).collect::<Vec<_>>());
        assert_eq!((older.known.len(), older.order.len()), (MOST, MOST));
    }
}
