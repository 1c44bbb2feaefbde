//! A rate for each source address: whoever has an IPv6 network has all of its addresses, so a /64 counts as one.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::time::Instant;

use crate::bucket::Bucket;

/// Sources are told apart up to so many. Those that share a bucket by chance share its rate; nobody can choose with whom.
const BUCKETS: usize = 4_096;

/// See the module. Its size is fixed, however many sources there are.
pub(crate) struct PerSource {
    buckets: Box<[Bucket]>,
    hasher: RandomState,
}

impl PerSource {
    /// So many tokens a second for each source.
    pub(crate) fn new(rate: u32, now: Instant) -> Self {
        Self {
            buckets: vec![Bucket::new(rate, now); BUCKETS].into(),
            hasher: RandomState::new(),
        }
    }

    /// Takes one of a source's tokens, if there is one.
    pub(crate) fn take(&mut self, now: Instant, source: IpAddr) -> bool {
        let place = self.hasher.hash_one(network(source)) as usize % BUCKETS;
        self.buckets[place].take(now)
    }
}

/// An IPv4 address, or the /64 of an IPv6 address.
fn network(source: IpAddr) -> (bool, u64) {
    match source.to_canonical() {
        IpAddr::V4(address) => (false, u64::from(address.to_bits())),
        IpAddr::V6(address) => (true, (address.to_bits() >> 64) as u64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_network_has_its_own_rate() {
        let now = Instant::now();
        let mut rates = PerSource::new(10, now);
        let mut taken = |source: &str| (0..20).filter(|_| rates.take(now, source.parse().unwrap())).count();
        assert_eq!((taken("192.0.2.1"), taken("192.0.2.2")), (10, 10));
        assert_eq!(taken("::ffff:192.0.2.1"), 0, "the same one");
        assert_eq!(taken("2001:db8::1"), 10);
        assert_eq!(taken("2001:db8::ffff:0:0:2"), 0, "the same network");
        assert_eq!(taken("2001:db8:0:1::1"), 10);
    }
}
