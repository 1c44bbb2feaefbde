//! Thousands of changes of layer under loss and reordering: what a subscriber is sent is one stream.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant, SystemTime};

use slotmap::SlotMap;
use str0m::format::{CodecConfig, PayloadParams};
use str0m::media::{MediaKind, Mid, Pt};
use str0m::rtp::{ExtensionValues, RtpHeader};

use super::selection::Allowance;
use super::subscription::FarEnd;
use super::{Delivery, Prepared, Published, Router};
use crate::command::{Source, WantedVideo};
use crate::config::Limits;
use crate::ids::PeerKey;
use crate::line::{Line, LineState, Lines};
use crate::rtp::{Departure, EncodingName, ExtensionIds, Outgoing, Packet, Report};

const FRAME: Duration = Duration::from_millis(33);
const TICKS: u32 = 33 * 90;

/// The encoder of one layer.
pub(super) struct Encoder {
    rid: &'static str,
    ssrc: u32,
    height: u16,
    /// Of its picture ids: 15 bits, not 7.
    is_wide: bool,
    packets: u64,
    sequence: u64,
    timestamp: u32,
    report: (SystemTime, u32),
    picture: u16,
    tl0: u8,
    key: u8,
    keyframe: bool,
    is_on: bool,
}

impl Encoder {
    pub(super) fn new(rng: &mut fastrand::Rng, index: usize, is_wide: bool) -> Self {
        let timestamp = rng.u32(..);
        Self {
            rid: ["q", "h", "f"][index],
            ssrc: 100 + index as u32,
            height: 180 << index,
            is_wide,
            packets: [1, 2, 4][index],
            sequence: rng.u64(1_000..70_000),
            timestamp,
            report: (SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000), timestamp),
            picture: rng.u16(..) & 0x7fff,
            tl0: rng.u8(..),
            key: rng.u8(..32),
            keyframe: true,
            is_on: true,
        }
    }

    /// The packets of the next frame.
    pub(super) fn encode(&mut self) -> Vec<Packet> {
        let is_keyframe = std::mem::take(&mut self.keyframe);
        self.picture = self.picture.wrapping_add(1) & 0x7fff;
        self.tl0 = self.tl0.wrapping_add(1);
        self.key = self.key.wrapping_add(u8::from(is_keyframe)) & 0x1f;
        let frame = (0..self.packets).map(|part| self.packet(part, is_keyframe));
        let frame = frame.collect();
        self.sequence += self.packets;
        frame
    }

    fn packet(&self, part: u64, is_keyframe: bool) -> Packet {
        let [high, low] = (self.picture | 0x8000).to_be_bytes();
        let mut payload = vec![0x80 | u8::from(part == 0) << 4, 0xf0];
        if self.is_wide {
            payload.extend([high, low]);
        } else {
            payload.push(low & 0x7f);
        }
        payload.extend([self.tl0, self.key]);
        let [low, high] = self.height.to_le_bytes();
        payload.extend([u8::from(!is_keyframe), 0, 0, 0x9d, 0x01, 0x2a, 0, 1, low, high, 7]);
        let (ntp_time, rtp_time) = self.report;
        Packet {
            seq_no: (self.sequence + part).into(),
            header: RtpHeader {
                marker: part + 1 == self.packets,
                payload_type: 96.into(),
                sequence_number: (self.sequence + part) as u16,
                timestamp: self.timestamp,
                ssrc: self.ssrc.into(),
                ext_vals: ExtensionValues {
                    rid: Some(self.rid.into()),
                    ..ExtensionValues::default()
                },
                ..RtpHeader::default()
            },
            payload: payload.into(),
            timestamp: Instant::now(),
            report: Some(Report {
                ntp: ntp_time,
                rtp: rtp_time,
            }),
        }
    }
}

/// A packet that the subscriber was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Sent {
    ssrc: u32,
    came: u64,
    timestamp: u32,
    /// Of the payload descriptor, as it went out.
    picture: u16,
    tl0: u8,
    key: u8,
    begins_keyframe: bool,
    captured: Instant,
}

impl Sent {
    fn new(outgoing: &Outgoing) -> Self {
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
        let header = outgoing.write(&ExtensionIds::default(), &departure, &mut packet);
        let payload = &packet[header..];
        let (picture, numbers) = match payload[2] & 0x80 {
            0 => (u16::from(payload[2]), &payload[3..]),
            _ => (u16::from_be_bytes([payload[2] & 0x7f, payload[3]]), &payload[4..]),
        };
        Self {
            ssrc: *outgoing.incoming.packet.header.ssrc,
            came: *outgoing.incoming.packet.seq_no,
            timestamp: outgoing.timestamp,
            picture,
            tl0: numbers[0],
            key: numbers[1] & 0x1f,
            begins_keyframe: outgoing.incoming.is_keyframe,
            captured: outgoing.incoming.captured,
        }
    }
}

/// Ana sends three layers; Ben is sent one of them.
struct Course {
    rng: fastrand::Rng,
    now: Instant,
    /// When the next frame is captured.
    next: Instant,
    router: Router,
    ana: PeerKey,
    ben: PeerKey,
    params: PayloadParams,
    encoders: Vec<Encoder>,
    /// What is under way, by its arrival.
    flying: BTreeMap<(Instant, u64), Packet>,
    /// Keyframe requests under way.
    asking: BTreeMap<(Instant, u64), u32>,
    asked: HashMap<u32, Vec<Instant>>,
    flown: u64,
    sent: BTreeMap<u64, Sent>,
    is_wide: bool,
}

impl Course {
    fn new(seed: u64) -> Self {
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
        config.enable_vp8(true);
        let is_wide = !seed.is_multiple_of(3);
        let encoders = (0..3).map(|index| Encoder::new(&mut rng, index, is_wide)).collect();
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
            is_wide,
        }
    }

    fn allow(&mut self, allowance: Allowance) {
        let member = &self.router.members[self.ben];
        let (room, key) = (member.room, member.subscription("2".into()).unwrap());
        self.router.subscriptions[key].selection_mut().allowance = allowance;
        self.router.select(self.now, room, key);
    }

    /// Ben's line takes this video, or does not.
    fn set_paused(&mut self, is_paused: bool) {
        let member = &self.router.members[self.ben];
        let (room, key) = (member.room, member.subscription("2".into()).unwrap());
        self.router.change(self.now, room, key, true, |subscription| {
            subscription.set_paused(is_paused)
        });
    }

    fn view(&mut self, tile: Option<u32>) {
        let want = WantedVideo {
            user: "ana".into(),
            source: Source::Camera,
            max_height: tile,
        };
        self.router.fill_slots(self.now, self.ben, &lines(), &[want]);
    }

    /// One frame of each layer, and what happens until the next.
    fn step(&mut self, loss: f64) {
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
    fn fly(&mut self, packet: Packet, loss: f64) {
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

    fn arrive(&mut self) {
        while let Some(entry) = self.asking.first_entry().filter(|entry| entry.key().0 <= self.now) {
            let ssrc = entry.remove();
            self.encoders
                .iter_mut()
                .find(|encoder| encoder.ssrc == ssrc)
                .unwrap()
                .keyframe = true;
        }
        self.router.handle_timeout(self.now);
        while let Some(entry) = self.flying.first_entry().filter(|entry| entry.key().0 <= self.now) {
            let mut packet = entry.remove();
            packet.timestamp = self.now;
            self.forward(packet);
        }
        while let Some(request) = self.router.poll_keyframe_request() {
            let Some(ssrc) = request.ssrc else { continue };
            self.asked.entry(*ssrc).or_default().push(self.now);
            self.flown += 1;
            let at = self.now + Duration::from_millis(self.rng.u64(10..120));
            self.asking.insert((at, self.flown), *ssrc);
        }
    }

    fn forward(&mut self, packet: Packet) {
        let (now, located) = (self.now, ("1".into(), self.params));
        let sent = &mut self.sent;
        self.router.forward(now, self.ana, located, packet, |line, incoming| {
            match line.stream.prepare(now, incoming, || Some(Pt::from(96))) {
                Prepared::Write(outgoing) => {
                    let before = sent.insert(outgoing.sequence, Sent::new(&outgoing));
                    assert_eq!(before, None, "{} goes out twice", outgoing.sequence);
                    Delivery::Written
                }
                Prepared::NeedsKeyframe => Delivery::NeedsKeyframe,
                Prepared::NoCommonCodec | Prepared::Drop => Delivery::Dropped,
            }
        });
    }

    /// What Ben is sent once more, if he asks.
    fn again(&mut self, sequence: u64) -> Option<Sent> {
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

    fn selected(&self) -> (Option<usize>, Option<usize>) {
        let key = self.router.members[self.ben].subscription("2".into()).unwrap();
        let selection = self.router.subscriptions[key].selection();
        (selection.sent(), selection.wanted())
    }

    /// Checks what was sent. Gives how often the layer has changed.
    fn check(&self, had_loss: bool) -> usize {
        let picture = if self.is_wide { 0x7fff } else { 0x7f };
        let mut switches = 0;
        let (mut newest, mut first) = (None::<(u64, Sent)>, None::<(u64, Sent)>);
        for (sequence, sent) in &self.sent {
            let (Some((last, before)), Some((begin, entered))) = (newest, first) else {
                assert!(sent.begins_keyframe);
                (newest, first) = (Some((*sequence, *sent)), Some((*sequence, *sent)));
                continue;
            };
            let advance = sent.timestamp.wrapping_sub(before.timestamp).cast_signed();
            if sent.ssrc == entered.ssrc {
                // Within a layer all distances are those that came.
                assert_eq!(sequence - begin, sent.came - entered.came);
                assert!(advance >= 0);
                assert!(had_loss || *sequence == last + 1, "{last} then {sequence}");
            } else {
                switches += 1;
                first = Some((*sequence, *sent));
                assert!(sent.begins_keyframe, "{sequence} is no keyframe");
                assert_eq!(*sequence, last + 1, "a gap at a change of layer");
                assert!(advance > 0, "the time goes back by {advance}");
                assert_eq!(sent.picture, before.picture.wrapping_add(1) & picture);
                assert_eq!(sent.tl0, before.tl0.wrapping_add(1));
                assert_eq!(sent.key, before.key.wrapping_add(1) & 0x1f);
            }
            if !had_loss {
                assert!([0, 1].contains(&(sent.picture.wrapping_sub(before.picture) & picture)));
            }
            newest = Some((*sequence, *sent));
        }
        for asked in self.asked.values() {
            // Within the steps of this test.
            let second = Duration::from_millis(990);
            assert!(asked.windows(3).all(|three| three[2] - three[0] >= second));
        }
        self.check_clock();
        switches
    }

    /// The timestamps follow the captures, however often the layer has changed.
    fn check_clock(&self) {
        let (mut all, last) = (self.sent.values(), self.sent.values().last().unwrap());
        let first = all.next().unwrap();
        let ticks = last.timestamp.wrapping_sub(first.timestamp);
        let passed = last.captured.saturating_duration_since(first.captured);
        let off = f64::from(ticks) / 90.0 - passed.as_secs_f64() * 1_000.0;
        assert!(off.abs() < 250.0, "{off} ms");
    }
}

fn lines() -> Lines {
    Lines {
        lines: vec![Line {
            mid: Mid::from("2"),
            kind: MediaKind::Video,
            state: LineState::Sending,
        }],
        is_connected: true,
    }
}

const TILES: [Option<u32>; 5] = [Some(90), Some(180), Some(360), Some(720), None];

/// Changes the layer at random, in so many steps. Gives how often it has changed.
fn run(seed: u64, steps: usize, loss: f64) -> usize {
    let mut course = Course::new(seed);
    for _ in 0..steps {
        match course.rng.usize(..24) {
            0..=3 => {
                let tile = *course.rng.choice(&TILES).unwrap();
                course.view(tile);
            }
            4..=6 => {
                let layer = course.rng.usize(..3);
                let allowance = *course
                    .rng
                    .choice(&[Allowance::Unlimited, Allowance::UpTo(layer)])
                    .unwrap();
                course.allow(allowance);
            }
            7 if loss > 0.0 => {
                let index = course.rng.usize(1..3);
                course.encoders[index].is_on ^= true;
                course.encoders[index].keyframe = true;
            }
            _ => {}
        }
        course.step(loss);
    }
    let switches = course.check(loss > 0.0);
    settle(&mut course);
    switches
}

/// When nothing changes any more, what is wanted is sent.
fn settle(course: &mut Course) {
    course.encoders.iter_mut().for_each(|encoder| encoder.is_on = true);
    course.allow(Allowance::Unlimited);
    course.view(Some(720));
    for _ in 0..90 {
        course.step(0.0);
    }
    assert_eq!(course.selected(), (Some(2), Some(2)));
    // What was sent lately can be sent again, as it was.
    let latest: Vec<(u64, Sent)> = course
        .sent
        .iter()
        .rev()
        .take(150)
        .map(|(at, sent)| (*at, *sent))
        .collect();
    for (sequence, sent) in latest {
        assert_eq!(course.again(sequence), Some(sent));
    }
}

#[test]
fn without_loss_the_stream_has_no_gap() {
    let switches: usize = (0..8).map(|seed| run(seed, 1_500, 0.0)).sum();
    assert!(switches > 600, "{switches}");
}

#[test]
fn thousands_of_changes_under_loss_and_reordering_leave_one_stream() {
    let switches: usize = (100..117).map(|seed| run(seed, 3_200, 0.08)).sum();
    assert!(switches > 2_000, "{switches}");
}

#[test]
fn each_layer_has_its_rate() {
    let mut course = Course::new(900);
    (0..90).for_each(|_| course.step(0.0));
    let room = course.router.room_of(course.ana).unwrap();
    let track = course.router.rooms[room].tracks.values().next().unwrap();
    let rates = track.layers.for_tile(None);
    assert_eq!(rates.len(), 3);
    for ((layer, bits), packets) in rates.into_iter().zip([1.0, 2.0, 4.0]) {
        // Payloads of 17 octets or so and what comes around them, thirty times a second.
        let (bits, expected) = (bits.unwrap(), packets * (17.0 + 70.0) * 8.0 / 0.033);
        assert!(
            (bits / expected - 1.0).abs() < 0.1,
            "{bits} of {expected} in layer {layer}"
        );
    }
}

#[test]
fn a_video_that_was_paused_goes_on_with_a_keyframe() {
    let mut course = Course::new(901);
    (0..30).for_each(|_| course.step(0.0));
    course.set_paused(true);
    let before = course.sent.len();
    (0..60).for_each(|_| course.step(0.0));
    assert_eq!(course.sent.len(), before);
    course.allow(Allowance::UpTo(0));
    course.set_paused(false);
    (0..30).for_each(|_| course.step(0.0));
    assert!(course.sent.len() > before + 15);
    assert!(course.sent.values().nth(before).unwrap().begins_keyframe);
    course.check(false);
}

#[test]
fn a_narrow_line_is_sent_a_smaller_layer_before_its_video_is_paused() {
    let mut course = Course::new(902);
    (0..60).for_each(|_| course.step(0.0));
    // The layers have 21, 42 and 84 kbit/s.
    for (kilobits, layer) in [(60, Some(1)), (30, Some(0)), (10, None), (30, Some(0)), (200, Some(2))] {
        let (now, ben) = (course.now, course.ben);
        course.router.set_bandwidth(now, ben, Some(kilobits * 1_000));
        (0..400).for_each(|_| course.step(0.0));
        assert_eq!(course.selected().0, layer, "{kilobits} kbit/s");
    }
}
