//! A publisher's layers on a bad line, and what one subscriber is sent of them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use slotmap::SlotMap;
use str0m::format::{Codec, CodecConfig, PayloadParams};
use str0m::media::{MediaKind, Mid, Pt};

use super::super::selection::{Allowance, Layer};
use super::super::subscription::FarEnd;
use super::super::{Delivery, PeerLine, Prepared, Published, Router};
use super::encoder::Encoder;
use crate::command::{Source, WantedVideo};
use crate::config::Limits;
use crate::ids::PeerKey;
use crate::line::{Line, LineState, Lines};
use crate::rtp::{Departure, EncodingName, ExtensionIds, Incoming, Outgoing, Packet};

pub(super) const FRAME: Duration = Duration::from_millis(33);
pub(super) const TICKS: u32 = 33 * 90;

/// A packet that the subscriber was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sent {
    pub(super) ssrc: u32,
    pub(super) came: u64,
    pub(super) sequence: u64,
    pub(super) timestamp: u32,
    /// Nothing but its number.
    pub(super) is_empty: bool,
    /// Of the payload descriptor, as it went out.
    pub(super) picture: u16,
    pub(super) tl0: u8,
    pub(super) key: u8,
    pub(super) begins_frame: bool,
    pub(super) begins_keyframe: bool,
    pub(super) captured: Instant,
    pub(super) bytes: usize,
}

impl Sent {
    pub(super) fn new(outgoing: &Outgoing) -> Self {
        let mut packet = Vec::new();
        let departure = Departure {
            payload_type: 96,
            sequence: 0,
            ssrc: 1,
            mid: None,
            send_time: 0,
            transport_sequence: 0,
            repeats: None,
            redundant: None,
        };
        let (header, _) = outgoing.write(&ExtensionIds::default(), &departure, &mut packet);
        let payload = &packet[header..];
        let codec = outgoing.incoming.params.spec().codec;
        let wide = |high: u8, low: u8| u16::from_be_bytes([high & 0x7f, low]);
        let (picture, tl0, key, begins) = match (codec, payload) {
            (Codec::Av1, _) => (outgoing.frame.unwrap_or_default(), 0, 0, 0x10),
            (_, []) => (0, 0, 0, 0),
            (Codec::Vp9, [_, high, low, _, tl0, ..]) => (wide(*high, *low), *tl0, 0, 0x08),
            (_, [_, _, narrow, tl0, key, ..]) if narrow & 0x80 == 0 => (u16::from(*narrow), *tl0, *key, 0x10),
            (_, [_, _, high, low, tl0, key, ..]) => (wide(*high, *low), *tl0, *key, 0x10),
            _ => panic!("no descriptor in {payload:?}"),
        };
        Self {
            ssrc: *outgoing.incoming.packet.header.ssrc,
            came: *outgoing.incoming.packet.seq_no,
            sequence: outgoing.sequence,
            timestamp: outgoing.timestamp,
            is_empty: payload.is_empty(),
            picture,
            tl0,
            key: key & 0x1f,
            begins_frame: payload.first().is_some_and(|first| first & begins != 0),
            begins_keyframe: outgoing.incoming.is_keyframe && !payload.is_empty(),
            captured: outgoing.captured,
            bytes: payload.len(),
        }
    }
}

/// A packet that came, and what became of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Arrival {
    pub(super) ssrc: u32,
    pub(super) came: u64,
    pub(super) timestamp: u32,
    pub(super) sent: Option<Sent>,
}

/// Ana sends three layers; Ben is sent one of them.
pub(super) struct Course {
    pub(super) rng: fastrand::Rng,
    pub(super) now: Instant,
    /// When the next frame is captured.
    pub(super) next: Instant,
    pub(super) router: Router,
    pub(super) ana: PeerKey,
    pub(super) ben: PeerKey,
    pub(super) params: PayloadParams,
    pub(super) encoders: Vec<Encoder>,
    /// What is under way, by its arrival.
    pub(super) flying: BTreeMap<(Instant, u64), Packet>,
    /// Keyframe requests under way.
    pub(super) asking: BTreeMap<(Instant, u64), u32>,
    pub(super) asked: HashMap<u32, Vec<Instant>>,
    pub(super) flown: u64,
    pub(super) sent: BTreeMap<u64, Sent>,
    pub(super) arrivals: Vec<Arrival>,
    /// What he was sent of what was kept, each time.
    pub(super) caught_up: Vec<Vec<Sent>>,
    pub(super) codec: Coded,
}

/// What Ana sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coded {
    /// VP8, with picture ids of 15 bits or of 7.
    Vp8 {
        is_wide: bool,
    },
    Vp9,
    Av1,
}

impl Course {
    pub(super) fn new(seed: u64) -> Self {
        let is_wide = !seed.is_multiple_of(3);
        Self::of(seed, Coded::Vp8 { is_wide })
    }

    pub(super) fn of(seed: u64, codec: Coded) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        let now = Instant::now() + Duration::from_secs(10);
        let mut keys: SlotMap<PeerKey, ()> = SlotMap::with_key();
        let (ana, ben) = (keys.insert(()), keys.insert(()));
        let mut router = Router::new(&Limits::default());
        router.join(now, ana, &"room".into(), "ana".into(), "Ana".into());
        router.join(now, ben, &"room".into(), "ben".into(), "Ben".into());
        let camera = Published {
            mid: "1".into(),
            kind: MediaKind::Video,
            source: Source::Camera,
        };
        router.publish(now, ana, &[camera], |_| false);
        let names = ["q", "h", "f"].map(|rid| EncodingName::Rid(rid.into()));
        router.set_encodings(ana, "1".into(), names.to_vec());
        router.set_lines(now, ben, &lines());
        router.take_stale(router.room_of(ben).unwrap());
        router.fill_slots(now, ben, &lines(), &[]);
        let mut config = CodecConfig::empty();
        match codec {
            Coded::Vp8 { .. } => config.enable_vp8(true),
            Coded::Vp9 => config.enable_vp9(true),
            Coded::Av1 => config.enable_av1(true),
        }
        let temporal = [3, 3, 2, 1][seed as usize % 4];
        let encoder = |index| match codec {
            Coded::Vp8 { is_wide } => Encoder::new(&mut rng, index, is_wide).with_temporal_layers(temporal),
            Coded::Vp9 => Encoder::new(&mut rng, index, true).of_vp9(),
            Coded::Av1 => Encoder::new(&mut rng, index, true).of_av1(),
        };
        let encoders = (0..3).map(encoder).collect();
        Self {
            rng,
            now,
            next: now,
            router,
            ana,
            ben,
            params: config.params()[0],
            encoders,
            flying: BTreeMap::new(),
            asking: BTreeMap::new(),
            asked: HashMap::new(),
            flown: 0,
            sent: BTreeMap::new(),
            arrivals: Vec::new(),
            caught_up: Vec::new(),
            codec,
        }
    }

    pub(super) fn allow(&mut self, allowance: Allowance) {
        let member = &self.router.members[self.ben];
        let (room, key) = (member.room, member.subscription("2".into()).unwrap());
        self.router.subscriptions[key].selection_mut().allowance = allowance;
        self.router.select(self.now, room, key);
    }

    /// Ben's line takes this video, or does not.
    pub(super) fn set_paused(&mut self, is_paused: bool) {
        let member = &self.router.members[self.ben];
        let (room, key) = (member.room, member.subscription("2".into()).unwrap());
        self.router.change(self.now, room, key, true, |subscription| {
            subscription.set_paused(is_paused)
        });
        self.catch_up();
    }

    pub(super) fn view(&mut self, tile: Option<u32>) {
        let want = WantedVideo {
            user: "ana".into(),
            source: Source::Camera,
            max_height: tile,
        };
        self.router.fill_slots(self.now, self.ben, &lines(), &[want]);
    }

    /// One frame of each layer, and what happens until the next.
    pub(super) fn step(&mut self, loss: f64) {
        for index in 0..self.encoders.len() {
            let encoder = &mut self.encoders[index];
            encoder.timestamp = encoder.timestamp.wrapping_add(TICKS);
            if encoder.is_on {
                for packet in encoder.encode() {
                    self.fly(packet, loss);
                }
            }
        }
        self.next += FRAME;
        while self.now < self.next {
            self.now += Duration::from_millis(5);
            self.arrive();
        }
    }

    /// Some packets are lost, and some of those repaired; all are reordered.
    pub(super) fn fly(&mut self, packet: Packet, loss: f64) {
        let delay = if self.rng.f64() >= loss {
            if loss > 0.0 { self.rng.u64(5..45) } else { 10 }
        } else if self.rng.bool() {
            self.rng.u64(80..200)
        } else {
            return;
        };
        self.flown += 1;
        let at = self.now + Duration::from_millis(delay);
        self.flying.insert((at, self.flown), packet);
    }

    pub(super) fn arrive(&mut self) {
        while let Some(entry) = self.asking.first_entry().filter(|entry| entry.key().0 <= self.now) {
            let ssrc = entry.remove();
            self.encoders
                .iter_mut()
                .find(|encoder| encoder.ssrc == ssrc)
                .unwrap()
                .keyframe = true;
        }
        self.router.handle_timeout(self.now);
        while self.router.poll_tapped().is_some() {}
        while let Some(entry) = self.flying.first_entry().filter(|entry| entry.key().0 <= self.now) {
            let mut packet = entry.remove();
            packet.timestamp = self.now;
            self.forward(packet);
        }
        self.catch_up();
        while let Some(request) = self.router.poll_keyframe_request() {
            let Some(ssrc) = request.ssrc else { continue };
            self.asked.entry(*ssrc).or_default().push(self.now);
            self.flown += 1;
            let at = self.now + Duration::from_millis(self.rng.u64(10..120));
            self.asking.insert((at, self.flown), *ssrc);
        }
    }

    pub(super) fn forward(&mut self, packet: Packet) {
        let (now, located) = (self.now, ("1".into(), self.params));
        let sent = &mut self.sent;
        let mut arrival = Arrival {
            ssrc: *packet.header.ssrc,
            came: *packet.seq_no,
            timestamp: packet.header.timestamp,
            sent: None,
        };
        self.router.forward(now, self.ana, located, packet, |line, incoming| {
            let (delivery, written) = send(now, line, incoming, sent);
            arrival.sent = written;
            delivery
        });
        self.arrivals.push(arrival);
    }

    /// Ben is sent at once what was kept for him.
    fn catch_up(&mut self) {
        let (now, sent) = (self.now, &mut self.sent);
        let mut caught_up = Vec::new();
        self.router.catch_up(now, |line, incoming| {
            let (delivery, written) = send(now, line, incoming, sent);
            caught_up.extend(written);
            delivery
        });
        self.caught_up.extend((!caught_up.is_empty()).then_some(caught_up));
    }

    /// What Ben is sent once more, if he asks.
    pub(super) fn again(&mut self, sequence: u64) -> Option<Sent> {
        let key = self.router.members[self.ben].subscription("2".into())?;
        let subscription = &mut self.router.subscriptions[key];
        let room = &self.router.rooms[self.router.members[self.ben].room];
        let track = &room.tracks[subscription.forwarded()?];
        let FarEnd::Peer(line) = subscription.far_end() else {
            return None;
        };
        let again = line
            .stream
            .again(sequence, |ssrc, came| track.layers.find_sent(ssrc, came))?;
        Some(Sent::new(&again))
    }

    pub(super) fn selected(&self) -> (Option<usize>, Option<usize>) {
        let key = self.router.members[self.ben].subscription("2".into()).unwrap();
        let selection = self.router.subscriptions[key].selection();
        (selection.sent(), selection.wanted())
    }
}

/// Sends a packet to Ben. Gives what he got.
fn send(
    now: Instant,
    line: &mut PeerLine,
    incoming: &Arc<Incoming>,
    sent: &mut BTreeMap<u64, Sent>,
) -> (Delivery, Option<Sent>) {
    match line.stream.prepare(now, incoming, || Some(Pt::from(96))) {
        Prepared::Write(outgoing) => {
            let written = Sent::new(&outgoing);
            let before = sent.insert(outgoing.sequence, written);
            assert_eq!(before, None, "{} goes out twice", outgoing.sequence);
            (Delivery::Written, Some(written))
        }
        Prepared::NeedsKeyframe => (Delivery::NeedsKeyframe, None),
        Prepared::NoCommonCodec | Prepared::Drop => (Delivery::Dropped, None),
    }
}

pub(super) fn lines() -> Lines {
    Lines {
        lines: vec![Line {
            mid: Mid::from("2"),
            kind: MediaKind::Video,
            state: LineState::Sending,
        }],
        is_connected: true,
    }
}

pub(super) fn upto(spatial: usize, temporal: u8) -> Allowance {
    Allowance::UpTo(Layer { spatial, temporal })
}
