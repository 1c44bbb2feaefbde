//! A client on str0m, which the shard's tests did not write: offers, answers, sends and counts.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime};

use sfu::{PeerId, RecordingId, SlotAssignment, Transport, WantedLayers};
use str0m::change::{SdpAnswer, SdpOffer, SdpPendingOffer};
use str0m::format::Codec;
use str0m::media::{Direction, KeyframeRequestKind, MediaKind, Mid, Pt};
use str0m::net::{Protocol, Receive, TcpType};
use str0m::rtp::{Extension, ExtensionSerializer, ExtensionValues, RtpPacket, RtpWrite, VideoOrientation};
use str0m::{Candidate, Event, IceCreds, Input, Output, Rtc, RtcConfig, RtcError};

use str0m::crypto::from_feature_flags;
use str0m::ice::{StunMessage, TransId};

use super::peer_id;

/// What a client got on one m-line.
#[derive(Debug, Default, Clone)]
pub(crate) struct Got {
    /// Packets by the index of the client that sent them.
    pub(crate) from: HashMap<u8, usize>,
    /// The last sender.
    pub(crate) last: Option<u8>,
    /// The first packet from a new sender that was no keyframe, of video.
    pub(crate) entered_without_keyframe: usize,
    /// Extended sequence numbers that came twice or before their time after a change of sender.
    pub(crate) sequences: Vec<u64>,
    /// VP8 picture ids, in the order of arrival, without repetitions.
    pub(crate) pictures: Vec<u16>,
}

/// A packet as a client sent it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) kind: MediaKind,
    pub(crate) ssrc: u32,
    pub(crate) payload_type: u8,
    pub(crate) sequence: u16,
    pub(crate) timestamp: u32,
    pub(crate) marker: bool,
    pub(crate) level: Option<u8>,
    pub(crate) orientation: Option<u8>,
    pub(crate) payload: Vec<u8>,
}

struct Sender {
    mid: Mid,
    kind: MediaKind,
    sequence: u64,
    timestamp: u32,
    picture: u16,
    keyframe: bool,
    keyframes: usize,
    next: Instant,
}

pub(crate) struct Client {
    pub(crate) index: usize,
    pub(crate) user: String,
    pub(crate) transport: String,
    pub(crate) slots: bool,
    pub(crate) address: SocketAddr,
    pub(crate) protocol: Transport,
    pub(crate) rtc: Rtc,
    /// No packet gets through.
    pub(crate) cut: bool,
    pub(crate) gone: bool,
    /// The STUN messages that it sends, by the first octet: requests 0, responses 1.
    pub(crate) stun: &'static [u8],
    /// Begins ICE anew when it answers the shard's next offer, as pion may.
    pub(crate) renews_credentials: bool,
    /// The role in DTLS that its offers demand: `active` or `passive`.
    pub(crate) setup: Option<&'static str>,
    /// Do not answer the shard's offers.
    pub(crate) silent: bool,
    /// In glare: rolls its own offer back and offers again, as the protocol has it. Else it lets the shard's pass.
    pub(crate) polite: bool,
    /// It rolled an offer back.
    pub(crate) offers_again: bool,
    pub(crate) answers: usize,
    /// Level of the microphone in dBov.
    pub(crate) level: i8,
    pub(crate) sends: bool,
    /// Length of a video packet's payload.
    pub(crate) video_bytes: usize,
    /// Which of the negotiated formats of video is sent.
    pub(crate) video_format: usize,
    /// Video packets are empty.
    pub(crate) is_padding: bool,
    /// Instead of one stream of video: these, which all send the same pictures. In their payload the first of them, or of the
    /// layers that were offered, is of the client itself, and the others of those with higher numbers.
    pub(crate) encodings: Vec<u32>,
    /// The SSRCs of the layers that it offers.
    layers: Vec<u32>,
    /// It sends the layers that are wanted.
    pub(crate) is_obedient: bool,
    /// The layers that were wanted, each time by their SSRCs.
    pub(crate) wanted_layers: Vec<Vec<u32>>,
    /// How long a picture is encoded before it is sent.
    pub(crate) encoding_time: Duration,
    /// Sender reports of what it is sent, with when they were first seen: SSRC, NTP time, timestamp.
    pub(crate) reports: HashMap<u32, Vec<(SystemTime, u32)>>,
    /// Timestamps of what it got and when it was captured, which is in the payload, by SSRC.
    pub(crate) captures: HashMap<u32, Vec<(u32, u64)>>,
    /// When media came, and from whom, if [`Self::keeps_arrivals`].
    pub(crate) arrivals: Vec<(Instant, MediaKind, u8)>,
    pub(crate) keeps_arrivals: bool,
    /// The m-lines of what it got, by SSRC.
    lines_of: HashMap<u32, Mid>,
    /// Keep what is sent in [`Self::sent`].
    pub(crate) keeps_sent: bool,
    pub(crate) sent: Vec<Sent>,
    /// The recording that is named in its offers.
    pub(crate) recording: Option<RecordingId>,
    pub(crate) got: HashMap<Mid, Got>,
    pub(crate) kinds: HashMap<Mid, MediaKind>,
    pub(crate) connected: bool,
    pub(crate) slots_told: Vec<Vec<SlotAssignment>>,
    /// Its last offer.
    pub(crate) own_offer: String,
    pub(crate) last_answer: String,
    pub(crate) last_offer: String,
    pub(crate) offers: usize,
    /// Offers of the shard that came while an own one was outstanding.
    pub(crate) glares: usize,
    pub(crate) keyframe_requests: usize,
    tracks: Vec<MediaKind>,
    /// m-lines whose direction is to change, with what comes or goes there.
    turns: Vec<(Mid, MediaKind, Direction)>,
    slot_lines: Vec<MediaKind>,
    pending: Option<SdpPendingOffer>,
    /// The m-lines of tracks in the pending offer.
    offered: Vec<Mid>,
    senders: Vec<Sender>,
    restart: bool,
    /// The pending offer restarts ICE.
    is_restarting: bool,
    packets: Vec<(Transport, SocketAddr, Vec<u8>)>,
    /// The last STUN request it sent.
    pub(crate) last_check: Vec<u8>,
    /// What it sent, the first packets.
    pub(crate) history: Vec<Vec<u8>>,
    /// Sent instead of pictures.
    pub(crate) hostile_payload: Option<Vec<u8>>,
    /// Dependency descriptors that it got.
    pub(crate) descriptors: Vec<Vec<u8>>,
    /// Sent with each picture.
    pub(crate) descriptor: Option<Vec<u8>>,
    start: Instant,
    now: Instant,
    timeout: Instant,
}

impl Client {
    pub(crate) fn new(index: usize, name: &str, slots: bool, now: Instant) -> Self {
        let address = SocketAddr::from(([10, (index >> 16) as u8, (index >> 8) as u8, index as u8], 5000));
        Self {
            index,
            user: name.into(),
            transport: format!("sfu_{name}_{index}"),
            slots,
            address,
            protocol: Transport::Udp,
            rtc: RtcConfig::new().set_rtp_mode(true).build(now),
            cut: false,
            gone: false,
            silent: false,
            polite: true,
            offers_again: false,
            answers: 0,
            level: -40,
            sends: true,
            video_bytes: 900,
            video_format: 0,
            is_padding: false,
            encodings: Vec::new(),
            layers: Vec::new(),
            is_obedient: false,
            wanted_layers: Vec::new(),
            encoding_time: Duration::ZERO,
            reports: HashMap::new(),
            captures: HashMap::new(),
            arrivals: Vec::new(),
            keeps_arrivals: false,
            lines_of: HashMap::new(),
            keeps_sent: false,
            sent: Vec::new(),
            recording: None,
            got: HashMap::new(),
            kinds: HashMap::new(),
            connected: false,
            slots_told: Vec::new(),
            own_offer: String::new(),
            last_answer: String::new(),
            last_offer: String::new(),
            offers: 0,
            glares: 0,
            keyframe_requests: 0,
            tracks: Vec::new(),
            turns: Vec::new(),
            slot_lines: Vec::new(),
            pending: None,
            offered: Vec::new(),
            senders: Vec::new(),
            restart: false,
            is_restarting: false,
            packets: Vec::new(),
            last_check: Vec::new(),
            history: Vec::new(),
            hostile_payload: None,
            descriptors: Vec::new(),
            descriptor: None,
            stun: &[0, 1],
            renews_credentials: false,
            setup: None,
            start: now,
            now,
            timeout: now,
        }
    }

    /// Whose its transport is.
    pub(crate) fn id(&self) -> PeerId {
        peer_id(&self.transport, &self.user)
    }

    pub(crate) fn use_config(&mut self, config: RtcConfig) {
        self.rtc = config.set_rtp_mode(true).build(self.now);
    }

    pub(crate) fn add_track(&mut self, kind: MediaKind) {
        self.tracks.push(kind);
    }

    pub(crate) fn add_slots(&mut self, audio: usize, video: usize) {
        self.slot_lines.extend(std::iter::repeat_n(MediaKind::Audio, audio));
        self.slot_lines.extend(std::iter::repeat_n(MediaKind::Video, video));
    }

    /// Begins to send on an m-line that so far only received, as browsers do for a track that is added.
    pub(crate) fn send_on(&mut self, mid: Mid) {
        self.turns.push((mid, self.kinds[&mid], Direction::SendRecv));
    }

    /// Stops to send on an m-line.
    pub(crate) fn only_receive_on(&mut self, mid: Mid) {
        self.turns.push((mid, self.kinds[&mid], Direction::RecvOnly));
    }

    pub(crate) fn restart_ice(&mut self) {
        self.restart = true;
    }

    /// Takes another address, as on another network.
    pub(crate) fn roam(&mut self, address: SocketAddr) {
        self.address = address;
        self.rtc.add_local_candidate(self.candidate());
    }

    fn candidate(&self) -> Candidate {
        match self.protocol {
            Transport::Udp => Candidate::host(self.address, "udp").unwrap(),
            Transport::TcpPassive => Candidate::builder()
                .tcp()
                .host(self.address)
                .tcptype(TcpType::Active)
                .build()
                .unwrap(),
        }
    }

    /// Offers video in several layers, the smallest first.
    pub(crate) fn offer_layers(&mut self, ssrcs: &[u32]) {
        self.layers = ssrcs.to_vec();
    }

    pub(crate) fn offer(&mut self) -> String {
        self.rtc.add_local_candidate(self.candidate());
        let mut api = self.rtc.sdp_api();
        self.is_restarting = std::mem::take(&mut self.restart);
        if self.is_restarting {
            api.ice_restart(true);
        }
        let mut mids = Vec::new();
        for kind in std::mem::take(&mut self.tracks) {
            mids.push((api.add_media(kind, Direction::SendRecv, None, None, None), kind, true));
        }
        for kind in std::mem::take(&mut self.slot_lines) {
            mids.push((api.add_media(kind, Direction::RecvOnly, None, None, None), kind, false));
        }
        for (mid, kind, direction) in std::mem::take(&mut self.turns) {
            api.set_direction(mid, direction);
            let sends = direction.is_sending();
            if !sends {
                self.senders.retain(|sender| sender.mid != mid);
            }
            mids.push((mid, kind, sends));
        }
        let (offer, pending) = api.apply().expect("something to offer");
        self.pending = Some(pending);
        self.offered.clear();
        for (mid, kind, sends) in mids {
            self.kinds.insert(mid, kind);
            if sends {
                self.offered.push(mid);
                let next = self.now;
                self.senders.push(Sender {
                    mid,
                    kind,
                    sequence: 100,
                    timestamp: 7,
                    picture: 32_700,
                    keyframe: true,
                    keyframes: 0,
                    next,
                });
            }
        }
        let setup = format!("a=setup:{}", self.setup.unwrap_or("actpass"));
        let sdp = self.with_simulcast(offer.to_sdp_string());
        let sdp = sdp.replace("a=setup:actpass", &setup);
        self.own_offer.clone_from(&sdp);
        self.drain();
        sdp
    }

    /// The offer with the layers of the video in it.
    fn with_simulcast(&self, sdp: String) -> String {
        let (Some(video), false) = (sdp.find("m=video"), self.layers.is_empty()) else {
            return sdp;
        };
        let end = video + sdp[video..].find("a=rtpmap").unwrap();
        let rids: Vec<String> = self.layers.iter().map(|ssrc| format!("r{ssrc}")).collect();
        let lines: String = rids.iter().map(|rid| format!("a=rid:{rid} send\r\n")).collect();
        let simulcast = format!("{lines}a=simulcast:send {}\r\n", rids.join(";"));
        [&sdp[..end], &simulcast, &sdp[end..]].concat()
    }

    /// For offers that a test made itself.
    pub(crate) fn set_pending(&mut self, pending: SdpPendingOffer) {
        self.pending = Some(pending);
    }

    pub(crate) fn answered(&mut self, sdp: &str) {
        self.last_answer = sdp.to_string();
        self.answers += 1;
        let answer = SdpAnswer::from_sdp_string(&without_simulcast(sdp)).unwrap();
        let is_of_another =
            !self.own_offer.is_empty() && sdp.matches("m=").count() != self.own_offer.matches("m=").count();
        if is_of_another {
            // It answers an offer that was rolled back.
            return;
        }
        if let Some(pending) = self.pending.take() {
            self.rtc.sdp_api().accept_answer(pending, answer).unwrap();
            // Nothing else wakes ICE where the client waits for the server's ClientHello.
            self.rtc.handle_input(Input::Timeout(self.now)).unwrap();
        }
        self.drain();
    }

    /// The shard's offer.
    pub(crate) fn offered(&mut self, sdp: &str) -> Option<String> {
        self.offers += 1;
        self.last_offer = sdp.to_string();
        if self.silent {
            return None;
        }
        if self.pending.is_some() {
            self.glares += 1;
            if !self.polite {
                return None;
            }
            self.roll_back();
        }
        if std::mem::take(&mut self.renews_credentials) {
            self.rtc.direct_api().set_local_ice_credentials(IceCreds::new());
        }
        let offer = SdpOffer::from_sdp_string(&without_simulcast(sdp)).unwrap();
        let answer = self.rtc.sdp_api().accept_offer(offer).unwrap().to_sdp_string();
        self.drain();
        Some(answer)
    }

    /// Takes back what it offered, to offer it again. Tests add one kind of thing at a time: new tracks.
    fn roll_back(&mut self) {
        self.pending = None;
        self.offers_again = true;
        self.restart = self.is_restarting;
        for mid in std::mem::take(&mut self.offered) {
            self.senders.retain(|sender| sender.mid != mid);
            self.tracks.extend(self.kinds.remove(&mid));
        }
    }

    pub(crate) fn receive(&mut self, now: Instant, transport: Transport, from: SocketAddr, contents: &[u8]) {
        self.now = now;
        let proto = if transport == Transport::Udp {
            Protocol::Udp
        } else {
            Protocol::Tcp
        };
        if let Ok(receive) = Receive::new(proto, from, self.address, contents) {
            let input = Input::Receive(now, receive);
            if self.rtc.accepts(&input) {
                match self.rtc.handle_input(input) {
                    Ok(()) => self.drain(),
                    // The server has ended the handshake.
                    Err(RtcError::Dtls(_)) => {}
                    Err(error) => panic!("{error}"),
                }
            }
        }
    }

    pub(crate) fn tick(&mut self, now: Instant) {
        self.now = now;
        if self.gone {
            self.packets.clear();
            return;
        }
        let written = self.connected && self.sends && self.send_media();
        if written || self.timeout <= now {
            self.rtc.handle_input(Input::Timeout(now)).unwrap();
            self.drain();
        }
    }

    /// A STUN request as only this client can make it.
    pub(crate) fn request(&mut self, nominates: bool) -> Vec<u8> {
        let of_server = |name: &str| {
            let mut lines = self.last_answer.lines();
            lines.find_map(|line| line.strip_prefix(name)).unwrap().to_string()
        };
        let (ufrag, password) = (of_server("a=ice-ufrag:"), of_server("a=ice-pwd:"));
        let own = self.rtc.direct_api().local_ice_credentials().ufrag;
        let username = format!("{ufrag}:{own}");
        let request = StunMessage::binding_request(&username, TransId::new(), true, 1, 1, nominates);
        let mut packet = vec![0; 200];
        let hmac = from_feature_flags().sha1_hmac_provider;
        let sign = |key: &[u8], parts: &[&[u8]]| hmac.sha1_hmac(key, parts);
        let length = request.to_bytes(Some(password.as_bytes()), &mut packet, sign).unwrap();
        packet.truncate(length);
        packet
    }

    pub(crate) fn take_packets(&mut self) -> Vec<(Transport, SocketAddr, Vec<u8>)> {
        let stun = self.stun;
        self.packets
            .retain(|(_, _, packet)| packet[0] > 1 || stun.contains(&packet[0]));
        std::mem::take(&mut self.packets)
    }

    pub(crate) fn mids(&self, kind: MediaKind) -> Vec<Mid> {
        self.senders
            .iter()
            .filter(|sender| sender.kind == kind)
            .map(|sender| sender.mid)
            .collect()
    }

    /// Packets of a kind from a client, on whatever m-line.
    pub(crate) fn got_from(&self, kind: MediaKind, index: usize) -> usize {
        let lines = self.got.iter().filter(|(mid, _)| self.kinds.get(mid) == Some(&kind));
        lines.filter_map(|(_, got)| got.from.get(&(index as u8))).sum()
    }

    pub(crate) fn forget_got(&mut self) {
        self.got.clear();
    }

    /// Says whether something was written.
    fn send_media(&mut self) -> bool {
        let now = self.now;
        let mut written = false;
        let (index, level, video_bytes) = (self.index as u8, self.level, self.video_bytes);
        let mut sent = Vec::new();
        for sender in &mut self.senders {
            let Some(media) = self.rtc.media(sender.mid) else {
                continue;
            };
            if now < sender.next || !media.direction().is_sending() {
                continue;
            }
            let format = match sender.kind {
                MediaKind::Audio => 0,
                MediaKind::Video => self.video_format,
            };
            let Some(pt) = media.remote_pts().get(format).copied() else {
                continue;
            };
            let mut api = self.rtc.direct_api();
            let Some(stream) = api.stream_tx_by_mid(sender.mid, None) else {
                continue;
            };
            written = true;
            let ssrc = *stream.ssrc();
            let mut keep = |sequence: u64, timestamp, marker, payload: &[u8], level: Option<u8>| {
                sent.push(Sent {
                    kind: sender.kind,
                    ssrc,
                    payload_type: *pt,
                    sequence: sequence as u16,
                    timestamp,
                    marker,
                    level,
                    orientation: level.is_none().then_some(VideoOrientation::Deg90 as u8),
                    payload: payload.to_vec(),
                });
            };
            match sender.kind {
                MediaKind::Audio => {
                    sender.next += Duration::from_millis(20);
                    let mut payload = vec![0xfc, index];
                    payload.extend((now - self.start).as_micros().to_be_bytes());
                    payload.resize(80, 0);
                    let extensions = ExtensionValues {
                        audio_level: Some(level),
                        voice_activity: Some(true),
                        ..Default::default()
                    };
                    let level = 0x80 | level.unsigned_abs();
                    keep(sender.sequence, sender.timestamp, false, &payload, Some(level));
                    stream.write_rtp(
                        RtpWrite::new(pt, sender.sequence.into(), sender.timestamp, now, payload).ext_vals(extensions),
                    );
                    sender.sequence += 1;
                    sender.timestamp = sender.timestamp.wrapping_add(960);
                }
                MediaKind::Video => {
                    sender.next += Duration::from_millis(40);
                    let keyframe = std::mem::take(&mut sender.keyframe);
                    sender.keyframes += usize::from(keyframe);
                    let [high, low] = (sender.picture | 0x8000).to_be_bytes();
                    let captured = (now - self.encoding_time - self.start).as_micros() as u64;
                    for part in 0..2u8 {
                        let start = if part == 0 { 0x90 } else { 0x80 };
                        let mut payload = vec![
                            start,
                            0xe0,
                            high,
                            low,
                            sender.picture as u8,
                            0,
                            u8::from(!keyframe),
                            index,
                        ];
                        payload.extend(captured.to_be_bytes());
                        payload.resize(if self.is_padding { 0 } else { video_bytes }, part);
                        if let Some(hostile) = &self.hostile_payload {
                            payload.clone_from(hostile);
                        }
                        let mut extensions = ExtensionValues {
                            video_orientation: Some(VideoOrientation::Deg90),
                            ..Default::default()
                        };
                        if let Some(descriptor) = self.descriptor.clone() {
                            extensions.user_values.set(Descriptor(descriptor));
                        }
                        keep(sender.sequence, sender.timestamp, part == 1, &payload, None);
                        let captured = now - self.encoding_time;
                        let write = |payload| {
                            RtpWrite::new(pt, sender.sequence.into(), sender.timestamp, captured, payload)
                                .marker(part == 1)
                                .nackable(true)
                                .ext_vals(extensions.clone())
                        };
                        if self.encodings.is_empty() {
                            api.stream_tx(&ssrc.into())
                                .expect("found before")
                                .write_rtp(write(payload));
                        } else {
                            for (number, ssrc) in self.encodings.iter().enumerate() {
                                let mut payload = payload.clone();
                                let layer = self.layers.iter().position(|layer| layer == ssrc);
                                payload[7] = index + layer.unwrap_or(number) as u8;
                                let stream = api.stream_tx(&(*ssrc).into()).expect("declared");
                                stream.write_rtp(write(payload));
                            }
                        }
                        sender.sequence += 1;
                    }
                    sender.picture = (sender.picture + 1) & 0x7fff;
                    sender.timestamp = sender.timestamp.wrapping_add(3_600);
                }
            }
        }
        if self.keeps_sent {
            self.sent.extend(sent);
        }
        written
    }

    fn drain(&mut self) {
        loop {
            match self.rtc.poll_output() {
                // The session is over: as DTLS that was never answered.
                Err(_) => return,
                Ok(Output::Timeout(at)) => {
                    self.timeout = at;
                    return;
                }
                Ok(Output::Transmit(transmit)) => {
                    let transport = if transmit.proto == Protocol::Udp {
                        Transport::Udp
                    } else {
                        Transport::TcpPassive
                    };
                    let contents: Vec<u8> = transmit.contents.into();
                    if contents.starts_with(&[0, 1]) {
                        self.last_check.clone_from(&contents);
                    }
                    if self.history.len() < 200 {
                        self.history.push(contents.clone());
                    }
                    self.packets.push((transport, transmit.destination, contents));
                }
                Ok(Output::Event(event)) => self.handle(event),
            }
        }
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Connected => self.connected = true,
            Event::MediaAdded(added) => {
                self.kinds.insert(added.mid, added.kind);
            }
            Event::KeyframeRequest(request) => {
                self.keyframe_requests += 1;
                if let Some(sender) = self.senders.iter_mut().find(|sender| sender.mid == request.mid) {
                    sender.keyframe = true;
                }
            }
            Event::RtpPacket(packet) => self.got_packet(&packet),
            _ => {}
        }
    }

    fn got_packet(&mut self, packet: &RtpPacket) {
        let Some(mid) = self
            .rtc
            .direct_api()
            .stream_rx(&packet.header.ssrc)
            .map(|stream| stream.mid())
        else {
            return;
        };
        self.lines_of.insert(*packet.header.ssrc, mid);
        let video = self.kinds.get(&mid) == Some(&MediaKind::Video);
        let got = self.got.entry(mid).or_default();
        if let Some(Descriptor(descriptor)) = packet.header.ext_vals.user_values.get() {
            self.descriptors.push(descriptor.clone());
        }
        // What hostile clients send is only taken.
        let Some(from) = packet
            .payload
            .get(if video { 7 } else { 1 })
            .copied()
            .filter(|_| packet.payload.len() >= 18)
        else {
            return;
        };
        let starts_keyframe = packet.payload[0] & 0x10 != 0 && packet.payload.get(6) == Some(&0);
        if video && got.last != Some(from) && !starts_keyframe {
            got.entered_without_keyframe += 1;
        }
        *got.from.entry(from).or_default() += 1;
        if self.keeps_arrivals {
            let kind = if video { MediaKind::Video } else { MediaKind::Audio };
            self.arrivals.push((self.now, kind, from));
        }
        got.last = Some(from);
        let captured = if video {
            &packet.payload[8..16]
        } else {
            &packet.payload[10..18]
        };
        let captured = u64::from_be_bytes(captured.try_into().unwrap());
        let captures = self.captures.entry(*packet.header.ssrc).or_default();
        captures.push((packet.header.timestamp, captured));
        if let Some(info) = packet.last_sender_info {
            let reports = self.reports.entry(*packet.header.ssrc).or_default();
            let report = (info.ntp_time, info.rtp_time.numer() as u32);
            if reports.last() != Some(&report) {
                reports.push(report);
            }
        }
        got.sequences.push(*packet.seq_no);
        if video {
            let picture = u16::from_be_bytes([packet.payload[2], packet.payload[3]]) & 0x7fff;
            if got.pictures.last() != Some(&picture) {
                got.pictures.push(picture);
            }
        }
    }

    /// Sends on with other SSRCs.
    pub(crate) fn change_ssrc(&mut self, kind: MediaKind, ssrc: u32) {
        for mid in self.mids(kind) {
            let mut api = self.rtc.direct_api();
            let before = api.stream_tx_by_mid(mid, None).map(|stream| stream.ssrc());
            api.remove_stream_tx(before.unwrap());
            api.declare_stream_tx(ssrc.into(), Some((ssrc + 1).into()), mid, None);
        }
    }

    /// Sends on with another SSRC, and with numbers that have nothing to do with those before.
    pub(crate) fn begin_anew(&mut self, kind: MediaKind, ssrc: u32, sequence: u64, timestamp: u32) {
        self.change_ssrc(kind, ssrc);
        for sender in self.senders.iter_mut().filter(|sender| sender.kind == kind) {
            (sender.sequence, sender.timestamp, sender.picture) = (sequence, timestamp, 9);
        }
    }

    /// Sends video with several streams on one m-line.
    pub(crate) fn send_encodings(&mut self, ssrcs: &[u32]) {
        let mid = self.mids(MediaKind::Video)[0];
        for ssrc in ssrcs {
            // A session sends one stream for each RID.
            let rid = format!("r{ssrc}");
            let mut api = self.rtc.direct_api();
            if api.stream_tx(&(*ssrc).into()).is_some() {
                continue;
            }
            let repair = (ssrc + 1_000_000).into();
            api.declare_stream_tx((*ssrc).into(), Some(repair), mid, Some(rid.as_str().into()));
        }
        self.encodings = ssrcs.to_vec();
    }

    /// Is told which layers of its video are wanted.
    pub(crate) fn layers_wanted(&mut self, videos: &[WantedLayers]) {
        let [video] = videos else {
            panic!("{videos:?}");
        };
        assert_eq!(video.mid, self.mids(MediaKind::Video)[0].to_string());
        let ssrcs: Vec<u32> = video.rids.iter().map(|rid| rid[1..].parse().unwrap()).collect();
        self.wanted_layers.push(ssrcs.clone());
        if self.is_obedient {
            // A layer that begins again, begins with a keyframe.
            self.encodings = ssrcs;
            self.senders.iter_mut().for_each(|sender| sender.keyframe = true);
        }
    }

    /// Takes and sends dependency descriptors.
    pub(crate) fn use_descriptors(&mut self) {
        let uri = "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension";
        let extension = Extension::with_serializer(uri, Descriptor::default());
        self.use_config(RtcConfig::new().set_extension(9, extension));
    }

    /// Sends video of a codec from now on.
    pub(crate) fn use_codec(&mut self, codec: Codec) {
        let mid = self.mids(MediaKind::Video)[0];
        let of_codec = |pt: &Pt| {
            let mut params = self.rtc.codec_config().params().iter();
            params.any(|params| params.pt() == *pt && params.spec().codec == codec)
        };
        let mut formats = self.rtc.media(mid).unwrap().remote_pts().iter();
        self.video_format = formats.position(of_codec).unwrap();
    }

    /// What comes with an SSRC.
    pub(crate) fn kind_of(&self, ssrc: u32) -> Option<MediaKind> {
        let line = self.lines_of.get(&ssrc)?;
        self.kinds.get(line).copied()
    }

    /// The CNAMEs of what it is sent, by name, as source descriptions say.
    pub(crate) fn cnames(&mut self, kind: MediaKind) -> Vec<String> {
        let ssrcs = self.lines_of.clone();
        let mut api = self.rtc.direct_api();
        let of_kind = ssrcs.iter().filter(|(_, mid)| self.kinds.get(mid) == Some(&kind));
        let cname = |(ssrc, _): (&u32, &Mid)| api.stream_rx(&(*ssrc).into())?.cname().map(str::to_string);
        let mut cnames: Vec<String> = of_kind.filter_map(cname).collect();
        cnames.sort();
        cnames
    }

    /// The SSRC with which a kind is sent.
    pub(crate) fn ssrc(&mut self, kind: MediaKind) -> u32 {
        let mid = self.mids(kind)[0];
        let mut api = self.rtc.direct_api();
        api.stream_tx_by_mid(mid, None).map(|stream| *stream.ssrc()).unwrap()
    }

    /// Asks for a keyframe on an m-line where something comes.
    pub(crate) fn ask_keyframe(&mut self, mid: Mid) {
        if let Some(stream) = self.rtc.direct_api().stream_rx_by_mid(mid, None) {
            stream.request_keyframe(KeyframeRequestKind::Pli);
        }
    }
}

/// A session has not offered its client's layers: they are of the test's own making.
fn without_simulcast(sdp: &str) -> String {
    let is_of_layers = |line: &&str| line.starts_with("a=rid:") || line.starts_with("a=simulcast:");
    let lines = sdp.lines().filter(|line| !is_of_layers(line));
    lines.map(|line| format!("{line}\r\n")).collect()
}

/// A dependency descriptor, and how sessions read and write it.
#[derive(Debug, Default)]
struct Descriptor(Vec<u8>);

impl ExtensionSerializer for Descriptor {
    fn write_to(&self, buf: &mut [u8], values: &ExtensionValues) -> usize {
        let Some(Self(descriptor)) = values.user_values.get() else {
            return 0;
        };
        buf[..descriptor.len()].copy_from_slice(descriptor);
        descriptor.len()
    }

    fn parse_value(&self, buf: &[u8], values: &mut ExtensionValues) -> bool {
        values.user_values.set(Self(buf.to_vec()));
        true
    }

    fn is_video(&self) -> bool {
        true
    }

    fn is_audio(&self) -> bool {
        false
    }

    fn requires_two_byte_form(&self, values: &ExtensionValues) -> bool {
        let descriptor = values.user_values.get::<Self>();
        descriptor.is_some_and(|Self(descriptor)| descriptor.len() > 16)
    }
}
