//! A publisher's encoder of VP8, VP9 or AV1 with temporal layers, as browsers have them.

use std::collections::HashMap;
use std::time::{Duration, Instant, SystemTime};

use str0m::rtp::{ExtensionValues, RtpHeader};

use crate::rtp::{Descriptor, Packet, Report};

/// The temporal layers of frames, and whether each depends on the base layer alone. With three, as libvpx has them.
const ONE: &[(u8, bool)] = &[(0, false)];
const TWO: &[(u8, bool)] = &[(0, false), (1, true), (0, false), (1, false)];
const THREE: &[(u8, bool)] = &[
    (0, false),
    (2, true),
    (1, true),
    (2, false),
    (0, false),
    (2, false),
    (1, false),
    (2, false),
];

/// With VP9 and AV1 all frames but the last of these depend on the base layer alone, and that one on those below it.
const THREE_OF_OTHERS: &[(u8, bool)] = &[(0, false), (2, true), (1, true), (2, false)];

/// The structure of three temporal layers, as libwebrtc describes them: templates of the layers 0, 0, 1, 2 and 2, and what
/// they are to three decode targets, in two bits each.
const LAYERS_OF_AV1: [u8; 5] = [0, 1, 1, 0, 3];
const TARGETS_OF_AV1: [[u8; 3]; 5] = [[2, 2, 2], [2, 2, 2], [0, 1, 2], [0, 0, 1], [0, 0, 1]];

/// How frames say what they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Syntax {
    /// With picture ids of 15 bits, or of 7.
    Vp8 { is_wide: bool },
    /// Where each frame of the base layer says that what follows needs nothing of before.
    Vp9,
    /// With the first template of its structure, which is another one at each keyframe.
    Av1 { template: u8 },
}

/// What a decoder needs of a frame.
#[derive(Debug)]
pub(in crate::router) struct Frame {
    pub(super) temporal: u8,
    /// The timestamps of the frames that it depends on.
    pub(super) needs: Vec<u32>,
    /// Its sequence numbers.
    pub(super) packets: std::ops::Range<u64>,
    pub(super) tl0: u8,
    pub(super) picture: u64,
}

/// The encoder of one encoding.
pub(in crate::router) struct Encoder {
    pub(super) rid: &'static str,
    pub(super) ssrc: u32,
    height: u16,
    syntax: Syntax,
    pattern: &'static [(u8, bool)],
    /// Frames since the last keyframe.
    step: usize,
    /// The last frame of each temporal layer.
    last: Vec<u32>,
    packets: u64,
    sequence: u64,
    pub(in crate::router) timestamp: u32,
    report: (SystemTime, u32),
    picture: u64,
    tl0: u8,
    key: u8,
    pub(in crate::router) keyframe: bool,
    pub(in crate::router) is_on: bool,
    /// All that were encoded, by their timestamps.
    pub(super) frames: HashMap<u32, Frame>,
}

impl Encoder {
    pub(in crate::router) fn new(rng: &mut fastrand::Rng, index: usize, is_wide: bool) -> Self {
        let timestamp = rng.u32(..);
        Self {
            rid: ["q", "h", "f"][index],
            ssrc: 100 + index as u32,
            height: 180 << index,
            syntax: Syntax::Vp8 { is_wide },
            pattern: ONE,
            step: 0,
            last: Vec::new(),
            packets: [1, 2, 4][index],
            sequence: rng.u64(1_000..70_000),
            timestamp,
            report: (SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000), timestamp),
            picture: rng.u64(..0x8000),
            tl0: rng.u8(..),
            key: rng.u8(..32),
            keyframe: true,
            is_on: true,
            frames: HashMap::new(),
        }
    }

    /// With so many temporal layers, 1 to 3.
    pub(in crate::router) fn with_temporal_layers(mut self, layers: usize) -> Self {
        self.pattern = [ONE, TWO, THREE][layers - 1];
        self
    }

    /// Of AV1, with three temporal layers.
    pub(super) fn of_av1(mut self) -> Self {
        (self.pattern, self.syntax) = (THREE_OF_OTHERS, Syntax::Av1 { template: 0 });
        self
    }

    /// Of VP9, with three temporal layers.
    pub(super) fn of_vp9(mut self) -> Self {
        (self.pattern, self.syntax) = (THREE_OF_OTHERS, Syntax::Vp9);
        self
    }

    /// The packets of the next frame.
    pub(in crate::router) fn encode(&mut self) -> Vec<Packet> {
        let is_keyframe = std::mem::take(&mut self.keyframe);
        if is_keyframe {
            self.step = 0;
            if let Syntax::Av1 { template } = &mut self.syntax {
                *template = (*template + 5) % 64;
            }
        }
        let (temporal, is_synced) = self.pattern[self.step % self.pattern.len()];
        self.step += 1;
        self.picture += 1;
        self.tl0 = self.tl0.wrapping_add(u8::from(temporal == 0));
        self.key = self.key.wrapping_add(u8::from(is_keyframe)) & 0x1f;
        self.note(temporal, is_synced, is_keyframe);
        let layer = temporal << 6 | u8::from(is_synced) << 5;
        let frame = (0..self.packets).map(|part| self.packet(part, layer, is_keyframe));
        let frame = frame.collect();
        self.sequence += self.packets;
        frame
    }

    fn note(&mut self, temporal: u8, is_synced: bool, is_keyframe: bool) {
        let needs = match (is_keyframe, is_synced) {
            (true, _) => Vec::new(),
            (false, true) => self.last[..1].to_vec(),
            (false, false) if matches!(self.syntax, Syntax::Vp8 { .. }) => self.last[..=usize::from(temporal)].to_vec(),
            (false, false) => self.last[..usize::from(temporal.max(1))].to_vec(),
        };
        let frame = Frame {
            temporal,
            needs,
            packets: self.sequence..self.sequence + self.packets,
            tl0: self.tl0,
            picture: self.picture,
        };
        self.frames.insert(self.timestamp, frame);
        if is_keyframe {
            self.last = vec![self.timestamp; 3];
        }
        self.last[usize::from(temporal)] = self.timestamp;
    }

    /// The descriptor of a packet of AV1. The first of a keyframe has the structure.
    fn descriptor(&self, part: u64, template: u8, layer: u8, is_keyframe: bool) -> Descriptor {
        let index = match layer >> 6 {
            0 => u8::from(!is_keyframe),
            temporal => temporal + 1,
        };
        let [high, low] = (self.picture as u16).to_be_bytes();
        let [begins, ends] = [part == 0, part + 1 == self.packets].map(u8::from);
        let id = (template + index) % 64;
        let mut bytes = vec![begins << 7 | ends << 6 | id, high, low];
        if is_keyframe && part == 0 {
            // A structure of six bits of offset and five of the number of decode targets.
            let mut bits = vec![true, false, false, false, false];
            let mut add = |value: u8, count: usize| bits.extend((0..count).rev().map(|bit| value >> bit & 1 == 1));
            add(template, 6);
            add(2, 5);
            LAYERS_OF_AV1.into_iter().for_each(|next| add(next, 2));
            TARGETS_OF_AV1.into_iter().flatten().for_each(|target| add(target, 2));
            let octets = bits.chunks(8);
            bytes.extend(
                octets.map(|octet| (0..8).fold(0, |all, at| all << 1 | u8::from(octet.get(at) == Some(&true)))),
            );
        }
        Descriptor::read(&bytes).expect("it has its mandatory fields")
    }

    fn payload(&self, part: u64, layer: u8, is_keyframe: bool) -> Vec<u8> {
        let [high, low] = (self.picture as u16 | 0x8000).to_be_bytes();
        let [begins, ends] = [part == 0, part + 1 == self.packets].map(u8::from);
        match self.syntax {
            // The aggregation header says that a video begins.
            Syntax::Av1 { .. } => vec![0x10 | (u8::from(is_keyframe) & begins) << 3, 0x30, 7],
            Syntax::Vp9 => {
                let temporal = layer >> 6;
                let layers = temporal << 5 | u8::from(temporal == 0) << 4;
                let flags = 0xa0 | u8::from(!is_keyframe) << 6 | begins << 3 | ends << 2;
                vec![flags, high, low, layers, self.tl0, 7]
            }
            Syntax::Vp8 { is_wide } => {
                let mut payload = vec![0x80 | begins << 4, 0xf0];
                if is_wide {
                    payload.extend([high, low]);
                } else {
                    payload.push(low & 0x7f);
                }
                payload.extend([self.tl0, layer | self.key]);
                let [low, high] = self.height.to_le_bytes();
                payload.extend([u8::from(!is_keyframe), 0, 0, 0x9d, 0x01, 0x2a, 0, 1, low, high, 7]);
                payload
            }
        }
    }

    fn packet(&self, part: u64, layer: u8, is_keyframe: bool) -> Packet {
        let payload = self.payload(part, layer, is_keyframe);
        let mut ext_vals = ExtensionValues {
            rid: Some(self.rid.into()),
            ..ExtensionValues::default()
        };
        if let Syntax::Av1 { template } = self.syntax {
            ext_vals
                .user_values
                .set(self.descriptor(part, template, layer, is_keyframe));
        }
        let (ntp_time, rtp_time) = self.report;
        Packet {
            seq_no: (self.sequence + part).into(),
            header: RtpHeader {
                marker: part + 1 == self.packets,
                payload_type: 96.into(),
                sequence_number: (self.sequence + part) as u16,
                timestamp: self.timestamp,
                ssrc: self.ssrc.into(),
                ext_vals,
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
