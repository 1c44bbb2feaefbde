//! `a=rtcp-fb` (RFC 4585 section 4.2), as far as the session knows it.

use super::section::Section;

/// The kinds that the session knows (RFC 4585, RFC 5104 and drafts).
pub(super) const KINDS: [&str; 5] = ["nack", "nack pli", "ccm fir", "transport-cc", "goog-remb"];

/// The feedback that an m-line has: of each kind a bit for each payload type.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Feedback([u128; KINDS.len()]);

/// The payload types that are meant: one, or all.
fn bits(number: &str) -> u128 {
    match number {
        "*" => u128::MAX,
        _ => number.parse().ok().and_then(|bit| 1_u128.checked_shl(bit)).unwrap_or(0),
    }
}

impl Feedback {
    /// That of an m-line.
    pub(super) fn of(section: &Section<'_>) -> Self {
        let mut feedback = Self::default();
        let lines = section.attributes.iter();
        let values = lines.filter_map(|line| line.strip_prefix("a=rtcp-fb:")?.split_once(' '));
        for (number, kind) in values {
            let kinds = feedback.0.iter_mut().zip(KINDS);
            kinds
                .filter(|(_, known)| *known == kind)
                .for_each(|(set, _)| *set |= bits(number));
        }
        feedback
    }

    /// Whether a payload type has feedback of a kind.
    pub(super) fn has(self, number: &str, kind: &str) -> bool {
        let mut kinds = self.0.iter().zip(KINDS);
        kinds.any(|(set, known)| known == kind && set & bits(number) != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::super::scan::scan;
    use super::*;

    #[test]
    fn feedback_is_of_one_payload_type_or_of_all() {
        let sdp = "v=0\nm=video 9 X 96 127\na=rtcp-fb:96 nack\na=rtcp-fb:127 nack pli\na=rtcp-fb:* ccm fir\n\
            a=rtcp-fb:128 transport-cc\na=rtcp-fb:x goog-remb\na=rtcp-fb:97\n";
        let feedback = Feedback::of(&scan(sdp, 1).unwrap().sections[0]);
        let has = |number: &str| KINDS.map(|kind| feedback.has(number, kind));
        assert_eq!(has("96"), [true, false, true, false, false]);
        assert_eq!(has("127"), [false, true, true, false, false]);
        assert_eq!(has("128"), [false; 5]);
        assert!(!feedback.has("96", "x"));
    }
}
