//! Media from publishers to subscribers, and keyframe requests the other way.

use str0m::media::{MediaKind, Mid};
use str0m::rtp::RtpPacket;

use super::Shard;
use super::clock::Timer;
use crate::egress::{Incoming, Outcome};
use crate::ids::{PeerKey, RoomKey, SinkKey, TrackKey};
use crate::room::TICK;
use crate::throttle::Need;

/// The longest payload that is forwarded, in bytes: an Ethernet frame's, which no WebRTC sender fills. str0m writes packets
/// into 2,000 bytes, where a subscriber's header extensions and the two bytes of a resend (RFC 4588) have to fit too, and
/// panics in the subscriber's session where they do not.
const LONGEST_PAYLOAD: usize = 1_500;

impl Shard {
    /// Forwards one packet of a publisher.
    pub(super) fn forward(&mut self, key: PeerKey, packet: &RtpPacket) {
        self.stats.rtp_in += 1;
        if packet.payload.len() > LONGEST_PAYLOAD {
            self.stats.rtp_oversized += 1;
            return;
        }
        let Some(peer) = self.peers.get_mut(key) else {
            return;
        };
        let room = peer.room;
        let (mid, params) = match peer.locate(packet) {
            Ok(Some(located)) => located,
            Ok(None) => return,
            Err(fault) => return self.torn(key, fault),
        };
        let Some(track_key) = peer
            .published
            .iter()
            .find(|(published, _)| *published == mid)
            .map(|(_, track)| *track)
        else {
            return;
        };
        let track = &mut self.rooms[room].tracks[track_key];
        if track.paused {
            return;
        }
        let kind = track.kind;
        // Lent for the time of the loop, which does not change who is subscribed.
        let sinks = std::mem::take(&mut track.sinks);
        let incoming = Incoming::new(packet, params);
        let mut need_keyframe = false;
        for sink in &sinks {
            need_keyframe |= self.deliver(*sink, &incoming);
        }
        self.rooms[room].tracks[track_key].sinks = sinks;
        if need_keyframe {
            self.want_keyframe(room, track_key, Need::Again);
        }
        if kind == MediaKind::Audio {
            self.hear(room, track_key, packet);
        }
    }

    /// Writes a packet to one subscriber. Says whether a keyframe is needed first.
    fn deliver(&mut self, sink: SinkKey, incoming: &Incoming<'_>) -> bool {
        let Some(sink) = self.sinks.get_mut(sink) else {
            return false;
        };
        let key = sink.peer;
        let Some(peer) = self.peers.get_mut(key).filter(|peer| peer.watch.carries()) else {
            return false;
        };
        let mid = sink.mid;
        let write = match sink.take(self.now, incoming, || peer.payload_for(mid, &incoming.params)) {
            Outcome::Write(write) => write,
            Outcome::NeedKeyframe => return true,
            Outcome::Drop => return false,
        };
        match peer.write(mid, &mut sink.ssrc, write) {
            Ok(written) => {
                self.stats.rtp_forwarded += u64::from(written);
                self.mark_dirty(key);
            }
            Err(fault) => self.torn(key, fault),
        }
        false
    }

    fn hear(&mut self, room: RoomKey, track: TrackKey, packet: &RtpPacket) {
        let speakers = &mut self.rooms[room].speakers;
        speakers.heard(
            self.now,
            track,
            packet.header.ext_vals.audio_level,
            packet.payload.len(),
        );
        self.timers.arm(self.now + TICK, Timer::Speakers(room));
    }

    /// A subscriber asks for a keyframe of what it is sent on an m-line.
    pub(super) fn keyframe_requested(&mut self, key: PeerKey, mid: Mid) {
        let Some(peer) = self.peers.get_mut(key) else {
            return;
        };
        let room = peer.room;
        if let Some(track) = peer.lines.by_mid(mid).and_then(|line| line.track) {
            self.want_keyframe(room, track, Need::Again);
        }
    }

    /// Asks a publisher for a keyframe, at once or when it may be asked again.
    pub(super) fn want_keyframe(&mut self, room: RoomKey, key: TrackKey, need: Need) {
        let Some(track) = self.rooms[room].tracks.get_mut(key) else {
            return;
        };
        if track.kind == MediaKind::Audio {
            return;
        }
        if track.keyframes.ask(self.now, need) {
            self.ask_publisher(room, key);
        } else if let Some(at) = track.keyframes.deadline() {
            self.timers.arm(at, Timer::Keyframe(room, key));
        }
    }

    /// Asks for the keyframe that was put off.
    pub(super) fn ask_put_off(&mut self, room: RoomKey, key: TrackKey) {
        let track = self.rooms.get_mut(room).and_then(|room| room.tracks.get_mut(key));
        let Some(track) = track else {
            return;
        };
        if track.keyframes.due(self.now) {
            self.ask_publisher(room, key);
        } else if let Some(at) = track.keyframes.deadline() {
            // The timer was set for a sooner request, which something else has sent meanwhile.
            self.timers.arm(at, Timer::Keyframe(room, key));
        }
    }

    fn ask_publisher(&mut self, room: RoomKey, key: TrackKey) {
        let track = &self.rooms[room].tracks[key];
        let (owner, mid) = (track.owner, track.mid);
        let Some(peer) = self.peers.get_mut(owner) else {
            return;
        };
        match peer.ask_keyframe(mid) {
            Ok(true) => {
                self.stats.keyframe_requests += 1;
                self.mark_dirty(owner);
            }
            // Nothing has come on this m-line yet: what comes first is a keyframe.
            Ok(false) => {}
            Err(fault) => self.torn(owner, fault),
        }
    }
}
