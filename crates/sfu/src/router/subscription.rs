//! One track on its way to one far end. To a peer it is renumbered, so that a change of track is seamless.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use str0m::media::{Mid, Pt};
use str0m::rtp::Ssrc;

use super::selection::{LayerIndex, Selection, Take};
use super::tap::Tap;
use crate::ids::{PeerKey, TrackKey};
use crate::peer::OutletKey;
use crate::rtp::{FrameNumbers, Incoming, Numbers, Outgoing, PictureIds, Rewrite, Time};

/// Where a subscription ends. Whatever receives media does so through one of these.
#[derive(Debug)]
pub(crate) enum FarEnd {
    /// An m-line of a peer.
    Peer(PeerLine),
    /// A recording.
    Tap(Tap),
}

/// An m-line of a peer as a far end.
#[derive(Debug)]
pub(crate) struct PeerLine {
    /// The peer.
    pub(crate) peer: PeerKey,
    /// Its m-line.
    pub(crate) mid: Mid,
    /// By which stream of the peer it goes out, once known.
    pub(crate) outlet: Option<OutletKey>,
    /// Its numbers.
    pub(crate) stream: OutgoingStream,
}

impl PeerLine {
    /// An m-line on which nothing is sent yet.
    pub(super) fn new(peer: PeerKey, mid: Mid) -> Self {
        Self {
            peer,
            mid,
            outlet: None,
            stream: OutgoingStream::default(),
        }
    }
}

/// See the module.
pub(crate) struct Subscription {
    far_end: FarEnd,
    assigned: Option<TrackKey>,
    /// Whether the far end takes media: for a peer, what is negotiated.
    is_open: bool,
    /// Which layer of the track is sent.
    selection: Selection,
    /// Whether it is paused, since the line of the far end is too narrow.
    is_paused: bool,
}

impl Subscription {
    pub(super) fn new(far_end: FarEnd) -> Self {
        Self {
            far_end,
            assigned: None,
            is_open: false,
            selection: Selection::default(),
            is_paused: false,
        }
    }

    /// Which layer of the track is sent.
    pub(super) fn selection(&self) -> &Selection {
        &self.selection
    }

    /// As [`Self::selection`], for what is wanted. What is sent follows by [`Self::take`].
    pub(super) fn selection_mut(&mut self) -> &mut Selection {
        &mut self.selection
    }

    /// Takes a packet of a layer.
    pub(super) fn take(&mut self, layer: LayerIndex, is_keyframe: bool) -> Take {
        let take = self.selection.take(layer, is_keyframe);
        if take == Take::Switch {
            match &mut self.far_end {
                FarEnd::Peer(line) => line.stream.change_layer(),
                FarEnd::Tap(tap) => tap.restart(),
            }
        }
        take
    }

    /// The track that belongs there, sent already or not.
    pub(super) fn assigned(&self) -> Option<TrackKey> {
        self.assigned
    }

    /// The track that is sent there.
    pub(super) fn forwarded(&self) -> Option<TrackKey> {
        self.assigned.filter(|_| self.is_open && !self.is_paused)
    }

    pub(super) fn assign(&mut self, track: Option<TrackKey>) {
        self.assigned = track;
    }

    pub(super) fn set_open(&mut self, is_open: bool) {
        self.is_open = is_open;
    }

    /// Whether its track would be sent but for the line.
    pub(super) fn is_wanted(&self) -> bool {
        self.is_open
    }

    pub(super) fn set_paused(&mut self, is_paused: bool) {
        self.is_paused = is_paused;
    }

    /// Begins again at the next keyframe.
    pub(super) fn restart(&mut self) {
        self.selection.restart();
        match &mut self.far_end {
            FarEnd::Peer(line) => line.stream.restart(),
            FarEnd::Tap(tap) => tap.restart(),
        }
    }

    /// Where it ends.
    pub(super) fn far_end(&mut self) -> &mut FarEnd {
        &mut self.far_end
    }

    /// Where it ended.
    pub(super) fn into_far_end(self) -> FarEnd {
        self.far_end
    }
}

/// What is to be done with a packet. It lives for a moment and is not kept: no reason to allocate.
#[allow(clippy::large_enum_variant)]
pub(crate) enum Prepared {
    /// Write it.
    Write(Outgoing),
    /// Nothing can be written before a keyframe: request one.
    NeedsKeyframe,
    /// The subscriber cannot decode it, which is said once of each format.
    NoCommonCodec,
    /// The subscriber cannot decode it, as was said, or it is older than what was sent first.
    Drop,
}

/// The numbers of an outgoing stream.
#[derive(Debug)]
pub(crate) struct OutgoingStream {
    rewrite: Rewrite,
    pictures: PictureIds,
    frames: FrameNumbers,
    awaits_keyframe: bool,
    has_begun: bool,
    /// The publisher's payload type, and the subscriber's for it.
    payload: Option<(Pt, Option<Pt>)>,
    /// How the last sources were renumbered, the newest last.
    spans: VecDeque<Span>,
}

/// How many sources are remembered: retransmissions of what came before are not asked for any more.
const SPANS: usize = 3;

/// How one source is renumbered.
#[derive(Debug, Clone, Copy)]
struct Span {
    /// The stream that comes.
    ssrc: Ssrc,
    payload_type: Pt,
    /// The first number that comes, and the one that it goes out with.
    from: u64,
    to: u64,
    /// What is added to timestamps, picture ids and frame numbers.
    timestamp: u32,
    pictures: Numbers,
    frames: u16,
}

impl Span {
    /// The packet as it went out.
    fn again(&self, incoming: &Arc<Incoming>, sequence: u64) -> Outgoing {
        let header = &incoming.packet.header;
        let descriptor = incoming.descriptor.as_ref();
        Outgoing {
            payload_type: *self.payload_type,
            sequence,
            timestamp: header.timestamp.wrapping_add(self.timestamp),
            marker: header.marker,
            vp8: incoming.vp8.as_ref().and_then(|vp8| self.pictures.applied(vp8)),
            frame: descriptor.map(|descriptor| descriptor.frame().wrapping_add(self.frames)),
            incoming: Arc::clone(incoming),
        }
    }
}

impl Default for OutgoingStream {
    fn default() -> Self {
        Self {
            rewrite: Rewrite::default(),
            pictures: PictureIds::default(),
            frames: FrameNumbers::default(),
            awaits_keyframe: true,
            has_begun: false,
            payload: None,
            spans: VecDeque::new(),
        }
    }
}

impl OutgoingStream {
    /// Begins again at the next keyframe: after a pause, with another track, or with other formats of the subscriber.
    pub(crate) fn restart(&mut self) {
        self.awaits_keyframe = true;
        self.payload = None;
        self.rewrite.change_source();
        self.pictures.change_source();
        self.frames.change_source();
    }

    /// Goes on with a keyframe of another layer of the same video.
    fn change_layer(&mut self) {
        self.awaits_keyframe = true;
        self.rewrite.change_layer();
        self.pictures.change_source();
        self.frames.change_source();
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
        if self.awaits_keyframe && !incoming.is_keyframe {
            return Prepared::NeedsKeyframe;
        }
        match self.write(now, incoming, pt) {
            Some(write) => Prepared::Write(write),
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

    fn write(&mut self, now: Instant, incoming: &Arc<Incoming>, pt: Pt) -> Option<Outgoing> {
        let (packet, spec) = (&incoming.packet, incoming.params.spec());
        let header = &packet.header;
        let time = Time {
            arrived: now,
            captured: incoming.captured,
        };
        let clock_rate = spec.clock_rate.get();
        let numbers = self
            .rewrite
            .packet(time, *packet.seq_no, header.timestamp, clock_rate)?;
        let is_first_ever = !self.has_begun;
        (self.awaits_keyframe, self.has_begun) = (false, true);
        let pictures = &mut self.pictures;
        let vp8 = incoming.vp8.as_ref();
        let outgoing = Outgoing {
            payload_type: *pt,
            sequence: numbers.sequence,
            timestamp: numbers.timestamp,
            // A receiver takes the marker of audio for the beginning of a talk spurt and may reset its jitter buffer there
            // (RFC 3551 section 4.1): right at a change of source.
            marker: header.marker || (numbers.first && !spec.codec.is_video()),
            vp8: vp8.and_then(|vp8| pictures.packet(vp8, is_first_ever)),
            frame: (incoming.descriptor.as_ref()).map(|known| self.frames.packet(known.frame(), is_first_ever)),
            incoming: Arc::clone(incoming),
        };
        self.remember(&outgoing, pt, numbers.first);
        Some(outgoing)
    }

    fn remember(&mut self, outgoing: &Outgoing, payload_type: Pt, begins: bool) {
        let packet = &outgoing.incoming.packet;
        let span = Span {
            ssrc: packet.header.ssrc,
            payload_type,
            from: *packet.seq_no,
            to: outgoing.sequence,
            timestamp: outgoing.timestamp.wrapping_sub(packet.header.timestamp),
            pictures: self.pictures.shift(),
            frames: self.frames.shift(),
        };
        match self.spans.back_mut() {
            // The first packets of a source need not have what is shifted.
            Some(current) if !begins => (current.pictures, current.frames) = (span.pictures, span.frames),
            _ => {
                if self.spans.len() == SPANS {
                    self.spans.pop_front();
                }
                self.spans.push_back(span);
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
        let incoming = find(span.ssrc, span.from + (sequence - span.to))?;
        Some(span.again(&incoming, sequence))
    }
}
