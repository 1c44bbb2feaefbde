//! One RTP stream of a client's.

use std::time::Instant;

use super::missing::Missing;
use super::reception::Reception;
use crate::rtp::Report;
use crate::srtp::ReceiveWindow;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Stream {
    /// Which of its packets came.
    pub(crate) window: ReceiveWindow,
    reception: Option<Reception>,
    missing: Missing,
    /// The middle of the time of its last sender report, and when that came.
    heard: Option<(u32, Instant)>,
    report: Option<Report>,
}

impl Stream {
    /// One of whose packets some came before.
    pub(crate) fn resumed(window: ReceiveWindow) -> Self {
        Self {
            window,
            ..Self::default()
        }
    }

    /// Notes that a packet came as a retransmission, which reports count as lost all the same.
    pub(crate) fn repaired(&mut self, now: Instant, index: u64) {
        self.missing.came(now, index);
    }

    /// Counts an authentic packet that had not come before. What is missing is asked for again where that `is_repaired`.
    pub(crate) fn count(&mut self, now: Instant, index: u64, is_repaired: bool) {
        self.reception
            .get_or_insert_with(|| Reception::new(now, index))
            .count(index);
        if is_repaired {
            self.missing.came(now, index);
        }
    }

    /// Takes how long a packet was under way that was not sent again.
    pub(crate) fn time(&mut self, now: Instant, timestamp: u32, clock_rate: u32) {
        if let Some(reception) = &mut self.reception {
            reception.time(now, timestamp, clock_rate);
        }
    }

    /// Takes a sender report: a time as NTP has it, and the same by the stream's clock.
    pub(crate) fn reported(&mut self, now: Instant, ntp: u64, rtp: u32) {
        self.heard = Some(((ntp >> 16) as u32, now));
        self.report = Report::of(ntp, rtp);
    }

    /// What its last sender report says, if its sender knows the time.
    pub(crate) fn report(&self) -> Option<Report> {
        self.report
    }

    /// When to ask for what is missing.
    pub(crate) fn ask_at(&self) -> Option<Instant> {
        self.missing.due()
    }

    /// The sequence numbers to ask for now.
    pub(crate) fn ask(&mut self, now: Instant) -> Vec<u16> {
        self.missing.ask(now)
    }

    /// Its block in a receiver report, if something came since the last one.
    pub(crate) fn block(&mut self, now: Instant, ssrc: u32) -> Option<[u8; 24]> {
        self.reception.as_mut()?.block(now, ssrc, self.heard)
    }
}
