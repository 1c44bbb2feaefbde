//! Who is sent what: m-lines for plain clients, slots for those who have them.

use str0m::media::MediaKind;

use super::Shard;
use super::clock::GATHER;
use crate::command::Source;
use crate::egress::Sink;
use crate::event::{Event, SlotAssignment};
use crate::ids::{PeerKey, RoomKey, SinkKey, TrackKey};
use crate::peer::Addition;
use crate::room::place;
use crate::throttle::Need;

const KINDS: [MediaKind; 2] = [MediaKind::Audio, MediaKind::Video];

impl Shard {
    /// Looks again at what everyone in a room is sent, if something changed.
    pub(super) fn refresh(&mut self, key: RoomKey) {
        let Some(room) = self.rooms.get_mut(key) else {
            return;
        };
        if !std::mem::take(&mut room.stale) || room.ending {
            return;
        }
        room.order_videos();
        for peer in room.peers.clone() {
            if self.peers.get(peer).is_some_and(|peer| peer.slots) {
                self.assign_slots(peer);
            } else {
                self.subscribe(peer);
            }
        }
    }

    /// Plans an offer to a plain client if it is sent too little or too much.
    pub(super) fn subscribe(&mut self, key: PeerKey) {
        let Some(peer) = self.peers.get(key) else {
            return;
        };
        if peer.slots || peer.offer_sent_at().is_some() || peer.offer_at.is_some() {
            return;
        }
        if peer.lines.want_offer() || !self.missing(key).is_empty() {
            let at = self.now + GATHER;
            self.peers[key].offer_at = Some(at);
            self.arm_peer(key);
        }
    }

    /// The tracks that a plain client has no m-line for.
    fn missing(&self, key: PeerKey) -> Vec<TrackKey> {
        let peer = &self.peers[key];
        let has = |track: TrackKey| peer.lines.0.iter().any(|line| line.track == Some(track));
        let offered = self.rooms[peer.room].offered_to(&peer.user);
        offered
            .filter(|track| !has(*track) && !peer.refused.contains(track))
            .collect()
    }

    /// Puts tracks that a plain client misses into its free m-lines.
    pub(super) fn put_into_free_lines(&mut self, key: PeerKey) {
        if self.peers[key].slots {
            return;
        }
        for track_key in self.missing(key) {
            let peer = &mut self.peers[key];
            let track = &self.rooms[peer.room].tracks[track_key];
            if let Some(line) = peer.lines.free(track.kind) {
                line.track = Some(track_key);
                line.label = track.label();
            }
        }
    }

    /// The new m-lines that a plain client needs, after its free ones are used. What can wait for an m-line to become free
    /// waits: so the SDP grows no longer than the most tracks at a time.
    pub(super) fn additions(&mut self, key: PeerKey) -> Vec<Addition> {
        self.put_into_free_lines(key);
        let mut additions = Vec::new();
        let mut draining = KINDS.map(|kind| self.peers[key].lines.draining(kind));
        let mut space = self
            .config
            .limits
            .media_lines
            .saturating_sub(self.peers[key].line_count());
        for track_key in self.missing(key) {
            let track = &self.rooms[self.peers[key].room].tracks[track_key];
            let (kind, label) = (track.kind, track.label());
            let waiting = &mut draining[usize::from(kind == MediaKind::Video)];
            if *waiting > 0 {
                *waiting -= 1;
            } else if space > 0 {
                space -= 1;
                // The m-line gets its mid from the offer.
                let sink = self.sinks.insert(Sink::new(key, "".into()));
                additions.push(Addition {
                    kind,
                    track: track_key,
                    sink,
                    label,
                });
            }
        }
        additions
    }

    /// After an answer: what the client declined is not offered again before its own next offer.
    pub(super) fn release_declined(&mut self, key: PeerKey) {
        let peer = &mut self.peers[key];
        for line in peer.lines.0.iter_mut().filter(|line| line.declined) {
            peer.refused.extend(line.track.take());
        }
    }

    /// Fills a client's slots anew and tells it, if something changed.
    pub(super) fn assign_slots(&mut self, key: PeerKey) {
        if self.peers[key].slots {
            self.place_in_slots(key);
            self.open_sinks(key);
            self.tell_slots(key);
        }
    }

    /// Fills a client's slots.
    pub(super) fn place_in_slots(&mut self, key: PeerKey) {
        for kind in KINDS {
            let peer = &mut self.peers[key];
            let room = &self.rooms[peer.room];
            let now: Vec<Option<TrackKey>> = peer.lines.slots(kind).map(|line| line.track).collect();
            let wanted = match kind {
                MediaKind::Audio => room.wanted_audio(&peer.user, now.len()),
                MediaKind::Video => room.wanted_video(&peer.user, &peer.view, now.len()),
            };
            let slots = peer.lines.0.iter_mut().filter(|line| line.is_slot_of(kind));
            for (line, track) in slots.zip(place(&now, &wanted)) {
                line.track = track;
            }
        }
    }

    /// Connects each m-line's sink to its track, as far as sending is agreed.
    pub(super) fn open_sinks(&mut self, key: PeerKey) {
        let Some(peer) = self.peers.get(key) else {
            return;
        };
        let (room, carries) = (peer.room, peer.watch.carries());
        let wanted: Vec<(SinkKey, Option<TrackKey>)> = peer
            .lines
            .0
            .iter()
            .map(|line| (line.sink, line.track.filter(|_| line.is_open())))
            .collect();
        for (sink_key, track) in wanted {
            let sink = &mut self.sinks[sink_key];
            let before = sink.track();
            if before == track {
                continue;
            }
            sink.set_track(track);
            if let Some(before) = before.and_then(|before| self.rooms[room].tracks.get_mut(before)) {
                before.sinks.retain(|sink| *sink != sink_key);
            }
            if let Some(track_key) = track {
                self.rooms[room].tracks[track_key].sinks.push(sink_key);
                // Who is not connected yet asks when they are.
                if carries {
                    self.want_keyframe(room, track_key, Need::New);
                }
            }
        }
    }

    pub(super) fn drop_sink(&mut self, room: RoomKey, key: SinkKey) {
        let track = self.sinks.remove(key).and_then(|sink| sink.track());
        let room = self.rooms.get_mut(room).filter(|room| !room.ending);
        if let Some(track) = track.and_then(|track| room?.tracks.get_mut(track)) {
            track.sinks.retain(|sink| *sink != key);
        }
    }

    /// Tells a client what is in its slots, if it was told otherwise before.
    pub(super) fn tell_slots(&mut self, key: PeerKey) {
        let peer = &mut self.peers[key];
        let slots = || peer.lines.0.iter().filter(|line| line.slot && line.receivable);
        let assignment: Vec<_> = slots().map(|line| (line.mid, line.track)).collect();
        if assignment == peer.told {
            return;
        }
        let tracks = &self.rooms[peer.room].tracks;
        let slots = slots()
            .map(|line| SlotAssignment {
                mid: line.mid.to_string(),
                kind: line.kind,
                track: line
                    .track
                    .and_then(|track| tracks.get(track))
                    .map(|track| (track.user.to_string(), track.source)),
            })
            .collect();
        peer.told = assignment;
        let (room, transport, user) = self.names(key);
        self.events.push(Event::Slots {
            room,
            transport,
            user,
            slots,
        });
    }

    /// Pauses and resumes a user's tracks by what they said.
    pub(super) fn pause_by_said(&mut self, key: PeerKey) {
        let peer = &self.peers[key];
        let (room, said) = (peer.room, peer.said);
        for (_, track_key) in peer.published.clone() {
            let track = &mut self.rooms[room].tracks[track_key];
            let paused = match track.source {
                Source::Microphone => said.is_muted == Some(true),
                Source::Camera => said.is_video_on == Some(false),
                Source::Screen | Source::ScreenAudio => false,
            };
            if track.paused == paused {
                continue;
            }
            track.paused = paused;
            self.rooms[room].stale = true;
            if paused {
                self.rooms[room].speakers.hush(track_key);
                continue;
            }
            for sink in self.rooms[room].tracks[track_key].sinks.clone() {
                self.sinks[sink].enter();
            }
            self.want_keyframe(room, track_key, Need::New);
        }
    }
}
