//! One m-line of an SDP with its attributes, and what is said of the transport.

use std::hash::{DefaultHasher, Hash, Hasher};

use str0m::media::{Direction, MediaKind, Mid, Rid};

use crate::rtp::{EncodingName, LONGEST_NARROW};

/// str0m keeps so many octets of a mid.
const MAX_KEY: usize = 16;

/// Encodings of one m-line.
const MAX_ENCODINGS: usize = 4;
/// str0m keeps so many octets of a RID.
const MAX_RID: usize = 8;
/// Octets of the encodings in `a=simulcast`, with alternatives.
const MAX_SIMULCAST: usize = 256;
/// The header extension that carries the RID.
const RID_EXTENSION: &str = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id";

/// What an m-line is for, by its media type and protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// RTP, secured by DTLS whatever the profile says (RFC 9429 section 5.1.2).
    Media(MediaKind),
    /// A data channel (RFC 8841).
    Data,
    /// Something that nobody here knows.
    Foreign,
}

/// `a=ice-ufrag` and `a=ice-pwd` (RFC 8839 section 5.4).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct IceCredentials<'a> {
    /// The user fragment.
    pub(crate) ufrag: &'a str,
    /// The password.
    pub(crate) password: &'a str,
}

/// What is said of the transport, for the session or one m-line; empty where nothing is said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Transport<'a> {
    /// The credentials of ICE.
    pub(crate) credentials: IceCredentials<'a>,
    /// `a=fingerprint` (RFC 8122), with one hash function or several.
    pub(crate) fingerprints: Vec<&'a str>,
    /// `a=setup` (RFC 8842).
    pub(crate) setup: &'a str,
}

/// Payload types of redundant audio.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Red {
    pub(crate) payload_type: u8,
    /// That of what is in it.
    pub(crate) opus: u8,
}

/// One m-line with its attributes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Section<'a> {
    /// The m-line, without `m=`.
    pub(crate) media: &'a str,
    /// What it is for.
    pub(crate) purpose: Purpose,
    /// `a=mid`, as its writer wrote it; empty if there is none.
    pub(crate) mid: &'a str,
    /// What stands for the mid in the session.
    pub(super) key: Mid,
    /// As its writer sees it. `sendrecv` unless stated.
    pub(crate) direction: Direction,
    /// The m-line is not used: its writer has disabled it (port 0, RFC 9143 section 7.3), it is foreign, or it does not share
    /// the transport.
    pub(crate) rejected: bool,
    /// Port 0 means only that it has none without its BUNDLE group (RFC 9143 section 6).
    pub(super) is_bundle_only: bool,
    /// Its transport.
    pub(crate) transport: Transport<'a>,
    /// Its attribute lines that matter, in order.
    pub(crate) attributes: Vec<&'a str>,
    /// The RIDs of the encodings that its writer can send at the same time (RFC 8853), as it has them in order.
    pub(super) rids: Vec<&'a str>,
}

impl<'a> Section<'a> {
    pub(super) fn new(media: &'a str, direction: Direction) -> Self {
        Self {
            media,
            purpose: purpose(media),
            mid: "",
            key: Mid::from(""),
            direction,
            rejected: media.split_whitespace().nth(1) == Some("0"),
            is_bundle_only: false,
            transport: Transport::default(),
            attributes: Vec::new(),
            rids: Vec::new(),
        }
    }

    /// Reads `a=simulcast`. Of alternatives the first counts, and whether one is paused at first does not matter. What has
    /// more encodings than can be held, or RIDs that the session cannot, is declined: the client then sends one.
    pub(super) fn read_simulcast(&mut self, value: &'a str) {
        let mut words = value.split_ascii_whitespace();
        let sent = words.by_ref().find(|word| *word == "send").and_then(|_| words.next());
        let Some(sent) = sent.filter(|sent| self.rids.is_empty() && sent.len() <= MAX_SIMULCAST) else {
            return;
        };
        let first = |alternatives: &'a str| {
            alternatives
                .split(',')
                .next()
                .unwrap_or_default()
                .trim_start_matches('~')
        };
        let rids: Vec<&str> = sent.split(';').map(first).collect();
        let is_held =
            |rid: &&str| !rid.is_empty() && rid.len() <= MAX_RID && rid.bytes().all(|b| b.is_ascii_alphanumeric());
        if (2..=MAX_ENCODINGS).contains(&rids.len()) && rids.iter().all(is_held) {
            self.rids = rids;
        }
    }

    /// The RIDs of what its writer sends at the same time, if packets can carry them (RFC 8852).
    pub(crate) fn rids(&self) -> &[&'a str] {
        let mut attributes = self.attributes.iter();
        let mut has_extension = || attributes.any(|line| line.starts_with("a=extmap:") && line.contains(RID_EXTENSION));
        if self.kind() == Some(MediaKind::Video) && self.sends() && has_extension() {
            &self.rids
        } else {
            &[]
        }
    }

    /// What its writer sends at the same time: by RIDs, or by the SSRCs of an `a=ssrc-group:SIM`. Empty: one encoding.
    pub(crate) fn encodings(&self) -> Vec<EncodingName> {
        let rids = self.rids();
        if !rids.is_empty() {
            return rids.iter().map(|rid| EncodingName::Rid(Rid::from(*rid))).collect();
        }
        let mut groups = self
            .attributes
            .iter()
            .filter_map(|line| line.strip_prefix("a=ssrc-group:SIM "));
        let Some(group) = groups.next().filter(|_| self.kind() == Some(MediaKind::Video)) else {
            return Vec::new();
        };
        let ssrcs: Vec<u32> = group
            .split_ascii_whitespace()
            .map_while(|ssrc| ssrc.parse().ok())
            .collect();
        if !(2..=MAX_ENCODINGS).contains(&ssrcs.len()) {
            return Vec::new();
        }
        ssrcs.into_iter().map(|ssrc| EncodingName::Ssrc(ssrc.into())).collect()
    }

    /// Audio or video; `None` for a data channel or something else.
    pub(crate) fn kind(&self) -> Option<MediaKind> {
        match self.purpose {
            Purpose::Media(kind) => Some(kind),
            Purpose::Data | Purpose::Foreign => None,
        }
    }

    /// What stands for the mid in the session: the mid itself where str0m can hold it.
    pub(crate) fn key(&self) -> Mid {
        self.key
    }

    /// The n-th key of an m-line that is at this place; the first is that of one that has just been read.
    pub(crate) fn nth_key(&self, index: usize, n: usize) -> Mid {
        match n {
            0 => key(self.mid, index),
            _ => hashed(self.mid, index, n),
        }
    }

    /// Sets what stands for the mid in the session.
    pub(crate) fn set_key(&mut self, key: Mid) {
        self.key = key;
    }

    /// Whether there is a mid that header extensions of one-byte form can carry.
    pub(crate) fn has_short_mid(&self) -> bool {
        (1..=LONGEST_NARROW).contains(&self.mid.len())
    }

    /// Whether the writer will send media on this m-line.
    pub(crate) fn sends(&self) -> bool {
        !self.rejected && matches!(self.direction, Direction::SendOnly | Direction::SendRecv)
    }

    /// The payload types of redundant audio and of the Opus in it (RFC 2198 section 5), where both are there.
    pub(crate) fn red(&self) -> Option<Red> {
        let number = |text: &str| text.parse::<u8>().ok().filter(|number| *number < 128);
        let mapped = |encoding: &str| {
            let lines = self.attributes.iter().filter_map(|line| {
                let (text, value) = line.strip_prefix("a=rtpmap:")?.split_once(' ')?;
                number(text).filter(|_| value.trim_end().eq_ignore_ascii_case(encoding))
            });
            lines.fold(0_u128, |all, number| all | 1 << number)
        };
        let (reds, opuses) = (mapped("red/48000/2"), mapped("opus/48000/2"));
        let mut formats = self
            .attributes
            .iter()
            .filter_map(|line| line.strip_prefix("a=fmtp:")?.split_once(' '));
        formats.find_map(|(text, parameters)| {
            let (first, others) = parameters.trim_end().split_once('/')?;
            let (payload_type, opus) = (number(text)?, number(first)?);
            let is_alike = others.split('/').all(|other| other == first);
            let is_red = is_alike && reds >> payload_type & 1 == 1 && opuses >> opus & 1 == 1;
            is_red.then_some(Red { payload_type, opus })
        })
    }

    /// RTP and RTCP share a port (RFC 5761).
    pub(super) fn multiplexes_rtcp(&self) -> bool {
        self.attributes.contains(&"a=rtcp-mux")
    }

    /// RTCP may be of reduced size (RFC 5506).
    pub(super) fn takes_reduced_rtcp(&self) -> bool {
        self.attributes.contains(&"a=rtcp-rsize")
    }

    /// Whether an attribute of this name has this value, for any payload type.
    pub(crate) fn has_feedback(&self, value: &str) -> bool {
        let feedback = self
            .attributes
            .iter()
            .filter_map(|line| line.strip_prefix("a=rtcp-fb:"));
        feedback
            .filter_map(|line| line.split_once(' '))
            .any(|(_, offered)| offered == value)
    }

    /// Whether a format, of any payload type, has this parameter in its `a=fmtp`.
    pub(crate) fn has_parameter(&self, parameter: &str) -> bool {
        let formats = self.attributes.iter().filter_map(|line| line.strip_prefix("a=fmtp:"));
        let mut all = formats
            .filter_map(|line| line.split_once(' '))
            .flat_map(|(_, all)| all.split(';'));
        all.any(|one| one.trim() == parameter)
    }
}

/// What an m-line is for. In SAVP, SAVPF and AVP, over UDP and TCP, everyone means the same.
fn purpose(media: &str) -> Purpose {
    let mut words = media.split_whitespace();
    let (kind, protocol) = (words.next().unwrap_or_default(), words.nth(1).unwrap_or_default());
    let is_rtp = matches!(
        protocol,
        "UDP/TLS/RTP/SAVPF"
            | "UDP/TLS/RTP/SAVP"
            | "TCP/DTLS/RTP/SAVPF"
            | "TCP/DTLS/RTP/SAVP"
            | "RTP/SAVPF"
            | "RTP/SAVP"
            | "RTP/AVPF"
            | "RTP/AVP"
    );
    match kind {
        "audio" if is_rtp => Purpose::Media(MediaKind::Audio),
        "video" if is_rtp => Purpose::Media(MediaKind::Video),
        "application" if matches!(protocol, "UDP/DTLS/SCTP" | "TCP/DTLS/SCTP" | "DTLS/SCTP") => Purpose::Data,
        _ => Purpose::Foreign,
    }
}

impl<'a> Transport<'a> {
    pub(super) fn read(&mut self, name: &str, value: &'a str) {
        match name {
            "ice-ufrag" => keep_first(&mut self.credentials.ufrag, value),
            "ice-pwd" => keep_first(&mut self.credentials.password, value),
            "setup" => keep_first(&mut self.setup, value),
            _ => self.fingerprints.push(value.trim()),
        }
    }

    /// Whether both have the same fingerprints.
    pub(super) fn has_same_fingerprints(&self, other: &Self) -> bool {
        let (ours, theirs) = (&self.fingerprints, &other.fingerprints);
        ours.len() == theirs.len()
            && ours
                .iter()
                .zip(theirs)
                .all(|(one, other)| one.eq_ignore_ascii_case(other))
    }

    /// Takes what is not said from another one.
    pub(super) fn complete(&mut self, other: &Self) {
        if self.credentials.ufrag.is_empty() {
            self.credentials = other.credentials;
        }
        if self.fingerprints.is_empty() {
            self.fingerprints.clone_from(&other.fingerprints);
        }
        keep_first(&mut self.setup, other.setup);
    }
}

pub(super) fn keep_first<'a>(kept: &mut &'a str, value: &'a str) {
    if kept.is_empty() {
        *kept = value.trim();
    }
}

/// What str0m cannot hold is hashed. An m-line without a mid is named after its place.
pub(super) fn key(mid: &str, index: usize) -> Mid {
    if !mid.is_empty() && mid.len() <= MAX_KEY && mid.bytes().all(|octet| octet.is_ascii_alphanumeric()) {
        return Mid::from(mid);
    }
    hashed(mid, index, 0)
}

fn hashed(mid: &str, index: usize, n: usize) -> Mid {
    let mut hasher = DefaultHasher::new();
    (mid, n).hash(&mut hasher);
    if mid.is_empty() {
        index.hash(&mut hasher);
    }
    Mid::from(&*format!("x{:015x}", hasher.finish() >> 4))
}
