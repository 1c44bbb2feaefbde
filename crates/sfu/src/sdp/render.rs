//! Writes a client's SDP anew for the session, which knows one form only: bundled, secured RTP over UDP, each m-line with a
//! mid of letters and digits, at the place where it was first seen. It is not told what the client receives: for each such
//! m-line it would make a stream with buffers that nobody uses.

use std::collections::HashSet;
use std::fmt::Write;

use str0m::media::{Direction, MediaKind, Mid};

use super::checks::is_verifiable;
use super::feedback::KINDS;
use super::scan::{Scan, direction_line};
use super::section::{Purpose, Section};

/// The encodings that can be negotiated, in lower case. Formats that cannot are left out: a parser spends most of its time on
/// lines that lead to nothing.
const ENCODINGS: [&str; 6] = ["opus/", "vp8/", "vp9/", "h264/", "av1/", "rtx/"];

/// Attributes of one m-line that are written. Browsers have less than a hundred.
const MAX_LINES: usize = 512;

/// Octets of an attribute that is written. The longest that browsers have are parameters of formats, of some hundred.
const MAX_LINE: usize = 512;

/// Fingerprints that are written: one for each hash function that is known, and more.
const MAX_FINGERPRINTS: usize = 4;

/// The header extension that carries the mid (RFC 9143 section 15).
const MID_EXTENSION: &str = "urn:ietf:params:rtp-hdrext:sdes:mid";

/// An m-line of the session's, by its place there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Slot {
    /// Its mid.
    pub(crate) key: Mid,
    /// A data channel.
    pub(crate) is_data: bool,
    /// The client has rejected it before: it carries nothing for good, and its place may be taken by another one.
    pub(crate) is_stopped: bool,
}

impl Slot {
    /// Whether the m-line carries nothing after an SDP of the client's that `rejects` it, or does not, or has no such m-line. A
    /// data channel is not rejected.
    pub(crate) fn is_stopped_by(&self, rejects: Option<bool>) -> bool {
        !self.is_data && rejects.unwrap_or(self.is_stopped)
    }
}

/// Writes an SDP with the m-lines in `slots`. One that the client does not have carries nothing.
pub(crate) fn render(scan: &Scan<'_>, slots: &[Slot]) -> String {
    let mut out = String::from("v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE");
    let is_stopped = |slot: &Slot| slot.is_stopped_by(scan.section(slot.key).map(|section| section.rejected));
    for slot in slots.iter().filter(|slot| !is_stopped(slot)) {
        put(&mut out, format_args!(" {}", slot.key));
    }
    out.push_str("\r\n");
    transport(&mut out, scan);
    for slot in slots {
        match scan.section(slot.key) {
            _ if is_stopped(slot) => stopped(&mut out, slot.key),
            Some(section) if slot.is_data == (section.purpose == Purpose::Data) => write_section(&mut out, section),
            _ if slot.is_data => data(&mut out, slot.key),
            _ => empty(&mut out, slot.key),
        }
    }
    out
}

/// Writing to a string cannot fail.
fn put(out: &mut String, arguments: std::fmt::Arguments<'_>) {
    let _ = out.write_fmt(arguments);
}

fn line(out: &mut String, line: &str) {
    out.push_str(line);
    out.push_str("\r\n");
}

fn transport(out: &mut String, scan: &Scan<'_>) {
    if scan.is_ice_lite {
        line(out, "a=ice-lite");
    }
    let transport = &scan.transport;
    let single = [
        ("ice-ufrag", transport.credentials.ufrag),
        ("ice-pwd", transport.credentials.password),
        ("setup", transport.setup),
    ];
    let fingerprints = transport
        .fingerprints
        .iter()
        .filter(|fingerprint| is_verifiable(fingerprint))
        .take(MAX_FINGERPRINTS)
        .map(|value| ("fingerprint", *value));
    for (name, value) in single
        .into_iter()
        .chain(fingerprints)
        .filter(|(_, value)| !value.is_empty())
    {
        put(out, format_args!("a={name}:{value}\r\n"));
    }
}

fn data(out: &mut String, key: Mid) {
    put(
        out,
        format_args!("m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:{key}\r\na=sctp-port:5000\r\n"),
    );
}

/// Rejected (RFC 3264 section 6).
fn stopped(out: &mut String, key: Mid) {
    put(
        out,
        format_args!("m=audio 0 UDP/TLS/RTP/SAVPF 0\r\na=mid:{key}\r\na=inactive\r\n"),
    );
}

/// With a format (PCMU) that the server never takes.
fn empty(out: &mut String, key: Mid) {
    put(
        out,
        format_args!("m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:{key}\r\na=inactive\r\na=rtpmap:0 PCMU/8000\r\n"),
    );
}

fn write_section(out: &mut String, section: &Section<'_>) {
    let key = section.key();
    let Purpose::Media(kind) = section.purpose else {
        return data(out, key);
    };
    let formats = Formats::of(section);
    if formats.in_order.is_empty() {
        return empty(out, key);
    }
    let kind = if kind == MediaKind::Audio { "audio" } else { "video" };
    put(out, format_args!("m={kind} 9 UDP/TLS/RTP/SAVPF"));
    for number in &formats.in_order {
        put(out, format_args!(" {number}"));
    }
    put(
        out,
        format_args!("\r\na=mid:{key}\r\n{}\r\n", direction_line(heard(section.direction))),
    );
    let mut written = HashSet::new();
    for attribute in section
        .attributes
        .iter()
        .filter(|attribute| attribute.len() <= MAX_LINE)
    {
        if written.len() < MAX_LINES && written.insert(subject(attribute)) {
            write_attribute(out, attribute, section, &formats);
        }
    }
}

/// What the session hears of a direction.
fn heard(direction: Direction) -> Direction {
    match direction {
        Direction::SendRecv | Direction::SendOnly => Direction::SendOnly,
        Direction::RecvOnly | Direction::Inactive => Direction::Inactive,
    }
}

/// What an attribute is about: it is said once. Feedback is said once of each kind, and only what is known.
fn subject(attribute: &str) -> &str {
    match attribute.strip_prefix("a=rtcp-fb:") {
        Some(_) => attribute,
        None if attribute.starts_with("a=ssrc-group:") => attribute,
        None if attribute.starts_with("a=msid:") => "a=msid:",
        None => attribute.split_once(' ').map_or(attribute, |(subject, _)| subject),
    }
}

fn write_attribute(out: &mut String, attribute: &str, section: &Section<'_>, formats: &Formats) {
    let (name, value) = attribute[2..].split_once(':').unwrap_or((&attribute[2..], ""));
    match name {
        "rtpmap" | "fmtp" | "rtcp-fb" => match value.split_once(' ') {
            Some((_, feedback)) if name == "rtcp-fb" && !KINDS.contains(&feedback) => {}
            // Of every format (RFC 4585 section 4.2).
            Some(("*", feedback)) => {
                for number in &formats.in_order {
                    put(out, format_args!("a=rtcp-fb:{number} {feedback}\r\n"));
                }
            }
            Some((number, _)) if formats.has(number) => line(out, attribute),
            _ => {}
        },
        "extmap" if !section.has_short_mid() && value.contains(MID_EXTENSION) => {}
        "ssrc-group" if value.starts_with("SIM") => {}
        "max-message-size" | "sctp-port" => {}
        _ => line(out, attribute),
    }
}

/// The formats of an m-line that may be negotiated.
struct Formats {
    in_order: Vec<u8>,
    /// A bit for each payload type.
    bits: u128,
}

impl Formats {
    fn of(section: &Section<'_>) -> Self {
        let mut known = mapped(section) & !unusable(section);
        for (rtx, parameters) in parameters(section) {
            // RTX of a format that is left out (RFC 4588).
            let apt = parameter(parameters, "apt").map(|of| bit(of).unwrap_or(0));
            if apt.is_some_and(|of| known & of == 0) {
                known &= !rtx;
            }
        }
        let mut formats = Self {
            in_order: Vec::new(),
            bits: 0,
        };
        for number in section.media.split_whitespace().skip(3) {
            let bit = bit(number).filter(|bit| known & bit != 0 && formats.bits & bit == 0);
            if let (Some(bit), Ok(number)) = (bit, number.parse()) {
                formats.bits |= bit;
                formats.in_order.push(number);
            }
        }
        formats
    }

    fn has(&self, number: &str) -> bool {
        bit(number).is_some_and(|bit| self.bits & bit != 0)
    }
}

/// The payload types that are mapped to an encoding of ours.
fn mapped(section: &Section<'_>) -> u128 {
    ENCODINGS
        .iter()
        .fold(0, |bits, encoding| bits | mapped_to(section, encoding))
}

/// The payload types that are mapped to an encoding, which is in lower case.
fn mapped_to(section: &Section<'_>, ours: &str) -> u128 {
    let maps = section
        .attributes
        .iter()
        .filter_map(|line| line.strip_prefix("a=rtpmap:")?.split_once(' '));
    let ours = maps.filter(|(_, encoding)| {
        let encoding = encoding.as_bytes();
        encoding.len() > ours.len() && encoding[..ours.len()].eq_ignore_ascii_case(ours.as_bytes())
    });
    ours.filter_map(|(number, _)| bit(number))
        .fold(0, |bits, bit| bits | bit)
}

/// Payload types of encodings of ours in forms that no session takes: H.264 in other packetization modes than 1 or of rare
/// profiles (RFC 6184 section 8.1), VP9 (RFC 9628 section 6.1) and AV1 (RTP payload format for AV1, section 7.2.1) of other
/// profiles than 0. Browsers list many.
fn unusable(section: &Section<'_>) -> u128 {
    let is_in_use = |parameters: &str| {
        parameter(parameters, "packetization-mode").is_some_and(|mode| mode == "1")
            && parameter(parameters, "profile-level-id").is_none_or(is_common_profile)
    };
    let is_other = |parameters: &str, name| parameter(parameters, name).is_some_and(|profile| profile != "0");
    let h264 = mapped_to(section, "h264/") & !those(section, is_in_use);
    let vp9 = mapped_to(section, "vp9/") & those(section, |parameters| is_other(parameters, "profile-id"));
    let av1 = mapped_to(section, "av1/") & those(section, |parameters| is_other(parameters, "profile"));
    h264 | vp9 | av1
}

/// Baseline, Main and High.
fn is_common_profile(profile_level_id: &str) -> bool {
    let profile = profile_level_id.get(..2);
    profile.is_some_and(|profile| ["42", "4d", "4D", "64"].contains(&profile))
}

/// The payload types with such parameters.
fn those(section: &Section<'_>, is_one: impl Fn(&str) -> bool) -> u128 {
    let ones = parameters(section).filter(|(_, parameters)| is_one(parameters));
    ones.fold(0, |bits, (bit, _)| bits | bit)
}

/// Each payload type with its parameters.
fn parameters<'a>(section: &'a Section<'_>) -> impl Iterator<Item = (u128, &'a str)> {
    let lines = section
        .attributes
        .iter()
        .filter_map(|line| line.strip_prefix("a=fmtp:")?.split_once(' '));
    lines.filter_map(|(number, parameters)| Some((bit(number)?, parameters)))
}

/// The value of a parameter.
fn parameter<'a>(parameters: &'a str, name: &str) -> Option<&'a str> {
    let mut each = parameters.split(';').filter_map(|one| one.trim().split_once('='));
    each.find_map(|(found, value)| found.eq_ignore_ascii_case(name).then_some(value))
}

fn bit(number: &str) -> Option<u128> {
    let number: u32 = number.trim().parse().ok()?;
    1_u128.checked_shl(number)
}

#[cfg(test)]
mod tests {
    use super::super::scan::scan;
    use super::*;

    #[test]
    fn formats_that_no_session_takes_are_left_out() {
        let formats = [
            "98 VP9/90000;profile-id=0",
            "100 VP9/90000;profile-id=2",
            "96 VP9/90000;",
            "45 AV1/90000;level-idx=5;profile=0;tier=0",
            "47 AV1/90000;level-idx=5; profile=1;tier=0",
            "108 H264/90000;level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
            "114 h264/90000;Packetization-Mode=1",
            "102 H264/90000;packetization-mode=0;profile-level-id=42e01f",
            "103 H264/90000;",
            "104 H264/90000;packetization-mode=1;profile-level-id=f4001f",
            "109 rtx/90000;apt=108",
            "105 rtx/90000;apt=104",
        ];
        let mut sdp = String::from("v=0\r\nm=video 9 RTP/SAVPF");
        let numbers = formats.map(|format| format.split_once(' ').unwrap());
        numbers
            .iter()
            .for_each(|(number, _)| put(&mut sdp, format_args!(" {number}")));
        for (number, format) in numbers {
            let (encoding, parameters) = format.split_once(';').unwrap();
            put(&mut sdp, format_args!("\r\na=rtpmap:{number} {encoding}"));
            if !parameters.is_empty() {
                put(&mut sdp, format_args!("\r\na=fmtp:{number} {parameters}"));
            }
        }
        let scan = scan(&sdp, 1).unwrap();
        let formats = Formats::of(&scan.sections[0]);
        assert_eq!(formats.in_order, [98, 96, 45, 108, 114, 109]);
    }

    #[test]
    fn an_offer_is_rendered() {
        let scan = scan(
            "v=0\ns= \nb=AS:1\nb=CT:2\na=sendrecv\na=group:BUNDLE 0 a-b 2\na=ice-ufrag:u\n\
             m=audio 9 RTP/SAVPF 111 0\ni=x\nc=IN IP4 0.0.0.0\nb=AS:1\na=candidate:1 1 udp 1 x.local 1 typ host\na=mid:0\n\
             a=rtpmap:111 opus/48000/2\na=rtpmap:0 PCMU/8000\n\
             m=video 9 TCP/DTLS/RTP/SAVPF 96 97 99\na=mid:a-b\na=recvonly\na=rid:h send\na=x-unknown:1\n\
             a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\na=rtpmap:96 VP8/90000\na=rtpmap:97 rtx/90000\n\
             a=fmtp:97 apt=96\na=rtpmap:99 rtx/90000\na=fmtp:99 apt=98\na=rtcp-fb:* nack\n\
             m=application 9 DTLS/SCTP y\na=mid:2\nm=text 9 RTP/AVP 98\na=mid:3\n",
            4,
        )
        .unwrap();
        let slots: Vec<Slot> = scan
            .sections
            .iter()
            .map(|section| Slot {
                key: section.key(),
                is_data: section.purpose == Purpose::Data,
                is_stopped: false,
            })
            .collect();
        let video = slots[1].key;
        let rendered = render(&scan, &slots);
        assert_eq!(
            rendered,
            format!(
                "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 {video} 2\r\na=ice-ufrag:u\r\n\
                 m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=sendonly\r\na=rtpmap:111 opus/48000/2\r\n\
                 m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\na=mid:{video}\r\na=inactive\r\n\
                 a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\na=rtpmap:96 VP8/90000\r\n\
                 a=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\na=rtcp-fb:96 nack\r\na=rtcp-fb:97 nack\r\n\
                 m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:2\r\na=sctp-port:5000\r\n\
                 m=audio 0 UDP/TLS/RTP/SAVPF 0\r\na=mid:3\r\na=inactive\r\n"
            )
        );
    }
}
