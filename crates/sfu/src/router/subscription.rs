//! One track on its way to one far end. To a peer it is renumbered, so that a change of track is seamless.

use std::time::Instant;

use str0m::format::Codec;
use str0m::media::{Mid, Pt};
use str0m::rtp::{RtpWrite, Ssrc, UserExtensionValues};

use super::tap::Tap;
use crate::ids::{PeerKey, TrackKey};
use crate::rtp::{FrameNumbers, Incoming, PictureIds, Rewrite};

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
    /// The stream that is sent there, once known.
    pub(crate) ssrc: Option<Ssrc>,
    /// Its numbers.
    pub(crate) stream: OutgoingStream,
}

impl PeerLine {
    /// An m-line on which nothing is sent yet.
    pub(super) fn new(peer: PeerKey, mid: Mid) -> Self {
        Self {
            peer,
            mid,
            ssrc: None,
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
    /// The layer that is sent; `None` before the first keyframe.
    layer: Option<usize>,
    /// The height in pixels at which it is shown; `None`: the largest layer is wanted.
    height: Option<u32>,
}

/// What a subscription does with a packet of a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Take {
    /// It is sent.
    Send,
    /// It is of another layer than the one that is sent.
    Skip,
    /// It is of the layer that is wanted, which begins at a keyframe.
    NeedsKeyframe,
}

impl Subscription {
    pub(super) fn new(far_end: FarEnd) -> Self {
        Self {
            far_end,
            assigned: None,
            is_open: false,
            layer: None,
            height: None,
        }
    }

    /// The layer that is sent.
    pub(super) fn layer(&self) -> Option<usize> {
        self.layer
    }

    /// The height in pixels at which it is shown.
    pub(super) fn height(&self) -> Option<u32> {
        self.height
    }

    pub(super) fn set_height(&mut self, height: Option<u32>) {
        self.height = height;
    }

    /// Takes a packet of a layer where `wanted` is wanted. The layer changes at a keyframe of the one that is wanted.
    pub(super) fn take(&mut self, layer: usize, wanted: usize, is_keyframe: bool) -> Take {
        match self.layer {
            Some(sent) if sent == layer => Take::Send,
            Some(_) if layer != wanted => Take::Skip,
            _ if is_keyframe => {
                if self.layer.is_some() {
                    self.restart();
                }
                self.layer = Some(layer);
                Take::Send
            }
            None if layer != wanted => Take::Skip,
            _ => Take::NeedsKeyframe,
        }
    }

    /// The track that belongs there, sent already or not.
    pub(super) fn assigned(&self) -> Option<TrackKey> {
        self.assigned
    }

    /// The track that is sent there.
    pub(super) fn forwarded(&self) -> Option<TrackKey> {
        self.assigned.filter(|_| self.is_open)
    }

    pub(super) fn assign(&mut self, track: Option<TrackKey>) {
        self.assigned = track;
    }

    pub(super) fn set_open(&mut self, is_open: bool) {
        self.is_open = is_open;
    }

    /// Begins again at the next keyframe.
    pub(super) fn restart(&mut self) {
        self.layer = None;
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
    Write(RtpWrite),
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
        }
    }
}

impl OutgoingStream {
    /// Begins again at the next keyframe: after a pause, with another track, or with other formats of the subscriber.
    fn restart(&mut self) {
        self.awaits_keyframe = true;
        self.payload = None;
        self.rewrite.change_source();
        self.pictures.change_source();
        self.frames.change_source();
    }

    /// Prepares a packet. `payload` gives the subscriber's payload type for the publisher's format.
    pub(crate) fn prepare(
        &mut self,
        now: Instant,
        incoming: &Incoming<'_>,
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

    fn write(&mut self, now: Instant, incoming: &Incoming<'_>, pt: Pt) -> Option<RtpWrite> {
        let (packet, spec) = (incoming.packet, incoming.params.spec());
        let header = &packet.header;
        let numbers = self
            .rewrite
            .packet(now, *packet.seq_no, header.timestamp, spec.clock_rate.get())?;
        let is_first_ever = !self.has_begun;
        let vp8 = incoming.vp8.as_ref();
        let patch = vp8.and_then(|vp8| self.pictures.packet(vp8, is_first_ever));
        (self.awaits_keyframe, self.has_begun) = (false, true);
        let is_video = spec.codec.is_video();
        // A receiver takes the marker of audio for the beginning of a talk spurt and may reset its jitter buffer there
        // (RFC 3551 section 4.1): right at a change of source.
        let marker = header.marker || (numbers.first && !is_video);
        let mut extensions = header.ext_vals.clone();
        extensions.mid = None;
        extensions.rid = None;
        extensions.rid_repair = None;
        if spec.codec == Codec::Av1 {
            self.frames.packet(&mut extensions, is_first_ever);
        } else {
            // Other codecs say by themselves what a frame needs.
            extensions.user_values = UserExtensionValues::default();
        }
        let write = RtpWrite::new(
            pt,
            numbers.sequence.into(),
            numbers.timestamp,
            incoming.captured,
            packet.payload.clone(),
        )
        .marker(marker)
        .ext_vals(extensions)
        .nackable(is_video);
        Some(match patch {
            Some(patch) => write.vp8_patch(patch),
            None => write,
        })
    }
}
