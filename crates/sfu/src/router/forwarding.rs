//! Media from a publisher to its subscribers.

use std::sync::Arc;
use std::time::Instant;

use str0m::format::PayloadParams;
use str0m::media::{MediaKind, Mid};
use str0m::rtp::RtpPacket;

use super::subscription::{FarEnd, PeerLine};
use super::track::Track;
use super::{Due, Router, TICK};
use crate::budget::{Budget, Verdict};
use crate::event::Scope;
use crate::ids::PeerKey;
use crate::peer::OutletKey;
use crate::rtp::{Choice, Incoming, Outgoing, Report, SenderClock, StreamClock};
use crate::throttle::Need;

/// Bytes of a packet besides its payload on a subscriber's line: RTP with extensions, the tag of SRTP, UDP and IP.
const OVERHEAD: usize = 70;

/// What became of a packet at one far end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// It is on its way.
    Written,
    /// The far end cannot begin without a keyframe.
    NeedsKeyframe,
    /// The far end cannot decode the track. Said once of each format.
    NoCommonCodec,
    /// It was left out.
    Dropped,
}

impl Router {
    /// Brings a publisher's packet to each far end of its track: to peers by `deliver`. Gives who sends more than it may, if the
    /// packet is too much.
    pub(crate) fn forward(
        &mut self,
        now: Instant,
        publisher: PeerKey,
        (mid, params): (Mid, PayloadParams),
        packet: RtpPacket,
        mut deliver: impl FnMut(&mut PeerLine, &Arc<Incoming>) -> Delivery,
    ) -> Option<(Scope, Verdict)> {
        let member = self.members.get_mut(publisher)?;
        let (_, key) = member.published.iter().find(|(published, _)| *published == mid)?;
        let (room_key, key) = (member.room, *key);
        let room = &mut self.rooms[room_key];
        let track = &mut room.tracks[key];
        if track.is_paused {
            return None;
        }
        let choice = track.choose(now, &packet);
        if choice == Choice::Ignore {
            return None;
        }
        let too_much = track.spend(now, &mut room.budget, packet.payload.len());
        if too_much.is_some() {
            return too_much;
        }
        track.rate.add(now, packet.payload.len() + OVERHEAD);
        let captured = track.captured(&mut member.clock, &packet, &params);
        let incoming = Arc::new(Incoming::new(packet, params, captured));
        if track.kind() == MediaKind::Video {
            track.history.keep(&incoming);
        }
        let mut need = (choice == Choice::Begin && !incoming.is_keyframe).then_some(Need::New);
        for key in &track.subscribers {
            let Some(subscription) = self.subscriptions.get_mut(*key) else {
                continue;
            };
            if choice == Choice::Begin {
                subscription.restart();
            }
            let delivery = match (subscription.far_end(), &mut member.recorded) {
                (FarEnd::Peer(line), _) => deliver(line, &incoming),
                (FarEnd::Tap(tap), Some(recorded)) => tap.hear(now, *key, &incoming, recorded, &mut self.tape),
                (FarEnd::Tap(_), None) => Delivery::Dropped,
            };
            if delivery == Delivery::NeedsKeyframe {
                need = need.or(Some(Need::Again));
            }
        }
        if track.kind() == MediaKind::Audio {
            let packet = &incoming.packet;
            let level = packet.header.ext_vals.audio_level;
            room.speakers.heard(now, key, level, packet.payload.len());
            self.timers.arm(now + TICK, Due::Speakers(room_key));
        }
        if let Some(need) = need {
            self.request_keyframe(now, room_key, key, need);
        }
        None
    }

    /// Finds what a peer misses on an m-line, and hands it to `deliver`.
    pub(crate) fn resend(
        &mut self,
        peer: PeerKey,
        (mid, index): (Mid, u64),
        deliver: impl FnOnce(OutletKey, Outgoing),
    ) -> Option<()> {
        let member = self.members.get(peer)?;
        let (_, key) = member.subscriptions.iter().find(|(line, _)| *line == mid)?;
        let tracks = &self.rooms[member.room].tracks;
        let subscription = self.subscriptions.get_mut(*key)?;
        let track = tracks.get(subscription.forwarded()?)?;
        let FarEnd::Peer(line) = subscription.far_end() else {
            return None;
        };
        let outlet = line.outlet?;
        let find = |ssrc, sequence| track.history.find(ssrc, sequence);
        let outgoing = line.stream.again(outlet.sequence_of(index)?, find)?;
        deliver(outlet, outgoing);
        Some(())
    }
}

impl Track {
    /// Takes a packet of so many bytes out of the budgets of the track and of its room, if it is within both.
    fn spend(&mut self, now: Instant, room: &mut Budget, bytes: usize) -> Option<(Scope, Verdict)> {
        match self.budget.take(now, bytes) {
            Verdict::Within => match room.take(now, bytes) {
                Verdict::Within => None,
                verdict => Some((Scope::Room, verdict)),
            },
            verdict => Some((Scope::Track(self.source()), verdict)),
        }
    }

    /// Whether a packet is of the stream that is forwarded.
    fn choose(&mut self, now: Instant, packet: &RtpPacket) -> Choice {
        let header = &packet.header;
        let choice = self.encodings.heard(now, self.kind(), header.ssrc, header.timestamp);
        if choice == Choice::Begin {
            self.clock = StreamClock::default();
        }
        choice
    }

    /// When a packet was captured, on the server's clock.
    fn captured(&mut self, sender: &mut SenderClock, packet: &RtpPacket, params: &PayloadParams) -> Instant {
        let (timestamp, clock_rate) = (packet.header.timestamp, params.spec().clock_rate.get());
        let report = Report::of(packet);
        self.clock
            .captured(sender, packet.timestamp, report, timestamp, clock_rate)
    }
}
