//! An RTP packet as bytes again (RFC 3550 section 5.1), for recordings.

use str0m::rtp::{ExtensionValues, RtpHeader};

use crate::tap::{AUDIO_LEVEL, VIDEO_ORIENTATION};

/// The profile of one-byte extension headers (RFC 8285 section 4.2).
const ONE_BYTE: [u8; 2] = [0xbe, 0xde];

/// The packet with the numbers that its sender gave it. Of its extensions it has the audio level and the video orientation.
/// Padding is left out: a packet of nothing else is a header.
pub(crate) fn serialize(header: &RtpHeader, payload: &[u8]) -> Vec<u8> {
    let sources = header.csrc.get(..header.csrc_count).unwrap_or_default();
    let extensions = extensions(&header.ext_vals);
    let mut packet = Vec::with_capacity(12 + 4 * sources.len() + 8 + payload.len());
    packet.push(0x80 | u8::from(extensions.is_some()) << 4 | sources.len() as u8);
    packet.push(u8::from(header.marker) << 7 | *header.payload_type);
    packet.extend(header.sequence_number.to_be_bytes());
    packet.extend(header.timestamp.to_be_bytes());
    packet.extend(header.ssrc.to_be_bytes());
    packet.extend(sources.iter().flat_map(|source| source.to_be_bytes()));
    if let Some(extensions) = extensions {
        packet.extend(ONE_BYTE);
        packet.extend([0, 1]);
        packet.extend(extensions);
    }
    packet.extend_from_slice(payload);
    packet
}

/// The elements of the extensions that are kept, in one word. Both have one byte of data, whose length is written as 0.
fn extensions(values: &ExtensionValues) -> Option<[u8; 4]> {
    let level = values.audio_level.map(|level| {
        let voice = values.voice_activity == Some(true);
        [AUDIO_LEVEL << 4, u8::from(voice) << 7 | (level.unsigned_abs() & 0x7f)]
    });
    let orientation = values
        .video_orientation
        .map(|orientation| [VIDEO_ORIENTATION << 4, orientation as u8]);
    match (level, orientation) {
        (None, None) => None,
        (Some([a, b]), Some([c, d])) => Some([a, b, c, d]),
        (Some([a, b]), None) | (None, Some([a, b])) => Some([a, b, 0, 0]),
    }
}

#[cfg(test)]
mod tests {
    use str0m::rtp::VideoOrientation;

    use super::*;

    fn header() -> RtpHeader {
        RtpHeader {
            marker: true,
            payload_type: 96.into(),
            sequence_number: 0x1234,
            timestamp: 0x5678_9abc,
            ssrc: 0xdef0_1234.into(),
            ..Default::default()
        }
    }

    const PLAIN: [u8; 12] = [0x80, 0xe0, 0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde, 0xf0, 0x12, 0x34];

    #[test]
    fn a_header_without_extensions_has_twelve_bytes() {
        assert_eq!(serialize(&header(), &[]), PLAIN);
        let packet = serialize(&header(), &[7, 8]);
        assert_eq!((&packet[..12], &packet[12..]), (&PLAIN[..], &[7, 8][..]));
    }

    #[test]
    fn level_and_orientation_have_fixed_ids() {
        let mut header = header();
        header.ext_vals.audio_level = Some(-37);
        header.ext_vals.voice_activity = Some(true);
        header.ext_vals.transport_cc = Some(9);
        let packet = serialize(&header, &[7]);
        assert_eq!(packet[0], 0x90);
        assert_eq!(packet[12..], [0xbe, 0xde, 0, 1, 0x10, 0x80 | 37, 0, 0, 7]);
        header.ext_vals.voice_activity = Some(false);
        header.ext_vals.video_orientation = Some(VideoOrientation::Deg90);
        assert_eq!(
            serialize(&header, &[])[12..],
            [0xbe, 0xde, 0, 1, 0x10, 37, 0x20, VideoOrientation::Deg90 as u8]
        );
        header.ext_vals = ExtensionValues::default();
        header.ext_vals.video_orientation = Some(VideoOrientation::Deg180);
        assert_eq!(serialize(&header, &[])[16..], [0x20, 2, 0, 0]);
    }

    #[test]
    fn contributing_sources_and_padding() {
        let mut header = header();
        (header.csrc_count, header.csrc[0], header.csrc[1]) = (2, 1, 0x0203_0405);
        header.has_padding = true;
        let packet = serialize(&header, &[7]);
        assert_eq!(packet[0], 0x82, "no padding follows");
        assert_eq!(packet[12..], [0, 0, 0, 1, 2, 3, 4, 5, 7]);
    }
}
