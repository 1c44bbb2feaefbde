//! What a client is sent: media of others, written and sealed when it goes out, and reports.

use std::net::SocketAddr;
use std::ops::Range;
use std::time::{Duration, Instant, SystemTime};

use str0m::media::Mid;
use str0m::rtp::Extension;

use super::Peer;
use super::outlets::{OutletKey, Outlets, Terms};
use super::redundancy::Redundancy;
use super::session::{Fault, Session};
use super::waiting::{Waiting, WaitingLine};
use crate::config::Transport;
use crate::congestion::Control;
use crate::outbox::Outbox;
use crate::rtp::{Departure, ExtensionIds, Feedback, Outgoing, dependency_descriptor, goodbyes, transport_feedback};
use crate::sdp::Outline;
use crate::srtp::{Profile, Receiver, Sender};

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
    profile: Profile,
    sender: Sender,
    receiver: Receiver,
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
            let (profile, keys) = session.take_keys()?;
            self.srtp = Some(Srtp {
                profile,
                sender: Sender::new(&keys.ours)?,
                receiver: Receiver::new(&keys.theirs)?,
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

    /// Seals what the session says at its end. `None`: there is nothing of that in it.
    pub(super) fn seal_goodbyes(&mut self, session: &Session, packet: &[u8]) -> Option<Vec<u8>> {
        let srtp = self.srtp(session)?;
        let length = packet.len().checked_sub(srtp.profile.rtcp_overhead())?;
        let mut compound = goodbyes(&packet[..length]);
        let is_sealed =
            (192..=223).contains(&packet[1]) && !compound.is_empty() && srtp.sender.seal_rtcp(&mut compound);
        is_sealed.then_some(compound)
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
            let next = outlet.repair_window.end();
            (ssrc, payload_type, outlet.repair_window.admit(next)?, next)
        } else {
            let ticket = outlet.window.admit(index)?;
            (outlet.terms.ssrc, outgoing.payload_type, ticket, index)
        };
        let loses = self.control.loses(now);
        let red = outlet.terms.red.filter(|red| loses && red.opus == payload_type);
        let departure = Departure {
            payload_type: red.map_or(payload_type, |red| red.payload_type),
            sequence: sequence as u16,
            ssrc,
            mid: (*is_repair || !outlet.is_known).then_some(&outlet.name),
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
        let sequence = outlet.repair_window.end();
        let ticket = outlet.repair_window.admit(sequence)?;
        let departure = Departure {
            payload_type,
            sequence: sequence as u16,
            ssrc,
            mid: Some(&outlet.name),
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
        reports.into_iter().map(|(report, cname)| {
            let mut packet = Vec::new();
            report.write(&cname, &mut packet);
            packet
        })
    }

    /// RTCP packets as compound ones, sealed.
    fn seal_rtcp(&mut self, session: &Session, packets: impl Iterator<Item = Vec<u8>>) -> Vec<Vec<u8>> {
        let mut compounds: Vec<Vec<u8>> = Vec::new();
        for packet in packets {
            match compounds.last_mut() {
                Some(compound) if compound.len() + packet.len() <= MAX_COMPOUND => compound.extend(packet),
                _ => compounds.push(packet),
            }
        }
        let Some(srtp) = self.srtp(session) else {
            return Vec::new();
        };
        compounds.retain_mut(|compound| srtp.sender.seal_rtcp(compound));
        compounds
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

    /// Whether more video may wait to go out.
    pub(crate) fn has_room(&self) -> bool {
        self.sending.line.has_room(self.sending.control.most_waiting())
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
        let ssrcs = self.sending.outlets.ssrcs();
        let gone = self.session.enter(|rtc| {
            let mut api = rtc.direct_api();
            let gone = ssrcs
                .into_iter()
                .filter(|ssrc| api.stream_tx(&(*ssrc).into()).is_none());
            gone.collect::<Vec<u32>>()
        })?;
        self.sending.outlets.renegotiated(|ssrc| gone.contains(&ssrc));
        Ok(())
    }

    fn outlet(&mut self, mid: Mid, key: &mut Option<OutletKey>) -> Result<Option<OutletKey>, Fault> {
        let outlets = &mut self.sending.outlets;
        if key.is_some_and(|known| outlets.is_current(known)) {
            return Ok(*key);
        }
        let red = self.layout.red(mid);
        let terms = self.session.terms(mid)?.map(|terms| Terms { red, ..terms });
        *key = terms.map(|terms| outlets.follow(*key, mid, terms));
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
        let compounds = self.sending.seal_rtcp(&self.session, packets);
        if let Some(address) = self.paths.selected() {
            compounds.into_iter().for_each(|packet| send(address, packet));
        }
    }

    /// Takes RTCP from an address. `None`: it is not authentic, or came before.
    pub(crate) fn take_rtcp(&mut self, now: Instant, from: (Transport, SocketAddr), packet: &[u8]) -> Option<Wishes> {
        let compound = self.sending.srtp(&self.session)?.receiver.open_rtcp(packet)?;
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
    /// What is negotiated about an m-line on which the client is sent a stream.
    fn terms(&mut self, mid: Mid) -> Result<Option<Terms>, Fault> {
        self.enter(|rtc| {
            let mut api = rtc.direct_api();
            let stream = api.stream_tx_by_mid(mid, None)?;
            let (ssrc, repair) = (*stream.ssrc(), stream.rtx().map(|ssrc| *ssrc));
            let params = rtc.codec_config().params().iter();
            let repairs = params
                .filter_map(|params| Some((*params.pt(), *params.resend()?)))
                .collect();
            let media = rtc.media(mid)?;
            let id = |extension| media.remote_extmap().id_of(extension);
            Some(Terms {
                ssrc,
                repair,
                ids: ExtensionIds {
                    mid: id(Extension::RtpMid),
                    send_time: id(Extension::AbsoluteSendTime),
                    transport_sequence: id(Extension::TransportSequenceNumber),
                    level: id(Extension::AudioLevel),
                    orientation: id(Extension::VideoOrientation),
                    descriptor: id(dependency_descriptor()),
                },
                cname: media.cname().to_owned(),
                repairs,
                red: None,
            })
        })
    }
}
