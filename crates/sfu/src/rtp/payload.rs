//! Payload types and formats: the same codec may have another payload type at each peer.

use str0m::format::{
    Codec, CodecConfig, PayloadParams, detect_av1_keyframe, detect_h264_keyframe, detect_vp8_keyframe,
};
use str0m::media::Pt;

use super::vp9;

/// Whether a decoder can begin with this packet. With audio it always can.
pub(crate) fn is_keyframe(codec: Codec, payload: &[u8]) -> bool {
    match codec {
        Codec::Vp8 => detect_vp8_keyframe(payload),
        Codec::Vp9 => vp9::Descriptor::parse(payload).is_some_and(|descriptor| descriptor.begins_keyframe()),
        Codec::H264 => detect_h264_keyframe(payload) || begins_with_parameters(payload),
        Codec::Av1 => detect_av1_keyframe(payload),
        _ => true,
    }
}

/// H.264 parameter sets (NAL unit type 7) may precede the picture in a packet of their own (RFC 6184 section 5.2).
fn begins_with_parameters(payload: &[u8]) -> bool {
    payload.first().is_some_and(|first| first & 0x1f == 7)
}

/// The payload type under which a subscriber takes a publisher's format; `None` if it cannot decode it.
///
/// H.264 is matched by profile and packetization mode, else by packetization mode alone: decoders take more profiles than
/// they announce.
pub(crate) fn matching_payload(source: &PayloadParams, subscriber: &CodecConfig, accepted: &[Pt]) -> Option<Pt> {
    let usable = || {
        subscriber
            .params()
            .iter()
            .filter(|params| accepted.contains(&params.pt()))
    };
    let codec = source.spec().codec;
    let same_format = |params: &&PayloadParams| params.spec().format == source.spec().format;
    let same_codec = || usable().filter(|params| params.spec().codec == codec);
    let exact = same_codec().find(same_format);
    let found = match codec {
        Codec::H264 => exact
            .or_else(|| {
                same_codec().find(|p| packetization(p) == packetization(source) && profile(p) == profile(source))
            })
            .or_else(|| same_codec().find(|p| packetization(p) == packetization(source))),
        Codec::Vp9 | Codec::Av1 => {
            exact.or_else(|| same_codec().find(|p| p.spec().format.profile_id == source.spec().format.profile_id))
        }
        _ => exact.or_else(|| same_codec().next()),
    };
    found.map(PayloadParams::pt)
}

fn packetization(params: &PayloadParams) -> u8 {
    params.spec().format.packetization_mode.unwrap_or(0)
}

/// profile_idc and the constraint flags; the level is left out (RFC 6184 section 8.1).
fn profile(params: &PayloadParams) -> u32 {
    params.spec().format.profile_level_id.unwrap_or(0x42_00_0a) >> 8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(modes: &[(u8, bool, u32)]) -> CodecConfig {
        let mut config = CodecConfig::empty();
        for (pt, mode, profile) in modes {
            config.add_h264((*pt).into(), None, *mode, *profile);
        }
        config
    }

    fn matched(source: (u8, bool, u32), at: &[(u8, bool, u32)]) -> Option<u8> {
        let accepted: Vec<Pt> = at.iter().map(|(pt, ..)| (*pt).into()).collect();
        matching_payload(&config(&[source]).params()[0], &config(at), &accepted).map(|pt| *pt)
    }

    #[test]
    fn h264_by_profile_then_by_packetization() {
        let source = (100, true, 0x42e01f);
        assert_eq!(
            matched(
                source,
                &[(1, false, 0x42e01f), (2, true, 0x64001f), (3, true, 0x42e034)]
            ),
            Some(3)
        );
        assert_eq!(matched(source, &[(1, false, 0x42e01f), (2, true, 0x64001f)]), Some(2));
        assert_eq!(matched(source, &[(1, false, 0x42e01f)]), None);
    }

    #[test]
    fn only_accepted_payload_types_are_used() {
        let source = config(&[(100, true, 0x42e01f)]);
        let at = config(&[(1, true, 0x42e01f)]);
        assert_eq!(matching_payload(&source.params()[0], &at, &[]), None);
    }

    #[test]
    fn decoding_begins_at_keyframes() {
        assert!(is_keyframe(Codec::Opus, &[]));
        assert!(is_keyframe(Codec::H264, &[0x67, 1, 2]));
        assert!(!is_keyframe(Codec::H264, &[0x41, 1, 2]));
        assert!(!is_keyframe(Codec::Vp8, &[]));
        assert!(is_keyframe(Codec::Vp9, &[0x88, 0]));
        assert!(!is_keyframe(Codec::Vp9, &[0x80, 0]) && !is_keyframe(Codec::Vp9, &[0xc8, 0]));
        assert!(is_keyframe(Codec::Vp8, &[0x10, 0]));
        assert!(!is_keyframe(Codec::Vp8, &[0x10, 1]));
    }
}
