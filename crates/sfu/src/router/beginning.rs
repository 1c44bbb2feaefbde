//! How a subscription begins: at once, with all that has come since the last keyframe, if that is a moment ago and nothing of
//! it is missing; else with the next keyframe, which its publisher is asked for.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use str0m::media::MediaKind;

use super::Router;
use super::forwarding::Delivery;
use super::selection::{EncodingIndex, Take};
use super::subscription::{FarEnd, PeerLine};
use crate::ids::{PeerKey, RoomKey, SubscriptionKey};
use crate::rtp::Incoming;

/// So many bytes of pictures after keyframes are brought to one client at once. Keyframes would come anyhow, but the rest takes
/// from the voices of a client whose line is not known yet: a tenth of a second where it takes 2 Mbit/s.
const MOST_AT_ONCE: usize = 24_000;

/// What was kept that a subscription can begin with.
struct Kept {
    peer: PeerKey,
    encoding: EncodingIndex,
    packets: Vec<Arc<Incoming>>,
}

impl Kept {
    /// The bytes of the pictures after the keyframe.
    fn bytes(&self) -> usize {
        let timestamp = |incoming: &Arc<Incoming>| incoming.packet.header.timestamp;
        let keyframe = self.packets.first().map(timestamp);
        let others = self
            .packets
            .iter()
            .filter(|incoming| Some(timestamp(incoming)) != keyframe);
        others.map(|incoming| incoming.packet.payload.len()).sum()
    }
}

impl Router {
    /// A subscriber can be sent media now: each video begins.
    pub(crate) fn begin_all(&mut self, subscriber: PeerKey) {
        let Some(member) = self.members.get(subscriber) else {
            return;
        };
        let room = member.room;
        for (_, key) in member.subscriptions.clone() {
            let track = self.subscriptions[key].forwarded();
            let track = track.and_then(|track| self.rooms[room].tracks.get(track));
            if track.is_some_and(|track| track.kind() == MediaKind::Video) {
                self.subscriptions[key].restart();
                self.begin(room, key);
            }
        }
    }

    /// A subscription begins.
    pub(super) fn begin(&mut self, room: RoomKey, key: SubscriptionKey) {
        if !self.beginning.contains(&(room, key)) {
            self.beginning.push((room, key));
        }
    }

    /// Does what is to be done for subscriptions that begin: by `deliver` they are brought what was kept. To be called after
    /// each call.
    pub(crate) fn catch_up(
        &mut self,
        now: Instant,
        mut deliver: impl FnMut(&mut PeerLine, &Arc<Incoming>) -> Delivery,
    ) {
        let mut brought: HashMap<PeerKey, usize> = HashMap::new();
        for (room, key) in std::mem::take(&mut self.beginning) {
            let kept = self.kept_for(now, room, key).filter(|kept| {
                let brought = brought.entry(kept.peer).or_default();
                *brought += kept.bytes();
                *brought <= MOST_AT_ONCE
            });
            if !kept.is_some_and(|kept| self.replay(key, &kept, &mut deliver)) {
                self.request_keyframe_for(now, room, key);
            }
        }
    }

    /// What a subscription can begin with. Where a line is known to be narrow, it is not sent more than it has to.
    fn kept_for(&mut self, now: Instant, room: RoomKey, key: SubscriptionKey) -> Option<Kept> {
        let subscription = self.subscriptions.get_mut(key)?;
        let (track, encoding) = (subscription.forwarded()?, subscription.selection().wanted()?);
        let FarEnd::Peer(line) = subscription.far_end() else {
            return None;
        };
        let peer = line.peer;
        if self.members.get(peer)?.bandwidth.is_some() {
            return None;
        }
        let packets = self.rooms.get(room)?.tracks.get(track)?.layers.stretch(now, encoding)?;
        Some(Kept {
            peer,
            encoding,
            packets,
        })
    }

    /// Brings packets to a subscription that begins with them. `false`: it does not get through to the end of them.
    fn replay(
        &mut self,
        key: SubscriptionKey,
        kept: &Kept,
        mut deliver: impl FnMut(&mut PeerLine, &Arc<Incoming>) -> Delivery,
    ) -> bool {
        let subscription = &mut self.subscriptions[key];
        if let (FarEnd::Peer(line), Some(newest)) = (subscription.far_end(), kept.packets.last()) {
            line.stream.catch_up(newest);
        }
        kept.packets.iter().all(|incoming| {
            let take = subscription.take(kept.encoding, incoming.is_keyframe);
            let FarEnd::Peer(line) = subscription.far_end() else {
                return false;
            };
            take == Take::Send && deliver(line, incoming) != Delivery::NeedsKeyframe
        })
    }
}
