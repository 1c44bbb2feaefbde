//! A packet of a publisher.

use std::sync::Arc;
use std::time::Instant;

use str0m::format::{Codec, PayloadParams};

use super::descriptor::Descriptor;
use super::packet::Packet;
use super::payload::is_keyframe;
use super::pictures::Pictures;
use super::place::Place;
use super::structure::Structures;
use super::vp8::{self, keyframe_height};
use super::vp9;

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
    /// The payload descriptor, if it is VP8.
    pub(crate) vp8: Option<vp8::Descriptor>,
    /// Its picture id, extended: it does not wrap.
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
        let height = vp8
            .filter(|_| is_keyframe)
            .and_then(|vp8| keyframe_height(&packet.payload, &vp8));
        let place = by_descriptor
            .or(vp8.map(|vp8| vp8.place()))
            .or(vp9.as_ref().map(|vp9| vp9.place));
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
            picture: vp8.and_then(|vp8| stream.pictures.extend(&vp8)),
            is_keyframe,
            packet,
            params,
            captured,
            vp8,
        }
    }
}
