//! Entry points for fuzzers into parsers behind the public interface. Not part of it.

use str0m::format::Codec;
use str0m::rtp::Vp8Descriptor;

use crate::demux;
use crate::rtp::{PictureIds, is_keyframe};

/// Classifies a datagram.
pub fn classify(packet: &[u8]) {
    // Only whether it panics is of interest.
    let _ = demux::classify(packet);
}

/// Takes payloads one after the other for a stream whose source changes at every third.
pub fn rtp_payloads(payloads: &[&[u8]]) {
    let mut pictures = PictureIds::default();
    for (index, payload) in payloads.iter().enumerate() {
        for codec in [Codec::Vp8, Codec::Vp9, Codec::H264, Codec::Av1, Codec::Opus] {
            is_keyframe(codec, payload);
        }
        if index % 3 == 2 {
            pictures.change_source();
        }
        if let Ok(descriptor) = Vp8Descriptor::parse(payload) {
            pictures.packet(&descriptor, index == 0);
        }
    }
}
