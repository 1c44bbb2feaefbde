//! Entry points for fuzzers into parsers behind the public interface. Not part of it.

use std::time::Instant;

use str0m::format::Codec;

use crate::congestion::Control;
use crate::demux;
use crate::receiving::Stream;
use crate::rtp::{
    Descriptor, Feedback, Header, PictureIds, Pictures, Structures, Vp8Descriptor, Vp9Descriptor, is_keyframe,
    renumber, transport_feedback,
};

/// Classifies a datagram, and looks for each header extension that it may have.
pub fn classify(packet: &[u8]) {
    // Only whether it panics, and how long it takes, is of interest.
    let _ = demux::classify(packet);
    if let Some(header) = Header::parse(packet) {
        let _ = (0..=u8::MAX).filter_map(|id| header.extension(id)).count();
    }
}

/// Takes payloads one after the other for a stream whose source changes at every third; each is taken for a dependency
/// descriptor, too.
pub fn rtp_payloads(payloads: &[&[u8]]) {
    let mut structures = Structures::default();
    let (mut came, mut pictures) = (Pictures::default(), PictureIds::default());
    for (index, payload) in payloads.iter().enumerate() {
        for codec in [Codec::Vp8, Codec::Vp9, Codec::H264, Codec::Av1, Codec::Opus] {
            is_keyframe(codec, payload);
        }
        if index % 3 == 2 {
            pictures.change_source();
        }
        if let Some(descriptor) = Descriptor::read(payload) {
            structures.place(&descriptor);
        }
        let mut go_on = |codec, numbers| renumber(codec, &mut payload.to_vec(), pictures.packet(numbers, index == 0));
        if let Some(vp8) = Vp8Descriptor::parse(payload) {
            let picture = vp8.picture().map(|picture| came.extend(picture));
            go_on(Codec::Vp8, vp8.numbers(picture));
        }
        if let Some(vp9) = Vp9Descriptor::parse(payload) {
            let picture = vp9.picture.map(|picture| came.extend(picture));
            go_on(Codec::Vp9, vp9.numbers(picture));
        }
    }
}

/// Reads a compound RTCP packet as a peer does after decryption (RFC 3550 section 6.1).
pub fn feedback(compound: &[u8]) {
    let feedback = Feedback::read(compound);
    let mut stream = Stream::default();
    for (_, ntp, rtp) in feedback.sent {
        stream.reported(Instant::now(), ntp, rtp);
    }
    let now = Instant::now();
    let mut control = Control::new(now);
    (0..1_024).for_each(|_| control.depart(now, 1_200, true));
    control.reported(now, transport_feedback(compound));
    if let Some(bits) = feedback.estimate {
        control.estimated_by_client(now, bits);
    }
}
