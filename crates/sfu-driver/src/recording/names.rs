//! The names of directories and files. None leads out of the directory of recordings, whatever a hub may send.

use sfu::{Source, TapTrack};

/// Longest name of a recording or a node: a UUID has 36 characters.
const MAX_NAME: usize = 64;

/// Whether `text` may be (part of) the name of a directory: letters, digits, `-` and `_` only, so that it is neither `..` nor a
/// path.
pub(crate) fn is_name(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=MAX_NAME).contains(&text.len()) && text.bytes().all(is_plain)
}

/// The directory of a part, in that of its recording. `start` is in milliseconds since 1970.
pub(crate) fn part(start: u64, node: &str, port: u16) -> String {
    format!("{start}-{node}-{port}")
}

/// The file of a track, in the directory of its part.
pub(crate) fn track(track: TapTrack, source: Source) -> String {
    format!("{}-{}.mjr", track.0, source.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_in_its_directory() {
        for name in ["0b0f5a52-5b5b-4c6e-9f4a-0c1d2e3f4a5b", "node_x7-K", "a"] {
            assert!(is_name(name), "{name}");
        }
        for no_name in [
            "",
            ".",
            "..",
            "../x",
            "a/b",
            "/etc",
            "a\0",
            "a b",
            "é",
            ".hidden",
            &"a".repeat(65),
        ] {
            assert!(!is_name(no_name), "{no_name}");
        }
    }
}
