//! How many SDPs of one user are read. One thread reads those of all, and what they say is taken on the thread that forwards
//! everyone's packets.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::bucket::Bucket;
use crate::ids::{PeerId, RoomId, UserId};

/// Seconds' worth that is taken at once: who joins and shares a screen may load the page again.
const AT_ONCE: u32 = 2;

/// An SDP counts one more for so many bytes: reading it takes as long as it is.
const SHARE: f64 = 32.0 * 1024.0;

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
    /// So many offers of a user each second, and so many wrong answers; twice as many at once.
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
        let full = self.full(now);
        let bucket = self.offers.entry(who(id)).or_insert(full);
        let is_taken = bucket.has(now, 1.0);
        if is_taken {
            bucket.spend(cost(bytes));
        }
        is_taken
    }

    /// Whether an answer is read now.
    pub(super) fn reads_answer(&mut self, now: Instant, id: &PeerId) -> bool {
        self.wrong_answers
            .get_mut(&who(id))
            .is_none_or(|bucket| bucket.has(now, 1.0))
    }

    /// An answer of so many bytes was wrong. What was read before that was known has to be made up for. After the first one, the
    /// next is read at once, however long that was: it may be right.
    pub(super) fn count_wrong_answer(&mut self, now: Instant, id: &PeerId, bytes: usize) {
        self.sweep(now);
        let (full, most) = (self.full(now), self.burst().saturating_sub(1));
        let bucket = self.wrong_answers.entry(who(id)).or_insert(full);
        let cost = cost(bytes);
        let most = match bucket.is_full(now) {
            true => f64::from(most),
            false => cost,
        };
        bucket.spend(cost.min(most));
    }

    fn full(&self, now: Instant) -> Bucket {
        Bucket::with_burst(self.per_second, self.burst(), now)
    }

    fn burst(&self) -> u32 {
        self.per_second.saturating_mul(AT_ONCE)
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

/// What an SDP of so many bytes counts.
fn cost(bytes: usize) -> f64 {
    1.0 + bytes as f64 / SHARE
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
    fn wrong_answers_that_were_read_already_are_made_up_for() {
        let start = Instant::now();
        let mut rates = SdpRates::new(2, start);
        let ana = of("ana", "sfu_1");
        assert!(rates.reads_answer(start, &ana));
        (0..9).for_each(|_| rates.count_wrong_answer(start, &ana, 0));
        let reads = |rates: &mut SdpRates, seconds| rates.reads_answer(start + Duration::from_secs(seconds), &ana);
        assert!(!reads(&mut rates, 2) && reads(&mut rates, 3));
        rates.count_wrong_answer(start + Duration::from_secs(3), &ana, 200_000);
        assert!(!reads(&mut rates, 6) && reads(&mut rates, 7));
    }

    #[test]
    fn after_the_first_wrong_answer_the_next_is_read_however_long_that_was() {
        let start = Instant::now();
        let mut rates = SdpRates::new(2, start);
        let ana = of("ana", "sfu_1");
        rates.count_wrong_answer(start, &ana, 200_000);
        assert!(rates.reads_answer(start, &ana));
        rates.count_wrong_answer(start, &ana, 200_000);
        assert!(!rates.reads_answer(start + Duration::from_secs(3), &ana));
    }

    #[test]
    fn a_long_offer_counts_as_several() {
        let short = taken(5_000, |_| of("ana", "sfu_1"));
        assert!((20..=22).contains(&short), "{short}");
        assert_eq!(taken(200_000, |_| of("ana", "sfu_1")), 4);
    }
}
