//! A packet of a publisher.

use std::sync::Arc;
use std::time::Instant;

use str0m::format::{Codec, PayloadParams};

use super::descriptor::Descriptor;
use super::numbers::Numbers;
use super::packet::Packet;
use super::payload::is_keyframe;
use super::pictures::Pictures;
use super::place::Place;
use super::structure::Structures;
use super::{h264, vp8, vp9};

/// A publisher's packet, parsed once for all subscribers.
#[derive(Debug)]
pub(crate) struct Incoming {
    /// The packet.
    pub(crate) packet: Packet,
    /// The publisher's format.
    pub(crate) params: PayloadParams,
    /// When it was captured, on the server's clock.
    pub(crate) captured: Instant,
    /// Whether a decoder can begin with it.
    pub(crate) is_keyframe: bool,
    /// Where it is among the layers inside of its stream.
    pub(crate) place: Place,
    /// The numbers of its picture, if it is VP8 or VP9.
    pub(crate) numbers: Option<Numbers>,
    /// Its picture id, extended, if it is VP8: pictures that are left out leave no gap there.
    pub(crate) picture: Option<u64>,
    /// It is the last one of its picture in its spatial layer.
    pub(crate) ends_layer: bool,
    /// The heights of the picture in pixels, the lowest spatial layer first, where it says them.
    pub(crate) heights: Vec<u32>,
    /// The audio level, as the extension has it (RFC 6464).
    pub(crate) level: Option<u8>,
    /// The orientation of the video, as the extension has it.
    pub(crate) orientation: Option<u8>,
    /// The dependency descriptor, if it is AV1.
    pub(crate) descriptor: Option<Arc<Descriptor>>,
}

/// What is known of a stream, by which its packets are read.
#[derive(Debug, Default)]
pub(crate) struct IncomingStream {
    pictures: Pictures,
    structures: Structures,
}

impl Incoming {
    /// Parses a packet of a stream.
    pub(crate) fn new(packet: Packet, params: PayloadParams, captured: Instant, stream: &mut IncomingStream) -> Self {
        let codec = params.spec().codec;
        let vp8 = (codec == Codec::Vp8)
            .then(|| vp8::Descriptor::parse(&packet.payload))
            .flatten();
        let vp9 = (codec == Codec::Vp9)
            .then(|| vp9::Descriptor::parse(&packet.payload))
            .flatten();
        let is_keyframe = match &vp9 {
            Some(vp9) => vp9.begins_keyframe(),
            None => is_keyframe(codec, &packet.payload),
        };
        let extensions = &packet.header.ext_vals;
        // Other codecs say by themselves what a frame needs.
        let descriptor = (codec == Codec::Av1).then(|| Descriptor::of(extensions)).flatten();
        let by_descriptor = descriptor
            .as_ref()
            .map(|descriptor| stream.structures.place(descriptor));
        let height = match (codec, &vp8) {
            (Codec::H264, _) => h264::height(&packet.payload),
            (_, Some(vp8)) if is_keyframe => vp8::keyframe_height(&packet.payload, vp8),
            _ => None,
        };
        let place = by_descriptor
            .or(vp8.map(|vp8| vp8.place()))
            .or(vp9.as_ref().map(|vp9| vp9.place));
        let came = match (&vp8, &vp9) {
            (Some(vp8), _) => vp8.picture(),
            (None, Some(vp9)) => vp9.picture,
            (None, None) => None,
        };
        let picture = came.map(|came| stream.pictures.extend(came));
        let numbers = match (&vp8, &vp9) {
            (Some(vp8), _) => Some(vp8.numbers(picture)),
            (None, Some(vp9)) => Some(vp9.numbers(picture)),
            (None, None) => None,
        };
        let level = extensions.audio_level.zip(extensions.voice_activity);
        Self {
            level: level.map(|(level, voice)| u8::from(voice) << 7 | (level.unsigned_abs() & 0x7f)),
            orientation: extensions.video_orientation.map(|orientation| orientation as u8),
            ends_layer: descriptor.as_ref().is_some_and(|descriptor| descriptor.ends_frame())
                || vp9.as_ref().is_some_and(|vp9| vp9.ends),
            heights: match (&descriptor, vp9) {
                (Some(descriptor), _) => stream.structures.heights(descriptor),
                (None, Some(vp9)) => vp9.heights,
                (None, None) => height.into_iter().collect(),
            },
            descriptor,
            place: place.unwrap_or_default(),
            picture: picture.filter(|_| vp8.is_some()),
            numbers,
            is_keyframe,
            packet,
            params,
            captured,
        }
    }
}

/// Puts other numbers into the payload of a codec.
pub(crate) fn renumber(codec: Codec, payload: &mut [u8], numbers: Numbers) {
    match codec {
        Codec::Vp9 => vp9::renumber(payload, numbers),
        _ => vp8::renumber(payload, numbers),
    }
}
