//! One published track on its way into a recording, as its publisher sent it.

use std::time::{Instant, SystemTime};

use str0m::format::{Codec, PayloadParams};
use str0m::media::{MediaKind, Pt};
use str0m::rtp::rtcp::SenderInfo;
use str0m::rtp::{RtpPacket, Ssrc};

use super::forwarding::Delivery;
use super::holes::Holes;
use super::recording::Recorded;
use super::tape::{Stamp, Tape};
use crate::command::Source;
use crate::ids::SubscriptionKey;
use crate::rtp::{Incoming, serialize};
use crate::tap::{Heard, TapFormat, TapPeer, TapTrack};

/// Tracks that one published track has open at a time: after a change of SSRC or format some packets of the one before may
/// follow, late or repaired.
const MAX_OPEN: usize = 2;

/// Seconds from 1900, where NTP begins, to 1970.
const NTP_TO_UNIX: u64 = 2_208_988_800;

/// See the module.
#[derive(Debug)]
pub(crate) struct Tap {
    stamp: Stamp,
    peer: TapPeer,
    kind: MediaKind,
    source: Source,
    /// Nothing that a decoder can begin with was told yet, or since something was left out.
    awaits_keyframe: bool,
    /// The pause of the newest track was told, its end not yet.
    is_paused: bool,
    /// Packets left out since no track could begin.
    early: u32,
    /// The tracks that have begun, the newest last.
    open: Vec<Open>,
}

/// What a [`TapTrack`] has all its life: the SSRC and the payload type.
type Format = (Ssrc, Pt);

/// A track that has begun.
#[derive(Debug)]
struct Open {
    track: TapTrack,
    format: Format,
    /// The sender report that was told last.
    report: Option<SenderInfo>,
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

impl Tap {
    /// A tap of a track of `recorded`.
    pub(super) fn new(recorded: &Recorded, kind: MediaKind, source: Source) -> Self {
        Self {
            stamp: recorded.stamp.clone(),
            peer: recorded.peer,
            kind,
            source,
            awaits_keyframe: true,
            is_paused: false,
            early: 0,
            open: Vec::new(),
        }
    }

    /// What comes next begins with a keyframe: after a pause.
    pub(super) fn restart(&mut self) {
        self.awaits_keyframe = true;
    }

    /// Takes a packet. Where a decoder cannot go on without a keyframe, it is told all the same.
    pub(super) fn hear(
        &mut self,
        at: Instant,
        key: SubscriptionKey,
        incoming: &Incoming<'_>,
        recorded: &mut Recorded,
        tape: &mut Tape,
    ) -> Delivery {
        let header = &incoming.packet.header;
        let format = (header.ssrc, header.payload_type);
        let known = self.open.iter().position(|open| open.format == format);
        let Some(open) = known.or_else(|| self.begin(at, format, &incoming.params, recorded, tape)) else {
            return Delivery::Dropped;
        };
        if !self.catch_up(at, open, incoming.packet, tape) || !self.write(at, open, incoming.packet, tape) {
            self.lose(at, key, open, tape);
            return Delivery::Dropped;
        }
        self.follow(at, open, incoming);
        if self.awaits_keyframe {
            Delivery::NeedsKeyframe
        } else {
            Delivery::Written
        }
    }

    /// Notes whether a decoder that is given the packet can go on.
    fn follow(&mut self, at: Instant, open: usize, incoming: &Incoming<'_>) {
        let holes = &mut self.open[open].holes;
        if self.kind == MediaKind::Video {
            self.awaits_keyframe |= holes.came(at, *incoming.packet.seq_no);
        }
        if incoming.is_keyframe {
            holes.forget();
            self.awaits_keyframe = false;
        }
    }

    /// Begins a track, if there is room and its peer has not begun too many.
    fn begin(
        &mut self,
        at: Instant,
        format: Format,
        params: &PayloadParams,
        recorded: &mut Recorded,
        tape: &mut Tape,
    ) -> Option<usize> {
        if !tape.has_room() || !recorded.tell_joined(at, tape) || !tape.has_room() {
            self.early = self.early.saturating_add(1);
            tape.stats.dropped += 1;
            return None;
        }
        if !recorded.admits_track(at) {
            tape.stats.refused += 1;
            return None;
        }
        if self.open.len() == MAX_OPEN {
            let oldest = self.open.remove(0);
            oldest.end(at, &self.stamp, tape);
        }
        let track = tape.next_track();
        let began = Heard::Began {
            track,
            peer: self.peer,
            source: self.source,
            format: describe(self.kind, format.0, params),
        };
        tape.tell(at, &self.stamp, began);
        let lost = Loss {
            count: std::mem::take(&mut self.early),
            last: Some(at),
            is_noted: false,
        };
        self.open.push(Open {
            track,
            format,
            report: None,
            holes: Holes::default(),
            lost,
        });
        (self.awaits_keyframe, self.is_paused) = (true, false);
        Some(self.open.len() - 1)
    }

    /// Tells what comes before a packet. `false`: there was no room.
    fn catch_up(&mut self, at: Instant, open: usize, packet: &RtpPacket, tape: &mut Tape) -> bool {
        self.set_paused(at, false, tape);
        let open = &mut self.open[open];
        !self.is_paused && open.tell_gap(&self.stamp, tape) && open.tell_report(at, packet, &self.stamp, tape)
    }

    fn write(&self, at: Instant, open: usize, packet: &RtpPacket, tape: &mut Tape) -> bool {
        let track = self.open[open].track;
        // Nothing is copied in vain.
        if !tape.has_room() {
            return false;
        }
        let packet = serialize(&packet.header, &packet.payload);
        tape.stats.told += 1;
        tape.tell(at, &self.stamp, Heard::Packet { track, packet })
    }

    fn lose(&mut self, at: Instant, key: SubscriptionKey, open: usize, tape: &mut Tape) {
        self.awaits_keyframe = true;
        tape.stats.dropped += 1;
        let Open { track, lost, .. } = &mut self.open[open];
        lost.count = lost.count.saturating_add(1);
        lost.last = Some(at);
        if !std::mem::replace(&mut lost.is_noted, true) {
            tape.loses(key, *track);
        }
    }

    /// The tape has room for the gap of a track.
    pub(super) fn tell_gap(&mut self, track: TapTrack, tape: &mut Tape) {
        if let Some(open) = self.open.iter_mut().find(|open| open.track == track) {
            open.lost.is_noted = false;
            open.tell_gap(&self.stamp, tape);
        }
    }

    /// Its user has muted or unmuted it. Where there is no room the pause is not told, and its end is told before the next
    /// packet.
    pub(super) fn set_paused(&mut self, at: Instant, is_paused: bool, tape: &mut Tape) {
        let Some(newest) = self.open.last().filter(|_| self.is_paused != is_paused) else {
            return;
        };
        let track = newest.track;
        let what = if is_paused {
            Heard::Paused { track }
        } else {
            Heard::Resumed { track }
        };
        if tape.tell(at, &self.stamp, what) {
            self.is_paused = is_paused;
        }
    }

    /// Nothing more comes.
    pub(super) fn end(self, at: Instant, tape: &mut Tape) {
        for open in self.open {
            open.end(at, &self.stamp, tape);
        }
    }
}

impl Open {
    /// Tells how many packets were left out. `false`: there was no room.
    fn tell_gap(&mut self, stamp: &Stamp, tape: &mut Tape) -> bool {
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
    fn tell_report(&mut self, at: Instant, packet: &RtpPacket, stamp: &Stamp, tape: &mut Tape) -> bool {
        let is_own = |info: &SenderInfo| info.ssrc == self.format.0;
        let Some(info) = packet.last_sender_info.filter(is_own) else {
            return true;
        };
        let Some(ntp) = ntp(info.ntp_time).filter(|_| self.report != Some(info)) else {
            return true;
        };
        let report = Heard::Report {
            track: self.track,
            ntp,
            rtp: info.rtp_time.numer() as u32,
        };
        let is_told = tape.tell(at, stamp, report);
        if is_told {
            self.report = Some(info);
        }
        is_told
    }

    fn end(self, at: Instant, stamp: &Stamp, tape: &mut Tape) {
        let (track, lost) = (self.track, self.lost.count);
        if lost > 0 {
            tape.tell_always(at, stamp, Heard::Gap { track, lost });
        }
        tape.tell_always(at, stamp, Heard::Ended { track });
    }
}

fn describe(kind: MediaKind, ssrc: Ssrc, params: &PayloadParams) -> TapFormat {
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

/// A time as NTP has it. str0m has rounded it to half a microsecond, and has made times before 1970 that of 1970: they are of
/// a sender that does not know the time, and `None`.
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
