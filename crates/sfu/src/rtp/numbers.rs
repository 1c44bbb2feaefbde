//! The numbers of pictures in the descriptors of VP8 (RFC 7741 section 4.2) and VP9 (RFC 9628 section 4.2) across a change of
//! source: a decoder takes a jump for loss.

use std::slice::IterMut;

/// The picture ids of one outgoing stream, and the numbers that go with them.
#[derive(Debug, Default)]
pub(crate) struct PictureIds {
    last: Numbers,
    shift: Numbers,
    entered: bool,
}

/// The numbers of a descriptor: of the picture, of the last one of the base layer, and of the last keyframe, which only VP8 has.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Numbers {
    pub(super) picture: u16,
    pub(super) tl0: u8,
    pub(super) key: u8,
}

impl PictureIds {
    /// The next packet comes from another source.
    pub(crate) fn change_source(&mut self) {
        self.entered = false;
    }

    /// The numbers that a packet goes out with. Call it for each packet that is sent.
    pub(crate) fn packet(&mut self, came: Numbers, first_ever: bool) -> Numbers {
        if !self.entered {
            self.entered = true;
            self.shift = if first_ever {
                Numbers::default()
            } else {
                self.last.next().minus(came)
            };
            self.last = came.plus(self.shift);
        }
        let goes = came.plus(self.shift);
        if newer(goes.picture, self.last.picture) || first_ever {
            self.last = goes;
        }
        goes
    }

    /// What is added to the numbers of the current source.
    pub(crate) fn shift(&self) -> Numbers {
        self.shift
    }
}

/// Whether a 15-bit picture id is after another (serial number arithmetic, RFC 1982).
fn newer(picture: u16, last: u16) -> bool {
    let ahead = picture.wrapping_sub(last) & 0x7fff;
    ahead != 0 && ahead < 0x4000
}

impl Numbers {
    /// Those of the same picture with another extended id.
    pub(crate) fn with_picture(self, picture: u64) -> Self {
        let picture = picture as u16 & 0x7fff;
        Self { picture, ..self }
    }

    fn next(self) -> Self {
        Self {
            picture: self.picture.wrapping_add(1),
            tl0: self.tl0.wrapping_add(1),
            key: self.key.wrapping_add(1),
        }
    }

    /// The numbers with what is added to them.
    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            picture: self.picture.wrapping_add(other.picture) & 0x7fff,
            tl0: self.tl0.wrapping_add(other.tl0),
            key: self.key.wrapping_add(other.key) & 0x1f,
        }
    }

    fn minus(self, other: Self) -> Self {
        Self {
            picture: self.picture.wrapping_sub(other.picture) & 0x7fff,
            tl0: self.tl0.wrapping_sub(other.tl0),
            key: self.key.wrapping_sub(other.key) & 0x1f,
        }
    }
}

/// Puts another picture id into a descriptor, in the seven or fifteen bits that it has there.
pub(super) fn write_picture(picture: u16, fields: &mut IterMut<'_, u8>) {
    match fields.next() {
        Some(high) if *high & 0x80 != 0 => {
            *high = 0x80 | (picture >> 8) as u8 & 0x7f;
            fields.next().into_iter().for_each(|low| *low = picture as u8);
        }
        narrow => narrow.into_iter().for_each(|id| *id = picture as u8 & 0x7f),
    }
}
