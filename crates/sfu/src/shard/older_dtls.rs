//! Clients whose next connection is served DTLS 1.2: the newest version has failed with them, for which their certificates
//! need keys of ECDSA. With 1.2 they may have RSA.

use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Clients that are remembered, by the fingerprints of their certificates. The oldest are forgotten first.
const MOST: usize = 1_024;

/// The longest fingerprint that is remembered: one of SHA-256 has 103 octets.
const MAX_FINGERPRINT: usize = 128;

/// How long a client is remembered: it comes again within seconds, or may have another version by then.
const MEMORY: Duration = Duration::from_secs(60);

/// See the module.
#[derive(Default)]
pub(super) struct OlderDtls {
    /// When the newest version failed last, by fingerprint in lower case.
    failed: HashMap<String, Instant>,
}

impl OlderDtls {
    /// Remembers the client of a certificate. `false`: it is not, as its fingerprint is none that can be verified.
    pub(super) fn remember(&mut self, now: Instant, fingerprint: &str) -> bool {
        if fingerprint.len() > MAX_FINGERPRINT {
            return false;
        }
        self.failed.retain(|_, at| now < *at + MEMORY);
        self.failed.insert(fingerprint.to_ascii_lowercase(), now);
        if self.failed.len() > MOST
            && let Some((oldest, _)) = self.failed.iter().min_by_key(|(_, at)| **at)
        {
            let oldest = oldest.clone();
            self.failed.remove(&oldest);
        }
        true
    }

    /// The older version has not helped the client of a certificate.
    pub(super) fn forget(&mut self, fingerprint: &str) {
        self.failed.remove(&fingerprint.to_ascii_lowercase());
    }

    /// Whether the client of a certificate is served the older version.
    pub(super) fn serves(&self, now: Instant, fingerprint: &str) -> bool {
        let at = self.failed.get(&fingerprint.to_ascii_lowercase());
        at.is_some_and(|at| now < *at + MEMORY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_ones_are_remembered() {
        let (start, mut older) = (Instant::now(), OlderDtls::default());
        let at = |n: usize| start + Duration::from_millis(n as u64);
        let name = |n: usize| format!("sha-256 AB:{n:04X}");
        assert!((0..2 * MOST).all(|n| older.remember(at(n), &name(n))));
        let end = at(2 * MOST);
        let known = (0..2 * MOST).filter(|n| older.serves(end, &name(*n).to_lowercase()));
        assert_eq!(known.collect::<Vec<_>>(), (MOST..2 * MOST).collect::<Vec<_>>());
        assert_eq!(older.failed.len(), MOST);
        assert!(older.remember(end + MEMORY, &name(0)));
        assert_eq!(older.failed.len(), 1, "the others are too old");
    }

    #[test]
    fn clients_are_forgotten_in_time_and_when_it_has_not_helped() {
        let (now, mut older) = (Instant::now(), OlderDtls::default());
        older.remember(now, "sha-256 AB");
        assert!(older.serves(now + MEMORY / 2, "sha-256 AB") && !older.serves(now + MEMORY, "sha-256 AB"));
        older.forget("SHA-256 ab");
        assert!(!older.serves(now, "sha-256 AB"));
    }

    #[test]
    fn no_long_fingerprint_is_remembered() {
        let (now, mut older) = (Instant::now(), OlderDtls::default());
        let of = |octets: usize| format!("sha-256 {}", vec!["AB"; octets].join(":"));
        assert!(older.remember(now, &of(32)));
        assert!(!older.remember(now, &of(60_000)));
        assert_eq!(older.failed.len(), 1);
    }
}
