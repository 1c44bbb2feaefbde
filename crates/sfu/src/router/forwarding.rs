//! Media from a publisher to its subscribers.

use std::time::Instant;

use str0m::format::PayloadParams;
use str0m::media::{MediaKind, Mid};
use str0m::rtp::RtpPacket;

use super::subscription::{FarEnd, PeerLine, Take};
use super::track::Track;
use super::{Due, Router, TICK};
use crate::budget::{Budget, Verdict};
use crate::event::Scope;
use crate::ids::PeerKey;
use crate::rtp::{Choice, Incoming, Report, SenderClock};
use crate::throttle::Need;

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
        packet: &RtpPacket,
        mut deliver: impl FnMut(&mut PeerLine, &Incoming<'_>) -> Delivery,
    ) -> Option<(Scope, Verdict)> {
        let member = self.members.get_mut(publisher)?;
        let (_, key) = member.published.iter().find(|(published, _)| *published == mid)?;
        let (room_key, key) = (member.room, *key);
        let room = &mut self.rooms[room_key];
        let track = &mut room.tracks[key];
        if track.is_paused {
            return None;
        }
        let layer = track.layers.find(packet)?;
        let choice = track.layers.heard(now, layer, track.published.kind, packet);
        if choice == Choice::Ignore {
            return None;
        }
        let too_much = track.spend(now, &mut room.budget, packet.payload.len());
        if too_much.is_some() {
            return too_much;
        }
        let incoming = Incoming::new(
            packet,
            params,
            track.captured(&mut member.clock, layer, packet, &params),
        );
        track.layers.set_height(layer, incoming.height);
        let mut need = (choice == Choice::Begin && !incoming.is_keyframe).then_some(Need::New);
        for key in &track.subscribers {
            let Some(subscription) = self.subscriptions.get_mut(*key) else {
                continue;
            };
            if choice == Choice::Begin && (track.layers.len() == 1 || subscription.layer() == Some(layer)) {
                subscription.restart();
            }
            if track.layers.len() > 1 {
                let wanted = track.layers.pick(now, subscription.height());
                match subscription.take(layer, wanted, incoming.is_keyframe) {
                    Take::Send => {}
                    Take::Skip => continue,
                    Take::NeedsKeyframe => {
                        need = need.or(Some(Need::Again));
                        continue;
                    }
                }
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
            let level = packet.header.ext_vals.audio_level;
            room.speakers.heard(now, key, level, packet.payload.len());
            self.timers.arm(now + TICK, Due::Speakers(room_key));
        }
        if let Some(need) = need {
            self.request_keyframe_of(now, room_key, (key, layer), need);
        }
        None
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

    /// When a packet was captured, on the server's clock.
    fn captured(
        &mut self,
        sender: &mut SenderClock,
        layer: usize,
        packet: &RtpPacket,
        params: &PayloadParams,
    ) -> Instant {
        let (timestamp, clock_rate) = (packet.header.timestamp, params.spec().clock_rate.get());
        let report = Report::of(packet);
        let clock = self.layers.get_mut(layer).map(|layer| &mut layer.clock);
        clock.map_or(packet.timestamp, |clock| {
            clock.captured(sender, packet.timestamp, report, timestamp, clock_rate)
        })
    }
}
