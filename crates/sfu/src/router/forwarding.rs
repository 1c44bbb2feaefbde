//! Media from a publisher to its subscribers.

use std::time::Instant;

use str0m::format::PayloadParams;
use str0m::media::{MediaKind, Mid};
use str0m::rtp::RtpPacket;

use super::subscription::{FarEnd, PeerLine, Subscription};
use super::{Due, Router, TICK};
use crate::ids::PeerKey;
use crate::rtp::Incoming;
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
    /// Brings a publisher's packet to each far end of its track: to peers by `deliver`.
    pub(crate) fn forward(
        &mut self,
        now: Instant,
        publisher: PeerKey,
        (mid, params): (Mid, PayloadParams),
        packet: &RtpPacket,
        mut deliver: impl FnMut(&mut PeerLine, &Incoming<'_>) -> Delivery,
    ) {
        let Some(member) = self.members.get_mut(publisher) else {
            return;
        };
        let Some((_, key)) = member.published.iter().find(|(published, _)| *published == mid) else {
            return;
        };
        let (room_key, key) = (member.room, *key);
        let room = &mut self.rooms[room_key];
        let track = &room.tracks[key];
        if track.is_paused {
            return;
        }
        let incoming = Incoming::new(packet, params);
        let mut needs_keyframe = false;
        for subscription in &track.subscribers {
            let far_end = self.subscriptions.get_mut(*subscription).map(Subscription::far_end);
            let delivery = match (far_end, &mut member.recorded) {
                (Some(FarEnd::Peer(line)), _) => deliver(line, &incoming),
                (Some(FarEnd::Tap(tap)), Some(recorded)) => {
                    tap.hear(now, *subscription, &incoming, recorded, &mut self.tape)
                }
                _ => Delivery::Dropped,
            };
            needs_keyframe |= delivery == Delivery::NeedsKeyframe;
        }
        if track.kind() == MediaKind::Audio {
            let level = packet.header.ext_vals.audio_level;
            room.speakers.heard(now, key, level, packet.payload.len());
            self.timers.arm(now + TICK, Due::Speakers(room_key));
        }
        if needs_keyframe {
            self.request_keyframe(now, room_key, key, Need::Again);
        }
    }
}
