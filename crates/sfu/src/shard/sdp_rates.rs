//! What one user may cost the others: each SDP is read on the thread that forwards everyone's packets.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::bucket::Bucket;
use crate::ids::{PeerId, RoomId, UserId};

/// Seconds' worth of offers that are taken at once: who joins and shares a screen may load the page again.
const AT_ONCE: u32 = 2;

/// An offer counts one more for so many bytes: reading it takes as long as it is.
const OFFER_SHARE: f64 = 32.0 * 1024.0;

/// When an offer that waits is looked at again.
pub(super) const WAIT: Duration = Duration::from_millis(500);

/// How often what is not needed any more is forgotten.
const SWEEP: Duration = Duration::from_secs(1);

/// Who is limited: whoever leaves and joins again is the same user, by another transport.
type Who = (RoomId, UserId);

/// The rates by user, kept apart from peers: they outlive them. Answers count only if they are wrong: a right one answers an
/// offer of ours.
pub(super) struct SdpRates {
    per_second: u32,
    offers: HashMap<Who, Bucket>,
    wrong_answers: HashMap<Who, Bucket>,
    swept: Instant,
}

impl SdpRates {
    /// So many offers of a user each second, and so many wrong answers.
    pub(super) fn new(per_second: u32, now: Instant) -> Self {
        Self {
            per_second,
            offers: HashMap::new(),
            wrong_answers: HashMap::new(),
            swept: now,
        }
    }

    /// Whether an offer of so many bytes is taken now. It counts. The last one may be overdrawn, so that none is too long.
    pub(super) fn takes_offer(&mut self, now: Instant, id: &PeerId, bytes: usize) -> bool {
        self.sweep(now);
        let bucket = self.offers.entry(who(id));
        let at_once = self.per_second.saturating_mul(AT_ONCE);
        let bucket = bucket.or_insert_with(|| Bucket::with_burst(self.per_second, at_once, now));
        let is_taken = bucket.has(now, 1.0);
        if is_taken {
            bucket.spend(1.0 + bytes as f64 / OFFER_SHARE);
        }
        is_taken
    }

    /// Whether an answer is read now.
    pub(super) fn reads_answer(&mut self, now: Instant, id: &PeerId) -> bool {
        self.wrong_answers
            .get_mut(&who(id))
            .is_none_or(|bucket| bucket.has(now, 1.0))
    }

    /// An answer was wrong.
    pub(super) fn count_wrong_answer(&mut self, now: Instant, id: &PeerId) {
        self.sweep(now);
        let bucket = self.wrong_answers.entry(who(id));
        bucket.or_insert_with(|| Bucket::new(self.per_second, now)).take(now);
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

fn who(id: &PeerId) -> Who {
    (id.room.clone(), id.user.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(user: &str, transport: &str) -> PeerId {
        PeerId {
            room: "room".into(),
            transport: transport.into(),
            user: user.into(),
            seat: "seat".into(),
        }
    }

    /// How many of 1,000 offers in ten seconds are taken.
    fn taken(bytes: usize, id: impl Fn(u32) -> PeerId) -> usize {
        let start = Instant::now();
        let mut rates = SdpRates::new(2, start);
        let at = |n: u32| start + Duration::from_millis(10) * n;
        (0..1_000).filter(|n| rates.takes_offer(at(*n), &id(*n), bytes)).count()
    }

    #[test]
    fn a_user_has_one_rate_whatever_the_transports() {
        assert_eq!(taken(0, |_| of("ana", "sfu_1")), 4 + 19);
        assert_eq!(taken(0, |n| of("ana", &format!("sfu_{n}"))), 4 + 19);
        assert_eq!(taken(0, |n| of(&format!("user {}", n % 2), "sfu_1")), 2 * (4 + 19));
    }

    #[test]
    fn a_long_offer_counts_as_several() {
        let short = taken(5_000, |_| of("ana", "sfu_1"));
        assert!((20..=22).contains(&short), "{short}");
        assert_eq!(taken(200_000, |_| of("ana", "sfu_1")), 4);
    }
}
