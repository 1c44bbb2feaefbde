//! Payload types of a bundled SDP: each number means one format (RFC 9143 section 7.1).

use std::collections::{HashMap, HashSet};

/// The payload types seen so far, line by line.
#[derive(Default)]
pub(super) struct Payloads<'a> {
    /// Payload type → its encoding.
    encodings: HashMap<&'a str, &'a str>,
    /// Payload type of RTX → the one that it retransmits (RFC 4588).
    retransmits: HashMap<&'a str, &'a str>,
    /// m-line and payload type.
    mapped: HashSet<(usize, &'a str)>,
}

impl<'a> Payloads<'a> {
    /// Reads one line of m-line number `index`. Constant time.
    ///
    /// # Errors
    /// A payload type is none, means two formats, or is mapped twice on one m-line: which, for people.
    pub(super) fn read(&mut self, index: usize, line: &'a str) -> Result<(), String> {
        if let Some((number, encoding)) = attribute(line, "a=rtpmap:", " ") {
            // RTP has seven bits for it (RFC 3550 section 5.1), which also bounds how many an m-line has.
            if !number.parse::<u8>().is_ok_and(|number| number < 128) {
                return Err("a payload type is not a number from 0 to 127".into());
            }
            if !self.mapped.insert((index, number)) {
                return Err(format!("payload type {number} is mapped twice on one m-line"));
            }
            let before = self.encodings.insert(number, encoding);
            if before.is_some_and(|before| !before.eq_ignore_ascii_case(encoding)) {
                return Err(format!("payload type {number} means two formats"));
            }
        } else if let Some((number, of)) = attribute(line, "a=fmtp:", " apt=") {
            let before = self.retransmits.insert(number, of);
            if before.is_some_and(|before| before != of) {
                return Err(format!("payload type {number} retransmits two others"));
            }
        }
        Ok(())
    }
}

fn attribute<'a>(line: &'a str, name: &str, between: &str) -> Option<(&'a str, &'a str)> {
    line.strip_prefix(name)?.trim_end().split_once(between)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(sdp: &str) -> Result<(), String> {
        let mut payloads = Payloads::default();
        let mut index = 0;
        sdp.lines().try_for_each(|line| {
            index += usize::from(line.starts_with("m="));
            payloads.read(index, line)
        })
    }

    #[test]
    fn a_payload_type_means_one_format() {
        let good = "m=audio\r\na=rtpmap:111 opus/48000/2\r\nm=video\r\na=rtpmap:96 VP8/90000\r\n\
            a=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\nm=video\r\na=rtpmap:96 vp8/90000\r\n";
        assert_eq!(check(good), Ok(()));
        for (change, word) in [
            (good.replace("111", "96"), "two formats"),
            (good.replace("97 rtx", "96 rtx"), "twice"),
            (good.replace("111 opus", "128 opus"), "127"),
            (
                good.replace(
                    "\r\nm=video\r\na=rtpmap:96 vp8",
                    "\r\na=fmtp:97 apt=98\r\nm=video\r\na=rtpmap:96 vp8",
                ),
                "retransmits",
            ),
        ] {
            assert!(check(&change).unwrap_err().contains(word), "{change}");
        }
    }
}
