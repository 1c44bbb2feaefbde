//! What the hub asks, but for offers and answers.

use std::time::Instant;

use super::Shard;
use crate::command::Command;
use crate::event::{CloseReason, Event, RefusalCode};
use crate::ids::PeerKey;
use crate::peer::Said;

impl Shard {
    /// Does what the hub asks.
    pub fn command(&mut self, now: Instant, command: Command) {
        self.advance_clock(now);
        match command {
            Command::Offer {
                room,
                transport,
                user,
                sdp,
                slots,
                tracks,
            } => {
                self.offer(&room, &transport, &user, &sdp, slots, &tracks);
            }
            Command::Answer { transport, sdp } => self.with_peer(&transport, |shard, peer| shard.answer(peer, &sdp)),
            // An ICE-lite agent makes no checks: it learns the client's addresses from the client's.
            Command::Candidate { transport, .. } => self.with_peer(&transport, |_, _| {}),
            Command::View { transport, mut videos } => self.with_peer(&transport, |shard, key| {
                if let Some(peer) = shard.peers.get_mut(key) {
                    videos.truncate(shard.config.limits.media_lines);
                    peer.view = videos;
                    shard.assign_slots(key);
                }
            }),
            Command::State {
                transport,
                is_muted,
                is_video_on,
            } => self.with_peer(&transport, |shard, key| {
                if let Some(peer) = shard.peers.get_mut(key) {
                    let said = peer.said;
                    peer.said = Said {
                        is_muted: is_muted.or(said.is_muted),
                        is_video_on: is_video_on.or(said.is_video_on),
                    };
                    let room = peer.room;
                    shard.pause_by_said(key);
                    shard.refresh(room);
                }
            }),
            Command::Close { transport } => {
                if let Some(peer) = self.by_transport.get(&*transport) {
                    self.close(*peer, CloseReason::Command);
                }
            }
            Command::End { room } => {
                let room = self.by_room.get(&*room).and_then(|room| self.rooms.get_mut(*room));
                let peers = room.map(|room| {
                    room.ending = true;
                    room.peers.clone()
                });
                for peer in peers.unwrap_or_default() {
                    self.close(peer, CloseReason::Command);
                }
            }
        }
        self.end_torn();
    }

    fn with_peer(&mut self, transport: &str, act: impl FnOnce(&mut Self, PeerKey)) {
        match self.by_transport.get(transport) {
            Some(peer) => act(self, *peer),
            None => self.refuse(
                "",
                transport,
                "",
                RefusalCode::NotFound,
                "this transport is not open: send an offer first".into(),
            ),
        }
    }

    pub(super) fn refuse(&mut self, room: &str, transport: &str, user: &str, code: RefusalCode, message: String) {
        self.events.push(Event::Refused {
            room: room.into(),
            transport: transport.into(),
            user: user.into(),
            code,
            message,
        });
    }
}
