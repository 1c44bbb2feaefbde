//! Janus' recording format, version 2 (`MJR00002`), as its `record.c` writes and `janus-pp-rec` reads it: big-endian numbers, a
//! JSON header, then a frame for each RTP packet with the milliseconds since the first.

use std::collections::BTreeMap;

use serde::Serialize;
use sfu::{AUDIO_LEVEL, MediaKind, TapFormat, VIDEO_ORIENTATION};

const MAGIC: &[u8] = b"MJR00002";
const FRAME: &[u8] = b"MEET";

/// Longest JSON header: `janus-pp-rec` has a buffer of 1,500 bytes for it.
const MAX_HEADER: usize = 1_400;

/// Bytes of a frame beside its packet.
pub(crate) const FRAME_BYTES: usize = 10;

/// Lengths of an RTP packet that fit: it has a fixed header of 12 bytes, and 16 bits for its length.
pub(crate) const PACKET_BYTES: std::ops::RangeInclusive<usize> = 12..=u16::MAX as usize;

#[derive(Serialize)]
struct Header<'a> {
    t: &'static str,
    c: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    f: &'a str,
    x: BTreeMap<u8, &'static str>,
    s: u64,
    u: u64,
}

/// The begin of a file whose first packet came at `wall`, in microseconds since 1970.
pub(crate) fn header(format: &TapFormat, wall: u64) -> Vec<u8> {
    let json = json(format, &format.fmtp, wall);
    let json = if json.len() > MAX_HEADER {
        self::json(format, "", wall) // the sidecar has the parameters, too
    } else {
        json
    };
    let length = u16::try_from(json.len()).unwrap_or(u16::MAX); // it is short
    [MAGIC, &length.to_be_bytes(), &json].concat()
}

fn json(format: &TapFormat, fmtp: &str, wall: u64) -> Vec<u8> {
    let (t, extension) = match format.kind {
        MediaKind::Audio => ("a", (AUDIO_LEVEL, "urn:ietf:params:rtp-hdrext:ssrc-audio-level")),
        MediaKind::Video => ("v", (VIDEO_ORIENTATION, "urn:3gpp:video-orientation")),
    };
    let header = Header {
        t,
        c: format.codec.to_ascii_lowercase(),
        f: fmtp,
        x: BTreeMap::from([extension]),
        s: wall,
        u: wall,
    };
    serde_json::to_vec(&header).expect("text and numbers")
}

/// Appends the frame of a packet that came `ms` milliseconds after the first. Its length is one of [`PACKET_BYTES`].
pub(crate) fn frame(file: &mut Vec<u8>, ms: u32, packet: &[u8]) {
    debug_assert!(PACKET_BYTES.contains(&packet.len()));
    file.reserve(FRAME_BYTES + packet.len());
    file.extend_from_slice(FRAME);
    file.extend_from_slice(&ms.to_be_bytes());
    file.extend_from_slice(&(packet.len() as u16).to_be_bytes());
    file.extend_from_slice(packet);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn format(kind: MediaKind, codec: &'static str, fmtp: &str) -> TapFormat {
        TapFormat {
            kind,
            codec,
            clock_rate: 48_000,
            channels: Some(2),
            fmtp: fmtp.to_owned(),
            ssrc: 1,
        }
    }

    fn text(header: &[u8]) -> &str {
        assert_eq!(&header[..8], b"MJR00002");
        assert_eq!(
            usize::from(u16::from_be_bytes([header[8], header[9]])),
            header.len() - 10
        );
        std::str::from_utf8(&header[10..]).unwrap()
    }

    #[test]
    fn headers_are_those_of_janus() {
        assert_eq!(
            text(&header(&format(MediaKind::Audio, "opus", "useinbandfec=1"), 7)),
            r#"{"t":"a","c":"opus","f":"useinbandfec=1","x":{"1":"urn:ietf:params:rtp-hdrext:ssrc-audio-level"},"s":7,"u":7}"#
        );
        assert_eq!(
            text(&header(&format(MediaKind::Video, "VP8", ""), 7)),
            r#"{"t":"v","c":"vp8","x":{"2":"urn:3gpp:video-orientation"},"s":7,"u":7}"#
        );
    }

    #[test]
    fn parameters_that_are_too_long_are_left_out() {
        let long = header(&format(MediaKind::Video, "H264", &"\"".repeat(1_000)), 7);
        assert!(!text(&long).contains("\"f\""));
    }

    #[test]
    fn a_frame_is_ten_bytes_and_the_packet() {
        let mut file = Vec::new();
        frame(&mut file, 258, &[9; 12]);
        assert_eq!(file[..FRAME_BYTES], *b"MEET\0\0\x01\x02\0\x0c");
        assert_eq!(file[FRAME_BYTES..], [9; 12]);
    }
}
