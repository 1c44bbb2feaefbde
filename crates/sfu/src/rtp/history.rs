//! The last packets of a video track, from which all its subscribers are answered who miss some.

use std::sync::Arc;

use str0m::rtp::Ssrc;

use super::incoming::Incoming;

/// Packets kept for retransmission: about two seconds of a camera at 2 Mbit/s.
const PACKETS: usize = 512;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct History {
    /// Each at the place of its sequence number; empty before the first.
    places: Vec<Option<Arc<Incoming>>>,
}

impl History {
    fn place(sequence: u64) -> usize {
        (sequence % PACKETS as u64) as usize
    }

    /// Keeps a packet, in the place of an older one.
    pub(crate) fn keep(&mut self, incoming: &Arc<Incoming>) {
        if self.places.is_empty() {
            self.places.resize(PACKETS, None);
        }
        self.places[Self::place(*incoming.packet.seq_no)] = Some(Arc::clone(incoming));
    }

    /// A packet by its stream and its number.
    pub(crate) fn find(&self, ssrc: Ssrc, sequence: u64) -> Option<Arc<Incoming>> {
        let kept = self.places.get(Self::place(sequence))?.as_ref()?;
        let is_it = kept.packet.header.ssrc == ssrc && *kept.packet.seq_no == sequence;
        is_it.then(|| Arc::clone(kept))
    }

    /// Forgets all: nothing comes for a while.
    pub(crate) fn clear(&mut self) {
        self.places.clear();
    }
}
