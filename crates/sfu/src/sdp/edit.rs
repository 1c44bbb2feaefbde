//! Rewrites SDP on its way in and out.

use std::fmt::Write;

use str0m::media::{Direction, Mid};

use super::scan::direction;

/// What a server-made m-line is to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineEdit {
    /// Whether the server sends there; else it is `inactive`, unless the server receives.
    pub sends: bool,
    /// `a=msid`: stream id and track id (RFC 8830).
    pub stream: String,
    /// The track id.
    pub track: String,
}

/// Prepares a client's offer.
///
/// - A client that sends on an m-line is not sent anything on it: `sendrecv` becomes `sendonly`.
/// - Simulcast is declined, so that one encoding is sent (RFC 8853 section 5.3.2).
/// - Candidates are dropped: an ICE-lite agent makes no checks and learns addresses from those of the client.
pub fn clean_offer(sdp: &str) -> String {
    clean(sdp, true)
}

/// Prepares a client's answer: drops candidates.
pub fn clean_answer(sdp: &str) -> String {
    clean(sdp, false)
}

fn clean(sdp: &str, offer: bool) -> String {
    let mut out = String::with_capacity(sdp.len() + 64);
    let mut session_direction = Direction::SendRecv;
    // Whether the m-line under way is of media and has stated no direction yet.
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
    line.starts_with("a=candidate:")
        || line.starts_with("a=end-of-candidates")
        || offer
            && (line.starts_with("a=simulcast:") || line.starts_with("a=rid:") || line.starts_with("a=ssrc-group:SIM"))
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

/// Finishes an SDP of the server's: sets direction and msid of the m-lines that `edit` knows, says what belongs to
/// sending only where the server sends, and says that all candidates are there (RFC 8838 section 8.2).
pub fn finish(sdp: &str, edit: impl Fn(Mid) -> Option<LineEdit>) -> String {
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
        Some(edit) if edit.sends => Direction::SendOnly,
        Some(_) => Direction::Inactive,
        None => stated,
    };
    let sends = matches!(direction, Direction::SendOnly | Direction::SendRecv);
    let last_candidate = section.iter().rposition(|line| line.starts_with("a=candidate:"));
    for (index, line) in section.iter().enumerate() {
        if line.starts_with("a=msid-semantic:") {
            put(out, "a=msid-semantic: WMS *");
        } else if line.starts_with("a=msid:") {
            match &edit {
                Some(edit) if sends => {
                    let _ = write!(out, "a=msid:{} {}\r\n", edit.stream, edit.track);
                }
                _ if sends => put(out, line),
                _ => {}
            }
        } else if line.starts_with("a=ssrc") {
            // msid stands once, above: that of a=ssrc lines is from before RFC 8829.
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
             m=video 9 X 0\na=mid:1\na=recvonly\na=rid:h send\na=simulcast:send h\n\
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
        let line = |sends| {
            Some(LineEdit {
                sends,
                stream: "user".into(),
                track: "microphone".into(),
            })
        };
        let finished = finish(sdp, |mid| match &*mid.to_string() {
            "0" => line(true),
            "1" => line(false),
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
