//! A peer that is recorded.

use std::time::Instant;

use super::tape::{Stamp, Tape};
use crate::bucket::Bucket;
use crate::ids::{SubscriptionKey, TrackKey, UserId};
use crate::tap::{Heard, TapPeer};

/// Tracks that a peer may begin while it is recorded: an SSRC or a format that is new on an m-line is another one. What it
/// sends beyond is counted and left out.
const MAX_TRACKS: u32 = 64;
/// So many of them a second.
const TRACKS_PER_SECOND: u32 = 8;

/// A peer that is recorded.
pub(super) struct Recorded {
    pub(super) stamp: Stamp,
    pub(super) peer: TapPeer,
    joined: Joined,
    /// The taps of what it publishes.
    pub(super) taps: Vec<(TrackKey, SubscriptionKey)>,
    tracks: u32,
    new_tracks: Bucket,
}

/// Whether the recording was told of a peer.
enum Joined {
    /// It was, by this name.
    Told(String),
    /// There was no room for it yet.
    Waits(UserId, String),
}

impl Recorded {
    /// A peer of which nothing was told yet.
    pub(super) fn new(now: Instant, stamp: Stamp, peer: TapPeer, user: UserId, name: String) -> Self {
        Self {
            stamp,
            peer,
            joined: Joined::Waits(user, name),
            taps: Vec::new(),
            tracks: 0,
            new_tracks: Bucket::new(TRACKS_PER_SECOND, now),
        }
    }

    /// Tells that the peer is there, unless it was told. `false`: there was no room.
    pub(super) fn tell_joined(&mut self, at: Instant, tape: &mut Tape) -> bool {
        let Joined::Waits(user, name) = &self.joined else {
            return true;
        };
        if !tape.has_room() {
            return false;
        }
        let joined = Heard::Joined {
            peer: self.peer,
            user: user.clone(),
            name: name.clone(),
        };
        self.joined = Joined::Told(name.clone());
        tape.tell(at, &self.stamp, joined)
    }

    /// Whether the recording was told that the peer is there.
    pub(super) fn is_told(&self) -> bool {
        matches!(self.joined, Joined::Told(_))
    }

    /// Tells another name of the peer's user. Where there is no room for it, it is told when it is said again.
    pub(super) fn tell_name(&mut self, at: Instant, name: &str, tape: &mut Tape) {
        match &mut self.joined {
            Joined::Waits(_, known) => name.clone_into(known),
            Joined::Told(known) if known != name => {
                let renamed = Heard::Renamed {
                    peer: self.peer,
                    name: name.to_owned(),
                };
                if tape.tell(at, &self.stamp, renamed) {
                    name.clone_into(known);
                }
            }
            Joined::Told(_) => {}
        }
    }

    /// Whether the peer may begin another track.
    pub(super) fn admits_track(&mut self, now: Instant) -> bool {
        let is_admitted = self.tracks < MAX_TRACKS && self.new_tracks.take(now);
        self.tracks += u32::from(is_admitted);
        is_admitted
    }
}
