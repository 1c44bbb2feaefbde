//! The numbers of one outgoing stream: whatever is sent, from whichever source, is one stream without gaps.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use str0m::media::Pt;
use str0m::rtp::Ssrc;

use super::thinning::{Limit, Thinning};
use crate::rtp::{FrameNumbers, Incoming, Numbers, Omitted, Outgoing, PictureIds, Rewrite, Squeeze, Time};

/// What is to be done with a packet. It lives for a moment and is not kept: no reason to allocate.
#[allow(clippy::large_enum_variant)]
pub(crate) enum Prepared {
    /// Write it.
    Write(Outgoing),
    /// Nothing can be written before a keyframe: request one.
    NeedsKeyframe,
    /// The subscriber cannot decode it, which is said once of each format.
    NoCommonCodec,
    /// The subscriber cannot decode it, as was said, it is of a layer that is not sent, or older than what was sent first.
    Drop,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct OutgoingStream {
    rewrite: Rewrite,
    pictures: PictureIds,
    frames: FrameNumbers,
    squeeze: Squeeze,
    awaits_keyframe: bool,
    /// What comes next is of another source or size than what was prepared before.
    has_changed: bool,
    has_begun: bool,
    limit: Limit,
    /// The publisher's payload type, and the subscriber's for it.
    payload: Option<(Pt, Option<Pt>)>,
    /// How the last sources were renumbered, the newest last.
    spans: VecDeque<Span>,
}

/// How many sources are remembered: retransmissions of what came before are not asked for any more.
const SPANS: usize = 3;

/// A packet that comes so many after the newest one begins a new source. What was lost in between cannot be repaired any more,
/// and receivers would guess a wrong cycle of the numbers behind gaps of half a cycle (RFC 3711 section 3.3.1): nothing of the
/// outgoing stream would be authentic to them from there on.
const LEAP: u64 = 1_000;

/// How one source is renumbered.
#[derive(Debug)]
struct Span {
    /// The stream that comes.
    ssrc: Ssrc,
    payload_type: Pt,
    /// The first number that comes, and the one that it goes out with.
    from: u64,
    to: u64,
    squeeze: Squeeze,
    /// What is added to timestamps, picture ids and frame numbers.
    timestamp: u32,
    shift: Numbers,
    frames: u16,
    thinning: Thinning,
    /// The sequence numbers and the pictures that are left out.
    packets: Omitted,
    pictures: Omitted,
}

impl Span {
    /// The numbers of a picture before they are shifted.
    fn numbers(&self, incoming: &Incoming) -> Option<Numbers> {
        numbers(incoming, |picture| self.pictures.outgoing(picture))
    }

    /// Whether a packet is the last one that is sent of its picture (RFC 9628 section 4.1).
    fn ends_picture(&self, incoming: &Incoming) -> bool {
        incoming.packet.header.marker || (incoming.ends_layer && self.thinning.is_top(incoming))
    }

    /// The packet as it went out. `None`: it is from too long ago.
    fn again(&self, incoming: Arc<Incoming>, sequence: u64) -> Option<Outgoing> {
        let (timestamp, captured) = self.squeeze.apply(&incoming);
        let is_empty = !self.thinning.has_sent(&incoming);
        let descriptor = incoming.descriptor.as_ref().filter(|_| !is_empty);
        let numbers = self.numbers(&incoming).filter(|_| !is_empty);
        Some(Outgoing {
            payload_type: *self.payload_type,
            sequence,
            timestamp: timestamp.wrapping_add(self.timestamp),
            captured,
            marker: self.ends_picture(&incoming) && !is_empty,
            numbers: numbers.map(|numbers| numbers.plus(self.shift)),
            is_empty,
            frame: descriptor.map(|descriptor| descriptor.frame().wrapping_add(self.frames)),
            incoming,
        })
    }
}

/// The numbers of a packet's picture, where its id is what `place` makes of it.
fn numbers(incoming: &Incoming, place: impl FnOnce(u64) -> Option<u64>) -> Option<Numbers> {
    let came = incoming.numbers?;
    let picture = incoming.picture.and_then(place);
    Some(picture.map_or(came, |picture| came.with_picture(picture)))
}

impl Default for OutgoingStream {
    fn default() -> Self {
        Self {
            rewrite: Rewrite::default(),
            pictures: PictureIds::default(),
            frames: FrameNumbers::default(),
            squeeze: Squeeze::default(),
            awaits_keyframe: true,
            has_changed: false,
            has_begun: false,
            limit: Limit::NONE,
            payload: None,
            spans: VecDeque::new(),
        }
    }
}

impl OutgoingStream {
    /// Begins again at the next keyframe: after a pause, with another track, or with other formats of the subscriber.
    pub(super) fn restart(&mut self) {
        self.interrupt();
        self.has_changed = true;
    }

    /// Goes on at the next keyframe: something of it is left out that does not count as missing.
    pub(crate) fn interrupt(&mut self) {
        (self.awaits_keyframe, self.squeeze) = (true, Squeeze::default());
        self.payload = None;
        self.rewrite.change_source();
        self.pictures.change_source();
        self.frames.change_source();
    }

    /// Goes on with a keyframe of another encoding of the same video.
    pub(super) fn change_encoding(&mut self) {
        (self.awaits_keyframe, self.has_changed) = (true, true);
        self.squeeze = Squeeze::default();
        self.rewrite.change_layer();
        self.pictures.change_source();
        self.frames.change_source();
    }

    /// What comes next, up to this packet, is late: it begins the stream all at once.
    pub(super) fn catch_up(&mut self, newest: &Incoming) {
        self.squeeze = Squeeze::up_to(newest);
    }

    /// Whether another source or size begins with this packet, so that what was prepared of the one before is of no use.
    pub(crate) fn changes_with(&self, incoming: &Incoming) -> bool {
        self.awaits_keyframe && self.has_changed && incoming.is_keyframe
    }

    /// Whether a packet is of a picture of which nothing has come yet.
    pub(crate) fn begins_picture(&self, incoming: &Incoming) -> bool {
        let current = self.spans.back().filter(|_| !self.awaits_keyframe);
        current.is_none_or(|span| span.thinning.begins(incoming))
    }

    /// From this number on nothing has left, and will not.
    pub(crate) fn rewind(&mut self, next: u64) {
        self.rewrite.rewind(next);
        self.spans.retain(|span| span.to < next);
    }

    /// No more of the stream is sent from now on.
    pub(super) fn limit(&mut self, limit: Limit) {
        self.limit = limit;
    }

    /// Prepares a packet. `payload` gives the subscriber's payload type for the publisher's format.
    pub(crate) fn prepare(
        &mut self,
        now: Instant,
        incoming: &Arc<Incoming>,
        payload: impl FnOnce() -> Option<Pt>,
    ) -> Prepared {
        let source = incoming.packet.header.payload_type;
        let is_new = self.payload.is_none_or(|(known, _)| known != source);
        let Some(pt) = self.payload_type(source, payload) else {
            return if is_new {
                Prepared::NoCommonCodec
            } else {
                Prepared::Drop
            };
        };
        if self.leaps_to(incoming) {
            self.interrupt();
        }
        if self.awaits_keyframe && !incoming.is_keyframe {
            return Prepared::NeedsKeyframe;
        }
        match self.admit(incoming) {
            Some(is_sent) => (self.write(now, incoming, pt, !is_sent)).map_or(Prepared::Drop, Prepared::Write),
            None if self.lacks(incoming) => Prepared::NeedsKeyframe,
            None => Prepared::Drop,
        }
    }

    fn payload_type(&mut self, incoming: Pt, payload: impl FnOnce() -> Option<Pt>) -> Option<Pt> {
        if let Some((known, outgoing)) = self.payload
            && known == incoming
        {
            return outgoing;
        }
        let outgoing = payload();
        self.payload = Some((incoming, outgoing));
        outgoing
    }

    /// How the current source is renumbered, if a packet of it was sent.
    fn current(&mut self) -> Option<&mut Span> {
        let awaits_keyframe = self.awaits_keyframe;
        self.spans.back_mut().filter(|_| !awaits_keyframe)
    }

    fn leaps_to(&mut self, incoming: &Incoming) -> bool {
        let sequence = *incoming.packet.seq_no;
        self.current()
            .is_some_and(|span| sequence > span.packets.newest() + LEAP)
    }

    /// Whether a packet is left out for want of a keyframe alone.
    fn lacks(&mut self, incoming: &Incoming) -> bool {
        let limit = self.limit;
        self.current().is_some_and(|span| span.thinning.lacks(incoming, limit))
    }

    /// Whether a packet is sent, or nothing but its number. `None`: neither is.
    fn admit(&mut self, incoming: &Incoming) -> Option<bool> {
        let limit = self.limit;
        let Some(span) = self.current() else {
            return Some(true);
        };
        let is_sent = span.thinning.take(incoming, limit);
        let (sequence, picture) = (*incoming.packet.seq_no, incoming.picture);
        if is_sent {
            span.packets.keep(sequence);
            picture.into_iter().for_each(|picture| span.pictures.keep(picture));
            return Some(true);
        }
        picture.into_iter().for_each(|picture| {
            span.pictures.omit(picture);
        });
        (!span.packets.omit(sequence)).then_some(false)
    }

    fn write(&mut self, now: Instant, incoming: &Arc<Incoming>, pt: Pt, is_empty: bool) -> Option<Outgoing> {
        let (packet, spec) = (&incoming.packet, incoming.params.spec());
        let header = &packet.header;
        let (timestamp, captured) = self.squeeze.apply(incoming);
        let time = Time { arrived: now, captured };
        let is_top = incoming.place.spatial == self.limit.spatial;
        let (sequence, came, marker) = match self.current() {
            Some(span) => (
                span.packets.outgoing(*packet.seq_no)?,
                span.numbers(incoming),
                span.ends_picture(incoming),
            ),
            None => (
                *packet.seq_no,
                numbers(incoming, Some),
                header.marker || (incoming.ends_layer && is_top),
            ),
        };
        let clock_rate = spec.clock_rate.get();
        let numbers = self.rewrite.packet(time, sequence, timestamp, clock_rate)?;
        let is_first_ever = !self.has_begun;
        (self.awaits_keyframe, self.has_changed, self.has_begun) = (false, false, true);
        let pictures = &mut self.pictures;
        let outgoing = Outgoing {
            payload_type: *pt,
            sequence: numbers.sequence,
            timestamp: numbers.timestamp,
            captured,
            // A receiver takes the marker of audio for the beginning of a talk spurt and may reset its jitter buffer there
            // (RFC 3551 section 4.1): right at a change of source.
            marker: (marker && !is_empty) || (numbers.first && !spec.codec.is_video()),
            numbers: came
                .filter(|_| !is_empty)
                .map(|came| pictures.packet(came, is_first_ever)),
            is_empty,
            frame: (incoming.descriptor.as_ref())
                .filter(|_| !is_empty)
                .map(|known| self.frames.packet(known.frame(), is_first_ever)),
            incoming: Arc::clone(incoming),
        };
        self.remember(&outgoing, pt, numbers.first);
        Some(outgoing)
    }

    fn remember(&mut self, outgoing: &Outgoing, payload_type: Pt, begins: bool) {
        let (shift, frames) = (self.pictures.shift(), self.frames.shift());
        match self.spans.back_mut() {
            // The first packets of a source need not have what is shifted.
            Some(current) if !begins => (current.shift, current.frames) = (shift, frames),
            _ => {
                if self.spans.len() == SPANS {
                    self.spans.pop_front();
                }
                let incoming = &outgoing.incoming;
                let packet = &incoming.packet;
                let (timestamp, _) = self.squeeze.apply(incoming);
                self.spans.reserve_exact(1); // they are large, and most streams have one for long
                self.spans.push_back(Span {
                    ssrc: packet.header.ssrc,
                    payload_type,
                    from: *packet.seq_no,
                    to: outgoing.sequence,
                    squeeze: self.squeeze,
                    timestamp: outgoing.timestamp.wrapping_sub(timestamp),
                    shift,
                    frames,
                    thinning: Thinning::new(incoming, self.limit),
                    packets: Omitted::after(*packet.seq_no),
                    pictures: Omitted::after(incoming.picture.unwrap_or_default()),
                });
            }
        }
    }

    /// A packet that was sent, once more. `find` gives it by the stream that came and its number there.
    pub(super) fn again(
        &self,
        sequence: u64,
        find: impl FnOnce(Ssrc, u64) -> Option<Arc<Incoming>>,
    ) -> Option<Outgoing> {
        let mut spans = self.spans.iter().rev();
        let span = spans.find(|span| span.to <= sequence)?;
        let came = span.packets.incoming(span.from + (sequence - span.to))?;
        span.again(find(span.ssrc, came)?, sequence)
    }
}
