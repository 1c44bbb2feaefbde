//! Which encoding of a track one subscription is sent. An encoding begins with a keyframe, and until then the one before goes
//! on.

/// The place of an encoding among those that its track is offered in.
pub(super) type EncodingIndex = usize;

/// The place of a size of the picture among those of a track: the encoding, where there are several (simulcast), else the
/// spatial layer (SVC).
pub(super) type Size = usize;

/// What can be sent of a video by itself: a size of its picture, at a frame rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Layer {
    /// This size, and in one stream those below it.
    pub(super) spatial: Size,
    /// This temporal layer and those below it.
    pub(super) temporal: u8,
}

impl Layer {
    /// All frames.
    pub(super) const ALL: u8 = u8::MAX;
}

/// The most of a video that a subscription is sent, as the bandwidth of its far end has it.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum Allowance {
    /// What fills the tile.
    #[default]
    Unlimited,
    /// This layer, or one with a smaller picture.
    UpTo(Layer),
}

/// See the module.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Selection {
    /// The height in pixels at which the video is shown; `None`: as large as it comes.
    pub(super) tile: Option<u32>,
    pub(super) allowance: Allowance,
    wanted: Option<EncodingIndex>,
    sent: Option<EncodingIndex>,
}

/// What a subscription does with a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Take {
    /// It is of the encoding that is sent.
    Send,
    /// It is sent, and begins another encoding than the one before.
    Switch,
    /// It is of the encoding that is wanted, which begins at a keyframe.
    NeedsKeyframe,
    /// It is of no concern.
    Skip,
}

impl Selection {
    /// The encoding that is wanted.
    pub(super) fn wanted(&self) -> Option<EncodingIndex> {
        self.wanted
    }

    /// The encoding that is sent.
    pub(super) fn sent(&self) -> Option<EncodingIndex> {
        self.sent
    }

    /// Takes which encoding is wanted from now on. Gives whether a keyframe is needed for it.
    pub(super) fn aim(&mut self, wanted: Option<EncodingIndex>) -> bool {
        let has_changed = self.wanted != wanted;
        self.wanted = wanted;
        has_changed && wanted.is_some() && wanted != self.sent
    }

    /// Nothing is sent before something begins anew.
    pub(super) fn restart(&mut self) {
        self.sent = None;
    }

    /// Takes a packet. What begins a stream is sent, whether it is a keyframe or not: the stream knows what it can begin with.
    pub(super) fn take(&mut self, encoding: EncodingIndex, is_keyframe: bool) -> Take {
        if self.sent == Some(encoding) {
            return Take::Send;
        }
        if self.wanted != Some(encoding) {
            return Take::Skip;
        }
        match self.sent {
            Some(_) if !is_keyframe => Take::NeedsKeyframe,
            Some(_) => {
                self.sent = Some(encoding);
                Take::Switch
            }
            None => {
                self.sent = Some(encoding);
                Take::Send
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_encoding_before_goes_on_until_the_keyframe_of_the_next() {
        let mut selection = Selection::default();
        assert_eq!(selection.take(0, true), Take::Skip, "nothing is wanted");
        assert!(selection.aim(Some(0)));
        assert_eq!(selection.take(1, true), Take::Skip);
        assert_eq!(selection.take(0, false), Take::Send);
        assert!(!selection.aim(Some(0)));
        assert!(selection.aim(Some(2)));
        assert_eq!(
            [2, 0, 1].map(|layer| selection.take(layer, false)),
            [Take::NeedsKeyframe, Take::Send, Take::Skip]
        );
        assert_eq!(
            [2, 0, 2].map(|layer| selection.take(layer, true)),
            [Take::Switch, Take::Skip, Take::Send]
        );
        // Back before it began: nothing is needed.
        assert!(selection.aim(Some(1)) && !selection.aim(Some(2)));
    }
}
