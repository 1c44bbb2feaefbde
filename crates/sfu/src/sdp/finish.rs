//! Writes an SDP of the session's for the client: its m-lines at the client's places, under the client's mids, in the
//! client's protocols.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use str0m::media::{Direction, MediaKind, Mid};

use super::feedback::Feedback;
use super::scan::{direction, direction_line};
use super::section::{Red, Section};
use crate::line::{Label, SentStream};

/// What an m-line of the server's SDP is to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LineEdit {
    /// What the server sends there: with this `a=msid`, by this stream.
    pub(crate) sent: Option<(Label, SentStream)>,
    /// Whether the client sends there.
    pub(crate) receives: bool,
}

impl LineEdit {
    fn direction(&self) -> Direction {
        match (&self.sent, self.receives) {
            (Some(_), true) => Direction::SendRecv,
            (Some(_), false) => Direction::SendOnly,
            (None, true) => Direction::RecvOnly,
            (None, false) => Direction::Inactive,
        }
    }
}

/// An m-line in its place (RFC 9429 section 5.2.2), as it was negotiated last.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// The m-line as the client wrote it, without `m=`. Most are like the one before of their kind, of which there is one copy.
    media: Arc<str>,
    /// The client's mid; empty if there is none.
    pub(crate) mid: String,
    /// What stands for it in the session.
    pub(crate) key: Mid,
    /// Audio or video.
    pub(crate) kind: Option<MediaKind>,
    /// It is not used, and the client may use it for another one.
    pub(crate) is_rejected: bool,
    /// A format of an m-line that the client has rejected, as it maps it (`a=rtpmap`). It counts no more, but some stacks want to
    /// see one in every SDP.
    format: Option<Box<str>>,
    /// The client sends keyframes when asked by FIR, not by PLI (RFC 5104 section 4.3.1).
    pub(crate) takes_fir_only: bool,
    /// Its RTCP may be of reduced size (RFC 5506).
    pub(crate) takes_reduced_rtcp: bool,
    /// `a=rtcp-fb` of the client; `None` on an m-line that the server adds.
    feedback: Option<Feedback>,
    /// The RIDs of the encodings that the client sends at the same time.
    rids: Vec<String>,
    /// Redundant audio, which the session knows nothing of.
    pub(crate) red: Option<Red>,
    /// The client is going to send stereo (RFC 7587 section 6.1): without consent it sends mono.
    is_stereo: bool,
}

impl Place {
    /// The places of the m-lines of an SDP of the client's.
    pub(crate) fn of_all(sections: &[Section<'_>]) -> Vec<Self> {
        let mut places: Vec<Self> = Vec::with_capacity(sections.len());
        for section in sections {
            let before = places.iter().rev().find(|place| place.kind == section.kind());
            let known = before
                .map(|place| &place.media)
                .filter(|known| ***known == *section.media);
            let media = known.map_or_else(|| section.media.into(), Arc::clone);
            places.push(Self::of(section, media));
        }
        places
    }

    fn of(section: &Section<'_>, media: Arc<str>) -> Self {
        Self {
            media,
            mid: section.mid.to_string(),
            key: section.key(),
            kind: section.kind(),
            is_rejected: section.rejected,
            format: first_format(section).filter(|_| section.rejected).map(Box::from),
            takes_fir_only: section.has_feedback("ccm fir") && !section.has_feedback("nack pli"),
            takes_reduced_rtcp: section.takes_reduced_rtcp(),
            feedback: Some(Feedback::of(section)),
            rids: section.rids().iter().map(ToString::to_string).collect(),
            red: section.red(),
            is_stereo: section.sends() && section.has_parameter("sprop-stereo=1"),
        }
    }

    /// The place of an m-line that the server adds.
    pub(crate) fn added(key: Mid, kind: MediaKind, takes_reduced_rtcp: bool) -> Self {
        let name = if kind == MediaKind::Audio { "audio" } else { "video" };
        Self {
            media: format!("{name} 9 UDP/TLS/RTP/SAVPF").into(),
            mid: key.to_string(),
            key,
            kind: Some(kind),
            is_rejected: false,
            format: None,
            takes_fir_only: false,
            takes_reduced_rtcp,
            feedback: None,
            rids: Vec::new(),
            red: None,
            is_stereo: false,
        }
    }

    /// The client has rejected it, by port 0, so that another m-line may take its place (RFC 9429 section 5.2.2).
    pub(crate) fn is_free(&self) -> bool {
        self.is_rejected && self.media.split_whitespace().nth(1) == Some("0")
    }

    /// Feedback is answered as it was offered (RFC 4585 section 4.2); retransmissions are requested only where they have a
    /// stream of their own (RFC 4588).
    fn agrees(&self, feedback: &str, retransmitted: &HashSet<&str>) -> bool {
        let (number, kind) = feedback.split_once(' ').unwrap_or((feedback, ""));
        let is_offered = self.feedback.is_none_or(|offered| offered.has(number, kind));
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

/// Writes the SDP with the m-lines at `places`, in the client's BUNDLE `groups` and their order; there are none if the client
/// bundles nothing. The m-lines in `edits` get direction and stream from there: the session does not know what is sent. All
/// candidates are there (RFC 8838 section 8.2).
pub(crate) fn finish<'p>(
    sdp: &SessionSdp<'_>,
    places: impl Iterator<Item = &'p Place> + Clone,
    groups: &[Vec<String>],
    edits: &HashMap<Mid, LineEdit>,
) -> String {
    let used = places
        .clone()
        .filter(|place| !place.is_rejected && !sdp.is_disabled(place.key));
    let groups = grouped(groups, used);
    let follow: HashSet<&str> = groups.iter().flat_map(|group| &group[1..]).copied().collect();
    let mut out = String::new();
    for line in &sdp.header {
        if line.starts_with("a=group:") {
            let lines = groups.iter().map(|group| format!("a=group:BUNDLE {}", group.join(" ")));
            lines.for_each(|line| put(&mut out, &line));
        } else if line.starts_with("a=msid-semantic:") {
            put(&mut out, "a=msid-semantic: WMS *");
        } else {
            put(&mut out, line);
        }
    }
    for place in places {
        match sdp
            .sections
            .get(&place.key)
            .filter(|_| !place.is_rejected && !sdp.is_disabled(place.key))
        {
            Some(section) => {
                let candidates = match follow.contains(&*place.mid) {
                    true => &[],
                    false => &*sdp.candidates,
                };
                finish_section(&mut out, section, place, candidates, edits.get(&place.key));
            }
            None => reject(&mut out, place),
        }
    }
    out
}

/// The mids in use by groups. The first one's transport is that of its whole group (RFC 9143 section 7.3.3): the client says
/// which is the first. What the server adds is in the first group, behind the m-lines before it: some stacks want the order of
/// the m-lines.
fn grouped<'p>(groups: &[Vec<String>], used: impl Iterator<Item = &'p Place>) -> Vec<Vec<&'p str>> {
    let mut ranks: HashMap<&str, (usize, usize)> = HashMap::new();
    for (group, mids) in groups.iter().enumerate() {
        for (rank, mid) in mids.iter().enumerate() {
            ranks.entry(mid).or_insert((group, rank));
        }
    }
    let mut grouped: Vec<Vec<(usize, &str)>> = vec![Vec::new(); groups.len()];
    let mut last = 0;
    for place in used {
        let added = place.feedback.is_none().then_some((0, last));
        let Some((group, rank)) = ranks.get(&*place.mid).copied().or(added) else {
            continue;
        };
        if group == 0 {
            last = last.max(rank);
        }
        if let Some(group) = grouped.get_mut(group) {
            group.push((rank, &*place.mid));
        }
    }
    grouped
        .iter_mut()
        .for_each(|group| group.sort_by_key(|(rank, _)| *rank));
    let groups = grouped.into_iter().filter(|group| !group.is_empty());
    groups
        .map(|group| group.into_iter().map(|(_, mid)| mid).collect())
        .collect()
}

fn reject(out: &mut String, place: &Place) {
    let mut words = place.media.splitn(4, ' ');
    let (kind, _, protocol) = (words.next().unwrap_or(""), words.next(), words.next().unwrap_or(""));
    // What is mapped has to be all that there is, for some stacks.
    let mapped = place.format.as_ref().and_then(|format| format.split(' ').next());
    let formats = mapped.or(words.next()).unwrap_or("0");
    put(out, &format!("m={kind} 0 {protocol} {formats}"));
    put(out, "c=IN IP4 0.0.0.0");
    put_mid(out, place);
    if place.kind.is_some() {
        put(out, "a=inactive");
    }
    if let Some(format) = &place.format {
        put(out, &format!("a=rtpmap:{format}"));
    }
}

/// What a section maps its first payload type to.
fn first_format<'a>(section: &Section<'a>) -> Option<&'a str> {
    let number = section.media.split_whitespace().nth(3)?;
    let mut formats = section
        .attributes
        .iter()
        .filter_map(|line| line.strip_prefix("a=rtpmap:"));
    formats.find(|format| format.split_once(' ').is_some_and(|(mapped, _)| mapped == number))
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
    let Some((red, _)) = red(section, place) else {
        return words.join(" ");
    };
    // In the client's order, by which it chooses what it sends.
    let offered: Vec<&str> = place.media.split_whitespace().skip(3).collect();
    words[3..].sort_by_key(|word| offered.iter().position(|known| known == word));
    let rank = |word: &str| offered.iter().position(|known| *known == word);
    let at = words[3..].iter().position(|word| rank(word) > rank(&red));
    words.insert(3 + at.unwrap_or(words.len() - 3), &red);
    words.join(" ")
}

/// The payload types of redundant audio and of the Opus in it, where the session has that.
fn red(section: &[&str], place: &Place) -> Option<(String, String)> {
    let Red { payload_type, opus } = place.red?;
    let opus = opus.to_string();
    let is_there = section[0].split(' ').skip(3).any(|word| word == opus);
    is_there.then(|| (payload_type.to_string(), opus))
}

fn finish_section(out: &mut String, section: &[&str], place: &Place, candidates: &[&str], edit: Option<&LineEdit>) {
    let stated = section
        .iter()
        .find_map(|line| direction(line))
        .unwrap_or(Direction::Inactive);
    let direction = edit.map_or(stated, LineEdit::direction);
    let sent = edit.and_then(|edit| edit.sent.as_ref());
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
            if let Some((label, _)) = sent {
                put(out, &format!("a=msid:{} {}", label.stream, label.track));
            }
        } else if line.starts_with("a=ssrc") {
            // Of the session's own streams, by which nothing is sent.
        } else if let Some(feedback) = line.strip_prefix("a=rtcp-fb:") {
            if place.agrees(feedback, &retransmitted) {
                put(out, line);
            }
        } else if opus.is_some_and(|number| line.strip_prefix("a=fmtp:").is_some_and(|of| of.starts_with(number))) {
            put(out, &format!("{line};stereo=1"));
        } else if *line == "a=rtcp-mux" {
            put(out, line);
            if place.takes_reduced_rtcp {
                put(out, "a=rtcp-rsize");
            }
        } else if self::direction(line).is_some() {
            put(out, direction_line(direction));
        } else {
            put(out, line);
        }
    }
    if let Some((red, opus)) = red(section, place) {
        put(out, &format!("a=rtpmap:{red} red/48000/2"));
        put(out, &format!("a=fmtp:{red} {opus}/{opus}"));
    }
    if matches!(direction, Direction::RecvOnly | Direction::SendRecv) {
        put_simulcast(out, &place.rids);
    }
    if let Some((_, stream)) = sent {
        put_stream(out, stream, !retransmitted.is_empty());
    }
}

fn put_stream(out: &mut String, stream: &SentStream, is_repaired: bool) {
    let SentStream { ssrc, repair, cname } = stream;
    put(out, &format!("a=ssrc:{ssrc} cname:{cname}"));
    if is_repaired {
        put(out, &format!("a=ssrc:{repair} cname:{cname}"));
        put(out, &format!("a=ssrc-group:FID {ssrc} {repair}"));
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
        let places = Place::of_all(&scan.sections);
        let label = Label {
            stream: "user".into(),
            track: "microphone".into(),
        };
        let bundle = vec!["2".to_string(), "0".to_string()];
        let stream = |cname: &str| SentStream {
            ssrc: 1,
            repair: 2,
            cname: cname.into(),
        };
        let edit = |cname: &str, receives| LineEdit {
            sent: Some((label.clone(), stream(cname))),
            receives,
        };
        let edits = HashMap::from([("0".into(), edit(label.cname(), false))]);
        let finished = finish(
            &SessionSdp::parse(ANSWER),
            places.iter(),
            std::slice::from_ref(&bundle),
            &edits,
        );
        assert_eq!(
            finished,
            "v=0\r\na=group:BUNDLE 2 0\r\na=msid-semantic: WMS *\r\nm=audio 9 RTP/SAVPF 111\r\na=mid:0\r\na=sendonly\r\n\
             a=msid:user microphone\r\na=ssrc:1 cname:user\r\nm=text 0 RTP/AVP 98\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\n\
             m=video 9 UDP/TLS/RTP/SAVP 96 97\r\na=candidate:1 1 udp 1 1.2.3.4 1 typ host\r\na=end-of-candidates\r\n\
             a=mid:2\r\na=recvonly\r\na=fmtp:97 apt=96\r\na=rtcp-fb:96 nack\r\na=rtcp-fb:96 ccm fir\r\n"
        );
        let edits = HashMap::from([("2".into(), edit("c", true))]);
        let finished = finish(
            &SessionSdp::parse(ANSWER),
            places.iter(),
            std::slice::from_ref(&bundle),
            &edits,
        );
        assert!(finished.contains("a=sendrecv\r\na=msid:user microphone\r\na=fmtp:97 apt=96\r\n"));
        let edits = HashMap::from([("2".into(), edit("c", false))]);
        let finished = finish(&SessionSdp::parse(ANSWER), places.iter(), &[bundle], &edits);
        assert!(finished.contains("a=sendonly\r\na=msid:user microphone\r\na=fmtp:97 apt=96\r\n"));
        assert!(finished.ends_with("a=ssrc:1 cname:c\r\na=ssrc:2 cname:c\r\na=ssrc-group:FID 1 2\r\n"));
        assert_eq!(
            finished.matches("a=ssrc:1 ").count(),
            1,
            "the session's own is left out"
        );
    }

    #[test]
    fn a_rejected_m_line_names_a_format_where_the_client_does() {
        let offer = |format: &str| {
            format!(
                "v=0\na=group:BUNDLE\nm=video 0 UDP/TLS/RTP/SAVPF 97 96\na=mid:v\na=inactive\na=rtpmap:96 H264/90000\n{format}"
            )
        };
        let rejected = |format: &str| {
            let offer = offer(format);
            let scan = scan(&offer, 3).unwrap();
            let places = Place::of_all(&scan.sections);
            let sdp = finish(&SessionSdp::parse(ANSWER), places.iter(), &[], &HashMap::new());
            sdp[sdp.find("m=").unwrap()..].to_string()
        };
        let attributes = "c=IN IP4 0.0.0.0\r\na=mid:v\r\na=inactive\r\n";
        assert_eq!(
            rejected(""),
            format!("m=video 0 UDP/TLS/RTP/SAVPF 97 96\r\n{attributes}")
        );
        assert_eq!(
            rejected("a=rtpmap:97 VP8/90000\n"),
            format!("m=video 0 UDP/TLS/RTP/SAVPF 97\r\n{attributes}a=rtpmap:97 VP8/90000\r\n")
        );
    }

    #[test]
    fn only_what_the_client_itself_has_rejected_is_free() {
        let offer = "v=0\na=group:BUNDLE 0 1 2\nm=audio 9 RTP/SAVPF 111\na=mid:0\nm=text 9 RTP/AVP 98\na=mid:t\n\
            m=video 0 RTP/SAVPF 96\na=bundle-only\na=mid:1\nm=video 0 RTP/SAVPF 96\na=mid:2\n";
        let places = Place::of_all(&scan(offer, 4).unwrap().sections);
        let is = |of: fn(&Place) -> bool| places.iter().map(of).collect::<Vec<_>>();
        assert_eq!(is(|place| place.is_rejected), [false, true, false, true]);
        assert_eq!(is(Place::is_free), [false, false, false, true]);
    }

    #[test]
    fn m_lines_that_are_alike_have_one_copy_of_their_text() {
        let [audio, video] = ["audio 9 UDP/TLS/RTP/SAVPF 111", "video 9 UDP/TLS/RTP/SAVPF 96"];
        let offer = [video, audio, video, "video 9 UDP/TLS/RTP/SAVPF 97", video].map(|media| format!("m={media}\n"));
        let offer = format!("v=0\n{}", offer.concat());
        let places = Place::of_all(&scan(&offer, 9).unwrap().sections);
        assert_eq!((&*places[1].media, &*places[2].media), (audio, video));
        let is_same = |one: usize, other: usize| Arc::ptr_eq(&places[one].media, &places[other].media);
        assert!(is_same(0, 2) && !is_same(2, 3) && !is_same(3, 4));
    }

    #[test]
    fn redundant_audio_is_answered_in_the_order_of_the_offer() {
        let opus = "a=rtpmap:111 opus/48000/2\n";
        let red = "a=rtpmap:63 red/48000/2\na=fmtp:63 111/111\n";
        let answered = |formats: &str, attributes: &str| {
            let offer = format!("v=0\na=group:BUNDLE 0\nm=audio 9 UDP/TLS/RTP/SAVPF {formats}\na=mid:0\n{attributes}");
            let scan = scan(&offer, 3).unwrap();
            let places = Place::of_all(&scan.sections);
            let bundle = vec!["0".to_string()];
            let sdp = finish(&SessionSdp::parse(ANSWER), places.iter(), &[bundle], &HashMap::new());
            let media = sdp.lines().find(|line| line.starts_with("m=")).unwrap().to_string();
            (
                media.rsplit_once("SAVPF ").unwrap().1.to_string(),
                sdp.contains("a=fmtp:63 111/111\r\n"),
            )
        };
        let both = format!("{opus}{red}");
        assert_eq!(answered("111 63 9", &both), ("111 63".into(), true));
        assert_eq!(answered("9 63 111", &both), ("63 111".into(), true));
        // Of another format, or twice nothing.
        let other = both.replace("111/111", "111/9");
        for attributes in [opus, red, &other] {
            assert_eq!(answered("111 63", attributes), ("111".into(), false), "{attributes}");
        }
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
            let places = Place::of_all(&scan.sections);
            finish(&SessionSdp::parse(ANSWER), places.iter(), &[], &HashMap::new())
        };
        assert!(
            answer("stereo=1;sprop-stereo=1")
                .contains("a=fmtp:111 minptime=10;useinbandfec=1;stereo=1\r\na=fmtp:0 x=1\r\n")
        );
        assert!(!answer("stereo=1").contains("stereo"));
        assert!(!answer("x-sprop-stereo=1").contains("stereo"));
    }
}
