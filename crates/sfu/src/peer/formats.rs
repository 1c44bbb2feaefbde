//! What is negotiated about what a client sends, and where a stream of it belongs.

use std::time::Instant;

use str0m::format::PayloadParams;
use str0m::media::{Mid, Pt, Rid};
use str0m::rtp::{Extension, Ssrc};

use super::session::{Fault, Session};
use crate::rtp::{Header, dependency_descriptor};
use crate::sdp::Red;

/// An m-line on which a client sends.
pub(super) struct SendingLine {
    pub(super) line: Mid,
    /// Its streams that are known, and which encoding each is.
    pub(super) mains: Vec<(Ssrc, Option<Rid>)>,
    /// When the last packet of them came. `None`: there are none, or an offer says which are its.
    pub(super) heard: Option<Instant>,
}

/// Where a stream of a client's belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) line: Mid,
    /// Which encoding of several it is, or repairs.
    pub(super) rid: Option<Rid>,
    pub(super) role: Role,
}

/// What a stream carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Media.
    Main,
    /// Retransmissions of another stream (RFC 4588).
    Repair(Ssrc),
}

/// The ids of header extensions that are read. They are the same on all m-lines of a BUNDLE group.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Ids {
    mid: Option<u8>,
    rid: Option<u8>,
    repaired_rid: Option<u8>,
    pub(super) level: Option<u8>,
    pub(super) orientation: Option<u8>,
    pub(super) descriptor: Option<u8>,
    transport_sequence: Option<u8>,
}

/// See the module.
#[derive(Default)]
pub(super) struct Formats {
    pub(super) ids: Ids,
    params: Vec<PayloadParams>,
    /// Redundant audio.
    pub(super) reds: Vec<Red>,
    /// The payload types of each m-line on which the client sends.
    lines: Vec<(Mid, Vec<Pt>)>,
}

impl Formats {
    /// The format of a payload type, and whether that is of retransmissions.
    pub(super) fn of(&self, payload_type: u8) -> Option<(&PayloadParams, bool)> {
        let pt = Pt::from(self.red(payload_type).unwrap_or(payload_type));
        let mut params = self.params.iter();
        let found = params.find(|params| params.pt() == pt || params.resend() == Some(pt))?;
        Some((found, found.pt() != pt))
    }

    /// The payload type of what is in redundant audio of a payload type.
    pub(super) fn red(&self, payload_type: u8) -> Option<u8> {
        let red = self.reds.iter().find(|red| red.payload_type == payload_type)?;
        Some(red.opus)
    }

    /// The transport-wide sequence number of a packet.
    pub(super) fn transport_number(&self, header: &Header<'_>) -> Option<u16> {
        let value = header.extension(self.ids.transport_sequence?)?;
        value.first_chunk().copied().map(u16::from_be_bytes)
    }

    /// The MID that a packet carries (RFC 9143 section 15).
    pub(super) fn mid<'a>(&self, header: &Header<'a>) -> Option<&'a [u8]> {
        header.extension(self.ids.mid?)
    }

    /// The RID that a packet carries (RFC 8852).
    pub(super) fn rid(&self, header: &Header<'_>) -> Option<Rid> {
        rid(header, self.ids.rid)
    }

    /// The RID of the encoding that a retransmission is of.
    pub(super) fn repaired_rid(&self, header: &Header<'_>) -> Option<Rid> {
        rid(header, self.ids.repaired_rid)
    }

    /// Where a packet of a new stream belongs: to the m-line that its MID names (RFC 8843 section 15), or to the one that it may
    /// be for by its payload type (section 9.2). `lines` are those on which the client sends; `named` gives the m-line of a
    /// MID; `is_repaired` says which streams have one of retransmissions.
    pub(super) fn place(
        &self,
        header: &Header<'_>,
        lines: &[SendingLine],
        named: impl Fn(&[u8]) -> Option<Mid>,
        is_repaired: impl Fn(Ssrc) -> bool,
    ) -> Option<Place> {
        let (params, is_repair) = self.of(header.payload_type)?;
        let takes = |line: Mid| {
            let mut accepted = self.lines.iter().filter(|(known, _)| *known == line);
            accepted.any(|(_, payload_types)| payload_types.contains(&params.pt()))
        };
        let fitting: Vec<_> = lines.iter().filter(|sending| takes(sending.line)).collect();
        let SendingLine { line, mains, .. } = match self.mid(header) {
            Some(name) => fitting.into_iter().find(|sending| named(name) == Some(sending.line))?,
            None if is_repair => only(&fitting)?,
            None => only(&fitting).or_else(|| free(&fitting))?,
        };
        if !is_repair {
            return Some(Place {
                line: *line,
                rid: self.rid(header),
                role: Role::Main,
            });
        }
        let rid = self.repaired_rid(header);
        // With several streams and no RID nobody can say which one it repairs.
        let of = match (rid, &mains[..]) {
            (Some(rid), mains) => mains.iter().find(|(_, main)| *main == Some(rid))?.0,
            (None, [(of, _)]) => *of,
            _ => return None,
        };
        (!is_repaired(of)).then_some(Place {
            line: *line,
            rid,
            role: Role::Repair(of),
        })
    }
}

fn rid(header: &Header<'_>, id: Option<u8>) -> Option<Rid> {
    std::str::from_utf8(header.extension(id?)?).ok().map(Rid::from)
}

fn only<'a>(fitting: &[&'a SendingLine]) -> Option<&'a SendingLine> {
    match fitting {
        [line] => Some(*line),
        _ => None,
    }
}

/// The m-line of several that waits for media without MID: the only one that has no stream. Where all have some, a stream has
/// been replaced, so it is the one that has been silent longest.
fn free<'a>(fitting: &[&'a SendingLine]) -> Option<&'a SendingLine> {
    let empty: Vec<_> = fitting.iter().filter(|sending| sending.mains.is_empty()).collect();
    match &empty[..] {
        [] => {
            let heard = fitting.iter().filter(|sending| sending.heard.is_some());
            heard.min_by_key(|sending| sending.heard).copied()
        }
        [line] => Some(**line),
        _ => None,
    }
}

impl Session {
    /// What is negotiated, on the m-lines on which the client sends.
    pub(super) fn formats(&mut self, lines: impl Iterator<Item = Mid>) -> Result<Formats, Fault> {
        self.enter(|rtc| {
            let mut formats = Formats::default();
            for line in lines {
                let Some(media) = rtc.media(line) else {
                    continue;
                };
                let id = |extension| media.remote_extmap().id_of(extension);
                let known = formats.ids;
                formats.ids = Ids {
                    mid: known.mid.or_else(|| id(Extension::RtpMid)),
                    rid: known.rid.or_else(|| id(Extension::RtpStreamId)),
                    repaired_rid: known.repaired_rid.or_else(|| id(Extension::RepairedRtpStreamId)),
                    level: known.level.or_else(|| id(Extension::AudioLevel)),
                    orientation: known.orientation.or_else(|| id(Extension::VideoOrientation)),
                    descriptor: known.descriptor.or_else(|| id(dependency_descriptor())),
                    transport_sequence: known
                        .transport_sequence
                        .or_else(|| id(Extension::TransportSequenceNumber)),
                };
                formats.lines.push((line, media.remote_pts().to_vec()));
            }
            if !formats.lines.is_empty() {
                formats.params = rtc.codec_config().params().to_vec();
            }
            formats
        })
    }
}
