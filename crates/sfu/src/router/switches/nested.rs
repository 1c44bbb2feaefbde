//! Spatial and temporal layers inside of one stream of VP9 (SVC), of which a subscriber is sent now more, now less.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Instant;

use str0m::format::{CodecConfig, PayloadParams};
use str0m::media::Pt;
use str0m::rtp::RtpHeader;

use super::super::outgoing_stream::{OutgoingStream, Prepared};
use super::super::thinning::Limit;
use crate::rtp::{Incoming, IncomingStream, Packet};

const SPATIAL: u8 = 3;
const PATTERN: [u8; 4] = [0, 2, 1, 2];
/// Packets of each frame.
const PARTS: u64 = 2;

/// A frame: its picture, and its spatial layer.
type Name = (u32, u8);

/// L3T3 as libvpx has it: a frame needs the one below it, and the last of the temporal layers
/// below its own since that of the lowest.
struct Encoder {
    params: PayloadParams,
    stream: IncomingStream,
    picture: u32,
    step: usize,
    sequence: u64,
    last: [u32; 3],
    needs: HashMap<Name, Vec<Name>>,
}

impl Encoder {
    fn new() -> Self {
        let mut config = CodecConfig::empty();
        config.enable_vp9(true);
        Self {
            params: config.params()[0],
            stream: IncomingStream::default(),
            picture: 0,
            step: 0,
            sequence: 70_000,
            last: [0; 3],
            needs: HashMap::new(),
        }
    }

    fn encode(&mut self, is_keyframe: bool) -> Vec<Arc<Incoming>> {
        self.picture += 1;
        self.step = if is_keyframe { 0 } else { self.step + 1 };
        let temporal = PATTERN[self.step % PATTERN.len()];
        let mut packets = Vec::new();
        for spatial in 0..SPATIAL {
            let mut needs: Vec<Name> = Vec::new();
            if !is_keyframe {
                let below = self.last[..usize::from(temporal.max(1))].iter();
                let below = below.filter(|picture| **picture >= self.last[0]);
                needs.extend(below.map(|picture| (*picture, spatial)));
            }
            if let Some(below) = spatial.checked_sub(1) {
                needs.push((self.picture, below));
            }
            self.needs.insert((self.picture, spatial), needs);
            packets.extend((0..PARTS).map(|part| self.packet(spatial, temporal, part, is_keyframe)));
        }
        if is_keyframe {
            self.last = [self.picture; 3];
        }
        self.last[usize::from(temporal)] = self.picture;
        packets
    }

    fn packet(&mut self, spatial: u8, temporal: u8, part: u64, is_keyframe: bool) -> Arc<Incoming> {
        let [high, low] = (self.picture as u16 | 0x8000).to_be_bytes();
        let flags = 0xa0 | u8::from(!is_keyframe) << 6 | u8::from(part == 0) << 3 | u8::from(part + 1 == PARTS) << 2;
        let layers = temporal << 5 | 0x10 | spatial << 1 | u8::from(spatial > 0);
        let packet = Packet {
            seq_no: self.sequence.into(),
            header: RtpHeader {
                marker: spatial + 1 == SPATIAL && part + 1 == PARTS,
                payload_type: 98.into(),
                timestamp: self.picture * 3_000,
                ssrc: 7.into(),
                ..RtpHeader::default()
            },
            payload: [flags, high, low, layers, 0, 9].into(),
            timestamp: Instant::now(),
            report: None,
        };
        self.sequence += 1;
        let now = Instant::now();
        Arc::new(Incoming::new(packet, self.params, now, &mut self.stream))
    }
}

/// What was sent.
struct Course {
    encoder: Encoder,
    stream: OutgoingStream,
    sent: Vec<(u64, Name, bool)>,
    needs_keyframe: bool,
}

impl Course {
    fn step(&mut self, is_lost: impl Fn() -> bool) {
        let is_keyframe = std::mem::take(&mut self.needs_keyframe);
        for incoming in self.encoder.encode(is_keyframe) {
            if is_lost() {
                continue;
            }
            match self.stream.prepare(Instant::now(), &incoming, || Some(Pt::from(98))) {
                Prepared::Write(outgoing) => {
                    let name = (incoming.packet.header.timestamp / 3_000, incoming.place.spatial);
                    self.sent.push((outgoing.sequence, name, outgoing.marker));
                }
                Prepared::NeedsKeyframe => self.needs_keyframe = true,
                Prepared::NoCommonCodec | Prepared::Drop => {}
            }
        }
    }

    /// The spatial and temporal layers of the last pictures that were sent.
    fn layers(&self, pictures: usize) -> HashSet<u8> {
        let latest = self.sent.iter().rev().take(pictures);
        latest.map(|(_, (_, spatial), _)| *spatial).collect()
    }
}

fn course() -> Course {
    Course {
        encoder: Encoder::new(),
        stream: OutgoingStream::default(),
        sent: Vec::new(),
        needs_keyframe: true,
    }
}

#[test]
fn what_is_sent_can_be_decoded_and_each_picture_ends() {
    let mut rng = fastrand::Rng::with_seed(400);
    let mut course = course();
    for _ in 0..12_000 {
        if rng.u8(..6) == 0 {
            let spatial = *rng.choice(&[0, 1, u8::MAX]).unwrap();
            let temporal = *rng.choice(&[0, 1, u8::MAX]).unwrap();
            course.stream.limit(Limit { spatial, temporal });
        }
        course.step(|| false);
    }
    let numbers: Vec<u64> = course.sent.iter().map(|(number, ..)| *number).collect();
    assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1), "a gap");
    let sent: HashSet<Name> = course.sent.iter().map(|(_, name, _)| *name).collect();
    for name in &sent {
        let needs = &course.encoder.needs[name];
        assert!(needs.iter().all(|need| sent.contains(need)), "{name:?} needs {needs:?}");
    }
    // The last packet of each picture has the marker, and no other one.
    for pair in course.sent.windows(2) {
        let [(_, (picture, _), marker), (_, (next, _), _)] = pair else {
            unreachable!()
        };
        assert_eq!(*marker, picture != next, "{pair:?}");
    }
    let of_layer = |layer| sent.iter().filter(|(_, spatial)| *spatial == layer).count();
    assert!([0, 1, 2].map(of_layer).windows(2).all(|pair| pair[0] > pair[1] + 500));
}

#[test]
fn less_is_sent_at_once_and_a_larger_picture_from_a_keyframe_on() {
    let mut course = course();
    let all = |spatial| Limit {
        spatial,
        temporal: u8::MAX,
    };
    course.step(|| false);
    course.step(|| false);
    assert_eq!(course.layers(6), HashSet::from([0, 1, 2]));
    course.stream.limit(all(0));
    course.step(|| false);
    assert_eq!((course.layers(2), course.needs_keyframe), (HashSet::from([0]), false));
    course.stream.limit(all(1));
    course.step(|| false);
    assert_eq!((course.layers(2), course.needs_keyframe), (HashSet::from([0]), true));
    course.step(|| false);
    assert_eq!(
        (course.layers(4), course.needs_keyframe),
        (HashSet::from([0, 1]), false)
    );
}

#[test]
fn losses_on_the_way_leave_no_gap_of_their_own() {
    let rng = std::cell::RefCell::new(fastrand::Rng::with_seed(401));
    let mut course = course();
    for step in 0..4_000 {
        if step % 5 == 0 {
            let spatial = *rng.borrow_mut().choice(&[0, 1, u8::MAX]).unwrap();
            course.stream.limit(Limit {
                spatial,
                temporal: u8::MAX,
            });
        }
        course.step(|| rng.borrow_mut().f64() < 0.05);
    }
    let numbers: Vec<u64> = course.sent.iter().map(|(number, ..)| *number).collect();
    let lost = numbers.windows(2).map(|pair| pair[1] - pair[0] - 1).sum::<u64>();
    assert!(numbers.windows(2).all(|pair| pair[1] > pair[0]) && lost > 500);
    // Of a picture that was left out nothing is missed.
    assert!(
        (lost as f64) < 0.07 * (numbers.len() as f64 * 2.0),
        "{lost} of {}",
        numbers.len()
    );
}
