//! One RTP stream of a client's.

use std::time::{Duration, Instant};

use super::missing::Missing;
use super::reception::Reception;
use crate::rtp::Report;
use crate::srtp::ReceiveWindow;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Stream {
    /// Which of its own packets came: those do not count again (RFC 3711 section 3.3.2).
    pub(crate) window: ReceiveWindow,
    /// Which of its packets came, as they were sent first or in a retransmission: what has come is not handed on again.
    media: ReceiveWindow,
    reception: Option<Reception>,
    missing: Missing,
    /// The middle of the time of its last sender report, and when that came.
    heard: Option<(u32, Instant)>,
    report: Option<Report>,
}

impl Stream {
    /// One of whose packets those below `end` came before, or may have.
    pub(crate) fn resumed(end: u64) -> Self {
        Self {
            window: ReceiveWindow::after(end),
            media: ReceiveWindow::after(end),
            ..Self::default()
        }
    }

    /// One more than the highest index of its packets.
    pub(crate) fn end(&self) -> u64 {
        self.window.end().max(self.media.end())
    }

    /// Takes a packet that came in a retransmission, which reports count as lost all the same. Gives its index. `None`: it has
    /// come before, or cannot be of this stream.
    pub(crate) fn repaired(&mut self, now: Instant, sequence: u16) -> Option<u64> {
        let index = self.media.index(sequence)?;
        self.media.note(index);
        self.missing.came(now, index);
        Some(index)
    }

    /// Counts an authentic packet that had not come before. What is missing is asked for again where that `is_repaired`.
    /// `false`: a retransmission of it has come before.
    pub(crate) fn count(&mut self, now: Instant, index: u64, is_repaired: bool) -> bool {
        self.reception
            .get_or_insert_with(|| Reception::new(now, index))
            .count(index);
        if is_repaired {
            self.missing.came(now, index);
        }
        self.media.note(index)
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

    /// The sequence numbers to ask for now, of a sender who is so long a round trip away.
    pub(crate) fn ask(&mut self, now: Instant, round_trip: Duration) -> Vec<u16> {
        self.missing.ask(now, round_trip)
    }

    /// Its block in a receiver report, if something came since the last one.
    pub(crate) fn block(&mut self, now: Instant, ssrc: u32) -> Option<[u8; 24]> {
        self.reception.as_mut()?.block(now, ssrc, self.heard)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_that_comes_after_its_retransmission_counts_and_is_not_handed_on() {
        let now = Instant::now();
        let mut stream = Stream::default();
        for index in [10, 12] {
            assert!(stream.window.note(index) && stream.count(now, index, true));
        }
        assert_eq!(stream.repaired(now, 11), Some(11));
        assert_eq!(stream.repaired(now, 11), None, "the same once more");
        assert_eq!(stream.window.index(11), Some(11), "it has not come itself");
        assert!(stream.window.note(11) && !stream.count(now, 11, true));
        assert_eq!(stream.window.index(11), None);
        let block = stream.block(now, 1).unwrap();
        assert_eq!(block[4..8], [0; 4], "nothing was lost");
        assert_eq!(stream.end(), 13);
    }
}
