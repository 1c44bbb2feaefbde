//! How a subscription begins: at once, with all that has come since the last keyframe, if that is a moment ago and nothing of
//! it is missing; else with the next keyframe, which its publisher is asked for.

use std::collections::{HashMap, HashSet};
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

/// So many bytes in all are brought to one client a second: the keyframes of 25 small tiles. A client that turns from one page to
/// the other and back gets the rest as its publishers send it.
pub(super) const A_SECOND: u32 = 300_000;

/// What was kept that a subscription can begin with.
struct Kept {
    peer: PeerKey,
    encoding: EncodingIndex,
    packets: Vec<Arc<Incoming>>,
}

impl Kept {
    /// The bytes of all.
    fn all_bytes(&self) -> f64 {
        let packets = self.packets.iter();
        packets.map(|incoming| incoming.packet.payload.len() as f64).sum()
    }

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
        self.beginning.push((room, key));
    }

    /// Does what is to be done for subscriptions that begin: by `deliver` they are brought what was kept. To be called after
    /// each call.
    pub(crate) fn catch_up(
        &mut self,
        now: Instant,
        mut deliver: impl FnMut(&mut PeerLine, &Arc<Incoming>) -> Delivery,
    ) {
        let (mut begun, mut brought) = (HashSet::new(), HashMap::<PeerKey, usize>::new());
        let beginning = std::mem::take(&mut self.beginning).into_iter();
        for (room, key) in beginning.filter(|(_, key)| begun.insert(*key)) {
            let kept = self.kept_for(now, room, key).filter(|kept| {
                let brought = brought.entry(kept.peer).or_default();
                let with_it = *brought + kept.bytes();
                let is_little = with_it <= MOST_AT_ONCE && self.take_from_budget(now, kept);
                if is_little {
                    *brought = with_it;
                }
                is_little
            });
            if !kept.is_some_and(|kept| self.replay(key, &kept, &mut deliver)) {
                self.request_keyframe_for(now, room, key);
            }
        }
    }

    /// `false`: its client was brought too much of late.
    fn take_from_budget(&mut self, now: Instant, kept: &Kept) -> bool {
        let Some(member) = self.members.get_mut(kept.peer) else {
            return false;
        };
        let (budget, bytes) = (&mut member.catches_up, kept.all_bytes());
        let is_within = budget.has(now, bytes);
        if is_within {
            budget.spend(bytes);
        }
        is_within
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
        let mut is_first = true;
        kept.packets.iter().all(|incoming| {
            let take = subscription.take(kept.encoding, incoming.is_keyframe);
            let FarEnd::Peer(line) = subscription.far_end() else {
                return false;
            };
            let delivery = deliver(line, incoming);
            // Later ones may be left out: not everyone is sent all frames.
            let has_no_room = std::mem::take(&mut is_first) && delivery == Delivery::Dropped;
            take == Take::Send && delivery != Delivery::NeedsKeyframe && !has_no_room
        })
    }
}
