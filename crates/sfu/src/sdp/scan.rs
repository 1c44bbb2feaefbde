//! Reads the outline of an SDP: its m-lines, in order.
//!
//! An SDP comes from anyone who may join: it is read in one pass, in time linear in its length, and not beyond the first
//! m-line that is too many.

use std::collections::HashSet;

use str0m::media::{Direction, MediaKind, Mid};

use super::payloads::Payloads;

/// RFC 5888 sets no limit to `a=mid`, but str0m keeps 16 octets and could take one mid for another.
const MAX_MID: usize = 16;

/// One m-line with its attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Section<'a> {
    /// Audio or video; `None` for a data channel or something else.
    pub(crate) kind: Option<MediaKind>,
    /// `a=mid`.
    pub(crate) mid: &'a str,
    /// As its writer sees it. `sendrecv` unless stated.
    pub(crate) direction: Direction,
    /// Port 0 and not in the BUNDLE group (RFC 9143 section 7.3): the m-line is not used.
    pub(crate) rejected: bool,
}

impl Section<'_> {
    /// The mid as str0m's type.
    pub(crate) fn key(&self) -> Mid {
        Mid::from(self.mid)
    }

    /// Whether the writer will receive media on this m-line.
    pub(crate) fn receives(&self) -> bool {
        !self.rejected && matches!(self.direction, Direction::RecvOnly | Direction::SendRecv)
    }

    /// Whether the writer will send media on this m-line.
    pub(crate) fn sends(&self) -> bool {
        !self.rejected && matches!(self.direction, Direction::SendOnly | Direction::SendRecv)
    }
}

/// `a=ice-ufrag` and `a=ice-pwd` (RFC 8839 section 5.4).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct IceCredentials<'a> {
    /// The user fragment.
    pub(crate) ufrag: &'a str,
    /// The password.
    pub(crate) password: &'a str,
}

/// The outline of an SDP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scan<'a> {
    /// Every m-line in order.
    pub(crate) sections: Vec<Section<'a>>,
    /// The first `a=fingerprint` (RFC 8122): whose certificate it is, and so which connection's. Bundled m-lines share it.
    pub(crate) fingerprint: Option<&'a str>,
    /// The first credentials of ICE; empty where there are none.
    pub(crate) credentials: IceCredentials<'a>,
}

impl<'a> Scan<'a> {
    /// The m-line of that mid.
    pub(crate) fn section(&self, mid: Mid) -> Option<&Section<'a>> {
        self.sections.iter().find(|section| section.key() == mid)
    }

    /// Whether the m-lines are those of another SDP, as those of an answer are those of its offer.
    pub(crate) fn has_same_lines(&self, other: &Scan<'_>) -> bool {
        let lines = |scan: &Scan<'_>| scan.sections.len();
        let mut pairs = self.sections.iter().zip(&other.sections);
        lines(self) == lines(other) && pairs.all(|(one, other)| one.mid == other.mid && one.kind == other.kind)
    }
}

/// Reads the outline of an SDP with at most `max_lines` m-lines.
///
/// # Errors
/// What is missing or wrong, for people: no `v=0`, no m-line or too many, no BUNDLE group, an m-line without a mid, a mid that
/// is too long or used twice, a payload type that means two formats.
pub(crate) fn scan(sdp: &str, max_lines: usize) -> Result<Scan<'_>, String> {
    let mut scanner = Scanner::default();
    scanner.read(sdp.lines(), max_lines)?;
    scanner.finish()
}

struct Scanner<'a> {
    bundle: Option<HashSet<&'a str>>,
    sections: Vec<Section<'a>>,
    session_direction: Direction,
    fingerprint: Option<&'a str>,
    credentials: IceCredentials<'a>,
    payloads: Payloads<'a>,
}

impl Default for Scanner<'_> {
    fn default() -> Self {
        Self {
            bundle: None,
            sections: Vec::new(),
            session_direction: Direction::SendRecv,
            fingerprint: None,
            credentials: IceCredentials::default(),
            payloads: Payloads::default(),
        }
    }
}

impl<'a> Scanner<'a> {
    fn read(&mut self, mut lines: impl Iterator<Item = &'a str>, max_lines: usize) -> Result<(), String> {
        if !lines.next().is_some_and(|first| first.starts_with("v=0")) {
            return Err("SDP does not begin with v=0".into());
        }
        for line in lines {
            if let Some(media) = line.strip_prefix("m=") {
                if self.sections.len() == max_lines {
                    return Err(format!("the SDP has more than {max_lines} m-lines"));
                }
                self.sections.push(section(media, self.session_direction));
            } else {
                self.attribute(line)?;
            }
        }
        Ok(())
    }

    fn attribute(&mut self, line: &'a str) -> Result<(), String> {
        if let Some(mids) = line.strip_prefix("a=group:BUNDLE") {
            self.bundle.get_or_insert_with(|| mids.split_whitespace().collect());
        } else if let Some(value) = line.strip_prefix("a=fingerprint:") {
            self.fingerprint.get_or_insert(value.trim());
        } else if let Some(ufrag) = line.strip_prefix("a=ice-ufrag:") {
            keep_first(&mut self.credentials.ufrag, ufrag);
        } else if let Some(password) = line.strip_prefix("a=ice-pwd:") {
            keep_first(&mut self.credentials.password, password);
        } else if let Some(mid) = line.strip_prefix("a=mid:") {
            if let Some(section) = self.sections.last_mut() {
                section.mid = mid.trim_end();
            }
        } else if let Some(direction) = direction(line) {
            match self.sections.last_mut() {
                Some(section) => section.direction = direction,
                None => self.session_direction = direction,
            }
        } else {
            self.payloads.read(self.sections.len(), line)?;
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Scan<'a>, String> {
        let bundle = self
            .bundle
            .ok_or("the m-lines are not bundled: a=group:BUNDLE is missing")?;
        for section in &mut self.sections {
            section.rejected &= !bundle.contains(section.mid);
        }
        check_mids(&self.sections)?;
        Ok(Scan {
            sections: self.sections,
            fingerprint: self.fingerprint,
            credentials: self.credentials,
        })
    }
}

fn keep_first<'a>(kept: &mut &'a str, value: &'a str) {
    if kept.is_empty() {
        *kept = value.trim();
    }
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
    let mut seen = HashSet::with_capacity(sections.len());
    for (index, section) in sections.iter().enumerate() {
        if section.mid.is_empty() {
            return Err(format!("m-line {index} has no a=mid"));
        }
        if section.mid.len() > MAX_MID {
            return Err(format!("a=mid of m-line {index} is longer than {MAX_MID} octets"));
        }
        if !seen.insert(section.mid) {
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
        let scan = scan(OFFER, 4).unwrap();
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
    fn errors_say_what_is_wrong() {
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
            let error = scan(sdp, 2).unwrap_err();
            assert!(error.contains(word), "{error}");
        }
    }

    #[test]
    fn nothing_is_read_after_the_first_m_line_too_many() {
        let media = |n: usize| ["m=audio 9 UDP/TLS/RTP/SAVPF 0".to_string(), format!("a=mid:{n}")];
        let begin = ["v=0".to_string(), "a=group:BUNDLE 0".to_string()];
        let lines: Vec<String> = begin.into_iter().chain((0..8_200).flat_map(media)).collect();
        let read = std::cell::Cell::new(0);
        let counted = lines.iter().map(|line| {
            read.set(read.get() + 1);
            &**line
        });
        let error = Scanner::default().read(counted, 110).unwrap_err();
        assert_eq!(error, "the SDP has more than 110 m-lines");
        assert_eq!(read.get(), 2 + 2 * 110 + 1);
        assert_eq!(
            scan(&lines[..2 + 2 * 110].join("\r\n"), 110).unwrap().sections.len(),
            110
        );
    }
}
