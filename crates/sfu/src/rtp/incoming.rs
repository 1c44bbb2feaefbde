//! A packet of a publisher.

use std::time::Instant;

use str0m::format::{Codec, PayloadParams};
use str0m::rtp::{RtpPacket, Vp8Descriptor};

use super::payload::is_keyframe;
use super::vp8::keyframe_height;

/// A publisher's packet, parsed once for all subscribers.
pub(crate) struct Incoming<'a> {
    /// The packet.
    pub(crate) packet: &'a RtpPacket,
    /// The publisher's format.
    pub(crate) params: PayloadParams,
    /// When it was captured, on the server's clock.
    pub(crate) captured: Instant,
    /// Whether a decoder can begin with it.
    pub(crate) is_keyframe: bool,
    /// The payload descriptor, if it is VP8.
    pub(crate) vp8: Option<Vp8Descriptor>,
    /// The height of the picture, where a keyframe of VP8 says it.
    pub(crate) height: Option<u32>,
}

impl<'a> Incoming<'a> {
    /// Parses a packet.
    pub(crate) fn new(packet: &'a RtpPacket, params: PayloadParams, captured: Instant) -> Self {
        let codec = params.spec().codec;
        let vp8 = (codec == Codec::Vp8)
            .then(|| Vp8Descriptor::parse(&packet.payload).ok())
            .flatten();
        let is_keyframe = is_keyframe(codec, &packet.payload);
        Self {
            packet,
            params,
            captured,
            is_keyframe,
            height: (is_keyframe && codec == Codec::Vp8)
                .then(|| keyframe_height(&packet.payload))
                .flatten(),
            vp8,
        }
    }
}
