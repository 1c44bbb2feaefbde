//! Media from a publisher to its subscribers.

use std::sync::Arc;
use std::time::Instant;

use str0m::format::PayloadParams;
use str0m::media::{MediaKind, Mid};

use super::inflow::Inflow;
use super::layers::Heard;
use super::selection::{EncodingIndex, Take};
use super::subscription::{FarEnd, PeerLine};
use super::track::Track;
use super::{Due, Router, TICK};
use crate::budget::Verdict;
use crate::event::Scope;
use crate::ids::{PeerKey, RoomKey, TrackKey};
use crate::peer::OutletKey;
use crate::rtp::{Choice, Incoming, Outgoing, Packet, SenderClock};

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

/// What became of a packet at all far ends.
#[derive(Default)]
struct Taken {
    /// So many far ends were written to.
    written: u64,
    /// Somebody is sent the layer, or waits for it.
    is_wanted: bool,
    /// Somebody is sent another layer than before.
    has_switched: bool,
    /// Somebody cannot begin without a keyframe.
    needs_keyframe: bool,
}

impl Router {
    /// Brings a publisher's packet to each far end of its track: to peers by `deliver`. Gives who sends more than it may, if the
    /// packet is too much.
    pub(crate) fn forward(
        &mut self,
        now: Instant,
        publisher: PeerKey,
        (mid, params): (Mid, PayloadParams),
        packet: Packet,
        deliver: impl FnMut(&mut PeerLine, &Arc<Incoming>) -> Delivery,
    ) -> Option<(Scope, Verdict)> {
        let member = self.members.get_mut(publisher)?;
        let (_, key) = member.published.iter().find(|(published, _)| *published == mid)?;
        let (room_key, key) = (member.room, *key);
        let room = &mut self.rooms[room_key];
        let track = &mut room.tracks[key];
        if track.is_paused {
            return None;
        }
        let layer = track.layers.find(&packet.header)?;
        let Heard { choice, has_turned } = track.layers.hear(now, layer, track.published.kind, &packet);
        if choice == Choice::Ignore {
            return None;
        }
        let too_much = track.spend(now, &mut room.inflow, packet.payload.len());
        if too_much.is_some() {
            track.layers.skip(layer);
            return too_much;
        }
        let captured = track.captured(&mut member.clock, layer, &packet, &params);
        let (incoming, has_other_layers) = track.layers.parse(now, layer, packet, params, captured);
        let incoming = Arc::new(incoming);
        let is_resized = !incoming.heights.is_empty() && track.layers.set_heights(layer, &incoming.heights);
        if has_turned || has_other_layers || is_resized {
            self.aim_all(room_key, key);
        }
        let taken = self.hand_out(now, (room_key, key, layer), publisher, &incoming, choice, deliver);
        if taken.has_switched {
            self.set_demand_stale(room_key, key);
        }
        if taken.needs_keyframe {
            self.request_keyframe_of(now, room_key, (key, layer));
        }
        None
    }

    /// Brings a packet of a layer to each far end that it is for.
    fn hand_out(
        &mut self,
        now: Instant,
        (room_key, key, layer): (RoomKey, TrackKey, EncodingIndex),
        publisher: PeerKey,
        incoming: &Arc<Incoming>,
        choice: Choice,
        mut deliver: impl FnMut(&mut PeerLine, &Arc<Incoming>) -> Delivery,
    ) -> Taken {
        let mut taken = Taken::default();
        let (room, member) = (&mut self.rooms[room_key], &mut self.members[publisher]);
        let track = &mut room.tracks[key];
        for key in &track.subscribers {
            let Some(subscription) = self.subscriptions.get_mut(*key) else {
                continue;
            };
            if choice == Choice::Begin && subscription.selection().sent() == Some(layer) {
                subscription.restart();
            }
            let take = subscription.take(layer, incoming.is_keyframe);
            if take == Take::Skip {
                continue;
            }
            taken.is_wanted = true;
            taken.has_switched |= take == Take::Switch;
            let delivery = match (subscription.far_end(), &mut member.recorded) {
                _ if take == Take::NeedsKeyframe => Delivery::NeedsKeyframe,
                (FarEnd::Peer(line), _) => deliver(line, incoming),
                (FarEnd::Tap(tap), Some(recorded)) => tap.hear(now, *key, incoming, recorded, &mut self.tape),
                (FarEnd::Tap(_), None) => Delivery::Dropped,
            };
            taken.written += u64::from(delivery == Delivery::Written);
            taken.needs_keyframe |= delivery == Delivery::NeedsKeyframe;
        }
        room.forwarded += 1 + taken.written;
        match track.kind() {
            MediaKind::Audio => {
                let packet = &incoming.packet;
                let level = packet.header.ext_vals.audio_level;
                room.speakers.heard(now, key, level, packet.payload.len());
                self.timers.arm(now + TICK, Due::Speakers(room_key));
            }
            // Also what comes before a keyframe that is late.
            MediaKind::Video if taken.is_wanted => track.layers.keep(layer, incoming),
            MediaKind::Video => track.layers.skip(layer),
        }
        taken
    }

    /// Finds what a peer misses on an m-line, and hands it to `deliver`.
    pub(crate) fn resend(
        &mut self,
        peer: PeerKey,
        (mid, index): (Mid, u64),
        deliver: impl FnOnce(OutletKey, Outgoing),
    ) -> Option<()> {
        let member = self.members.get(peer)?;
        let key = member.subscription(mid)?;
        let tracks = &self.rooms[member.room].tracks;
        let subscription = self.subscriptions.get_mut(key)?;
        let track = tracks.get(subscription.forwarded()?)?;
        let FarEnd::Peer(line) = subscription.far_end() else {
            return None;
        };
        let outlet = line.outlet?;
        let find = |ssrc, sequence| track.layers.find_sent(ssrc, sequence);
        let outgoing = line.stream.again(outlet.sequence_of(index)?, find)?;
        deliver(outlet, outgoing);
        Some(())
    }
}

impl Track {
    /// Takes a packet of so many bytes out of the budgets of the track and of its room, if it is within both.
    fn spend(&mut self, now: Instant, room: &mut Inflow, bytes: usize) -> Option<(Scope, Verdict)> {
        match self.budget.take(now, bytes) {
            Verdict::Within => match room.take(now, self.kind(), bytes) {
                Verdict::Within => None,
                verdict => Some((Scope::Room, verdict)),
            },
            verdict => Some((Scope::Track(self.source()), verdict)),
        }
    }

    /// When a packet was captured, on the server's clock.
    fn captured(&mut self, sender: &mut SenderClock, layer: usize, packet: &Packet, params: &PayloadParams) -> Instant {
        let (timestamp, clock_rate) = (packet.header.timestamp, params.spec().clock_rate.get());
        let report = packet.report;
        let clock = self.layers.get_mut(layer).map(|layer| &mut layer.clock);
        clock.map_or(packet.timestamp, |clock| {
            clock.captured(sender, packet.timestamp, report, timestamp, clock_rate)
        })
    }
}
