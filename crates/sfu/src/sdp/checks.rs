//! What an SDP has to say for a session to connect by it. What a session would refuse without a word, or break at, is refused
//! here.

use std::collections::HashSet;
use std::ops::RangeInclusive;

use super::scan::Scan;
use super::section::Section;

/// Hash functions of fingerprints that can be verified, and the octets of each.
const HASH_FUNCTIONS: [(&str, usize); 2] = [("sha-256", 32), ("sha-1", 20)];

/// How long the two credentials of ICE may be (RFC 8839 section 5.4).
const UFRAG: RangeInclusive<usize> = 4..=256;
const PASSWORD: RangeInclusive<usize> = 22..=256;

/// Whether a fingerprint can be compared with a certificate.
pub(super) fn is_verifiable(fingerprint: &str) -> bool {
    let (name, octets) = fingerprint.split_once(' ').unwrap_or_default();
    let mut functions = HASH_FUNCTIONS.iter();
    let Some((_, length)) = functions.find(|(known, _)| known.eq_ignore_ascii_case(name)) else {
        return false;
    };
    let is_octet = |octet: &str| octet.len() == 2 && octet.bytes().all(|digit| digit.is_ascii_hexdigit());
    octets.split(':').count() == *length && octets.split(':').all(is_octet)
}

/// Whether a credential of ICE is one: letters, digits, `+` and `/`, and so many of them.
fn is_credential(credential: &str, lengths: &RangeInclusive<usize>) -> bool {
    let is_known = |octet: u8| octet.is_ascii_alphanumeric() || octet == b'+' || octet == b'/';
    lengths.contains(&credential.len()) && credential.bytes().all(is_known)
}

impl Scan<'_> {
    /// Whether it says how the client is reached, and which certificate is the client's.
    ///
    /// # Errors
    /// What is missing or wrong, for people.
    pub(crate) fn check_transport(&self) -> Result<(), String> {
        let transport = &self.transport;
        let reason = if self.is_ice_lite {
            "two ICE-lite agents cannot connect"
        } else if transport.credentials.ufrag.is_empty() {
            "a=ice-ufrag is missing"
        } else if transport.credentials.password.is_empty() {
            "a=ice-pwd is missing"
        } else if !is_credential(transport.credentials.ufrag, &UFRAG) {
            "a=ice-ufrag has to be 4 to 256 letters, digits, + and / (RFC 8839)"
        } else if !is_credential(transport.credentials.password, &PASSWORD) {
            "a=ice-pwd has to be 22 to 256 letters, digits, + and / (RFC 8839)"
        } else if transport.fingerprints.is_empty() {
            "a=fingerprint is missing"
        } else if self.fingerprint().is_none() {
            "a=fingerprint is missing with sha-256, of 32 octets: those with other hash functions cannot be verified"
        } else if !["", "actpass", "active", "passive"].contains(&transport.setup) {
            "a=setup has to be actpass, active or passive: DTLS knows nothing else (RFC 8842)"
        } else {
            return Ok(());
        };
        Err(reason.into())
    }

    /// Whether RTP and RTCP share a port, as they have to where m-lines share it: the first one for media of the first group
    /// says so for its group (RFC 9143 sections 7.1.3 and 9.3), others for themselves.
    ///
    /// # Errors
    /// Where they do not, for people.
    pub(crate) fn check_multiplexing(&self) -> Result<(), String> {
        let is_used = |section: &Section<'_>| !section.rejected && section.kind().is_some();
        let used = || self.sections.iter().enumerate().filter(|(_, section)| is_used(section));
        let mids: HashSet<&str> = used().map(|(_, section)| section.mid).collect();
        let group = self.groups.first().map(Vec::as_slice).unwrap_or_default();
        let follow: HashSet<&str> = group.iter().copied().filter(|mid| mids.contains(mid)).skip(1).collect();
        let mut to_say = used().filter(|(_, section)| !follow.contains(section.mid));
        match to_say.find(|(_, section)| !section.multiplexes_rtcp()) {
            Some((index, _)) => Err(format!(
                "a=rtcp-mux is missing on m-line {index}: RTCP has no port of its own here"
            )),
            None => Ok(()),
        }
    }
}
