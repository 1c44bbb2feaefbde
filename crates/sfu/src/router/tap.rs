//! One published track on its way into a recording, as its publisher sent it.

use std::time::Instant;

use str0m::format::PayloadParams;
use str0m::media::MediaKind;

use super::forwarding::Delivery;
use super::open_track::{Format, OpenTrack, describe};
use super::recorded::Recorded;
use super::tape::{Stamp, Tape};
use crate::command::Source;
use crate::ids::SubscriptionKey;
use crate::rtp::{Incoming, Packet, serialize};
use crate::tap::{Heard, TapPeer, TapTrack};

/// Tracks that one published track has open at a time: after a change of SSRC or format some packets of the one before may
/// follow, late or repaired.
const MAX_OPEN: usize = 2;

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
    open: Vec<OpenTrack>,
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
        incoming: &Incoming,
        recorded: &mut Recorded,
        tape: &mut Tape,
    ) -> Delivery {
        let header = &incoming.packet.header;
        let format = (header.ssrc, header.payload_type);
        let known = self.open.iter().position(|open| open.takes(format));
        let Some(open) = known.or_else(|| self.begin(at, format, &incoming.params, recorded, tape)) else {
            return Delivery::Dropped;
        };
        if !self.catch_up(at, open, &incoming.packet, tape) || !self.write(at, open, &incoming.packet, tape) {
            self.lose(at, key, open, tape);
            return Delivery::Dropped;
        }
        if let Some(goes_on) = self.open[open].follow(at, incoming, self.kind) {
            self.awaits_keyframe = !goes_on;
        }
        if self.awaits_keyframe {
            Delivery::NeedsKeyframe
        } else {
            Delivery::Written
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
        let early = std::mem::take(&mut self.early);
        self.open.push(OpenTrack::new(at, track, format, early));
        (self.awaits_keyframe, self.is_paused) = (true, false);
        Some(self.open.len() - 1)
    }

    /// Tells what comes before a packet. `false`: there was no room.
    fn catch_up(&mut self, at: Instant, open: usize, packet: &Packet, tape: &mut Tape) -> bool {
        self.set_paused(at, false, tape);
        let open = &mut self.open[open];
        !self.is_paused && open.tell_gap(&self.stamp, tape) && open.tell_report(at, packet, &self.stamp, tape)
    }

    /// Tells a packet. `false`: there was no room.
    fn write(&self, at: Instant, open: usize, packet: &Packet, tape: &mut Tape) -> bool {
        let track = self.open[open].track();
        // Nothing is copied in vain.
        if !tape.has_room() {
            return false;
        }
        let packet = serialize(&packet.header, &packet.payload);
        tape.stats.told += 1;
        tape.tell(at, &self.stamp, Heard::Packet { track, packet })
    }

    /// Notes that a packet was left out.
    fn lose(&mut self, at: Instant, key: SubscriptionKey, open: usize, tape: &mut Tape) {
        self.awaits_keyframe = true;
        tape.stats.dropped += 1;
        self.open[open].lose(at, key, tape);
    }

    /// The tape has room for the gap of a track.
    pub(super) fn tell_gap(&mut self, track: TapTrack, tape: &mut Tape) {
        if let Some(open) = self.open.iter_mut().find(|open| open.track() == track) {
            open.tell_noted(&self.stamp, tape);
        }
    }

    /// Its user has muted or unmuted it. Where there is no room the pause is not told, and its end is told before the next
    /// packet.
    pub(super) fn set_paused(&mut self, at: Instant, is_paused: bool, tape: &mut Tape) {
        let Some(newest) = self.open.last().filter(|_| self.is_paused != is_paused) else {
            return;
        };
        let track = newest.track();
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
