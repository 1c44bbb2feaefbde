//! A track in a recording, from its beginning to its end.

use std::time::{Instant, SystemTime};

use str0m::format::{Codec, PayloadParams};
use str0m::media::{MediaKind, Pt};
use str0m::rtp::Ssrc;

use super::holes::Holes;
use super::tape::{Stamp, Tape};
use crate::ids::SubscriptionKey;
use crate::rtp::{Incoming, Packet, Report};
use crate::tap::{Heard, TapFormat, TapTrack};

/// Seconds from 1900, where NTP begins, to 1970.
const NTP_TO_UNIX: u64 = 2_208_988_800;

/// What a [`TapTrack`] has all its life: the SSRC and the payload type.
pub(super) type Format = (Ssrc, Pt);

/// A track that has begun.
#[derive(Debug)]
pub(super) struct OpenTrack {
    track: TapTrack,
    format: Format,
    /// The sender report that was told last.
    report: Option<Report>,
    /// What the network has lost.
    holes: Holes,
    /// What was left out.
    lost: Loss,
}

/// Packets that were left out and not told as a gap yet.
#[derive(Debug, Default)]
struct Loss {
    count: u32,
    last: Option<Instant>,
    /// Whether the tape knows.
    is_noted: bool,
}

impl OpenTrack {
    /// A track before which so many packets were left out, since it could not begin.
    pub(super) fn new(at: Instant, track: TapTrack, format: Format, early: u32) -> Self {
        let lost = Loss {
            count: early,
            last: Some(at),
            is_noted: false,
        };
        Self {
            track,
            format,
            report: None,
            holes: Holes::default(),
            lost,
        }
    }

    /// Its name in the recording.
    pub(super) fn track(&self) -> TapTrack {
        self.track
    }

    /// Whether packets of a format belong to it.
    pub(super) fn takes(&self, format: Format) -> bool {
        self.format == format
    }

    /// Notes that a packet was told. Gives whether a decoder can go on, as far as this is known anew.
    pub(super) fn follow(&mut self, at: Instant, incoming: &Incoming, kind: MediaKind) -> Option<bool> {
        let is_damaged = kind == MediaKind::Video && self.holes.came(at, *incoming.packet.seq_no);
        if incoming.is_keyframe {
            self.holes.forget();
            return Some(true);
        }
        is_damaged.then_some(false)
    }

    /// Notes that a packet was left out.
    pub(super) fn lose(&mut self, at: Instant, key: SubscriptionKey, tape: &mut Tape) {
        self.lost.count = self.lost.count.saturating_add(1);
        self.lost.last = Some(at);
        if !std::mem::replace(&mut self.lost.is_noted, true) {
            tape.loses(key, self.track);
        }
    }

    /// The tape has room for the gap that it knows of.
    pub(super) fn tell_noted(&mut self, stamp: &Stamp, tape: &mut Tape) {
        self.lost.is_noted = false;
        self.tell_gap(stamp, tape);
    }

    /// Tells how many packets were left out. `false`: there was no room.
    pub(super) fn tell_gap(&mut self, stamp: &Stamp, tape: &mut Tape) -> bool {
        let Loss {
            count: lost @ 1..,
            last: Some(at),
            ..
        } = self.lost
        else {
            return true;
        };
        let track = self.track;
        let is_told = tape.tell(at, stamp, Heard::Gap { track, lost });
        if is_told {
            self.lost.count = 0;
        }
        is_told
    }

    /// Tells the publisher's last sender report, if it is another one. `false`: there was no room.
    pub(super) fn tell_report(&mut self, at: Instant, packet: &Packet, stamp: &Stamp, tape: &mut Tape) -> bool {
        let Some(report) = packet.report.filter(|_| packet.header.ssrc == self.format.0) else {
            return true;
        };
        let Some(ntp) = ntp(report.ntp).filter(|_| self.report != Some(report)) else {
            return true;
        };
        let heard = Heard::Report {
            track: self.track,
            ntp,
            rtp: report.rtp,
        };
        let is_told = tape.tell(at, stamp, heard);
        if is_told {
            self.report = Some(report);
        }
        is_told
    }

    /// Nothing more comes.
    pub(super) fn end(self, at: Instant, stamp: &Stamp, tape: &mut Tape) {
        let (track, lost) = (self.track, self.lost.count);
        if lost > 0 {
            tape.tell_always(at, stamp, Heard::Gap { track, lost });
        }
        tape.tell_always(at, stamp, Heard::Ended { track });
    }
}

/// What the packets of a track are.
pub(super) fn describe(kind: MediaKind, ssrc: Ssrc, params: &PayloadParams) -> TapFormat {
    let spec = params.spec();
    TapFormat {
        kind,
        codec: name(spec.codec),
        clock_rate: spec.clock_rate.get(),
        channels: spec.channels,
        fmtp: spec.format.to_string(),
        ssrc: *ssrc,
    }
}

/// The encoding name of a codec that sessions negotiate.
fn name(codec: Codec) -> &'static str {
    match codec {
        Codec::Opus => "opus",
        Codec::Vp8 => "VP8",
        Codec::Vp9 => "VP9",
        Codec::H264 => "H264",
        Codec::Av1 => "AV1",
        _ => "",
    }
}

/// A time as NTP has it. Times before 1970 are of a sender that does not know the time, and `None`.
fn ntp(time: SystemTime) -> Option<u64> {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    if since.is_zero() {
        return None;
    }
    let fraction = (u64::from(since.subsec_nanos()) << 32) / 1_000_000_000;
    // The seconds begin again in 2036 (RFC 5905 section 6).
    Some((since.as_secs().wrapping_add(NTP_TO_UNIX) << 32) | fraction)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn ntp_counts_from_1900_in_fractions_of_two_to_the_32nd() {
        let at = |duration| ntp(SystemTime::UNIX_EPOCH + duration);
        assert_eq!(at(Duration::ZERO), None);
        assert_eq!(at(Duration::from_millis(500)), Some((NTP_TO_UNIX << 32) | 1 << 31));
        let half_past = Duration::new(1_700_000_000, 250_000_000);
        assert_eq!(at(half_past), Some(((1_700_000_000 + NTP_TO_UNIX) << 32) | 1 << 30));
    }
}
