//! What one transport may cost the others: each SDP is read on the thread that forwards everyone's packets.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::bucket::Bucket;
use crate::ids::TransportId;

/// Offers of one transport that are taken in a second; of more, the last one waits. A client that shares a screen while
/// others come makes one or two.
const OFFERS: u32 = 2;

/// Answers of one transport in a second that may be wrong. A right one costs nothing here: each answers an offer of ours.
const WRONG_ANSWERS: u32 = 2;

/// When an offer that waits is looked at again.
pub(super) const WAIT: Duration = Duration::from_millis(500);

/// How often what is not needed any more is forgotten.
const SWEEP: Duration = Duration::from_secs(1);

/// The rates by transport, kept apart from peers: one whose first offer is wrong has no peer.
pub(super) struct SdpRates {
    offers: HashMap<TransportId, Bucket>,
    wrong_answers: HashMap<TransportId, Bucket>,
    swept: Instant,
}

impl SdpRates {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            offers: HashMap::new(),
            wrong_answers: HashMap::new(),
            swept: now,
        }
    }

    /// Whether an offer is taken now. It counts.
    pub(super) fn takes_offer(&mut self, now: Instant, transport: &TransportId) -> bool {
        self.sweep(now);
        take(&mut self.offers, OFFERS, now, transport)
    }

    /// Whether an answer is read now.
    pub(super) fn reads_answer(&mut self, now: Instant, transport: &TransportId) -> bool {
        self.wrong_answers
            .get_mut(transport)
            .is_none_or(|bucket| bucket.has(now, 1.0))
    }

    /// An answer was wrong.
    pub(super) fn count_wrong_answer(&mut self, now: Instant, transport: &TransportId) {
        self.sweep(now);
        take(&mut self.wrong_answers, WRONG_ANSWERS, now, transport);
    }

    /// The hub has closed the transport: whoever comes back has another one.
    pub(super) fn forget(&mut self, transport: &TransportId) {
        self.offers.remove(transport);
        self.wrong_answers.remove(transport);
    }

    /// A full bucket is as good as none.
    fn sweep(&mut self, now: Instant) {
        if now < self.swept + SWEEP {
            return;
        }
        self.swept = now;
        self.offers.retain(|_, bucket| !bucket.is_full(now));
        self.wrong_answers.retain(|_, bucket| !bucket.is_full(now));
    }
}

fn take(buckets: &mut HashMap<TransportId, Bucket>, rate: u32, now: Instant, transport: &TransportId) -> bool {
    let bucket = buckets.entry(transport.clone());
    bucket.or_insert_with(|| Bucket::new(rate, now)).take(now)
}
