//! Reads the outline of an SDP: its m-lines, in order.
//!
//! An SDP comes from anyone who may join: it is read in one pass, in time linear in its length, and not beyond the first
//! m-line that is too many.

use std::collections::HashSet;

use str0m::media::{Direction, Mid};

use super::checks::is_verifiable;
use super::payloads::Payloads;
use super::section::{Section, Transport, keep_first, key};
use super::sharing::share;

/// The attributes of m-lines that matter. All others are dropped, candidates and the restrictions of `a=rid` among them: an
/// ICE-lite agent learns the client's addresses from the client's checks.
const KEPT: [&str; 11] = [
    "extmap",
    "fmtp",
    "max-message-size",
    "msid",
    "rtcp-fb",
    "rtcp-mux",
    "rtcp-rsize",
    "rtpmap",
    "sctp-port",
    "ssrc",
    "ssrc-group",
];

/// BUNDLE groups that are read.
const MAX_GROUPS: usize = 16;

/// The outline of an SDP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scan<'a> {
    /// Every m-line in order.
    pub(crate) sections: Vec<Section<'a>>,
    /// The mids of each BUNDLE group in its order (RFC 9143).
    pub(crate) groups: Vec<Vec<&'a str>>,
    /// The transport that all m-lines in use share: what the first one of the first group says, else the session.
    pub(crate) transport: Transport<'a>,
    /// The writer makes no checks of its own (RFC 8445 section 2.5).
    pub(crate) is_ice_lite: bool,
    /// The id of the session in `o=` (RFC 8866 section 5.2); empty if there is none.
    pub(crate) session_id: &'a str,
}

impl<'a> Scan<'a> {
    /// The m-line of that key.
    pub(crate) fn section(&self, key: Mid) -> Option<&Section<'a>> {
        self.sections.iter().find(|section| section.key() == key)
    }

    /// Of each m-line, what its writer sends there counts: the server sends nothing where the client sends.
    pub(crate) fn prefer_sending(&mut self) {
        let both = self
            .sections
            .iter_mut()
            .filter(|section| section.direction == Direction::SendRecv);
        both.for_each(|section| section.direction = Direction::SendOnly);
    }

    /// Whether the m-lines are those of an offer, as those of its answer are. A rejected one may come without its mid: it has
    /// that of the offer from then on.
    pub(crate) fn answers(&mut self, offer: &Scan<'a>) -> bool {
        let is_same = |(section, offered): (&Section<'_>, &Section<'_>)| {
            let is_unnamed = section.rejected && section.mid.is_empty();
            (is_unnamed || section.mid == offered.mid) && section.kind() == offered.kind()
        };
        let is_answer =
            self.sections.len() == offer.sections.len() && self.sections.iter().zip(&offer.sections).all(is_same);
        if is_answer {
            let pairs = self.sections.iter_mut().zip(&offer.sections);
            pairs.for_each(|(section, offered)| section.mid = offered.mid);
        }
        is_answer
    }

    /// The first fingerprint that can be verified: whose certificate it is, and so which connection's.
    pub(crate) fn fingerprint(&self) -> Option<&'a str> {
        let mut fingerprints = self.transport.fingerprints.iter().copied();
        fingerprints.find(|fingerprint| is_verifiable(fingerprint))
    }
}

/// Reads the outline of an SDP with at most `max_lines` m-lines.
///
/// # Errors
/// What is missing or wrong, for people: no `v=0`, no m-line or too many, a mid that is no token or used twice, a payload
/// type that means two formats.
pub(crate) fn scan(sdp: &str, max_lines: usize) -> Result<Scan<'_>, String> {
    let mut scanner = Scanner::default();
    scanner.read(sdp.lines(), max_lines)?;
    scanner.finish()
}

struct Scanner<'a> {
    groups: Vec<Vec<&'a str>>,
    sections: Vec<Section<'a>>,
    direction: Direction,
    transport: Transport<'a>,
    is_ice_lite: bool,
    session_id: &'a str,
}

impl Default for Scanner<'_> {
    fn default() -> Self {
        Self {
            groups: Vec::new(),
            sections: Vec::new(),
            direction: Direction::SendRecv,
            transport: Transport::default(),
            is_ice_lite: false,
            session_id: "",
        }
    }
}

impl<'a> Scanner<'a> {
    fn read(&mut self, mut lines: impl Iterator<Item = &'a str>, max_lines: usize) -> Result<(), String> {
        if !lines.next().is_some_and(|first| first.starts_with("v=0")) {
            return Err("SDP does not begin with v=0".into());
        }
        for line in lines {
            let line = line.trim_end();
            if let Some(media) = line.strip_prefix("m=") {
                if self.sections.len() == max_lines {
                    return Err(format!("the SDP has more than {max_lines} m-lines"));
                }
                self.sections.push(Section::new(media, self.direction));
            } else if let Some(attribute) = line.strip_prefix("a=") {
                self.attribute(line, attribute);
            } else if let Some(origin) = line.strip_prefix("o=") {
                keep_first(&mut self.session_id, origin.split(' ').nth(1).unwrap_or_default());
            }
        }
        Ok(())
    }

    /// Reads one attribute line. Constant time, but for a BUNDLE group: that of its length.
    fn attribute(&mut self, line: &'a str, attribute: &'a str) {
        let (name, value) = attribute.split_once(':').unwrap_or((attribute, ""));
        match (name, self.sections.last_mut()) {
            ("group", None) => {
                if let Some(mids) = value.strip_prefix("BUNDLE").filter(|_| self.groups.len() < MAX_GROUPS) {
                    self.groups.push(mids.split_whitespace().collect());
                }
            }
            ("ice-lite", None) => self.is_ice_lite = true,
            ("mid", Some(section)) => keep_first(&mut section.mid, value),
            ("bundle-only", Some(section)) => section.is_bundle_only = true,
            ("simulcast", Some(section)) => section.read_simulcast(value),
            ("ice-ufrag" | "ice-pwd" | "fingerprint" | "setup", section) => {
                let transport = section.map_or(&mut self.transport, |section| &mut section.transport);
                transport.read(name, value);
            }
            (_, section) => {
                if let Some(direction) = direction(line) {
                    *section.map_or(&mut self.direction, |section| &mut section.direction) = direction;
                } else if let Some(section) = section.filter(|_| KEPT.contains(&name)) {
                    section.attributes.push(line);
                }
            }
        }
    }

    fn finish(mut self) -> Result<Scan<'a>, String> {
        if self.sections.is_empty() {
            return Err("there is no m-line".into());
        }
        name(&mut self.sections)?;
        let transport = share(&mut self.sections, &self.groups, &self.transport);
        check_payloads(&self.sections)?;
        Ok(Scan {
            sections: self.sections,
            groups: self.groups,
            transport,
            is_ice_lite: self.is_ice_lite,
            session_id: self.session_id,
        })
    }
}

/// Checks the payload types of the m-lines that share the transport: others may use the same numbers otherwise.
fn check_payloads(sections: &[Section<'_>]) -> Result<(), String> {
    let mut payloads = Payloads::default();
    let used = sections.iter().filter(|section| !section.rejected);
    let mut lines = used.flat_map(|section| &section.attributes);
    lines.try_for_each(|line| payloads.read(line))
}

/// Gives each m-line its key.
fn name(sections: &mut [Section<'_>]) -> Result<(), String> {
    let (mut mids, mut keys) = (HashSet::new(), HashSet::new());
    for (index, section) in sections.iter_mut().enumerate() {
        if !section.mid.chars().all(is_token_char) {
            return Err(format!("a=mid of m-line {index} is not a token"));
        }
        section.key = key(section.mid, index);
        if (!section.mid.is_empty() && !mids.insert(section.mid)) || !keys.insert(section.key) {
            return Err(format!("a=mid of m-line {index} is used twice"));
        }
    }
    Ok(())
}

/// RFC 8866 section 9: `token-char`.
fn is_token_char(c: char) -> bool {
    matches!(c, '!' | '#'..='\'' | '*' | '+' | '-' | '.' | '0'..='9' | 'A'..='Z' | '^'..='~')
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

/// The attribute line that states a direction.
pub(super) fn direction_line(direction: Direction) -> &'static str {
    match direction {
        Direction::SendRecv => "a=sendrecv",
        Direction::SendOnly => "a=sendonly",
        Direction::RecvOnly => "a=recvonly",
        Direction::Inactive => "a=inactive",
    }
}

#[cfg(test)]
mod tests {
    use str0m::media::MediaKind;

    use super::*;

    const OFFER: &str = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE a v d\r\n\
        m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:a\r\na=sendonly\r\n\
        m=video 0 RTP/SAVPF 96\r\na=bundle-only\r\na=mid:v\r\n\
        m=video 0 UDP/TLS/RTP/SAVPF 96\r\na=mid:x\r\na=recvonly\r\n\
        m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:d\r\na=fingerprint:x\r\n\
        a=fingerprint:sha-256 AB:CD\r\n";

    #[test]
    fn the_outline_of_an_offer() {
        let fingerprint = format!("sha-256 {}", vec!["AB"; 32].join(":"));
        let offer = OFFER.replace("sha-256 AB:CD", &fingerprint);
        let scan = scan(&offer, 4).unwrap();
        let outline: Vec<_> = scan.sections.iter().map(|s| (s.mid, s.kind(), s.direction)).collect();
        assert_eq!(
            outline,
            [
                ("a", Some(MediaKind::Audio), Direction::SendOnly),
                ("v", Some(MediaKind::Video), Direction::SendRecv),
                ("x", Some(MediaKind::Video), Direction::RecvOnly),
                ("d", None, Direction::SendRecv),
            ]
        );
        assert!(scan.section("x".into()).unwrap().rejected);
        assert_eq!(scan.fingerprint(), Some(&*fingerprint));
    }

    #[test]
    fn errors_say_what_is_wrong() {
        for (sdp, word) in [
            ("", "v=0"),
            ("v=0\r\na=group:BUNDLE\r\n", "no m-line"),
            (
                "v=0\r\nm=audio 9 X 0\r\na=mid:0\r\nm=audio 9 X 0\r\na=mid:0\r\n",
                "twice",
            ),
            ("v=0\r\nm=audio 9 X 0\r\na=mid:<1>\r\n", "token"),
        ] {
            let error = scan(sdp, 2).unwrap_err();
            assert!(error.contains(word), "{error}");
        }
    }

    #[test]
    fn the_first_of_the_group_says_what_the_transport_is() {
        let sdp = "v=0\r\na=group:BUNDLE 1 0\r\nm=audio 9 RTP/SAVPF 111\r\na=mid:0\r\na=ice-ufrag:a\r\na=ice-pwd:b\r\n\
            m=video 9 RTP/SAVPF 96\r\na=mid:1\r\na=ice-ufrag:c\r\na=ice-pwd:d\r\na=setup:passive\r\n";
        let scan = scan(sdp, 2).unwrap();
        assert_eq!(
            (scan.transport.credentials.ufrag, scan.transport.setup),
            ("c", "passive")
        );
    }

    #[test]
    fn without_a_group_and_a_transport_the_first_m_line_is_used() {
        let sdp = "v=0\r\nm=text 9 RTP/SAVPF 98\r\nm=audio 9 RTP/SAVPF 111\r\nm=video 9 RTP/SAVPF 96\r\n";
        let scan = scan(sdp, 3).unwrap();
        let rejected: Vec<bool> = scan.sections.iter().map(|section| section.rejected).collect();
        assert_eq!(rejected, [true, false, true]);
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
