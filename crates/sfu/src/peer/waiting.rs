//! The packets that wait to go out to one client.

use std::collections::VecDeque;

use super::outlets::OutletKey;
use crate::congestion::MAX_WAITING;
use crate::rtp::Outgoing;

/// Packets that are sent once more. A client that misses more is better served by a keyframe.
const MAX_REPAIRS: usize = 512;

/// The largest picture that waits does not count, up to so many times what may wait: some seconds of the line. Beyond it the
/// videos of all others would stand behind one for too long.
const LARGEST: usize = 4;

/// Which more video may wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Room {
    /// Any.
    Free,
    /// The rest of pictures that have begun.
    Begun,
    /// None.
    Full,
}

/// A packet that waits for its turn.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) key: OutletKey,
    pub(super) outgoing: Outgoing,
    pub(super) is_repair: bool,
}

impl Waiting {
    fn bytes(&self) -> usize {
        self.outgoing.payload().len()
    }

    fn picture(&self) -> PictureName {
        (self.key, self.outgoing.timestamp)
    }
}

/// The stream of a picture, and its timestamp.
type PictureName = (OutletKey, u32);

/// How much waits of a picture.
#[derive(Debug, Default)]
struct Picture {
    name: Option<PictureName>,
    bytes: usize,
}

impl Picture {
    fn is(&self, name: PictureName) -> bool {
        self.name == Some(name)
    }

    fn is_of(&self, key: OutletKey) -> bool {
        self.name.is_some_and(|(of, _)| of == key)
    }
}

/// Audio does not wait. Then comes what is sent once more, for a picture waits for it, then video in the order in which it came.
#[derive(Debug, Default)]
pub(super) struct WaitingLine {
    audio: VecDeque<Waiting>,
    repairs: VecDeque<Waiting>,
    video: VecDeque<Waiting>,
    /// Those of all but audio.
    bytes: usize,
    /// The largest picture: what came of it in a row or since it is the largest.
    largest: Picture,
    /// The one that came last.
    latest: Picture,
}

impl WaitingLine {
    /// Adds a packet. Whether there is room for video is asked before it has a number.
    pub(super) fn push(&mut self, key: OutletKey, outgoing: Outgoing) {
        let is_video = outgoing.incoming.params.spec().codec.is_video();
        let waiting = Waiting {
            key,
            outgoing,
            is_repair: false,
        };
        if is_video {
            self.bytes += waiting.bytes();
            self.measure(&waiting);
            self.video.push_back(waiting);
        } else {
            self.audio.push_back(waiting);
        }
    }

    /// Counts a packet of a picture.
    fn measure(&mut self, waiting: &Waiting) {
        let Self { largest, latest, .. } = self;
        let (name, bytes) = (waiting.picture(), waiting.bytes());
        if largest.is(name) {
            largest.bytes += bytes;
            return;
        }
        if !latest.is(name) {
            *latest = Picture {
                name: Some(name),
                bytes: 0,
            };
        }
        latest.bytes += bytes;
        if latest.bytes > largest.bytes {
            std::mem::swap(largest, latest);
        }
    }

    /// Adds a packet that was sent before. Beyond a bound it is left out: it is asked for again.
    pub(super) fn push_repair(&mut self, key: OutletKey, outgoing: Outgoing) {
        if self.repairs.len() < MAX_REPAIRS {
            let waiting = Waiting {
                key,
                outgoing,
                is_repair: true,
            };
            self.bytes += waiting.bytes();
            self.repairs.push_back(waiting);
        }
    }

    pub(super) fn pop_audio(&mut self) -> Option<Waiting> {
        self.audio.pop_front()
    }

    /// Takes the next packet of all but audio.
    pub(super) fn pop(&mut self) -> Option<Waiting> {
        let waiting = self.repairs.pop_front().or_else(|| self.video.pop_front())?;
        self.bytes -= waiting.bytes();
        for picture in [&mut self.largest, &mut self.latest] {
            if picture.is(waiting.picture()) && !waiting.is_repair {
                picture.bytes = picture.bytes.saturating_sub(waiting.bytes());
            }
        }
        Some(waiting)
    }

    /// The bytes of payload of all but audio.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether nothing but audio waits.
    pub(super) fn is_empty(&self) -> bool {
        self.repairs.is_empty() && self.video.is_empty()
    }

    /// Which video may wait where so many bytes may. The largest picture hardly counts: what comes behind it has to wait for it
    /// anyhow, and would have to begin with as large a one if it were left out.
    pub(super) fn room(&self, most: usize) -> Room {
        let beside = self.bytes - self.largest.bytes.min(LARGEST * most);
        match self.bytes {
            bytes if bytes < most => Room::Free,
            bytes if bytes >= MAX_WAITING.min((LARGEST + 1) * most) => Room::Full,
            _ if beside < most => Room::Free,
            _ => Room::Begun,
        }
    }

    /// Drops the video of a stream that waits. Gives whether there was any.
    pub(super) fn drop_video(&mut self, key: OutletKey) -> bool {
        let before = self.bytes;
        let Self { video, bytes, .. } = self;
        video.retain(|waiting| {
            let stays = waiting.key != key;
            *bytes -= if stays { 0 } else { waiting.bytes() };
            stays
        });
        for picture in [&mut self.largest, &mut self.latest] {
            if picture.is_of(key) {
                *picture = Picture::default();
            }
        }
        self.bytes < before
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Lets the room go that bursts have taken: no more come for a while.
    pub(super) fn rest(&mut self) {
        let Self {
            audio, repairs, video, ..
        } = self;
        [audio, repairs, video].into_iter().for_each(VecDeque::shrink_to_fit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_picture_may_wait_but_not_without_end() {
        let mut line = WaitingLine::default();
        let mut room = |bytes| {
            line.bytes = bytes;
            line.largest.bytes = bytes;
            line.room(100_000)
        };
        assert_eq!(room(99_999), Room::Free);
        assert_eq!(room(400_000), Room::Free, "a slide");
        assert_eq!(room(499_999), Room::Free);
        assert_eq!(room(500_000), Room::Full);
        line.largest.bytes = 100_000;
        line.bytes = 250_000;
        assert_eq!(line.room(100_000), Room::Begun);
        line.bytes = MAX_WAITING;
        assert_eq!(line.room(MAX_WAITING), Room::Full, "without a limit of the line, too");
    }

    #[test]
    fn the_room_that_a_burst_has_taken_is_let_go() {
        let mut line = WaitingLine::default();
        line.video.reserve(100);
        line.rest();
        assert_eq!(line.video.capacity(), 0);
    }
}
