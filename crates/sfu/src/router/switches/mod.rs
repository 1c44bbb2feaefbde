//! Thousands of changes of layer under loss and reordering: what a subscriber is sent is one stream.

mod checks;
mod encoder;

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use slotmap::SlotMap;
use str0m::format::{CodecConfig, PayloadParams};
use str0m::media::{MediaKind, Mid, Pt};

use super::selection::{Allowance, Layer};
use super::subscription::FarEnd;
use super::thinning::Limit;
use super::{Delivery, Prepared, Published, Router};
use crate::command::{Source, WantedVideo};
use crate::config::Limits;
use crate::ids::PeerKey;
use crate::line::{Line, LineState, Lines};
use crate::rtp::{Departure, EncodingName, ExtensionIds, Outgoing, Packet};
use checks::Switches;
pub(super) use encoder::Encoder;

const FRAME: Duration = Duration::from_millis(33);
const TICKS: u32 = 33 * 90;

/// A packet that the subscriber was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Sent {
    ssrc: u32,
    came: u64,
    sequence: u64,
    timestamp: u32,
    /// Nothing but its number.
    is_empty: bool,
    /// Of the payload descriptor, as it went out.
    picture: u16,
    tl0: u8,
    key: u8,
    begins_frame: bool,
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
        let (header, _) = outgoing.write(&ExtensionIds::default(), &departure, &mut packet);
        let payload = &packet[header..];
        let is_av1 = outgoing.incoming.descriptor.is_some();
        let (picture, numbers) = match payload {
            _ if is_av1 => (outgoing.frame.unwrap_or_default(), &[0, 0][..]),
            [] => (0, &[0, 0][..]),
            [_, _, narrow, numbers @ ..] if narrow & 0x80 == 0 => (u16::from(*narrow), numbers),
            [_, _, high, low, numbers @ ..] => (u16::from_be_bytes([high & 0x7f, *low]), numbers),
            _ => panic!("no descriptor in {payload:?}"),
        };
        Self {
            ssrc: *outgoing.incoming.packet.header.ssrc,
            came: *outgoing.incoming.packet.seq_no,
            sequence: outgoing.sequence,
            timestamp: outgoing.timestamp,
            is_empty: payload.is_empty(),
            picture,
            tl0: numbers[0],
            key: numbers[1] & 0x1f,
            begins_frame: payload.first().is_some_and(|first| first & 0x10 != 0),
            begins_keyframe: outgoing.incoming.is_keyframe && !payload.is_empty(),
            captured: outgoing.incoming.captured,
        }
    }
}

/// A packet that came, and what became of it.
#[derive(Debug, Clone, Copy)]
struct Arrival {
    ssrc: u32,
    came: u64,
    timestamp: u32,
    sent: Option<Sent>,
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
    arrivals: Vec<Arrival>,
    codec: Coded,
}

/// What Ana sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coded {
    /// VP8, with picture ids of 15 bits or of 7.
    Vp8 {
        is_wide: bool,
    },
    Av1,
}

impl Course {
    fn new(seed: u64) -> Self {
        let is_wide = !seed.is_multiple_of(3);
        Self::of(seed, Coded::Vp8 { is_wide })
    }

    fn of(seed: u64, codec: Coded) -> Self {
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
            Coded::Av1 => config.enable_av1(true),
        }
        let temporal = [3, 3, 2, 1][seed as usize % 4];
        let encoder = |index| match codec {
            Coded::Vp8 { is_wide } => Encoder::new(&mut rng, index, is_wide).with_temporal_layers(temporal),
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
            codec,
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
        let mut arrival = Arrival {
            ssrc: *packet.header.ssrc,
            came: *packet.seq_no,
            timestamp: packet.header.timestamp,
            sent: None,
        };
        self.router.forward(now, self.ana, located, packet, |line, incoming| {
            match line.stream.prepare(now, incoming, || Some(Pt::from(96))) {
                Prepared::Write(outgoing) => {
                    arrival.sent = Some(Sent::new(&outgoing));
                    let before = sent.insert(outgoing.sequence, Sent::new(&outgoing));
                    assert_eq!(before, None, "{} goes out twice", outgoing.sequence);
                    Delivery::Written
                }
                Prepared::NeedsKeyframe => Delivery::NeedsKeyframe,
                Prepared::NoCommonCodec | Prepared::Drop => Delivery::Dropped,
            }
        });
        self.arrivals.push(arrival);
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

fn upto(spatial: usize, temporal: u8) -> Allowance {
    Allowance::UpTo(Layer { spatial, temporal })
}

const TILES: [Option<u32>; 5] = [Some(90), Some(180), Some(360), Some(720), None];

/// Changes the layer at random, in so many steps. Gives how often it has changed.
fn run(mut course: Course, steps: usize, loss: f64) -> Switches {
    for _ in 0..steps {
        match course.rng.usize(..24) {
            0..=3 => {
                let tile = *course.rng.choice(&TILES).unwrap();
                course.view(tile);
            }
            4..=8 => {
                let temporal = *course.rng.choice(&[0, 1, Layer::ALL]).unwrap();
                let layer = upto(course.rng.usize(..3), temporal);
                let allowance = *course.rng.choice(&[Allowance::Unlimited, layer, layer]).unwrap();
                course.allow(allowance);
            }
            9 if loss > 0.0 => {
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
    for (sequence, sent) in &latest {
        assert_eq!(course.again(*sequence), Some(*sent));
    }
    let newest = latest[0].0;
    let never_sent = (newest - 100..newest + 9).filter(|sequence| !course.sent.contains_key(sequence));
    for sequence in never_sent.collect::<Vec<_>>() {
        assert_eq!(course.again(sequence), None, "{sequence} was never sent");
    }
}

/// Courses of these seeds. Gives how often the layer has changed in all.
fn run_all(seeds: std::ops::Range<u64>, steps: usize, loss: f64) -> Switches {
    let mut all = Switches::default();
    seeds.for_each(|seed| all += run(Course::new(seed), steps, loss));
    all
}

#[test]
fn without_loss_the_stream_has_no_gap() {
    let all = run_all(0..8, 1_500, 0.0);
    assert!(all.spatial > 500 && all.temporal > 1_000, "{all:?}");
}

/// In halves, so that they run beside each other: ten thousand changes.
const ENOUGH: Switches = Switches {
    spatial: 900,
    temporal: 3_500,
};

#[test]
fn thousands_of_changes_under_loss_and_reordering_leave_one_stream() {
    let all = run_all(100..108, 3_200, 0.08);
    assert!(
        all.spatial > ENOUGH.spatial && all.temporal > ENOUGH.temporal,
        "{all:?}"
    );
}

#[test]
fn thousands_of_changes_under_little_loss_leave_one_stream() {
    let all = run_all(200..208, 3_200, 0.02);
    assert!(
        all.spatial > ENOUGH.spatial && all.temporal > ENOUGH.temporal,
        "{all:?}"
    );
}

#[test]
fn changes_of_av1_leave_one_stream() {
    let mut all = Switches::default();
    for (seed, loss) in [(300, 0.0), (301, 0.02), (302, 0.08)] {
        all += run(Course::of(seed, Coded::Av1), 3_200, loss);
    }
    assert!(all.spatial > 150 && all.temporal > 600, "{all:?}");
}

#[test]
fn each_layer_has_its_rate() {
    let mut course = Course::new(900);
    (0..90).for_each(|_| course.step(0.0));
    let room = course.router.room_of(course.ana).unwrap();
    let track = course.router.rooms[room].tracks.values().next().unwrap();
    for (layer, packets) in [1.0, 2.0, 4.0].into_iter().enumerate() {
        let bits = track.layers.bits(layer, Limit::NONE);
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
    course.allow(upto(0, Layer::ALL));
    course.set_paused(false);
    (0..30).for_each(|_| course.step(0.0));
    assert!(course.sent.len() > before + 15);
    assert!(course.sent.values().nth(before).unwrap().begins_keyframe);
    course.check(false);
}

#[test]
fn a_narrow_line_is_sent_a_smaller_layer_and_fewer_frames_before_its_video_is_paused() {
    for seed in [900, 904] {
        let mut course = Course::new(seed);
        (0..60).for_each(|_| course.step(0.0));
        // The encodings have 21, 42 and 84 kbit/s, a quarter of it in the base layer and half in two of three.
        for (kilobits, spatial, frames) in [
            (60, Some(1), 60),
            (30, Some(0), 60),
            (14, Some(0), 30),
            (8, Some(0), 15),
            (4, None, 0),
            (8, Some(0), 15),
            (30, Some(0), 60),
            (200, Some(2), 60),
        ] {
            let (now, ben) = (course.now, course.ben);
            course.router.set_bandwidth(now, ben, Some(kilobits * 1_000));
            (0..400).for_each(|_| course.step(0.0));
            assert_eq!(course.selected().0, spatial, "{kilobits} kbit/s");
            let before = course.sent.len();
            (0..60).for_each(|_| course.step(0.0));
            let pictures = course
                .sent
                .values()
                .skip(before)
                .filter(|sent| sent.begins_frame)
                .count();
            assert_eq!(pictures, frames, "{kilobits} kbit/s");
        }
        let (first, last) = (*course.sent.keys().next().unwrap(), *course.sent.keys().last().unwrap());
        assert_eq!(last - first + 1, course.sent.len() as u64, "a gap");
    }
}
