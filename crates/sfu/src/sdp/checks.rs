//! What an SDP has to say for a session to connect by it. What a session would refuse without a word, or break at, is refused
//! here.

use std::collections::HashSet;

use super::scan::Scan;
use super::section::Section;

/// Hash functions of fingerprints that can be verified.
const HASH_FUNCTIONS: [&str; 2] = ["sha-256", "sha-1"];

/// Whether a fingerprint can be compared with a certificate.
pub(super) fn is_verifiable(fingerprint: &str) -> bool {
    let (name, octets) = fingerprint.split_once(' ').unwrap_or_default();
    let is_octet = |octet: &str| octet.len() == 2 && octet.bytes().all(|digit| digit.is_ascii_hexdigit());
    HASH_FUNCTIONS.iter().any(|known| known.eq_ignore_ascii_case(name)) && octets.split(':').all(is_octet)
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
        } else if transport.fingerprints.is_empty() {
            "a=fingerprint is missing"
        } else if self.fingerprint().is_none() {
            "a=fingerprint is missing with sha-256: those with other hash functions cannot be verified"
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
