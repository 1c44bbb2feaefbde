//! A client on str0m, which the shard's tests did not write: offers, answers, sends and counts.

mod descriptor;
mod negotiating;
mod receiving;
mod sending;

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime};

use sfu::{PeerId, RecordingId, SlotAssignment, Transport};
use str0m::change::SdpPendingOffer;
use str0m::media::{Direction, MediaKind, Mid};
use str0m::net::{Protocol, Receive, TcpType};
use str0m::rtp::Extension;
use str0m::{Candidate, Input, Rtc, RtcConfig, RtcError};

use str0m::crypto::from_feature_flags;
use str0m::ice::{StunMessage, TransId};

use super::peer_id;
use descriptor::Descriptor;

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
    /// The most packets that came of one picture.
    pub(crate) most_of_a_picture: usize,
    of_picture: HashMap<u16, usize>,
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
    /// Its STUN requests may carry USE-CANDIDATE.
    pub(crate) nominates: bool,
    /// Begins ICE anew when it answers the shard's next offer, as pion may.
    pub(crate) renews_credentials: bool,
    /// Its SDPs have a BUNDLE group.
    pub(crate) bundles: bool,
    /// The kinds of m-lines on which it takes RTCP of reduced size.
    pub(crate) takes_reduced_rtcp: &'static [&'static str],
    /// The role in DTLS that its offers demand: `active` or `passive`.
    pub(crate) setup: Option<&'static str>,
    /// It sends what it has of DTLS.
    pub(crate) shakes_hands: bool,
    /// Answers what is offered inactive by port 0, and has it in its BUNDLE group all the same, as werift does.
    pub(crate) rejects_inactive: bool,
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
    /// The packets of a keyframe and the length of their payloads, if those are others.
    pub(crate) large_keyframes: Option<(u8, usize)>,
    /// Which of the negotiated formats of video is sent.
    pub(crate) video_format: usize,
    /// Video packets are empty.
    pub(crate) is_padding: bool,
    /// Instead of one stream of video: these, which all send the same pictures. In their payload the first of them, or of the
    /// layers that were offered, is of the client itself, and the others of those with higher numbers.
    pub(crate) encodings: Vec<u32>,
    /// The SSRCs of the layers that it offers.
    layers: Vec<u32>,
    /// It sends the layers that are wanted, and video while that is.
    pub(crate) is_obedient: bool,
    /// The layers that were wanted, each time by their SSRCs.
    pub(crate) wanted_layers: Vec<Vec<u32>>,
    /// Whether its video was wanted, each time.
    pub(crate) wanted_video: Vec<bool>,
    /// How long a picture is encoded before it is sent.
    pub(crate) encoding_time: Duration,
    /// The kinds of packets that RTCP from the shard began with.
    pub(crate) compounds: HashSet<u8>,
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
    /// The MIDs that packets carried.
    pub(crate) names: HashSet<Mid>,
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
    /// The m-lines that were negotiated; `None` where one was rejected.
    negotiated: Vec<Option<String>>,
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
            shakes_hands: true,
            rejects_inactive: false,
            silent: false,
            polite: true,
            offers_again: false,
            answers: 0,
            level: -40,
            sends: true,
            video_bytes: 900,
            large_keyframes: None,
            video_format: 0,
            is_padding: false,
            encodings: Vec::new(),
            layers: Vec::new(),
            is_obedient: false,
            wanted_layers: Vec::new(),
            wanted_video: Vec::new(),
            encoding_time: Duration::ZERO,
            compounds: HashSet::new(),
            reports: HashMap::new(),
            captures: HashMap::new(),
            arrivals: Vec::new(),
            keeps_arrivals: false,
            lines_of: HashMap::new(),
            keeps_sent: false,
            sent: Vec::new(),
            recording: None,
            got: HashMap::new(),
            names: HashSet::new(),
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
            negotiated: Vec::new(),
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
            nominates: true,
            renews_credentials: false,
            bundles: true,
            takes_reduced_rtcp: &[],
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

    pub(crate) fn receive(&mut self, now: Instant, transport: Transport, from: SocketAddr, contents: &[u8]) {
        self.now = now;
        if let [0x80..0xc0, kind @ 192..224, ..] = contents {
            self.compounds.insert(*kind);
        }
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
        self.request_of(TransId::new(), nominates)
    }

    fn request_of(&mut self, transaction: TransId, nominates: bool) -> Vec<u8> {
        let of_server = |name: &str| {
            let mut lines = self.last_answer.lines();
            lines.find_map(|line| line.strip_prefix(name)).unwrap().to_string()
        };
        let (ufrag, password) = (of_server("a=ice-ufrag:"), of_server("a=ice-pwd:"));
        let own = self.rtc.direct_api().local_ice_credentials().ufrag;
        let username = format!("{ufrag}:{own}");
        let request = StunMessage::binding_request(&username, transaction, true, 1, 1, nominates);
        let mut packet = vec![0; 200];
        let hmac = from_feature_flags().sha1_hmac_provider;
        let sign = |key: &[u8], parts: &[&[u8]]| hmac.sha1_hmac(key, parts);
        let length = request.to_bytes(Some(password.as_bytes()), &mut packet, sign).unwrap();
        packet.truncate(length);
        packet
    }

    pub(crate) fn take_packets(&mut self) -> Vec<(Transport, SocketAddr, Vec<u8>)> {
        let (stun, shakes_hands) = (self.stun, self.shakes_hands);
        self.packets.retain(|(_, _, packet)| match packet[0] {
            kind @ (0 | 1) => stun.contains(&kind),
            20..64 => shakes_hands,
            _ => true,
        });
        let mut packets = std::mem::take(&mut self.packets);
        if !self.nominates {
            for (_, _, packet) in packets.iter_mut().filter(|(_, _, packet)| packet[0] == 0) {
                let transaction = StunMessage::parse(packet).unwrap().trans_id();
                *packet = self.request_of(transaction, false);
            }
        }
        packets
    }

    /// Takes and sends dependency descriptors.
    pub(crate) fn use_descriptors(&mut self) {
        let uri = "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension";
        let extension = Extension::with_serializer(uri, Descriptor::default());
        self.use_config(RtcConfig::new().set_extension(9, extension));
    }
}
