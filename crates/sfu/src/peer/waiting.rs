//! The packets that wait to go out to one client.

use std::collections::VecDeque;

use super::outlets::OutletKey;
use crate::rtp::Outgoing;

/// Packets that are sent once more. A client that misses more is better served by a keyframe.
const MAX_REPAIRS: usize = 512;

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
}

/// Audio does not wait. Then comes what is sent once more, for a picture waits for it, then video in the order in which it came.
#[derive(Debug, Default)]
pub(super) struct WaitingLine {
    audio: VecDeque<Waiting>,
    repairs: VecDeque<Waiting>,
    video: VecDeque<Waiting>,
    /// Those of all but audio.
    bytes: usize,
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
            self.video.push_back(waiting);
        } else {
            self.audio.push_back(waiting);
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

    /// Whether so many bytes are not yet waiting.
    pub(super) fn has_room(&self, most: usize) -> bool {
        self.bytes < most
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
        self.bytes < before
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}
