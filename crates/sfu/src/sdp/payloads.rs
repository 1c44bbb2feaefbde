//! Payload types of m-lines that share a transport: each number means one format (RFC 9143 section 9.1.1).

use std::collections::HashMap;

/// The payload types seen so far, line by line.
#[derive(Default)]
pub(super) struct Payloads<'a> {
    /// Payload type → its encoding.
    encodings: HashMap<u8, &'a str>,
    /// Payload type of RTX → the one that it retransmits (RFC 4588).
    retransmits: HashMap<u8, &'a str>,
}

impl<'a> Payloads<'a> {
    /// Reads one attribute line. Constant time. The same may be said any number of times.
    ///
    /// # Errors
    /// A payload type is none, or means two formats: which, for people.
    pub(super) fn read(&mut self, line: &'a str) -> Result<(), String> {
        if let Some((number, encoding)) = attribute(line, "a=rtpmap:", " ") {
            let number = payload_type(number).ok_or("a payload type is not a number from 0 to 127")?;
            let before = self.encodings.insert(number, encoding);
            if before.is_some_and(|before| !before.eq_ignore_ascii_case(encoding)) {
                return Err(format!("payload type {number} means two formats"));
            }
        } else if let Some((number, of)) = attribute(line, "a=fmtp:", " apt=") {
            // Parameters of no payload type mean nothing.
            let Some(number) = payload_type(number) else {
                return Ok(());
            };
            let before = self.retransmits.insert(number, of);
            if before.is_some_and(|before| before != of) {
                return Err(format!("payload type {number} retransmits two others"));
            }
        }
        Ok(())
    }
}

/// RTP has seven bits for it (RFC 3550 section 5.1), which also bounds how many an m-line has.
fn payload_type(text: &str) -> Option<u8> {
    text.parse().ok().filter(|number| *number < 128)
}

fn attribute<'a>(line: &'a str, name: &str, between: &str) -> Option<(&'a str, &'a str)> {
    line.strip_prefix(name)?.trim_end().split_once(between)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(sdp: &str) -> Result<(), String> {
        let mut payloads = Payloads::default();
        sdp.lines().try_for_each(|line| payloads.read(line))
    }

    #[test]
    fn a_payload_type_means_one_format() {
        let good = "a=rtpmap:111 opus/48000/2\r\na=rtpmap:96 VP8/90000\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n\
            a=rtpmap:96 vp8/90000\r\na=fmtp:97 apt=96\r\na=fmtp:x apt=1\r\na=fmtp:x apt=2\r\n";
        assert_eq!(check(good), Ok(()));
        for (change, reason) in [
            (good.replace("111", "96"), "payload type 96 means two formats"),
            (good.replace("111", "096"), "payload type 96 means two formats"),
            (good.replace("97 rtx", "96 rtx"), "payload type 96 means two formats"),
            (
                good.replace("111 opus", "128 opus"),
                "a payload type is not a number from 0 to 127",
            ),
            (
                good.replacen("apt=96", "apt=98", 1),
                "payload type 97 retransmits two others",
            ),
        ] {
            assert_eq!(check(&change).unwrap_err(), reason, "{change}");
        }
    }
}
