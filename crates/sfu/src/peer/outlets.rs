//! The RTP streams that a client is sent, one an m-line, and its stream of retransmissions (RFC 4588).

use std::time::{Duration, Instant};

use str0m::media::Mid;

use super::session::Fault;
use crate::line::SentStream;
use crate::rtp::red::Repeater;
use crate::rtp::{BEGIN, ExtensionIds, Outgoing, Reception, SenderReport};
use crate::sdp::Red;
use crate::srtp::{SendCount, SendWindow};

/// Between sender reports: pictures are brought in step with sound by them.
const REPORT_EVERY: Duration = Duration::from_secs(1);

/// Retransmitted bytes that a client has to its credit at most. It earns half of what it is sent: one that loses more is
/// better served by sending less.
const MAX_CREDIT: i64 = 256 * 1024;

/// Packets between two reports at most: clients report at least every few seconds. More is nonsense.
const MAX_REPORTED: u32 = 1 << 16;

/// Bytes that may be retransmitted.
#[derive(Debug)]
struct Credit(i64);

impl Credit {
    /// So many bytes were sent for the first time.
    fn earn(&mut self, bytes: i64) {
        self.0 = MAX_CREDIT.min(self.0 + bytes / 2);
    }

    /// `false`: there is not enough for so many bytes, and nothing is spent.
    fn spend(&mut self, bytes: i64) -> bool {
        let is_enough = bytes <= self.0;
        if is_enough {
            self.0 -= bytes;
        }
        is_enough
    }
}

/// What is negotiated about an m-line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Terms {
    /// Its name, as the client has it.
    pub(super) name: Box<str>,
    pub(super) ids: ExtensionIds,
    /// Payload types, each with that of its retransmissions.
    pub(super) repairs: Vec<(u8, u8)>,
    /// Redundant audio.
    pub(super) red: Option<Red>,
}

/// A stream by which a router's stream goes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OutletKey {
    index: usize,
    ssrc: u32,
    /// What is added to the router's sequence numbers, which begin anew with each subscription.
    offset: u64,
}

/// How the terms of an outlet stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Freshness {
    Current,
    /// They were not read yet, or something was negotiated since.
    Stale,
    /// Its m-line is gone. Another one is of another SSRC, drawn at random.
    Gone,
}

/// See the module.
pub(super) struct Outlet {
    pub(super) mid: Mid,
    pub(super) stream: SentStream,
    pub(super) terms: Terms,
    freshness: Freshness,
    pub(super) window: SendWindow,
    pub(super) repairs: SendCount,
    /// The client knows that the SSRC is of this m-line.
    pub(super) is_known: bool,
    credit: Credit,
    /// The last payloads, where the client takes redundant audio.
    pub(super) repeater: Repeater,
    packets: u32,
    octets: u32,
    /// The highest sequence number that the client has reported.
    reported: Option<u32>,
    /// The last timestamp.
    timestamp: Option<u32>,
    /// What the next report begins with: the last timestamp, when it was captured, and the clock rate.
    last: Option<(u32, Instant, u32)>,
    report_at: Option<Instant>,
}

impl Outlet {
    fn new(mid: Mid, stream: SentStream) -> Self {
        Self {
            mid,
            stream,
            terms: Terms::default(),
            freshness: Freshness::Stale,
            window: SendWindow::default(),
            repairs: SendCount::default(),
            is_known: false,
            credit: Credit(MAX_CREDIT),
            repeater: Repeater::default(),
            packets: 0,
            octets: 0,
            reported: None,
            timestamp: None,
            last: None,
            report_at: None,
        }
    }

    /// Notes that a packet is sent. Gives when a report is due.
    fn sent(&mut self, now: Instant, outgoing: &Outgoing) -> Instant {
        let bytes = outgoing.payload().len();
        self.packets = self.packets.wrapping_add(1);
        self.octets = self.octets.wrapping_add(bytes as u32);
        self.credit.earn(bytes as i64);
        let clock_rate = outgoing.incoming.params.spec().clock_rate.get();
        if self.terms.red.is_some() {
            let payload = &outgoing.incoming.packet.payload;
            self.repeater.sent(outgoing.sequence, outgoing.timestamp, payload);
        }
        self.timestamp = Some(outgoing.timestamp);
        self.last = Some((outgoing.timestamp, outgoing.captured, clock_rate));
        *self.report_at.get_or_insert(now)
    }

    /// Takes a client's report. Gives how many packets arrived since the one before, and how many did not.
    pub(super) fn reported(&mut self, reception: &Reception) -> (u32, u32) {
        self.is_known = true;
        let before = *self.reported.get_or_insert(reception.highest);
        let expected = reception.highest.wrapping_sub(before);
        if expected > MAX_REPORTED {
            // One that was overtaken; or a stream whose numbers have leapt, as the next one tells.
            if before.wrapping_sub(reception.highest) > MAX_REPORTED {
                self.reported = None;
            }
            return (0, 0);
        }
        self.reported = Some(reception.highest);
        let lost = expected * u32::from(reception.lost) / 256;
        (expected - lost, lost)
    }

    /// The payload type of a packet's retransmission, if there may be one more.
    pub(super) fn repair(&mut self, outgoing: &Outgoing) -> Option<(u32, u8)> {
        let payload_type = outgoing.payload_type;
        let (_, repair) = self.terms.repairs.iter().find(|(known, _)| *known == payload_type)?;
        let bytes = outgoing.payload().len() as i64;
        self.credit.spend(bytes).then_some((self.stream.repair, *repair))
    }

    /// The stream and payload type by which padding goes out, and the timestamp, if something was sent.
    pub(super) fn padding(&self) -> Option<(u32, u8, u32)> {
        let (_, payload_type) = self.terms.repairs.first()?;
        self.terms.ids.transport_sequence?;
        Some((self.stream.repair, *payload_type, self.timestamp?))
    }

    /// The extended sequence number of a packet that was sent lately.
    fn extended(&self, sequence: u16) -> Option<u64> {
        let last = self.window.end().checked_sub(1)?;
        last.checked_sub(u64::from((last as u16).wrapping_sub(sequence)))
    }

    /// The report that is due, and when the next one is. Nothing was sent since the last one: none.
    fn report(&mut self, now: Instant, ntp: u64) -> Option<SenderReport> {
        self.report_at.take_if(|at| *at <= now)?;
        let (timestamp, captured, clock_rate) = self.last.take()?;
        self.report_at = Some(now + REPORT_EVERY);
        let since = now.saturating_duration_since(captured).as_secs_f64() * f64::from(clock_rate);
        Some(SenderReport {
            ssrc: self.stream.ssrc,
            ntp,
            rtp: timestamp.wrapping_add(since as u32),
            packets: self.packets,
            octets: self.octets,
        })
    }
}

/// Those of one client.
#[derive(Default)]
pub(super) struct Outlets {
    streams: Vec<Outlet>,
    /// When the next report is due, or earlier: asked for with each packet.
    report_at: Option<Instant>,
}

impl Outlets {
    /// The SSRCs by which something was sent.
    pub(super) fn used(&self) -> Vec<u32> {
        let of = |outlet: &Outlet| {
            let SentStream { ssrc, repair, .. } = outlet.stream;
            let ends = [(outlet.window.end(), ssrc), (outlet.repairs.end(), repair)];
            ends.map(|(end, ssrc)| (end > 0).then_some(ssrc))
        };
        self.streams.iter().flat_map(of).flatten().collect()
    }

    /// Something was negotiated.
    pub(super) fn renegotiated(&mut self, is_gone: impl Fn(Mid) -> bool) {
        for outlet in &mut self.streams {
            outlet.freshness = match is_gone(outlet.mid) {
                true => Freshness::Gone,
                false => Freshness::Stale,
            };
        }
    }

    /// Whether an outlet is there, and its terms are those that were negotiated.
    pub(super) fn is_current(&self, key: OutletKey) -> bool {
        let outlet = self
            .streams
            .get(key.index)
            .filter(|outlet| outlet.stream.ssrc == key.ssrc);
        outlet.is_some_and(|outlet| outlet.freshness == Freshness::Current)
    }

    /// Where the outlet of an m-line is.
    fn position(&self, mid: Mid) -> Option<usize> {
        let mut outlets = self.streams.iter();
        outlets.position(|outlet| outlet.mid == mid && outlet.freshness != Freshness::Gone)
    }

    /// The stream of an m-line, as the client is told of it: it has the source's name and SSRCs from `draw`, the first time.
    ///
    /// # Errors
    /// Those of `draw`.
    pub(super) fn announce(
        &mut self,
        mid: Mid,
        cname: &str,
        mut draw: impl FnMut() -> Result<u32, Fault>,
    ) -> Result<SentStream, Fault> {
        if let Some(known) = self.position(mid) {
            return Ok(self.streams[known].stream.clone());
        }
        let ssrc = self.unused(&mut draw)?;
        let repair = loop {
            let drawn = self.unused(&mut draw)?;
            if drawn != ssrc {
                break drawn;
            }
        };
        let stream = SentStream {
            ssrc,
            repair,
            cname: cname.to_owned(),
        };
        self.place(Outlet::new(mid, stream.clone()));
        Ok(stream)
    }

    /// An SSRC that none of them has: no number of one is used twice.
    fn unused(&self, mut draw: impl FnMut() -> Result<u32, Fault>) -> Result<u32, Fault> {
        loop {
            let drawn = draw()?;
            let has = |outlet: &Outlet| [outlet.stream.ssrc, outlet.stream.repair].contains(&drawn);
            if !self.streams.iter().any(has) {
                return Ok(drawn);
            }
        }
    }

    /// Puts an outlet in the place of one that is gone.
    fn place(&mut self, new: Outlet) {
        let mut outlets = self.streams.iter_mut();
        match outlets.find(|outlet| outlet.freshness == Freshness::Gone) {
            Some(gone) => *gone = new,
            None => {
                // They are large, and one negotiation brings all of them.
                self.streams.reserve_exact(1);
                self.streams.push(new);
            }
        }
    }

    /// Follows what was negotiated about an m-line. `key` is that of its stream before, if there was one: with a new one, a new
    /// subscription begins, whose numbers follow those that were used. `None`: the client was told of no stream there.
    pub(super) fn follow(&mut self, key: Option<OutletKey>, mid: Mid, terms: Terms) -> Option<OutletKey> {
        let index = self.position(mid)?;
        let outlet = &mut self.streams[index];
        (outlet.terms, outlet.freshness) = (terms, Freshness::Current);
        let ssrc = outlet.stream.ssrc;
        let goes_on = key.filter(|key| key.ssrc == ssrc);
        Some(goes_on.unwrap_or(OutletKey {
            index,
            ssrc,
            offset: outlet.window.end().saturating_sub(BEGIN),
        }))
    }

    /// The outlet of a key, unless its stream has ended.
    pub(super) fn get(&mut self, key: OutletKey) -> Option<&mut Outlet> {
        self.streams
            .get_mut(key.index)
            .filter(|outlet| outlet.stream.ssrc == key.ssrc)
    }

    /// Notes that a packet is sent.
    pub(super) fn sent(&mut self, now: Instant, key: OutletKey, outgoing: &Outgoing) {
        if let Some(outlet) = self.get(key) {
            let report_at = outlet.sent(now, outgoing);
            self.report_at = self.report_at.into_iter().chain([report_at]).min();
        }
    }

    /// The m-line of a stream.
    pub(super) fn by_ssrc(&mut self, ssrc: u32) -> Option<&mut Outlet> {
        self.streams.iter_mut().find(|outlet| outlet.stream.ssrc == ssrc)
    }

    /// One by which padding can go out.
    pub(super) fn for_padding(&mut self) -> Option<&mut Outlet> {
        let mut outlets = self.streams.iter_mut();
        outlets.find(|outlet| outlet.freshness != Freshness::Gone && outlet.padding().is_some())
    }

    /// When a report is due.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.report_at
    }

    /// The reports that are due, each with its CNAME.
    pub(super) fn reports(&mut self, now: Instant, ntp: u64) -> Vec<(SenderReport, String)> {
        let streams = self.streams.iter_mut();
        let reports = streams.filter_map(|outlet| Some((outlet.report(now, ntp)?, outlet.stream.cname.clone())));
        let reports = reports.collect();
        self.report_at = self.streams.iter().filter_map(|outlet| outlet.report_at).min();
        reports
    }

    /// The m-line of a stream, and the extended number of a packet of it.
    pub(super) fn locate(&mut self, ssrc: u32, sequence: u16) -> Option<(Mid, u64)> {
        let outlet = self.by_ssrc(ssrc)?;
        Some((outlet.mid, outlet.extended(sequence)?))
    }
}

impl OutletKey {
    /// The number of a packet in the stream of its SSRC.
    pub(super) fn index_of(self, sequence: u64) -> u64 {
        sequence + self.offset
    }

    /// The router's number of a packet.
    pub(crate) fn sequence_of(self, index: u64) -> Option<u64> {
        index.checked_sub(self.offset)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use str0m::format::CodecConfig;
    use str0m::rtp::RtpHeader;

    use super::*;
    use crate::rtp::{Incoming, IncomingStream, Packet};

    #[test]
    fn a_report_goes_by_the_capture_that_belongs_to_the_timestamp_that_was_sent() {
        let now = Instant::now();
        let packet = Packet {
            seq_no: 7.into(),
            header: RtpHeader::default(),
            payload: [0x10, 0].into(),
            timestamp: now,
            report: None,
        };
        let mut config = CodecConfig::empty();
        config.enable_vp8(true);
        let incoming = Incoming::new(packet, config.params()[0], now, &mut IncomingStream::default());
        let outgoing = Outgoing {
            incoming: Arc::new(incoming),
            payload_type: 96,
            sequence: 1_000,
            timestamp: 5_000,
            captured: now + Duration::from_millis(400),
            marker: false,
            numbers: None,
            is_empty: false,
            frame: None,
        };
        let mut outlet = outlet();
        outlet.sent(now, &outgoing);
        let report = outlet.report(now + Duration::from_millis(500), 0).unwrap();
        assert_eq!(report.rtp, 5_000 + 9_000);
    }

    fn outlet() -> Outlet {
        let stream = SentStream {
            ssrc: 7,
            repair: 107,
            cname: String::new(),
        };
        Outlet::new("a".into(), stream)
    }

    fn announce(outlets: &mut Outlets, mid: &str, ssrc: u32) -> SentStream {
        let mut drawn = [ssrc, ssrc + 100].into_iter();
        outlets.announce(mid.into(), mid, || drawn.next().ok_or(Fault)).unwrap()
    }

    /// Announces a stream and follows it.
    fn follow(outlets: &mut Outlets, mid: &str, ssrc: u32) -> OutletKey {
        announce(outlets, mid, ssrc);
        outlets.follow(None, mid.into(), Terms::default()).unwrap()
    }

    fn send(outlets: &mut Outlets, key: OutletKey, sequence: u64) -> Option<u64> {
        let index = key.index_of(sequence);
        outlets.get(key)?.window.admit(index)?;
        Some(index)
    }

    #[test]
    fn half_of_what_is_sent_may_be_sent_again() {
        let mut credit = Credit(MAX_CREDIT);
        assert!(
            !credit.spend(MAX_CREDIT + 1) && credit.spend(MAX_CREDIT),
            "a refusal costs nothing"
        );
        assert!(!credit.spend(1));
        credit.earn(1_000);
        assert!(credit.spend(300) && credit.spend(200) && !credit.spend(1));
        credit.earn(10 * MAX_CREDIT);
        assert!(credit.spend(MAX_CREDIT) && !credit.spend(1), "no more is saved up");
    }

    #[test]
    fn a_clients_reports_tell_what_arrived_in_between() {
        let mut outlet = outlet();
        let mut report = |highest, lost| {
            let reception = Reception { ssrc: 7, lost, highest };
            outlet.reported(&reception)
        };
        assert_eq!(report(1_000, 255), (0, 0), "nobody knows since when");
        assert_eq!(report(1_100, 64), (75, 25));
        assert_eq!(report(1_100, 0), (0, 0));
        assert_eq!(report(1_000, 0), (0, 0), "an older one");
        assert_eq!(report(1_110, 0), (10, 0));
        assert_eq!(report(u32::MAX / 2, 0), (0, 0), "nonsense, or a leap");
        assert_eq!(report(u32::MAX - 1, 0), (0, 0));
        assert_eq!(report(9, 128), (6, 5));
    }

    #[test]
    fn a_new_subscription_goes_on_with_the_numbers_of_its_stream() {
        let mut outlets = Outlets::default();
        let first = follow(&mut outlets, "a", 7);
        assert_eq!(send(&mut outlets, first, BEGIN), Some(BEGIN));
        assert_eq!(send(&mut outlets, first, BEGIN), None, "no index is used twice");
        let second = follow(&mut outlets, "a", 8);
        assert_eq!(send(&mut outlets, second, BEGIN), Some(BEGIN + 1));
        assert_eq!(second.sequence_of(BEGIN + 1), Some(BEGIN));
        outlets.renegotiated(|_| false);
        assert!(!outlets.is_current(second));
        assert_eq!(outlets.follow(Some(second), "a".into(), Terms::default()), Some(second));
        assert!(outlets.is_current(second));
    }

    #[test]
    fn a_stream_stays_that_of_its_m_line_and_has_its_ssrcs_for_itself() {
        let mut outlets = Outlets::default();
        let mut drawn = [7, 7, 8].into_iter();
        let mut draw = || drawn.next().ok_or(Fault);
        let first = outlets.announce("a".into(), "x", &mut draw).unwrap();
        assert_eq!((first.ssrc, first.repair, &*first.cname), (7, 8, "x"));
        outlets.renegotiated(|_| false);
        assert_eq!(outlets.announce("a".into(), "y", &mut draw), Ok(first));
        assert_eq!(outlets.announce("b".into(), "y", &mut draw), Err(Fault));
        let mut drawn = [8, 7, 9, 8, 10].into_iter();
        let second = outlets.announce("b".into(), "y", || drawn.next().ok_or(Fault)).unwrap();
        assert_eq!((second.ssrc, second.repair), (9, 10));
    }

    #[test]
    fn a_stream_that_has_ended_makes_room_and_its_key_opens_nothing() {
        let mut outlets = Outlets::default();
        let old = follow(&mut outlets, "a", 7);
        send(&mut outlets, old, BEGIN);
        assert_eq!(outlets.used(), [7]);
        outlets.renegotiated(|mid| mid == "a".into());
        assert_eq!(outlets.follow(None, "a".into(), Terms::default()), None);
        let new = follow(&mut outlets, "b", 8);
        assert!(outlets.by_ssrc(7).is_none() && outlets.used().is_empty());
        assert!(send(&mut outlets, old, BEGIN + 1).is_none() && !outlets.is_current(old));
        assert_eq!(send(&mut outlets, new, BEGIN), Some(BEGIN));
    }

    #[test]
    fn lost_packets_are_found_by_the_last_numbers() {
        let mut outlets = Outlets::default();
        let key = follow(&mut outlets, "a", 7);
        assert_eq!(outlets.locate(7, 5), None, "nothing was sent");
        send(&mut outlets, key, 65_540);
        assert_eq!(outlets.locate(7, 3), Some(("a".into(), 65_539)));
        assert_eq!(outlets.locate(7, 65_535), Some(("a".into(), 65_535)));
        assert_eq!(outlets.locate(8, 3), None);
    }
}
