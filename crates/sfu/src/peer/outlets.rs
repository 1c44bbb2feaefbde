//! The RTP streams that a client is sent, one an m-line, and its stream of retransmissions (RFC 4588).

use std::time::{Duration, Instant};

use str0m::media::Mid;

use crate::rtp::{BEGIN, ExtensionIds, Outgoing, SenderReport};
use crate::srtp::SendWindow;

/// Between sender reports: pictures are brought in step with sound by them.
const REPORT_EVERY: Duration = Duration::from_secs(1);

/// Retransmitted bytes that a client has to its credit at most. It earns half of what it is sent: one that loses more is
/// better served by sending less.
const MAX_CREDIT: i64 = 256 * 1024;

/// What the session has negotiated about an m-line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Terms {
    pub(super) ssrc: u32,
    pub(super) repair: Option<u32>,
    pub(super) ids: ExtensionIds,
    pub(super) cname: String,
    /// Payload types, each with that of its retransmissions.
    pub(super) repairs: Vec<(u8, u8)>,
}

/// A stream by which a router's stream goes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OutletKey {
    index: usize,
    /// What is added to the router's sequence numbers, which begin anew with each subscription.
    offset: u64,
}

/// See the module.
pub(super) struct Outlet {
    pub(super) mid: Mid,
    pub(super) name: String,
    pub(super) terms: Terms,
    /// Something was negotiated since the terms were read.
    is_stale: bool,
    pub(super) window: SendWindow,
    pub(super) repair_window: SendWindow,
    /// The client knows that the SSRC is of this m-line.
    pub(super) is_known: bool,
    credit: i64,
    packets: u32,
    octets: u32,
    /// The last timestamp, when it was captured, and the clock rate.
    last: Option<(u32, Instant, u32)>,
    report_at: Option<Instant>,
}

impl Outlet {
    fn new(mid: Mid, terms: Terms) -> Self {
        Self {
            mid,
            name: mid.to_string(),
            terms,
            is_stale: false,
            window: SendWindow::default(),
            repair_window: SendWindow::default(),
            is_known: false,
            credit: MAX_CREDIT,
            packets: 0,
            octets: 0,
            last: None,
            report_at: None,
        }
    }

    /// Notes that a packet is sent.
    pub(super) fn sent(&mut self, now: Instant, outgoing: &Outgoing) {
        let bytes = outgoing.incoming.packet.payload.len();
        self.packets = self.packets.wrapping_add(1);
        self.octets = self.octets.wrapping_add(bytes as u32);
        self.credit = MAX_CREDIT.min(self.credit + bytes as i64 / 2);
        let clock_rate = outgoing.incoming.params.spec().clock_rate.get();
        self.last = Some((outgoing.timestamp, outgoing.incoming.captured, clock_rate));
        self.report_at.get_or_insert(now);
    }

    /// The payload type of a packet's retransmission, if there may be one more.
    pub(super) fn repair(&mut self, outgoing: &Outgoing) -> Option<(u32, u8)> {
        let payload_type = outgoing.payload_type;
        let (_, repair) = self.terms.repairs.iter().find(|(known, _)| *known == payload_type)?;
        let bytes = outgoing.incoming.packet.payload.len() as i64;
        let ssrc = self.terms.repair.filter(|_| self.credit >= bytes)?;
        self.credit -= bytes;
        Some((ssrc, *repair))
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
            ssrc: self.terms.ssrc,
            ntp,
            rtp: timestamp.wrapping_add(since as u32),
            packets: self.packets,
            octets: self.octets,
        })
    }
}

/// Those of one client.
#[derive(Default)]
pub(super) struct Outlets(Vec<Outlet>);

impl Outlets {
    /// Something was negotiated.
    pub(super) fn set_stale(&mut self) {
        self.0.iter_mut().for_each(|outlet| outlet.is_stale = true);
    }

    /// Whether the terms of an outlet have to be read again; `None`: there is no such outlet.
    pub(super) fn wants_terms(&self, key: OutletKey) -> Option<Mid> {
        let outlet = self.0.get(key.index)?;
        outlet.is_stale.then_some(outlet.mid)
    }

    /// Follows what was negotiated about an m-line. With another SSRC it is another stream.
    pub(super) fn set_terms(&mut self, mid: Mid, terms: Terms) {
        if let Some(outlet) = self.0.iter_mut().find(|outlet| outlet.mid == mid) {
            if outlet.terms.ssrc != terms.ssrc || outlet.terms.repair != terms.repair {
                *outlet = Outlet::new(mid, terms);
            } else {
                (outlet.terms, outlet.is_stale) = (terms, false);
            }
        }
    }

    /// A new subscription begins on an m-line: its numbers follow those that were used.
    pub(super) fn begin(&mut self, mid: Mid, terms: Terms) -> OutletKey {
        let index = match self.0.iter().position(|outlet| outlet.mid == mid) {
            Some(index) => {
                self.set_terms(mid, terms);
                index
            }
            None => {
                self.0.push(Outlet::new(mid, terms));
                self.0.len() - 1
            }
        };
        let offset = self.0[index].window.end().saturating_sub(BEGIN);
        OutletKey { index, offset }
    }

    /// The outlet of a key, and its number there.
    pub(super) fn get(&mut self, key: OutletKey) -> Option<&mut Outlet> {
        self.0.get_mut(key.index)
    }

    /// The m-line of a stream.
    pub(super) fn by_ssrc(&mut self, ssrc: u32) -> Option<&mut Outlet> {
        self.0.iter_mut().find(|outlet| outlet.terms.ssrc == ssrc)
    }

    /// When a report is due.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.0.iter().filter_map(|outlet| outlet.report_at).min()
    }

    /// The reports that are due, each with its CNAME.
    pub(super) fn reports(&mut self, now: Instant, ntp: u64) -> Vec<(SenderReport, String)> {
        let due = self.0.iter_mut();
        due.filter_map(|outlet| Some((outlet.report(now, ntp)?, outlet.terms.cname.clone())))
            .collect()
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
