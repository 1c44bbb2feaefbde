//! What one m-line of one subscriber is sent: a track, renumbered so that a change of track is seamless.

use std::time::Instant;

use str0m::format::{Codec, PayloadParams};
use str0m::media::{Mid, Pt};
use str0m::rtp::{RtpPacket, RtpWrite, Ssrc, Vp8Descriptor};

use crate::ids::{PeerKey, TrackKey};
use crate::rtp::{PictureIds, Rewrite, is_keyframe};

/// A publisher's packet, read once for all subscribers.
pub struct Incoming<'a> {
    packet: &'a RtpPacket,
    /// The publisher's format.
    pub params: PayloadParams,
    keyframe: bool,
    vp8: Option<Vp8Descriptor>,
}

impl<'a> Incoming<'a> {
    /// Reads a packet.
    pub fn new(packet: &'a RtpPacket, params: PayloadParams) -> Self {
        let codec = params.spec().codec;
        let vp8 = (codec == Codec::Vp8)
            .then(|| Vp8Descriptor::parse(&packet.payload).ok())
            .flatten();
        Self {
            packet,
            params,
            keyframe: is_keyframe(codec, &packet.payload),
            vp8,
        }
    }
}

/// What is to be done with a packet. It lives for a moment and is not kept: no reason to allocate.
#[allow(clippy::large_enum_variant)]
pub enum Outcome {
    /// Write it.
    Write(RtpWrite),
    /// Nothing can be written before a keyframe: ask for one.
    NeedKeyframe,
    /// The subscriber cannot take it, or it is from before the subscription.
    Drop,
}

/// One m-line on which a peer is sent others' tracks.
pub struct Sink {
    /// The subscriber.
    pub peer: PeerKey,
    /// Its m-line.
    pub mid: Mid,
    /// Its stream, once known.
    pub ssrc: Option<Ssrc>,
    /// What is sent there.
    track: Option<TrackKey>,
    rewrite: Rewrite,
    pictures: PictureIds,
    waits: bool,
    begun: bool,
    /// The publisher's payload type and the subscriber's for it.
    payload: Option<(Pt, Option<Pt>)>,
}

impl Sink {
    /// An m-line to which nothing is sent.
    pub fn new(peer: PeerKey, mid: Mid) -> Self {
        Self {
            peer,
            mid,
            ssrc: None,
            track: None,
            rewrite: Rewrite::default(),
            pictures: PictureIds::default(),
            waits: true,
            begun: false,
            payload: None,
        }
    }

    /// What is sent there.
    pub fn track(&self) -> Option<TrackKey> {
        self.track
    }

    /// Changes what is sent, beginning at the next keyframe.
    pub fn set_track(&mut self, track: Option<TrackKey>) {
        self.track = track;
        self.enter();
    }

    /// Begins again at the next keyframe: after a pause of the track, or when the subscriber's formats changed.
    pub fn enter(&mut self) {
        self.waits = true;
        self.payload = None;
        self.rewrite.change_source();
        self.pictures.change_source();
    }

    /// Prepares a packet. `payload` tells the subscriber's payload type for the publisher's format.
    pub fn take(&mut self, now: Instant, incoming: &Incoming<'_>, payload: impl FnOnce() -> Option<Pt>) -> Outcome {
        let packet = incoming.packet;
        let came = packet.header.payload_type;
        let goes = match self.payload {
            Some((known, goes)) if known == came => goes,
            _ => {
                let goes = payload();
                self.payload = Some((came, goes));
                goes
            }
        };
        let Some(goes) = goes else {
            return Outcome::Drop;
        };
        if self.waits && !incoming.keyframe {
            return Outcome::NeedKeyframe;
        }
        let clock_rate = incoming.params.spec().clock_rate.get();
        let Some(numbers) = self
            .rewrite
            .packet(now, *packet.seq_no, packet.header.timestamp, clock_rate)
        else {
            return Outcome::Drop;
        };
        let patch = incoming
            .vp8
            .as_ref()
            .and_then(|vp8| self.pictures.packet(vp8, !self.begun));
        self.waits = false;
        self.begun = true;
        let is_video = incoming.params.spec().codec.is_video();
        // A receiver takes the marker of audio for the begin of a talk spurt and may reset its jitter buffer there
        // (RFC 3551 section 4.1): just what a change of source is.
        let marker = packet.header.marker || (numbers.first && !is_video);
        let mut extensions = packet.header.ext_vals.clone();
        extensions.mid = None;
        extensions.rid = None;
        extensions.rid_repair = None;
        let write = RtpWrite::new(
            goes,
            numbers.sequence.into(),
            numbers.timestamp,
            packet.timestamp,
            packet.payload.clone(),
        )
        .marker(marker)
        .ext_vals(extensions)
        .nackable(is_video);
        Outcome::Write(match patch {
            Some(patch) => write.vp8_patch(patch),
            None => write,
        })
    }
}
