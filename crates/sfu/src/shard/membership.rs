//! Who is there: peers come and go, tracks are published and taken back.

use std::sync::Arc;

use str0m::media::{MediaKind, Mid};

use super::Shard;
use super::clock::Timer;
use crate::command::{Source, TrackName};
use crate::config::Transport;
use crate::event::{CloseReason, Event, TransportState};
use crate::ids::{PeerKey, RoomKey, TrackKey};
use crate::peer::{Fault, Peer, Watch};
use crate::room::{Room, Track, source_kind};
use crate::sdp::{Scan, Section};
use crate::throttle::Throttle;

impl Shard {
    pub(super) fn open(&mut self, room: &str, transport: &str, user: &str, slots: bool) -> PeerKey {
        let room_key = match self.by_room.get(room) {
            Some(key) => *key,
            None => {
                let id: Arc<str> = room.into();
                let key = self.rooms.insert(Room::new(id.clone()));
                self.by_room.insert(id, key);
                key
            }
        };
        let watch = Watch::new(self.config.limits.ice_silence, self.now);
        let rtc = self.sessions.make(self.now);
        let transport: Arc<str> = transport.into();
        let key = self
            .peers
            .insert(Peer::new(room_key, transport.clone(), user.into(), slots, rtc, watch));
        self.by_transport.insert(transport, key);
        self.rooms[room_key].peers.push(key);
        self.arm_peer(key);
        key
    }

    /// Ends a peer. Its last packets say goodbye, and its last event why.
    pub(super) fn close(&mut self, key: PeerKey, reason: CloseReason) {
        let Some(peer) = self.remove(key, !matches!(reason, CloseReason::Fault)) else {
            return;
        };
        let Some(room) = self.rooms.get(peer.room) else {
            return;
        };
        self.events.push_always(Event::TransportState {
            room: room.id.to_string(),
            transport: peer.transport.to_string(),
            user: peer.user.to_string(),
            state: TransportState::Closed(reason),
        });
        self.leave_room(peer.room);
    }

    /// Puts a new peer in the place of one whose client has begun anew. To its user it is the same one: nothing is told, and
    /// what they said and want holds on.
    pub(super) fn replace(&mut self, key: PeerKey, slots: bool) -> Option<PeerKey> {
        let old = self.remove(key, true)?;
        let room = self.rooms.get(old.room)?.id.clone();
        let new = self.open(&room, &old.transport, &old.user, slots);
        let peer = &mut self.peers[new];
        (peer.said, peer.view) = (old.said, old.view);
        Some(new)
    }

    /// Takes a peer out of everything but its room's life.
    fn remove(&mut self, key: PeerKey, says_goodbye: bool) -> Option<Peer> {
        let peer = self.peers.get_mut(key)?;
        if says_goodbye {
            peer.say_goodbye();
            self.send_last(key);
        }
        let room = self.peers[key].room;
        if !self.rooms[room].ending {
            for (_, track) in std::mem::take(&mut self.peers[key].published) {
                self.unpublish(room, track);
            }
        }
        let peer = self.peers.remove(key)?;
        for line in &peer.lines.0 {
            self.drop_sink(peer.room, line.sink);
        }
        self.demux.forget(key);
        self.timers.disarm(Timer::Session(key));
        self.timers.disarm(Timer::Peer(key));
        self.by_transport.remove(&peer.transport);
        self.rooms[peer.room].peers.retain(|other| *other != key);
        Some(peer)
    }

    /// After a peer left: the room ends with its last one.
    fn leave_room(&mut self, key: RoomKey) {
        if !self.rooms[key].peers.is_empty() {
            return self.refresh(key);
        }
        if let Some(room) = self.rooms.remove(key) {
            self.by_room.remove(&room.id);
        }
        self.timers.disarm(Timer::Speakers(key));
    }

    /// A session panicked. Its peer does nothing from now on, and is ended by [`Self::end_torn`].
    pub(super) fn torn(&mut self, key: PeerKey, _fault: Fault) {
        self.torn.push(key);
    }

    /// Ends the peers whose sessions panicked.
    pub(super) fn end_torn(&mut self) {
        while let Some(key) = self.torn.pop() {
            if self.peers.contains_key(key) {
                self.stats.faults += 1;
                self.close(key, CloseReason::Fault);
            }
        }
    }

    /// Brings a peer's tracks in line with its offer.
    pub(super) fn publish(&mut self, key: PeerKey, outline: &Scan<'_>, names: &[TrackName]) {
        let sent = sources(outline, names);
        let peer = &mut self.peers[key];
        let (room, user) = (peer.room, peer.user.clone());
        let stays = |(mid, track): &(Mid, TrackKey)| {
            let source = self.rooms[room].tracks[*track].source;
            sent.iter()
                .any(|(sent_mid, _, sent_source)| sent_mid == mid && *sent_source == source)
        };
        let (kept, gone): (Vec<_>, Vec<_>) = std::mem::take(&mut peer.published).into_iter().partition(stays);
        peer.published = kept;
        for (_, track) in gone {
            self.unpublish(room, track);
        }
        for (mid, kind, source) in sent {
            if self.peers[key].published.iter().any(|(published, _)| *published == mid) {
                continue;
            }
            let track = Track {
                owner: key,
                user: user.clone(),
                mid,
                kind,
                source,
                paused: false,
                sinks: Vec::new(),
                keyframes: Throttle::default(),
            };
            let track = self.rooms[room].publish(track, self.now);
            self.peers[key].published.push((mid, track));
        }
        self.pause_by_said(key);
    }

    fn unpublish(&mut self, room: RoomKey, key: TrackKey) {
        let Some(track) = self.rooms[room].unpublish(key) else {
            return;
        };
        for sink in track.sinks {
            if let Some(sink) = self.sinks.get_mut(sink) {
                sink.set_track(None);
                if let Some(line) = self.peers.get_mut(sink.peer).and_then(|peer| peer.lines.by_track(key)) {
                    line.track = None;
                }
            }
        }
        // Also lines whose sending is not agreed yet.
        for peer in self.rooms[room].peers.clone() {
            if let Some(line) = self.peers.get_mut(peer).and_then(|peer| peer.lines.by_track(key)) {
                line.track = None;
            }
        }
    }

    pub(super) fn tell_state(&mut self, key: PeerKey, state: TransportState) {
        let peer = &self.peers[key];
        let event = Event::TransportState {
            room: self.rooms[peer.room].id.to_string(),
            transport: peer.transport.to_string(),
            user: peer.user.to_string(),
            state,
        };
        self.events.push(event);
    }

    pub(super) fn tell_speakers(&mut self, key: RoomKey) {
        let room = &self.rooms[key];
        let mut users: Vec<String> = Vec::new();
        for track in room.speakers.active() {
            if let Some(track) = room.tracks.get(*track)
                && !users.iter().any(|user| **user == *track.user)
            {
                users.push(track.user.to_string());
            }
        }
        self.events.push(Event::ActiveSpeakers {
            room: room.id.to_string(),
            users,
        });
    }

    /// Where packets of a peer go: ICE's own answers to where the question came from, all else to the nominated path.
    pub(super) fn route(
        &self,
        key: PeerKey,
        transport: Transport,
        destination: std::net::SocketAddr,
        is_stun: bool,
    ) -> (Transport, std::net::SocketAddr) {
        match self.peers.get(key).and_then(|peer| peer.nominated) {
            Some(nominated) if !is_stun => nominated,
            _ => (transport, destination),
        }
    }
}

/// What a client sends where. The first audio is the microphone and further ones are a screen's sound; the first video is the
/// camera and further ones are screens; unless they are named.
fn sources(outline: &Scan<'_>, names: &[TrackName]) -> Vec<(Mid, MediaKind, Source)> {
    let sending = |section: &&Section<'_>| section.sends() && section.kind.is_some();
    let mut taken: Vec<Source> = Vec::new();
    let mut sent = Vec::new();
    for section in outline.sections.iter().filter(sending) {
        let Some(kind) = section.kind else {
            continue;
        };
        let named = names
            .iter()
            .find(|name| name.mid == section.mid)
            .map(|name| name.source);
        let (first, further) = match kind {
            MediaKind::Audio => (Source::Microphone, Source::ScreenAudio),
            MediaKind::Video => (Source::Camera, Source::Screen),
        };
        let is_named = |source: Source| names.iter().any(|name| name.source == source);
        let default = if taken.contains(&first) || is_named(first) {
            further
        } else {
            first
        };
        let source = named.filter(|source| source_kind(*source) == kind).unwrap_or(default);
        taken.push(source);
        sent.push((section.key(), kind, source));
    }
    sent
}
