//! Payload types of a bundled SDP: each number means one format (RFC 9143 section 7.1).

use std::collections::HashMap;

/// Checks that no payload type means two formats, and that none is listed twice on one m-line.
///
/// # Errors
/// Which one it is, in words for people.
pub fn check_payloads(sdp: &str) -> Result<(), String> {
    let mut formats: HashMap<(&str, &str), &str> = HashMap::new();
    let mut here: Vec<&str> = Vec::new();
    for line in sdp.lines() {
        if line.starts_with("m=") {
            here.clear();
        }
        let Some((number, format)) = line
            .strip_prefix("a=rtpmap:")
            .and_then(|map| map.trim_end().split_once(' '))
        else {
            if let Some((number, of)) = line
                .strip_prefix("a=fmtp:")
                .and_then(|map| map.trim_end().split_once(" apt="))
                && formats.insert((number, "apt"), of).is_some_and(|before| before != of)
            {
                return Err(format!("payload type {number} resends two others"));
            }
            continue;
        };
        if here.contains(&number) {
            return Err(format!("payload type {number} is mapped twice on one m-line"));
        }
        here.push(number);
        if formats
            .insert((number, "rtpmap"), format)
            .is_some_and(|before| !before.eq_ignore_ascii_case(format))
        {
            return Err(format!("payload type {number} means two formats"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_means_one_format() {
        let good = "m=audio\r\na=rtpmap:111 opus/48000/2\r\nm=video\r\na=rtpmap:96 VP8/90000\r\n\
            a=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\nm=video\r\na=rtpmap:96 vp8/90000\r\n";
        assert_eq!(check_payloads(good), Ok(()));
        for (change, word) in [
            (good.replace("111", "96"), "two formats"),
            (good.replace("97 rtx", "96 rtx"), "twice"),
            (
                good.replace(
                    "\r\nm=video\r\na=rtpmap:96 vp8",
                    "\r\na=fmtp:97 apt=98\r\nm=video\r\na=rtpmap:96 vp8",
                ),
                "resends",
            ),
        ] {
            assert!(check_payloads(&change).unwrap_err().contains(word), "{change}");
        }
    }
}
