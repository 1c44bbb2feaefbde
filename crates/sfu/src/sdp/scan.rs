//! Reads the outline of an SDP: its m-lines, in order.

use str0m::media::{Direction, MediaKind, Mid};

use super::payloads::check_payloads;

/// `a=mid` may be longer elsewhere (RFC 5888), but str0m keeps 16 octets and so could mistake one for another.
const LONGEST_MID: usize = 16;

/// One m-line with its attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Section<'a> {
    /// Audio or video; `None` for a data channel or something else.
    pub kind: Option<MediaKind>,
    /// `a=mid`.
    pub mid: &'a str,
    /// As seen by the one who wrote it. `sendrecv` unless given.
    pub direction: Direction,
    /// Port 0 and not in the BUNDLE group (RFC 9143 section 7.3): the m-line is not used.
    pub rejected: bool,
}

impl Section<'_> {
    /// The mid as str0m's.
    pub fn key(&self) -> Mid {
        Mid::from(self.mid)
    }

    /// Whether the writer will take media on this m-line.
    pub fn receives(&self) -> bool {
        !self.rejected && matches!(self.direction, Direction::RecvOnly | Direction::SendRecv)
    }

    /// Whether the writer will send media on this m-line.
    pub fn sends(&self) -> bool {
        !self.rejected && matches!(self.direction, Direction::SendOnly | Direction::SendRecv)
    }
}

/// The outline of an SDP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scan<'a> {
    /// Every m-line in order.
    pub sections: Vec<Section<'a>>,
    /// The first `a=fingerprint` (RFC 8122): whose certificate it is, and so which connection's. All are alike where
    /// m-lines are bundled.
    pub fingerprint: Option<&'a str>,
}

impl<'a> Scan<'a> {
    /// The m-line of that mid.
    pub fn section(&self, mid: Mid) -> Option<&Section<'a>> {
        self.sections.iter().find(|section| section.key() == mid)
    }
}

/// Reads the outline.
///
/// # Errors
/// What is missing or wrong, in words for people: no `v=0`, no m-line, no BUNDLE group, an m-line without a mid, a
/// mid that is too long or used twice, or a payload type that means two formats.
pub fn scan(sdp: &str) -> Result<Scan<'_>, String> {
    if !sdp.starts_with("v=0") {
        return Err("SDP does not begin with v=0".into());
    }
    let mut bundle: Option<Vec<&str>> = None;
    let mut sections: Vec<Section<'_>> = Vec::new();
    let mut session_direction = Direction::SendRecv;
    let mut fingerprint = None;
    for line in sdp.lines() {
        if let Some(media) = line.strip_prefix("m=") {
            sections.push(section(media, session_direction));
        } else if let Some(mids) = line.strip_prefix("a=group:BUNDLE") {
            bundle.get_or_insert_with(|| mids.split_whitespace().collect());
        } else if let Some(value) = line.strip_prefix("a=fingerprint:") {
            fingerprint.get_or_insert(value.trim());
        } else if let Some(mid) = line.strip_prefix("a=mid:") {
            if let Some(section) = sections.last_mut() {
                section.mid = mid.trim_end();
            }
        } else if let Some(direction) = direction(line) {
            match sections.last_mut() {
                Some(section) => section.direction = direction,
                None => session_direction = direction,
            }
        }
    }
    let bundle = bundle.ok_or("the m-lines are not bundled: a=group:BUNDLE is missing")?;
    for section in &mut sections {
        section.rejected &= !bundle.contains(&section.mid);
    }
    check_mids(&sections)?;
    check_payloads(sdp)?;
    Ok(Scan { sections, fingerprint })
}

fn section(media: &str, direction: Direction) -> Section<'_> {
    let mut words = media.split_whitespace();
    let kind = match words.next() {
        Some("audio") => Some(MediaKind::Audio),
        Some("video") => Some(MediaKind::Video),
        _ => None,
    };
    Section {
        kind,
        mid: "",
        direction,
        rejected: words.next() == Some("0"),
    }
}

fn check_mids(sections: &[Section<'_>]) -> Result<(), String> {
    if sections.is_empty() {
        return Err("there is no m-line".into());
    }
    for (index, section) in sections.iter().enumerate() {
        if section.mid.is_empty() {
            return Err(format!("m-line {index} has no a=mid"));
        }
        if section.mid.len() > LONGEST_MID {
            return Err(format!("a=mid of m-line {index} is longer than {LONGEST_MID} octets"));
        }
        if sections[..index].iter().any(|other| other.mid == section.mid) {
            return Err(format!("a=mid of m-line {index} is used twice"));
        }
    }
    Ok(())
}

/// The direction that an attribute line states.
pub(super) fn direction(line: &str) -> Option<Direction> {
    match line.trim_end() {
        "a=sendrecv" => Some(Direction::SendRecv),
        "a=sendonly" => Some(Direction::SendOnly),
        "a=recvonly" => Some(Direction::RecvOnly),
        "a=inactive" => Some(Direction::Inactive),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFER: &str = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE a v d\r\n\
        m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:a\r\na=sendonly\r\n\
        m=video 0 UDP/TLS/RTP/SAVPF 96\r\na=bundle-only\r\na=mid:v\r\n\
        m=video 0 UDP/TLS/RTP/SAVPF 96\r\na=mid:x\r\na=recvonly\r\n\
        m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:d\r\na=fingerprint:sha-256 AB:CD\r\n";

    #[test]
    fn the_outline_of_an_offer() {
        let scan = scan(OFFER).unwrap();
        let outline: Vec<_> = scan
            .sections
            .iter()
            .map(|s| (s.mid, s.kind, s.sends(), s.receives()))
            .collect();
        assert_eq!(
            outline,
            [
                ("a", Some(MediaKind::Audio), true, false),
                ("v", Some(MediaKind::Video), true, true),
                ("x", Some(MediaKind::Video), false, false),
                ("d", None, true, true),
            ]
        );
        assert!(scan.section("x".into()).unwrap().rejected);
        assert_eq!(scan.fingerprint, Some("sha-256 AB:CD"));
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (sdp, word) in [
            ("", "v=0"),
            ("v=0\r\na=group:BUNDLE\r\n", "no m-line"),
            ("v=0\r\nm=audio 9 X 0\r\na=mid:0\r\n", "BUNDLE"),
            ("v=0\r\na=group:BUNDLE 0\r\nm=audio 9 X 0\r\n", "no a=mid"),
            (
                "v=0\r\na=group:BUNDLE 0\r\nm=audio 9 X 0\r\na=mid:0\r\nm=audio 9 X 0\r\na=mid:0\r\n",
                "twice",
            ),
            (
                "v=0\r\na=group:BUNDLE 0\r\nm=audio 9 X 0\r\na=mid:12345678901234567\r\n",
                "longer",
            ),
        ] {
            let error = scan(sdp).unwrap_err();
            assert!(error.contains(word), "{error}");
        }
    }
}
