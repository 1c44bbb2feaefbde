//! All of it for one client: what left and was reported, how much is possible, and when packets may leave.

use std::time::{Duration, Instant};

use super::{Cluster, Departures, Estimator, Gcc, Meter, Pacer, Prober};
use crate::rtp::TransportFeedback;

/// Statuses that are read of one RTCP packet. Clients report ten to twenty times a second, each packet once.
const MAX_STATUSES: usize = 2_048;

/// While no limit is known, packets leave at this rate at least,
const FREE_BITS: f64 = 10e6;

/// or at so many times the rate of late.
const FREE_SHARE: f64 = 2.5;

/// And what waits, waits so long at most.
const FREE_WAIT: f64 = 0.04;

/// Where a limit is known, media leaves at so many times it: what is sent is less in the mean, and frames are not held back.
const BOUND_SHARE: f64 = 1.3;

/// What waits is worth a second, and within these bounds: keyframes of all tiles at once, and of one.
pub(crate) const MAX_WAITING: usize = 4 << 20;
const MIN_WAITING: usize = 100_000;

/// After so long without a sign of a limit, there is none.
const FREE_AFTER: Duration = Duration::from_secs(30);

/// A client that cannot be probed gets more after so long.
const BLIND: Duration = Duration::from_secs(8);

/// A line that has lost packets is taken to lose more for so long.
const LOSES_FOR: Duration = Duration::from_secs(10);

/// See the module.
#[derive(Debug)]
pub(crate) struct Control {
    departures: Departures,
    /// The reference time of the last report.
    reference: Option<i64>,
    gcc: Gcc,
    prober: Prober,
    pacer: Pacer,
    sent: Meter,
    /// What left without transport-wide numbers: of some clients, audio. No report speaks of it.
    unreported: Meter,
    goal: Option<f64>,
    /// Since when nothing more is wanted.
    content: Option<Instant>,
    has_reports: bool,
    /// What [`Self::bits`] was when [`Self::is_news`] was asked.
    told: Option<u64>,
}

impl Control {
    /// Nothing is known.
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            departures: Departures::new(now),
            reference: None,
            gcc: Gcc::default(),
            prober: Prober::new(now),
            pacer: Pacer::new(now, FREE_BITS),
            sent: Meter::new(now),
            unreported: Meter::new(now),
            goal: None,
            content: None,
            has_reports: false,
            told: None,
        }
    }

    /// Bits per second that are possible; `None`: there is no sign of a limit.
    pub(crate) fn bits(&self) -> Option<u64> {
        Some(self.gcc.bits()? + self.beside())
    }

    /// Bits per second that go through the line beside what is reported.
    fn beside(&self) -> u64 {
        let unreported = self.unreported.bits().filter(|_| self.has_reports);
        unreported.unwrap_or_default() as u64
    }

    /// Whether [`Self::bits`] is not what it was at the last call.
    pub(crate) fn is_news(&mut self) -> bool {
        let bits = self.bits();
        std::mem::replace(&mut self.told, bits) != bits
    }

    /// Packets take another path from now on, of which nothing is known.
    pub(crate) fn path_changed(&mut self, now: Instant) {
        self.gcc = Gcc::default();
        self.prober.put_off(now);
    }

    /// Whether packets are lost, of late, that are worth sending twice.
    pub(crate) fn loses(&self, now: Instant) -> bool {
        self.gcc.lost_at().is_some_and(|at| now < at + LOSES_FOR)
    }

    /// The transport-wide number of the next packet.
    pub(crate) fn sequence(&self) -> u16 {
        self.departures.next()
    }

    /// A packet of so many bytes leaves. `is_numbered`: with a transport-wide number.
    pub(crate) fn depart(&mut self, now: Instant, bytes: usize, is_numbered: bool) {
        self.pacer.spend(bytes);
        self.sent.add(now, bytes);
        // What is numbered counts as nothing there, so that the rate falls where audio stops.
        self.unreported.add(now, if is_numbered { 0 } else { bytes });
        if is_numbered {
            let cluster: Option<Cluster> = self.prober.depart(bytes);
            self.departures.depart(now, bytes, cluster);
        }
    }

    /// Packets are about to leave; so many bytes wait their turn.
    pub(crate) fn begin(&mut self, now: Instant, waiting: usize) {
        let limit = self.bits();
        let rate = match limit {
            Some(bits) => bits as f64 * BOUND_SHARE,
            None => FREE_BITS
                .max(self.sent.bits().unwrap_or_default() * FREE_SHARE)
                .max(waiting as f64 * 8.0 / FREE_WAIT),
        };
        self.pacer.set_rate(now, rate, limit.is_some());
    }

    /// Whether a packet that waits its turn may leave.
    pub(crate) fn may_send(&mut self, now: Instant) -> bool {
        self.pacer.may_send(now)
    }

    /// How many bytes may wait.
    pub(crate) fn most_waiting(&self) -> usize {
        let bound = self.bits().map(|bits| bits as usize / 8);
        bound.map_or(MAX_WAITING, |second| second.clamp(MIN_WAITING, MAX_WAITING))
    }

    /// When the next packet may leave that waits.
    pub(crate) fn ready_at(&self) -> Instant {
        self.pacer.ready_at()
    }

    /// A client reports what became of some packets.
    pub(crate) fn reported<'a>(&mut self, now: Instant, reports: impl Iterator<Item = TransportFeedback<'a>>) {
        let mut left = MAX_STATUSES;
        let before = self.gcc.cut_at();
        for report in reports {
            let reference = report.reference(self.reference);
            self.reference = Some(reference);
            let clock = self.departures.micros(now);
            let outcomes = report.statuses().take(left).filter_map(|status| {
                left -= 1;
                let arrived = status.arrived.map(|arrived| reference + arrived);
                self.departures.report(status.sequence, arrived)
            });
            self.has_reports |= self.gcc.reported(now, clock, outcomes);
        }
        if self.gcc.cut_at() != before {
            self.prober.put_off(now);
        }
        if let Some(bits) = self.gcc.bits() {
            self.prober.found(now, bits as f64);
        }
        self.rest(now);
    }

    /// A client without transport-wide feedback says what it can be sent.
    pub(crate) fn estimated_by_client(&mut self, now: Instant, bits: u64) {
        let before = self.gcc.bits();
        let bits = bits as f64;
        // Receivers say little more than what they get: only less is a sign of a limit.
        let is_less = self.sent.bits().is_some_and(|sent| bits < sent);
        if !self.has_reports && (is_less || before.is_some_and(|before| bits > before as f64)) {
            self.gcc.set_bound(now, bits);
        }
        self.rest(now);
    }

    /// A client without transport-wide feedback reports how many packets arrived and how many did not.
    pub(crate) fn counted(&mut self, now: Instant, arrived: u32, lost: u32) {
        let Some(sent) = self.sent.bits().filter(|_| !self.has_reports && arrived + lost > 0) else {
            return;
        };
        let share = f64::from(arrived) / f64::from(arrived + lost);
        self.gcc.counted(now, arrived, lost, sent * share);
        self.rest(now);
    }

    /// So many bits per second would be of use. `None`: what is possible is enough.
    pub(crate) fn set_goal(&mut self, now: Instant, goal: Option<u64>) {
        self.goal = goal.map(|goal| goal.saturating_sub(self.beside()) as f64);
        self.content = goal.is_none().then(|| self.content.unwrap_or(now));
        self.prober.set_goal(now, self.goal);
    }

    /// Forgets a limit that is not felt any more.
    fn rest(&mut self, now: Instant) {
        let is_past = |at: Option<Instant>| at.is_some_and(|at| at + FREE_AFTER <= now);
        if is_past(self.content) && is_past(self.gcc.cut_at()) {
            self.gcc.set_free();
        }
    }

    /// When [`Self::probe`] is to be called.
    pub(crate) fn probe_at(&self) -> Option<Instant> {
        self.gcc.bits().and_then(|_| self.prober.deadline())
    }

    /// The bytes of padding that are due. `can_probe`: the client takes padding, and reports it.
    pub(crate) fn probe(&mut self, now: Instant, can_probe: bool) -> Option<usize> {
        let bits = self.gcc.bits()? as f64;
        if can_probe && self.has_reports {
            return self.prober.due(now, bits);
        }
        self.prober.put_off(now);
        let is_due = self.gcc.cut_at().is_none_or(|cut| cut + BLIND <= now);
        if let Some(goal) = self.goal.filter(|goal| is_due && *goal > bits) {
            self.gcc.set_bound(now, goal);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// Sends a megabit in a second.
    fn send(control: &mut Control, now: &mut Instant) {
        for _ in 0..100 {
            *now += 10 * MS;
            control.depart(*now, 1_250, false);
        }
    }

    #[test]
    fn a_client_that_estimates_by_itself_is_believed_when_it_says_less() {
        let mut now = Instant::now();
        let mut control = Control::new(now);
        send(&mut control, &mut now);
        control.estimated_by_client(now, 1_200_000);
        assert!(
            control.bits().is_none() && !control.is_news(),
            "more than it is sent is no limit"
        );
        control.estimated_by_client(now, 400_000);
        assert_eq!(control.bits(), Some(400_000));
        assert!(control.is_news() && !control.is_news());
        control.set_goal(now, Some(900_000));
        let due = control.probe_at().expect("more is wanted");
        assert_eq!(control.probe(due, false), None);
        assert_eq!(control.bits(), Some(400_000), "not at once");
        let later = now + 2 * BLIND;
        assert_eq!(control.probe(later, false), None);
        assert_eq!(control.bits(), Some(900_000));
        assert!(control.is_news());
        control.estimated_by_client(later, 500_000);
        assert_eq!(control.bits(), Some(500_000));
    }

    #[test]
    fn a_client_that_only_reports_its_losses_is_sent_less_and_later_more() {
        let mut now = Instant::now();
        let mut control = Control::new(now);
        for _ in 0..5 {
            send(&mut control, &mut now);
            control.counted(now, 90, 10);
        }
        assert!(control.loses(now), "voices suffer");
        assert_eq!(control.bits(), None, "what a radio loses is borne");
        send(&mut control, &mut now);
        control.counted(now, 60, 40);
        let bits = control.bits().expect("a line that overflows");
        assert!((500_000..650_000).contains(&bits), "{bits}");
        control.set_goal(now, Some(900_000));
        assert_eq!(control.probe(now + 2 * BLIND, false), None);
        assert_eq!(control.bits(), Some(900_000), "it is tried again");
    }

    #[test]
    fn losses_are_counted_once_where_each_packet_is_reported() {
        let mut now = Instant::now();
        let mut control = Control::new(now);
        control.has_reports = true;
        for _ in 0..5 {
            send(&mut control, &mut now);
            control.counted(now, 50, 50);
        }
        assert_eq!((control.bits(), control.loses(now)), (None, false));
    }

    #[test]
    fn a_limit_that_is_not_felt_any_more_is_forgotten_and_that_of_another_path_at_once() {
        let mut now = Instant::now();
        let mut control = Control::new(now);
        send(&mut control, &mut now);
        control.estimated_by_client(now, 400_000);
        control.set_goal(now, None);
        control.reported(now + FREE_AFTER / 2, std::iter::empty());
        assert_eq!(control.bits(), Some(400_000));
        control.reported(now + FREE_AFTER, std::iter::empty());
        assert_eq!(control.bits(), None);
        control.estimated_by_client(now + FREE_AFTER, 300_000);
        assert!(control.is_news() && control.bits().is_some());
        control.path_changed(now + FREE_AFTER);
        assert!(control.is_news() && control.bits().is_none());
    }

    #[test]
    fn audio_that_is_not_reported_counts_as_long_as_it_is_sent() {
        let mut now = Instant::now();
        let mut control = Control::new(now);
        control.has_reports = true;
        control.gcc.set_bound(now, 500_000.0);
        send(&mut control, &mut now);
        assert!(control.bits() > Some(1_300_000), "a megabit beside the limit");
        for _ in 0..300 {
            now += 10 * MS;
            control.depart(now, 1_250, true);
        }
        assert!(control.bits() < Some(550_000), "{:?}", control.bits());
    }

    #[test]
    fn what_waits_is_bounded() {
        let now = Instant::now();
        let mut control = Control::new(now);
        assert_eq!(control.most_waiting(), MAX_WAITING);
        control.gcc.set_bound(now, 100_000.0);
        assert_eq!(control.most_waiting(), MIN_WAITING);
        control.gcc.set_bound(now, 8e6);
        assert_eq!(control.most_waiting(), 1_000_000);
    }
}
