//! The queue of what recordings hear.
//!
//! What opens (a peer, a track) and what a track carries is told only where there is room; what closes is told always. So no
//! more waits than the bound, and the ends of what is open.

use std::collections::VecDeque;
use std::time::Instant;

use crate::ids::{RecordingId, RoomId, SubscriptionKey};
use crate::queue::Queue;
use crate::tap::{Heard, TapPeer, TapTrack, Tapped};

/// Of which recording something is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) room: RoomId,
    pub(super) recording: RecordingId,
}

/// What recordings counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct TapeStats {
    /// Packets told.
    pub(crate) told: u64,
    /// Packets left out because there was no room.
    pub(crate) dropped: u64,
    /// Packets left out because their peer has begun too many tracks.
    pub(crate) refused: u64,
}

/// See the module.
pub(super) struct Tape {
    queue: Queue<Tapped>,
    /// The tracks that have to tell a gap.
    losing: VecDeque<(SubscriptionKey, TapTrack)>,
    /// The time of what was told last.
    latest: Option<Instant>,
    peers: u32,
    tracks: u32,
    pub(super) stats: TapeStats,
}

impl Tape {
    /// An empty queue.
    pub(super) fn new(bound: usize) -> Self {
        Self {
            queue: Queue::new(bound),
            losing: VecDeque::new(),
            latest: None,
            peers: 0,
            tracks: 0,
            stats: TapeStats::default(),
        }
    }

    /// A peer that is not in any recording yet.
    pub(super) fn next_peer(&mut self) -> TapPeer {
        self.peers = self.peers.wrapping_add(1);
        TapPeer(self.peers)
    }

    /// A track that is not in any recording yet.
    pub(super) fn next_track(&mut self) -> TapTrack {
        self.tracks = self.tracks.wrapping_add(1);
        TapTrack(self.tracks)
    }

    /// Whether something can be told.
    pub(super) fn has_room(&self) -> bool {
        self.queue.has_room()
    }

    /// Tells something, if there is room. Gives whether there was.
    pub(super) fn tell(&mut self, at: Instant, stamp: &Stamp, what: Heard) -> bool {
        let has_room = self.has_room();
        if has_room {
            self.tell_always(at, stamp, what);
        }
        has_room
    }

    /// Tells the end of something that was told to begin.
    pub(super) fn tell_always(&mut self, at: Instant, stamp: &Stamp, what: Heard) {
        // A gap is told after the packets were lost, and has their time.
        let at = self.latest.map_or(at, |latest| latest.max(at));
        self.latest = Some(at);
        self.queue.push_always(Tapped {
            room: stamp.room.clone(),
            recording: stamp.recording.clone(),
            at,
            what,
        });
    }

    /// Notes that a track has to tell a gap, once for each time that [`Self::next_losing`] gives it.
    pub(super) fn loses(&mut self, tap: SubscriptionKey, track: TapTrack) {
        self.losing.push_back((tap, track));
    }

    /// A track that has to tell a gap, if there is room.
    pub(super) fn next_losing(&mut self) -> Option<(SubscriptionKey, TapTrack)> {
        self.has_room().then(|| self.losing.pop_front()).flatten()
    }

    /// Takes the oldest.
    pub(super) fn pop(&mut self) -> Option<Tapped> {
        self.queue.pop()
    }
}
