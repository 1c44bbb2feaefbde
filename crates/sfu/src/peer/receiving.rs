//! What a client sends: RTP, decrypted and told apart, and the RTCP that it gets about it.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use str0m::format::{Codec, PayloadParams};
use str0m::media::{KeyframeRequestKind, Mid, Rid};
use str0m::rtp::{ExtensionValues, RtpHeader, Ssrc};

use super::Peer;
use super::formats::{Formats, Place, Role};
use super::session::Fault;
use super::sources::{Newcomer, Sources};
use crate::config::Transport;
use crate::receiving::Arrivals;
use crate::rtp::red::{self, Block};
use crate::rtp::{Descriptor, Header, Packet, full_intra, nack, picture_loss, receiver_reports};
use crate::sdp::Outline;
use crate::srtp::ReceiveWindow;

/// Between receiver reports, while something comes.
const REPORT_EVERY: Duration = Duration::from_secs(1);
/// How long transport-wide feedback waits, for more to report.
const FEEDBACK_AFTER: Duration = Duration::from_millis(50);
/// SSRC 0 carries probes for bandwidth.
const PROBES: u32 = 0;
/// The SSRC by which the server speaks of what the client sends. It sends nothing by it.
pub(super) const OURS: u32 = 1;

/// What became of an RTP packet.
pub(crate) enum Received {
    /// Its stream is not known, and it is not authentic or belongs nowhere.
    Refused,
    /// There is nothing in it to forward.
    Nothing,
    /// Media of an m-line.
    Media(Box<(Mid, PayloadParams, Packet)>),
    /// The same, behind lost packets that it repeats.
    Redundant(Vec<(Mid, PayloadParams, Packet)>),
}

/// See the module.
pub(super) struct Receiving {
    pub(super) formats: Formats,
    pub(super) sources: Sources,
    probes: ReceiveWindow,
    arrivals: Arrivals,
    /// The stream that was heard last.
    last: Ssrc,
    feedback_at: Option<Instant>,
    report_at: Option<Instant>,
    /// When something missing is asked for.
    ask_at: Option<Instant>,
    /// Keyframes to ask for.
    keyframes: Vec<(Ssrc, KeyframeRequestKind)>,
    full_intras: u8,
}

impl Receiving {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            formats: Formats::default(),
            sources: Sources::default(),
            probes: ReceiveWindow::default(),
            arrivals: Arrivals::new(now),
            last: PROBES.into(),
            feedback_at: None,
            report_at: None,
            ask_at: None,
            keyframes: Vec::new(),
            full_intras: 0,
        }
    }

    /// When [`Self::messages`] has something to say.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let deadlines = [self.feedback_at, self.report_at, self.ask_at];
        deadlines.into_iter().flatten().min()
    }

    /// Which packet a header is of, if it is authentic: its stream, if that is not known yet, and its index, if it can
    /// have one. `None`: it belongs nowhere. `lines` are used up by a stream that is not known.
    fn locate(
        &self,
        now: Instant,
        header: &Header<'_>,
        lines: &mut Option<impl Iterator<Item = Mid>>,
        named: impl Fn(&[u8]) -> Option<Mid>,
    ) -> Option<(Option<Newcomer>, Option<u64>)> {
        let ssrc = Ssrc::from(header.ssrc);
        if header.ssrc == PROBES {
            return Some((None, self.probes.index(header.sequence)));
        }
        if let Some(known) = self.sources.get(ssrc) {
            return Some((None, self.sources.index(known, header.sequence)));
        }
        let newcomer = self.sources.place(now, header, &self.formats, lines.take()?, named)?;
        let index = self.sources.past_window(ssrc).index(header.sequence);
        Some((Some(newcomer), index))
    }

    /// Notes an authentic packet for what the client is told of all that it sends.
    fn note(&mut self, now: Instant, header: &Header<'_>) {
        self.last = header.ssrc.into();
        if let Some(number) = self.formats.transport_number(header) {
            self.arrivals.note(now, number);
            self.feedback_at.get_or_insert(now + FEEDBACK_AFTER);
        }
    }

    /// Takes a payload that is authentic, of a stream that is known from now on.
    fn take(
        &mut self,
        now: Instant,
        header: &Header<'_>,
        payload: &[u8],
        index: u64,
    ) -> Option<(Mid, PayloadParams, Packet)> {
        let (params, is_repair) = self.formats.of(header.payload_type)?;
        let params = *params;
        let source = self.sources.get_mut(header.ssrc.into())?;
        let place = source.place;
        let mut header = *header;
        let (payload, index) = match (place.role, is_repair) {
            (Role::Main, false) => {
                let stream = &mut source.stream;
                let is_new = stream.count(now, index, params.resend().is_some());
                stream.time(now, header.timestamp, params.spec().clock_rate.get());
                // The report is due all the same.
                self.report_at.get_or_insert(now + REPORT_EVERY);
                (is_new.then_some(payload)?, index)
            }
            // Padding comes as retransmissions of nothing.
            (Role::Repair(of), true) => {
                let (sequence, payload) = payload.split_first_chunk()?;
                header.sequence = u16::from_be_bytes(*sequence);
                header.ssrc = *of;
                let main = self.sources.get_mut(of)?;
                (payload, main.stream.repaired(now, header.sequence)?)
            }
            _ => return None,
        };
        let main = self.sources.get_mut(header.ssrc.into())?;
        let Place { line, rid, .. } = main.place;
        let (report, ask_at) = (main.stream.report(), main.stream.ask_at());
        self.report_at.get_or_insert(now + REPORT_EVERY);
        self.ask_at = [self.ask_at, ask_at].into_iter().flatten().min();
        let packet = Packet {
            seq_no: index.into(),
            header: self.header(&header, &params, is_repair, rid),
            payload: payload.into(),
            timestamp: now,
            report,
        };
        Some((line, params, packet))
    }

    /// Takes the payloads of a packet of redundant audio. Those before its own are of the packets right before, and count
    /// where these have not come.
    fn take_redundant(
        &mut self,
        now: Instant,
        header: &Header<'_>,
        blocks: &[Block<'_>],
        index: u64,
    ) -> Vec<(Mid, PayloadParams, Packet)> {
        let mut taken = Vec::new();
        let Some((own, repeated)) = blocks.split_last() else {
            return taken;
        };
        let lost = repeated
            .iter()
            .filter_map(|block| self.take_repeated(now, header, block, index));
        taken.extend(lost);
        taken.extend(self.take(now, header, own.payload, index));
        taken
    }

    /// Takes a payload of a packet before, unless that has come. Should it come after all, it counts, and is not handed on.
    fn take_repeated(
        &mut self,
        now: Instant,
        header: &Header<'_>,
        block: &Block<'_>,
        index: u64,
    ) -> Option<(Mid, PayloadParams, Packet)> {
        let (params, _) = self.formats.of(header.payload_type)?;
        let params = *params;
        let source = self.sources.get_mut(header.ssrc.into())?;
        let sequence = header.sequence.wrapping_sub(block.back as u16);
        let missed = index.checked_sub(block.back)?;
        if source.place.role != Role::Main || source.stream.window.index(sequence) != Some(missed) {
            return None;
        }
        source.stream.repaired(now, sequence).filter(|index| *index == missed)?;
        let mut repeated = *header;
        (repeated.sequence, repeated.marker) = (sequence, false);
        repeated.timestamp = header.timestamp.wrapping_sub(block.offset);
        let (Place { line, rid, .. }, report) = (source.place, source.stream.report());
        let packet = Packet {
            seq_no: missed.into(),
            header: self.header(&repeated, &params, false, rid),
            payload: block.payload.into(),
            timestamp: now,
            report,
        };
        Some((line, params, packet))
    }

    /// A header as routers read it. `rid` is that of its stream: senders leave it out once a report shows that it is known
    /// (RFC 8852 section 3.3).
    fn header(&self, header: &Header<'_>, params: &PayloadParams, is_repair: bool, rid: Option<Rid>) -> RtpHeader {
        let mut csrc = [0; 15];
        let sources = header.sources.as_chunks().0;
        csrc.iter_mut()
            .zip(sources)
            .for_each(|(place, source)| *place = u32::from_be_bytes(*source));
        RtpHeader {
            marker: header.marker,
            payload_type: params.pt(),
            sequence_number: header.sequence,
            timestamp: header.timestamp,
            ssrc: header.ssrc.into(),
            csrc_count: sources.len(),
            csrc,
            header_len: header.length,
            ext_vals: self.extensions(header, params.spec().codec, is_repair, rid),
            ..RtpHeader::default()
        }
    }

    fn extensions(&self, header: &Header<'_>, codec: Codec, is_repair: bool, rid: Option<Rid>) -> ExtensionValues {
        let octet = |id: Option<u8>| header.extension(id?)?.first().copied();
        let (level, orientation) = (octet(self.formats.ids.level), octet(self.formats.ids.orientation));
        let mut values = ExtensionValues {
            audio_level: level.map(|level| -(level & 0x7f).cast_signed()),
            voice_activity: level.map(|level| level & 0x80 != 0),
            video_orientation: orientation.map(|orientation| (orientation & 3).into()),
            rid: match is_repair {
                true => self.formats.repaired_rid(header),
                false => self.formats.rid(header),
            }
            .or(rid),
            ..ExtensionValues::default()
        };
        let descriptor = (codec == Codec::Av1).then_some(self.formats.ids.descriptor).flatten();
        if let Some(descriptor) = descriptor.and_then(|id| Descriptor::read(header.extension(id)?)) {
            values.user_values.set(descriptor);
        }
        values
    }

    /// Takes a sender report.
    pub(super) fn reported(&mut self, now: Instant, ssrc: u32, ntp: u64, rtp: u32) {
        if let Some(source) = self.sources.get_mut(ssrc.into()) {
            source.stream.reported(now, ntp, rtp);
        }
    }

    /// What the client, who is so long a round trip away, is to be told now: RTCP packets.
    pub(super) fn messages(&mut self, now: Instant, round_trip: Duration) -> Vec<Vec<u8>> {
        let mut messages = Vec::new();
        if self.report_at.take_if(|at| *at <= now).is_some() {
            let mains = self.sources.iter_mut();
            let blocks = mains.filter_map(|source| source.stream.block(now, *source.ssrc));
            messages.extend(receiver_reports(OURS, &blocks.collect::<Vec<_>>()));
        }
        for (ssrc, kind) in std::mem::take(&mut self.keyframes) {
            messages.push(self.keyframe_request(ssrc, kind));
        }
        if self.ask_at.take_if(|at| *at <= now).is_some() {
            for source in self.sources.iter_mut() {
                let missing = source.stream.ask(now, round_trip);
                if !missing.is_empty() {
                    messages.push(nack(OURS, *source.ssrc, &missing));
                }
                self.ask_at = [self.ask_at, source.stream.ask_at()].into_iter().flatten().min();
            }
        }
        if self.feedback_at.take_if(|at| *at <= now).is_some() {
            messages.extend(self.arrivals.feedback(OURS, *self.last));
        }
        messages
    }

    fn keyframe_request(&mut self, ssrc: Ssrc, kind: KeyframeRequestKind) -> Vec<u8> {
        match kind {
            KeyframeRequestKind::Pli => picture_loss(OURS, *ssrc),
            KeyframeRequestKind::Fir => {
                self.full_intras = self.full_intras.wrapping_add(1);
                full_intra(OURS, *ssrc, self.full_intras)
            }
        }
    }
}

impl Peer {
    /// Takes RTP from an address. `lines` are the m-lines on which the client sends. Nothing changes by what is not authentic.
    pub(crate) fn take_rtp(
        &mut self,
        now: Instant,
        from: (Transport, SocketAddr),
        packet: &[u8],
        lines: impl Iterator<Item = Mid>,
    ) -> Received {
        let Some(header) = Header::parse(packet) else {
            return Received::Refused;
        };
        let Self {
            receiving,
            sending,
            layout,
            ..
        } = self;
        let named = |mid: &[u8]| layout.key(mid);
        let mut lines = Some(lines);
        let ssrc = Ssrc::from(header.ssrc);
        let Some((newcomer, index)) = receiving.locate(now, &header, &mut lines, named) else {
            return Received::Refused;
        };
        let refused = if newcomer.is_some() {
            Received::Refused
        } else {
            Received::Nothing
        };
        let Some((index, receiver)) = index.zip(sending.receiver(&self.session)) else {
            return refused;
        };
        let Some(payload) = receiver.open_rtp(packet, header.length, header.ssrc, index) else {
            return refused;
        };
        self.watch.heard(now);
        self.paths.heard(now, from);
        receiving.note(now, &header);
        if header.ssrc == PROBES {
            receiving.probes.note(index);
            return Received::Nothing;
        }
        if let Some(source) = receiving.sources.heard(now, ssrc, newcomer) {
            let is_latest = index >= source.stream.window.end();
            source.stream.window.note(index);
            if let Some(lines) = lines.filter(|_| is_latest) {
                receiving
                    .sources
                    .follow_name(ssrc, &header, &receiving.formats, lines, named);
            }
        }
        if let Some(source) = receiving.sources.get(ssrc) {
            self.goes_on |= self.negotiation.heard_on(source.place.line);
        }
        let payload = unpadded(&header, &payload);
        if let Some(format) = receiving.formats.red(header.payload_type) {
            let blocks = payload.and_then(|payload| red::read(payload, format));
            return Received::Redundant(receiving.take_redundant(now, &header, &blocks.unwrap_or_default(), index));
        }
        let taken = payload.and_then(|payload| receiving.take(now, &header, payload, index));
        taken.map_or(Received::Nothing, |media| Received::Media(Box::new(media)))
    }

    /// Follows what was negotiated about what the client sends.
    ///
    /// # Errors
    /// [`Fault`]
    pub(super) fn follow_formats(&mut self, outline: &Outline) -> Result<(), Fault> {
        let lines = outline.sections.iter().filter(|section| section.sends());
        self.receiving.formats = self.session.formats(lines.clone().map(|section| section.key()))?;
        self.receiving.formats.reds = lines.filter_map(|section| section.red).collect();
        Ok(())
    }

    /// Follows the SSRCs that an offer announces.
    ///
    /// # Errors
    /// [`Fault`]
    pub(super) fn announce(&mut self, announced: &[Ssrc]) -> Result<(), Fault> {
        let streams = self.session.announced(announced)?;
        self.receiving.sources.announce(streams);
        Ok(())
    }

    /// Requests a keyframe of the stream `ssrc` on an m-line, or of the one that may come there; it goes out with
    /// [`Self::report`]. `false`: nothing has come there yet.
    pub(crate) fn request_keyframe(&mut self, mid: Mid, ssrc: Option<Ssrc>) -> bool {
        let Some(main) = self.receiving.sources.main_on(mid, ssrc) else {
            return false;
        };
        self.receiving.keyframes.push((main, self.layout.keyframe_request(mid)));
        true
    }
}

/// A payload without its padding. `None`: that would be longer than the payload.
fn unpadded<'a>(header: &Header<'_>, payload: &'a [u8]) -> Option<&'a [u8]> {
    if !header.has_padding {
        return Some(payload);
    }
    let padding = usize::from(*payload.last()?);
    payload
        .get(..payload.len().checked_sub(padding)?)
        .filter(|_| padding > 0)
}
