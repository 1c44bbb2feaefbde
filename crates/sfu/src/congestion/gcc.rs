//! The estimator: by delay, by loss and by probes (draft-ietf-rmcat-gcc-02).
//!
//! Until a queue grows or packets are lost there is no bound: a client whose line is wide enough is never held back, however
//! little is sent to it at first. What the line takes is known at the moment when it takes no more.

use std::time::{Duration, Instant};

use super::delay::Delay;
use super::groups::Groups;
use super::loss::{Loss, Verdict};
use super::probe::Probed;
use super::throughput::Throughput;
use super::trend::{Trend, Usage};
use super::{Estimator, Outcome};

/// The share of what arrives at the limit that is sent from then on: the queue empties.
const DECREASE: f64 = 0.85;

/// The same where packets are lost.
const DECREASE_BY_LOSS: f64 = 0.95;

/// The growth in a second while the limit is far.
const INCREASE: f64 = 0.08;

/// What is possible is at most so many times what arrives, as far as media can tell. What is beyond, probes tell.
const BEYOND_ARRIVING: f64 = 1.1;

/// Near the limit a packet more is sent in each round trip. Near is within these shares of what arrived at the limit.
const NEAR: std::ops::Range<f64> = 0.7..1.3;
const PACKET_BITS: f64 = 9_600.0;

/// What has proved to be the limit is believed for so long, against probes that find less than so many times it.
const LIMIT_TIME: Duration = Duration::from_secs(30);
const CLEARLY_MORE: f64 = 1.3;

/// The share of the limit at which frames of several videos that come at once make no queue that lasts.
const BELOW_LIMIT: f64 = 0.9;

/// A client needs a voice at least.
const MIN_BITS: f64 = 50_000.0;

/// Milliseconds of delay that may be jitter, and where far less arrives than is possible.
const MIN_QUEUE: f64 = 35.0;
const MIN_QUEUE_IDLE: f64 = 60.0;

/// A delay of so many milliseconds that has grown by so many since the last report is a queue, whatever the trend.
const CLEAR_QUEUE: f64 = 50.0;
const CLEAR_GROWTH: f64 = 40.0;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Gcc {
    groups: Groups,
    trend: Trend,
    delay: Delay,
    throughput: Throughput,
    loss: Loss,
    probed: Option<Probed>,
    bound: Option<f64>,
    /// What arrived at the limit.
    limit: Option<f64>,
    /// The bound before packets were lost.
    before_loss: Option<f64>,
    increased: Option<Instant>,
    /// The last sign of a limit.
    cut: Option<Instant>,
}

impl Estimator for Gcc {
    fn reported(&mut self, now: Instant, clock: i64, outcomes: impl Iterator<Item = Outcome>) -> bool {
        let (mut last, mut is_over, mut has_probes) = (None, false, false);
        for outcome in outcomes {
            last = Some(outcome.departed);
            let has_arrived = u32::from(outcome.arrived.is_some());
            self.loss.count(has_arrived, 1 - has_arrived);
            let Some(arrived) = outcome.arrived else { continue };
            self.throughput.add(arrived, outcome.bytes);
            self.delay.add(&outcome);
            Probed::add(&mut self.probed, &outcome);
            has_probes |= outcome.cluster.is_some();
            if let Some(spacing) = self.groups.add(&outcome) {
                self.trend.add(spacing);
                is_over |= self.trend.usage() == Usage::Over && self.has_queue();
            }
        }
        let Some(last) = last else {
            return false;
        };
        let age = Duration::from_micros((clock - last).try_into().unwrap_or_default());
        let is_clear = self.delay.rises(CLEAR_GROWTH) && self.delay.queue() >= CLEAR_QUEUE;
        match self.trend.usage() {
            _ if is_clear => self.decrease(now, age, self.throughput.recent()),
            _ if is_over => self.decrease(now, age, self.throughput.bits()),
            Usage::Under | Usage::Over => self.increased = Some(now),
            Usage::Normal => self.increase(now, age),
        }
        if let Some(found) = self
            .probed
            .filter(|_| has_probes && !is_over && !is_clear)
            .and_then(|probed| probed.bits())
        {
            let found = self.believed(now, found);
            self.bound = self.bound.map(|bound| bound.max(found));
        }
        self.heed_losses(now, self.throughput.bits());
        true
    }

    fn bits(&self) -> Option<u64> {
        self.bound.map(|bound| bound as u64)
    }
}

impl Gcc {
    /// When there was a sign of a limit the last time.
    pub(crate) fn cut_at(&self) -> Option<Instant> {
        self.cut
    }

    /// When so many packets were lost the last time that audio suffers.
    pub(crate) fn lost_at(&self) -> Option<Instant> {
        self.loss.noticed()
    }

    /// Takes how many packets arrived and how many did not, where nothing else is known, while so many bits a second arrived.
    pub(crate) fn counted(&mut self, now: Instant, arrived: u32, lost: u32, arriving: f64) {
        self.loss.count(arrived, lost);
        self.heed_losses(now, Some(arriving));
    }

    /// There is no sign of a limit any more.
    pub(crate) fn set_free(&mut self) {
        (self.bound, self.limit, self.before_loss) = (None, None, None);
    }

    /// So much is possible, as another sign has it.
    pub(crate) fn set_bound(&mut self, now: Instant, bits: f64) {
        if self.bound.is_none_or(|bound| bits < bound) {
            self.cut = Some(now);
        }
        self.bound = Some(bits.max(MIN_BITS));
    }

    /// What a probe tells. It is short: where it finds little more than what has proved to be the limit, that is the limit, and
    /// what is sent stays below it.
    fn believed(&self, now: Instant, found: f64) -> f64 {
        let is_fresh = self.cut.is_some_and(|cut| now < cut + LIMIT_TIME);
        let limit = self.limit.filter(|limit| is_fresh && found < limit * CLEARLY_MORE);
        limit.map_or(found, |limit| found.min(limit * BELOW_LIMIT))
    }

    fn has_queue(&self) -> bool {
        let arriving = self.throughput.bits().unwrap_or_default();
        let is_idle = self.bound.is_some_and(|bound| arriving < bound / 2.0);
        self.delay.queue() >= if is_idle { MIN_QUEUE_IDLE } else { MIN_QUEUE }
    }

    fn decrease(&mut self, now: Instant, age: Duration, arriving: Option<f64>) {
        let Some(arriving) = arriving else { return };
        let rest = age.clamp(Duration::from_millis(50), Duration::from_millis(300));
        if self.cut.is_some_and(|cut| now < cut + rest) {
            return;
        }
        (self.limit, self.cut, self.increased) = (Some(arriving), Some(now), Some(now));
        let bound = self.bound.unwrap_or(f64::INFINITY).min(arriving * DECREASE);
        self.bound = Some(bound.max(MIN_BITS));
    }

    fn heed_losses(&mut self, now: Instant, arriving: Option<f64>) {
        match self.loss.judge(now).zip(arriving) {
            Some((Verdict::TooMuch { is_first }, arriving)) => self.decrease_by_loss(now, is_first, arriving),
            Some((Verdict::InVain, _)) => self.bound = self.before_loss.take(),
            None => {}
        }
    }

    fn decrease_by_loss(&mut self, now: Instant, is_first: bool, arriving: f64) {
        if is_first {
            self.before_loss = self.bound;
        }
        (self.cut, self.increased) = (Some(now), Some(now));
        let bound = self.bound.unwrap_or(f64::INFINITY).min(arriving * DECREASE_BY_LOSS);
        self.bound = Some(bound.max(MIN_BITS));
    }

    fn increase(&mut self, now: Instant, age: Duration) {
        let since = self.increased.replace(now).map_or(Duration::ZERO, |since| now - since);
        let (Some(bound), Some(arriving)) = (self.bound, self.throughput.bits()) else {
            return;
        };
        let passed = since.as_secs_f64().min(1.0);
        let is_near = self.limit.is_some_and(|limit| NEAR.contains(&(arriving / limit)));
        let more = match is_near {
            true => PACKET_BITS * passed / (age.as_secs_f64() + 0.1),
            false => bound * INCREASE * passed,
        };
        let most = bound.max(arriving * BEYOND_ARRIVING);
        self.bound = Some((bound + more).min(most));
    }
}
