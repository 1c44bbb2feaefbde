//! Which m-lines of an SDP are used: those that share one transport (RFC 9143), of which a session has one.

use std::collections::{HashMap, HashSet};

use super::section::{Purpose, Section, Transport};

/// Rejects the m-lines that are not used: those that their writer disabled, foreign ones, and those of another transport.
/// Gives the transport of the others. The first m-line decides, in the order of the first BUNDLE group. With it go the others
/// of its group, and all that say the same of their transport, whatever their group: they are one transport in fact.
pub(super) fn share<'a>(
    sections: &mut [Section<'a>],
    groups: &[Vec<&'a str>],
    session: &Transport<'a>,
) -> Transport<'a> {
    disable(sections, groups);
    let group = groups.first().map(Vec::as_slice).unwrap_or_default();
    let first = first(sections, group).map(|first| (first.key(), first.transport.clone()));
    let (first, said) = first.unzip();
    let mut shared = said.unwrap_or_default();
    shared.complete(session);
    let members: HashSet<&str> = group.iter().copied().collect();
    let likeness = Likeness::new(&shared, session);
    let mut has_data = false;
    for section in sections.iter_mut().filter(|section| !section.rejected) {
        let is_first = first == Some(section.key());
        let shares = is_first || members.contains(section.mid) || likeness.has(&section.transport);
        let is_second = section.purpose == Purpose::Data && std::mem::replace(&mut has_data, true);
        section.rejected = !shares || is_second;
    }
    // Members of a group may say it all in one place.
    let used = sections.iter().filter(|section| !section.rejected);
    used.for_each(|section| shared.complete(&section.transport));
    shared
}

/// Rejects the m-lines that nobody may use: of port 0, unless that only means that they have no port without their group
/// (RFC 9143 section 6), and foreign ones.
fn disable(sections: &mut [Section<'_>], groups: &[Vec<&str>]) {
    let bundled: HashSet<&str> = groups.iter().flatten().copied().collect();
    for section in sections {
        section.rejected &= !(section.is_bundle_only && bundled.contains(section.mid));
        section.rejected |= section.purpose == Purpose::Foreign;
    }
}

/// The first m-line that may be used, in the order of a group, else in that of the SDP.
fn first<'s, 'a>(sections: &'s [Section<'a>], group: &[&str]) -> Option<&'s Section<'a>> {
    let usable = || sections.iter().filter(|section| !section.rejected);
    let by_mid: HashMap<&str, &Section<'a>> = usable().map(|section| (section.mid, section)).collect();
    let mut of_group = group.iter().filter_map(|mid| by_mid.get(mid).copied());
    of_group.next().or_else(|| usable().next())
}

/// What has to be the same for m-lines to be of one transport.
struct Likeness<'s, 'a> {
    shared: Transport<'a>,
    session: &'s Transport<'a>,
    /// An m-line that says nothing of fingerprints has those of the shared transport.
    is_fingerprint_of_session: bool,
}

impl<'s, 'a> Likeness<'s, 'a> {
    fn new(shared: &Transport<'a>, session: &'s Transport<'a>) -> Self {
        Self {
            is_fingerprint_of_session: shared.has_same_fingerprints(session),
            shared: shared.clone(),
            session,
        }
    }

    fn has(&self, said: &Transport<'a>) -> bool {
        let credentials = match said.credentials.ufrag.is_empty() {
            true => self.session.credentials,
            false => said.credentials,
        };
        let is_same_certificate = match said.fingerprints.is_empty() {
            true => self.is_fingerprint_of_session,
            false => self.shared.has_same_fingerprints(said),
        };
        let is_said = !credentials.ufrag.is_empty() && !self.shared.fingerprints.is_empty();
        is_said && credentials == self.shared.credentials && is_same_certificate
    }
}

#[cfg(test)]
mod tests {
    use super::super::scan::scan;

    const OF_A: &str = "a=ice-ufrag:a\r\na=ice-pwd:a\r\na=fingerprint:sha-256 AB\r\n";

    /// Which m-lines of an SDP are used. `{a}` is a transport.
    fn used(sdp: &str) -> Vec<bool> {
        let sdp = format!("v=0\r\n{}", sdp.replace("{a}", OF_A));
        let sections = scan(&sdp, 9).unwrap().sections;
        sections.iter().map(|section| !section.rejected).collect()
    }

    #[test]
    fn m_lines_with_the_same_transport_are_used_whatever_their_group() {
        let audio = "m=audio 9 RTP/SAVPF 0\r\na=mid:0\r\n";
        let video = "m=video 9 RTP/SAVPF 1\r\na=mid:1\r\n";
        let groups = ["", "a=group:BUNDLE 0\r\na=group:BUNDLE 1\r\n", "a=group:BUNDLE 0\r\n"];
        for group in groups {
            assert_eq!(used(&format!("{group}{{a}}{audio}{video}")), [true, true]);
            assert_eq!(used(&format!("{group}{audio}{{a}}{video}{{a}}")), [true, true]);
            for (one, other) in [
                ("ufrag:a", "ufrag:b"),
                ("pwd:a", "pwd:b"),
                ("AB", "CD"),
                (" AB", " AB\r\na=fingerprint:sha-1 C"),
            ] {
                let of_other = OF_A.replace(one, other);
                assert_eq!(used(&format!("{group}{audio}{{a}}{video}{of_other}")), [true, false]);
                assert_eq!(used(&format!("{group}{{a}}{audio}{video}{of_other}")), [true, false]);
            }
            assert_eq!(used(&format!("{group}{audio}{{a}}{video}")), [true, false]);
            assert_eq!(used(&format!("{group}{audio}{video}")), [true, false]);
        }
        let bundled = "a=group:BUNDLE 1 0\r\n";
        assert_eq!(
            used(&format!(
                "{bundled}{audio}{{a}}{video}{}",
                OF_A.replace("ufrag:a", "ufrag:b")
            )),
            [true, true]
        );
    }

    #[test]
    fn port_0_disables_an_m_line_unless_it_has_none_without_its_group() {
        let m_lines = "m=audio 9 RTP/SAVPF 0\r\na=mid:0\r\nm=video 0 RTP/SAVPF 1\r\na=mid:1\r\n";
        for (group, attribute, is_used) in [
            ("a=group:BUNDLE 0 1\r\n", "", false),
            ("a=group:BUNDLE 0 1\r\n", "a=bundle-only\r\n", true),
            ("a=group:BUNDLE 0\r\n", "a=bundle-only\r\n", false),
            ("", "a=bundle-only\r\n", false),
        ] {
            assert_eq!(
                used(&format!("{group}{{a}}{m_lines}{attribute}")),
                [true, is_used],
                "{group}{attribute}"
            );
        }
    }
}
