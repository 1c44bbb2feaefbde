//! Picture ids of VP8 (RFC 7741 section 4.2) across a change of source: a decoder takes a jump for loss.

use str0m::rtp::{Vp8Descriptor, Vp8Patch};

/// The picture ids of one outgoing VP8 stream, and the numbers that go with them.
#[derive(Debug, Default)]
pub(crate) struct PictureIds {
    last: Numbers,
    shift: Numbers,
    entered: bool,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Numbers {
    picture: u16,
    tl0: u8,
    key: u8,
}

impl PictureIds {
    /// The next packet comes from another source.
    pub(crate) fn change_source(&mut self) {
        self.entered = false;
    }

    /// What to change in a packet's descriptor, if anything. Call it for each packet that is sent.
    pub(crate) fn packet(&mut self, descriptor: &Vp8Descriptor, first_ever: bool) -> Option<Vp8Patch> {
        let came = Numbers {
            picture: descriptor.picture_id().unwrap_or(0),
            tl0: descriptor.tl0_pic_idx().unwrap_or(0),
            key: descriptor.key_idx().unwrap_or(0),
        };
        if !self.entered {
            self.entered = true;
            self.shift = if first_ever {
                Numbers::default()
            } else {
                self.last.next().minus(came)
            };
        }
        let goes = came.plus(self.shift);
        if newer(goes.picture, self.last.picture) || first_ever {
            self.last = goes;
        }
        if self.shift == Numbers::default() {
            return None;
        }
        patch(descriptor, goes)
    }
}

/// The height of a picture, from the first packet of its keyframe (RFC 6386 section 9.1).
pub(super) fn keyframe_height(payload: &[u8]) -> Option<u32> {
    let frame = payload.get(descriptor_length(payload)?..)?;
    let [_, _, _, 0x9d, 0x01, 0x2a, _, _, low, high, ..] = frame else {
        return None;
    };
    // The two highest bits say how to scale it.
    Some(u32::from(u16::from_le_bytes([*low, *high]) & 0x3fff))
}

/// The length of a payload descriptor (RFC 7741 section 4.2).
fn descriptor_length(payload: &[u8]) -> Option<usize> {
    if payload.first()? & 0x80 == 0 {
        return Some(1);
    }
    let extension = payload.get(1)?;
    let picture = match extension & 0x80 {
        0 => 0,
        _ => 1 + usize::from(payload.get(2)? >> 7),
    };
    let has = |bits: u8| usize::from(extension & bits != 0);
    Some(2 + picture + has(0x40) + has(0x30))
}

fn patch(descriptor: &Vp8Descriptor, goes: Numbers) -> Option<Vp8Patch> {
    let build = |wide: bool| {
        let mut patch = descriptor.patch();
        if descriptor.picture_id().is_some() {
            patch = patch.picture_id(if wide {
                goes.picture & 0x7fff
            } else {
                goes.picture & 0x7f
            });
        }
        if descriptor.tl0_pic_idx().is_some() {
            patch = patch.tl0_pic_idx(goes.tl0);
        }
        if descriptor.key_idx().is_some() {
            patch = patch.key_idx(goes.key & 0x1f);
        }
        patch.build().ok()
    };
    // Only str0m knows the width of the id in this descriptor; a wide one does not fit into a narrow one.
    build(true).or_else(|| build(false))
}

/// Whether a 15-bit picture id is after another (serial number arithmetic, RFC 1982).
fn newer(picture: u16, last: u16) -> bool {
    let ahead = picture.wrapping_sub(last) & 0x7fff;
    ahead != 0 && ahead < 0x4000
}

impl Numbers {
    fn next(self) -> Self {
        Self {
            picture: self.picture.wrapping_add(1),
            tl0: self.tl0.wrapping_add(1),
            key: self.key.wrapping_add(1),
        }
    }

    fn plus(self, other: Self) -> Self {
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A descriptor with 15-bit picture id, TL0PICIDX and KEYIDX, and one octet of payload.
    fn descriptor(picture: u16, tl0: u8, key: u8) -> [u8; 7] {
        let [high, low] = (picture | 0x8000).to_be_bytes();
        [0x90, 0xf0, high, low, tl0, key, 0]
    }

    #[test]
    fn picture_ids_continue_over_a_change_of_source() {
        let mut ids = PictureIds::default();
        let parse = |bytes: &[u8]| Vp8Descriptor::parse(bytes).unwrap();
        let first = descriptor(0x7ffe, 200, 3);
        assert_eq!(ids.packet(&parse(&first), true), None);
        let second = descriptor(0x7fff, 201, 3);
        assert_eq!(ids.packet(&parse(&second), false), None);
        ids.change_source();
        let other = descriptor(77, 5, 9);
        let expected = parse(&other)
            .patch()
            .picture_id(0)
            .tl0_pic_idx(202)
            .key_idx(4)
            .build()
            .unwrap();
        assert_eq!(ids.packet(&parse(&other), false), Some(expected));
        // A second packet of the same picture has the same numbers.
        assert_eq!(ids.packet(&parse(&other), false), Some(expected));
        let next = descriptor(78, 6, 9);
        let expected = parse(&next)
            .patch()
            .picture_id(1)
            .tl0_pic_idx(203)
            .key_idx(4)
            .build()
            .unwrap();
        assert_eq!(ids.packet(&parse(&next), false), Some(expected));
    }

    #[test]
    fn a_keyframe_says_its_height() {
        let picture = [0x10, 0, 0, 0x9d, 0x01, 0x2a, 0x00, 0x05, 0xd0, 0xc2];
        let with = |descriptor: &[u8]| keyframe_height(&[descriptor, &picture].concat());
        assert_eq!(with(&[0x10]), Some(720));
        assert_eq!(with(&[0x90, 0x80, 5]), Some(720));
        assert_eq!(with(&[0x90, 0xf0, 0x81, 5, 7, 9]), Some(720));
        assert_eq!(with(&[0x90, 0x80, 0x81]), None);
        for length in 0..picture.len() {
            assert_eq!(keyframe_height(&[&[0x10], &picture[..length]].concat()), None);
        }
    }

    #[test]
    fn a_narrow_picture_id_stays_narrow() {
        let mut ids = PictureIds::default();
        ids.packet(&Vp8Descriptor::parse(&descriptor(300, 0, 0)).unwrap(), true);
        ids.change_source();
        let narrow = [0x90, 0x80, 5, 0];
        let parsed = Vp8Descriptor::parse(&narrow).unwrap();
        let expected = parsed.patch().picture_id(301 & 0x7f).build().unwrap();
        assert_eq!(ids.packet(&parsed, false), Some(expected));
    }
}
