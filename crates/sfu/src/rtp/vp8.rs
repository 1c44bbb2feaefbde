//! Picture ids of VP8 (RFC 7741 section 4.2) across a change of source: a decoder takes a jump for loss.

use str0m::rtp::Vp8Descriptor;

/// The picture ids of one outgoing VP8 stream, and the numbers that go with them.
#[derive(Debug, Default)]
pub(crate) struct PictureIds {
    last: Numbers,
    shift: Numbers,
    entered: bool,
}

/// The numbers of a descriptor: of the picture, of the last one of the base layer, of the last keyframe.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Numbers {
    picture: u16,
    tl0: u8,
    key: u8,
}

impl PictureIds {
    /// The next packet comes from another source.
    pub(crate) fn change_source(&mut self) {
        self.entered = false;
    }

    /// The numbers that a packet goes out with, if they are not those that came. Call it for each packet that is sent.
    pub(crate) fn packet(&mut self, descriptor: &Vp8Descriptor, first_ever: bool) -> Option<Numbers> {
        let came = Numbers::of(descriptor);
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
        self.shift.applied(descriptor)
    }

    /// What is added to the numbers of the current source.
    pub(crate) fn shift(&self) -> Numbers {
        self.shift
    }
}

/// Puts other numbers into a payload (RFC 7741 section 4.2). The fields keep their width.
pub(crate) fn renumber(payload: &mut [u8], numbers: Numbers) {
    const EXTENDED: u8 = 0x80;
    let [first, flags, fields @ ..] = payload else {
        return;
    };
    if *first & EXTENDED == 0 {
        return;
    }
    let mut fields = fields.iter_mut();
    if *flags & 0x80 != 0 {
        match fields.next() {
            Some(high) if *high & 0x80 != 0 => {
                *high = 0x80 | (numbers.picture >> 8) as u8 & 0x7f;
                fields.next().into_iter().for_each(|low| *low = numbers.picture as u8);
            }
            narrow => narrow.into_iter().for_each(|id| *id = numbers.picture as u8 & 0x7f),
        }
    }
    if *flags & 0x40 != 0 {
        fields.next().into_iter().for_each(|index| *index = numbers.tl0);
    }
    if *flags & 0x30 != 0
        && let Some(key) = fields.next()
        && *flags & 0x10 != 0
    {
        *key = *key & 0xe0 | numbers.key & 0x1f;
    }
}

/// Whether a 15-bit picture id is after another (serial number arithmetic, RFC 1982).
fn newer(picture: u16, last: u16) -> bool {
    let ahead = picture.wrapping_sub(last) & 0x7fff;
    ahead != 0 && ahead < 0x4000
}

impl Numbers {
    fn of(descriptor: &Vp8Descriptor) -> Self {
        Self {
            picture: descriptor.picture_id().unwrap_or(0),
            tl0: descriptor.tl0_pic_idx().unwrap_or(0),
            key: descriptor.key_idx().unwrap_or(0),
        }
    }

    /// The numbers of a descriptor with this shift; `None`: they stay.
    pub(crate) fn applied(self, descriptor: &Vp8Descriptor) -> Option<Self> {
        (self != Self::default()).then(|| Self::of(descriptor).plus(self))
    }

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

    /// The descriptor as it goes out.
    fn sent(ids: &mut PictureIds, payload: &[u8], first_ever: bool) -> Vec<u8> {
        let mut payload = payload.to_vec();
        if let Some(numbers) = ids.packet(&Vp8Descriptor::parse(&payload).unwrap(), first_ever) {
            renumber(&mut payload, numbers);
        }
        payload
    }

    #[test]
    fn picture_ids_continue_over_a_change_of_source() {
        let mut ids = PictureIds::default();
        let first = descriptor(0x7ffe, 200, 3);
        assert_eq!(sent(&mut ids, &first, true), first);
        let second = descriptor(0x7fff, 201, 3);
        assert_eq!(sent(&mut ids, &second, false), second);
        ids.change_source();
        assert_eq!(sent(&mut ids, &descriptor(77, 5, 9), false), descriptor(0, 202, 4));
        // A second packet of the same picture has the same numbers.
        assert_eq!(sent(&mut ids, &descriptor(77, 5, 9), false), descriptor(0, 202, 4));
        assert_eq!(sent(&mut ids, &descriptor(78, 6, 9), false), descriptor(1, 203, 4));
    }

    #[test]
    fn a_narrow_picture_id_stays_narrow() {
        let mut ids = PictureIds::default();
        sent(&mut ids, &descriptor(300, 0, 0), true);
        ids.change_source();
        assert_eq!(
            sent(&mut ids, &[0x90, 0x80, 5, 0], false),
            [0x90, 0x80, 301_u16 as u8 & 0x7f, 0]
        );
    }

    #[test]
    fn what_is_truncated_or_has_no_numbers_stays() {
        for payload in [
            &[][..],
            &[0x80],
            &[0x10, 7],
            &[0x80, 0x80],
            &[0x80, 0],
            &[0x80, 0x20, 0xff],
        ] {
            let mut renumbered = payload.to_vec();
            renumber(
                &mut renumbered,
                Numbers {
                    picture: 1,
                    tl0: 2,
                    key: 3,
                },
            );
            assert_eq!(renumbered, payload);
        }
    }
}
