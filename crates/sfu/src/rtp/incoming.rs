//! A packet of a publisher.

use std::sync::Arc;
use std::time::Instant;

use str0m::format::{Codec, PayloadParams};
use str0m::rtp::{RtpPacket, Vp8Descriptor};

use super::descriptor::Descriptor;
use super::payload::is_keyframe;

/// A publisher's packet, parsed once for all subscribers.
#[derive(Debug)]
pub(crate) struct Incoming {
    /// The packet.
    pub(crate) packet: RtpPacket,
    /// The publisher's format.
    pub(crate) params: PayloadParams,
    /// When it was captured, on the server's clock.
    pub(crate) captured: Instant,
    /// Whether a decoder can begin with it.
    pub(crate) is_keyframe: bool,
    /// The payload descriptor, if it is VP8.
    pub(crate) vp8: Option<Vp8Descriptor>,
    /// The audio level, as the extension has it (RFC 6464).
    pub(crate) level: Option<u8>,
    /// The orientation of the video, as the extension has it.
    pub(crate) orientation: Option<u8>,
    /// The dependency descriptor, if it is AV1.
    pub(crate) descriptor: Option<Arc<Descriptor>>,
}

impl Incoming {
    /// Parses a packet.
    pub(crate) fn new(packet: RtpPacket, params: PayloadParams, captured: Instant) -> Self {
        let codec = params.spec().codec;
        let vp8 = (codec == Codec::Vp8)
            .then(|| Vp8Descriptor::parse(&packet.payload).ok())
            .flatten();
        let extensions = &packet.header.ext_vals;
        let level = extensions.audio_level.zip(extensions.voice_activity);
        Self {
            level: level.map(|(level, voice)| u8::from(voice) << 7 | (level.unsigned_abs() & 0x7f)),
            orientation: extensions.video_orientation.map(|orientation| orientation as u8),
            // Other codecs say by themselves what a frame needs.
            descriptor: (codec == Codec::Av1).then(|| Descriptor::of(extensions)).flatten(),
            is_keyframe: is_keyframe(codec, &packet.payload),
            packet,
            params,
            captured,
            vp8,
        }
    }
}
