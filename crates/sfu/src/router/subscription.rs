//! One track on its way to one far end. To a peer it is renumbered, so that a change of track is seamless.

use str0m::media::Mid;

use super::outgoing_stream::OutgoingStream;
use super::selection::{EncodingIndex, Selection, Take};
use super::tap::Tap;
use super::thinning::Limit;
use crate::ids::{PeerKey, TrackKey};
use crate::peer::OutletKey;

/// Where a subscription ends. Whatever receives media does so through one of these.
#[derive(Debug)]
pub(crate) enum FarEnd {
    /// An m-line of a peer. Apart, since the table of subscriptions makes room for twice as many when it is full.
    Peer(Box<PeerLine>),
    /// A recording.
    Tap(Tap),
}

/// An m-line of a peer as a far end.
#[derive(Debug)]
pub(crate) struct PeerLine {
    /// The peer.
    pub(crate) peer: PeerKey,
    /// Its m-line.
    pub(crate) mid: Mid,
    /// By which stream of the peer it goes out, once known.
    pub(crate) outlet: Option<OutletKey>,
    /// Its numbers.
    pub(crate) stream: OutgoingStream,
}

impl PeerLine {
    /// An m-line on which nothing is sent yet.
    pub(super) fn new(peer: PeerKey, mid: Mid) -> Self {
        Self {
            peer,
            mid,
            outlet: None,
            stream: OutgoingStream::default(),
        }
    }
}

/// See the module.
pub(crate) struct Subscription {
    far_end: FarEnd,
    assigned: Option<TrackKey>,
    /// Whether the far end takes media: for a peer, what is negotiated.
    is_open: bool,
    /// Which encoding of the track is sent.
    selection: Selection,
    /// Whether it is paused, since the line of the far end is too narrow.
    is_paused: bool,
}

impl Subscription {
    pub(super) fn new(far_end: FarEnd) -> Self {
        Self {
            far_end,
            assigned: None,
            is_open: false,
            selection: Selection::default(),
            is_paused: false,
        }
    }

    /// Which encoding of the track is sent.
    pub(super) fn selection(&self) -> &Selection {
        &self.selection
    }

    /// As [`Self::selection`], for what is wanted. What is sent follows by [`Self::take`].
    pub(super) fn selection_mut(&mut self) -> &mut Selection {
        &mut self.selection
    }

    /// No more of a stream is sent from now on. A recording is not limited.
    pub(super) fn limit(&mut self, limit: Limit) {
        if let FarEnd::Peer(line) = &mut self.far_end {
            line.stream.limit(limit);
        }
    }

    /// Takes a packet of an encoding.
    pub(super) fn take(&mut self, encoding: EncodingIndex, is_keyframe: bool) -> Take {
        let take = self.selection.take(encoding, is_keyframe);
        if take == Take::Switch {
            match &mut self.far_end {
                FarEnd::Peer(line) => line.stream.change_encoding(),
                FarEnd::Tap(tap) => tap.restart(),
            }
        }
        take
    }

    /// The track that belongs there, sent already or not.
    pub(super) fn assigned(&self) -> Option<TrackKey> {
        self.assigned
    }

    /// The track that is sent there.
    pub(super) fn forwarded(&self) -> Option<TrackKey> {
        self.assigned.filter(|_| self.is_open && !self.is_paused)
    }

    pub(super) fn assign(&mut self, track: Option<TrackKey>) {
        self.assigned = track;
    }

    pub(super) fn set_open(&mut self, is_open: bool) {
        self.is_open = is_open;
    }

    /// Whether its track would be sent but for the line.
    pub(super) fn is_wanted(&self) -> bool {
        self.is_open
    }

    pub(super) fn set_paused(&mut self, is_paused: bool) {
        self.is_paused = is_paused;
    }

    /// Begins again at the next keyframe.
    pub(super) fn restart(&mut self) {
        self.selection.restart();
        match &mut self.far_end {
            FarEnd::Peer(line) => line.stream.restart(),
            FarEnd::Tap(tap) => tap.restart(),
        }
    }

    /// Where it ends.
    pub(super) fn far_end(&mut self) -> &mut FarEnd {
        &mut self.far_end
    }

    /// Where it ended.
    pub(super) fn into_far_end(self) -> FarEnd {
        self.far_end
    }
}
