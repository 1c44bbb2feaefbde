//! Rewrites SDP on its way in and out.

use std::fmt::Write;

use str0m::media::{Direction, Mid};

use super::scan::direction;
use crate::line::Label;

/// What an m-line of the server's SDP is to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LineEdit {
    /// `sendonly`, with this `a=msid`.
    Send(Label),
    /// `inactive`.
    Inactive,
}

/// The attributes that a session reads. All others are dropped, candidates, `a=rid` and `a=simulcast` among them: a parser
/// spends most of its time on lines that it does not know.
const KNOWN: [&str; 26] = [
    "extmap",
    "fingerprint",
    "fmtp",
    "group",
    "ice-lite",
    "ice-options",
    "ice-pwd",
    "ice-ufrag",
    "inactive",
    "max-message-size",
    "mid",
    "msid",
    "msid-semantic",
    "recvonly",
    "rtcp-fb",
    "rtcp-mux",
    "rtcp-mux-only",
    "rtcp-rsize",
    "rtpmap",
    "sctp-init",
    "sctp-port",
    "sendonly",
    "sendrecv",
    "setup",
    "ssrc",
    "ssrc-group",
];

/// Prepares a client's offer.
///
/// - Nothing is sent on an m-line on which the client sends: `sendrecv` becomes `sendonly`.
/// - Simulcast is declined, so that the client sends one encoding (RFC 8853 section 5.3.2).
/// - Candidates are dropped: an ICE-lite agent makes no checks and learns the client's addresses from the client's checks.
/// - So is whatever else no session reads.
pub(crate) fn clean_offer(sdp: &str) -> String {
    clean(sdp, true)
}

/// Prepares a client's answer: drops candidates and what no session reads.
pub(crate) fn clean_answer(sdp: &str) -> String {
    clean(sdp, false)
}

fn clean(sdp: &str, offer: bool) -> String {
    let mut out = String::with_capacity(sdp.len() + 64);
    let mut session_direction = Direction::SendRecv;
    // Whether the current m-line is of media and has stated no direction yet.
    let mut undirected = false;
    let mut in_media = false;
    for line in sdp.lines() {
        let line = line.trim_end();
        if line.is_empty() || dropped(line, offer) {
            continue;
        }
        if line.starts_with("m=") {
            if undirected {
                put(&mut out, received(session_direction, offer));
            }
            in_media = true;
            undirected = line.starts_with("m=audio") || line.starts_with("m=video");
        }
        match direction(line) {
            Some(direction) if in_media => {
                undirected = false;
                put(&mut out, received(direction, offer));
            }
            Some(direction) => session_direction = direction,
            None => put(&mut out, line),
        }
    }
    if undirected {
        put(&mut out, received(session_direction, offer));
    }
    out
}

fn dropped(line: &str, offer: bool) -> bool {
    let Some(attribute) = line.strip_prefix("a=") else {
        return false;
    };
    let name = attribute.split_once(':').map_or(attribute, |(name, _)| name);
    !KNOWN.contains(&name) || (offer && attribute.starts_with("ssrc-group:SIM"))
}

fn received(direction: Direction, offer: bool) -> &'static str {
    match direction {
        Direction::SendRecv if offer => "a=sendonly",
        Direction::SendRecv => "a=sendrecv",
        Direction::SendOnly => "a=sendonly",
        Direction::RecvOnly => "a=recvonly",
        Direction::Inactive => "a=inactive",
    }
}

fn put(out: &mut String, line: &str) {
    out.push_str(line);
    out.push_str("\r\n");
}

/// Finishes an SDP of the server's: sets direction and msid of the m-lines that `edit` knows, keeps what belongs to sending
/// only where the server sends, and marks the end of candidates (RFC 8838 section 8.2).
pub(crate) fn finish(sdp: &str, edit: impl Fn(Mid) -> Option<LineEdit>) -> String {
    let mut out = String::with_capacity(sdp.len());
    let mut section: Vec<&str> = Vec::new();
    for line in sdp.lines() {
        if line.starts_with("m=") {
            finish_section(&mut out, &section, &edit);
            section.clear();
        }
        section.push(line);
    }
    finish_section(&mut out, &section, &edit);
    out
}

fn finish_section(out: &mut String, section: &[&str], edit: &impl Fn(Mid) -> Option<LineEdit>) {
    let mid = section.iter().find_map(|line| line.strip_prefix("a=mid:"));
    let edit = mid.and_then(|mid| edit(Mid::from(mid)));
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
    let last_candidate = section.iter().rposition(|line| line.starts_with("a=candidate:"));
    for (index, line) in section.iter().enumerate() {
        if line.starts_with("a=msid-semantic:") {
            put(out, "a=msid-semantic: WMS *");
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
        } else if self::direction(line).is_some() {
            put(out, received(direction, false));
        } else {
            put(out, line);
        }
        if last_candidate == Some(index) {
            put(out, "a=end-of-candidates");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offer_is_cleaned() {
        let cleaned = clean_offer(
            "v=0\na=sendrecv\nm=audio 9 X 0\na=candidate:1 1 udp 1 x.local 1 typ host\na=mid:0\n\
             m=video 9 X 0\na=mid:1\na=recvonly\na=rid:h send\na=simulcast:send h\na=x-unknown:1\n\
             m=application 9 X y\na=mid:2\n",
        );
        assert_eq!(
            cleaned,
            "v=0\r\nm=audio 9 X 0\r\na=mid:0\r\na=sendonly\r\nm=video 9 X 0\r\na=mid:1\r\na=recvonly\r\n\
             m=application 9 X y\r\na=mid:2\r\n"
        );
    }

    #[test]
    fn an_answer_is_finished() {
        let sdp = "v=0\r\na=msid-semantic:WMS a\r\nm=audio 9 X 0\r\na=candidate:1 1 udp 1 1.2.3.4 1 typ host\r\n\
            a=mid:0\r\na=sendonly\r\na=msid:a b\r\na=ssrc:1 cname:b\r\na=ssrc:1 msid:a b\r\n\
            m=audio 9 X 0\r\na=mid:1\r\na=sendonly\r\na=msid:a b\r\na=ssrc:2 cname:b\r\n\
            m=audio 9 X 0\r\na=mid:2\r\na=recvonly\r\na=msid:a b\r\n";
        let label = Label {
            stream: "user".into(),
            track: "microphone".into(),
        };
        let finished = finish(sdp, |mid| match &*mid.to_string() {
            "0" => Some(LineEdit::Send(label.clone())),
            "1" => Some(LineEdit::Inactive),
            _ => None,
        });
        assert_eq!(
            finished,
            "v=0\r\na=msid-semantic: WMS *\r\nm=audio 9 X 0\r\na=candidate:1 1 udp 1 1.2.3.4 1 typ host\r\n\
             a=end-of-candidates\r\na=mid:0\r\na=sendonly\r\na=msid:user microphone\r\na=ssrc:1 cname:b\r\n\
             m=audio 9 X 0\r\na=mid:1\r\na=inactive\r\n\
             m=audio 9 X 0\r\na=mid:2\r\na=recvonly\r\n"
        );
    }
}
