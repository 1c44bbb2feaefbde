//! The local address from which to answer a remote one: the one it sent to.
//!
//! Otherwise a socket bound to all addresses answers from the one that routing prefers, which a firewall, or a client that checks
//! an ICE candidate pair, does not know.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

/// How long a path is kept at least after the last packet. Peers send ICE checks every few seconds.
const KEEP: Duration = Duration::from_secs(60);

/// Paths of one generation, whoever sends: some 5 MB.
const MAX_PATHS: usize = 65_536;

/// Two generations of remote address → local address. The older one is dropped as a whole, so that forgetting costs nothing.
#[derive(Debug)]
pub(crate) struct Paths {
    young: HashMap<SocketAddr, IpAddr>,
    old: HashMap<SocketAddr, IpAddr>,
    turn: Instant,
}

impl Paths {
    /// No paths.
    pub(crate) fn new(now: Instant) -> Self {
        Paths {
            young: HashMap::new(),
            old: HashMap::new(),
            turn: now + KEEP,
        }
    }

    /// `remote` sent to `local`.
    pub(crate) fn heard(&mut self, remote: SocketAddr, local: IpAddr, now: Instant) {
        if now >= self.turn || self.young.len() >= MAX_PATHS {
            self.old = std::mem::take(&mut self.young);
            self.turn = now + KEEP;
        }
        self.young.insert(remote, local);
    }

    /// The address that `remote` sent to last.
    pub(crate) fn local(&self, remote: SocketAddr) -> Option<IpAddr> {
        self.young.get(&remote).or_else(|| self.old.get(&remote)).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_kept_while_heard_and_forgotten_after() {
        let start = Instant::now();
        let remote = |port| SocketAddr::from(([198, 51, 100, 1], port));
        let local = IpAddr::from([10, 0, 0, 5]);
        let mut paths = Paths::new(start);
        paths.heard(remote(1), local, start);
        paths.heard(remote(2), local, start + KEEP);
        assert_eq!(paths.local(remote(1)), Some(local));
        paths.heard(remote(2), local, start + 2 * KEEP);
        assert_eq!(paths.local(remote(1)), None);
        assert_eq!(paths.local(remote(2)), Some(local));
    }

    #[test]
    fn memory_is_bounded_whoever_sends() {
        let start = Instant::now();
        let mut paths = Paths::new(start);
        for n in 0..3 * MAX_PATHS as u32 {
            paths.heard(
                SocketAddr::from((n.to_be_bytes(), 9)),
                IpAddr::from([10, 0, 0, 5]),
                start,
            );
        }
        assert!(paths.young.len() + paths.old.len() <= 2 * MAX_PATHS);
    }
}
