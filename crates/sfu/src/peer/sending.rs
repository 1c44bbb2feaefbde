//! What a client is sent: media of others, written and sealed when it goes out, and reports.

use std::net::SocketAddr;
use std::ops::Range;
use std::time::{Duration, Instant, SystemTime};

use str0m::media::Mid;
use str0m::rtp::Extension;

use super::Peer;
use super::outlets::{OutletKey, Outlets, Terms};
use super::receiving::OURS;
use super::redundancy::Redundancy;
use super::session::{Fault, Session};
use super::waiting::{Room, Waiting, WaitingLine};
use crate::config::Transport;
use crate::congestion::Control;
use crate::line::SentStream;
use crate::outbox::Outbox;
use crate::rtp::{
    Departure, ExtensionIds, Feedback, Outgoing, dependency_descriptor, goodbyes, is_sender_report, opening,
    transport_feedback,
};
use crate::sdp::Outline;
use crate::srtp::{Receiver, Sender};

/// Bytes of a compound packet of reports, before it is sealed.
const MAX_COMPOUND: usize = 1_100;

/// Seconds from 1900, where NTP begins, to 1970.
const NTP_TO_UNIX: u64 = 2_208_988_800;

/// The time of day, which goes forward with the shard's time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WallClock(Instant, SystemTime);

impl WallClock {
    /// It is `time` now.
    pub(crate) fn new(now: Instant, time: SystemTime) -> Self {
        Self(now, time)
    }

    /// A time as NTP has it: seconds since 1900, 32 bits after the point.
    fn ntp(self, now: Instant) -> u64 {
        let time = self.1 + now.saturating_duration_since(self.0);
        let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
        let fraction = (u64::from(since.subsec_nanos()) << 32) / 1_000_000_000;
        (since.as_secs().wrapping_add(NTP_TO_UNIX) << 32) | fraction
    }

    /// A time as the extension of that name has it: 24 bits, 18 of them after the point of the seconds.
    fn send_time(self, now: Instant) -> u32 {
        (self.ntp(now) >> 14) as u32 & 0xff_ffff
    }
}

struct Srtp {
    sender: Sender,
    receiver: Receiver,
    /// The client has sent something by the keys.
    is_proven: bool,
}

/// Where packets go that leave: to an address, by an outbox.
struct Exit<'a, O> {
    address: (Transport, SocketAddr),
    outbox: &'a mut O,
}

impl<O: Outbox> Exit<'_, O> {
    fn send(&mut self, packet: Range<usize>) {
        let (transport, destination) = self.address;
        self.outbox.send(transport, destination, packet);
    }
}

/// See the module.
pub(super) struct Sending {
    wall: WallClock,
    srtp: Option<Srtp>,
    outlets: Outlets,
    line: WaitingLine,
    control: Control,
    redundancy: Redundancy,
}

/// What a client says of what it is sent.
#[derive(Debug, Default)]
pub(crate) struct Wishes {
    /// m-lines of which it wants a keyframe.
    pub(crate) keyframes: Vec<Mid>,
    /// Packets that it misses.
    pub(crate) missing: Vec<(Mid, u64)>,
    /// What it can be sent has changed.
    pub(crate) is_bandwidth_new: bool,
}

impl Sending {
    pub(super) fn new(wall: WallClock, now: Instant) -> Self {
        Self {
            wall,
            srtp: None,
            outlets: Outlets::default(),
            line: WaitingLine::default(),
            control: Control::new(now),
            redundancy: Redundancy::new(now),
        }
    }

    /// The keys, once DTLS has them.
    fn srtp(&mut self, session: &Session) -> Option<&mut Srtp> {
        if self.srtp.is_none() {
            let keys = session.take_keys()?;
            self.srtp = Some(Srtp {
                sender: Sender::new(&keys.ours)?,
                receiver: Receiver::new(&keys.theirs)?,
                is_proven: false,
            });
        }
        self.srtp.as_mut()
    }

    /// When reports are due.
    pub(super) fn report_at(&self) -> Option<Instant> {
        self.outlets.deadline()
    }

    /// When something may leave that waits, or a probe is due.
    pub(super) fn leave_at(&self) -> Option<Instant> {
        let waiting = (!self.line.is_empty()).then(|| self.control.ready_at());
        [waiting, self.control.probe_at()].into_iter().flatten().min()
    }

    /// The context by which what the client sends is opened, once DTLS has the keys.
    pub(super) fn receiver(&mut self, session: &Session) -> Option<&Receiver> {
        self.srtp(session).map(|srtp| &srtp.receiver)
    }

    /// Writes a packet, seals and sends it. `None`: it cannot be sent.
    fn write(&mut self, now: Instant, waiting: &Waiting, exit: &mut Exit<'_, impl Outbox>) -> Option<()> {
        let Waiting {
            key,
            outgoing,
            is_repair,
        } = waiting;
        let srtp = self.srtp.as_ref()?;
        let outlet = self.outlets.get(*key)?;
        let index = key.index_of(outgoing.sequence);
        let (ssrc, payload_type, ticket, sequence) = if *is_repair {
            let (ssrc, payload_type) = outlet.repair(outgoing)?;
            let next = outlet.repairs.end();
            (ssrc, payload_type, outlet.repairs.admit(), next)
        } else {
            let ticket = outlet.window.admit(index)?;
            (outlet.stream.ssrc, outgoing.payload_type, ticket, index)
        };
        let loses = self.control.loses(now);
        let red = outlet.terms.red.filter(|red| loses && red.opus == payload_type);
        let departure = Departure {
            payload_type: red.map_or(payload_type, |red| red.payload_type),
            sequence: sequence as u16,
            ssrc,
            mid: (*is_repair || !outlet.is_known).then_some(&*outlet.terms.name),
            send_time: self.wall.send_time(now),
            transport_sequence: self.control.sequence(),
            repeats: is_repair.then_some(index as u16),
            redundant: red.map(|_| &outlet.repeater),
        };
        let space = exit.outbox.space();
        let begin = space.len();
        let (header, redundant) = outgoing.write(&outlet.terms.ids, &departure, space);
        if red.is_some() {
            self.redundancy.sent(now, redundant);
        }
        let is_numbered = outlet.terms.ids.transport_sequence.is_some();
        if !*is_repair {
            self.outlets.sent(now, *key, outgoing);
        }
        if !srtp.sender.seal_rtp(space, begin..begin + header, ssrc, ticket) {
            return None;
        }
        let packet = begin..space.len();
        self.control.depart(now, packet.len(), is_numbered);
        exit.send(packet);
        Some(())
    }

    /// Sends a packet of padding and gives its length. `None`: nothing was sent yet that it could go with, or the client would not
    /// report it.
    fn write_padding(&mut self, now: Instant, exit: &mut Exit<'_, impl Outbox>) -> Option<usize> {
        let srtp = self.srtp.as_ref()?;
        let outlet = self.outlets.for_padding()?;
        let (ssrc, payload_type, timestamp) = outlet.padding()?;
        let sequence = outlet.repairs.end();
        let ticket = outlet.repairs.admit();
        let departure = Departure {
            payload_type,
            sequence: sequence as u16,
            ssrc,
            mid: Some(&*outlet.terms.name),
            send_time: self.wall.send_time(now),
            transport_sequence: self.control.sequence(),
            repeats: None,
            redundant: None,
        };
        let space = exit.outbox.space();
        let begin = space.len();
        let header = departure.write_padding(&outlet.terms.ids, timestamp, space);
        if !srtp.sender.seal_rtp(space, begin..begin + header, ssrc, ticket) {
            return None;
        }
        let packet = begin..space.len();
        let length = packet.len();
        self.control.depart(now, length, true);
        exit.send(packet);
        Some(length)
    }

    /// Writes and seals what waits: audio, then what may leave by now, and the probe that is due.
    fn leave(&mut self, now: Instant, exit: &mut Exit<'_, impl Outbox>) {
        self.control.begin(now, self.line.bytes());
        while let Some(waiting) = self.line.pop_audio() {
            self.write(now, &waiting, exit);
        }
        while !self.line.is_empty() && self.control.may_send(now) {
            if let Some(waiting) = self.line.pop() {
                self.write(now, &waiting, exit);
            }
        }
        if self.control.probe_at().is_some_and(|at| at <= now) {
            self.probe(now, exit);
        }
    }

    fn probe(&mut self, now: Instant, exit: &mut Exit<'_, impl Outbox>) {
        let can_probe = self.outlets.for_padding().is_some();
        let mut due = self.control.probe(now, can_probe).unwrap_or_default();
        while due > 0 {
            let Some(length) = self.write_padding(now, exit) else {
                return;
            };
            due = due.saturating_sub(length);
        }
    }

    /// The reports that are due about what the client is sent.
    fn reports(&mut self, now: Instant) -> impl Iterator<Item = Vec<u8>> + use<> {
        let reports = self.outlets.reports(now, self.wall.ntp(now));
        if self.outlets.deadline().is_none() {
            self.line.rest(); // nothing was sent since the reports before
        }
        reports.into_iter().map(|(report, cname)| {
            let mut packet = Vec::new();
            report.write(&cname, &mut packet);
            packet
        })
    }
}

impl Peer {
    /// Queues a packet on an m-line; it goes out at the next [`Self::flush`]. `key` keeps the stream from call to call.
    /// `false`: there is no such stream.
    ///
    /// # Errors
    /// [`Fault`]
    pub(crate) fn write(&mut self, mid: Mid, key: &mut Option<OutletKey>, outgoing: Outgoing) -> Result<bool, Fault> {
        let Some(key) = self.outlet(mid, key)? else {
            return Ok(false);
        };
        self.sending.line.push(key, outgoing);
        Ok(true)
    }

    /// Queues a packet of an m-line once more.
    pub(crate) fn write_again(&mut self, key: OutletKey, outgoing: Outgoing) {
        self.sending.line.push_repair(key, outgoing);
    }

    /// Drops the video of a stream that waits for a narrow line, as something else takes its place. Gives the number that its next
    /// packet has; `None`: nothing is dropped.
    pub(crate) fn drop_waiting(&mut self, key: OutletKey) -> Option<u64> {
        let Sending {
            line, outlets, control, ..
        } = &mut self.sending;
        control.bits()?;
        let outlet = outlets.get(key).filter(|_| line.drop_video(key))?;
        key.sequence_of(outlet.window.end())
    }

    /// Which video may wait to go out.
    pub(crate) fn room(&self) -> Room {
        self.sending.line.room(self.sending.control.most_waiting())
    }

    /// Bits per second that the client can be sent, besides what repeats audio; `None`: there is no sign of a limit.
    pub(crate) fn bandwidth(&self) -> Option<u64> {
        let bits = self.sending.control.bits()?;
        Some(bits.saturating_sub(self.sending.redundancy.bits()))
    }

    /// So many bits per second would be of use; `None`: what is possible is enough.
    pub(crate) fn set_goal(&mut self, now: Instant, goal: Option<u64>) {
        let redundancy = self.sending.redundancy.bits();
        self.sending.control.set_goal(now, goal.map(|goal| goal + redundancy));
    }

    /// Packets go to another address from now on.
    pub(super) fn path_selected(&mut self, now: Instant) {
        self.sending.control.path_changed(now);
        self.watch.path_selected(now);
    }

    /// When something may leave that waits, or a probe is due.
    pub(crate) fn leave_at(&self) -> Option<Instant> {
        self.sending.leave_at()
    }

    /// Something was negotiated: streams may have other terms, or be gone.
    ///
    /// # Errors
    /// [`Fault`]
    pub(super) fn renegotiated(&mut self, outline: &Outline) -> Result<(), Fault> {
        self.follow_formats(outline)?;
        let is_gone = |mid| outline.section(mid).is_none_or(|section| section.rejected);
        self.sending.outlets.renegotiated(is_gone);
        Ok(())
    }

    /// The stream by which an m-line is sent, as the client is told of it.
    ///
    /// # Errors
    /// [`Fault`]
    pub(super) fn sent_stream(&mut self, mid: Mid, cname: &str) -> Result<SentStream, Fault> {
        let Self { session, sending, .. } = self;
        sending.outlets.announce(mid, cname, || session.new_ssrc())
    }

    fn outlet(&mut self, mid: Mid, key: &mut Option<OutletKey>) -> Result<Option<OutletKey>, Fault> {
        let outlets = &mut self.sending.outlets;
        if key.is_some_and(|known| outlets.is_current(known)) {
            return Ok(*key);
        }
        let (name, red) = (self.layout.mid(mid).unwrap_or_default().into(), self.layout.red(mid));
        let terms = self.session.terms(mid)?.map(|terms| Terms { name, red, ..terms });
        *key = terms.and_then(|terms| outlets.follow(*key, mid, terms));
        Ok(*key)
    }

    /// Writes and seals what may leave: subscriber by subscriber, while its keys are at hand.
    pub(crate) fn flush(&mut self, now: Instant, outbox: &mut impl Outbox) {
        let has_keys = self.sending.srtp(&self.session).is_some();
        match self.paths.selected().filter(|_| has_keys) {
            Some(address) => self.sending.leave(now, &mut Exit { address, outbox }),
            None => self.sending.line.clear(),
        }
    }

    /// Tells the client what is due about what it is sent, and what it sends.
    pub(crate) fn report(&mut self, now: Instant, mut send: impl FnMut((Transport, SocketAddr), Vec<u8>)) {
        let packets = self
            .sending
            .reports(now)
            .chain(self.receiving.messages(now, self.paths.round_trip()));
        let packets: Vec<_> = packets.collect();
        let compounds = self.seal_rtcp(packets);
        if let Some(address) = self.paths.selected() {
            compounds.into_iter().for_each(|packet| send(address, packet));
        }
    }

    /// What tells the client that the streams that it is sent end, sealed.
    pub(super) fn goodbyes(&mut self) -> Vec<Vec<u8>> {
        self.seal_rtcp(goodbyes(&self.sending.outlets.used()))
    }

    /// RTCP packets as compound ones, sealed. Each begins with a report (RFC 3550 section 6.1), unless the client takes them
    /// without.
    fn seal_rtcp(&mut self, packets: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
        let is_whole = !self.layout.takes_reduced_rtcp();
        let mut compounds: Vec<Vec<u8>> = Vec::new();
        for packet in packets {
            match compounds.last_mut() {
                Some(compound) if compound.len() + packet.len() <= MAX_COMPOUND => compound.extend(packet),
                _ if is_whole && !is_sender_report(&packet) => {
                    compounds.push([opening(OURS, self.id.transport.as_str()), packet].concat());
                }
                _ => compounds.push(packet),
            }
        }
        let Some(srtp) = self.sending.srtp(&self.session) else {
            return Vec::new();
        };
        compounds.retain_mut(|compound| srtp.sender.seal_rtcp(compound));
        compounds
    }

    /// Takes RTCP from an address. `None`: it is not authentic, or came before.
    pub(crate) fn take_rtcp(&mut self, now: Instant, from: (Transport, SocketAddr), packet: &[u8]) -> Option<Wishes> {
        let srtp = self.sending.srtp(&self.session)?;
        let compound = srtp.receiver.open_rtcp(packet)?;
        if !std::mem::replace(&mut srtp.is_proven, true) && !self.layout.has_data() {
            self.session.prove_keys();
        }
        self.heard(now, from);
        let feedback = Feedback::read(&compound);
        let control = &mut self.sending.control;
        control.reported(now, transport_feedback(&compound));
        if let Some(bits) = feedback.estimate {
            control.estimated_by_client(now, bits);
        }
        let outlets = &mut self.sending.outlets;
        let counts = feedback.reported.iter().filter_map(|reception| {
            let outlet = outlets.by_ssrc(reception.ssrc)?;
            Some(outlet.reported(reception))
        });
        let (arrived, lost) = counts.fold((0, 0), |sum, count| (sum.0 + count.0, sum.1 + count.1));
        control.counted(now, arrived, lost);
        let is_estimate_new = control.is_news();
        self.sending.redundancy.turn(now, control.loses(now));
        let is_redundancy_new = self.sending.redundancy.is_news();
        for (ssrc, ntp, rtp) in &feedback.sent {
            self.receiving.reported(now, *ssrc, *ntp, *rtp);
        }
        self.receiving.sources.end(&feedback.ended);
        let wanted = feedback.keyframes.iter();
        Some(Wishes {
            keyframes: wanted.filter_map(|ssrc| Some(outlets.by_ssrc(*ssrc)?.mid)).collect(),
            missing: feedback
                .missing
                .iter()
                .filter_map(|(ssrc, sequence)| outlets.locate(*ssrc, *sequence))
                .collect(),
            is_bandwidth_new: is_estimate_new || is_redundancy_new,
        })
    }
}

impl Session {
    /// What is negotiated about an m-line.
    fn terms(&mut self, mid: Mid) -> Result<Option<Terms>, Fault> {
        self.enter(|rtc| {
            let media = rtc.media(mid)?;
            let params = rtc.codec_config().params().iter();
            let accepted = params.filter(|params| media.remote_pts().contains(&params.pt()));
            let repairs = accepted.filter_map(|params| Some((*params.pt(), *params.resend()?)));
            let id = |extension| media.remote_extmap().id_of(extension);
            Some(Terms {
                repairs: repairs.collect(),
                ids: ExtensionIds {
                    mid: id(Extension::RtpMid),
                    send_time: id(Extension::AbsoluteSendTime),
                    transport_sequence: id(Extension::TransportSequenceNumber),
                    level: id(Extension::AudioLevel),
                    orientation: id(Extension::VideoOrientation),
                    descriptor: id(dependency_descriptor()),
                },
                ..Terms::default()
            })
        })
    }
}
