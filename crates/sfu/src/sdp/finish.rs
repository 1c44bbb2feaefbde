//! Writes an SDP of the session's for the client: its m-lines at the client's places, under the client's mids, in the
//! client's protocols.

use std::collections::{HashMap, HashSet};
use std::fmt::Write;

use str0m::media::{Direction, MediaKind, Mid};

use super::scan::{direction, direction_line};
use super::section::Section;
use crate::line::Label;

/// What an m-line of the server's SDP is to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LineEdit {
    /// `sendonly`, with this `a=msid`.
    Send(Label),
    /// `inactive`.
    Inactive,
}

/// An m-line in its place (RFC 9429 section 5.2.2), as it was negotiated last.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// The m-line as the client wrote it, without `m=`.
    media: String,
    /// The client's mid; empty if there is none.
    pub(crate) mid: String,
    /// What stands for it in the session.
    pub(crate) key: Mid,
    /// Audio or video.
    pub(crate) kind: Option<MediaKind>,
    /// It is not used, and may be reused for another one.
    pub(crate) is_rejected: bool,
    /// The client sends keyframes when asked by FIR, not by PLI (RFC 5104 section 4.3.1).
    pub(crate) takes_fir_only: bool,
    /// `a=rtcp-fb` of the client; `None` on an m-line that the server adds.
    feedback: Option<HashSet<String>>,
    /// The RIDs of the encodings that the client sends at the same time.
    rids: Vec<String>,
    /// The client is going to send stereo (RFC 7587 section 6.1): without consent it sends mono.
    is_stereo: bool,
}

impl Place {
    /// The place of an m-line of the client's.
    pub(crate) fn of(section: &Section<'_>) -> Self {
        let feedback = section
            .attributes
            .iter()
            .filter_map(|line| line.strip_prefix("a=rtcp-fb:"));
        Self {
            media: section.media.to_string(),
            mid: section.mid.to_string(),
            key: section.key(),
            kind: section.kind(),
            is_rejected: section.rejected,
            takes_fir_only: section.has_feedback("ccm fir") && !section.has_feedback("nack pli"),
            feedback: Some(feedback.map(str::to_string).collect()),
            rids: section.rids().iter().map(ToString::to_string).collect(),
            is_stereo: section.sends() && section.has_parameter("sprop-stereo=1"),
        }
    }

    /// The place of an m-line that the server adds.
    pub(crate) fn added(key: Mid, kind: MediaKind) -> Self {
        let name = if kind == MediaKind::Audio { "audio" } else { "video" };
        Self {
            media: format!("{name} 9 UDP/TLS/RTP/SAVPF"),
            mid: key.to_string(),
            key,
            kind: Some(kind),
            is_rejected: false,
            takes_fir_only: false,
            feedback: None,
            rids: Vec::new(),
            is_stereo: false,
        }
    }

    /// Feedback is answered as it was offered (RFC 4585 section 4.2); retransmissions are requested only where they have a
    /// stream of their own (RFC 4588).
    fn agrees(&self, feedback: &str, retransmitted: &HashSet<&str>) -> bool {
        let (number, kind) = feedback.split_once(' ').unwrap_or((feedback, ""));
        let is_offered = self
            .feedback
            .as_ref()
            .is_none_or(|offered| offered.contains(feedback) || offered.contains(&*format!("* {kind}")));
        is_offered && (kind != "nack" || retransmitted.contains(number))
    }
}

/// An SDP of the session's, by m-lines.
pub(crate) struct SessionSdp<'a> {
    header: Vec<&'a str>,
    sections: HashMap<Mid, Vec<&'a str>>,
    candidates: Vec<&'a str>,
}

impl<'a> SessionSdp<'a> {
    pub(crate) fn parse(sdp: &'a str) -> Self {
        let mut parsed = Self {
            header: Vec::new(),
            sections: HashMap::new(),
            candidates: Vec::new(),
        };
        let mut section: Vec<&str> = Vec::new();
        for line in sdp.lines() {
            if line.starts_with("a=candidate:") {
                parsed.candidates.push(line);
                continue;
            }
            if line.starts_with("m=") {
                parsed.put(std::mem::take(&mut section));
            }
            section.push(line);
        }
        parsed.put(section);
        parsed
    }

    fn put(&mut self, section: Vec<&'a str>) {
        match section.iter().find_map(|line| line.strip_prefix("a=mid:")) {
            Some(mid) => drop(self.sections.insert(Mid::from(mid), section)),
            None => self.header.extend(section),
        }
    }

    /// Whether the session has no use for an m-line: none of its formats is known.
    pub(crate) fn is_disabled(&self, key: Mid) -> bool {
        let section = self.sections.get(&key);
        section.is_none_or(|section| section[0].split(' ').nth(1) == Some("0"))
    }
}

/// Writes the SDP with the m-lines at `places`, bundled in the order of `bundle`; `None` if the client bundles nothing. The
/// m-lines that `edit` knows get direction and msid of it; what belongs to sending is kept only where the server sends. All
/// candidates are there (RFC 8838 section 8.2).
pub(crate) fn finish<'p>(
    sdp: &SessionSdp<'_>,
    places: impl Iterator<Item = &'p Place> + Clone,
    bundle: Option<&[String]>,
    edit: impl Fn(Mid) -> Option<LineEdit>,
) -> String {
    let used = places
        .clone()
        .filter(|place| !place.is_rejected && !sdp.is_disabled(place.key));
    let mids: Vec<&str> = used.map(|place| &*place.mid).collect();
    let group = bundle.map(|bundle| in_order_of(bundle, &mids));
    let mut out = String::new();
    for line in &sdp.header {
        match (line.starts_with("a=group:"), &group) {
            (true, Some(group)) => put(&mut out, &format!("a=group:BUNDLE {}", group.join(" "))),
            (true, None) => {}
            _ if line.starts_with("a=msid-semantic:") => put(&mut out, "a=msid-semantic: WMS *"),
            _ => put(&mut out, line),
        }
    }
    let tagged = group.as_ref().unwrap_or(&mids).first().copied();
    for place in places {
        match sdp
            .sections
            .get(&place.key)
            .filter(|_| !place.is_rejected && !sdp.is_disabled(place.key))
        {
            Some(section) => {
                let candidates = if tagged == Some(&*place.mid) {
                    &*sdp.candidates
                } else {
                    &[]
                };
                finish_section(&mut out, section, place, candidates, edit(place.key));
            }
            None => reject(&mut out, place),
        }
    }
    out
}

/// The first one's transport is everyone's (RFC 9143 section 7.3.3): the client says which is the first.
fn in_order_of<'m>(bundle: &[String], mids: &[&'m str]) -> Vec<&'m str> {
    let rank: HashMap<&str, usize> = bundle.iter().enumerate().map(|(rank, mid)| (&**mid, rank)).collect();
    let mut ordered = mids.to_vec();
    ordered.sort_by_key(|mid| rank.get(mid).copied().unwrap_or(usize::MAX));
    ordered
}

fn reject(out: &mut String, place: &Place) {
    let mut words = place.media.splitn(3, ' ');
    let (kind, _, rest) = (words.next().unwrap_or(""), words.next(), words.next().unwrap_or(""));
    let rest = if rest.contains(' ') {
        rest.to_string()
    } else {
        format!("{rest} 0")
    };
    put(out, &format!("m={kind} 0 {rest}"));
    put(out, "c=IN IP4 0.0.0.0");
    put_mid(out, place);
    if place.kind.is_some() {
        put(out, "a=inactive");
    }
}

fn put_mid(out: &mut String, place: &Place) {
    if !place.mid.is_empty() {
        put(out, &format!("a=mid:{}", place.mid));
    }
}

fn put(out: &mut String, line: &str) {
    out.push_str(line);
    out.push_str("\r\n");
}

/// The m-line of a section in the client's protocol.
fn media_line(section: &[&str], place: &Place) -> String {
    let protocol = place.media.split_whitespace().nth(2).unwrap_or_default();
    let mut words: Vec<&str> = section[0].split(' ').collect();
    if let Some(word) = words.get_mut(2) {
        *word = protocol;
    }
    words.join(" ")
}

fn finish_section(out: &mut String, section: &[&str], place: &Place, candidates: &[&str], edit: Option<LineEdit>) {
    let stated = section
        .iter()
        .find_map(|line| direction(line))
        .unwrap_or(Direction::Inactive);
    let direction = match &edit {
        Some(LineEdit::Send(_)) => Direction::SendOnly,
        Some(LineEdit::Inactive) => Direction::Inactive,
        None => stated,
    };
    let sends = matches!(direction, Direction::SendOnly | Direction::SendRecv);
    let retransmitted = section
        .iter()
        .filter_map(|line| line.strip_prefix("a=fmtp:")?.split_once(" apt="));
    let retransmitted: HashSet<&str> = retransmitted.map(|(_, of)| of).collect();
    put(out, &media_line(section, place));
    let opus = place.is_stereo.then(|| opus_of(section)).flatten();
    for line in &section[1..] {
        if line.starts_with("a=mid:") {
            put_candidates(out, candidates);
            put_mid(out, place);
        } else if line.starts_with("a=msid:") {
            match &edit {
                Some(LineEdit::Send(label)) => {
                    // Writing to a string cannot fail.
                    let _ = write!(out, "a=msid:{} {}\r\n", label.stream, label.track);
                }
                None if sends => put(out, line),
                _ => {}
            }
        } else if line.starts_with("a=ssrc") {
            // msid is given once, above: on a=ssrc lines it is from before RFC 8829.
            if sends && !line.contains(" msid:") {
                put(out, line);
            }
        } else if let Some(feedback) = line.strip_prefix("a=rtcp-fb:") {
            if place.agrees(feedback, &retransmitted) {
                put(out, line);
            }
        } else if opus.is_some_and(|number| line.strip_prefix("a=fmtp:").is_some_and(|of| of.starts_with(number))) {
            put(out, &format!("{line};stereo=1"));
        } else if self::direction(line).is_some() {
            put(out, direction_line(direction));
        } else {
            put(out, line);
        }
    }
    if matches!(direction, Direction::RecvOnly | Direction::SendRecv) {
        put_simulcast(out, &place.rids);
    }
}

/// The payload type of Opus, with the space behind it.
fn opus_of<'a>(section: &[&'a str]) -> Option<&'a str> {
    let mut formats = section.iter().filter_map(|line| line.strip_prefix("a=rtpmap:"));
    formats.find_map(|format| {
        let (number, name) = format.split_at(format.find(' ')? + 1);
        name.get(..5)?.eq_ignore_ascii_case("opus/").then_some(number)
    })
}

/// All encodings are taken (RFC 8853 section 5.3.2).
fn put_simulcast(out: &mut String, rids: &[String]) {
    rids.iter().for_each(|rid| put(out, &format!("a=rid:{rid} recv")));
    if !rids.is_empty() {
        put(out, &format!("a=simulcast:recv {}", rids.join(";")));
    }
}

fn put_candidates(out: &mut String, candidates: &[&str]) {
    candidates.iter().for_each(|candidate| put(out, candidate));
    if !candidates.is_empty() {
        put(out, "a=end-of-candidates");
    }
}

#[cfg(test)]
mod tests {
    use super::super::scan::scan;
    use super::*;

    const ANSWER: &str = "v=0\r\na=group:BUNDLE 0 1 2\r\na=msid-semantic:WMS a\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n\
        a=candidate:1 1 udp 1 1.2.3.4 1 typ host\r\na=mid:0\r\na=sendonly\r\na=msid:a b\r\na=ssrc:1 cname:b\r\n\
        a=ssrc:1 msid:a b\r\nm=audio 0 UDP/TLS/RTP/SAVPF\r\na=mid:1\r\na=inactive\r\n\
        m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\na=mid:2\r\na=recvonly\r\na=msid:a b\r\na=fmtp:97 apt=96\r\n\
        a=rtcp-fb:96 nack\r\na=rtcp-fb:96 nack pli\r\na=rtcp-fb:96 ccm fir\r\n";

    #[test]
    fn an_answer_is_finished() {
        let offer = "v=0\na=group:BUNDLE 2 0\nm=audio 9 RTP/SAVPF 111\na=mid:0\nm=text 9 RTP/AVP 98\na=mid:1\n\
            m=video 9 UDP/TLS/RTP/SAVP 96 97\na=mid:2\na=rtcp-fb:* nack\na=rtcp-fb:96 ccm fir\n";
        let scan = scan(offer, 3).unwrap();
        let places: Vec<Place> = scan.sections.iter().map(Place::of).collect();
        let label = Label {
            stream: "user".into(),
            track: "microphone".into(),
        };
        let bundle = ["2".to_string(), "0".to_string()];
        let finished = finish(&SessionSdp::parse(ANSWER), places.iter(), Some(&bundle), |mid| {
            (&*mid == "0").then(|| LineEdit::Send(label.clone()))
        });
        assert_eq!(
            finished,
            "v=0\r\na=group:BUNDLE 2 0\r\na=msid-semantic: WMS *\r\nm=audio 9 RTP/SAVPF 111\r\na=mid:0\r\na=sendonly\r\n\
             a=msid:user microphone\r\na=ssrc:1 cname:b\r\nm=text 0 RTP/AVP 98\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\n\
             m=video 9 UDP/TLS/RTP/SAVP 96 97\r\na=candidate:1 1 udp 1 1.2.3.4 1 typ host\r\na=end-of-candidates\r\n\
             a=mid:2\r\na=recvonly\r\na=fmtp:97 apt=96\r\na=rtcp-fb:96 nack\r\na=rtcp-fb:96 ccm fir\r\n"
        );
    }

    #[test]
    fn stereo_is_agreed_to_where_it_is_going_to_be_sent() {
        const ANSWER: &str = "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111 0\r\na=mid:0\r\na=recvonly\r\na=rtpmap:0 PCMU/8000\r\n\
            a=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10;useinbandfec=1\r\na=fmtp:0 x=1\r\n";
        let answer = |parameters: &str| {
            let offer = format!(
                "v=0\nm=audio 9 UDP/TLS/RTP/SAVPF 111\na=mid:0\na=sendonly\na=rtpmap:111 opus/48000/2\na=fmtp:111 {parameters}\n"
            );
            let scan = scan(&offer, 3).unwrap();
            let places: Vec<Place> = scan.sections.iter().map(Place::of).collect();
            finish(&SessionSdp::parse(ANSWER), places.iter(), None, |_| None)
        };
        assert!(
            answer("stereo=1;sprop-stereo=1")
                .contains("a=fmtp:111 minptime=10;useinbandfec=1;stereo=1\r\na=fmtp:0 x=1\r\n")
        );
        assert!(!answer("stereo=1").contains("stereo"));
        assert!(!answer("x-sprop-stereo=1").contains("stereo"));
    }
}
