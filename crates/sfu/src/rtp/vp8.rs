//! The payload descriptor of VP8 (RFC 7741 section 4.2).

use super::numbers::{Numbers, write_picture};
use super::place::{Place, SwitchUp};

/// What the descriptor of a packet says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Descriptor {
    picture: Option<u16>,
    /// Whether the picture id has 15 bits, not 7.
    is_wide: bool,
    tl0: Option<u8>,
    key: Option<u8>,
    /// The temporal layer; 0 where it is not said.
    temporal: u8,
    /// Whether the frame depends on the base layer alone.
    is_synced: bool,
    length: usize,
}

impl Descriptor {
    /// That of a payload. `None`: it is cut off, or nothing comes after it.
    pub(crate) fn parse(payload: &[u8]) -> Option<Self> {
        let mut octets = payload.iter().copied();
        let flags = match octets.next()? & 0x80 {
            0 => 0,
            _ => octets.next()?,
        };
        let has = |bits: u8| flags & bits != 0;
        let high = if has(0x80) { Some(octets.next()?) } else { None };
        let is_wide = high.is_some_and(|high| high & 0x80 != 0);
        let picture = match high {
            Some(high) if is_wide => Some(u16::from(high & 0x7f) << 8 | u16::from(octets.next()?)),
            high => high.map(u16::from),
        };
        let tl0 = if has(0x40) { Some(octets.next()?) } else { None };
        let last = if has(0x30) { Some(octets.next()?) } else { None };
        let layer = last.filter(|_| has(0x20));
        let length = payload.len() - octets.len();
        octets.next()?;
        Some(Self {
            picture,
            is_wide,
            tl0,
            key: last.filter(|_| has(0x10)).map(|last| last & 0x1f),
            temporal: layer.map_or(0, |layer| layer >> 6),
            is_synced: layer.is_some_and(|layer| layer & 0x20 != 0),
            length,
        })
    }

    /// The picture id, and in how many bits it comes.
    pub(crate) fn picture(&self) -> Option<(u16, u32)> {
        Some((self.picture?, if self.is_wide { 15 } else { 7 }))
    }

    /// The numbers of its picture, of which this is the extended id.
    pub(crate) fn numbers(&self, picture: Option<u64>) -> Numbers {
        Numbers {
            tl0: self.tl0.unwrap_or_default(),
            key: self.key.unwrap_or_default(),
            ..Numbers::default()
        }
        .with_picture(picture.unwrap_or_default())
    }

    /// Where the packet is among the temporal layers.
    pub(crate) fn place(&self) -> Place {
        Place {
            spatial: 0,
            temporal: self.temporal,
            switch_up: match self.is_synced {
                true => SwitchUp::Here,
                false => SwitchUp::None,
            },
        }
    }
}

/// The height of a picture, from the first packet of its keyframe (RFC 6386 section 9.1).
pub(super) fn keyframe_height(payload: &[u8], descriptor: &Descriptor) -> Option<u32> {
    let [_, _, _, 0x9d, 0x01, 0x2a, _, _, low, high, ..] = payload.get(descriptor.length..)? else {
        return None;
    };
    // The two highest bits say how to scale it.
    Some(u32::from(u16::from_le_bytes([*low, *high]) & 0x3fff))
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
        write_picture(numbers.picture, &mut fields);
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

#[cfg(test)]
mod tests {
    use super::super::numbers::PictureIds;
    use super::super::pictures::Pictures;
    use super::*;

    /// A descriptor with 15-bit picture id, TL0PICIDX and KEYIDX, and one octet of payload.
    fn descriptor(picture: u16, tl0: u8, key: u8) -> [u8; 7] {
        let [high, low] = (picture | 0x8000).to_be_bytes();
        [0x90, 0xf0, high, low, tl0, key, 0]
    }

    /// What goes out for what comes.
    #[derive(Default)]
    struct Stream {
        pictures: Pictures,
        ids: PictureIds,
    }

    impl Stream {
        fn change_source(&mut self) {
            self.pictures = Pictures::default();
            self.ids.change_source();
        }

        /// The descriptor as it goes out.
        fn sent(&mut self, payload: &[u8], first_ever: bool) -> Vec<u8> {
            let mut payload = payload.to_vec();
            let descriptor = Descriptor::parse(&payload).unwrap();
            let picture = descriptor.picture().map(|came| self.pictures.extend(came));
            let numbers = self.ids.packet(descriptor.numbers(picture), first_ever);
            renumber(&mut payload, numbers);
            payload
        }
    }

    #[test]
    fn picture_ids_continue_over_a_change_of_source() {
        let mut ids = Stream::default();
        let first = descriptor(0x7ffe, 200, 3);
        assert_eq!(ids.sent(&first, true), first);
        let second = descriptor(0x7fff, 201, 3);
        assert_eq!(ids.sent(&second, false), second);
        ids.change_source();
        assert_eq!(ids.sent(&descriptor(77, 5, 9), false), descriptor(0, 202, 4));
        // A second packet of the same picture has the same numbers.
        assert_eq!(ids.sent(&descriptor(77, 5, 9), false), descriptor(0, 202, 4));
        assert_eq!(ids.sent(&descriptor(78, 6, 9), false), descriptor(1, 203, 4));
    }

    #[test]
    fn a_keyframe_says_its_height() {
        let picture = [0x10, 0, 0, 0x9d, 0x01, 0x2a, 0x00, 0x05, 0xd0, 0xc2];
        let height = |payload: &[u8]| keyframe_height(payload, &Descriptor::parse(payload)?);
        let with = |descriptor: &[u8]| height(&[descriptor, &picture].concat());
        assert_eq!(with(&[0x10]), Some(720));
        assert_eq!(with(&[0x90, 0x80, 5]), Some(720));
        assert_eq!(with(&[0x90, 0xf0, 0x81, 5, 7, 9]), Some(720));
        assert_eq!(with(&[0x90, 0x80, 0x81]), None);
        for length in 0..picture.len() {
            assert_eq!(height(&[&[0x10], &picture[..length]].concat()), None);
        }
    }

    #[test]
    fn a_narrow_picture_id_stays_narrow() {
        let mut ids = Stream::default();
        ids.sent(&descriptor(300, 0, 0), true);
        ids.change_source();
        assert_eq!(
            ids.sent(&[0x90, 0x80, 5, 0], false),
            [0x90, 0x80, 301_u16 as u8 & 0x7f, 0]
        );
    }

    #[test]
    fn narrow_picture_ids_go_on_after_they_have_wrapped() {
        let mut ids = Stream::default();
        for picture in 0..300_u16 {
            ids.sent(&[0x90, 0x80, (picture & 0x7f) as u8, 0], picture == 0);
        }
        ids.change_source();
        assert_eq!(ids.sent(&descriptor(9, 0, 0), false)[..4], descriptor(300, 0, 0)[..4]);
    }

    #[test]
    fn a_descriptor_names_the_temporal_layer() {
        let place = |payload: &[u8]| Descriptor::parse(payload).unwrap().place();
        let at = |temporal, switch_up| Place {
            spatial: 0,
            temporal,
            switch_up,
        };
        assert_eq!(place(&[0x10, 0]), at(0, SwitchUp::None));
        assert_eq!(place(&[0x90, 0xa0, 5, 0x40, 0]), at(1, SwitchUp::None));
        assert_eq!(place(&[0x90, 0xe0, 0x80, 5, 7, 0xa0, 0]), at(2, SwitchUp::Here));
        // Where only the KEYIDX is there, the layer is not said.
        assert_eq!(place(&[0x90, 0x10, 0xe3, 0]), at(0, SwitchUp::None));
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
